"""Wish: what is to be drawn anew of a clip - which frames, which parts of the body - and how much of it stays.

Frames count from 0, and a span ends before its last number: 40:80 is the forty frames 40 to 79.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from kinescale.core.errors import InputError
from kinescale.rigging.body_parts import ROOT_ROLE, part_names, part_roles

Span = tuple[int, int]


@dataclass(frozen=True)
class Wish:
    """What is drawn anew of a clip.

    Parameters
    ----------
    length : frames of the clip.
    spans : stretches of frames that are drawn; sorted and apart after construction (touching ones are joined).
    parts : of the body, by name (``edits.PARTS``, or roles); none is the whole body.
    strength : the coarsest so many scales stay as they are, also inside the spans.

    Raises ``InputError`` for a span that is empty or not inside the clip, or an unknown part.
    """

    length: int
    spans: tuple[Span, ...]
    parts: tuple[str, ...] = ()
    strength: int = 0

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
        if self.strength < 0:
            raise InputError(f"the strength is {self.strength}; expected how many coarse scales stay, from 0.")
        object.__setattr__(self, "spans", merged(self.spans))
        object.__setattr__(self, "parts", part_names(self.parts))

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are drawn."""
        return part_roles(self.parts)

    @property
    def whole_body(self) -> bool:
        """Whether all of the body is drawn."""
        return self.roles == part_roles(())

    @property
    def moves_root(self) -> bool:
        """Whether the path over the ground is drawn."""
        return ROOT_ROLE in self.roles

    @property
    def whole_clip(self) -> bool:
        """Whether every frame is drawn."""
        return self.spans == ((0, self.length),)

    def check_strength(self, scales: int) -> Wish:
        """The wish itself; ``InputError`` when it leaves nothing to draw of so many scales."""
        if self.strength >= scales:
            raise InputError(
                f"a strength of {self.strength} keeps all there is: this bundle has {scales} scales; expected 0 to "
                f"{scales - 1}."
            )
        return self


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
