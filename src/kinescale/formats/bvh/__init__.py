"""BVH (Biovision hierarchy) motion files: Euler angles over a joint tree, centimeters by default; read and written.

What the format leaves open is settled as follows. Position channels *replace* a joint's OFFSET, axis by axis.
Rotation channels turn in the order they are listed, each about the axis the ones before have turned. A first
node that has one child with position channels is a floor marker, as in the Bandai-Namco sets: it is folded
into the child, which becomes the root. Position channels of other joints are read as a rest offset: their
mean over time, which replaces the OFFSET unless both agree to a tenth of a millimeter. Where they move by
more than that, ``meta["translation_dropped_m"]`` says how far. Where such channels stay near zero although the
OFFSETs do not, they are displacements, and are added. ``Motion.root`` is joint 0's world position. BVH keeps joints
depth first, so a skeleton in another order comes back in that order, with the same names.

A file says neither its unit nor its up axis: both are found from the body (``base.world``). Deviations that other
programs write (a row more than ``Frames:`` says, equal names, names in a legacy encoding, rows
over several lines, names after ``End Site``) is read with a note; ``strict`` refuses it.
"""

from kinescale.formats.bvh.reader import MAX_FILE_BYTES, read
from kinescale.formats.bvh.writer import write

SUFFIXES = (".bvh",)

__all__ = ["MAX_FILE_BYTES", "SUFFIXES", "read", "write"]
