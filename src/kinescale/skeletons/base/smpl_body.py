"""Body shared by the SMPL-H and SMPL-X skeletons: 22 body joints and two hands of a mean body in a T-pose.

Joint names and order are those of the models (Romero et al. 2017, "Embodied Hands"; Pavlakos et al. 2019,
"Expressive Body Capture"). The bone lengths are not: they are rounded adult proportions of our own, since the
models' data may not be passed on. A model file of the user's gives the true lengths (``formats/amass.py``).
"""

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton
from kinescale.skeletons.humanml22 import SKELETON as BODY

Vector = tuple[float, float, float]
Row = tuple[str, str, Vector]
"""Joint, parent and offset from the parent in meters."""

_FINGERS: dict[str, tuple[Vector, Vector, Vector, Vector]] = {
    # Offsets of the left hand's three joints and the fingertip: palm down, fingers along +X, thumb forward.
    "index": ((0.092, -0.002, 0.024), (0.034, 0.0, 0.002), (0.023, 0.0, 0.001), (0.022, 0.0, 0.0)),
    "middle": ((0.095, 0.0, 0.003), (0.038, 0.0, 0.0), (0.026, 0.0, 0.0), (0.024, 0.0, 0.0)),
    "pinky": ((0.078, -0.006, -0.036), (0.026, 0.0, -0.003), (0.018, 0.0, -0.002), (0.019, 0.0, 0.0)),
    "ring": ((0.087, -0.001, -0.018), (0.035, 0.0, -0.001), (0.024, 0.0, -0.001), (0.023, 0.0, 0.0)),
    "thumb": ((0.026, -0.012, 0.026), (0.026, -0.004, 0.024), (0.024, -0.002, 0.018), (0.022, 0.0, 0.014)),
}
_SIDES = {"left": 1.0, "right": -1.0}


def hand_rows(side: str) -> list[Row]:
    """The 15 finger joints of a side, in the models' order."""
    rows: list[Row] = []
    for finger, offsets in _FINGERS.items():
        parent = f"{side}_wrist"
        for number, offset in enumerate(offsets[:3], start=1):
            rows.append((f"{side}_{finger}{number}", parent, _mirrored(offset, side)))
            parent = f"{side}_{finger}{number}"
    return rows


def fingertips() -> dict[str, Vector]:
    """Last finger joint -> offset of the tip, both hands."""
    return {f"{side}_{finger}3": _mirrored(offsets[3], side) for side in _SIDES for finger, offsets in _FINGERS.items()}


def with_body(name: str, rows: list[Row]) -> Skeleton:
    """Skeleton of the body with ``rows`` appended; fingertips replace the end sites of the wrists."""
    joints = [*BODY.joints, *(row[0] for row in rows)]
    tips = {BODY.joints[end.joint]: end.offset for end in BODY.ends if "wrist" not in BODY.joints[end.joint]}
    tips |= fingertips()
    return Skeleton(
        name=name,
        joints=tuple(joints),
        parents=(*BODY.parents, *(joints.index(row[1]) for row in rows)),
        offsets=np.concatenate([BODY.offsets, [row[2] for row in rows]]),
        roles=BODY.roles,
        ends=tuple(EndSite(joints.index(joint), offset) for joint, offset in tips.items()),
    )


def _mirrored(offset: Vector, side: str) -> Vector:
    return (offset[0] * _SIDES[side], offset[1], offset[2])
