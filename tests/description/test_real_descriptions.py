"""Measured captions of real clips, read from the published files; skipped where the corpora are absent."""

from __future__ import annotations

import tarfile

import pytest

from kinescale.description import describe, sentence
from kinescale.formats import read_motion


@pytest.fixture(scope="module")
def read(data_root, tmp_path_factory):
    """Some HDM05 clips: the smallest archive, so that unpacking is quick."""
    archive = data_root / "hdm05.tar.xz"
    if not archive.is_file():
        pytest.skip(f"there is no {archive.name} among the corpora")
    wanted = ("HDM_bd.asf", *(f"HDM_bd_{name}_001_120.amc" for name in FACTS))
    folder = tmp_path_factory.mktemp("hdm05")
    with tarfile.open(archive) as files:
        for member in files:
            name = member.name.rsplit("/", 1)[-1]
            data = files.extractfile(member) if name in wanted else None
            if data is not None:
                (folder / name).write_bytes(data.read())
    return lambda name: read_motion(folder / f"HDM_bd_{name}_001_120.amc")


FACTS = {
    "kickLFront1Reps": [("kick", "left")],
    "squat1Reps": [("squat", None)],
    "elbowToKnee1RepsLelbowStart": [("knee_lift", "right")],
    "lieDownFloor": [("lie_down", None), ("lie", None)],
}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_the_class_of_a_clip_is_seen_in_it(read, name):
    found = describe(read(name))
    kinds = {kind for kind, _ in FACTS[name]}
    assert [(event.kind, event.side) for event in found.events if event.kind in kinds] == FACTS[name]
    assert sentence(found).startswith("A person ")
