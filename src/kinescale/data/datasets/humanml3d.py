"""humanml3d: HumanML3D in its published folder: 263 features of 22 joints at 20 fps, captions, splits.

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text". The folder is the user's own: its motions
come from AMASS and HumanAct12, whose terms they have agreed to. Mirror images are published as clips ("M..."), so none
are made; clips full of NaN (007975 is known for it) are reported and left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from kinescale.data.datasets.base import License, Native, RawClip
from kinescale.data.datasets.base import published as _published
from kinescale.motion import Motion

LICENSE = License(
    name="HumanML3D (AMASS and HumanAct12 terms: research only)",
    url="https://amass.is.tue.mpg.de/license.html",
    attribution="HumanML3D (Guo et al. 2022), motions from AMASS (Mahmood et al. 2019) and HumanAct12.",
    commercial_use=False,
)
NATIVE = Native(skeleton="humanml22", fps=20.0, feature="humanml3d", width=263, feature_config={"variant": "humanml3d"})
LAYOUT = _published.Layout("humanml3d", NATIVE, shortest=40, longest=200)


def find(folder: Path) -> list[RawClip]:
    """The clips of all splits; a caption with times makes a clip of its own."""
    return _published.find(folder, LAYOUT)


def load(clip: RawClip) -> Motion:
    """The motion of 40 to 199 frames."""
    return _published.load(clip, LAYOUT)


def given(clip: RawClip) -> Float[np.ndarray, "T 263"] | None:
    """The published features of the clip."""
    return _published.given(clip, LAYOUT)


def statistics(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """``Mean.npy`` and ``Std.npy``."""
    return _published.statistics(folder, LAYOUT)
