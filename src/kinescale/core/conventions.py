"""Conventions of the whole package: axes, units, orders and bounds.

Right-handed, Y up, facing +Z, so the character's left is +X. Meters, seconds, radians.
Quaternions are ``xyzw``; rotations are local to the parent; the time axis comes before the joint axis.
Six-dimensional rotations are the first two *columns* of the matrix (Zhou et al. 2019, section 4.2).
"""

from __future__ import annotations

UP = (0.0, 1.0, 0.0)
LEFT = (1.0, 0.0, 0.0)

UP_AXIS = 1
GROUND_AXES = (0, 2)

CENTIMETER = 0.01
INCH = 0.0254
UNITS_M = {
    "m": 1.0,
    "cm": CENTIMETER,
    "mm": 0.001,
    "in": INCH,
    "ft": 12 * INCH,
    "dm": 0.1,
    "cmu": INCH / 0.45,
}
"""Meters of the units that motion files are written in; "cmu" is the scaled inch of the CMU captures (0.0564 m)."""

NATIVE_FPS = 30.0
"""Frames a second of every corpus we prepare; HumanML3D alone stays at its published 20."""

MAX_FPS = 1000.0
MIN_FPS = 1e-6
"""Lowest frame rate: a frame lasts at most 11 days."""
MAX_SECONDS = 1e8
"""Longest clip, three years: its times are still representable in every format."""
MAX_LENGTH_M = 1e7
"""Farthest root and longest bone, meters: sums over any tree stay finite and representable in every format."""
MAX_FRAMES = 1_000_000
MAX_JOINTS = 1024
"""Bounds that the sizes declared in a file are checked against before anything is allocated."""

DEFAULT_SEED = 0

MAX_CANDIDATES = 64
"""Most rounds of draws of a clip."""
