"""GLB container and glTF JSON, parsed within strict bounds: chunks, buffers, and accessors as NumPy arrays.

glTF 2.0 (Khronos, ISO/IEC 12113), sections 3.6 "Binary data storage" and 4 "GLB file format". No other file
is opened: data must be in the binary chunk or in ``data:`` URIs.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import FormatError
from kinescale.core.files import read_bytes_bounded
from kinescale.core.json_input import parse_json

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_JSON_PARTS = 800_000
"""Most braces, brackets and commas of the JSON: bounds its size in memory before it is parsed."""
FREE_NUMBERS = 2_000_000
"""Most numbers read from the buffers, plus one per byte of the file: accessors may overlap."""
LARGEST = 1e9
"""Largest number that is accepted."""

MAX_SHOWN = 80
KNOWN_EXTENSIONS = frozenset(
    {
        *(f"KHR_materials_{kind}" for kind in ("unlit", "emissive_strength", "ior", "specular", "clearcoat", "sheen")),
        *(f"KHR_materials_{kind}" for kind in ("transmission", "volume", "variants", "iridescence", "anisotropy")),
        *("KHR_texture_transform", "KHR_texture_basisu", "KHR_lights_punctual", "KHR_materials_dispersion"),
        *("KHR_materials_pbrSpecularGlossiness", "EXT_texture_webp", "KHR_xmp_json_ld", "KHR_node_visibility"),
        *("VRMC_vrm", "VRMC_vrm_animation", "VRMC_springBone", "VRMC_materials_mtoon", "VRMC_node_constraint", "VRM"),
    }
)
"""Required extensions that do not affect joints and tracks."""

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BIN_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT = 5126
COMPONENT_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", FLOAT: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def pack(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB file of one JSON chunk and one binary chunk."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    tail = bytes(-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary) + len(tail)
    head = struct.pack("<4sII", MAGIC, VERSION, total) + struct.pack("<II", len(text), JSON_CHUNK)
    return b"".join([head, text, struct.pack("<II", len(binary) + len(tail), BIN_CHUNK), binary, tail])


def pack_text(document: dict[str, Any], binary: bytes) -> bytes:
    """A .gltf file: one JSON text with the data in a ``data:`` URI."""
    uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    return json.dumps({**document, "buffers": [{"byteLength": len(binary), "uri": uri}]}, allow_nan=False).encode()


class Document:
    """A parsed glTF file: checked look-ups in its JSON, and accessors as arrays; all problems are ``FormatError``."""

    def __init__(self, path: Path, data: bytes):
        self.path = path
        self.size = len(data)
        text, self._binary = self._split(data)
        self.json = self._parse(text)
        self._buffers: dict[int, memoryview] = {}
        self._tables: dict[str, list[dict[str, Any]]] = {}
        self._numbers_left = FREE_NUMBERS + self.size
        self._check_version()

    @classmethod
    def open(cls, path: str | Path) -> Document:
        """Read and parse a .glb or .gltf file, distinguished by its first bytes."""
        path = Path(path)
        return cls(path, read_bytes_bounded(path, MAX_FILE_BYTES))

    def fail(self, message: str) -> NoReturn:
        """Raise ``FormatError`` with the file's name before ``message``."""
        raise FormatError(message, path=self.path)

    def _split(self, data: bytes) -> tuple[bytes, memoryview | None]:
        """The JSON's bytes and the binary chunk."""
        if data[:4] != MAGIC:
            if data.lstrip()[:1] not in (b"{", b"\xef"):
                self.fail("begins with neither 'glTF' nor '{'; expected a GLB or glTF file.")
            return data, None
        if len(data) < 20:
            self.fail(f"ends after {len(data)} bytes, within the GLB header.")
        _, version, length, first, kind = struct.unpack_from("<4sIIII", data)
        if version != VERSION:
            self.fail(f"is GLB version {version}; expected 2.")
        if length != len(data):
            self.fail(f"its header declares {length} bytes; the file holds {len(data)}.")
        if kind != JSON_CHUNK or first > length - 20:
            self.fail(f"its first chunk declares {first} bytes of kind {kind:#x}; expected JSON within the file.")
        at = 20 + first
        if at == length:
            return data[20:at], None
        if at + 8 > length:
            self.fail("ends within the header of its second chunk.")
        second, kind = struct.unpack_from("<II", data, at)
        if second > length - at - 8:
            self.fail(f"its second chunk declares {second} bytes; {length - at - 8} are there.")
        view = memoryview(data)[at + 8 : at + 8 + second]
        return data[20:at], view if kind == BIN_CHUNK else None

    def _parse(self, text: bytes) -> dict[str, Any]:
        try:
            value = parse_json(text, max_bytes=MAX_FILE_BYTES, max_items=MAX_JSON_PARTS)
        except ValueError as problem:
            self.fail(f"its JSON cannot be read ({' '.join(str(problem).split())[:120]}).")
        if not isinstance(value, dict):
            self.fail("its JSON is no object; expected a glTF document.")
        return value

    def _check_version(self) -> None:
        asset = self.json.get("asset")
        version = asset.get("version") if isinstance(asset, dict) else None
        if not (isinstance(version, str) and version.startswith("2.")):
            self.fail(f"says glTF version {str(version)[:20]!r}; expected 2.0.")
        required = self.json.get("extensionsRequired", [])
        if not (isinstance(required, list) and all(isinstance(name, str) for name in required)):
            self.fail("'extensionsRequired' is no list of names.")
        unknown = sorted(set(required) - KNOWN_EXTENSIONS)
        if unknown:
            # glTF 2.0, section 3.12: who does not support one of these must not load the file
            self.fail(f"requires the extension {_shown(unknown[0])}, which is not read; export without it.")

    def table(self, name: str) -> list[dict[str, Any]]:
        """A top-level list of the document, such as "nodes"; checked once."""
        if name not in self._tables:
            self._tables[name] = self.objects(self.json, name)
        return self._tables[name]

    def node_name(self, number: int) -> str:
        """A node in messages: its name, where it is printable, and its number."""
        name = self.table("nodes")[number].get("name")
        shown = isinstance(name, str) and 0 < len(name) <= MAX_SHOWN and name.isprintable()
        return f"node '{name}' (number {number})" if shown else f"node {number}"

    def objects(self, owner: dict[str, Any], name: str, where: str = "the document") -> list[dict[str, Any]]:
        """``owner[name]`` as a list of objects; empty when absent."""
        value = owner.get(name, [])
        if not (isinstance(value, list) and all(isinstance(entry, dict) for entry in value)):
            self.fail(f"'{name}' of {where} is no list of objects.")
        return value

    def index(self, owner: dict[str, Any], name: str, count: int, where: str) -> int:
        """``owner[name]`` as an index below ``count``."""
        value = owner.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
            self.fail(f"'{name}' of {where} is {_shown(value)}; expected an index below {count}.")
        return value

    def indices(self, owner: dict[str, Any], name: str, count: int, where: str) -> list[int]:
        """``owner[name]`` as a list of different indices below ``count``; empty when absent."""
        value = owner.get(name, [])
        if not (isinstance(value, list) and all(_is_int(i) and 0 <= i < count for i in value)):
            self.fail(f"'{name}' of {where} is {_shown(value)}; expected indices below {count}.")
        if len(set(value)) != len(value):
            self.fail(f"'{name}' of {where} names an index twice.")
        return value

    def size_of(self, owner: dict[str, Any], name: str, where: str, default: int | None = None) -> int:
        """``owner[name]`` as a whole number of at least 0."""
        value = owner.get(name, default)
        if not (_is_int(value) and value >= 0):
            self.fail(f"'{name}' of {where} is {_shown(value)}; expected a whole number of at least 0.")
        return value

    def vector(self, owner: dict[str, Any], name: str, default: tuple[float, ...], where: str) -> np.ndarray:
        """``owner[name]`` as so many finite numbers as ``default`` has."""
        value = owner.get(name)
        if value is None:
            return np.array(default, dtype=np.float64)
        sound = isinstance(value, list) and len(value) == len(default)
        if not (sound and all(_is_number(entry) and abs(entry) <= LARGEST for entry in value)):
            self.fail(f"'{name}' of {where} is {_shown(value)}; expected {len(default)} numbers up to {LARGEST:g}.")
        return np.array(value, dtype=np.float64)

    def accessor(self, number: int, kinds: tuple[str, ...], what: str) -> Float[np.ndarray, "N C"]:
        """The numbers of an accessor as float64, normalized integers as the fractions they mean.

        ``kinds`` are the types taken, such as ("VEC3",). Raises ``FormatError`` for anything out of bounds.
        """
        accessors = self.table("accessors")
        where = f"accessor {number}"
        accessor = accessors[number]
        kind, component = accessor.get("type"), accessor.get("componentType")
        if kind not in kinds or not _is_int(component) or component not in COMPONENT_TYPES:
            self.fail(f"{where} holds {_shown(kind)} of type {_shown(component)}; expected {kinds[0]} for {what}.")
        if "sparse" in accessor or "bufferView" not in accessor:
            self.fail(f"{where} is sparse, which is not taken for {what}; export without sparse accessors.")
        count = self.size_of(accessor, "count", where)
        dtype, width = np.dtype(COMPONENT_TYPES[component]), WIDTHS[kind]
        raw = self._strided(accessor, where, count, dtype, width)
        self._numbers_left -= count * width
        if self._numbers_left < 0:
            self.fail("its animation takes more numbers out of the buffers than the file holds; it is damaged.")
        values = raw.astype(np.float64)
        if component != FLOAT and accessor.get("normalized") is True:
            values = np.maximum(values / np.iinfo(dtype).max, -1.0)
        if not bool((np.abs(values) <= LARGEST).all()):
            self.fail(f"{where} for {what} holds a number that is not finite or above {LARGEST:g}.")
        return values

    def _strided(self, accessor: dict[str, Any], where: str, count: int, dtype: np.dtype, width: int) -> np.ndarray:
        """A view [count, width] into the buffer, after checking that it lies inside."""
        views = self.table("bufferViews")
        number = self.index(accessor, "bufferView", len(views), where)
        view, element = views[number], dtype.itemsize * width
        if view.get("extensions"):
            self.fail(f"buffer view {number} is packed by an extension; export without compression.")
        stride = self.size_of(view, "byteStride", f"buffer view {number}", element)
        if not element <= stride <= 252 and stride != element:
            self.fail(f"'byteStride' of buffer view {number} is {stride}; expected {element} to 252.")
        buffer = self._buffer(self.index(view, "buffer", len(self.table("buffers")), f"view {number}"))
        start = self.size_of(view, "byteOffset", f"buffer view {number}", 0)
        length = self.size_of(view, "byteLength", f"buffer view {number}")
        if start + length > len(buffer):
            self.fail(f"buffer view {number} ends at byte {start + length}; its buffer holds {len(buffer)}.")
        offset = self.size_of(accessor, "byteOffset", where, 0)
        needed = offset + stride * (count - 1) + element if count else offset
        if needed > length:
            self.fail(f"{where} declares {count} elements, up to byte {needed}; its buffer view holds {length}.")
        if not count:
            return np.empty((0, width), dtype)
        return np.ndarray((count, width), dtype, buffer, start + offset, (stride, dtype.itemsize))

    def _buffer(self, number: int) -> memoryview:
        if number not in self._buffers:
            buffer = self.table("buffers")[number]
            data = self._buffer_bytes(number, buffer.get("uri"))
            length = self.size_of(buffer, "byteLength", f"buffer {number}")
            if length > len(data):
                self.fail(f"buffer {number} declares {length} bytes; {len(data)} are there.")
            self._buffers[number] = data[:length]
        return self._buffers[number]

    def _buffer_bytes(self, number: int, uri: Any) -> memoryview:
        if uri is None and number == 0 and self._binary is not None:
            return self._binary
        if not isinstance(uri, str):
            self.fail(f"buffer {number} has no data; expected a binary chunk or a 'data:' URI.")
        head, comma, body = uri.partition(",")
        if not head.startswith("data:"):
            self.fail(f"its data lies in the other file {_shown(uri)}, which is not opened; export as one .glb file.")
        if not comma or not head.endswith(";base64"):
            self.fail(f"buffer {number} is a 'data:' URI that is not in base64.")
        try:
            return memoryview(base64.b64decode(body, validate=True))
        except (binascii.Error, ValueError):
            self.fail(f"buffer {number} is not sound base64.")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _shown(value: Any) -> str:
    """A value of the file as shown in messages."""
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'record'} of {len(value)}"
    text = repr(value[:40] if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."
