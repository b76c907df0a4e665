"""Published protocols: published arrays and generated features go straight to the evaluator, never through ``Motion``.

A motion made of features and back loses centimeters and a frame, so that tables made through one do not compare with
the field's. Here the recordings' rows are those of the published files, bit for bit, and the generated ones are as
decoded; both are normalized by the evaluator's statistics alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.manifest import variant_of
from kinescale.core.errors import DataError
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Prepared
from kinescale.evaluation.clips import seen
from kinescale.evaluation.generated_motions import EvaluationJob
from kinescale.evaluation.protocol import Protocol
from kinescale.evaluation.record import SettingResult
from kinescale.evaluation.report import Embedded, Space, evaluate

CHUNK = 256
"""Clips whose features are held at once."""

Rows = Float[Tensor, "T F"]

DIRECT = "Published arrays and generated features went straight to the evaluator, without a motion between."
MADE_INDIRECTLY = (
    "Published arrays went straight to the evaluator; the bundle makes other features, so its motions were turned into "
    "the evaluator's, which moves joints by centimeters: its row is not that of a published table."
)
INDIRECT = (
    "The protocol is a published one, but the data hold no published arrays of what the evaluator reads: recordings "
    "and motions went through skeletons, so the numbers do not compare with published tables."
)


def applies(protocol: Protocol, prepared: Prepared, evaluator: EvaluatorBundle | None) -> bool:
    """Whether the protocol is a published one, and the data hold published arrays of what the evaluator reads."""
    given = prepared.given_feature
    if not protocol.direct or evaluator is None or given is None:
        return False
    return given["name"] == variant_of(evaluator.feature) and given["width"] == evaluator.feature.width


def note(protocol: Protocol, work: EvaluationJob) -> str:
    """What went straight to the evaluator, in a sentence; "" for a protocol of our own."""
    if not protocol.direct or work.evaluator is None:
        return ""
    if not applies(protocol, work.chosen.prepared, work.evaluator):
        return INDIRECT
    return DIRECT if work.evaluator.reads_columns(work.bundle.feature) else MADE_INDIRECTLY


def results(work: EvaluationJob) -> list[SettingResult]:
    """The protocol's table for every setting of the sampler."""
    assert work.evaluator is not None
    protocol, found = work.request.protocol, []
    reals = [_embed(work, real_rows(work, repeat)) for repeat in range(work.repeats)]
    texts = [work.evaluator.embed_text(said(work, repeat)) for repeat in range(work.repeats)]
    for name, sampling in work.request.settings.items():
        items = []
        for repeat in range(work.repeats):
            task, clips = f"features, {name}, repeat {repeat + 1}", range(len(work.chosen))
            made = _embed(work, _made_rows(work, repeat, clips, [repeat], sampling, task))
            samples = _samples(work, repeat, sampling) if work.request.multimodality else None
            items.append(Embedded(texts[repeat], reals[repeat], made, samples))
        report = evaluate(protocol, work.plans, items, seed=work.request.seed, cosine=work.evaluator.evaluator.cosine)
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in sampling.items()}
        found.append(SettingResult(name=name, sampling=plain, report=report))
    return found


def real_rows(work: EvaluationJob, repeat: int) -> Iterator[Rows]:
    """The published rows of every clip's window of a repeat, as they stand in the files."""
    prepared = work.chosen.prepared
    for at, (start, length) in enumerate(work.plans[repeat].windows.tolist()):
        clip, values = work.chosen.clips[at], prepared.given(work.chosen.rows[at])
        if values is None or len(values) < start + length:
            rows = 0 if values is None else len(values)
            raise DataError(f"clip {clip.id} has {rows} published rows; its window ends at {start + length}.")
        yield torch.from_numpy(values[start : start + length].copy())


def said(work: EvaluationJob, repeat: int) -> list[str]:
    """The captions of a repeat as the evaluator's text encoder reads them: with parts of speech where it takes them."""
    assert work.evaluator is not None
    plain = work.captions(repeat)
    if not work.evaluator.text_encoder.tagged:
        return plain
    tagged = []
    for clip, caption, row in zip(work.chosen.clips, plain, work.plans[repeat].captions.tolist(), strict=True):
        tagged.append(clip.caption_tokens[row] if row < len(clip.caption_tokens) else caption)
    return tagged


def _made_rows(
    work: EvaluationJob, repeat: int, index: Sequence[int], samples: Sequence[int], sampling: dict, task: str
) -> Iterator[Rows]:
    """Generated features at the window's length: of each clip in ``index`` all its samples."""
    assert work.evaluator is not None
    captions, lengths = work.captions(repeat), work.plans[repeat].windows[:, 1].tolist()
    feature = work.evaluator.feature
    direct = work.evaluator.reads_columns(work.bundle.feature)
    work.progress(task, 0, len(index))
    for done, at in enumerate(index, start=1):
        seed = derive_seed(work.request.seed, "evaluate", work.chosen.clips[at].id)
        if direct:
            yield from work.pipe.features(captions[at], lengths[at], samples, seed, sampling=sampling)
        else:
            seconds = lengths[at] / feature.fps
            made = work.pipe(captions[at], seconds, list(samples), seed, sampling=sampling)
            yield from (feature.from_motion(seen(motion, feature)).float() for motion in made.motions)
        work.progress(task, done, len(index))


def _samples(work: EvaluationJob, repeat: int, sampling: dict) -> Space:
    """Many motions of each of the plan's prompts, [P, S, D]; other draws than those of the table."""
    prompts, count = work.plans[repeat].prompts.tolist(), work.request.protocol.samples
    start = work.repeats + repeat * count
    task = f"samples for multimodality, repeat {repeat + 1}"
    rows = _made_rows(work, repeat, prompts, range(start, start + count), sampling, task)
    space = _embed(work, rows)
    shape = (len(prompts), count, -1)
    return Space(space.match.reshape(shape), space.fid.reshape(shape))


def _embed(work: EvaluationJob, rows: Iterator[Rows]) -> Space:
    """Embeddings of features of any lengths, in order."""
    assert work.evaluator is not None
    found = []
    while held := list(islice(rows, CHUNK)):
        lengths = torch.tensor([len(one) for one in held])
        found.append(work.evaluator.embed_features(pad_sequence(held, batch_first=True), lengths))
    return Space(torch.cat([one for one, _ in found]), torch.cat([two for _, two in found]))
