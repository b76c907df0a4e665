"""The render room: suffixes, refusals, titles, determinism, and that nothing is altered."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.motion import Motion
from kinescale.render import FAMILY, output_for, render
from kinescale.render.base.suffix import suffixes
from plain_read import at_most

ALL = (".gif", ".html", ".mp4", ".png")


def test_every_output_is_known_by_its_suffix_and_can_encode() -> None:
    assert FAMILY.names() == ("gif", "html", "mp4", "png")
    assert {name: [s for s, n in suffixes().items() if n == name] for name in FAMILY.names()} == {
        "gif": [".gif"],
        "html": [".html", ".htm"],
        "mp4": [".mp4"],
        "png": [".png"],
    }
    for suffix, name in suffixes().items():
        assert suffix in FAMILY.get(name, "SUFFIXES")
        assert callable(FAMILY.get(name, "encode"))
        assert output_for(Path(f"x{suffix.upper()}")) == name


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("x.bvh", r"\.gif, \.htm, \.html, \.mp4, \.png"),
        ("x", "no suffix"),
        ("x.webm", r"webm is not offered; name an \.mp4"),
    ],
)
def test_other_suffixes_are_refused_with_what_exists(walk: Motion, tmp_path: Path, path: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        render(walk, tmp_path / path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ALL)
def test_equal_motions_give_equal_bytes_and_stay_as_they_were(walk: Motion, tmp_path: Path, suffix: str) -> None:
    walk = walk.slice(0, 15)
    root, rotations = walk.root.clone(), walk.rotations.clone()
    first = render([walk], tmp_path / f"a{suffix}").read_bytes()
    second = render([walk.to(torch.float64)], tmp_path / f"b{suffix}").read_bytes()
    assert first == second and len(first) > 1000
    assert torch.equal(walk.root, root) and torch.equal(walk.rotations, rotations)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]


@pytest.mark.parametrize("suffix", ALL)
def test_odd_skeletons_and_shortest_motions_are_drawn(
    odd_motions: dict[str, Motion], tmp_path: Path, suffix: str
) -> None:
    for name, motion in odd_motions.items():
        assert render(motion, tmp_path / f"x{suffix}").stat().st_size > 500, name


TITLES = [
    "",
    "$\\frac{1}$ 100% _x^2",
    "a\nb\x00\x1b[31m\tc \ud800",
    "走る 🏃 يمشي",
    "word " * 5000,
    "x" * 5000,
]


@pytest.mark.parametrize("suffix", ALL)
def test_any_title_is_drawn(odd_motions: dict[str, Motion], tmp_path: Path, suffix: str) -> None:
    motions = [odd_motions["one joint, one frame"]] * len(TITLES)
    assert render(motions, tmp_path / f"x{suffix}", titles=TITLES).stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "limit"), [(".png", 1_000_000), (".gif", 5_000_000), (".html", 3_000_000)])
def test_ten_thousand_frames_take_bounded_time_and_room(
    long_walk: Motion, tmp_path: Path, suffix: str, limit: int
) -> None:
    with at_most(600):
        assert render(long_walk, tmp_path / f"x{suffix}").stat().st_size < limit


def test_numbers_out_of_range_are_refused_before_anything_is_written(walk: Motion, tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    with pytest.raises(InputError, match="0 motions"):
        render([], out)
    with pytest.raises(InputError, match="17 motions"):
        render([walk] * 17, out)
    with pytest.raises(InputError, match="2 titles for 1"):
        render([walk], out, titles=["a", "b"])
    for poses in (0, -1, 10_000):
        with pytest.raises(InputError, match="poses"):
            render(walk, out, poses=poses)
    for fps in (0.0, float("nan"), 1000.0):
        with pytest.raises(InputError, match="frames per second"):
            render(walk, out, fps=fps)
    with pytest.raises(InputError, match="farther than"):
        render(walk.replace(root=walk.root * 1e9), out)
    with pytest.raises(InputError, match="folder"):
        render(walk, tmp_path / "nowhere" / "x.png")
    assert not list(tmp_path.iterdir())
