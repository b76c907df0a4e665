"""Clauses for one event, with and without amounts, in several wordings (``*`` marks verbs, see ``grammar``)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from kinescale.description.amounts import Manner
from kinescale.description.records import Direction, Event, Kind, Level

SLOW, EVEN, FAST = (0.6, 0.9), (0.95, 1.35), (3.6, 4.3)
"""Meters per second: a walk below the first two is very slow or slow, between the next two even; a run above the last
two is fast or very fast."""

FAR_M, HIGH_M = 0.35, 0.3
"""Distance from which a jump goes forward, and rise of the hips from which it is high."""

_WAYS: Mapping[Direction, tuple[str, ...]] = {
    "forward": ("forward", "forward", "ahead", "straight ahead", "forwards"),
    "backward": ("backward", "backwards", "back"),
    "left": ("to the left", "sideways to the left", "to the side, to the left"),
    "right": ("to the right", "sideways to the right", "to the side, to the right"),
    "forward left": ("diagonally forward to the left", "forward and to the left"),
    "forward right": ("diagonally forward to the right", "forward and to the right"),
    "backward left": ("diagonally backward to the left", "backward and to the left"),
    "backward right": ("diagonally backward to the right", "backward and to the right"),
}
_LEVELS: Mapping[Level, tuple[str, ...]] = {
    "chest": ("to chest height", "to the level of the chest", "up to the chest"),
    "shoulder": ("to shoulder height", "to the level of the shoulders", "up to the shoulder"),
    "head": ("to head height", "to the level of the head", "up to the face"),
    "overhead": ("above the head", "over the head", "high above ~their head", "high up"),
}
_PLAIN: Mapping[Kind, tuple[str, ...]] = {
    "step": ("*take a step", "*step"),
    "sit_down": ("*sit down", "*lower ~their body into a seat", "*take a seat"),
    "sit": ("*stay seated", "*sit", "*remain sitting"),
    "stand_up": ("*stand up", "*get up", "*rise to ~their feet"),
    "kneel_down": ("*kneel down", "*go down on ~their knees", "*get down on ~their knees"),
    "kneel": ("*stay on ~their knees", "*kneel", "*remain kneeling"),
    "lie_down": ("*lie down", "*get down on the floor", "*go down to the floor"),
    "lie": ("*stay on the floor", "*lie on the floor", "*lie there"),
    "stand_still": ("*stand still", "*stand in place", "*stand without moving", "*keep still"),
}
_LASTING = frozenset({"sit", "kneel", "lie", "stand_still"})


def clause(event: Event, rng: random.Random, manner: Manner | None) -> str:
    """The event in words; with a ``manner`` also its amounts."""
    make = _MAKERS.get(event.kind)
    if make is not None:
        return make(event, rng, manner)
    words = rng.choice(_PLAIN[event.kind])
    if manner is None or event.kind not in _LASTING or event.seconds < 1.5:
        return words
    return f"{words} for {rng.choice(('about ', ''))}{manner.seconds(event.seconds)}"


def pace(event: Event, rng: random.Random) -> str:
    """Speed of travel as an adverb with a space before it; "" for an ordinary speed."""
    speed = event.speed_m_s or 0.0
    if event.gait == "run":
        fast = (" very fast", " at full speed", " as fast as possible") if speed > FAST[1] else (" fast", " quickly")
        return rng.choice(fast) if speed > FAST[0] else ""
    if event.gait == "jog":
        return rng.choice((" at an easy pace", " lightly", ""))
    if speed < SLOW[0]:
        return rng.choice((" very slowly", " at a very slow pace", " with slow steps"))
    if speed < SLOW[1]:
        return rng.choice((" slowly", " at a slow pace", " without hurry"))
    if EVEN[0] <= speed <= EVEN[1]:
        return rng.choice((" at a normal pace", " at an even pace", " at a moderate speed"))
    return rng.choice((" briskly", " quickly", " at a fast pace", " fast")) if speed > EVEN[1] else ""


def _travel(event: Event, rng: random.Random, manner: Manner | None) -> str:
    verb = event.gait if event.gait in ("walk", "jog", "run") else "walk"
    side = event.direction in ("left", "right")
    if side and verb == "walk":
        verb = rng.choice(("walk", "step", "move"))
    way = rng.choice(_WAYS[event.direction]) if event.direction else ""
    words = f"*{verb} {way}".rstrip()
    if manner is None:
        return words + (pace(event, rng) if rng.random() < 0.6 else "")
    steps, far = event.steps or 0, event.distance_m or 0.0
    parts: list[str] = []
    if rng.random() < 0.7:
        parts.append(f"{rng.choice((' ', ' for '))}{manner.length(far, rng)}")
    if steps > 0 and (not parts or rng.random() < 0.35):
        counted = f"{manner.count(steps)} step{'s' if steps > 1 else ''}"
        if not parts and verb in ("walk", "step") and rng.random() < 0.5:
            return f"*take {counted} {way}".rstrip()
        parts.append(f"{rng.choice((' in ', ', taking '))}{counted}" if parts else f" {counted}")
    chance = rng.random()
    if chance < 0.5:
        words += pace(event, rng)
    elif chance < 0.6:
        parts.append(f" at {rng.choice(('about ', ''))}{manner.speed(event.speed_m_s or 0.0)}")
    return words + "".join(parts)


def _in_place(event: Event, rng: random.Random, manner: Manner | None) -> str:
    verb = event.gait if event.gait in ("walk", "jog", "run") else "walk"
    where = rng.choice(("in place", "in place", "on the spot", "without moving forward"))
    if manner is None or not event.steps:
        return f"*{verb} {where}"
    return f"*{verb} {where} for {manner.count(event.steps)} step{'s' if event.steps > 1 else ''}"


def _turn(event: Event, rng: random.Random, manner: Manner | None) -> str:
    side, angle = event.side, event.angle_deg or 0.0
    if event.kind == "circle":
        return rng.choice((f"*go round in a circle to the {side}", f"*move in a circle to the {side}"))
    plain = [f"*turn {side}", f"*turn to the {side}", f"*make a turn to the {side}", f"*turn to ~their {side}"]
    if manner is None:
        return rng.choice(plain)
    rounded = manner.degrees(angle)
    if rounded == 180 and rng.random() < 0.6:
        return rng.choice(
            (f"*turn around to the {side}", f"*make a half turn to the {side}", "*turn around", "*make a u-turn")
        )
    if rounded == 90 and rng.random() < 0.3:
        return f"*make a quarter turn to the {side}"
    if rounded == 360 and rng.random() < 0.7:
        return rng.choice((f"*make a full turn to the {side}", f"*spin around once to the {side}"))
    if rounded >= 540:
        return f"*spin around to the {side} {manner.times(round(rounded / 360))}"
    shown = manner.angle(angle)
    return rng.choice(
        (
            f"*turn {side} by {shown} degrees",
            f"*turn {shown} degrees to the {side}",
            f"*turn {rng.choice(('about ', ''))}{shown} degrees {side}",
            f"*make a {rounded}-degree turn to the {side}",
        )
    )


def _jump(event: Event, rng: random.Random, manner: Manner | None) -> str:
    count = event.count or 1
    far = (event.distance_m or 0.0) / count
    words = rng.choice(("*jump", "*jump up", "*leap", "*jump into the air"))
    if far > FAR_M:
        words = rng.choice(("*jump forward", "*leap forward", "*jump")) if manner is None else "*jump"
    if manner is None:
        return words
    if far > FAR_M:
        words = f"*jump {manner.length(far, rng)}{rng.choice((' far', ''))}"
    elif (event.height_m or 0.0) > HIGH_M:
        words = rng.choice(("*jump high", "*jump high up", "*jump high into the air"))
    return f"{words} {manner.times(count)}" if count > 1 or rng.random() < 0.4 else words


def _kick(event: Event, rng: random.Random, manner: Manner | None) -> str:
    words = rng.choice((f"*kick with the {event.side} leg", f"*kick with ~their {event.side} foot"))
    return words + _more(event, rng, manner)


def _knee(event: Event, rng: random.Random, manner: Manner | None) -> str:
    words = rng.choice(
        (f"*lift the {event.side} knee", f"*raise ~their {event.side} knee", f"*pull the {event.side} knee up")
    )
    return words + _times(event, manner)


def _raise(event: Event, rng: random.Random, manner: Manner | None) -> str:
    verb, limb = rng.choice(("raise", "raise", "lift")), rng.choice(("hand", "hand", "arm"))
    what = f"both {limb}s" if event.side == "both" else f"{rng.choice(('the', '~their'))} {event.side} {limb}"
    return f"*{verb} {what}" + _more(event, rng, manner)


def _wave(event: Event, rng: random.Random, manner: Manner | None) -> str:
    if event.side == "both":
        words = rng.choice(("*wave both hands", "*wave with both arms"))
    else:
        words = rng.choice((f"*wave the {event.side} hand", f"*wave with ~their {event.side} hand"))
    if manner is None or event.level is None:
        return words
    where = {"overhead": " above the head", "head": " at head height", "shoulder": " at shoulder height"}
    return words + where.get(event.level, " at chest height")


def _punch(event: Event, rng: random.Random, manner: Manner | None) -> str:
    if event.side == "both":
        words = rng.choice(("*punch with both hands", "*throw punches with both fists"))
    else:
        words = rng.choice((f"*punch with the {event.side} hand", f"*throw a punch with ~their {event.side} fist"))
    if manner is not None and (event.count or 1) > 1:
        words = words.replace("a punch", "punches")
    return words + _times(event, manner)


def _bend(event: Event, rng: random.Random, manner: Manner | None) -> str:
    deep = (event.angle_deg or 0.0) > 60
    words = (
        ("*bend far forward", "*bend deeply", "*bend all the way down") if deep else ("*bend forward", "*lean forward")
    )
    return rng.choice(words) + _times(event, manner)


def _hop(event: Event, rng: random.Random, manner: Manner | None) -> str:
    return rng.choice((f"*hop on the {event.side} foot", f"*hop on ~their {event.side} leg")) + _times(event, manner)


def _clap(event: Event, rng: random.Random, manner: Manner | None) -> str:
    return rng.choice(("*clap", "*clap ~their hands", "*clap the hands")) + _times(event, manner)


def _squat(event: Event, rng: random.Random, manner: Manner | None) -> str:
    count = event.count or 1
    if manner is not None and rng.random() < 0.4:
        return f"*do {'a' if count == 1 else manner.count(count)} squat{'s' if count > 1 else ''}"
    return rng.choice(("*squat", "*squat down", "*crouch down")) + _times(event, manner)


def _more(event: Event, rng: random.Random, manner: Manner | None) -> str:
    """Height and count."""
    high = "" if manner is None or event.level is None else " " + rng.choice(_LEVELS[event.level])
    return high + _times(event, manner)


def _times(event: Event, manner: Manner | None) -> str:
    count = event.count or 1
    return "" if manner is None or count < 2 else f" {manner.times(count)}"


_MAKERS: Mapping[Kind, Callable[[Event, random.Random, Manner | None], str]] = {
    "travel": _travel,
    "in_place": _in_place,
    "turn": _turn,
    "circle": _turn,
    "jump": _jump,
    "hop": _hop,
    "kick": _kick,
    "knee_lift": _knee,
    "raise_hand": _raise,
    "wave": _wave,
    "punch": _punch,
    "clap": _clap,
    "bend": _bend,
    "squat": _squat,
}
