"""Assembly of motions that are drawn apart: acts joined one after the other, or the arms of one on the walk of another.

Joints of the seams, steps and support feet are those of composed training clips (``data.compose``). An assembly whose
seam is worse than those of training clips is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kinescale.core.errors import SkeletonError
from kinescale.data.compose.overlay import EASE, overlay
from kinescale.data.compose.track import Legs, Track
from kinescale.data.compose.transition import Transition, best_transition, join_clips
from kinescale.description import describe
from kinescale.description.prompts import Part
from kinescale.motion.motion import Motion

HARD_SEAM = 2.6
"""Largest cost of a transition, about m/s, as for composed training clips."""

MOST_SHORT_M = 0.02
"""Largest distance by which a foot may miss its target in a seam."""

MOST_M_S2 = 110.0
"""Largest acceleration of a joint in a seam: that of kicks; an arm that flips has several times as much."""

OTHER_ROOMS = (0.4, 2.0)
"""Where a seam is refused, it is looked for among so many times as many frames."""

ENDS_S, LEAD_S, LEAST_LEAD_S, MOST_TRIED = 0.5, 0.4, 0.15, 14
"""Seconds at a piece's ends among which a seam is looked for; those that stay before and after an act, at most and at
least; frames tried."""

SEAM_S, SPARE_S = 0.2, 1.0
"""Seconds that a seam adds on average; those that the last piece is drawn longer, to be cut."""

LEAST_S, LEAST_FRAMES = 1.0, 12
"""Seconds of the shortest piece that is drawn, and frames of the shortest act."""


def schedule(parts: Sequence[Part], seconds: float) -> tuple[float, ...]:
    """Seconds to draw of each part so that all together last ``seconds``, and the last a little longer.

    Parts that last as long as one likes (travel, standing) share what the others leave.
    """
    free = seconds - SEAM_S * (len(parts) - 1)
    fixed = sum(part.seconds for part in parts if not part.elastic)
    elastic = sum(part.seconds for part in parts if part.elastic)
    least = min(elastic, 0.35 * free)
    if not elastic:
        shares = [part.seconds * free / fixed for part in parts]
    elif fixed + least <= free:
        shares = [part.seconds * ((free - fixed) / elastic if part.elastic else 1.0) for part in parts]
    else:
        shares = [part.seconds * (least / elastic if part.elastic else (free - least) / fixed) for part in parts]
    shares = [max(LEAST_S, share) for share in shares]
    return (*shares[:-1], shares[-1] + SPARE_S)


def in_sequence(pieces: Sequence[Motion], frames: int) -> Motion | None:
    """The pieces joined one after the other, ``frames`` long; ``None`` where a seam is too hard or frames lack."""
    try:
        Legs.of(pieces[0].skeleton)
    except SkeletonError:
        return None
    track = Track.of(pieces[0])
    for piece in pieces[1:]:
        longer = joined(track, Track.of(piece))
        if longer is None:
            return None
        track = longer
    return _cut(track, pieces[0], frames)


def once(piece: Motion, kinds: Sequence[str], seconds: float = 9.0) -> Motion | None:
    """The act that a piece shows once, with few frames around it so that it takes about ``seconds`` at most; ``None``
    where it does not show it once."""
    events = [event for event in describe(piece).events if event.kind in kinds]
    if len(events) != 1 or (events[0].count or 1) != 1:
        return None
    lead = min(LEAD_S, max(LEAST_LEAD_S, (seconds - SEAM_S - events[0].seconds) / 2))
    first = max(0, round((events[0].start_s - lead) * piece.fps))
    last = min(len(piece), round((events[0].end_s + lead) * piece.fps))
    return piece.slice(first, last) if last - first >= LEAST_FRAMES else None


def layered(base: Motion, upper: Motion, side: str | None, frames: int) -> Motion:
    """The body of ``base`` with the arm (both without a side) of ``upper`` on it; ``frames`` long."""
    parts = (f"{side}_arm",) if side in ("left", "right") else ("arms",)
    lower = Track.of(base.slice(0, frames))
    track = overlay(lower, Track.of(upper.slice(0, min(len(upper), frames))), 0, parts, EASE)
    return as_motion(track, base)


def joined(first: Track, second: Track, room_s: float = ENDS_S) -> Track | None:
    """Both in one, at the transition of least cost near the end of the one and the beginning of the other.

    ``None`` where it costs more than ``HARD_SEAM``, a foot misses its place or a joint jerks, also nearer to the ends
    and farther from them.
    """
    for share in (1.0, *OTHER_ROOMS):
        room = max(2, min(round(share * room_s * first.fps), len(first) // 3, len(second) // 3))
        lasts = _spread(len(first) - 1 - room, len(first) - 1)
        found: Transition = best_transition(first, second, lasts, _spread(0, room))
        if found.cost > HARD_SEAM:
            continue
        track, at, short = join_clips(first, second, found)
        if short <= MOST_SHORT_M and _peak_acceleration(track, found.last, at) <= MOST_M_S2:
            return track
    return None


def _peak_acceleration(track: Track, last: int, first: int) -> float:
    """Largest acceleration of a joint in a seam between two frames, m/s2."""
    at = track.positions[max(0, last - 4) : first + 5]
    second = at[2:] - 2 * at[1:-1] + at[:-2]
    return float(second.norm(dim=-1).max()) * track.fps**2 if len(second) else 0.0


def _spread(low: int, high: int) -> Sequence[int]:
    """Frames from ``low`` to ``high``, thinned out evenly."""
    return range(max(low, 0), high + 1, max(1, -(-(high - low + 1) // MOST_TRIED)))


def _cut(track: Track, like: Motion, frames: int) -> Motion | None:
    return as_motion(track.slice(0, frames), like) if len(track) >= frames else None


def as_motion(track: Track, like: Motion) -> Motion:
    """A track as a motion with the ``meta`` and number type of another."""
    made = track.motion()
    rotations = torch.nn.functional.normalize(made.rotations, dim=-1).to(like.rotations.dtype)
    return like.replace(root=made.root.to(like.root.dtype), rotations=rotations)
