"""Candidates of an edit: of several draws for a prompt, the one whose resampled frames keep most of its claims.

As of whole motions (``pipelines.candidates``), but only the frames that were resampled are measured, in the clip as it
is handed back: blended, with its own parts around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.description.prompts import Request, parse_prompt
from kinescale.motion.motion import Motion
from kinescale.pipelines.candidates import Verdict, judge
from kinescale.pipelines.editing.region import Span

Quality = Literal["fast", "best"]
"""How much is tried for a prompt; ``None``: as often as the bundle draws motions."""

SHORTEST_S = 0.5
"""In fewer seconds nothing is done that could be measured."""

BEST_DRAWS = 16

Made = TypeVar("Made")


@dataclass(frozen=True)
class Draw:
    """One draw to make: the text that it is drawn for, and its seed."""

    text: str | None
    seed: int


def draws_of(quality: str | None, usual: int) -> int:
    """Most draws per sample, where a bundle draws a motion at most ``usual`` times; ``InputError`` for no quality."""
    if quality not in (None, *get_args(Quality)):
        raise InputError(f"the quality is '{quality}'; expected {' or '.join(get_args(Quality))}.")
    return {"fast": 1, "best": max(BEST_DRAWS, usual)}.get(quality or "", usual)


def best_draw(
    make: Callable[[Draw], Made],
    clip_of: Callable[[Made], Motion],
    first: Draw,
    spans: Sequence[Span],
    draws: int,
) -> tuple[Made, Mapping[str, Any]]:
    """The first draw that keeps all main claims of its text, else the best of ``draws``; and what ``meta`` says of it.

    Every other draw is for the text in the words of captions. The first one alone is made where the text makes no claim
    that is understood, and where its claims cannot be measured.
    """
    request = Request() if first.text is None else parse_prompt(first.text)
    best, about = make(first), {}
    verdict = _verdict(clip_of(best), spans, request) if draws > 1 and request.main else None
    if verdict is None:
        return best, about
    for number in range(1, draws):
        if verdict.complete:
            break
        text = (request.plain if number % 2 else "") or first.text
        made = make(Draw(text, derive_seed(first.seed, "candidate", number)))
        found = _verdict(clip_of(made), spans, request)
        if found is not None and found.score > verdict.score:
            best, verdict = made, found
            about = {"candidate": number, **({"drawn_as": text} if text != first.text else {})}
    return best, {**about, "claims_kept": list(verdict.kept), "claims_missed": list(verdict.missed)}


def _verdict(clip: Motion, spans: Sequence[Span], request: Request) -> Verdict | None:
    """That of the span that keeps least; ``None`` where one is too short, or cannot be measured."""
    if any(stop - start < SHORTEST_S * clip.fps for start, stop in spans):
        return None
    verdicts = [judge(clip.slice(*span), request) for span in spans]
    known = [verdict for verdict in verdicts if verdict is not None]
    return min(known, key=lambda verdict: verdict.score) if len(known) == len(verdicts) else None
