"""The contract of a corpus's captions: ``describe(action, style, take, count, part=False) -> ClipCaptions``.

One file a corpus. With ``part`` the sentences are on a window of the take, in which only some of what its label lists
may be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kinescale import description as measured
from kinescale.core.records import Record
from kinescale.data.captions.said import sentences
from kinescale.description import Description
from kinescale.description.detailed import generator, tail, tellings
from kinescale.description.records import Kind
from kinescale.motion import Motion, mirror

TAILS, TAILS_OF_MORE = 1 / 3, 0.75
"""Share of the measured captions that are the label's sentence with an amount behind it: where what is measured is what
the label says, and where the label says more, as of a dance, of which "lifts both hands" tells little."""

_PLAIN = re.compile(
    r"walk|\brun|jog|sprint|dash|turn|rais|lift|wave|waving|kick|punch|jump|hop|squat|bow\b|bend|sit|stand|lie|step"
)
_MORE = re.compile(
    r"danc|like|imitat|pretend|pantomim|play|act|sword|climb|karate|spell|weapon|laugh|box\b|gun|shoot|bow and|arrow"
)
"""Labels that measurements cover, and words of those they do not."""

STILL = ("*stand still", "*stand in place", "*stay in place, hardly moving", "*stand and *wait", "*wait")
RESTS = 0.6
"""A window is at rest when the body stands still for more than this share of it."""

_AT_REST = re.compile(r"stand|pose|balanc|still|wait|stay|sit|lie|lying|listen|aim|hold")

NAMED_ONLY: Mapping[Kind, re.Pattern[str]] = {
    "wave": re.compile(r"wav|greet|bye|hello|traffic|cheer|signal|celebrat|shak"),
    "sit": re.compile(r"sit|seat|stool|chair|driv|motorcycle|meditat"),
    "sit_down": re.compile(r"sit|seat|stool|chair|driv|motorcycle|meditat"),
    "clap": re.compile(r"clap|applau"),
    "punch": re.compile(r"punch|box|jab|strik|fight|attack|karate|blow|fist|kata"),
}
"""Hands go to and fro in dances and pantomimes too, and hips sink behind the feet of who pushes: such events are told
only where the label speaks of the like."""


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


def with_amounts(words: ClipCaptions, motion: Motion, count: int, key: str, part: bool = False) -> ClipCaptions:
    """The captions and up to ``count`` more that tell what the motion shows, and the same for its mirror image.

    Left and right are those measured on each of the two. A window (``part``) in which the body hardly moves is said to
    stand still, whatever the take's label: before a dance, and after it.
    """
    seen = [measured.describe(one) for one in (motion, mirror(motion))]
    if part and _rests(seen[0]) and not _AT_REST.search(" ".join(words.captions)):
        still = sentences(STILL, key, len(words.captions))
        words = words.but(captions=still, mirrored=still)
    both = zip((words.captions, words.mirrored), seen, strict=True)
    found = [_measured(said, words.steady, description, count, key) for said, description in both]
    least = min(map(len, found))
    return words.but(
        captions=(*words.captions, *found[0][:least]),
        mirrored=(*words.mirrored, *found[1][:least]),
        amounts=least,
    )


def _rests(description: Description) -> bool:
    """Whether the body stands still for most of the time."""
    return sum(event.seconds for event in description.of("stand_still")) > RESTS * description.seconds


def _measured(said: tuple[str, ...], steady: bool, description: Description, count: int, key: str) -> list[str]:
    description = _believed(description, " ".join(said))
    rng = generator(f"tails {key}")
    # "sits or stands up for about three meters" is no sentence
    fit = [sentence for sentence in said if " or " not in sentence]
    rng.shuffle(fit)
    wanted = round(count * (TAILS if _covered(said) else TAILS_OF_MORE))
    tails = [(sentence, tail(sentence, description, rng, steady)) for sentence in fit[:wanted]]
    tailed = [sentence + words for sentence, words in tails if words]
    plain = tellings(description, count - len(tailed), key)
    return [one for one in dict.fromkeys([*tailed, *plain]) if one not in said]


def _covered(said: tuple[str, ...]) -> bool:
    """Whether most sentences say no more than measurements can."""
    plain = sum(bool(_PLAIN.search(one)) and not _MORE.search(one) for one in said)
    return 2 * plain >= len(said)


def _believed(description: Description, label: str) -> Description:
    """Without events that only the label could vouch for."""
    doubted = {kind for kind, words in NAMED_ONLY.items() if not words.search(label)}
    return description.but(events=tuple(event for event in description.events if event.kind not in doubted))
