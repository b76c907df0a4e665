"""License, prompt and seed stay with a file whatever its format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from kinescale.core.errors import FormatError, InputError, MissingDependencyError
from kinescale.formats import FAMILY, read_motion, write_motion
from kinescale.formats.base import needs_of
from kinescale.motion.retarget import retarget

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion

META = {"license": "CC BY-NC 4.0", "prompt": "a person waves </script>", "seed": 7}
WRITERS = [n for n in FAMILY.names() if hasattr(FAMILY.load(n), "write") and hasattr(FAMILY.load(n), "read")]


def made(**meta):
    return random_motion(frames=4).replace(meta=meta)


@pytest.mark.parametrize("name", WRITERS)
def test_provenance_comes_back_from_every_format(name, tmp_path):
    path = tmp_path / f"walk{FAMILY.get(name, 'SUFFIXES')[0]}"
    motion = made(**META)
    needed = needs_of(motion, path).skeleton
    try:
        write_motion(motion if needed is None else retarget(motion, needed), path)
    except MissingDependencyError as lacking:
        pytest.skip(str(lacking))
    assert META.items() <= dict(read_motion(path).meta).items()


@pytest.mark.parametrize("name", WRITERS)
def test_the_key_of_earlier_versions_is_read_as_todays(name, tmp_path):
    path = tmp_path / f"walk{FAMILY.get(name, 'SUFFIXES')[0]}"
    motion = made(licence="CC0", prompt="a person waves")
    needed = needs_of(motion, path).skeleton
    try:
        write_motion(motion if needed is None else retarget(motion, needed), path)
    except MissingDependencyError as lacking:
        pytest.skip(str(lacking))
    meta = read_motion(path).meta
    assert meta["license"] == "CC0" and "licence" not in meta


def test_todays_key_goes_before_that_of_earlier_versions(tmp_path):
    write_motion(made(license="CC0", licence="none"), tmp_path / "walk.npz")
    assert dict(read_motion(tmp_path / "walk.npz").meta) == {"license": "CC0"}


def test_a_motion_without_provenance_gets_no_second_file(tmp_path):
    write_motion(made(translation_dropped_m=0.1), tmp_path / "walk.bvh")
    assert [f.name for f in tmp_path.iterdir()] == ["walk.bvh"]


def test_a_replaced_file_does_not_keep_the_old_ones_provenance(tmp_path):
    path = tmp_path / "walk.bvh"
    write_motion(made(**META), path)
    write_motion(made(), path, force=True)
    assert dict(read_motion(path).meta) == {} and not (tmp_path / "walk.bvh.json").exists()


def test_somebody_elses_file_is_not_replaced(tmp_path):
    other = tmp_path / "walk.bvh.json"
    other.write_text('{"mine": 1}')
    with pytest.raises(FormatError, match="not a provenance file"):
        write_motion(made(**META), tmp_path / "walk.bvh", force=True)
    assert json.loads(other.read_text()) == {"mine": 1} and not (tmp_path / "walk.bvh").exists()
    write_motion(made(), tmp_path / "walk.bvh")
    assert dict(read_motion(tmp_path / "walk.bvh").meta) == {}


def test_an_existing_sidecar_needs_force_too(tmp_path):
    write_motion(made(**META), tmp_path / "walk.bvh")
    (tmp_path / "walk.bvh").unlink()
    with pytest.raises(InputError, match="--force"):
        write_motion(made(**META), tmp_path / "walk.bvh")


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '{"format": "kinescale-meta", "meta": NaN}', "\0\1"])
def test_a_damaged_sidecar_is_no_obstacle(text, tmp_path):
    path = tmp_path / "walk.bvh"
    write_motion(made(), path)
    (tmp_path / "walk.bvh.json").write_text(text)
    assert len(read_motion(path)) == 4


def test_a_lying_sidecar_is_refused(tmp_path):
    path = tmp_path / "walk.bvh"
    write_motion(made(), path)
    (tmp_path / "walk.bvh.json").write_text('{"format": "kinescale-meta", "meta": [1, 2]}')
    with pytest.raises(FormatError, match="no object"):
        read_motion(path)
