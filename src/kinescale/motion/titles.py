"""Titles of motions in pictures and files: the prompt, with sample number or seed where prompts are equal."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.motion.motion import Motion


def titles(motions: Sequence[Motion], names: Sequence[str], *, longest: int | None = None) -> list[str]:
    """A unique title for each motion.

    The prompt, cut to ``longest`` characters, else the name; samples after the first get their number; where titles are
    still equal, the seed, then the name, then a number is appended.
    """
    found = [_title(motion, name, longest) for motion, name in zip(motions, names, strict=True)]
    for more in (_seed, _name):
        ends = [more(motion, name) for motion, name in zip(motions, names, strict=True)]
        kinds = {title: {end for one, end in zip(found, ends, strict=True) if one == title} for title in found}
        found = [title + end if len(kinds[title]) > 1 else title for title, end in zip(found, ends, strict=True)]
    taken: list[str] = []
    for title in found:
        stem, count = title, 1
        while title in taken:
            count += 1
            title = f"{stem} {count}"
        taken.append(title)
    return taken


def _title(motion: Motion, name: str, longest: int | None) -> str:
    prompt = motion.meta.get("prompt")
    title = " ".join(prompt.split())[:longest].rstrip() if isinstance(prompt, str) and prompt.strip() else name
    sample = motion.meta.get("sample")
    return f"{title} (sample {sample})" if isinstance(sample, int) and sample > 0 else title


def _seed(motion: Motion, name: str) -> str:
    seed = motion.meta.get("seed")
    return f" (seed {seed})" if isinstance(seed, int) else ""


def _name(motion: Motion, name: str) -> str:
    return f" ({name})" if name else ""
