"""A made-up labeled corpus: one file offers its clips and their captions, and is prepared without another edit."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from dropped_variants import dropped
from kinescale.data import datasets
from kinescale.data.prepare import Settings, prepare
from kinescale.data.prepared import open_prepared
from kinescale.formats import write_motion
from motion_strategies import walk

MADE_UP = '''"""made_up: hand-labeled walks in BVH files called ACTION-NUMBER."""

from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.captions import captions_of_phrases
from kinescale.description.claims import travels
from kinescale.formats import read_motion

LICENSE = License(name="made up", url="https://example.org/", attribution="Nobody.", commercial_use=True)
PHRASES = {"stroll-left": ("*stroll along, drifting left", "*amble to the left")}


def find(folder):
    files = sorted(folder.glob("*.bvh"))
    clips = [RawClip(id=f"made_up/{f.stem}", corpus="made_up", files=(f,), action=f.stem[:-2]) for f in files]
    return need(clips, folder, "BVH files")


def load(clip):
    return read_motion(clip.files[0])


def captions(clip, count, *, part=False):
    return captions_of_phrases(PHRASES[clip.action], True, clip.take, count)


def claims(action, take):
    return (travels("forward left"),)
'''


def test_a_made_up_labeled_corpus_is_prepared(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(2):
        write_motion(walk(seconds=2 + number), raw / f"stroll-left-{number}.bvh")
    with dropped("kinescale.data.datasets", tmp_path / "datasets", {"made_up": MADE_UP}):
        assert datasets.is_labeled("made_up") and "made_up" in datasets.FAMILY.names()
        settings = Settings.of("made_up", captions_per_clip=6)
        assert settings.amounts > 0 and settings.window_frames > 0
        report = prepare("made_up", raw, tmp_path / "out", settings=settings, workers=1)
        claims = datasets.label_claims("made_up", "stroll-left", "stroll-left-0")
    assert report.written == 2 and report.skipped == ()
    data = open_prepared(tmp_path / "out")
    for clip in data.clips:
        said, mirrored = clip.captions[: -clip.amounts], clip.captions_mirrored[: -clip.amounts]
        assert all("left" in text for text in said) and all("right" in text for text in mirrored)
        assert clip.corpus == "made_up" and clip.steady and clip.amounts > 0 and said
    assert [claim.direction for claim in claims] == ["forward left"]
    assert data.licenses[0].name == "made up"
    assert "made_up" not in datasets.FAMILY.names() and datasets.label_claims("made_up", "stroll-left", "x") == ()
