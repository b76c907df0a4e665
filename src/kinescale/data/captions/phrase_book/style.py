"""Styles of the phrase book: the words for how an action is performed."""

from __future__ import annotations

from collections.abc import Mapping

from kinescale.core.records import Record
from kinescale.io.packaged_toml import packaged_toml


class Style(Record):
    """Words for one style; ``styles.toml`` explains each field."""

    adjectives: tuple[str, ...] = ()
    adverbs: tuple[str, ...] = ()
    manners: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    gait: tuple[str, ...] = ()
    people: tuple[tuple[str, str], ...] = ()
    unlike: frozenset[str] = frozenset()
    overhead: bool = False

    def expressions(self) -> tuple[str, ...]:
        """Everything that describes this style, whatever the action."""
        return self.adjectives + self.adverbs + self.manners + self.moods + tuple(who for who, _ in self.people)


STYLES: Mapping[str, Style] = {
    name: Style.parse(entry, where=f"styles.toml, {name}")
    for name, entry in packaged_toml(__package__ or "", "styles.toml").items()
}
"""Every style of both datasets; ``normal`` adds no words."""
