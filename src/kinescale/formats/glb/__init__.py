"""GLB and glTF 2.0 motion files: a skinned, animated body is written; animations of any skinned file are read.

glTF 2.0 (Khronos, ISO/IEC 12113). **Written:** a node for every joint, bound in the skeleton's T-pose (its rest pose
where no T-pose is known), one skin on a plain capsule body, and for every motion an animation with LINEAR samplers;
prompt, seed, license and the rest of ``meta`` stand in ``extras``. Offsets are kept to the last bit, tracks as float32.
**Read:** joints keep their nodes' world positions and world orientations, so a joint's offset is its node's translation
in the parent's frame, and ``t_pose`` is the file's rest pose where that is not all identities. Even scales, such as
0.01 above a skeleton in centimeters, are folded into the offsets. Data that a Motion cannot hold is left out and noted
in ``meta``: an animated scale (``scale_dropped``), animated translations below the root (``translation_dropped_m``),
small joint trees besides the main one (``joints_left_out``). Where recognized hips move below a root joint, as in game
rigs, the hips become the root. A file without an animation gives one frame. Where a skin has inverse bind matrices, the
T-pose is derived from the bind pose: nodes often are in some frame of an animation. Where a file names the bones of a
person (VRM), those give the roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinescale.core.files import atomic_write_bytes
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.world import WorldOptions, in_likely_unit, scaled, upright
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
    30. ``up`` and ``unit_m`` (meters per unit) state the world of a file that is not in meters with Y up; by default
    the body decides. Numbers come back as float32. Raises ``FormatError`` for damaged content, ``InputError`` for an
    unknown animation.
    """
    stated = WorldOptions(up, unit_m, fps)
    motion, ours = to_motion(Document.open(path), animation, stated.fps)
    unit_notes: tuple[str, ...] = ()
    up_notes: tuple[str, ...] = ()
    if unit_m is not None:
        motion = scaled(motion, unit_m)
    elif not ours:
        whole = motion
        motion, unit_notes = in_likely_unit(lambda unit: scaled(whole, unit) if unit != 1.0 else whole, 1.0)
    if up is not None or not ours:
        motion, up_notes = upright(motion, stated.up, identity_rest=False)
    return with_notes(motion, (*unit_notes, *up_notes))


def animations(path: str | Path) -> tuple[str, ...]:
    """Names of a file's animations, in order; unnamed ones are named by their number.

    Raises ``FormatError`` for damaged content.
    """
    return tuple(names_of(Document.open(path)))


def write(motion: Motion | Sequence[Motion], path: str | Path) -> None:
    """Write a .glb (or a .gltf text) atomically; an existing file is replaced.

    Several motions of one skeleton become several animations. Entries of ``meta`` that JSON cannot hold become text.
    Raises ``InputError`` for motions of different skeletons.
    """
    motions = [motion] if isinstance(motion, Motion) else list(motion)
    document, buffer = build(motions)
    packed = pack_text if Path(path).suffix.lower() == ".gltf" else pack
    atomic_write_bytes(path, packed(document, buffer))
