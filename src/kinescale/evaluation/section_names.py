"""Names of the sections of an evaluation, with what each measures; importable without torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from kinescale.core.errors import InputError

SECTIONS: Mapping[str, str] = {
    "motions": "motions made for the split's sentences: text, FID, feet, peaks, by corpus, class and kind of split",
    "tokenizer": "what recordings keep through the tokenizer, by corpus, class and at their peaks",
    "codes": "use of the codes by recordings and generated motions",
    "instructions": "prompts of the grammar, done or not",
    "phrases": "sentences from outside the phrase book, by kind",
    "sensitivity": "prompts that differ in one word, and what changes in the motion",
    "spread": "how far seeds of one sentence are apart, beside recordings of one class",
}
"""Section -> what it measures. All but ``tokenizer`` and ``codes`` need a generator."""

WITHOUT_GENERATOR = ("tokenizer",)
"""Sections that need no generator."""


def parse_sections(words: str) -> tuple[str, ...]:
    """Sections by name, comma between, in the order of ``SECTIONS``; "all" is each of them.

    ``InputError`` for a name that is none.
    """
    names = [word.strip() for word in words.split(",")]
    if names == ["all"]:
        return tuple(SECTIONS)
    for word in names:
        if word not in SECTIONS:
            near = difflib.get_close_matches(word, SECTIONS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise InputError(f"there is no section '{word}'.{hint} Known: all, {', '.join(SECTIONS)}.")
    return tuple(name for name in SECTIONS if name in names)
