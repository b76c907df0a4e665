"""Words for amounts and for single events: number words, lengths, angles, and a phrase for each kind."""

from __future__ import annotations

from typing import Literal

from kinescale.description.records import Direction, Event, Level

Detail = Literal["brief", "plain", "full"]

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

_WAYS: dict[Direction, str] = {
    "forward": "forward",
    "backward": "backward",
    "left": "sideways to the left",
    "right": "sideways to the right",
    "forward left": "diagonally forward to the left",
    "forward right": "diagonally forward to the right",
    "backward left": "diagonally backward to the left",
    "backward right": "diagonally backward to the right",
}
_HEIGHTS: dict[Level, str] = {
    "chest": "chest height",
    "shoulder": "shoulder height",
    "head": "head height",
}

HALF_TURN, FULL_TURN = (165.0, 195.0), (330.0, 390.0)
DEEP_BEND = 60.0
LEAP_M = 0.4


def number(count: int) -> str:
    """A whole number in words up to 999, in figures beyond."""
    if count < 0 or count > 999:
        return str(count)
    if count < 20:
        return _ONES[count]
    if count < 100:
        tens, ones = divmod(count, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(count, 100)
    return f"{'a' if hundreds == 1 else _ONES[hundreds]} hundred" + (f" and {number(rest)}" if rest else "")


def times(count: int) -> str:
    """ "once", "twice", "three times"."""
    return {1: "once", 2: "twice"}.get(count, f"{number(count)} times")


def meters(length: float, detail: Detail) -> str:
    """A length: rounded to half meters in words, or in figures."""
    if detail == "full":
        return f"{length:.1f} meters"
    halves = max(round(2 * length), 1)
    whole, half = divmod(halves, 2)
    if not whole:
        return "about half a meter"
    if half:
        return f"about {number(whole)} and a half meters"
    return f"about {number(whole)} meter{'s' if whole > 1 else ''}"


def by_degrees(angle: float, detail: Detail) -> str:
    """An angle: to the nearest fifteen degrees in words, or in figures."""
    if detail == "full":
        return f"by {angle:.0f} degrees"
    return f"by {number(max(15, 15 * round(angle / 15)))} degrees"


def phrase(event: Event, detail: Detail) -> str:
    """An event as a phrase, with ``*`` before verbs, for ``grammar.inflect``; "plain" and "full" say how much."""
    words = _phrase(event, detail)
    return f"{words} ({event.start_s:.1f} to {event.end_s:.1f} s)" if detail == "full" else words


def _phrase(event: Event, detail: Detail) -> str:
    more = detail != "brief"
    match event.kind:
        case "travel":
            return _travel(event, detail)
        case "in_place":
            steps = f" with {number(event.steps)} steps" if detail == "full" and event.steps else ""
            return f"*{event.gait or 'walk'} in place{steps}"
        case "turn" | "circle":
            return _turn(event, detail)
        case "jump":
            return _jump(event, detail)
        case "hop":
            return f"*hop on the {event.side} foot{_count(event, more)}"
        case "kick":
            return f"*kick with the {event.side} leg{_height(event, 'to', more)}{_count(event, more)}"
        case "knee_lift":
            return f"*lift the {event.side} knee{_count(event, more)}"
        case "raise_hand":
            return f"*raise {_hands(event)}{_height(event, 'to', more)}{_count(event, more)}"
        case "wave":
            return f"*wave {_hands(event)}{_height(event, 'at', more)}"
        case "punch":
            return f"*punch with {_hands(event)}{_count(event, more)}"
        case "clap":
            return f"*clap the hands{_count(event, more)}"
        case "bend":
            deep = " far" if more and (event.angle_deg or 0) > DEEP_BEND else ""
            return f"*bend{deep} forward{_count(event, more)}"
        case "squat":
            return f"*squat{_count(event, more)}"
        case _:
            return _POSTURES[event.kind]


_POSTURES: dict[str, str] = {
    "step": "*take a step",
    "sit_down": "*sit down",
    "sit": "*stay seated",
    "stand_up": "*stand up",
    "lie_down": "*lie down",
    "lie": "*stay on the floor",
    "stand_still": "*stand still",
    "kneel_down": "*kneel down",
    "kneel": "*stay on the knees",
}


def _travel(event: Event, detail: Detail) -> str:
    verb = event.gait if event.gait in ("walk", "jog", "run") else "walk"
    way = f" {_WAYS[event.direction]}" if event.direction else ""
    words = f"*{verb}{way}"
    if detail == "brief":
        return words
    words += f" {meters(event.distance_m or 0.0, detail)}"
    if detail == "full":
        steps = event.steps or 0
        words += f" in {steps} step{'' if steps == 1 else 's'}" if steps else ""
        words += f" at {event.speed_m_s or 0.0:.1f} meters a second"
    return words


def _turn(event: Event, detail: Detail) -> str:
    angle = event.angle_deg or 0.0
    if event.kind == "circle":
        return f"*go round in a circle to the {event.side}"
    if detail != "full" and HALF_TURN[0] <= angle <= HALF_TURN[1]:
        return f"*turn around to the {event.side}"
    if detail != "full" and FULL_TURN[0] <= angle <= FULL_TURN[1]:
        return f"*make a full turn to the {event.side}"
    return f"*turn {event.side}" + ("" if detail == "brief" else f" {by_degrees(angle, detail)}")


def _jump(event: Event, detail: Detail) -> str:
    count = event.count or 1
    words = "*jump"
    if detail == "brief":
        return words
    words += f" {times(count)}" if count > 1 else ""
    way = (event.distance_m or 0.0) / count
    if detail == "full":
        return f"{words} {100 * (event.height_m or 0.0):.0f} centimeters high and {way:.1f} meters far"
    return words + (f" {meters(way, detail)} far" if way > LEAP_M else "")


def _hands(event: Event) -> str:
    return "both hands" if event.side == "both" else f"the {event.side} hand"


def _height(event: Event, preposition: str, more: bool) -> str:
    if not more or event.level is None:
        return ""
    return " above the head" if event.level == "overhead" else f" {preposition} {_HEIGHTS[event.level]}"


def _count(event: Event, more: bool) -> str:
    count = event.count or 1
    return f" {times(count)}" if more and count > 1 else ""
