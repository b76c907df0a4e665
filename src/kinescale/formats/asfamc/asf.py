"""ASF skeleton files (Acclaim): bones with direction, length, axis frame and degrees of freedom.

A bone becomes a joint at the bone's *start*, since its rotation moves the bone. So a joint's offset is its
parent bone's vector, children of the root sit in the root itself, and the end of a bone without children is
an ``EndSite``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import INCH, MAX_JOINTS
from kinescale.io.text_scanner import Source, shown, to_name, to_number
from kinescale.kinematics.rotations import euler_to_quat
from kinescale.rigging import recognize
from kinescale.skeletons import EndSite, Skeleton

MAX_ASF_BYTES = 1024 * 1024
MAX_LENGTH_M = 100.0
LINE = re.compile(rb"[^\s][^\n]*")

_ROOT_CHANNELS = ("TX", "TY", "TZ", "RX", "RY", "RZ")
_Line = tuple[int, list[bytes]]


@dataclass(frozen=True)
class Asf:
    """Content of a skeleton file in meters and radians.

    ``order`` is the root's channels ("TX" ...), ``dofs`` each joint's axes in the order of its values,
    ``axes`` the axis order of each joint, ``frames`` [J, 4] the quaternion of its axis frame; entry 0 is the
    root. ``scale_m`` and ``angle`` turn the values of an AMC file into meters and radians.
    """

    skeleton: Skeleton
    order: tuple[str, ...]
    dofs: tuple[str, ...]
    axes: tuple[str, ...]
    frames: Float[torch.Tensor, "J 4"]
    position: tuple[float, float, float]
    scale_m: float
    angle: float


@dataclass
class _Bone:
    name: bytes
    position: int
    direction: tuple[float, ...] | None = None
    length: float | None = None
    axis: tuple[float, ...] = (0.0, 0.0, 0.0)
    axis_order: str = "xyz"
    dof: str = ""


@dataclass
class _Parts:
    """Content of the sections, in the file's units."""

    length: float = 1.0
    angle: float = math.radians(1.0)
    order: tuple[str, ...] = _ROOT_CHANNELS
    root_axis: str = "xyz"
    position: tuple[float, ...] = (0.0, 0.0, 0.0)
    orientation: tuple[float, ...] = (0.0, 0.0, 0.0)


def read_asf(path: str | Path) -> Asf:
    """Read an ASF file; ``FormatError`` names file and line."""
    source = Source.open(path, MAX_ASF_BYTES)
    sections = _sections(source)
    for name in (b"units", b"root", b"bonedata", b"hierarchy"):
        if name not in sections:
            source.fail(f"there is no section ':{name.decode()}'; expected units, root, bonedata and hierarchy.")
    parts = _read_parts(source, [*sections[b"units"], *sections[b"root"]])
    bones = _read_bones(source, sections[b"bonedata"])
    return _assemble(source, parts, bones, _read_hierarchy(source, sections[b"hierarchy"], bones))


def _sections(source: Source) -> dict[bytes, list[_Line]]:
    """Lines of each ``:section``, without comments."""
    found: dict[bytes, list[_Line]] = {}
    lines: list[_Line] | None = None
    for match in LINE.finditer(source.data):
        words = match.group().split(b"#", 1)[0].split()
        if not words:
            continue
        if not words[0].startswith(b":"):
            if lines is None:
                source.fail(f"got '{shown(words[0])}'; expected a section such as ':units' first.", match.start())
            lines.append((match.start(), words))
            continue
        name = words[0][1:].lower()
        if name in found:
            source.fail(f"a second section ':{shown(name)}'; expected one.", match.start())
        lines = found.setdefault(name, [])
    return found


def _numbers(source: Source, line: _Line, count: int, what: str) -> tuple[float, ...]:
    """The ``count`` numbers after the line's keyword."""
    position, words = line
    values = [to_number(word) for word in words[1 : count + 1]]
    finite = [value for value in values if value is not None]
    if len(finite) != count:
        source.fail(f"{what} needs {count} finite numbers; got '{shown(b' '.join(words[1:]))}'.", position)
    return tuple(finite)


def _axis_order(source: Source, position: int, words: list[bytes]) -> str:
    order = words[0].decode("ascii", errors="replace").lower() if words else ""
    if sorted(order) != ["x", "y", "z"]:
        source.fail(f"axis order '{order[:20]}'; expected the letters X, Y and Z once each.", position)
    return order


def _read_parts(source: Source, lines: list[_Line]) -> _Parts:
    """The sections ``:units`` and ``:root``."""
    parts = _Parts()
    for line in lines:
        position, words = line
        key = words[0].lower()
        if key == b"length":
            (parts.length,) = _numbers(source, line, 1, "the unit of length")
            if not 1e-6 <= parts.length <= 1e6:
                source.fail(f"unit of length {parts.length:g}; expected a number above zero such as 0.45.", position)
        elif key == b"angle":
            if words[1:] not in ([b"deg"], [b"rad"]):
                source.fail("the unit of angle must be deg or rad.", position)
            parts.angle = 1.0 if words[1] == b"rad" else math.radians(1.0)
        elif key == b"order":
            parts.order = tuple(shown(word, 4).upper() for word in words[1:])
            if not parts.order or len(set(parts.order)) != len(parts.order) or set(parts.order) - set(_ROOT_CHANNELS):
                source.fail(f"root order; expected some of {' '.join(_ROOT_CHANNELS)}, each once.", position)
        elif key == b"axis":
            parts.root_axis = _axis_order(source, position, words[1:])
        elif key == b"position":
            parts.position = _numbers(source, line, 3, "the root's position")
        elif key == b"orientation":
            parts.orientation = _numbers(source, line, 3, "the root's orientation")
        elif key != b"mass":
            source.fail(f"got '{shown(key)}'; expected an entry of :units or :root.", position)
    return parts


def _read_bones(source: Source, lines: list[_Line]) -> dict[bytes, _Bone]:
    """The section ``:bonedata``."""
    bones: dict[bytes, _Bone] = {}
    bone: _Bone | None = None
    for line in lines:
        position, words = line
        key = words[0].lower()
        if key == b"begin" and bone is None:
            bone = _Bone(b"", position)
        elif bone is None:
            source.fail(f"got '{shown(key)}'; expected 'begin'.", position)
        elif key == b"end":
            _keep_bone(source, position, bones, bone)
            bone = None
        else:
            _read_bone_entry(source, line, bone)
    if bone is not None:
        source.fail("a bone is not closed; expected 'end'.", bone.position)
    return bones


def _keep_bone(source: Source, position: int, bones: dict[bytes, _Bone], bone: _Bone) -> None:
    if not bone.name or bone.direction is None or bone.length is None:
        source.fail("this bone lacks its name, direction or length; expected all three.", position)
    if bone.name in bones or bone.name == b"root":
        source.fail(f"a second bone is named '{shown(bone.name)}'; expected unique names.", position)
    if len(bones) + 1 == MAX_JOINTS:
        source.fail(f"more than {MAX_JOINTS} joints; expected at most that many.", position)
    bones[bone.name] = bone


def _read_bone_entry(source: Source, line: _Line, bone: _Bone) -> None:
    position, words = line
    key = words[0].lower()
    if key == b"name":
        if len(words) != 2 or to_name(words[1]) is None:
            source.fail("a bone's name must be one short printable word.", position)
        bone.name = words[1]
    elif key == b"direction":
        bone.direction = _numbers(source, line, 3, "direction")
    elif key == b"length":
        (bone.length,) = _numbers(source, line, 1, "length")
    elif key == b"axis":
        bone.axis = _numbers(source, line, 3, "axis")
        bone.axis_order = _axis_order(source, position, words[4:])
    elif key == b"dof":
        dof = [word.decode("ascii", errors="replace").lower() for word in words[1:]]
        if len(set(dof)) != len(dof) or set(dof) - {"rx", "ry", "rz"}:
            source.fail(f"dof '{shown(b' '.join(words[1:]))}'; expected some of rx, ry and rz, each once.", position)
        bone.dof = "".join(word[1] for word in dof)
    elif key not in (b"id", b"limits", b"bodymass", b"cofmass") and not key.startswith(b"("):
        source.fail(f"got '{shown(key)}'; expected an entry of a bone.", position)


def _read_hierarchy(source: Source, lines: list[_Line], bones: dict[bytes, _Bone]) -> dict[bytes, list[bytes]]:
    """The section ``:hierarchy``: children of each bone; every bone has one parent, and none comes before the root."""
    children: dict[bytes, list[bytes]] = {}
    placed = {b"root"}
    for position, words in lines:
        if words[0].lower() in (b"begin", b"end") and len(words) == 1:
            continue
        if words[0] not in placed:
            source.fail(
                f"'{shown(words[0])}' has children before it hangs itself; expected its parent first.",
                position,
            )
        for word in words[1:]:
            if word not in bones or word in placed:
                what = "hangs twice" if word in placed else "is no bone"
                source.fail(f"'{shown(word)}' {what}; expected each bone of :bonedata once.", position)
            placed.add(word)
            children.setdefault(words[0], []).append(word)
    if len(placed) != len(bones) + 1:
        loose = next(name for name in bones if name not in placed)
        source.fail(f"bone '{shown(loose)}' is not in :hierarchy; expected every bone.", bones[loose].position)
    return children


def _assemble(source: Source, parts: _Parts, bones: dict[bytes, _Bone], children: dict[bytes, list[bytes]]) -> Asf:
    """Bones to joints, depth first."""
    scale = INCH / parts.length
    vectors = {b"root": np.zeros(3)}
    for name, bone in bones.items():
        vector = np.array(bone.direction) * (bone.length or 0.0) * scale
        if np.abs(vector).max() > MAX_LENGTH_M:
            source.fail(f"bone '{shown(name)}' is longer than {MAX_LENGTH_M:g} m; expected less.", bone.position)
        vectors[name] = vector
    order: list[bytes] = []
    parents: list[int] = []
    waiting = [(b"root", -1)]
    while waiting:
        name, parent = waiting.pop()
        here = len(order)
        order.append(name)
        parents.append(parent)
        waiting.extend((child, here) for child in reversed(children.get(name, [])))
    joints = tuple(name.decode("utf-8") for name in order)
    offsets = np.stack([np.zeros(3), *(vectors[order[parent]] for parent in parents[1:])])
    leaves = [joint for joint, name in enumerate(order) if joint and not children.get(name)]
    ends = tuple(EndSite(joint, tuple(float(v) for v in vectors[order[joint]])) for joint in leaves)  # type: ignore
    root = _Bone(b"root", 0, axis=parts.orientation, axis_order=parts.root_axis)
    rows = [root if joint == 0 else bones[name] for joint, name in enumerate(order)]
    frames = torch.stack([_frame(row, parts.angle) for row in rows])
    return Asf(
        recognize(Skeleton(source.path.stem, joints, tuple(parents), offsets, ends=ends)),
        parts.order,
        tuple(row.dof for row in rows),
        tuple(row.axis_order for row in rows),
        frames,
        tuple(value * scale for value in parts.position),  # type: ignore
        scale,
        parts.angle,
    )


def _frame(bone: _Bone, angle: float) -> Float[torch.Tensor, 4]:
    """The axis frame: fixed axes in the order written, "XYZ" being Rz Ry Rx."""
    by_axis = dict(zip("xyz", bone.axis))
    order = bone.axis_order[::-1]
    return euler_to_quat(torch.tensor([by_axis[axis] * angle for axis in order], dtype=torch.float64), order)
