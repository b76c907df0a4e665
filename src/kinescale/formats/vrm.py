"""VRM: GLB files that say which node is which bone of a person; they are read as ``glb`` reads them, and not written.

VRM 0.x and 1.0 (.vrm), VRM animations (.vrma), by the VRM Consortium. Joints get the roles that the file states.
"""

from kinescale.formats import glb

SUFFIXES = (".vrm", ".vrma")
HOLDS_META = glb.HOLDS_META

read = glb.read
animations = glb.animations
