"""Measured captions of labeled clips: amounts appended to a label's sentences, and sentences of measurements alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kinescale.data.datasets import ClipCaptions
from kinescale.description import Description, describe
from kinescale.description.detailed import amount_suffix, generator, varied_captions
from kinescale.description.phrase_sentences import sentences
from kinescale.description.records import Kind
from kinescale.io.packaged_toml import packaged_toml
from kinescale.motion import Motion, mirror

SUFFIXED, SUFFIXED_OF_MORE = 1 / 3, 0.75
"""Share of the measured captions that are a label's sentence with an amount appended: where measurements cover the
label, and where the label says more (a dance, of which "lifts both hands" says little)."""

_MEASURABLE = re.compile(
    r"walk|\brun|jog|sprint|dash|turn|rais|lift|wave|waving|kick|punch|jump|hop|squat|bow\b|bend|sit|stand|lie|step"
)
_MORE = re.compile(
    r"danc|like|imitat|pretend|pantomim|play|act|sword|climb|karate|spell|weapon|laugh|box\b|gun|shoot|bow and|arrow"
)
"""Words of labels that measurements cover, and of labels that they do not."""

RESTS = 0.6
"""A window is at rest when the body stands still for more than this share of it."""

_AT_REST = re.compile(r"stand|pose|balanc|still|wait|stay|sit|lie|lying|listen|aim|hold")

NEEDS_LABEL: Mapping[Kind, re.Pattern[str]] = {
    "wave": re.compile(r"wav|greet|bye|hello|traffic|cheer|signal|celebrat|shak"),
    "sit": re.compile(r"sit|seat|stool|chair|driv|motorcycle|meditat"),
    "sit_down": re.compile(r"sit|seat|stool|chair|driv|motorcycle|meditat"),
    "clap": re.compile(r"clap|applau"),
    "punch": re.compile(r"punch|box|jab|strik|fight|attack|karate|blow|fist|kata"),
}
"""Events that are mentioned only where the label has one of these words: hands move to and fro in dances and pantomimes
too, and hips sink behind the feet of someone who pushes."""


def with_measured_captions(
    words: ClipCaptions, motion: Motion, count: int, key: str, *, part: bool = False
) -> ClipCaptions:
    """The captions and up to ``count`` more that state measurements, and the same for the mirror image.

    Left and right are measured on each of the two motions. A window (``part``) in which the body hardly moves is
    captioned as standing still, whatever the take's label: before a dance, and after it.
    """
    seen = [describe(one) for one in (motion, mirror(motion))]
    if part and _rests(seen[0]) and not _AT_REST.search(" ".join(words.captions)):
        phrases = packaged_toml(__package__ or "", "standing.toml")["phrases"]
        still = sentences(phrases, key, len(words.captions))
        words = words.but(captions=still, mirrored=still)
    both = zip((words.captions, words.mirrored), seen, strict=True)
    found = [_measured(captions, words.steady, description, count, key) for captions, description in both]
    least = min(map(len, found))
    return words.but(
        captions=(*words.captions, *found[0][:least]),
        mirrored=(*words.mirrored, *found[1][:least]),
        amounts=least,
    )


def _rests(description: Description) -> bool:
    """Whether the body stands still for most of the time."""
    return sum(event.seconds for event in description.of("stand_still")) > RESTS * description.seconds


def _measured(captions: tuple[str, ...], steady: bool, description: Description, count: int, key: str) -> list[str]:
    description = _without_unlabeled(description, " ".join(captions))
    rng = generator(f"tails {key}")
    # "sits or stands up for about three meters" is no sentence
    fit = [sentence for sentence in captions if " or " not in sentence]
    rng.shuffle(fit)
    wanted = round(count * (SUFFIXED if _measurable(captions) else SUFFIXED_OF_MORE))
    suffixes = [(sentence, amount_suffix(sentence, description, rng, steady)) for sentence in fit[:wanted]]
    suffixed = [sentence + words for sentence, words in suffixes if words]
    plain = varied_captions(description, count - len(suffixed), key)
    return [one for one in dict.fromkeys([*suffixed, *plain]) if one not in captions]


def _measurable(captions: tuple[str, ...]) -> bool:
    """Whether most sentences state no more than measurements can."""
    plain = sum(bool(_MEASURABLE.search(one)) and not _MORE.search(one) for one in captions)
    return 2 * plain >= len(captions)


def _without_unlabeled(description: Description, label: str) -> Description:
    """The description without events that the label would have to confirm, and does not."""
    dropped = {kind for kind, words in NEEDS_LABEL.items() if not words.search(label)}
    return description.but(events=tuple(event for event in description.events if event.kind not in dropped))
