"""humanml3d: HumanML3D in its published folder: 263 features of 22 joints at 20 fps, captions, splits.

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text". The folder is the user's own: its motions
come from AMASS and HumanAct12, whose terms they have agreed to. Mirror images are published as clips ("M..."), so none
are made; clips full of NaN (007975 is known for it) are reported and left out.
"""

from __future__ import annotations

from kinescale.data.datasets.base import License, Native
from kinescale.data.datasets.base import published as _published

LICENSE = License(
    name="HumanML3D (AMASS and HumanAct12 terms: research only)",
    url="https://amass.is.tue.mpg.de/license.html",
    attribution="HumanML3D (Guo et al. 2022), motions from AMASS (Mahmood et al. 2019) and HumanAct12.",
    commercial_use=False,
)
NATIVE = Native(skeleton="humanml22", fps=20.0, feature="humanml3d", width=263, feature_config={"variant": "humanml3d"})
LAYOUT = _published.Layout("humanml3d", NATIVE, shortest=40, longest=200)
find, load, given, statistics = _published.of(LAYOUT)
"""The clips of all splits (a caption with times makes a clip of its own); the motion of a clip of 40 to 199 frames; its
published features; ``Mean.npy`` and ``Std.npy``."""
