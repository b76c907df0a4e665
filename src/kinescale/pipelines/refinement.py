"""Refinement of one clip by candidates: further draws, mirrored, adjusted or put together, until its claims are kept.

Each round draws the prompt again, in the words of captions or as it is, or the parts of a compound prompt apart; a part
that keeps its own claims stays for the next round. A motion that does the right thing on the wrong side is mirrored;
one that misses a number is adjusted to it (``adjustment``). Of all, the one that keeps most claims is given out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kinescale.core.errors import SkeletonError
from kinescale.core.randomness import derive_seed
from kinescale.description.prompts import Part, Request, parse_prompt
from kinescale.motion.mirror import mirror
from kinescale.motion.motion import Motion
from kinescale.pipelines.adjustment import adjusted, needs_longer, stops
from kinescale.pipelines.assembly import in_sequence, layered, once, schedule
from kinescale.pipelines.candidates import MAIN_WEIGHT, Verdict, judge

LONGER = 1.3
"""A motion that may have to be made faster is drawn so many times as long."""

LONG, LEAST_STANDING_S = 1.4, 1.0
"""A clip so many times as long as an act needs is filled with standing, for so long at least."""

STANDING, STRAIGHT = "a person stands still", "a person walks forward"
"""What is joined after a way that ends, and what is bent where no draw of a turn comes near its angle."""


@dataclass(frozen=True)
class Draw:
    """One draw to make: its text, length in frames and seed."""

    text: str
    frames: int
    seed: int


@dataclass(frozen=True)
class Limits:
    """Lengths that can be drawn, frames, and the frame rate."""

    shortest: int
    longest: int
    fps: float

    def frames(self, seconds: float) -> int:
        """Frames of some seconds, within the limits."""
        return min(self.longest, max(self.shortest, round(seconds * self.fps)))


@dataclass(eq=False)
class _Piece:
    """The best draw of a part so far; ``whole``: it keeps its minor claims as well, such as to stay in place."""

    motion: Motion
    verdict: Verdict
    whole: bool


@dataclass(eq=False)
class Refiner:
    """The candidates of one clip: ``draws`` says what to draw in a round, ``take`` judges what was drawn.

    Parameters
    ----------
    prompt, request : the prompt, and what it asks for.
    first : the first draw, ``frames`` long.
    seed : of the clip; every further draw has its own, derived from it.
    """

    prompt: str
    request: Request
    first: Motion
    seed: int
    limits: Limits
    best: Motion = field(init=False)
    verdict: Verdict | None = field(init=False)
    drawn: int = 1
    _pieces: dict[str, _Piece] = field(default_factory=dict)
    _standing: Motion | None = None
    _asked: list[tuple[str, Draw]] = field(default_factory=list)
    _parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        self.best = self.first
        self.verdict = judge(self.first, self.request) if self.request.main else None
        if self.wanting:
            self._consider(self.first, {})

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return len(self.first)

    @property
    def wanting(self) -> bool:
        """Whether a claim is missed."""
        return self.verdict is not None and not self.verdict.complete

    def draws(self, number: int) -> list[Draw]:
        """What to draw in round ``number``, from 1 on."""
        parts = self._parts = self._in_parts(number)
        self._asked = []
        if parts:
            lengths = dict(zip(parts, self._lengths(parts), strict=True))
            # where every part is there and the whole is not, other draws may join better
            lacking = [part for part in parts if not self._has(part)] or parts
            for part in lacking:
                self._ask(part.text, part.text, lengths[part], number)
        else:
            missed = self.verdict.missed if self.verdict is not None else ()
            plain = number % 4 == 2 if self.request.parts or self.request.layers else number % 2 == 1
            text = (self.request.plain if plain else "") or self.prompt
            if self._straight(number):
                text = STRAIGHT
            frames = math.ceil(self.frames * LONGER) if needs_longer(missed) else self.frames
            self._ask("", text, min(self.limits.longest, max(frames, self.frames)), number)
        if self._standing is None and self._stops():
            self._ask(STANDING, STANDING, self.frames, number)
        return [draw for _, draw in self._asked]

    def take(self, number: int, made: Sequence[Motion]) -> None:
        """Judge the motions of the draws that ``draws`` asked for."""
        self.drawn += len(made)
        whole: list[tuple[Draw, Motion]] = []
        for (key, draw), motion in zip(self._asked, made, strict=True):
            if key == STANDING:
                self._standing = motion
            for part in self._parts:
                if part.text == key:
                    self._keep_piece(part, motion)
            if not key:
                whole.append((draw, motion))
        for draw, motion in whole:
            said = {} if draw.text == self.prompt else {"drawn_as": draw.text}
            self._consider(motion, {"candidate": number, **said})
        if not whole and (joined := self._assembled()) is not None:
            self._consider(joined, {"candidate": number, "assembled_from": [part.text for part in self._parts]})

    def _in_parts(self, number: int) -> tuple[Part, ...]:
        """The parts to draw apart in a round; none where the whole is to be drawn.

        Of a single short act, every other draw from the third on: recordings of it are short, too.
        """
        if number % 2 == 0 or self._straight(number):
            return ()
        act = self.request.act
        if act is not None and number > 1 and self.frames > LONG * act.seconds * self.limits.fps:
            return (act, Part(STANDING, LEAST_STANDING_S, elastic=True))
        return self.request.parts or self.request.layers

    def _straight(self, number: int) -> bool:
        """Whether a straight walk is drawn in a round, to be bent into a turn whose angle is missed."""
        missed = self.verdict.missed if self.verdict is not None else ()
        return number % 3 == 0 and not self.request.parts and any(claim.startswith("turns") for claim in missed)

    def _ask(self, key: str, text: str, frames: int, number: int) -> None:
        if all(known != key for known, _ in self._asked):
            seed = derive_seed(self.seed, "candidate", number, *([key] if key else []))
            self._asked.append((key, Draw(text, frames, seed)))

    def _stops(self) -> bool:
        """Whether a standing clip is needed: after a way or a number of steps, or acts that are repeated."""
        missed = self.verdict.missed if self.verdict is not None else ()
        counted = any(part.count > 1 for part in self.request.parts)
        return counted or any(claim.split()[0] in ("way", "steps") for claim in missed)

    def _lengths(self, parts: Sequence[Part]) -> list[int]:
        """Frames to draw of each part."""
        if self.request.layers:
            return [self.frames] * len(parts)
        seconds = schedule(parts, self.frames / self.limits.fps)
        return [
            self.frames if part.text == STANDING else self.limits.frames(each)
            for part, each in zip(parts, seconds, strict=True)
        ]

    def _has(self, part: Part) -> bool:
        """Whether a draw of the part keeps all that the part claims."""
        return part.text in self._pieces and self._pieces[part.text].whole

    def _keep_piece(self, part: Part, motion: Motion) -> None:
        """The better of a part's draws, mirrored where that keeps more of the part's claims; of two alike the later."""
        request = parse_prompt(part.text)
        for one in self._sided(motion, request):
            if part.count > 1 and once(one, part.kinds) is None:
                continue
            verdict = judge(one, request)
            if verdict is None:
                continue
            if part.text not in self._pieces or verdict.score >= self._pieces[part.text].verdict.score:
                whole = verdict.score >= MAIN_WEIGHT * len(request.main) + len(request.minor)
                self._pieces[part.text] = _Piece(one, verdict, whole)

    def _assembled(self) -> Motion | None:
        """All parts in one motion; ``None`` where a part is not there or a seam is too hard."""
        parts = self._parts
        if not parts or any(part.text not in self._pieces for part in parts):
            return None
        motions = [self._pieces[part.text].motion for part in parts]
        try:
            if self.request.layers:
                return layered(motions[0], motions[1], parts[1].side, self.frames)
            pieces: list[Motion] = []
            for part, motion in zip(parts, motions, strict=True):
                each = self.frames / self.limits.fps / part.count
                single = once(motion, part.kinds, each) if part.count > 1 else motion
                if single is None:
                    return None
                pieces += [single] * part.count
            if self._standing is not None:
                pieces.append(self._standing)
            return in_sequence(pieces, self.frames)
        except SkeletonError:
            return None

    def _sided(self, motion: Motion, request: Request) -> list[Motion]:
        """The motion, and its mirror image where a claim names a side."""
        if not any("left" in claim or "right" in claim for claim in request.main):
            return [motion]
        try:
            return [motion, mirror(motion).with_meta(mirrored=True)]
        except SkeletonError:
            return [motion]

    def _consider(self, motion: Motion, meta: dict[str, object]) -> None:
        """Judge a candidate, its mirror image and what adjustments make of them; the best is kept."""
        for one in self._sided(motion.with_meta(**meta) if meta else motion, self.request):
            verdict = self._offer(one.slice(0, self.frames) if len(one) > self.frames else one)
            if verdict is None or verdict.complete:
                return
            self._adjust(one, verdict)
            if not self.wanting:
                return

    def _adjust(self, motion: Motion, verdict: Verdict) -> None:
        made = adjusted(motion, verdict.missed, self.frames)
        if made is not None:
            self._offer(made.motion.with_meta(adjusted=dict(made.report)))
        if self._standing is not None and self._stops():
            for one in stops(motion, self._standing, verdict.missed, self.frames):
                found = self._offer(one.motion.with_meta(adjusted=dict(one.report)))
                if found is None or found.complete:
                    return

    def _offer(self, motion: Motion) -> Verdict | None:
        """The verdict on a motion, which is kept where it is better than the best so far."""
        verdict = judge(motion, self.request)
        if verdict is not None and self.verdict is not None and verdict.score > self.verdict.score:
            self.best, self.verdict = motion, verdict
        return verdict

    def result(self) -> Motion:
        """The best motion, with its claims and the number of draws in ``meta``."""
        if self.verdict is None:
            return self.best
        kept, missed = list(self.verdict.kept), list(self.verdict.missed)
        return self.best.with_meta(claims_kept=kept, claims_missed=missed, candidates_drawn=self.drawn)


def refine(refiners: Sequence[Refiner], draws: int, make: Callable[[Sequence[tuple[int, Draw]]], list[Motion]]) -> None:
    """Rounds of draws for all clips that miss a claim, until none does or each had ``draws`` rounds.

    ``make``: draws for (index of the clip, what to draw), all at once.
    """
    for number in range(1, draws):
        asked = [(i, draw) for i, one in enumerate(refiners) if one.wanting for draw in one.draws(number)]
        if not asked:
            break
        made = make(asked)
        for i in dict.fromkeys(i for i, _ in asked):
            refiners[i].take(number, [motion for (k, _), motion in zip(asked, made, strict=True) if k == i])
