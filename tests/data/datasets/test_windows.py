"""Long takes in windows: nothing is lost, all of a take is in one split, every window has captions of its own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from kinescale.core.errors import InputError
from kinescale.data.prepare import Settings, prepare
from kinescale.data.prepare.windows import windows
from kinescale.data.prepared import open_prepared
from kinescale.formats import write_motion
from kinescale.motion import Motion
from made_bodies import made, walking


def walk(seconds: float, speed: float = 1.0) -> Motion:
    return made(walking(speed, seconds=seconds))


@settings(max_examples=25)
@given(frames=st.integers(1, 400), longest=st.integers(16, 120))
def test_windows_cover_a_take_and_overlap_by_half(frames: int, longest: int):
    whole = walk(14.0)
    take = whole.slice(0, min(frames, len(whole)))
    found = list(windows(take, longest))
    assert found[0].start == 0 and found[-1].stop == len(take)
    if len(take) <= longest:
        assert len(found) == 1 and found[0].whole and found[0].motion is take
        return
    (length,) = {len(window.motion) for window in found}
    assert longest / 2 < length <= longest
    assert all(window.stop - window.start == length for window in found)
    assert all(abs(b.start - a.start - length / 2) <= 1 for a, b in pairwise(found))
    assert len({window.name("c/take") for window in found}) == len(found)


def test_a_window_is_the_take_moved_along_the_floor_and_turned():
    take = walk(12.0)
    for window in windows(take, 100):
        part = take.slice(window.start, window.stop).positions()
        seen = window.motion.positions()
        torch.testing.assert_close(seen[..., 1], part[..., 1], atol=1e-5, rtol=0)
        torch.testing.assert_close(seen[0, 0, [0, 2]], torch.zeros(2, dtype=seen.dtype), atol=1e-5, rtol=0)
        ways = [(p[1:, 0] - p[:-1, 0])[:, [0, 2]].norm(dim=-1) for p in (seen, part)]
        torch.testing.assert_close(ways[0], ways[1], atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Three CMU takes of one second, nine and twenty, as BVH."""
    folder = tmp_path_factory.mktemp("cmu")
    (folder / "other-bvh").mkdir()
    for take, seconds in (("83_37", 1.0), ("02_98", 9.0), ("02_99", 20.0)):
        motion = walk(seconds).replace(fps=60.0)
        write_motion(motion, folder / "other-bvh" / f"{take}.bvh")
    (folder / "cmu-mocap-index.csv").write_text('02_99,"walk, veer left"\n02_98,walk\n83_37,walk\n')
    return folder


def test_windows_of_a_take_share_its_split_and_tell_what_is_theirs(source, tmp_path):
    chosen = Settings(captions_per_clip=9, amounts=1 / 3, window_frames=64)
    prepare("cmu", source, tmp_path, settings=chosen, workers=1)
    clips = open_prepared(tmp_path).clips
    by_take: dict[str, list] = {}
    for clip in clips:
        by_take.setdefault(clip.take, []).append(clip)
    assert set(by_take) == {"cmu/83_37", "cmu/02_98", "cmu/02_99"}
    for take, found in by_take.items():
        assert len({(clip.split, clip.held_by) for clip in found}) == 1
        assert all(clip.frames <= 64 and clip.id.split("@")[0] == take for clip in found)
        assert all(len(clip.captions) == len(clip.captions_mirrored) > clip.amounts > 0 for clip in found)
    assert by_take["cmu/83_37"][0].split == "test" and by_take["cmu/83_37"][0].held_by == "actor"
    assert by_take["cmu/02_99"][0].split == "train" and by_take["cmu/02_99"][0].held_by == ""
    assert len(by_take["cmu/02_99"]) > len(by_take["cmu/02_98"]) > 1
    listed = [text for clip in by_take["cmu/02_99"] for text in clip.captions[: -clip.amounts]]
    assert any(" or " in text for text in listed) and not any("walks and veers" in text for text in listed)


def test_a_whole_folder_can_be_put_into_one_split(source, tmp_path):
    prepare("cmu", source, tmp_path, settings=Settings.of("cmu", split="test"), workers=1)
    assert {(clip.split, clip.held_by) for clip in open_prepared(tmp_path).clips} <= {
        ("test", "actor"),
        ("test", "take"),
    }


@pytest.mark.slow  # two processes that load torch; test_prepare.py compares them for another corpus
def test_captions_differ_between_settings_only_where_they_should(source, tmp_path):
    prepare("cmu", source, tmp_path / "a", settings=Settings.of("cmu"), workers=1)
    prepare("cmu", source, tmp_path / "b", settings=Settings.of("cmu"), workers=2)
    one, other = (open_prepared(tmp_path / name).clips for name in "ab")
    assert one == other


@pytest.mark.parametrize("options", [["--split", "held"], ["--window", "3"], ["--window", "-1"], ["--captions", "0"]])
def test_bad_settings_are_refused_with_what_was_expected(source, tmp_path, options):
    from kinescale.cli import prepare as command

    with pytest.raises(InputError, match="expected"):
        command.run(["cmu", str(source), "--out", str(tmp_path), *options])
