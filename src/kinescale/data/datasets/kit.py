"""kit: KIT-ML in HumanML3D's folder layout: 251 features of 21 joints at 12.5 fps, captions, splits.

Plappert et al. 2016, "The KIT Motion-Language Dataset"; the arrays are Guo et al. 2022's. Lengths are kept from 24
frames on (MoMask's data settings; the method notes, MoSa section 1).
"""

from __future__ import annotations

from kinescale.data.datasets.base import License, Native
from kinescale.data.datasets.base import published as _published

LICENSE = License(
    name="KIT Motion-Language Dataset (terms of its publishers)",
    url="https://motion-annotation.humanoids.kit.edu/dataset/",
    attribution="KIT Motion-Language Dataset (Plappert et al. 2016), features of Guo et al. 2022.",
    commercial_use=False,
)
NATIVE = Native(skeleton="kit21", fps=12.5, feature="humanml3d", width=251, feature_config={"variant": "kit"})
LAYOUT = _published.Layout("kit", NATIVE, shortest=24, longest=200)
find, load, given, statistics = _published.of(LAYOUT)
"""The clips of all splits (a caption with times makes a clip of its own); the motion of a clip of 24 to 199 frames; its
published features; ``Mean.npy`` and ``Std.npy``."""
