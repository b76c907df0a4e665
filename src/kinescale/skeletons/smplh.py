"""smplh: SMPL-H's 52 joints (22 of the body, 15 a hand) in a T-pose, with a mean body's proportions of our own.

Romero et al. 2017, "Embodied Hands". AMASS files carry a shape (``betas``) too; it changes bone lengths only where
the user gives the body model (``formats/amass.py``).
"""

from kinescale.skeletons.base.smpl_body import hand_rows, with_body

SKELETON = with_body("smplh", [*hand_rows("left"), *hand_rows("right")])
