"""Damaged and lying glTF files end at once in a sound motion or in one sentence."""

from __future__ import annotations

import base64
import copy
import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from format_cases import damaged, survives
from gltf_cases import Scene, container

from kinescale.core.errors import FormatError
from kinescale.formats import glb
from kinescale.formats.glb.container import Document
from motion_strategies import random_motion
from plain_read import at_most

TIMES = np.arange(4) / 30
TURNS = np.tile([0.0, 0.6, 0.0, 0.8], (4, 1))
GOOD = Scene(
    [{"name": "a", "children": [1]}, {"name": "b", "translation": [0, 1, 0]}],
    [0, 1],
    [(0, "rotation", "LINEAR", TIMES, TURNS), (1, "rotation", "LINEAR", TIMES, TURNS)],
)
Change = Callable[[dict[str, Any]], object]


def refused(path: Path, data: bytes, words: str) -> None:
    path.write_bytes(data)
    with at_most(20), pytest.raises(FormatError, match=words) as caught:
        glb.read(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def changed(change: Change) -> bytes:
    document, binary = GOOD.parts()
    document = copy.deepcopy(document)
    change(document)
    return container(document, binary)


def put(*keys: object) -> Change:
    """Set the place that all but the last key name to the last."""

    def change(document: Any) -> None:
        for key in keys[:-2]:
            document = document[key]
        document[keys[-2]] = keys[-1]

    return change


def test_the_good_file_is_read(tmp_path: Path):
    assert len(glb.read(GOOD.save(tmp_path / "a.glb"))) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("asset", "version", "1.0"), "version '1.0'; expected 2.0"),
        (put("asset", 3), "expected 2.0"),
        (put("nodes", 3), "'nodes' of the document is no list"),
        (put("nodes", [3]), "'nodes' of the document is no list"),
        (put("nodes", []), "expected an index below 0"),
        (put("nodes", 1, "children", [0]), "its own ancestor"),
        (put("nodes", 0, "children", [0]), "its own ancestor"),
        (put("nodes", 0, "children", [1, 1]), "two parents"),
        (put("nodes", 0, "children", [9]), "expected indices below 2"),
        (put("nodes", 0, "children", [True]), "expected indices below 2"),
        (put("nodes", 0, "children", "x"), "expected indices below 2"),
        (put("nodes", 1, "translation", [0, "x", 0]), "expected 3 numbers"),
        (put("nodes", 1, "translation", [0, 0]), "expected 3 numbers"),
        (put("nodes", 1, "translation", [1e300, 0, 0]), "expected 3 numbers"),
        (put("nodes", 1, "rotation", [0, 0, 0, 0]), "zero length"),
        (put("nodes", 1, "matrix", [0] * 16), "flattens"),
        (put("nodes", 0, "matrix", [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), "shears"),
        (put("skins", 0, "joints", [0, 0]), "names an index twice"),
        (put("skins", 0, "joints", [0, -1]), "expected indices below 2"),
        (put("skins", 0, "joints", []), "expected an animated skeleton"),
        (put("accessors", 0, "count", 10**9), "declares 1000000000 elements"),
        (put("accessors", 0, "count", 10**30), "too large"),
        (put("accessors", 0, "count", -1), "at least 0"),
        (put("accessors", 0, "count", 1.5), "at least 0"),
        (put("accessors", 0, "count", 0), "no increasing key times"),
        (put("accessors", 0, "byteOffset", 10**9), "its buffer view holds"),
        (put("accessors", 0, "componentType", 7), "of type 7"),
        (put("accessors", 0, "componentType", [5126]), "a list of 1"),
        (put("accessors", 0, "type", "VEC3"), "expected SCALAR"),
        (put("accessors", 0, "bufferView", 99), "expected an index below 4"),
        (put("accessors", 1, "sparse", {}), "is sparse"),
        (put("accessors", 1, "count", 3), "3 values for 4 keys"),
        (put("bufferViews", 1, "byteStride", 1), "expected 16 to 252"),
        (put("bufferViews", 1, "byteLength", 10**12), "its buffer holds"),
        (put("bufferViews", 1, "byteOffset", -4), "at least 0"),
        (put("bufferViews", 1, "buffer", 1), "expected an index below 1"),
        (put("bufferViews", 1, "extensions", {"EXT_meshopt_compression": {}}), "packed by an extension"),
        (put("bufferViews", 1, "extensions", 3), "packed by an extension"),
        (put("buffers", 0, "byteLength", 10**12), "declares 1000000000000 bytes"),
        (put("buffers", 0, "uri", 7), "has no data"),
        (put("buffers", 0, "uri", "data:text/plain,abc"), "not in base64"),
        (put("buffers", 0, "uri", "data:;base64,a*b"), "not sound base64"),
        (put("animations", 0, "samplers", 0, "interpolation", "MAGIC"), "'MAGIC'"),
        (put("animations", 0, "samplers", 0, "interpolation", []), "interpolates"),
        (put("animations", 0, "samplers", 0, "interpolation", "CUBICSPLINE"), "4 values for 4 keys"),
        (put("animations", 0, "samplers", 0, "input", 99), "expected an index below 4"),
        (put("animations", 0, "channels", 0, "sampler", 99), "expected an index below 2"),
        (put("animations", 0, "channels", 0, "target", None), "no target"),
        (put("animations", 0, "channels", 0, "target", "node", 1), "a second time"),
        (put("animations", 0, "channels", 0, "target", "path", "scale"), "expected VEC3"),
    ],
)
def test_lies_are_named(tmp_path: Path, change: Change, words: str):
    refused(tmp_path / "a.glb", changed(change), words)


@pytest.mark.parametrize(
    "change",
    [
        put("animations", 0, "channels", 0, "target", "path", "weights"),
        put("animations", 0, "extras", {"fps": "x", "meta": 3}),
        put("animations", 0, "extras", {"fps": -1}),
        put("animations", 0, "extras", []),
        put("skins", 0, "extras", {"kinescale": {"joints": ["a", "b"]}}),
        put("skins", 0, "name", 7),
        put("asset", "copyright", {}),
    ],
)
def test_odd_trimmings_do_no_harm(tmp_path: Path, change: Change):
    (tmp_path / "a.glb").write_bytes(changed(change))
    assert glb.read(tmp_path / "a.glb").fps == 30.0


@pytest.mark.parametrize(
    "own",
    [
        {"roles": {"hips": "x"}},
        {"roles": {"tail": "a"}},
        {"roles": 3},
        {"ends": [[5, 0, 0, 0]]},
        {"ends": [[0, 0, 0]]},
        {"ends": [["a", 0, 0, 0]]},
        {"ends": [[0, 1e300, 0, 0]]},
        {"root_offset": None},
        {"root_offset": [[[1]]]},
        {"t_pose": [[0, 0, 0, 1]]},
        {"t_pose": {"a": 1}},
        {"t_pose": 7},
    ],
)
def test_extras_that_do_not_fit_are_passed_over(tmp_path: Path, own: dict[str, Any]):
    whole = {
        "version": 1,
        "joints": ["a", "b"],
        "roles": {"hips": "a"},
        "root_offset": [0, 0, 0],
        "t_pose": None,
        "ends": [],
    }
    for extras, roles in ((whole, {"hips": "a"}), ({**whole, **own}, {})):
        (tmp_path / "a.glb").write_bytes(changed(put("skins", 0, "extras", {"kinescale": extras})))
        assert dict(glb.read(tmp_path / "a.glb").skeleton.roles) == roles


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((4, 4), np.nan), "not finite"),
        (np.full((4, 4), np.inf), "not finite"),
        (np.zeros((4, 4)), "zero length"),
        (np.full((4, 4), 1e20), "not finite or above"),
    ],
)
def test_numbers_that_are_none_are_refused(tmp_path: Path, values: np.ndarray, words: str):
    scene = Scene(GOOD.nodes, GOOD.joints, [(0, "rotation", "LINEAR", TIMES, values)])
    refused(tmp_path / "a.glb", scene.glb(), words)


@pytest.mark.parametrize("times", [[0, 2, 1, 3], [0, np.nan, 1, 2], [0, 1, 2, 1e8], [-1e8, 1, 2, 3]])
def test_key_times_that_fall_or_never_end_are_refused(tmp_path: Path, times: list[float]):
    scene = Scene(GOOD.nodes, GOOD.joints, [(0, "rotation", "LINEAR", np.array(times), TURNS)])
    refused(tmp_path / "a.glb", scene.glb(), "key times|not finite|expected at most")


def test_the_containers_lengths_must_agree(tmp_path: Path):
    good = GOOD.glb()
    path = tmp_path / "a.glb"
    for size in (0, 3, 4, 11, 12, 19, 20, 40, len(good) - 1):
        refused(path, good[:size], ".")
    refused(path, good + b"\0", "the file holds")
    refused(path, good[:4] + struct.pack("<I", 1) + good[8:], "version 1")
    refused(path, good[:12] + struct.pack("<I", 2**32 - 1) + good[16:], "first chunk declares 4294967295")
    refused(path, good[:16] + b"BIN\0" + good[20:], "expected JSON")
    (first,) = struct.unpack_from("<I", good, 12)
    at = 20 + first
    refused(path, good[:at] + struct.pack("<I", 2**31) + good[at + 4 :], "second chunk declares 2147483648")
    refused(path, good[: at + 4] + b"XXXX" + good[at + 8 :], "has no data")
    refused(path, b"PK\3\4", "neither 'glTF' nor")


@pytest.mark.parametrize(
    "text",
    [
        b"{" * 100_000,
        b'{"asset":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"asset":{"version":"2.0"},"nodes":[' + b"{}," * 3_000_000 + b"{}]}",
        b'{"asset":{"version":"2.0"},"nodes":[' + b"{}," * 300_000 + b"{}]}",
        b'{"asset":{"version":"2.0"},"x":' + b"9" * 5000 + b"}",
        b'{"asset":{"version":"2.0"},"x":NaN}',
        b'{"asset":{"version":"2.0"},"x":"\xff"}',
        b"[]",
        b"{}",
    ],
)
def test_json_bombs(tmp_path: Path, text: bytes):
    refused(tmp_path / "a.gltf", text, ".")


def chain(count: int) -> list[dict[str, Any]]:
    return [{"children": [i + 1]} if i + 1 < count else {} for i in range(count)]


@pytest.mark.parametrize(
    ("nodes", "joints"),
    [
        (chain(100_000), [99_999]),
        (chain(100_000), [0]),
        ([*chain(1800), *({} for _ in range(40))], [*range(1800, 1840), 1799]),
        ([{"children": list(range(1, 50_000))}, *({} for _ in range(49_999))], list(range(50_000))),
        ([*chain(1800)[:-1], {"children": [*range(1800, 1860)]}, *({} for _ in range(60))], [*range(1800, 1860)]),
    ],
)
def test_deep_and_wide_trees_end_quickly(tmp_path: Path, nodes: list[dict[str, Any]], joints: list[int]):
    path = Scene(nodes, joints).save(tmp_path / "a.glb")
    with at_most(20):
        try:
            assert torch.isfinite(glb.read(path).positions()).all()
        except FormatError as error:
            assert str(path) in str(error)


def test_many_channels_over_the_same_bytes_cost_no_more_than_the_file(tmp_path: Path):
    """A thousand joints, each with accessors of its own that overlap in one large buffer view."""
    count, keys = 1000, 100_000
    times = np.linspace(0, 1, keys)
    document, binary = Scene(
        [{"name": "a"}], [0], [(0, "rotation", "LINEAR", times, np.tile([0.0, 0.0, 0.0, 1.0], (keys, 1)))]
    ).parts()
    document["nodes"] = [{"children": list(range(1, count))}, *({} for _ in range(count - 1))]
    document["skins"] = [{"joints": list(range(count))}]
    document["accessors"] = [dict(document["accessors"][i % 2]) for i in range(2 * count)]
    document["animations"] = [
        {
            "samplers": [{"input": 2 * i, "output": 2 * i + 1} for i in range(count)],
            "channels": [{"sampler": i, "target": {"node": i, "path": "rotation"}} for i in range(count)],
        }
    ]
    refused(tmp_path / "a.glb", container(document, binary), "more numbers out of the buffers")


def test_frames_are_counted_before_they_are_made(tmp_path: Path):
    """Two keys hours apart ask for millions of poses: refused, and little memory taken."""
    nodes = [node | {"translation": [0, 1, 0]} for node in chain(300)]
    scene = Scene(nodes, list(range(300)), [(0, "rotation", "LINEAR", np.array([0.0, 9000.0]), TURNS[:2])])
    tracemalloc.start()
    refused(tmp_path / "a.glb", scene.glb(), "expected at most")
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
    assert len(glb.read(tmp_path / "a.glb", fps=0.01)) == 91


def test_damage_is_survived(tmp_path: Path):
    glb.write(random_motion(frames=6), tmp_path / "good.glb")
    good = (tmp_path / "good.glb").read_bytes()
    # most of a file is numbers, where damage is seldom seen: half the tries go for the JSON alone
    (length,) = struct.unpack_from("<I", good, 12)
    read, refusals = survives(glb.read, tmp_path / "a.glb", damaged(good, seed=1, count=40))

    def around(texts: Any) -> Any:
        for text in texts:
            text += b" " * (-len(text) % 4)
            rest = good[20 + length :]
            head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
            yield head + text + rest

    again = survives(glb.read, tmp_path / "b.glb", around(damaged(good[20 : 20 + length], seed=2, count=110)))
    assert read + again[0] > 10 and refusals > 5 and again[1] > 30


def test_values_of_any_kind_in_any_place(tmp_path: Path):
    """Every single value of the JSON replaced by something else."""
    glb.write(random_motion("kit21", frames=2), tmp_path / "good.gltf")
    document = json.loads((tmp_path / "good.gltf").read_text())
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(min(len(value), 2)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(document)
    odd = [None, True, -1, 1.5, 10**40, "x", [], {}, [[]], [{}], -(2**63), 1e308]

    def files() -> Any:
        for number, (owner, key) in enumerate(places[::2]):
            kept, owner[key] = owner[key], odd[number % len(odd)]
            yield json.dumps(document).encode()
            owner[key] = kept

    read, refusals = survives(glb.read, tmp_path / "a.gltf", files())
    assert read > 20 and refusals > 20


def test_a_document_keeps_no_more_than_the_file(tmp_path: Path):
    data = base64.b64encode(bytes(3_000_000)).decode()
    text = json.dumps(
        {"asset": {"version": "2.0"}, "buffers": [{"byteLength": 3_000_000, "uri": "data:;base64," + data}]}
    )
    (tmp_path / "a.gltf").write_text(text)
    tracemalloc.start()
    Document.open(tmp_path / "a.gltf")
    assert tracemalloc.get_traced_memory()[1] < 8 * len(text)
    tracemalloc.stop()
