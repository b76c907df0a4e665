"""The ground: atomic files, bounded reads, families, records, seeds."""

from __future__ import annotations

import json
import os
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import ConfigError, FormatError, InputError, KinescaleError, UnknownNameError
from kinescale.core.family import Family
from kinescale.core.files import atomic_path, atomic_write_text, read_bytes_bounded, read_text_bounded, refuse_overwrite
from kinescale.core.randomness import MAX_SEED, derive_seed
from kinescale.core.records import Record, json_hash, read_json, write_json


class Sizes(Record):
    """A made record."""

    width: int = 4
    names: tuple[str, ...] = ("a",)


class Renamed(Record):
    """A made record with a field that was renamed, within another."""

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"colour": "color"}

    color: str = "red"
    sizes: Sizes = Sizes()


class Outer(Record):
    """Holds one."""

    inner: Renamed = Renamed()


def test_a_field_is_read_under_its_earlier_name_and_written_under_its_own() -> None:
    read = Outer.parse({"inner": {"colour": "blue"}})
    assert read == Outer(inner=Renamed(color="blue")) and read.to_json()["inner"]["color"] == "blue"
    assert "colour" not in read.to_json()["inner"] and Renamed.current_name("colour") == "color"
    with pytest.raises(ConfigError, match="colour"):
        Renamed.parse({"colour": "blue", "color": "red"})
    with pytest.raises(ConfigError, match="sizes"):
        Renamed.parse({"colour": "blue", "sizes": {"colour": 3}})


def test_a_changed_copy_keeps_what_was_left_at_its_default() -> None:
    assert Sizes(names=("b",)).but(width=3).model_fields_set == {"names", "width"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file.txt"
    atomic_write_text(target, "good")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "good" and [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_written_file_has_ordinary_permissions(tmp_path):
    mask = os.umask(0o022)
    try:
        atomic_write_text(tmp_path / "a", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_writing_into_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"), atomic_path(tmp_path / "no" / "file"):
        pass


def test_reads_are_bounded(tmp_path):
    file = tmp_path / "big"
    file.write_bytes(b"x" * 100)
    assert read_bytes_bounded(file, 100) == b"x" * 100
    with pytest.raises(InputError, match="more than the 99"):
        read_bytes_bounded(file, 99)
    with pytest.raises(FormatError, match="not UTF-8"):
        file.write_bytes(b"\xff\xfe\x00")
        read_text_bounded(file, 99, error=FormatError)
    with pytest.raises(InputError):
        read_bytes_bounded(tmp_path, 10)
    with pytest.raises(InputError):
        read_bytes_bounded(tmp_path / "absent", 10)


def test_existing_files_are_kept_without_force(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="--force"):
        refuse_overwrite(tmp_path / "a", force=False)
    assert refuse_overwrite(tmp_path / "a", force=True) == tmp_path / "a"
    with pytest.raises(InputError, match="folder"):
        refuse_overwrite(tmp_path, force=True)


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', '{"a": Infinity}', "[" * 100_000, ""])
def test_bad_json_is_one_error(tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(ConfigError):
        read_json(file)


def test_json_is_the_same_bytes_for_equal_values(tmp_path):
    write_json(tmp_path / "a", {"b": 1, "a": [1.5, "é"]})
    write_json(tmp_path / "b", {"a": [1.5, "é"], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert json.loads((tmp_path / "a").read_text()) == {"a": [1.5, "é"], "b": 1}
    with pytest.raises(ValueError):
        write_json(tmp_path / "c", {"a": float("nan")})
    assert not (tmp_path / "c").exists()


def test_records_are_frozen_and_name_the_wrong_field():
    with pytest.raises(ConfigError, match="widht"):
        Sizes.parse({"widht": 3})
    with pytest.raises(ConfigError, match="width"):
        Sizes.parse({"width": "wide"})
    assert Sizes().but(width=5).width == 5
    with pytest.raises(ConfigError):
        Sizes().but(width=None)
    with pytest.raises(ValueError):
        Sizes().width = 3  # type: ignore[misc]
    assert Sizes.parse(json.loads(json.dumps(Sizes().to_json()))) == Sizes()
    assert json_hash(Sizes().to_json()) != json_hash(Sizes(width=5).to_json())


def test_families_list_files_and_suggest():
    family = Family("kinescale.tokenizers", "tokenizer")
    assert "moscale" in family.names() and "base" not in family.names()
    with pytest.raises(UnknownNameError, match="moscale"):
        family.load("../../etc/passwd")
    with pytest.raises(UnknownNameError, match="Did you mean 'moscale'"):
        family.load("moscal")
    with pytest.raises(UnknownNameError, match="does not offer"):
        family.get("moscale", "Nothing")


@given(st.integers(0, MAX_SEED), st.integers(0, 1000))
@settings(max_examples=50)
def test_derived_seeds_depend_on_their_path_alone(seed, index):
    one = derive_seed(seed, "sample", index)
    assert one == derive_seed(seed, "sample", index) and 0 <= one <= MAX_SEED
    assert one != derive_seed(seed, "sample", index + 1) and one != derive_seed(seed, "other", index)


def test_bad_seeds_are_refused():
    for seed in (-1, MAX_SEED + 1):
        with pytest.raises(InputError):
            derive_seed(seed)


def test_every_error_is_one_of_ours():
    from kinescale.core import errors

    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(found) >= 9 and all(issubclass(e, KinescaleError) for e in found)
    assert str(FormatError("broken.", path="a.bvh", line=3)) == "a.bvh, line 3: broken."
