"""Hand-written captions of CMU takes, and the measurable claims that they make."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from kinescale.core.records import Record
from kinescale.description.claims import (
    BRISK,
    SLOW,
    Act,
    Claim,
    in_order,
    moves_at,
    repeats,
    travels,
    turns_to,
)
from kinescale.io.packaged_toml import packaged_toml


class TakeCaptions(Record):
    """Two to four sentences for one take, and whether any crop of several seconds fits them too."""

    captions: tuple[str, ...]
    steady: bool = False


@lru_cache(maxsize=1)
def take_captions() -> Mapping[str, TakeCaptions]:
    """Take ("01_01") -> its captions."""
    table = packaged_toml(__package__ or "", "takes.toml")
    found = {}
    for group in table["in_turn"]:
        for turn, take in enumerate(group["takes"]):
            words = group["captions"][turn % len(group["captions"])]
            found[take] = TakeCaptions(captions=words, steady=True)
    for take, entry in table["take"].items():
        found[take] = TakeCaptions.parse(entry, where=f"takes.toml, {take}")
    return found


_JUMP, _SQUAT = Act(action="jump"), Act(action="squat")
_FORWARD, _TURN = Act(action="travel", direction="forward"), Act(action="turn")

CLAIMS: Mapping[str, tuple[Claim, ...]] = {
    "01_01": (in_order(_JUMP, _TURN),),
    "02_04": (in_order(_SQUAT, _JUMP), repeats("jump", 1)),
    "05_16": (in_order(_FORWARD, _JUMP),),
    "05_17": (in_order(_FORWARD, _JUMP),),
    "06_06": (travels("backward"),),
    "06_07": (travels("backward"),),
    "06_08": (travels("left"),),
    "06_09": (travels("left"),),
    "06_10": (turns_to("left"),),
    "06_12": (turns_to("right"),),
    "32_02": (turns_to("right"), in_order(_FORWARD, Act(action="turn", side="right"))),
}

_PACES: Mapping[str, Claim] = {
    **dict.fromkeys(("slow", "slowly"), moves_at("walk", high=SLOW)),
    **dict.fromkeys(("briskly", "quickly", "fast"), moves_at("walk", "jog", low=BRISK)),
}

_NOT_PLAIN = {"dribbling", "uneven", "rough"}


def claims_of_take(take: str) -> tuple[Claim, ...]:
    """Claims that a take's captions make: those listed, else those of a plain walk."""
    if take not in take_captions():
        return ()
    return CLAIMS.get(take, ()) or _walk_claims(take_captions()[take])


def _walk_claims(take: TakeCaptions) -> tuple[Claim, ...]:
    words = " ".join(take.captions).split()
    if not take.steady or "walk" not in take.captions[0] or _NOT_PLAIN & set(words):
        return ()
    pace = next((claim for word, claim in _PACES.items() if word in words), moves_at("walk"))
    return travels("forward"), pace
