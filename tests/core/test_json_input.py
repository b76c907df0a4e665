"""JSON from outside: what is sound comes through as it is, and what is not is one error at the cost of a plain pass."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from kinescale.bundle.manifest import Manifest, read_manifest
from kinescale.core.errors import BundleError, ConfigError, KinescaleError
from kinescale.core.json_input import MAX_DEPTH, MAX_INT, check_size, parse_json, read_json, shown
from kinescale.core.markdown import markdown_link, plain_markdown
from kinescale.core.records import Record
from kinescale.pipelines.segments import read_timeline

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-MAX_INT, MAX_INT) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_is_sound_comes_through(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text) == value and parse_json(text.encode()) == value
    assert parse_json(b"\xef\xbb\xbf" + text.encode()) == value


def nested(depth: int, mark: str = "[]") -> str:
    return mark[0] * depth + mark[1] * depth


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nested(MAX_DEPTH + 1), "nested 65 deep"),
        ('{"a":' * 900 + "1" + "}" * 900, "nested 900 deep"),
        ("[" * 100_000, "nested"),
        ('["' + "\\" * 99_999, "not valid"),
        ("[1e999]", "too large"),
        ("[-1e999]", "too large"),
        ("[1" + "0" * 400 + "]", "too large"),
        (f"[{MAX_INT + 1}]", "too large"),
        ("[1" + "0" * 400_000 + ".5]", "too large"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "Infinity"),
        ('["\\ud800"]', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ("[" + "1," * 900_000 + "1]", "brackets and commas"),
        ("", "not valid"),
        (b"\xff\xfe[]", "UTF-8"),
        ("{]", "not valid"),
        ("[1] [2]", "not valid"),
    ],
)
def test_what_is_not_is_one_short_error(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 300
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=words):
        read_json(tmp_path / "a.json")


def test_brackets_in_strings_do_not_count():
    text = json.dumps({"a\\": '[[[[{{{{"' * 1000, "b": nested(MAX_DEPTH - 1).replace("[]", "[0]")})
    assert parse_json(text) == json.loads(text)
    assert parse_json(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))
    assert parse_json('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("unit", ['\\"', '"', "\\", "[", '"["', '\\\\"', '""', '\\"['])
def test_the_look_before_parsing_never_starts_over(unit):
    """The time is linear because no quote is left outside of a match: a search that failed there would begin again."""
    from kinescale.core.json_input import _STRING

    for count in range(1, 40):
        for text in (b'["' + unit.encode() * count, b'"' + unit.encode() * count + b"\\", unit.encode() * count):
            assert b'"' not in _STRING.sub(b"", text)


class Many(Record):
    names: list[str] = Field(default_factory=list)
    table: dict[str, int] = Field(default_factory=dict)


@pytest.mark.parametrize(
    "data",
    [
        {"names": [1] * 500_000},
        {"table": {str(i): "x" for i in range(300_000)}},
        {"other": [[{}] * 10] * 20_000},
        {"names": [[[[[["x"] * 10] * 10] * 10] * 10] * 10]},
    ],
    ids=["list", "table", "unknown", "shared"],
)
def test_many_errors_cost_no_more_than_a_few(data):
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    with pytest.raises(ConfigError) as caught:
        Many.parse(data, where="many")
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 32_000_000 and len(str(caught.value)) < 600


def test_a_huge_name_is_cut_in_the_message():
    with pytest.raises(ConfigError) as caught:
        Many.parse({"x" * 1_000_000: 1})
    assert len(str(caught.value)) < 600


def test_deep_values_are_found_without_recursion():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        check_size(deep, max_items=10**9, max_depth=50)
    with pytest.raises(ConfigError, match="nested"):
        Many.parse({"names": deep})


def test_bad_licenses_of_a_bundle_are_refused_at_once(tmp_path):
    config = {"format": "kinescale-bundle", "licenses": [{}] * 200_000}
    (tmp_path / "config.json").write_text(json.dumps(config))
    tracemalloc.start()
    with pytest.raises(BundleError, match="items allowed"):
        read_manifest(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the parsed file itself is the greater part of it
    assert peak < 128 * (tmp_path / "config.json").stat().st_size
    assert issubclass(Manifest, Record)


@pytest.mark.parametrize("seconds", ["9" * 300, "1e999", "-" + "9" * 4500, "9223372036854775807", "true", '"3"', "[]"])
def test_story_numbers_out_of_bounds_are_input_errors(tmp_path, seconds):
    file = tmp_path / "t.json"
    for key in ("seconds", "start", "end"):
        other = "" if key == "seconds" else ', "seconds": 2'
        file.write_text(f'{{"segments": [{{"text": "a person walks", "{key}": {seconds}{other}}}]}}')
        with pytest.raises(KinescaleError):
            read_timeline(file).frames(30)


def test_a_value_is_shown_short():
    assert shown("x" * 500) == "x" * 120 + "..." and shown([1] * 9) == "a list of 9"
    assert shown({"a": 1}) == "an object of 1" and shown(3) == "3"


@given(st.text(max_size=60))
def test_markdown_of_any_text_holds_no_markup(text):
    found = plain_markdown(text)
    bare = found.replace("\\\\", "")
    for mark in "`*[]|~#!":
        assert bare.count(mark) == bare.count("\\" + mark) + (found.count("&#") if mark == "#" else 0)
    assert not any(mark in found for mark in "<>") and "\n" not in found and "://" not in found
    assert all(character.isprintable() for character in found)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://a b", "http://a>)<b", "data:text/html,x", "ftp://x", ""]
)
def test_only_web_addresses_become_links(url):
    assert markdown_link("a [b](c)", url) == "a \\[b\\](c)"
    assert markdown_link("CC", "https://example.org/a?b=1") == "[CC](<https://example.org/a?b=1>)"
