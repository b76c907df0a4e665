"""Actions of the phrase book: paraphrases of what a labeled clip shows, and those of its mirror image."""

from __future__ import annotations

from collections.abc import Mapping

from kinescale.core.records import Record
from kinescale.description.grammar import mirror_sentence
from kinescale.io.packaged_toml import packaged_toml

MIRRORED = "-mirrored"
"""Suffix of the mirror image of an action that has a side but no twin in the datasets."""


class Action(Record):
    """Paraphrases of one action.

    Parameters
    ----------
    phrases : hold for every style, the commonest first.
    overhead : hold only for the styles whose hands go above the head.
    travels : the feet carry the body along, so that words about steps fit.
    sided : performed with one side of the body, without a twin for the other side.
    """

    phrases: tuple[str, ...]
    overhead: tuple[str, ...] = ()
    travels: bool = False
    sided: bool = False

    def mirrored(self) -> Action:
        """The paraphrases of the mirror image."""
        return self.but(
            phrases=tuple(map(mirror_sentence, self.phrases)), overhead=tuple(map(mirror_sentence, self.overhead))
        )


def _corpus_actions() -> dict[str, Action]:
    table = packaged_toml(__package__ or "", "actions.toml")
    actions = {
        name: Action.parse(table[entry.get("same_as", name)], where=f"actions.toml, {name}")
        for name, entry in table.items()
    }
    twins = {name.replace("left", "right"): actions[name].mirrored() for name in actions if "left" in name}
    return {**actions, **twins}


CORPUS_ACTIONS: Mapping[str, Action] = _corpus_actions()
"""The actions by their names in the datasets."""

ACTIONS: Mapping[str, Action] = {
    **CORPUS_ACTIONS,
    **{name + MIRRORED: action.mirrored() for name, action in CORPUS_ACTIONS.items() if action.sided},
}
"""Those, and the mirror images of the sided ones that have no twin."""
