"""A motion to BVH text: hierarchy depth first, six root channels, three Euler angles per joint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np

from kinescale.core.conventions import CENTIMETER
from kinescale.core.errors import InputError
from kinescale.core.files import atomic_write_text
from kinescale.formats.base.names import unique_names
from kinescale.formats.base.world import check_unit
from kinescale.formats.bvh.header import frame_rate
from kinescale.io.text_scanner import LARGEST, MAX_NAME, sound
from kinescale.kinematics.rotations import quat_to_euler
from kinescale.motion.motion import Motion
from kinescale.skeletons import Skeleton

END_M = 0.05
"""Length of an invented end site, meters."""


def write(motion: Motion, path: str | Path, *, unit_m: float = CENTIMETER) -> None:
    """Write a BVH file, whole or not at all, in units of ``unit_m`` meters; an existing file is replaced.

    The root gets six channels and an OFFSET of zero, so that readers that add the two agree with those that
    replace. Leaves without an end site get a short one, which some readers need. BVH has no place for
    ``meta``.
    """
    check_unit(unit_m)
    if not sound(motion.skeleton.offsets / unit_m):
        raise InputError(f"the skeleton has bones above {LARGEST:g} units of {unit_m:g} m; name a larger unit.")
    joints = depth_first(motion.skeleton)
    head = _hierarchy_lines(motion.skeleton, joints, unit_m)
    rows = _row_lines(motion, joints, unit_m)
    middle = ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {_frame_time(motion.fps)}"]
    atomic_write_text(path, "\n".join([*head, *middle, *rows, ""]))


def depth_first(skeleton: Skeleton) -> list[int]:
    order: list[int] = []
    waiting = [0]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting.extend(reversed(skeleton.children[joint]))
    return order


def _hierarchy_lines(skeleton: Skeleton, joints: list[int], unit_m: float) -> list[str]:
    names = _safe_names(skeleton.joints)
    ends: dict[int, list[tuple[float, float, float]]] = {}
    for end in skeleton.ends:
        ends.setdefault(end.joint, []).append(end.offset)
    lines = ["HIERARCHY"]
    open_joints: list[int] = []
    for joint in joints:
        while open_joints and open_joints[-1] != skeleton.parents[joint]:
            open_joints.pop()
            lines.append("\t" * len(open_joints) + "}")
        tab = "\t" * len(open_joints)
        lines += [f"{tab}{'JOINT' if open_joints else 'ROOT'} {names[joint]}", f"{tab}{{"]
        offset = skeleton.offsets[joint] if joint else np.zeros(3)
        lines.append(f"{tab}\tOFFSET {_numbers(offset, unit_m)}")
        position = "" if open_joints else "Xposition Yposition Zposition "
        lines.append(f"{tab}\tCHANNELS {3 if open_joints else 6} {position}Zrotation Yrotation Xrotation")
        tips = ends.get(joint, [] if skeleton.children[joint] else [_invented_end(skeleton, joint)])
        for tip in tips:
            lines += [
                f"{tab}\tEnd Site",
                f"{tab}\t{{",
                f"{tab}\t\tOFFSET {_numbers(tip, unit_m)}",
                f"{tab}\t}}",
            ]
        open_joints.append(joint)
    while open_joints:
        open_joints.pop()
        lines.append("\t" * len(open_joints) + "}")
    return lines


def _numbers(values: Sequence[float] | np.ndarray, unit_m: float) -> str:
    return " ".join(f"{float(np.round(value / unit_m, 6)) + 0.0:.6f}" for value in values)


def _invented_end(skeleton: Skeleton, joint: int) -> tuple[float, float, float]:
    """An end site that continues the bone, ``END_M`` long."""
    offset = skeleton.offsets[joint]
    length = float(np.linalg.norm(offset))
    x, y, z = offset * (END_M / length) if joint and length > 1e-9 else (0.0, END_M, 0.0)
    return (float(x), float(y), float(z))


def _safe_names(joints: tuple[str, ...]) -> list[str]:
    """Names as BVH can hold them: no white space, braces or control characters, and still unique."""
    whole = (re.sub(r"[\s{}]+", "_", joint.strip()) for joint in joints)
    printable = ("".join(c for c in name if c.isprintable()).encode() for name in whole)
    return unique_names(name[: MAX_NAME - 8].decode(errors="ignore") or "joint" for name in printable)


def _row_lines(motion: Motion, joints: list[int], unit_m: float) -> list[str]:
    rotations = motion.rotations.detach().cpu().double()[:, joints]
    rotations = rotations / rotations.norm(dim=-1, keepdim=True)
    angles = np.degrees(quat_to_euler(rotations, "zyx").numpy()).reshape(len(motion), -1)
    # Whole turns are removed, so that a curve editor shows no jumps from 180 to -180.
    angles = np.unwrap(angles, axis=0, period=360.0)
    root = motion.root.detach().cpu().double().numpy() / unit_m
    table = np.round(np.hstack([root, angles]), 6) + 0.0
    if not sound(table):
        raise InputError(f"the motion makes numbers above {LARGEST:g} in units of {unit_m:g} m; name a larger unit.")
    form = " ".join(["%.6f"] * table.shape[1])
    return [form % tuple(row) for row in table.tolist()]


def _frame_time(fps: float) -> str:
    """Shortest decimal frame time that is read back as exactly ``fps``."""
    with localcontext() as context:
        context.prec = 40
        exact = 1 / Decimal(fps)
    for digits in (8, 12, 20):
        with localcontext() as context:
            context.prec = digits
            text = format((+exact).normalize(), "f")
        if frame_rate(text) == fps:
            break
    return text
