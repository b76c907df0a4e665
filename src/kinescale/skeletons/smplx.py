"""smplx: SMPL-X's 55 joints (body, jaw, eyes, hands) in a T-pose, with a mean body's proportions of our own.

Pavlakos et al. 2019, "Expressive Body Capture". AMASS files carry a shape (``betas``) too; it changes bone lengths only
where the user gives the body model (``formats/amass.py``).
"""

from kinescale.skeletons.base.smpl_body import Row, hand_rows, with_body

_FACE: list[Row] = [
    ("jaw", "head", (0.0, 0.01, 0.01)),
    ("left_eye_smplhf", "head", (0.032, 0.07, 0.075)),
    ("right_eye_smplhf", "head", (-0.032, 0.07, 0.075)),
]

SKELETON = with_body("smplx", [*_FACE, *hand_rows("left"), *hand_rows("right")])
