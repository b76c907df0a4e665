"""Label checks of the HDM05 classes: rules that a clip must not break, and claims that its label makes."""

from __future__ import annotations

from collections.abc import Mapping
from math import radians

from kinescale.description import label_rules as rule
from kinescale.description.claims import (
    RUNNING,
    SLOW,
    STANDS,
    Claim,
    moves_at,
    repeats,
    travels,
    turns_to,
    uses_limb,
)

_BOTH_RISE = (rule.rises("left"), rule.rises("right"))

LABEL_RULES: Mapping[str, tuple[rule.Rule, ...]] = {
    "depositFloorR": (rule.reaches_floor("right", "left"),),
    "elbowToKnee1RepsLelbowStart": (rule.lifts_knee("right", "left"),),
    "grabHighR": (rule.reaches_up("right", "left"),),
    "hopBothLegs1hops": (rule.hops,),
    "jogLeftCircle4StepsRstart": (rule.turns(radians(30), radians(270)), rule.goes_forward(1.0)),
    "kickLFront1Reps": (rule.kicks("left", "right"),),
    "lieDownFloor": (rule.sinks(0.3, stays_low=True),),
    "rotateArmsBothBackward1Reps": _BOTH_RISE,
    "sneak2StepsLStart": (rule.goes_forward(rule.WALK_SPEED[0], 1.3), rule.keeps_a_foot_down),
    "squat1Reps": (rule.sinks(0.7, stays_low=False),),
    "throwBasketball": _BOTH_RISE,
}

CLAIMS: Mapping[str, tuple[Claim, ...]] = {
    "elbowToKnee1RepsLelbowStart": (uses_limb("knee_lift", "right"), repeats("knee_lift", 1)),
    "grabHighR": (uses_limb("raise_hand", "right"),),
    "hopBothLegs1hops": (repeats("jump", 1),),
    "jogLeftCircle4StepsRstart": (turns_to("left"), moves_at(*RUNNING), repeats("step", 4)),
    "kickLFront1Reps": (uses_limb("kick", "left"), repeats("kick", 1)),
    "sneak2StepsLStart": (travels("forward"), moves_at("walk", high=SLOW), repeats("step", 2)),
    "squat1Reps": (repeats("squat", 1), STANDS),
}
