"""The contract of a corpus's captions: ``describe(action, style, take, count, part=False) -> ClipCaptions``.

One file a corpus. With ``part`` the sentences are on a window of the take, in which only some of what its label lists
may be seen.
"""

from __future__ import annotations

from kinescale.captions import measured
from kinescale.captions.measured.tellings import generator, tail, tellings
from kinescale.core.records import Record
from kinescale.motion import Motion, mirror

TAILS = 1 / 3
"""Share of the measured captions that are the label's sentence with an amount behind it."""


class ClipCaptions(Record):
    """What is said of one clip.

    ``captions`` describe it, ``mirrored`` describe its mirror image; ``steady`` tells that any crop of a few seconds is
    described by them too (walking, dancing throughout), else only the whole clip is. The last ``amounts`` of both tell
    what is measured on the whole.
    """

    captions: tuple[str, ...]
    mirrored: tuple[str, ...]
    steady: bool
    amounts: int = 0


def with_amounts(words: ClipCaptions, motion: Motion, count: int, key: str) -> ClipCaptions:
    """The captions and up to ``count`` more that tell what the motion shows, and the same for its mirror image.

    Left and right are those measured on each of the two.
    """
    both = [(words.captions, motion), (words.mirrored, mirror(motion))]
    found = [_measured(sentences, seen, count, key) for sentences, seen in both]
    least = min(map(len, found))
    return words.but(
        captions=(*words.captions, *found[0][:least]),
        mirrored=(*words.mirrored, *found[1][:least]),
        amounts=least,
    )


def _measured(sentences: tuple[str, ...], motion: Motion, count: int, key: str) -> list[str]:
    description = measured.describe(motion)
    rng = generator(f"tails {key}")
    wanted = round(count * TAILS)
    start = rng.randrange(len(sentences)) if sentences else 0
    turned = [*sentences[start:], *sentences[:start]][:wanted]
    tailed = [sentence + tail(description, rng) for sentence in turned]
    plain = tellings(description, count - len(tailed), key)
    return [one for one in dict.fromkeys([*tailed, *plain]) if one not in sentences]
