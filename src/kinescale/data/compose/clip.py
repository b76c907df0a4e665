"""One composed clip: draw its parts, join them, check the result, and caption it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from kinescale.core.files import sha256_bytes
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record
from kinescale.data.compose.acceptance import check_physics, floats, shows_more
from kinescale.data.compose.captions import Segment, captions_of
from kinescale.data.compose.chain import Rejected
from kinescale.data.compose.context import ComposeContext
from kinescale.data.compose.kinds import KINDS, Composition
from kinescale.data.compose.physics import physics_of
from kinescale.data.compose.tempo import with_tempo
from kinescale.data.compose.track import Track
from kinescale.data.prepared import PreparedRow
from kinescale.description import Description, describe
from kinescale.motion import Motion, canonicalize, mirror

TRIES = 8
"""Attempts at one clip of a kind."""

LEAST_FRAMES, LEAST_CAPTIONS = 20, 4
CORPUS = "composed"


class Settings(Record):
    """What to compose.

    Parameters
    ----------
    clips : number of clips.
    split : of the source clips, and of the composed ones.
    captions_per_clip : captions of each clip, at most.
    kinds : kinds of clips to compose, all by default.
    """

    clips: int = Field(ge=1, le=1_000_000)
    seed: int = Field(default=0, ge=0)
    split: str = "train"
    captions_per_clip: int = Field(default=12, ge=1, le=64)
    kinds: tuple[str, ...] = tuple(KINDS)


def compose_clip(
    context: ComposeContext, settings: Settings, number: int, license: str
) -> tuple[PreparedRow | None, list[tuple[str, str]]]:
    """Clip ``number``: its row, ``None`` where every attempt failed; and (kind, reason) of rejected attempts."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(settings.seed, "compose", settings.split, number)))
    shares = np.array([KINDS[kind][0] for kind in settings.kinds])
    kind = settings.kinds[int(rng.choice(len(shares), p=shares / shares.sum()))]
    reasons: list[tuple[str, str]] = []
    for _ in range(TRIES):
        try:
            made = KINDS[kind][1](context, rng)
            return _accepted(context, made, kind, number, settings, license, int(rng.integers(2**31))), reasons
        except Rejected as rejected:
            reasons.append((kind, str(rejected)))
    reasons.append((kind, "given up"))
    return None, reasons


def _accepted(
    context: ComposeContext, made: Composition, kind: str, number: int, settings: Settings, license: str, seed: int
) -> PreparedRow:
    """The clip as a row; ``Rejected`` where physics, measurement or captions rule it out."""
    if len(made.track) < LEAST_FRAMES:
        raise Rejected("too short")
    if floats(made.track):
        raise Rejected("off the floor")
    motion = canonicalize(made.track.motion(), floor=False)
    track = Track.of(motion)
    found = describe(motion)
    physics, acceleration, jerk = physics_of(track, found.path.gait)
    check_physics(context.limits, physics, acceleration, jerk, made.transitions)
    segments = [with_tempo(context.tempos, segment, track, found, made.factor) for segment in made.segments]
    if shows_more(segments, found):
        raise Rejected("shows an act without a caption")
    each = _descriptions(motion, segments, found)
    segments = [replace(one, span=(0.0, one.span[1] - one.span[0])) if one.own else one for one in segments]
    captions = captions_of(
        made.relation, segments, each, random.Random(seed), settings.captions_per_clip, needs=made.needs
    )
    if len(captions) < min(LEAST_CAPTIONS, settings.captions_per_clip):
        raise Rejected("nothing true to tell")
    image = mirror(motion)
    turned = _descriptions(image, made.segments, describe(image))
    mirrored = tuple(one.text for one in (s.mirrored() for s in captions) if one.true_of(turned))
    sources = tuple(dict.fromkeys(made.sources))
    return PreparedRow(
        id=f"{CORPUS}/{settings.split}-{settings.seed}-{number:06d}-{kind}",
        corpus=CORPUS,
        action=f"{kind} {made.name}",
        style="normal",
        license=license,
        captions=tuple(one.text for one in captions),
        captions_mirrored=mirrored,
        steady=False,
        source_sha256=sha256_bytes("\n".join(sources).encode()),
        motion=motion,
        split=settings.split,
        sources=sources,
    )


def _descriptions(motion: Motion, segments: Sequence[Segment], whole: Description) -> list[Description]:
    """Description of each segment: the whole clip's, or that of the segment alone."""
    made = []
    for segment in segments:
        if segment.own:
            start, stop = (round(at * motion.fps) for at in segment.span)
            made.append(describe(motion.slice(start, min(stop, len(motion)))))
        else:
            made.append(whole)
    return made
