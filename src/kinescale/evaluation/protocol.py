"""Protocols by name: how embeddings become the numbers of a table, every habit of theirs written down as data.

``humanml3d-2022`` is what the field's tables hold since Guo et al. 2022 (section 5.1), its slips included, each listed
as a ``Quirk``; ``kit-2022`` is the same on KIT-ML, ``snapmogen`` that of SnapMoGen (Guo et al. 2025). ``fixed`` counts
every clip, in pools that never change and hold no second clip of which the sentence is true, pairs nothing with itself,
and gives the same numbers twice.
"""

from __future__ import annotations

import difflib
from typing import Literal

from pydantic import Field

from kinescale.core.errors import UnknownNameError
from kinescale.core.records import Record


class Quirk(Record):
    """One habit of a protocol that moves its numbers: ``what`` is done, and the ``effect``."""

    name: str
    what: str
    effect: str


class Protocol(Record):
    """How a table is made.

    Parameters
    ----------
    pool : motions a sentence chooses among.
    pools : "batches": the set in a shuffled order is cut into pools; "own": each sentence has its own pool, the same in
        every repeat, of clips with other captions.
    tail : what fills no whole pool is "dropped", or "kept" as a smaller pool.
    direct : a published protocol: where the data hold published arrays of what the evaluator reads, those and the
        generated features go straight to it.
    unit, longest, coin : with ``direct``, a clip is cut to whole units of frames, at most ``longest``; with the chance
        ``coin`` one unit less; from a random start, anew in each repeat.
    caption : "random" one of the clip's captions, anew in each repeat; "first" always its first.
    repeats : number of repeats of a table.
    diversity_pairs : pairs drawn; 0 takes all pairs.
    prompts, samples, sample_pairs : multimodality: sentences, motions made of each, and pairs drawn of them (0: all).
    self_pairs : whether a pair may be one motion with itself.
    last_sample_counts : whether the last of the ``samples`` is also the clip's motion in all other metrics.
    spread : interval: "population" 1.96 standard deviations (n) over the root of n; "deviation" one standard deviation
        (n), which is no interval; "student" the deviation (n - 1) and Student's factor, and over clips where repeats do
        not differ.
    """

    name: str
    pool: int = Field(default=32, ge=2)
    pools: Literal["batches", "own"]
    caption: Literal["random", "first"]
    repeats: int = Field(default=20, ge=1)
    diversity_pairs: int = Field(default=0, ge=0)
    prompts: int = Field(default=96, ge=1)
    samples: int = Field(default=30, ge=2)
    sample_pairs: int = Field(default=0, ge=0)
    self_pairs: bool = False
    last_sample_counts: bool = False
    spread: Literal["population", "deviation", "student"] = "student"
    tail: Literal["dropped", "kept"] = "dropped"
    direct: bool = False
    unit: int = Field(default=1, ge=1)
    longest: int = Field(default=1_000_000, ge=1)
    coin: float = Field(default=0.0, ge=0, le=1)
    quirks: tuple[Quirk, ...] = ()


SHARED = ("random captions", "self pairs", "true lengths", "no penalty for equals")
"""Habits of Guo et al. 2022 that SnapMoGen's tables share."""

HUMANML3D_2022 = Protocol(
    name="humanml3d-2022",
    pools="batches",
    caption="random",
    diversity_pairs=300,
    sample_pairs=10,
    self_pairs=True,
    last_sample_counts=True,
    spread="population",
    direct=True,
    unit=4,
    longest=196,
    coin=1 / 3,
    quirks=(
        Quirk(
            name="shuffled pools",
            what="pools of 32 are the batches of a shuffled order, another one in each repeat",
            effect="R-precision depends on which texts meet; many captions are near duplicates of each other",
        ),
        Quirk(
            name="dropped tail",
            what="the last batch of fewer than 32 clips is left out, of all metrics",
            effect="up to 31 clips, others in each repeat, never count",
        ),
        Quirk(
            name="random captions",
            what="one caption of each clip is drawn anew in each repeat",
            effect="the interval mixes the spread of texts with that of the model",
        ),
        Quirk(
            name="self pairs",
            what="both sides of the pairs of diversity and multimodality are drawn independently from one pool",
            effect="a motion is sometimes paired with itself, a distance of 0: both are biased low",
        ),
        Quirk(
            name="few prompts",
            what="multimodality looks at the sentences of the first 3 batches, 10 pairs of 30 samples each",
            effect="96 sentences stand for the set; the number is noisy",
        ),
        Quirk(
            name="last sample counts",
            what="for those sentences the last of the 30 samples is also the motion of all other metrics",
            effect="where it is drawn with other settings than the rest, one number mixes two samplers",
        ),
        Quirk(
            name="true lengths",
            what="the generator receives the length of the real motion",
            effect="not comparable with systems that choose the length themselves",
        ),
        Quirk(
            name="random windows",
            what="clips are cut to whole units of 4 frames, a third of them one unit shorter, from a random start that "
            "is drawn anew in each repeat",
            effect="caption and motion lose up to 7 frames of each other; the interval holds this spread, too",
        ),
        Quirk(
            name="narrow interval",
            what="1.96 population deviations over the root of the number of repeats",
            effect="about 9 % narrower than Student's for 20 repeats; says nothing of the choice of clips",
        ),
        Quirk(
            name="no penalty for equals",
            what="a motion equal to others in its pool is ranked by its place",
            effect="a generator that makes one motion for all texts gets chance instead of 0",
        ),
    ),
)

KIT_2022 = HUMANML3D_2022.but(name="kit-2022")
"""The same on KIT-ML; its evaluator and arrays are others."""

SNAPMOGEN = Protocol(
    name="snapmogen",
    pool=100,
    pools="batches",
    tail="kept",
    caption="random",
    diversity_pairs=300,
    prompts=100,
    sample_pairs=10,
    self_pairs=True,
    spread="deviation",
    direct=True,
    unit=8,
    longest=320,
    quirks=(
        Quirk(
            name="kept tail",
            what="the last batch counts as a pool of fewer than 100 clips",
            effect="a sentence there has fewer motions to choose among, so R-precision is a little too high",
        ),
        *(quirk for quirk in HUMANML3D_2022.quirks if quirk.name in SHARED),
        Quirk(
            name="deviation for an interval",
            what="one deviation over the repeats is printed beside the mean",
            effect="it is some two times as wide as a 95 % interval of 20 repeats",
        ),
    ),
)
"""SnapMoGen's tables (Guo et al. 2025, section 5): retrieval by cosine in pools of 100."""

FIXED = Protocol(name="fixed", pools="own", caption="first", repeats=5)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (HUMANML3D_2022, KIT_2022, SNAPMOGEN, FIXED)}


def get(name: str) -> Protocol:
    """The protocol of that name; ``UnknownNameError`` lists those there are."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    near = difflib.get_close_matches(name, PROTOCOLS, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise UnknownNameError(f"there is no protocol '{name}'.{hint} Known: {', '.join(PROTOCOLS)}.")
