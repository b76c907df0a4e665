"""Joint name parsing: side, possible places along a limb or the trunk, or helper joint.

A name never decides alone. ``LeftShoulder`` is a collar where an upper arm follows and an upper arm where an elbow
does, ``LeftLeg`` a shin below a thigh and a thigh above a shin; so a name gives weights, and the chain that the
joint is part of decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_NAME = 128
"""Characters of a name that are read."""

SIDES = dict.fromkeys(("left", "l", "lft"), "left") | dict.fromkeys(("right", "r", "rgt", "rt", "rht"), "right")
MIDDLE = {"c", "ct", "center", "mid", "m"}
_RIGS = (
    "bip biped valve valvebiped mixamorig def org mch cc base j rig armature skeleton character avg genesis bone "
    "bn jnt joint jt sk skel hik ref reference"
)
RIGS = frozenset(_RIGS.split())
ENDINGS = {"jnt", "joint", "jt", "bone", "bn", "bend", "skin", "bind", "def", "sk"}

_HELPERS = (
    "twist roll end tip nub site endsite effector ik fk pole target goal helper prop weapon attach socket dummy "
    "null ctrl control offset muscle share corrective volume finger fingers thumb index middle ring pinky pinkie "
    "little metacarpal carpal eye eyes jaw tongue hair ear brow lip cheek nose teeth chin breast pec skirt cloth "
    "cape tail wing sec top half adj trans heel front hind rear fore paw hoof wheel track camera light"
)
HELPERS = frozenset(_HELPERS.split())
_INSIDE = ("twist", "finger", "thumb", "pinky", "metacarpal", "helper", "corrective", "捩", "指", "先")
"""Parts of a word that mark a helper joint anywhere in it."""

_SIDED_WORDS: tuple[tuple[str, dict[str, float]], ...] = (
    # weights of each place for words with a side; words for other parts of the body have none
    ("collar clavicle clav collarbone scapula 肩", {"collar": 1.0}),
    ("shoulder", {"collar": 0.8, "shoulder": 0.8}),
    ("shldr", {"collar": 0.5, "shoulder": 0.9}),
    ("arm upperarm uparm uarm humerus armupper shoulderjoint bicep 腕", {"shoulder": 1.0}),
    ("forearm lowerarm lowarm loarm farm elbow radius armlower ひじ 肘", {"elbow": 1.0}),
    ("hand wrist 手首", {"wrist": 1.0}),
    ("palm", {"wrist": 0.5}),
    ("hipjoint buttock pelvis groin midfoot butt", {}),
    ("hip hips upleg upperleg thigh upthigh femur legupper uleg 足", {"hip": 1.0}),
    ("leg", {"hip": 0.6, "knee": 0.9}),
    ("knee shin calf tibia lowerleg lowleg loleg leglower crus lleg ひざ 膝", {"knee": 1.0}),
    ("foot", {"ankle": 0.9, "toes": 0.6}),
    ("ankle 足首", {"ankle": 1.0}),
    ("toe toes toebase ball つま先 足先", {"toes": 1.0}),
)
_MIDDLE_WORDS: tuple[tuple[str, dict[str, float]], ...] = (
    ("hips hip pelvis 下半身", {"hips": 1.0}),
    ("spine chest upperchest lowerchest abdomen belly torso uppertorso lowertorso thorax lowerback", {"spine": 1.0}),
    ("upperback back waist lumbar trunk ab abs spineupper spinelower spinemid abdomenlower", {"spine": 1.0}),
    ("abdomenupper chestlower chestupper ribcage 上半身", {"spine": 1.0}),
    ("neck lowerneck upperneck necklower neckupper 首", {"neck": 1.0}),
    ("head 頭", {"head": 1.0}),
)
_SIDED = {word: fits for words, fits in _SIDED_WORDS for word in words.split()}
_MIDDLE = {word: fits for words, fits in _MIDDLE_WORDS for word in words.split()}
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+")
SHARED = 0.5
"""Words that begin (or end) this share of all names carry no information."""
LATER = 0.1
"""Decrease of the weights per unit of a trailing number, so that the first of several like joints is preferred."""


@dataclass(frozen=True)
class NameTag:
    """One parsed name. ``fits``: place -> weight. ``known``: a vocabulary word, so other places are unlikely."""

    side: str = ""
    fits: Mapping[str, float] = field(default_factory=dict)
    known: bool = False
    helper: bool = False


def read_names(joints: Sequence[str]) -> tuple[NameTag, ...]:
    """A tag per joint, in their order."""
    words = [_words(name) for name in joints]
    for end in (0, -1):
        words = _without_shared(words, end)
    return tuple(_tag(parts) for parts in words)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", name[:MAX_NAME])
    # a namespace ends with a colon or a bar; the joint follows the last one
    own = [part for part in re.split(r"[:|/]", plain) if part]
    found = [word.lower() for word in _CAMEL.findall(own[-1])] if own else []
    return [part for word in found for part in _cut_side(word)]


def _cut_side(word: str) -> list[str]:
    """Split off the side of Japanese names, which is written without a gap."""
    for mark, side in (("左", "left"), ("右", "right")):
        if word.startswith(mark):
            return [side, word[1:]] if len(word) > 1 else [side]
    return [word]


def _without_shared(words: list[list[str]], end: int) -> list[list[str]]:
    """Drop words that most names begin (``end`` 0) or end (-1) with."""
    while True:
        firsts = Counter(parts[end] for parts in words if len(parts) > 1)
        if not firsts:
            return words
        word, count = firsts.most_common(1)[0]
        meaningful = word in SIDES or word in _SIDED or word in _MIDDLE
        if count < max(4, SHARED * len(words)) or meaningful:
            return words
        words = [_trimmed(parts, end) if len(parts) > 1 and parts[end] == word else parts for parts in words]


def _trimmed(parts: list[str], end: int) -> list[str]:
    return parts[1:] if end == 0 else parts[:-1]


def _tag(parts: list[str]) -> NameTag:
    while len(parts) > 1 and (parts[0] in RIGS or (parts[0].isdigit() and parts[1:])):
        parts = parts[1:]
    side = next((SIDES[word] for word in parts if word in SIDES), "")
    numbers = [int(word[:6]) for word in parts if word.isdecimal()]
    own = [word for word in parts if word not in SIDES and not word.isdecimal()]
    if len(own) > 1 and not _known("".join(own), side):
        own = [word for word in own if word not in MIDDLE] or own
    late = LATER * min(numbers[-1] if numbers else 0, 5)
    for word in _readings(own):
        here, rest = (side, word) if side else _side_and_word(word)
        fits = _known(rest, here)
        if fits is not None:
            return NameTag(here, {place: weight - late for place, weight in fits.items()}, known=True)
    joined = "".join(own)
    if joined.startswith("neck"):
        return NameTag("", {"neck": 0.6 - late}, known=True)
    here = side or _side_and_word(joined)[0]
    bare = _side_and_word(joined)[1]
    helper = any(word in HELPERS for word in (*own, bare)) or any(part in joined for part in _INSIDE)
    return NameTag(here, helper=helper)


def _readings(own: list[str]) -> list[str]:
    """The words joined, then without endings that only mean "joint"."""
    found = ["".join(own)]
    while len(own) > 1 and own[-1] in ENDINGS:
        own = own[:-1]
        found.append("".join(own))
    return found


def _known(word: str, side: str) -> dict[str, float] | None:
    return _SIDED.get(word) if side else _MIDDLE.get(word)


def _side_and_word(word: str) -> tuple[str, str]:
    """Side and rest of a word such as "lfemur" or "kneeleft", where the rest is known."""
    if word in _MIDDLE or word in _SIDED:
        return "", word
    for mark in ("left", "right", "l", "r"):
        if word.startswith(mark) and _is_word(word[len(mark) :]):
            return SIDES[mark], word[len(mark) :]
    for mark in ("left", "right"):
        if word.endswith(mark) and _is_word(word[: -len(mark)]):
            return SIDES[mark], word[: -len(mark)]
    return "", word


def _is_word(word: str) -> bool:
    return word in _SIDED or word in HELPERS
