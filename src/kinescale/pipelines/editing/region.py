"""Edit region: which frames and body parts of a clip are resampled, and how many coarse scales are kept.

Frames count from 0, and a span ends before its last number: 40:80 is the forty frames 40 to 79.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kinescale.core.errors import InputError
from kinescale.motion.motion import Motion
from kinescale.rigging.body_parts import ROOT_ROLE, part_names, part_roles

Span = tuple[int, int]


@dataclass(frozen=True)
class EditRegion:
    """The frames and body parts of a clip that an edit resamples; everything else is kept exactly.

    Parameters
    ----------
    length : frames of the clip.
    spans : stretches of frames; sorted and merged after construction.
    parts : names of body parts (``kinescale parts``) or roles; empty is the whole body.
    keep_scales : how many of the coarsest scales are kept inside the spans, too: 0 resamples all scales, more follows
        the clip more closely.

    Raises ``InputError`` for a span that is empty or not inside the clip, or an unknown part.

    Example
    -------
    >>> from kinescale import EditRegion
    >>> region = EditRegion(120, ((40, 60), (60, 80)), ("arms",), keep_scales=1)
    >>> region.spans, region.moves_root
    (((40, 80),), False)
    """

    length: int
    spans: tuple[Span, ...]
    parts: tuple[str, ...] = ()
    keep_scales: int = 0

    def __post_init__(self) -> None:
        if not self.spans:
            raise InputError("the edit is about no frames; name some with --frames 40:80 or --seconds 1.3:2.7.")
        for start, stop in self.spans:
            if stop <= start:
                raise InputError(f"the frames {start}:{stop} are none; expected a first and a later last, as 40:80.")
            if start < 0 or stop > self.length:
                raise InputError(
                    f"the frames {start}:{stop} are not inside the clip, which has the frames 0:{self.length}."
                )
        if self.keep_scales < 0:
            raise InputError(f"keep_scales is {self.keep_scales}; expected how many coarse scales are kept, from 0.")
        object.__setattr__(self, "spans", merged(self.spans))
        object.__setattr__(self, "parts", part_names(self.parts))

    @classmethod
    def of(
        cls,
        motion: Motion,
        *,
        frames: Span | Sequence[Span] | None = None,
        seconds: tuple[float | int, float | int] | None = None,
        parts: str | Sequence[str] = (),
        keep_scales: int = 0,
    ) -> EditRegion:
        """The region of a clip: ``frames`` (a span or several) or ``seconds`` from and to; all frames by default.

        Example
        -------
        >>> from kinescale import EditRegion, TextToMotion
        >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=2.0).motions[0]
        >>> EditRegion.of(motion, seconds=(0.5, 1.0), parts="left_arm,head").spans
        ((15, 30),)
        """
        return cls(len(motion), _spans(motion, frames, seconds), part_names(parts), keep_scales)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are resampled."""
        return part_roles(self.parts)

    @property
    def whole_body(self) -> bool:
        """Whether the whole body is resampled."""
        return self.roles == part_roles(())

    @property
    def moves_root(self) -> bool:
        """Whether the path over the ground is resampled."""
        return ROOT_ROLE in self.roles

    @property
    def whole_clip(self) -> bool:
        """Whether every frame is resampled."""
        return self.spans == ((0, self.length),)

    @property
    def listed(self) -> str:
        """The spans as ``40:80,90:100``."""
        return ",".join(f"{start}:{stop}" for start, stop in self.spans)

    def check_keep_scales(self, scales: int) -> None:
        """``InputError`` when all of so many scales are kept."""
        if self.keep_scales >= scales:
            raise InputError(
                f"keep_scales is {self.keep_scales}, which keeps all there is: this bundle has {scales} scales; "
                f"expected 0 to {scales - 1}."
            )


def _spans(
    motion: Motion, frames: Span | Sequence[Span] | None, seconds: tuple[float | int, float | int] | None
) -> tuple[Span, ...]:
    if frames is not None and seconds is not None:
        raise InputError("frames and seconds are both given; name one of them.")
    if seconds is not None:
        return (parse_seconds(f"{seconds[0]}:{seconds[1]}", motion.fps, len(motion)),)
    if frames is None:
        return ((0, len(motion)),)
    spans: Any = [frames] if frames and isinstance(frames[0], int) else frames
    for span in spans:
        if not isinstance(span, Sequence) or len(span) != 2 or not all(isinstance(edge, int) for edge in span):
            raise InputError(f"the frames are {frames}; expected a first and a last, as (40, 80).")
    return tuple((first, last) for first, last in spans)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same frames as sorted spans that do not touch."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return tuple(joined)


def outside(spans: Iterable[Span], length: int) -> tuple[Span, ...]:
    """The frames of a clip that are in none of the spans."""
    edges = [0, *(edge for span in merged(spans) for edge in span), length]
    return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)


def parse_frames(text: str, length: int | None = None) -> Span:
    """``"40:80"`` as (40, 80); ``":80"`` begins at 0, ``"40:"`` ends with the clip. ``InputError`` otherwise."""
    first, last = _halves(text, "--frames", "whole numbers, as 40:80")
    for word in (first, last):
        if word and not word.isdecimal():
            raise InputError(f"--frames is '{text}'; expected whole numbers from 0, as 40:80.")
    return _span(text, int(first or 0), int(last) if last else length)


def parse_seconds(text: str, fps: float, length: int | None = None) -> Span:
    """``"1.3:2.7"`` as frames at ``fps``, each edge to the nearest; open ends as with frames."""
    seconds = []
    for word in _halves(text, "--seconds", "two times, as 1.3:2.7"):
        try:
            value = float(word) if word else None
        except ValueError:
            value = math.nan
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise InputError(f"--seconds is '{text}'; expected two times from 0, as 1.3:2.7.")
        seconds.append(value)
    last = length if seconds[1] is None else round(seconds[1] * fps)
    # half a frame past the end is the end
    if length is not None and last is not None and seconds[1] is not None and seconds[1] <= (length + 0.5) / fps:
        last = min(last, length)
    return _span(text, round((seconds[0] or 0.0) * fps), last)


def _halves(text: str, option: str, expected: str) -> tuple[str, str]:
    first, colon, last = text.replace(" ", "").partition(":")
    if not colon or ":" in last or not (first or last):
        raise InputError(f"{option} is '{text}'; expected {expected}.")
    return first, last


def _span(text: str, first: int, last: int | None) -> Span:
    if last is None:
        raise InputError(f"'{text}' has no end; say where it ends.")
    if last <= first:
        raise InputError(f"'{text}' holds no frame; expected a later end than its beginning.")
    return first, last
