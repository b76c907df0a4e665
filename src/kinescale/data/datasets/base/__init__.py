"""Dataset contract: what the module or package of a corpus offers.

Required:

- ``LICENSE``: a ``License``.
- ``find(folder) -> list[RawClip]``: the clips in the published layout below ``folder``, in a fixed order, reading names
  and captions only.
- ``load(clip) -> Motion``: one clip on the file's own skeleton, at the true frame rate, in meters.

A labeled corpus, whose clips come without sentences, also offers

- ``captions(clip, count, *, part=False) -> ClipCaptions``: sentences from the clip's label; with ``part`` for a window
  of the take, which may show only some of what the label lists.
- ``claims(action, take) -> tuple[Claim, ...]``, optional: what the label claims, for measuring whether it is followed.
- ``LABEL_RULES``, optional: label -> rules that a clip of it must not break (``data.label_check``).
- ``written_captions() -> {label or take: sentences}``, optional: captions written by hand.

A corpus with published feature arrays also offers ``NATIVE``, ``given(clip) -> [T, F]`` (the arrays unchanged) and
``statistics(folder) -> (mean, std) | None``; one whose terms depend on the folder, ``license(folder) -> License``; one
of bodies without bones takes the user's body models, ``find(folder, body_models)``, and names ``OTHER_FORMS`` of
``prepare --as``. ``PREPARED_FPS``: frames a second when none are asked for, where that is not the package's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from kinescale.core.errors import DataError
from kinescale.core.records import Record

STATISTICS = (("Mean.npy", "Std.npy"), ("mean.npy", "std.npy"))
"""File names of published means and deviations of features."""


class License(Record):
    """Terms that follow the data into bundles and into the files made with them."""

    name: str
    url: str
    attribution: str
    commercial_use: bool
    share_alike: bool = False


def union(licenses: Sequence[License]) -> License:
    """Terms that satisfy all of several licenses; each name, address and attribution stands once."""
    names = dict.fromkeys(name for license in licenses for name in license.name.split(" AND "))
    attributions = dict.fromkeys(license.attribution for license in licenses if license.attribution)
    longest = [each for each in attributions if not any(each != other and each in other for other in attributions)]
    return License(
        name=" AND ".join(names),
        url=" ".join(dict.fromkeys(url for license in licenses for url in license.url.split())),
        attribution=" ".join(longest),
        commercial_use=all(license.commercial_use for license in licenses),
        share_alike=any(license.share_alike for license in licenses),
    )


class RawClip(Record):
    """One clip as published: its files, label, captions and split.

    Parameters
    ----------
    id : "corpus/take".
    files : hashed for the manifest, the motion file first.
    action, style : words of the label (a take's one-line description is its action).
    fps, unit_m : frame rate and length of the file's unit in meters, where the file does not state them.
    captions : published sentences; ``None`` where the dataset's ``captions`` makes them from the label.
    caption_tokens : words of each caption with their parts of speech.
    mirrorable : with left and right exchanged, the captions describe the mirror image.
    split, held_by : split of the clip, and what is held out with it ("pair", "actor" or "take").
    start, stop : frames, where the clip is a part of its file.
    animation : index of the animation, in a file with several.
    problem : why a listed clip cannot be used; preparation reports it under the clip's id and continues.
    """

    id: str
    corpus: str
    files: tuple[Path, ...]
    action: str
    style: str = "normal"
    fps: float | None = None
    drop_first: int = 0
    captions: tuple[str, ...] | None = None
    mirrorable: bool = False
    caption_tokens: tuple[str, ...] = ()
    split: str | None = None
    held_by: str = ""
    unit_m: float | None = None
    animation: int | None = None
    start: int = 0
    stop: int | None = None
    problem: str = ""

    @property
    def take(self) -> str:
        """The id without the corpus."""
        return self.id.split("/", 1)[1]


class Native(Record):
    """Format of published feature arrays: skeleton and frame rate, feature and its width."""

    skeleton: str
    fps: float
    feature: str
    width: int
    feature_config: dict[str, Any] = Field(default_factory=dict)


def need(clips: list[RawClip], folder: Path, layout: str) -> list[RawClip]:
    """``clips`` sorted by id; ``DataError`` when there is none, or two that can be used share an id."""
    if not any(not clip.problem for clip in clips):
        why = f" The first of {len(clips)} that cannot be used: {clips[0].problem}" if clips else ""
        raise DataError(f"{folder}: no clip found; expected {layout}.{why}")
    seen: dict[str, RawClip] = {}
    for clip in clips:
        if clip.problem:
            continue
        if clip.id in seen:
            raise DataError(f"two clips are called {clip.id}: {seen[clip.id].files[0]} and {clip.files[0]}.")
        seen[clip.id] = clip
    return sorted(clips, key=lambda clip: clip.id)


def read_statistics(folder: Path, width: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and deviation of ``width`` features, float32; ``None`` where ``folder`` holds neither pair of files.

    ``DataError`` for numbers that are not finite, another width, or a deviation that is negative.
    """
    from kinescale.formats.npy import read_values

    for names in STATISTICS:
        files = [folder / name for name in names]
        if all(file.is_file() for file in files):
            mean, std = (np.asarray(read_values(file, axes=(1,)), dtype=np.float32) for file in files)
            for file, values in zip(files, (mean, std), strict=True):
                if values.shape != (width,) or not np.isfinite(values).all():
                    raise DataError(f"{file}: expected {width} finite numbers, got {list(values.shape)}.")
            if (std < 0).any():
                raise DataError(f"{files[1]}: holds a negative deviation.")
            return mean, std
    return None
