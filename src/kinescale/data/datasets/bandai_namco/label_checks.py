"""Label checks of the Bandai-Namco actions: rules that a clip must not break, and claims that its label makes.

Not checked: the foot a walk starts with, dances, and styles.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import radians

from kinescale.description import label_rules as rule
from kinescale.description.claims import (
    RUNNING,
    STANDS,
    Claim,
    moves_at,
    travels,
    turns_corner,
    turns_to,
    uses_limb,
)

_BOTH_RISE = (rule.rises("left"), rule.rises("right"))
_RIGHT_HAND = (rule.rises("right", rule.LOW_WAVE), rule.moves_more("right", "left"), rule.stands)

LABEL_RULES: Mapping[str, tuple[rule.Rule, ...]] = {
    "bow": (rule.bows, rule.stands),
    "bye": _RIGHT_HAND,
    "byebye": (*_BOTH_RISE, rule.stands),
    "call": (*_BOTH_RISE, rule.stands),
    "dance-long": (),
    "dance-short": (),
    "dash": (rule.goes_forward(2.2), rule.keeps_heading, rule.runs),
    "guide": _RIGHT_HAND,
    "kick": (rule.kicks("right", "left"),),
    "punch": (*_BOTH_RISE, rule.stands),
    "raise-up-both-hands": (*_BOTH_RISE, rule.keeps_still("left"), rule.keeps_still("right"), rule.stands),
    "raise-up-left-hand": (rule.rises("left"), rule.stays_down("right"), rule.keeps_still("left"), rule.stands),
    "respond": (rule.rises("left"), rule.stays_down("right"), rule.stands),
    "run": (rule.goes_forward(1.0), rule.keeps_heading, rule.runs),
    "slash": _BOTH_RISE,
    "walk": (rule.goes_forward(*rule.WALK_SPEED), rule.keeps_heading, rule.keeps_a_foot_down),
    "walk-back": (rule.goes_back, rule.keeps_heading),
    "walk-left": (rule.goes_left, rule.keeps_heading),
    "walk-turn-left": (rule.turns(radians(45), radians(135)), rule.goes_forward(*rule.WALK_SPEED)),
    "wave-both-hands": (*_BOTH_RISE, rule.waves("left"), rule.waves("right"), rule.stands),
    "wave-left-hand": (rule.rises("left"), rule.stays_down("right"), rule.waves("left"), rule.stands),
}
"""Action -> rules; of two twins the left one, since the right one is checked on the mirror image."""

_WALKS = moves_at("walk")

CLAIMS: Mapping[str, tuple[Claim, ...]] = {
    "walk": (travels("forward"), _WALKS),
    "walk-back": (travels("backward"), _WALKS),
    "walk-left": (travels("forward left"), _WALKS),
    "walk-right": (travels("forward right"), _WALKS),
    "walk-turn-left": (turns_to("left"), turns_corner("left"), travels("forward"), _WALKS),
    "walk-turn-right": (turns_to("right"), turns_corner("right"), travels("forward"), _WALKS),
    "run": (travels("forward"), moves_at(*RUNNING)),
    "dash": (travels("forward"), moves_at("run")),
    "raise-up-both-hands": (uses_limb("raise_hand", "both"), STANDS),
    "raise-up-left-hand": (uses_limb("raise_hand", "left"), STANDS),
    "raise-up-right-hand": (uses_limb("raise_hand", "right"), STANDS),
    "wave-both-hands": (uses_limb("wave", "both"), STANDS),
    "wave-left-hand": (uses_limb("wave", "left"), STANDS),
    "wave-right-hand": (uses_limb("wave", "right"), STANDS),
    "bye": (uses_limb("wave", "right"), STANDS),
    "byebye": (uses_limb("wave", "both"), STANDS),
    "respond": (uses_limb("raise_hand", "left"), STANDS),
    "kick": (uses_limb("kick", "right"),),
    "bow": (STANDS,),
}
