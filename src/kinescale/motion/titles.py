"""What a motion is called in pictures and files: its prompt, with what tells it from others of the same prompt."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.motion.motion import Motion


def titles(motions: Sequence[Motion], names: Sequence[str], *, longest: int | None = None) -> list[str]:
    """A title for each motion that no other has.

    The prompt, cut to ``longest`` letters, else the name; samples after the first say which they are; where titles are
    still alike, the seed, then the name, then a number tells them apart.
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
    said = motion.meta.get("prompt")
    title = " ".join(said.split())[:longest].rstrip() if isinstance(said, str) and said.strip() else name
    sample = motion.meta.get("sample")
    return f"{title} (sample {sample})" if isinstance(sample, int) and sample > 0 else title


def _seed(motion: Motion, name: str) -> str:
    seed = motion.meta.get("seed")
    return f" (seed {seed})" if isinstance(seed, int) else ""


def _name(motion: Motion, name: str) -> str:
    return f" ({name})" if name else ""
