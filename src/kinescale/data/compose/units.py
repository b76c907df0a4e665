"""Units of composition: parts of source clips that show one act, with the ranges of frames where they may be cut.

A unit is found by measurement (a kick, a wave, some walking, a turn, standing still) or is a whole short clip described
by its label (throwing a ball, lying down). Units are grouped into classes by their act and drawn class by class, so
that rare acts come as often as frequent ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kinescale.data.compose.captions import label_phrases
from kinescale.data.prepared import PreparedClip
from kinescale.description import Description, Event

ACTS = ("kick", "punch", "jump", "hop", "squat", "wave", "raise_hand", "knee_lift", "bend", "clap",
        "lie_down", "sit_down", "stand_up", "turn")  # fmt: skip
"""Kinds of events that make a unit."""

LEAD = {"raise_hand": 16, "wave": 16, "jump": 12, "hop": 10, "kick": 9, "bend": 8, "squat": 6, "punch": 6}
"""Frames before and after an event (30 fps) that belong to it: an arm on its way up, a crouch."""

ROOM = 18
"""Further frames within which the cut is chosen."""

LONGEST = 195
"""Frames of the longest unit: two of them and a transition fit into a training window."""

STEADY_FRAMES = 60
"""Frames of the shortest part of a dance that shows it."""

LABEL_CLASS = "told"
"""First word of the class of a unit that is known by its label alone."""

LEAST_TRAVEL_S, LEAST_STILL_S = 1.2, 1.0
LEAST_TRAVEL_M = 0.8
TURN_DEG = 35.0
STRAY_TURN_DEG = 25.0
BROAD = ("travel", "turn", "circle", "kick", "jump", "hop", "squat", "lie_down", "lie", "sit_down", "sit", "stand_up",
         "bend", "wave", "raise_hand", "punch", "clap", "knee_lift")  # fmt: skip
QUIET: Mapping[str, frozenset[str]] = {
    "wave": frozenset({"raise_hand"}),
    "clap": frozenset({"raise_hand"}),
    "punch": frozenset({"raise_hand", "wave"}),
    "kick": frozenset({"raise_hand", "knee_lift", "bend", "wave"}),
    "jump": frozenset({"raise_hand", "bend", "squat", "knee_lift", "travel"}),
    "hop": frozenset({"raise_hand", "bend", "knee_lift", "travel"}),
    "squat": frozenset({"raise_hand", "bend"}),
    "knee_lift": frozenset({"raise_hand", "bend"}),
    "bend": frozenset({"raise_hand", "squat"}),
    "lie_down": frozenset({"lie", "bend", "squat", "raise_hand", "turn", "travel", "sit_down", "sit"}),
    "sit_down": frozenset({"sit", "bend", "squat", "raise_hand"}),
    "stand_up": frozenset({"sit", "lie", "bend", "squat", "raise_hand"}),
    "turn": frozenset({"travel", "raise_hand", "knee_lift"}),
    "travel": frozenset({"raise_hand", "knee_lift"}),
}
"""Act -> events that may accompany it without being acts of their own."""


@dataclass(frozen=True)
class Unit:
    """Frames of a clip that show one act.

    Parameters
    ----------
    clip : index of the clip in the sources.
    name : class that it is drawn by, such as "kick left" or "throwBasketball".
    kind, side : the measured event; ``kind`` is "" where the act is known by the label alone.
    starts, stops : ranges of the first frame, and of the one after the last.
    phrases : of the label, in the base form with marked verbs.
    steady : any part shows the act (walking), so that it may be cut shorter.
    style : of the clip's label.
    """

    clip: int
    name: str
    kind: str
    side: str | None
    starts: tuple[int, int]
    stops: tuple[int, int]
    phrases: tuple[str, ...] = ()
    steady: bool = False
    style: str = "normal"

    @property
    def label(self) -> str:
        """The label of a unit known by its label, else the first word of the class."""
        first, *rest = self.name.split()
        return " ".join(rest) if first == LABEL_CLASS else first

    @property
    def frames(self) -> int:
        """Fewest frames."""
        return self.stops[0] - self.starts[1]


@dataclass(frozen=True)
class Library:
    """All units by class, and within a class by corpus and style, in a fixed order."""

    units: tuple[Unit, ...]
    classes: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)

    @staticmethod
    def of(clips: Sequence[PreparedClip], found: Mapping[int, Description], fps: float) -> Library:
        """Units of the described clips."""
        units: list[Unit] = []
        for index in sorted(found):
            style = clips[index].style
            units.extend(replace(unit, style=style) for unit in units_of(index, clips[index], found[index], fps))
        grouped: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, unit in enumerate(units):
            clip = clips[unit.clip]
            grouped[unit.name][f"{clip.corpus}/{clip.action}/{clip.style}"].append(number)
        classes = {
            name: {label: tuple(numbers) for label, numbers in sorted(groups.items())}
            for name, groups in sorted(grouped.items())
        }
        return Library(tuple(units), classes)

    def draw(self, rng: np.random.Generator, names: Sequence[str], weights: Sequence[float] | None = None) -> Unit:
        """A unit of one of the classes ``names``: the class first, then its label, then the unit."""
        known = [name for name in names if name in self.classes]
        p = None
        if weights is not None:
            kept = np.array([w for name, w in zip(names, weights, strict=True) if name in self.classes], dtype=float)
            p = kept / kept.sum()
        groups = self.classes[known[int(rng.choice(len(known), p=p))]]
        labels = list(groups)
        # by the root of their number: rare styles are drawn often, yet not a single clip all the time
        sizes = np.sqrt([len(groups[label]) for label in labels])
        numbers = groups[labels[int(rng.choice(len(labels), p=sizes / sizes.sum()))]]
        return self.units[numbers[int(rng.integers(len(numbers)))]]

    def size(self, name: str) -> int:
        """How many units a class has."""
        return sum(len(numbers) for numbers in self.classes[name].values())


def units_of(index: int, clip: PreparedClip, found: Description, fps: float) -> list[Unit]:
    """Every unit of a clip."""
    frames = clip.frames
    made = [unit for event in found.events if (unit := _unit(index, frames, event, found, fps)) is not None]
    made += _turns(index, frames, found, fps)
    name, phrases, anywhere = label_phrases(clip.action, clip.captions)
    if anywhere:
        # measured events of a dance are not what a caption would mention
        made = [unit for unit in made if unit.kind in ("stand_still", "kick", "jump", "sit_down", "lie_down")]
        begin = max([0, *(round(e.end_s * fps) for e in found.of("stand_still") if e.start_s < 2.0)])
        if frames - begin > STEADY_FRAMES:
            starts, stops = (begin, frames - STEADY_FRAMES // 2), (begin + STEADY_FRAMES // 2, frames)
            made.append(Unit(index, f"{LABEL_CLASS} {name}", "", None, starts, stops, phrases, True))
    elif phrases and frames <= LONGEST:
        edge = frames // 6
        made.append(
            Unit(index, f"{LABEL_CLASS} {name}", "", None, (0, min(ROOM // 2, edge)), (frames - edge, frames), phrases)
        )
    return made


def _unit(index: int, frames: int, event: Event, found: Description, fps: float) -> Unit | None:
    start, stop = round(event.start_s * fps), min(frames, round(event.end_s * fps))
    if event.kind == "travel":
        return _travel(index, event, found, (start, stop), fps)
    if event.kind == "stand_still":
        return _still(index, event, found, (start, stop))
    if event.kind not in ACTS or (event.kind == "turn" and _inside(event, found, "travel")):
        return None
    if event.kind == "turn" and (event.angle_deg or 0.0) < TURN_DEG:
        return None
    lead = LEAD.get(event.kind, 6)
    before, after = _neighbours(event, found, fps, frames)
    first, last = max(before, start - lead), min(after, stop + lead)
    # an act cut by the clip's edge is incomplete
    ends_there = event.kind in ("lie_down", "sit_down")
    if start == 0 or (stop >= frames and not ends_there) or last - first > LONGEST:
        return None
    if any(_disturbs(event, other, (first / fps, last / fps)) for other in found.events if other is not event):
        return None
    stops = (min(last, frames), min(after, last + ROOM))
    if event.kind == "lie_down":
        stops = (min(frames, last + 6), min(frames, last + 30))
    starts = (max(before, first - ROOM), first)
    name = event.kind + (f" {event.side}" if event.side else "")
    return Unit(index, name, event.kind, event.side, starts, (max(stops[0], first + 5), max(*stops)))


def _still(index: int, event: Event, found: Description, span: tuple[int, int]) -> Unit | None:
    """Standing still with the arms down."""
    busy = any(_shared(event, other) > 0.1 for other in found.of("raise_hand", "bend", "knee_lift", "squat", "wave"))
    if busy or event.seconds < LEAST_STILL_S:
        return None
    start, stop = span
    return Unit(index, "stand_still", "stand_still", None, (start, stop - 25), (start + 25, stop), (), True)


def _travel(index: int, event: Event, found: Description, span: tuple[int, int], fps: float) -> Unit | None:
    """Straight travel: cut down to where nothing turns."""
    start, stop = span
    for other in found.of("turn", "circle", "jump", "hop", "kick", "sit_down", "lie_down", "squat"):
        if other.kind == "turn" and (other.angle_deg or 0) < STRAY_TURN_DEG:
            continue
        a, b = round(other.start_s * fps), round(other.end_s * fps)
        if a < stop and b > start:
            # keep the longer side
            start, stop = (start, a) if a - start >= stop - b else (b, stop)
    way = (event.distance_m or 0.0) * (stop - start) / max(1, span[1] - span[0])
    if stop - start < LEAST_TRAVEL_S * fps or way < LEAST_TRAVEL_M or event.direction is None or event.gait is None:
        return None
    name = f"{event.gait} {event.direction}"
    least = round(LEAST_TRAVEL_S * fps)
    return Unit(index, name, "travel", None, (start, stop - least), (start + least, stop), (), True)


def _turns(index: int, frames: int, found: Description, fps: float) -> list[Unit]:
    """Turns while walking: the turn with some travel before and after, and no other turn."""
    made = []
    turns = [t for t in found.of("turn", "circle") if (t.angle_deg or 0) >= STRAY_TURN_DEG]
    for event in turns:
        if not _inside(event, found, "travel") or (event.angle_deg or 0.0) < TURN_DEG:
            continue
        start, stop = round(event.start_s * fps), min(frames, round(event.end_s * fps))
        before = max([0, *(round(o.end_s * fps) for o in turns if o is not event and o.end_s <= event.start_s + 0.1)])
        after = min(
            [frames, *(round(o.start_s * fps) for o in turns if o is not event and o.start_s >= event.end_s - 0.1)]
        )
        other = [o for o in found.of("kick", "jump", "hop", "squat", "lie_down", "sit_down") if _shared(event, o) > 0]
        if other or stop - start > LONGEST or start - before < 4 or after - stop < 4:
            continue
        starts, stops = (max(before, start - 45), max(before, start - 4)), (min(after, stop + 4), min(after, stop + 45))
        made.append(Unit(index, f"go_{event.kind} {event.side}", event.kind, event.side, starts, stops))
    return made


def _inside(event: Event, found: Description, kind: str) -> bool:
    return any(_shared(event, other) > 0.6 * event.seconds for other in found.events if other.kind == kind)


def _shared(one: Event, other: Event) -> float:
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s)


def _disturbs(event: Event, other: Event, span: tuple[float, float]) -> bool:
    """Whether another act overlaps the event, so that a caption would have to mention it."""
    if other.kind not in BROAD or other.kind in QUIET.get(event.kind, ()):
        return False
    if other.kind == "turn" and (other.angle_deg or 0.0) < STRAY_TURN_DEG:
        return False
    shared = min(other.end_s, span[1]) - max(other.start_s, span[0])
    return shared > 0.25 * max(other.seconds, 0.2)


def _neighbours(event: Event, found: Description, fps: float, frames: int) -> tuple[int, int]:
    """Frames at which the acts before and after the event end and begin."""
    others = [o for o in found.events if o is not event and o.kind in BROAD and o.kind not in QUIET.get(event.kind, ())]
    before = [o.end_s for o in others if o.end_s <= event.start_s]
    after = [o.start_s for o in others if o.start_s >= event.end_s]
    return round(max(before, default=0.0) * fps), min(frames, round(min(after, default=1e6) * fps))


def names_of(units: Iterable[Unit]) -> dict[str, int]:
    """Class -> number of its units."""
    found: dict[str, int] = defaultdict(int)
    for unit in units:
        found[unit.name] += 1
    return dict(sorted(found.items()))
