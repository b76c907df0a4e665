"""Validation by generation: FID of motions generated for validation captions, as the authors choose their weights.

The published runs keep the weights of the best FID beside those of the lowest loss (on their test splits; here it is
the validation split). The captions, lengths and seeds are the same at every validation, so that values compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from kinescale.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.errors import DataError
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Prepared
from kinescale.metrics.fid import fid
from kinescale.motion import Motion, canonicalize
from kinescale.pipelines import TextToMotion, onto_feature

LEAST_CLIPS = 2
"""A covariance needs two motions."""


class GenerationCheck:
    """Callable with the generator under training; returns the numbers of a validation.

    Parameters
    ----------
    bundle_of : the run's bundle around a generator.
    evaluator : whose embeddings FID is of.
    clips : most validation clips, evenly spread over those that bundle and evaluator take.

    Raises ``DataError`` where fewer than two validation clips can be used.
    """

    def __init__(
        self,
        prepared: Prepared,
        bundle_of: Callable[[nn.Module], Bundle],
        tokenizer_bundle: Bundle,
        evaluator: EvaluatorBundle,
        *,
        seed: int,
        clips: int = 64,
    ):
        self._prepared, self._bundle_of, self._evaluator, self._seed = prepared, bundle_of, evaluator, seed
        feature = tokenizer_bundle.feature
        self._direct = evaluator.reads_columns(feature)
        self._scale = feature.fps / prepared.fps
        self._stride = tokenizer_bundle.stride
        seen = int(evaluator.evaluator.max_frames * feature.fps / evaluator.feature.fps)
        longest = min(tokenizer_bundle.max_frames, seen)
        self._longest = longest // self._stride * self._stride
        rows = [row for row, clip in enumerate(prepared.clips) if clip.split == "val" and self._usable(row)]
        if len(rows) < LEAST_CLIPS:
            raise DataError(
                f"{len(rows)} validation clips have captions and a length that generation is validated on; expected "
                f"{LEAST_CLIPS} or more: leave --validate generation out, or prepare more."
            )
        count = min(clips, len(rows))
        self._rows = [rows[i * len(rows) // count] for i in range(count)]

    def __call__(self, generator: nn.Module) -> dict[str, float]:
        """``fid`` of the motions that the generator makes now."""
        pipe = TextToMotion(self._bundle_of(generator))
        made = [self._generate(pipe, row) for row in self._rows]
        return {"fid": fid(self._real, self._embed(made))}

    def _usable(self, row: int) -> bool:
        clip = self._prepared.clips[row]
        least = max(self._stride, int(self._evaluator.evaluator.min_frames * self._scale) + self._stride)
        return bool(clip.captions) and self._frames(row) >= least

    def _frames(self, row: int) -> int:
        """Frames of a clip's generated motion."""
        whole = round(self._prepared.clips[row].frames * self._scale) // self._stride * self._stride
        return min(self._longest, whole)

    @cached_property
    def _real(self) -> Tensor:
        """Embeddings of the recordings: of published rows where the data hold them, else of motions."""
        found: list[Tensor] = []
        what = self._prepared.given_feature
        published = what is not None and what["width"] == self._evaluator.feature.width
        for row in self._rows:
            values = self._prepared.given(row) if published else None
            if values is None:
                found.append(self._features(self._prepared.motion(row)))
            else:
                found.append(torch.from_numpy(values[: self._evaluator.evaluator.max_frames].copy()))
        return self._embed(found)

    def _generate(self, pipe: TextToMotion, row: int) -> Tensor:
        clip, frames = self._prepared.clips[row], self._frames(row)
        seed = derive_seed(self._seed, "validate generation", clip.id)
        if self._direct:
            return pipe.features(clip.captions[0], frames, 1, seed)[0]
        return self._features(pipe(clip.captions[0], frames / pipe.bundle.feature.fps, 1, seed).motions[0])

    def _features(self, motion: Motion) -> Tensor:
        feature = self._evaluator.feature
        there = canonicalize(onto_feature(motion, feature).to(torch.float32))
        return feature.from_motion(there)[: self._evaluator.evaluator.max_frames].float()

    def _embed(self, rows: Sequence[Tensor]) -> Tensor:
        lengths = torch.tensor([len(one) for one in rows])
        return self._evaluator.embed_features(pad_sequence(list(rows), batch_first=True), lengths)[1]
