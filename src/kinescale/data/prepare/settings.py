"""Settings of preparation: skeleton, frame rate, captions, windows, split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kinescale.core.conventions import NATIVE_FPS
from kinescale.core.records import Record
from kinescale.data import datasets

WINDOW_FRAMES = 256
"""8.5 seconds at 30 fps, the capacity of the recipes' tokenizers."""

CAPTIONS, AMOUNTS, PART_AMOUNTS = 18, 1 / 3, 1.5
"""Captions of a clip, the share of them that states amounts, and the factor of that share in a window of a longer take,
whose label may describe another part."""

_LATER = ("measured", "amounts", "window_frames", "split")
"""Settings that older folders do not have."""


class Settings(Record):
    """Format of the prepared motions and their captions.

    Parameters
    ----------
    captions_per_clip : captions of a clip whose dataset publishes none.
    measured : captions of the measured motion to add to published ones.
    amounts : share of the captions made from labels that state measurements: counts, lengths, angles, order.
    window_frames : length of the overlapping windows that longer takes are cut into; 0 cuts nothing.
    split : split of all clips, in place of the dataset's.
    """

    skeleton: str = "humanml22"
    fps: float = NATIVE_FPS
    captions_per_clip: int = Field(default=12, ge=1)
    measured: int = Field(default=0, ge=0, le=3)
    amounts: float = Field(default=0.0, ge=0, le=1)
    window_frames: int = Field(default=0, ge=0)
    split: Literal["train", "val", "test"] | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; later settings are left out where they are off, so that older folders keep their hash."""
        return {name: value for name, value in super().to_json().items() if name not in _LATER or value}

    @classmethod
    def of(cls, corpus: str, **changes: Any) -> Settings:
        """Default settings of a corpus: the format of its published arrays, else its own rate or the package's."""
        module = datasets.FAMILY.load(corpus)
        native = getattr(module, "NATIVE", None)
        own = {"fps": getattr(module, "PREPARED_FPS", NATIVE_FPS)}
        own = own if native is None else {"skeleton": native.skeleton, "fps": native.fps}
        if datasets.is_labeled(corpus):
            own |= {"captions_per_clip": CAPTIONS, "amounts": AMOUNTS, "window_frames": WINDOW_FRAMES}
        return cls(**{**own, **{name: value for name, value in changes.items() if value is not None}})
