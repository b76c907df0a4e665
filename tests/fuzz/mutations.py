"""Broken files out of good ones: random bytes, truncations, bit flips, edited numbers and words, sizes that lie, bombs.

Every mutation is a function ``(data, rng) -> bytes`` and draws from ``rng`` alone, so an input is known by its number.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

MOST_BYTES = 10 * 1024 * 1024
NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
WORD = re.compile(rb"[A-Za-z_:]{2,}")
STRANGE_NUMBERS = (
    *(b"nan", b"inf", b"-inf", b"1e308", b"-1e308", b"1e-320", b"1e999", b"0", b"-0", b"-1", b"2147483648"),
    *(b"4294967295", b"99999999999999999999", b"1e9", b"0x10", b"1_000", b"", b"--1", b"1.2.3", b"9" * 400),
)


def pick(rng: np.random.Generator, options: Sequence) -> object:
    return options[int(rng.integers(len(options)))]


def noise(data: bytes, rng: np.random.Generator) -> bytes:
    """Nothing but random bytes; now and then behind the file's own beginning."""
    size = int(2 ** rng.uniform(0, 14 if rng.random() < 0.98 else 23))
    start = data[: int(rng.integers(0, 64))] if rng.random() < 0.5 else b""
    return (start + rng.bytes(size))[:MOST_BYTES]


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return data
    made = bytearray(data)
    reach = len(made) if rng.random() < 0.5 else min(len(made), 256)
    for place in rng.integers(0, reach, int(2 ** rng.uniform(0, 6))):
        made[place] ^= 1 << int(rng.integers(8))
    return bytes(made)


def replace_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch of the file overwritten by zeros, ones or noise."""
    if not data:
        return data
    first = int(rng.integers(len(data)))
    count = int(min(len(data) - first, 2 ** rng.uniform(0, 8)))
    filler = pick(rng, (b"\0" * count, b"\xff" * count, rng.bytes(count), b" " * count))
    return data[:first] + bytes(filler) + data[first + count :]  # type: ignore[arg-type]


def move_stretch(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch left out, doubled, or put elsewhere."""
    if len(data) < 4:
        return data
    first, last = sorted(int(x) for x in rng.integers(0, len(data), 2))
    piece, rest = data[first:last], data[:first] + data[last:]
    place = int(rng.integers(len(rest) + 1))
    made = pick(rng, (rest, data[:last] + piece + data[last:], rest[:place] + piece + rest[place:]))
    return bytes(made)[:MOST_BYTES]  # type: ignore[arg-type]


def repeat_stretch(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch a great many times over: runaway lists, deep nesting."""
    if not data:
        return data
    first = int(rng.integers(len(data)))
    piece = data[first : first + int(2 ** rng.uniform(0, 7))]
    size = 2 ** rng.uniform(8, 16 if rng.random() < 0.99 else 23)
    count = int(size / max(1, len(piece)))
    return (data[:first] + piece * count + data[first:])[:MOST_BYTES]


def edit_numbers(data: bytes, rng: np.random.Generator) -> bytes:
    """Some of the numbers that stand in the text replaced by strange ones."""
    found = list(NUMBER.finditer(data[: 1 << 20]))
    if not found:
        return flip_bits(data, rng)
    made, last = [], 0
    near_front = rng.random() < 0.5
    among = found[:80] if near_front else found
    for index in sorted({int(i) for i in rng.integers(0, len(among), int(rng.integers(1, 5)))}):
        match = among[index]
        made += [data[last : match.start()], bytes(pick(rng, STRANGE_NUMBERS))]  # type: ignore[arg-type]
        last = match.end()
    return b"".join(made) + data[last:]


def edit_words(data: bytes, rng: np.random.Generator) -> bytes:
    """A word of the text replaced by another of its words, by nothing, or by something long or not text at all."""
    found = list(WORD.finditer(data[: 1 << 16]))
    if not found:
        return replace_bytes(data, rng)
    match, other = pick(rng, found), pick(rng, found)
    new = pick(rng, (other.group(), b"", b"A" * 5000, "\u202e\u0000é".encode(), b"\xff\xfe", b"\x1b[2J", b"{", b"}"))  # type: ignore[union-attr]
    return data[: match.start()] + bytes(new) + data[match.end() :]  # type: ignore[union-attr,arg-type]


def shuffle_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    if len(lines) < 3:
        return move_stretch(data, rng)
    first, second = (int(x) for x in rng.integers(0, len(lines), 2))
    how = int(rng.integers(3))
    if how == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif how == 1:
        del lines[first]
    else:
        lines.insert(first, lines[second])
    return b"\n".join(lines)


ANY: tuple[Mutation, ...] = (noise, truncate, flip_bits, replace_bytes, move_stretch, repeat_stretch)
TEXT: tuple[Mutation, ...] = (*ANY, edit_numbers, edit_numbers, edit_words, shuffle_lines)


def lying_shape(data: bytes, rng: np.random.Generator) -> bytes:
    """A .npy file whose header names another shape or type than its data have."""
    end = data.find(b"\n")
    if not data.startswith(b"\x93NUMPY") or end < 0:
        return flip_bits(data, rng)
    header = data[10:end].decode("latin1")
    huge = pick(rng, ((2**31, 22, 3), (2**62,), (10**9, 10**9, 10**9), (0, 22, 3), (5, 0, 3), (-1, 22, 3), ()))
    kind = pick(rng, ("<f4", ">f8", "|O", "|V800", "<U9999999", "<i8", "<c16", "|b1", "<M8[s]", "[('a','<f4')]"))
    edits = (
        (re.compile(r"'shape': \([^)]*\)"), f"'shape': {huge}"),
        (re.compile(r"'descr': '[^']*'"), f"'descr': '{kind}'"),
        (re.compile("False"), "True"),
    )
    for pattern, new in edits:
        if rng.random() < 0.5:
            header = pattern.sub(new, header)
    text = header.encode("latin1").ljust(len(data[10:end])) + b"\n"
    length = int(pick(rng, (len(text), len(text), 0, 65535)))  # type: ignore[call-overload]
    return data[:8] + struct.pack("<H", min(length, 65535)) + text + data[end + 1 :]


def _repacked(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            # Without the time of day, which the archive would keep: an input is known by its number alone.
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return {}


def inside_archive(data: bytes, rng: np.random.Generator) -> bytes:
    """One member of an archive broken, the archive itself sound."""
    members = _members(data)
    if not members:
        return flip_bits(data, rng)
    name = str(pick(rng, list(members)))
    how = pick(rng, (lying_shape, lying_shape, truncate, flip_bits, replace_bytes, noise, edit_numbers, repeat_stretch))
    members[name] = how(members[name], rng)  # type: ignore[operator]
    if rng.random() < 0.2:
        del members[str(pick(rng, list(members)))]
    if rng.random() < 0.1:
        members[str(pick(rng, ("../up.npy", "/abs.npy", "a\\b.npy", "x" * 500 + ".npy")))] = b""
    return _repacked(members)[:MOST_BYTES]


def zip_bomb(data: bytes, rng: np.random.Generator) -> bytes:
    """A small archive with a member that unpacks to a great many zeros, under a header that owns up to it, or not."""
    members = _members(data) or {"root.npy": b""}
    name = str(pick(rng, list(members)))
    rows = int(2 ** rng.uniform(16, 24 if rng.random() < 0.05 else 20))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (rows if rng.random() < 0.7 else 5, 3)}
    )
    members[name] = header.getvalue() + bytes(rows * 12)
    return _repacked(members)[:MOST_BYTES]


def lying_archive(data: bytes, rng: np.random.Generator) -> bytes:
    """Sizes, counts, methods and offsets in an archive's directories overwritten."""
    made = bytearray(data)
    marks = [m.start() for m in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", data)]
    if not marks:
        return flip_bits(data, rng)
    for _ in range(int(rng.integers(1, 4))):
        place = int(pick(rng, marks)) + 4 + 2 * int(rng.integers(0, 21))  # type: ignore[call-overload]
        value = int(pick(rng, (0, 1, 0xFFFF, 0x7FFF, 12, 14, 99, int(rng.integers(0x10000)))))  # type: ignore[call-overload]
        if place + 2 <= len(made):
            made[place : place + 2] = struct.pack("<H", value)
    return bytes(made)


ARRAY: tuple[Mutation, ...] = (*ANY, lying_shape, lying_shape, lying_shape)
ARCHIVE: tuple[Mutation, ...] = (*ANY, inside_archive, inside_archive, inside_archive, lying_archive, zip_bomb)


STRANGE_JSON = (
    *(-1, 0, 1, 1.5, 2**31, 2**53, 1e300, 10**30, True, None, "", "A" * 3000, [], {}, [0], [[[]]], {"a": {}}),
    *(
        "MAT4",
        "VEC3",
        "SCALAR",
        "data:;base64,AAAA",
        "file:///etc/passwd",
        "http://127.0.0.1/x",
        "../x.bin",
        5126,
        5123,
    ),
)


def _chunks(data: bytes) -> tuple[dict, bytes] | None:
    try:
        length = struct.unpack_from("<I", data, 12)[0]
        return json.loads(data[20 : 20 + length]), data[20 + length + 8 :]
    except (struct.error, ValueError, RecursionError):
        return None


def _glb(document: object, binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def _places(value: object, path: tuple = ()) -> list[tuple]:
    """Paths of all values inside some JSON."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key in value:
            found += _places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(min(len(value), 40)):
            found += _places(value[index], (*path, index))
    return found


def edit_document(data: bytes, rng: np.random.Generator) -> bytes:
    """A GLB with values of its JSON replaced, removed or exchanged, sound around it."""
    parts = _chunks(data)
    if parts is None or not isinstance(parts[0], dict):
        return flip_bits(data, rng)
    document, binary = parts
    places = _places(document)
    for _ in range(int(rng.integers(1, 4))):
        path = places[int(rng.integers(len(places)))]
        holder: object = document
        try:
            for key in path[:-1]:
                holder = holder[key]  # type: ignore[index]
            if rng.random() < 0.15:
                del holder[path[-1]]  # type: ignore[attr-defined]
            elif isinstance(holder[path[-1]], int) and rng.random() < 0.6:  # type: ignore[index]
                other = int(rng.integers(0, 40)) if rng.random() < 0.7 else pick(rng, STRANGE_JSON)
                holder[path[-1]] = other  # type: ignore[index]
            else:
                holder[path[-1]] = pick(rng, STRANGE_JSON)  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            continue
    return _glb(document, binary)[:MOST_BYTES]


def deep_document(data: bytes, rng: np.random.Generator) -> bytes:
    """A GLB whose JSON is nested very deep."""
    depth = int(2 ** rng.uniform(6, 17))
    kind = pick(rng, ((b"[", b"]"), (b'{"a":', b"}")))
    text = kind[0] * depth + b"0" + kind[1] * (depth if rng.random() < 0.7 else 0)  # type: ignore[index]
    text = b'{"asset":{"version":"2.0"},"nodes":' + text + b"}"
    text += b" " * (-len(text) % 4)
    return b"glTF" + struct.pack("<IIII", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def lying_chunks(data: bytes, rng: np.random.Generator) -> bytes:
    """The lengths, version and kinds in a GLB's container overwritten."""
    made = bytearray(data)
    place = int(pick(rng, (4, 8, 12, 16)))  # type: ignore[call-overload]
    made[place : place + 4] = struct.pack("<I", int(pick(rng, (0, 1, 3, 2**31, 2**32 - 1, len(data), len(data) * 2))))  # type: ignore[call-overload]
    return bytes(made)


GLB: tuple[Mutation, ...] = (
    *ANY,
    edit_document,
    edit_document,
    edit_document,
    edit_document,
    deep_document,
    lying_chunks,
)
