"""Batches: windows of stored features, normalized and padded, with lengths and captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import DataError
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Clips, PreparedClip, share_of
from kinescale.features import Normalizer
from kinescale.tokens import TokenLayout
from kinescale.training.batch_sampler import Candidate, Draws, Window
from kinescale.training.config import StageConfig
from kinescale.training.feature_cache import FeatureStore


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalized features, zero past each clip's length; captions where the stage asks for text.

    ``choices``: all captions of each clip, of which one was drawn.
    """

    features: Float[Tensor, "B T F"]
    lengths: Int[Tensor, "B"]
    captions: tuple[str, ...] = ()
    choices: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return self.features.shape[0]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.features.to(device), self.lengths.to(device), self.captions, self.choices)

    def part(self, rows: slice) -> Batch:
        """Some of its clips, padded as they are."""
        return Batch(self.features[rows], self.lengths[rows], self.captions[rows], self.choices[rows])


class Batches:
    """The batches of a stage: ``train(step)`` and fixed validation batches.

    Parameters
    ----------
    clips, store : the prepared clips and their features.
    layout : the tokenizer's; fixes lengths and padding.
    with_text : the generator's stage: clips need captions, and a clip that is not steady is never cut, since its
        caption describes all of it.
    shard : (rank, number of processes) of a distributed run; each makes its rows of every batch, in order of rank,
        padded as the whole batch is.
    """

    def __init__(
        self,
        clips: Sequence[PreparedClip],
        store: FeatureStore,
        normalizer: Normalizer,
        layout: Callable[[int | None], TokenLayout],
        config: StageConfig,
        *,
        seed: int,
        with_text: bool,
        shard: tuple[int, int] = (0, 1),
    ):
        self.clips, self.store, self.normalizer = Clips.of(clips), store, normalizer
        self.layout, self.config, self.with_text = layout, config, with_text
        self.rank, self.world = shard
        longest = layout(None)
        sizes = {"stride": longest.stride, "max_frames": longest.max_frames}
        self.draws = Draws(self._candidates("train"), config.draw, **sizes, seed=derive_seed(seed, "train"))
        self._validation = self._fixed(sizes, derive_seed(seed, "validation"))

    def train(self, step: int) -> Batch:
        """This process's rows of the batch of a step: a pure function of the step number."""
        windows = self.draws.windows(step, self.config.batch_size)
        each = len(windows) // self.world
        longest = max(window.length for window in windows)
        return self._batch(windows[self.rank * each : (self.rank + 1) * each], longest)

    def validation(self, index: int) -> Batch | None:
        """The ``index``-th fixed validation batch; ``None`` past the last."""
        if index >= len(self._validation):
            return None
        windows = self._validation[index]
        return self._batch(windows, max(window.length for window in windows))

    def whole_lengths(self, step: int) -> tuple[Int[Tensor, "B"], tuple[str, ...]]:
        """Frames of the whole clips of this process's rows of a step, and a caption of each."""
        windows = self.draws.windows(step, self.config.batch_size)
        each = len(windows) // self.world
        return self._whole(windows[self.rank * each : (self.rank + 1) * each])

    def validation_lengths(self, index: int) -> tuple[Int[Tensor, "B"], tuple[str, ...]] | None:
        """``whole_lengths`` of the ``index``-th fixed validation batch; ``None`` past the last."""
        return self._whole(self._validation[index]) if index < len(self._validation) else None

    def _whole(self, windows: Sequence[Window]) -> tuple[Int[Tensor, "B"], tuple[str, ...]]:
        frames, texts = [], []
        for window in windows:
            clip = self.clips[window.clip]
            own = clip.captions_mirrored if window.mirrored else clip.captions
            frames.append(self.store.frames(window.clip))
            texts.append(own[int(window.chance * len(own))])
        return torch.tensor(frames), tuple(texts)

    def captions(self) -> list[str]:
        """Every distinct caption that may be asked for, sorted."""
        kept = np.isin(self.clips.column("split"), ("train", "val"))
        wanted = set(self.clips.distinct("captions", kept))
        wanted.update(self.clips.distinct("captions_mirrored", kept) if self.config.draw.mirror else ())
        return sorted(wanted)

    def _candidates(self, split: str) -> list[Candidate]:
        clips, lengths, text = self.clips, self.store.lengths()[: len(self.clips)], self.with_text
        usable = (clips.column("split") == split) & (lengths[:, 0] > 0)
        if text:
            usable &= clips.counts("captions") > 0
        at = np.flatnonzero(usable)
        if self.config.draw.held_out_pairs and len(at):
            at = at[~self._held_out(at)]
        if not len(at):
            return []
        corpora = clips.column("corpus")[at]
        labels = corpora + "/" + clips.column("action")[at]
        cuttable = clips.column("steady")[at] | (not text)
        mirrorable = (lengths[at, 1] > 0) & ((clips.counts("captions_mirrored")[at] > 0) | (not text))
        columns = (at, lengths[at, 0], cuttable, mirrorable, labels, corpora)
        return [Candidate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _held_out(self, at: np.ndarray) -> np.ndarray:
        """Whether each clip's pair of action and style is kept from training (``PreparedClip.held_out``)."""
        corpora, actions, styles = (self.clips.column(name)[at] for name in ("corpus", "action", "style"))
        names, of = np.unique((corpora + "/" + actions + "/" + styles).astype(str), return_inverse=True)
        return np.array([share_of(f"pair {name}") < self.config.draw.held_out_pairs for name in names.tolist()])[of]

    def _fixed(self, sizes: dict[str, int], seed: int) -> list[tuple[Window, ...]]:
        """Evenly spread over lengths, at most ``validate_batches``; none when no validation clip fits."""
        try:
            draws = Draws(self._candidates("val"), self.config.draw, **sizes, seed=seed)
        except DataError:
            return []
        every = draws.every(self.config.batch_size)
        count = min(len(every), self.config.validate_batches)
        return [every[i * len(every) // count] for i in range(count)]

    def _batch(self, windows: Sequence[Window], longest: int) -> Batch:
        frames = self.layout(longest).max_frames
        width = self.store.values.shape[1]
        features = torch.zeros(len(windows), frames, width)
        for row, window in enumerate(windows):
            part = self.store.read(window.clip, window.mirrored, window.start, window.length)
            values = torch.from_numpy(np.array(part, dtype=np.float32))
            features[row, : window.length] = self.normalizer.apply(values)
        lengths = torch.tensor([window.length for window in windows])
        choices = tuple(self._choices(window) for window in windows) if self.with_text else ()
        captions = tuple(texts[int(w.chance * len(texts))] for texts, w in zip(choices, windows, strict=False))
        return Batch(features, lengths, captions, choices)

    def _choices(self, window: Window) -> tuple[str, ...]:
        """The clip's captions; of a crop those alone that tell no amounts, which hold for the whole clip."""
        clip = self.clips[window.clip]
        texts = clip.captions_mirrored if window.mirrored else clip.captions
        whole = window.length + self.draws.stride > self.store.frames(window.clip)
        return texts if whole or not clip.amounts else texts[: -clip.amounts] or texts
