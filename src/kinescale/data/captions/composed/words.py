"""Phrases of the engine: for acts that the label alone tells, and for those that are measured.

Phrases are in the base form with the marks of the phrase book: ``*`` before verbs, ``~their`` for the possessive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from kinescale.data.captions.phrase_book import actions, phrases
from kinescale.description.grammar import conjugate

_LABELLED: Mapping[str, tuple[str, ...]] = {
    "depositFloorR": (
        "*bend down and *put something on the floor with the right hand",
        "*place an object on the floor with ~their right hand",
        "*set something down on the ground using the right hand",
        "*lay something on the floor with ~their right hand and *straighten up",
    ),
    "elbowToKnee1RepsLelbowStart": (
        "*touch the right knee with the left elbow",
        "*bring the left elbow to the raised right knee",
        "*lift the right knee to meet the left elbow",
        "*do a standing crunch, left elbow to right knee",
    ),
    "grabHighR": (
        "*reach up and *grab something with the right hand",
        "*take something from a high shelf with ~their right hand",
        "*stretch the right arm up to get something",
        "*reach high with the right hand",
    ),
    "lieDownFloor": (
        "*lie down on the floor",
        "*get down on the ground and *lie flat",
        "*lie down",
        "*lower ~their body to the ground and *stretch out",
    ),
    "rotateArmsBothBackward1Reps": (
        "*rotate both arms backward",
        "*circle both arms backwards",
        "*swing both arms back in a full circle",
        "*make a backward circle with both arms",
    ),
    "sneak2StepsLStart": (
        "*sneak forward",
        "*creep ahead quietly",
        "*tiptoe forward with careful steps",
        "*walk stealthily ahead",
    ),
    "throwBasketball": (
        "*throw a basketball",
        "*shoot a basketball with both hands",
        "*take a shot at the basket",
        "*throw a ball with both hands",
    ),
}
"""Acts of HDM05's classes that measurement cannot tell apart."""

_BOOK = ("bow", "guide", "call", "respond", "bye", "byebye", "slash", "punch", "kick")
"""Actions of the phrase book that are told by the label where the clip is short enough to be whole."""


_STEADY: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("salsa", "dance salsa", ("*dance salsa", "*dance", "*do salsa steps", "*dance to latin music")),
    ("indian dance", "dance indian", ("*perform an indian dance", "*dance", "*do a classical indian dance")),
    ("danc", "dance", ("*dance", "*do a dance", "*dance about", "*perform a dance")),
    ("ballet", "dance", ("*dance", "*dance ballet", "*do ballet steps")),
    ("karate", "karate", ("*practise karate", "*do karate moves", "*perform karate", "*go through a karate form")),
    ("swordplay", "sword", ("*swing a sword", "*practise swordplay", "*fight with a sword")),
    ("sword", "sword", ("*swing a sword", "*fight with a sword", "*slash with a sword")),
    ("dribbl", "dribble", ("*dribble a basketball", "*dribble a ball", "*bounce a basketball while moving")),
    ("boxing", "box", ("*box", "*throw boxing punches", "*shadow box")),
    ("wash", "wash", ("*wash ~their body", "*wash")),
)
"""A word in a clip's captions -> a class and its phrases, which hold of any few seconds of the clip."""

ONE_VERB = re.compile(r"(?:a person|someone|a figure|a man|a woman|a character) ([a-z]+s) ([^,;]*)")
"""A caption that says one thing in the third person."""

NO_VERB = ("is", "has", "does", "was")
NOT_ALONE = re.compile(
    r"\b(and|then|while|after|before|again|several|times|twice|\d+|slow\w*|fast|quick\w*|brisk\w*|degrees?|metres?|"
    r"meters?|steps?|each|every|both sides|back and forth|still|in place)\b"
)
"""Words of captions that tell more than one act, or numbers that are true of the whole take only."""


@lru_cache(maxsize=8192)
def label_phrases(action: str, captions: tuple[str, ...]) -> tuple[str, tuple[str, ...], bool]:
    """A class, what can be said of a clip by its label, and whether that holds of any few seconds of it.

    No phrases for acts that are measured, and for labels that tell nothing in a few words.
    """
    said = " ".join((action, *captions)).lower()
    if action in _LABELLED:
        return action, _LABELLED[action], False
    if action in actions():
        some = phrases(action)
        verbs = [match.group(1) for phrase in some[:3] if (match := re.search(r"\*([a-z]+)", phrase))]
        # another corpus may mean something else by the same word
        if action in _BOOK and any(verb in said for verb in verbs):
            return action, some[:12], False
        if not action.startswith("dance"):
            return action, (), False
    for word, name, some in _STEADY:
        if word in said:
            return name, some, True
    return action, tuple(dict.fromkeys(found for text in captions if (found := _predicate(text)) is not None)), False


def _predicate(caption: str) -> str | None:
    """The verb phrase of a caption in the base form, marked; ``None`` where it says more than one thing."""
    match = ONE_VERB.fullmatch(caption)
    if match is None or match.group(1) in NO_VERB or NOT_ALONE.search(match.group(2)):
        return None
    third, rest = match.groups()
    base = next((b for b in _bases(third) if conjugate(b, "third") == third), None)
    rest = re.sub(r"\b(his|its|their)\b", "~their", rest)
    return None if base is None or re.search(r"\bher\b", rest) else f"*{base} {rest}".strip()


def _bases(third: str) -> tuple[str, ...]:
    """Base forms that a third person may come from, likeliest first."""
    found = [third[:-1]]
    if third.endswith("es") and third[:-2].endswith(("s", "sh", "ch", "x", "z", "o")):
        found.insert(0, third[:-2])
    if third.endswith("ies"):
        found.insert(0, third[:-3] + "y")
    return tuple(found)


NEEDS: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    "bow": (("bend", None),),
    "bye": (("wave", "right"), ("raise_hand", "right")),
    "byebye": (("wave", "both"), ("raise_hand", "both")),
    "call": (("raise_hand", "both"),),
    "guide": (("raise_hand", "right"), ("wave", "right"), ("raise_hand", "both")),
    "respond": (("raise_hand", "left"),),
    "kick": (("kick", "right"),),
    "grabHighR": (("raise_hand", "right"),),
    "lieDownFloor": (("lie_down", None), ("lie", None)),
    "rotateArmsBothBackward1Reps": (("raise_hand", "both"),),
    "throwBasketball": (("raise_hand", "both"),),
    "sneak2StepsLStart": (("travel", None),),
    "elbowToKnee1RepsLelbowStart": (("knee_lift", "right"),),
    "depositFloorR": (("bend", None), ("squat", None), ("travel", None)),
}
"""Label -> events of which one has to be measured on the result for the label's phrases to be true of it."""

ACTS: Mapping[str, tuple[str, ...]] = {
    "wave": ("*wave {hands}", "*wave with {hands}", "*wave {arms}", "*wave ~their {arm}", "*give a wave with {hands}"),
    "raise_hand": ("*raise {hands}", "*lift {hands}", "*put {hands} up", "*raise ~their {arm}", "*lift {arms}"),
    "kick": (
        "*kick with the {side} leg",
        "*kick with ~their {side} foot",
        "*do a kick with the {side} leg",
        "*throw a {side} kick",
        "*kick out with the {side} foot",
    ),
    "punch": ("*punch with the {side} hand", "*throw a {side} punch", "*punch with ~their {side} fist"),
    "jump": ("*jump", "*jump up", "*do a jump", "*leap"),
    "hop": ("*hop on the {side} foot", "*hop on ~their {side} leg", "*hop on one leg, the {side} one"),
    "squat": ("*squat", "*do a squat", "*squat down and *stand up again", "*bend the knees into a squat"),
    "knee_lift": ("*lift the {side} knee", "*raise ~their {side} knee", "*pull the {side} knee up"),
    "bend": ("*bend forward", "*bend over", "*lean forward", "*bend down at the waist"),
    "clap": ("*clap", "*clap ~their hands", "*clap the hands"),
    "lie_down": ("*lie down", "*lie down on the floor", "*get down and *lie on the ground"),
    "sit_down": ("*sit down", "*take a seat", "*lower ~their body into a sit"),
    "stand_up": ("*stand up", "*get up", "*rise to ~their feet"),
    "stand_still": ("*stand still", "*stand without moving", "*stay still", "*stand in place", "*wait in place"),
}
"""Measured act -> ways to say it once."""

COUNTED: Mapping[str, tuple[str, ...]] = {
    "wave": ("*wave {hands} {times}", "*wave ~their {arm} {times}"),
    "kick": ("*kick {times} with the {side} leg", "*throw {number} kick{s} with the {side} leg", "*kick {times}"),
    "punch": ("*punch {times} with the {side} hand", "*throw {number} {side} punch{es}", "*punch {times}"),
    "jump": ("*jump {times}", "*do {number} jump{s}", "*jump up {times}", "*make {number} jump{s}"),
    "hop": ("*hop {times} on the {side} foot", "*do {number} hop{s} on the {side} leg", "*hop {times}"),
    "squat": ("*squat {times}", "*do {number} squat{s}", "*squat down {times}", "*perform {number} squat{s}"),
    "knee_lift": ("*lift the {side} knee {times}", "*raise ~their {side} knee {times}"),
    "bend": ("*bend forward {times}", "*bend over {times}"),
    "clap": ("*clap {times}", "*clap ~their hands {times}"),
    "raise_hand": ("*raise {hands} {times}", "*lift ~their {arm} {times}"),
}
"""The same with a count."""

MANY = ("several times", "again and again", "repeatedly", "over and over", "a few times")
"""Said of three and more."""

GAITS: Mapping[str, tuple[str, ...]] = {
    "walk": ("*walk", "*walk", "*walk", "*go", "*move", "*stroll"),
    "jog": ("*jog", "*jog", "*run"),
    "run": ("*run", "*run"),
}
SPRINT_M_S = 4.3
WAYS: Mapping[str, tuple[str, ...]] = {
    "forward": ("forward", "forward", "ahead", "forwards", "straight ahead", "in a straight line"),
    "backward": ("backward", "backwards", "back", "in reverse"),
    "left": ("sideways to the left", "sideways to the left", "to the left", "leftward"),
    "right": ("sideways to the right", "sideways to the right", "to the right", "rightward"),
    "forward left": ("diagonally forward to the left", "forward and to the left", "off diagonally to the left"),
    "forward right": ("diagonally forward to the right", "forward and to the right", "off diagonally to the right"),
    "backward left": ("diagonally backward to the left", "back and to the left"),
    "backward right": ("diagonally backward to the right", "back and to the right"),
}
UNTURNED = ("straight ahead", "in a straight line")
"""Ways that say that nothing turns."""

PACES: tuple[tuple[str, float, float, tuple[str, ...]], ...] = (
    (
        "very slow",
        0.0,
        0.58,
        ("very slowly", "extremely slowly", "at a crawl", "very, very slowly", "at a snail's pace"),
    ),
    ("slow", 0.3, 0.86, ("slowly", "at a slow pace", "without hurry", "at a leisurely pace", "in no rush")),
    ("normal", 0.98, 1.28, ("at a normal pace", "at a moderate speed", "at an ordinary pace", "normally")),
    ("fast", 1.4, 2.2, ("quickly", "fast", "briskly", "at a quick pace", "in a hurry", "with fast steps")),
    ("very fast", 1.75, 2.6, ("very fast", "very quickly", "at a very quick pace", "as fast as walking allows")),
)
"""Class, from and to metres per second, words: of someone who walks. Between classes nothing is said."""

RUN_PACES: tuple[tuple[str, float, float, tuple[str, ...]], ...] = (
    ("slow", 0.0, 2.2, ("slowly", "at an easy pace", "at a slow jog")),
    ("fast", 3.3, 9.0, ("fast", "quickly", "at speed")),
    ("very fast", 4.2, 9.0, ("very fast", "at full speed", "as fast as possible")),
)

TEMPOS: Mapping[str, tuple[str, ...]] = {
    "slow": ("slowly", "at a slow pace", "in a slow way"),
    "fast": ("quickly", "fast", "rapidly", "with quick movements"),
}
"""Pace of what does not travel, against others of its class."""

ANGLES: Mapping[int, tuple[str, ...]] = {
    30: ("slightly", "a little"),
    45: ("by half a right angle", "an eighth of a turn"),
    90: ("a quarter turn", "at a right angle", "by a right angle"),
    180: ("around", "half a turn", "halfway round"),
    270: ("three quarters of a turn",),
    360: ("a full turn", "all the way around", "a whole turn"),
}
"""Degrees -> words that say as much."""

OF_PACE = frozenset(
    {
        "briskly",
        "slowly",
        "quickly",
        "hurriedly",
        "swiftly",
        "lazily",
        "leisurely",
        "heavily",
        "sluggishly",
        "energetically",
    }
)
"""Adverbs of styles that say something of the pace."""
