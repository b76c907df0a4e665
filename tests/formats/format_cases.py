"""Motions on made skeletons, damage to files, and members of the corpora, for the tests of formats."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import strategies as st

from kinescale.core.errors import FormatError
from kinescale.motion import Motion
from kinescale.skeletons import EndSite, Skeleton
from plain_read import at_most

SLOW = 20


@st.composite
def motions(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> Motion:
    """Any tree of 1 to 9 joints with end sites, 1 to 5 frames, any rotations, gimbal lock among them."""
    count = draw(st.integers(1, 9))
    parents = (-1, *(draw(st.integers(0, joint - 1)) for joint in range(1, count)))
    names = draw(st.permutations([f"{stem}{joint}" for joint in range(count) for stem in ("bone_", "ü")]))[:count]
    seed = draw(st.integers(0, 2**32))
    rng = torch.Generator().manual_seed(seed)
    offsets = torch.randn(count, 3, generator=rng, dtype=torch.float64) * 0.3
    offsets[0] = 0.0
    leaves = [joint for joint in range(count) if joint not in parents]
    ends = tuple(EndSite(joint, (0.0, 0.01 * joint, 0.1)) for joint in leaves if draw(st.booleans()))
    frames = draw(st.integers(1, 5))
    rotations = torch.randn(frames, count, 4, generator=rng, dtype=torch.float64)
    if draw(st.booleans()):
        # A quarter turn about Y is the pole of Z-Y-X angles.
        rotations[:, 0] = torch.tensor([0.0, 0.5**0.5, 0.0, 0.5**0.5], dtype=torch.float64)
    rotations = rotations / rotations.norm(dim=-1, keepdim=True)
    root = torch.randn(frames, 3, generator=rng, dtype=torch.float64) * draw(st.sampled_from([0.0, 1.0, 50.0]))
    fps = draw(st.one_of(st.integers(1, 1000).map(float), st.floats(0.5, 1000.0)))
    skeleton = Skeleton("made", tuple(names), parents, offsets.numpy(), ends=ends)
    return Motion(skeleton, fps, root.to(dtype), rotations.to(dtype), {"seed": seed, "license": "CC BY 4.0"})


def damaged(good: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Truncations, flipped bits, junk and doubled pieces of a good file."""
    rng = random.Random(seed)
    for turn in range(count):
        data = bytearray(good)
        at = rng.randrange(len(data))
        kind = turn % 6
        if kind == 0:
            del data[at:]
        elif kind == 1:
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at : at + rng.randint(1, 20)] = rng.randbytes(rng.randint(0, 20))
        elif kind == 3:
            data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 200)]
        elif kind == 4:
            del data[at : at + rng.randint(1, 60)]
        else:
            words = [
                b"nan",
                b"1e400",
                b"-1",
                b"{",
                b"}",
                b"JOINT x",
                b"999999999999",
                b"\x00",
                b"begin",
                b"\n\n",
            ]
            data[at : at + 2] = b" " + rng.choice(words) + b" "
        yield bytes(data)
    yield rng.randbytes(4000)
    yield b""


def survives(read: Callable[[Path], Motion], path: Path, files: Iterator[bytes]) -> tuple[int, int]:
    """How many files were read, and how many refused; other than a sound motion or FormatError fails."""
    read_count = refused = 0
    for data in files:
        path.write_bytes(data)
        with at_most(SLOW):
            try:
                motion = read(path)
            except FormatError as error:
                assert str(path.parent) in str(error)
                refused += 1
            else:
                assert torch.isfinite(motion.positions()).all()
                read_count += 1
    return read_count, refused


def take_members(archive: Path, wanted: Callable[[str], bool], count: int, into: Path) -> list[Path]:
    """Extract the first ``count`` wanted files of a ``.tar.xz``, reading no further than needed."""
    found: list[Path] = []
    if not archive.is_file():
        pytest.skip(f"{archive.name} is not among the shared corpora")
    with tarfile.open(archive, "r|xz") as tar:
        for member in tar:
            if not (member.isfile() and wanted(member.name)):
                continue
            stream = tar.extractfile(member)
            assert stream is not None
            target = into / Path(member.name).name
            target.write_bytes(stream.read())
            found.append(target)
            if len(found) == count:
                break
    return found
