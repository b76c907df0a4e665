"""Instruction prompts: sentences that each make one measurable claim, drawn from a seeded grammar."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.description.claim_rates import KINDS
from kinescale.description.claims import Claim, ClaimKind
from kinescale.description.grammar import inflect
from kinescale.description.instruction_grammar import claims_with_words

SUBJECTS = (("a person", "their"), ("someone", "their"), ("a man", "his"), ("a woman", "her"), ("a figure", "its"))


class Instruction(Record):
    """A prompt and the one claim that it makes."""

    prompt: str
    claim: Claim

    @property
    def kind(self) -> ClaimKind:
        """The claim's kind."""
        return self.claim.kind


def instructions(count: int, seed: int, kinds: Sequence[str] = KINDS) -> tuple[Instruction, ...]:
    """``count`` distinct prompts, spread evenly over ``kinds``; the same for the same seed.

    Every claim of a kind comes once before one comes again in other words. ``InputError`` for a kind that is none, or
    for more prompts than the grammar has.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or count < 0:
        what = f"'{unknown[0]}' is no kind of claim" if unknown else f"{count} prompts of {len(kinds)} kinds"
        raise InputError(f"{what}; expected at least 0 prompts of kinds among {', '.join(KINDS)}.")
    rng = random.Random(seed)
    wanted: list[ClaimKind] = [kind for kind in KINDS if set(kinds) & {kind}]
    queues = {kind: _shuffled(kind, rng) for kind in wanted}
    found: list[Instruction] = []
    seen: set[str] = set()
    while len(found) < count:
        before = len(found)
        for kind in wanted:
            fresh = next((one for one in queues[kind] if one.prompt not in seen), None)
            if fresh is not None and len(found) < count:
                found.append(fresh)
                seen.add(fresh.prompt)
        if len(found) == before:
            raise InputError(f"{count} prompts requested; the grammar has {before} of {', '.join(wanted)}.")
    return tuple(found)


def _shuffled(kind: ClaimKind, rng: random.Random) -> list[Instruction]:
    """All prompts of a kind: rounds in which each claim comes once, with other words and another subject."""
    entries = claims_with_words(kind)
    rounds: list[Instruction] = []
    most = max(len(words) for _, words in entries)
    starts = [rng.randrange(len(words)) for _, words in entries]
    for turn in range(most * len(SUBJECTS)):
        order = rng.sample(range(len(entries)), len(entries))
        for at in order:
            claim, words = entries[at]
            who, their = SUBJECTS[(turn // len(words) + turn + at) % len(SUBJECTS)]
            phrase = words[(starts[at] + turn) % len(words)]
            rounds.append(Instruction(prompt=f"{who} {inflect(phrase, 'third', their)}", claim=claim))
    return rounds
