"""What the labels of the corpora claim of their clips: real motion is scored by the same ruler as made motion."""

from __future__ import annotations

from collections.abc import Mapping

from kinescale.data.captions.cmu import CAPTIONS as CMU
from kinescale.data.captions.corrections import OTHERWISE, SWAPPED
from kinescale.description.claims import Act, Claim
from kinescale.description.instruction_grammar import ANGLE_WITHIN, BRISK, SLOW
from kinescale.description.records import Direction, Gait, Kind, Side

_RUNNING: tuple[Gait, ...] = ("jog", "run")


def _goes(direction: Direction) -> Claim:
    return Claim(kind="direction", direction=direction)


def _pace(*gaits: Gait, low: float | None = None, high: float | None = None) -> Claim:
    return Claim(kind="speed", gaits=gaits, low=low, high=high)


def _turns(side: Side) -> Claim:
    return Claim(kind="turn_side", action="turn", side=side)


def _corner(side: Side) -> Claim:
    return Claim(kind="turn_angle", action="turn", side=side, low=90 - ANGLE_WITHIN, high=90 + ANGLE_WITHIN)


def _limb(action: Kind, side: Side) -> Claim:
    return Claim(kind="limb_side", action=action, side=side)


def _times(action: Kind, count: int) -> Claim:
    return Claim(kind="repetition", action=action, count=count)


def _order(first: Act, second: Act) -> Claim:
    return Claim(kind="order", **first.model_dump(), then=second)


_STANDS = _pace("stand")
_ACTIONS: Mapping[str, tuple[Claim, ...]] = {
    "walk": (_goes("forward"), _pace("walk")),
    "walk-back": (_goes("backward"), _pace("walk")),
    "walk-left": (_goes("forward left"), _pace("walk")),
    "walk-right": (_goes("forward right"), _pace("walk")),
    "walk-turn-left": (_turns("left"), _corner("left"), _goes("forward"), _pace("walk")),
    "walk-turn-right": (_turns("right"), _corner("right"), _goes("forward"), _pace("walk")),
    "run": (_goes("forward"), _pace(*_RUNNING)),
    "dash": (_goes("forward"), _pace("run")),
    "raise-up-both-hands": (_limb("raise_hand", "both"), _STANDS),
    "raise-up-left-hand": (_limb("raise_hand", "left"), _STANDS),
    "raise-up-right-hand": (_limb("raise_hand", "right"), _STANDS),
    "wave-both-hands": (_limb("wave", "both"), _STANDS),
    "wave-left-hand": (_limb("wave", "left"), _STANDS),
    "wave-right-hand": (_limb("wave", "right"), _STANDS),
    "bye": (_limb("wave", "right"), _STANDS),
    "byebye": (_limb("wave", "both"), _STANDS),
    "respond": (_limb("raise_hand", "left"), _STANDS),
    "kick": (_limb("kick", "right"),),
    "bow": (_STANDS,),
    "elbowToKnee1RepsLelbowStart": (_limb("knee_lift", "right"), _times("knee_lift", 1)),
    "grabHighR": (_limb("raise_hand", "right"),),
    "hopBothLegs1hops": (_times("jump", 1),),
    "jogLeftCircle4StepsRstart": (_turns("left"), _pace(*_RUNNING), _times("step", 4)),
    "kickLFront1Reps": (_limb("kick", "left"), _times("kick", 1)),
    "sneak2StepsLStart": (_goes("forward"), _pace("walk", high=SLOW), _times("step", 2)),
    "squat1Reps": (_times("squat", 1), _STANDS),
}
"""Label -> claims."""

_JUMP, _SQUAT = Act(action="jump"), Act(action="squat")
_FORWARD, _TURN = Act(action="travel", direction="forward"), Act(action="turn")
_TAKES: Mapping[str, tuple[Claim, ...]] = {
    "01_01": (_order(_JUMP, _TURN),),
    "02_04": (_order(_SQUAT, _JUMP), _times("jump", 1)),
    "05_16": (_order(_FORWARD, _JUMP),),
    "05_17": (_order(_FORWARD, _JUMP),),
    "06_06": (_goes("backward"),),
    "06_07": (_goes("backward"),),
    "06_08": (_goes("left"),),
    "06_09": (_goes("left"),),
    "06_10": (_turns("left"),),
    "06_12": (_turns("right"),),
    "32_02": (_turns("right"), _order(_FORWARD, Act(action="turn", side="right"))),
}
_PACES: Mapping[str, Claim] = {
    "slow": _pace("walk", high=SLOW),
    "slowly": _pace("walk", high=SLOW),
    "briskly": _pace("walk", "jog", low=BRISK),
    "quickly": _pace("walk", "jog", low=BRISK),
    "fast": _pace("walk", "jog", low=BRISK),
    "walks": _pace("walk"),
}


def label_claims(action: str, take: str) -> tuple[Claim, ...]:
    """The claims that a clip's label makes: an action, or a CMU take's own captions; none where it claims nothing.

    Labels that are known to be swapped are read as what they should be (``data.captions.corrections``).
    """
    if take in CMU:
        return _TAKES.get(take, ()) or _walk_claims(take)
    return () if take in OTHERWISE else _ACTIONS.get(SWAPPED.get(take, action), ())


def _walk_claims(take: str) -> tuple[Claim, ...]:
    """What the captions of a plain walk claim."""
    words = CMU[take].captions
    said = " ".join(words).split()
    if not CMU[take].steady or "walk" not in words[0] or {"dribbling", "uneven", "rough"} & set(said):
        return ()
    pace = next(claim for word, claim in _PACES.items() if word in said or word == "walks")
    return _goes("forward"), pace
