"""Rest pose of SMPL-H and SMPL-X bodies: of a mean body, or from the user's model file and shape parameters.

Loper et al. 2015, "SMPL", equation 10: the joints rest at a regression from the shaped template's vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from kinescale import skeletons
from kinescale.core.errors import FormatError, SkeletonError
from kinescale.io.safe_npy import Expected, open_npz
from kinescale.io.text_scanner import sound
from kinescale.skeletons import Skeleton

MEAN_PELVIS = {"smplh": (0.0, -0.22, 0.03), "smplx": (0.0, -0.35, 0.01)}
"""Approximate rest position of the pelvis in the models' axes, meters: their origin is in the chest."""

MAX_VERTICES = 100_000
PICKLE = (
    'is a pickle, which can run code when it is opened; convert it once, where you trust it, with: python -c "import '
    "pickle, numpy as np; m = pickle.load(open('MODEL.pkl', 'rb'), encoding='latin1'); np.savez('MODEL.npz', **{k: "
    "np.asarray(m[k].toarray() if hasattr(m[k], 'toarray') else m[k]) for k in ('v_template', 'shapedirs', "
    "'J_regressor', 'kintree_table')})\"."
)
"""Why a pickled model is refused, and what to do."""
_MEMBERS = {
    "v_template": Expected("f4 f8", (2,), lenient=True),
    "J_regressor": Expected("f4 f8", (2,), lenient=True),
    "shapedirs": Expected("f4 f8", (3,), lenient=True),
    "kintree_table": Expected("i4 i8 u4 u8", (2,), lenient=True),
}


@dataclass(frozen=True)
class Rest:
    """A skeleton, and the rest position of its pelvis in the model's axes (meters, float64 [3])."""

    skeleton: Skeleton
    pelvis: Float[np.ndarray, "3"]

    @classmethod
    def of(cls, joints: Float[np.ndarray, "J 3"], like: Skeleton) -> Rest:
        """From rest positions [J, 3]; ``like`` gives everything but the offsets."""
        joints = joints.astype(np.float64)
        offsets = joints - joints[[max(parent, 0) for parent in like.parents]]
        made = Skeleton(like.name, like.joints, like.parents, offsets, like.roles, like.t_pose, like.ends)
        # the named skeleton itself where the numbers agree, so that both compare equal
        return cls(like if np.allclose(offsets, like.offsets, rtol=0, atol=1e-9) else made, joints[0])

    def joints(self) -> Float[np.ndarray, "J 3"]:
        """Rest positions of all joints."""
        places = [self.pelvis]
        for joint, parent in enumerate(self.skeleton.parents[1:], start=1):
            places.append(places[parent] + self.skeleton.offsets[joint])
        return np.stack(places)


def mean_rest(name: str) -> Rest:
    """The mean body of a model by its skeleton's name."""
    return Rest(skeletons.get(name), np.array(MEAN_PELVIS[name]))


@dataclass(frozen=True, eq=False)
class FoldedModel:
    """A body model's joints as a function of its shape: the regressor folded with template and shape directions.

    ``joints`` [J, 3] at rest of the template and ``shapes`` [J, 3, B], what a shape parameter adds; meters, float64.
    """

    like: Skeleton
    joints: Float[np.ndarray, "J 3"]
    shapes: Float[np.ndarray, "J 3 B"]
    path: Path

    def rest(self, betas: Float[np.ndarray, "B2"]) -> Rest:
        """The rest pose of a shape; values beyond the model's are left out. ``FormatError`` for a body not sound."""
        count = min(len(betas), self.shapes.shape[2])
        joints = self.joints + self.shapes[:, :, :count] @ betas[:count]
        try:
            return Rest.of(joints, self.like)
        except SkeletonError as problem:
            raise FormatError(f"the body in it is not sound: {problem}", path=self.path) from None


def read_rest(path: str | Path, like: Skeleton, betas: Float[np.ndarray, "B"]) -> Rest:
    """The rest pose of a body model file with a shape; shape values beyond the file's are left out.

    Raises ``FormatError`` when the file is not a model with the joints of ``like``, or only a pickle could open it.
    """
    return fold_model(path, like).rest(betas)


def fold_model(path: str | Path, like: Skeleton) -> FoldedModel:
    """A body model file folded to its joints, which is all that skeletons need: no vertex is kept.

    Raises ``FormatError`` as ``read_rest``.
    """
    path = Path(path)
    if path.suffix.lower() in (".pkl", ".pickle"):
        raise FormatError(PICKLE, path=path)
    with open_npz(path) as archive:
        picked = archive.pick(_MEMBERS)
        missing = [name for name in _MEMBERS if name not in picked]
        if missing:
            raise FormatError(f"lacks '{missing[0]}'; expected an SMPL-H or SMPL-X model.", path=path)
        table = picked.read("kintree_table", _MEMBERS["kintree_table"])
        template = picked.read("v_template", _MEMBERS["v_template"])
        regressor = picked.read("J_regressor", _MEMBERS["J_regressor"])
        shapes = picked.read("shapedirs", _MEMBERS["shapedirs"])
    _check_tree(path, table, like)
    vertices = len(template)
    fits = (
        template.shape == (vertices, 3)
        and regressor.shape == (len(like), vertices)
        and shapes.shape[:2] == (vertices, 3)
    )
    if not fits or not 1 <= vertices <= MAX_VERTICES:
        raise FormatError(
            f"template {template.shape}, regressor {regressor.shape} and shapes {shapes.shape} do not fit "
            f"{len(like)} joints; expected [V, 3], [{len(like)}, V] and [V, 3, B].",
            path=path,
        )
    regressor = regressor.astype(np.float64)
    joints = regressor @ template.astype(np.float64)
    folded = np.tensordot(regressor, shapes.astype(np.float64), axes=(1, 0))
    if not sound(joints) or not sound(folded):
        raise FormatError("its numbers are not finite.", path=path)
    return FoldedModel(like, joints, folded, path)


def _check_tree(path: Path, table: np.ndarray, like: Skeleton) -> None:
    """Parents in the file must be ours; the root's is any number that is no joint."""
    if table.shape != (2, len(like)) or table[0, 1:].tolist() != list(like.parents[1:]):
        raise FormatError(
            f"its tree has shape {table.shape} or other parents than '{like.name}'; expected that model.", path=path
        )
