"""GLB and glTF 2.0: a skinned body that moves in any viewer; the animation of any skinned file is read back.

glTF 2.0 (Khronos, ISO/IEC 12113). **Written:** a node for every joint, bound in the skeleton's T-pose (its rest
pose where no T-pose is known), one skin on a plain capsule body, and for every motion an animation with LINEAR
samplers; prompt, seed, license and the rest of ``meta`` stand in ``extras``. Offsets are kept to the last bit,
tracks as float32. **Read:** joints keep their nodes' world positions and world orientations, so a joint's offset is
its node's translation in the parent's frame, and ``t_pose`` is the file's rest pose where that is not all
identities. Even scales, such as 0.01 above a skeleton in centimeters, are folded into the offsets. What a Motion has no
room for is left out and noted in ``meta``: a scale that moves (``scale_dropped``), translations that move below the
root (``translation_dropped_m``), small trees of joints beside the main one (``joints_left_out``). Where hips that are
recognized move below a root joint, as in game rigs, the hips become the root. A file without an animation gives one
frame. Where a skin has inverse bind matrices, the pose they show is the one that the T-pose is made from: nodes often
stand as an animation left them. Where a file says which node is which bone of a person (VRM), those are the roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinescale.core.files import atomic_write_bytes
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.world import Stated, in_likely_unit, scaled, upright
from kinescale.formats.glb.container import Document, pack, pack_text
from kinescale.formats.glb.reader import to_motion
from kinescale.formats.glb.sampling import names_of
from kinescale.formats.glb.writer import build
from kinescale.motion.motion import Motion

SUFFIXES = (".glb", ".gltf")
HOLDS_META = True


def read(
    path: str | Path,
    *,
    animation: int | str | None = None,
    fps: float | None = None,
    up: str | None = None,
    unit_m: float | None = None,
) -> Motion:
    """Read one animation of a .glb, or of a .gltf that holds its data itself; no other file is opened.

    ``animation`` is its name or its index from 0, the first by default (``animations`` lists them). ``fps`` is the
    frame rate it is sampled at: by default the one it was written with, else the most common spacing of its keys, else
    30. ``up`` and ``unit_m`` (meters a unit) state the world of a file that is not in meters with Y up; by default
    the body decides. Numbers come back as float32. Raises ``FormatError`` for what is not sound, ``InputError`` for an
    animation that is not there.
    """
    stated = Stated(up, unit_m, fps)
    motion, ours = to_motion(Document.open(path), animation, stated.fps)
    notes: tuple[str, ...] = ()
    if unit_m is not None:
        motion = scaled(motion, unit_m)
    elif not ours:
        whole = motion
        motion, notes = in_likely_unit(lambda unit: scaled(whole, unit) if unit != 1.0 else whole, 1.0)
    if up is not None or not ours:
        motion, more = upright(motion, stated.up, identity_rest=False)
        notes = (*notes, *more)
    return with_notes(motion, notes)


def animations(path: str | Path) -> tuple[str, ...]:
    """The names of a file's animations, in their order; its number stands for one without a name.

    Raises ``FormatError`` for what is not sound.
    """
    return tuple(names_of(Document.open(path)))


def write(motion: Motion | Sequence[Motion], path: str | Path) -> None:
    """Write a .glb (or one .gltf text), whole or not at all; an existing file is replaced.

    Several motions of one skeleton become several animations. Entries of ``meta`` that JSON cannot hold become text.
    Raises ``InputError`` for motions of different skeletons.
    """
    motions = [motion] if isinstance(motion, Motion) else list(motion)
    document, buffer = build(motions)
    packed = pack_text if Path(path).suffix.lower() == ".gltf" else pack
    atomic_write_bytes(path, packed(document, buffer))
