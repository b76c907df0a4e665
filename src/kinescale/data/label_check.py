"""Label check: does a motion do what its label says? Each contradiction is one sentence.

Labels are those for which a dataset offers ``LABEL_RULES``, and the names of their mirror images
(``phrase_book.mirror_action``). The measurements are in ``description.label_measures``, the rules in
``description.label_rules``.
"""

from __future__ import annotations

import difflib
from functools import lru_cache

from kinescale.core.errors import UnknownNameError
from kinescale.data import datasets
from kinescale.data.captions.phrase_book import CORPUS_ACTIONS, MIRRORED
from kinescale.description.grammar import mirror_sentence
from kinescale.description.label_measures import measure
from kinescale.description.label_rules import Rule
from kinescale.motion.motion import Motion


@lru_cache(maxsize=1)
def _rules() -> dict[str, tuple[Rule, ...]]:
    """Label -> rules, of all datasets."""
    found: dict[str, tuple[Rule, ...]] = {}
    for name in datasets.FAMILY.names():
        found |= getattr(datasets.FAMILY.load(name), "LABEL_RULES", {})
    return found


def checked_actions() -> tuple[str, ...]:
    """Labels that ``contradictions`` accepts, sorted; the names of their mirror images are accepted too."""
    return tuple(sorted({*CORPUS_ACTIONS, *_rules()}))


def contradictions(motion: Motion, action: str) -> tuple[str, ...]:
    """What in the motion contradicts the label, a sentence each; empty when nothing does.

    ``UnknownNameError`` for a label without rules, ``SkeletonError`` for a skeleton without the roles.
    """
    rules, flipped = _rules_of(action)
    measures = measure(motion)
    found = [rule(measures.mirrored() if flipped else measures) for rule in rules]
    sentences = [sentence for sentence in found if sentence is not None]
    return tuple(mirror_sentence(sentence) if flipped else sentence for sentence in sentences)


def _rules_of(action: str) -> tuple[tuple[Rule, ...], bool]:
    """An action's rules, and whether they apply to the mirror image."""
    rules = _rules()
    if action in rules:
        return rules[action], False
    twin = action.removesuffix(MIRRORED) if action.endswith(MIRRORED) else mirror_sentence(action)
    if twin in rules:
        return rules[twin], True
    known = checked_actions()
    close = difflib.get_close_matches(str(action), known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UnknownNameError(f"no label '{action}' to check a motion against.{hint} Known: {', '.join(known)}.")


__all__ = ["checked_actions", "contradictions"]
