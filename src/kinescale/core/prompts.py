"""Prompt validation, importable without torch so that a bad prompt is refused early."""

from __future__ import annotations

from kinescale.core.errors import InputError

MAX_PROMPT_CHARACTERS = 2000


def check_prompt(sentence: str) -> str:
    """The sentence with white space folded; ``InputError`` when nothing is left or it is far too long."""
    folded = " ".join(str(sentence).split())
    if not any(c.isalnum() for c in folded):
        got = sentence if len(folded) <= 40 else folded[:40] + "..."
        raise InputError(f"the prompt is {got!r}; expected a sentence such as 'a person walks forward'.")
    if len(folded) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the prompt has {len(folded)} characters; at most {MAX_PROMPT_CHARACTERS} are taken.")
    return folded
