"""The contract of a motion format, and reading and writing files by it: the format is chosen by a file's suffix.

A format is a module or package of ``kinescale.formats`` with ``SUFFIXES`` and ``read(path, **options) -> Motion``
and/or ``write(motion, path, **options)``. Nothing is listed anywhere; a module is imported when its suffix is looked
up. A format may also define:

* ``HOLDS_META = True``: the file keeps ``Motion.meta`` itself; for all others a sidecar does (``io.sidecar``).
* ``needs(motion, **options) -> Needs``: the skeleton and frame rate without which it cannot be written.
* ``animations(path) -> list[str]``: names of the animations in a file that may hold several.
* ``sniff(path) -> str``: name of the format that reads this file, where a suffix is shared.
* a double suffix ``.NAME.SUFFIX`` (``.amass.npz``): the format's own name before a suffix that others have too.

Every file that is read goes through one step that settles its up axis, unit and frame rate (``world``). A format whose
files leave these open takes ``up``, ``unit_m`` and ``fps`` and passes them to that step; for all others they are
applied after reading. What was assumed stands in ``meta["reading_notes"]`` (``notes``).

``files`` reads and writes, ``lookup`` finds formats and their options; ``world``, ``notes``, ``smpl_model`` and
``smpl_poses`` are what several formats share.
"""

from kinescale.formats.base.files import MAX_FILE_BYTES, read_motion, read_with_notes, write_motion
from kinescale.formats.base.lookup import animations_of, needs_of, options_of, suffixes
from kinescale.formats.base.needs import Needs

__all__ = [
    "MAX_FILE_BYTES", "Needs", "animations_of", "needs_of", "options_of", "read_motion", "read_with_notes", "suffixes",
    "write_motion",
]  # fmt: skip
