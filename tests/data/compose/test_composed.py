"""Laws of a composed corpus: what its captions say is measured on the clips; seeds, workers, parts, licenses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compose_sources import OPEN, SHARED, made_sources
from kinescale.cli.main import main
from kinescale.core.errors import DataError, InputError
from kinescale.data.compose import ComposeReport, Settings, compose, corpus
from kinescale.data.compose.captions import Statement, holds, label_phrases
from kinescale.data.compose.kinds import KINDS
from kinescale.data.datasets.base import union
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.description import describe
from kinescale.motion import mirror
from kinescale.training.run import licenses_of

CLIPS = 36
NUMBERS = {"once": 1, "one": 1, "twice": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
COUNTED = {"jump": "jump", "kick": "kick", "wav": "wave", "knee": "knee_lift", "bend": "bend"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory):
    return made_sources(tmp_path_factory.mktemp("sources"), splits=("train", "val"))


@pytest.fixture(scope="module")
def composed(sources, tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, ComposeReport]:
    out = tmp_path_factory.mktemp("out")
    report = compose([sources], out, settings=Settings(clips=CLIPS, seed=3), workers=1)
    return open_prepared(report.folder), report


def told(prepared: Prepared, *, mirrored: bool):
    for index, clip in enumerate(prepared.clips):
        motion = prepared.motion(index)
        found = describe(mirror(motion) if mirrored else motion)
        yield clip, found, clip.captions_mirrored if mirrored else clip.captions


def sources_in(folder: Path) -> list[list[str]]:
    """The source clips that each row of a corpus names."""
    parquet = pytest.importorskip("pyarrow.parquet")
    found = [parquet.read_table(file)["sources"].to_pylist() for file in sorted(folder.rglob("*.parquet"))]
    assert found
    return [names for part in found for names in part]


def test_most_clips_can_be_made_and_each_is_whole(composed):
    prepared, report = composed
    assert len(prepared.clips) == report.written >= 0.6 * CLIPS
    assert sum(report.by_kind.values()) == report.written and len(report.by_kind) >= 5
    for clip in prepared.clips:
        assert 20 <= clip.frames <= 255
        assert clip.split == "train" and clip.corpus == "composed" and not clip.steady
        assert 4 <= len(clip.captions) <= 12 and len(set(clip.captions)) == len(clip.captions)


@pytest.mark.parametrize("mirrored", [False, True])
def test_degrees_and_sides_of_turns_are_those_measured(composed, mirrored):
    seen = 0
    for clip, found, captions in told(composed[0], mirrored=mirrored):
        if clip.action.split()[0] != "turn":
            continue
        turned = found.of("turn", "circle")
        for text in captions:
            side = re.search(r"\b(left|right)\b", text)
            degrees = re.search(r"\b(\d+) degree", text)
            assert side is None or {side.group(1)} == {event.side for event in turned}, text
            if degrees is not None:
                assert sum(e.angle_deg for e in turned) == pytest.approx(float(degrees.group(1)), abs=25), text
                seen += 1
    assert seen


@pytest.mark.parametrize("mirrored", [False, True])
def test_counts_are_those_measured(composed, mirrored):
    seen = 0
    for clip, found, captions in told(composed[0], mirrored=mirrored):
        if clip.action.split()[0] != "repeat":
            continue
        for text in captions:
            said = re.search(r"\b(once|twice|(\w+) times|(\d+) times)\b", text)
            word = next((word for word in COUNTED if word in text), None)
            if said is None or word is None or "several" in text or "few" in text:
                continue
            number = said.group(2) or said.group(1)
            count = NUMBERS[number] if number in NUMBERS else int(number)
            assert sum(event.count or 1 for event in found.of(COUNTED[word])) == count, text
            seen += 1
    assert seen


@pytest.mark.parametrize("mirrored", [False, True])
def test_distances_are_those_measured(composed, mirrored):
    seen = 0
    for clip, found, captions in told(composed[0], mirrored=mirrored):
        if clip.action.split()[0] != "distance":
            continue
        for text in captions:
            said = re.search(r"\b(\d+(?:\.\d+)?) m(?:etres?)?\b", text)
            if said is not None:
                assert found.path.distance_m == pytest.approx(float(said.group(1)), rel=0.25), text
                seen += 1
    assert seen


def test_feet_stand_and_stay_over_the_floor(composed):
    prepared, _ = composed
    for index in range(len(prepared.clips)):
        at = prepared.motion(index).positions()
        assert float(at[..., 1].min()) > -0.06


def test_a_clip_depends_on_seed_and_number_alone(sources, composed, tmp_path):
    first = {clip.id: clip.motion_sha256 for clip in composed[0].clips}
    fewer = compose([sources], tmp_path / "fewer", settings=Settings(clips=5, seed=3), workers=1)
    again = {clip.id: clip.motion_sha256 for clip in open_prepared(fewer.folder).clips}
    assert again and all(first[name] == value for name, value in again.items())
    other = compose([sources], tmp_path / "other", settings=Settings(clips=3, seed=4), workers=1)
    assert not {c.motion_sha256 for c in open_prepared(other.folder).clips} & set(first.values())


def test_parts_that_are_done_are_kept(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "PART_CLIPS", 2)
    settings = Settings(clips=4, seed=5)
    one = compose([sources], tmp_path / "one", settings=settings, workers=1)
    again = compose([sources], tmp_path / "one", settings=settings, workers=1)
    assert again.reused_parts == 2 and again.written == one.written


@pytest.mark.slow  # two processes that load torch; tests/data/datasets/test_prepare.py compares them for a corpus
def test_workers_change_nothing(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "PART_CLIPS", 3)
    settings = Settings(clips=6, seed=5)
    one, two = (compose([sources], tmp_path / str(n), settings=settings, workers=n) for n in (1, 2))
    assert open_prepared(one.folder).manifest_hash == open_prepared(two.folder).manifest_hash
    assert one.discarded == two.discarded


def test_licenses_add_up_and_rows_name_their_sources(sources, tmp_path):
    other = made_sources(tmp_path / "more", name="shared", license=SHARED)
    report = compose([sources, other], tmp_path / "out", settings=Settings(clips=10, seed=1), workers=1)
    prepared = open_prepared(report.folder)
    (license,) = prepared.licenses
    assert license == union([OPEN, SHARED]) == union([license, SHARED, license])
    assert license.name == "CC0 AND CC BY-SA" and license.share_alike and not license.commercial_use
    assert {clip.license for clip in prepared.clips} == {license.name}
    known = {clip.id for one in (sources, other) for clip in open_prepared(one).clips if clip.split == "train"}
    for names in sources_in(report.folder):
        assert names and set(names) <= known


def test_validation_clips_are_made_of_validation_clips(sources, tmp_path):
    compose([sources], tmp_path, settings=Settings(clips=2, seed=1), workers=1)
    both = compose([sources], tmp_path, settings=Settings(clips=4, seed=1, split="val"), workers=1).folder.parent
    assert [terms.source for terms in licenses_of(open_prepared(both))] == ["composed"]
    report = compose([sources], tmp_path / "alone", settings=Settings(clips=4, seed=1, split="val"), workers=1)
    prepared = open_prepared(report.folder)
    assert {clip.split for clip in prepared.clips} == {"val"}
    assert all("/val-" in name for names in sources_in(report.folder) for name in names)


def test_what_cannot_be_composed_is_said(sources, tmp_path):
    with pytest.raises(DataError, match="no clip of split 'test'"):
        compose([sources], tmp_path, settings=Settings(clips=4, split="test"), workers=1)
    with pytest.raises(InputError, match="'dance' is no kind"):
        compose([sources], tmp_path, settings=Settings(clips=4, kinds=("dance",)), workers=1)
    with pytest.raises(InputError, match="no prepared folder"):
        compose([], tmp_path, settings=Settings(clips=4), workers=1)


def test_the_command_composes(sources, tmp_path, capsys):
    assert main(["prepare", "--compose", str(sources), "--out", str(tmp_path), "--clips", "3", "--workers", "1"]) == 0
    assert "by kind" in capsys.readouterr().out
    assert main(["prepare", "--compose", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_shares_of_the_kinds_add_up():
    assert sum(share for share, _ in KINDS.values()) == pytest.approx(1.0)


def test_a_statement_of_the_mirror_image_holds_there(composed):
    prepared, _ = composed
    for index in range(0, len(prepared.clips), 5):
        found = describe(prepared.motion(index))
        for event in found.events:
            if event.side in ("left", "right"):
                stated = Statement(kind=event.kind, side=event.side, span=(0.0, found.seconds))
                assert holds(stated, found) and holds(stated.mirrored(), found.mirrored())


@pytest.mark.parametrize(
    ("captions", "phrases"),
    [
        (("a person carries a box",), ("*carry a box",)),
        (("someone punches the air", "a man is running"), ("*punch the air",)),
        (("a person walks forward and waves",), ()),
        (("a figure takes three steps",), ()),
        (("a man swings his arms",), ("*swing ~their arms",)),
    ],
)
def test_captions_that_say_one_thing_give_a_phrase(captions, phrases):
    assert label_phrases("some act", captions) == ("some act", phrases, False)
