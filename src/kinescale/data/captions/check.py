"""Does the motion do what its label says? Every contradiction is one sentence.

A label is a Bandai-Namco action, the ``phrase_book.mirror_action`` of one, or an HDM05 class. What is measured
is in ``_measures``, what is asked in ``_rules``. Not asked: which foot a walk starts with, dances, and styles.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from math import radians

from kinescale.core.errors import UnknownNameError
from kinescale.data.captions import rules as r
from kinescale.data.captions.actions import CORPUS_ACTIONS, MIRRORED
from kinescale.data.captions.hdm05 import CAPTIONS as HDM05
from kinescale.data.captions.measures import measure
from kinescale.description.grammar import mirror_sentence
from kinescale.motion.motion import Motion

_BOTH_RISE = (r.rises("left"), r.rises("right"))

_RULES: Mapping[str, tuple[r.Rule, ...]] = {
    "bow": (r.bows, r.stands),
    "bye": (r.rises("right", r.LOW_WAVE), r.moves_more("right", "left"), r.stands),
    "byebye": (*_BOTH_RISE, r.stands),
    "call": (*_BOTH_RISE, r.stands),
    "dance-long": (),
    "dance-short": (),
    "dash": (r.goes_forward(2.2), r.keeps_heading, r.runs),
    "guide": (r.rises("right", r.LOW_WAVE), r.moves_more("right", "left"), r.stands),
    "kick": (r.kicks("right", "left"),),
    "punch": (*_BOTH_RISE, r.stands),
    "raise-up-both-hands": (*_BOTH_RISE, r.keeps_still("left"), r.keeps_still("right"), r.stands),
    "raise-up-left-hand": (r.rises("left"), r.stays_down("right"), r.keeps_still("left"), r.stands),
    "respond": (r.rises("left"), r.stays_down("right"), r.stands),
    "run": (r.goes_forward(1.0), r.keeps_heading, r.runs),
    "slash": _BOTH_RISE,
    "walk": (r.goes_forward(*r.WALK_SPEED), r.keeps_heading, r.keeps_a_foot_down),
    "walk-back": (r.goes_back, r.keeps_heading),
    "walk-left": (r.goes_left, r.keeps_heading),
    "walk-turn-left": (r.turns(radians(45), radians(135)), r.goes_forward(*r.WALK_SPEED)),
    "wave-both-hands": (*_BOTH_RISE, r.waves("left"), r.waves("right"), r.stands),
    "wave-left-hand": (r.rises("left"), r.stays_down("right"), r.waves("left"), r.stands),
    "depositFloorR": (r.reaches_floor("right", "left"),),
    "elbowToKnee1RepsLelbowStart": (r.lifts_knee("right", "left"),),
    "grabHighR": (r.reaches_up("right", "left"),),
    "hopBothLegs1hops": (r.hops,),
    "jogLeftCircle4StepsRstart": (r.turns(radians(30), radians(270)), r.goes_forward(1.0)),
    "kickLFront1Reps": (r.kicks("left", "right"),),
    "lieDownFloor": (r.sinks(0.3, stays_low=True),),
    "rotateArmsBothBackward1Reps": _BOTH_RISE,
    "sneak2StepsLStart": (r.goes_forward(r.WALK_SPEED[0], 1.3), r.keeps_a_foot_down),
    "squat1Reps": (r.sinks(0.7, stays_low=False),),
    "throwBasketball": _BOTH_RISE,
}
"""The left one of twins; the right one is checked on the mirror image."""


def checked_actions() -> tuple[str, ...]:
    """Labels that ``contradictions`` takes, sorted; mirrored names are taken too."""
    return tuple(sorted({*CORPUS_ACTIONS, *HDM05}))


def contradictions(motion: Motion, action: str) -> tuple[str, ...]:
    """What in the motion speaks against the label; empty when nothing does.

    ``UnknownNameError`` for a label that has no rules, ``SkeletonError`` for a skeleton without the roles.
    """
    rules, flipped = _rules_of(action)
    measures = measure(motion)
    found = [rule(measures.mirrored() if flipped else measures) for rule in rules]
    sentences = [sentence for sentence in found if sentence is not None]
    return tuple(mirror_sentence(sentence) if flipped else sentence for sentence in sentences)


def _rules_of(action: str) -> tuple[tuple[r.Rule, ...], bool]:
    """An action's rules, and whether they are to be applied to the mirror image."""
    if action in _RULES:
        return _RULES[action], False
    twin = action.removesuffix(MIRRORED) if action.endswith(MIRRORED) else mirror_sentence(action)
    if twin in _RULES:
        return _RULES[twin], True
    known = checked_actions()
    close = difflib.get_close_matches(str(action), known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UnknownNameError(f"no label '{action}' to check a motion against.{hint} Known: {', '.join(known)}.")


__all__ = ["checked_actions", "contradictions"]
