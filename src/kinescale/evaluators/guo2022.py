"""guo2022: the evaluator of the field's tables: movement encoder, and two recurrent encoders into one space.

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text", section 5.1 (its text-motion matching
networks). Words come as GloVe vectors with a one-hot part of speech (``text.word_vectors``); ``text_width`` is their
sum. Movements are snippets of four frames; the last four features (contacts) are left out.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.evaluators import base
from kinescale.nn.steps import valid_steps
from kinescale.tokens.text_features import TextFeatures

STRIDE = 4
CONTACTS = 4
SLOPE = 0.2
"""Of the leaky rectifiers."""


class Config(Record):
    """Sizes of the published evaluator for 22 joints by default.

    Parameters
    ----------
    feature_width : F, contacts included (263, or KIT's 251).
    word_width, pos_width : of a word's vector and of its one-hot part of speech.
    movement_hidden, movement_latent : of the movement encoder.
    motion_hidden, text_hidden : of each direction of the recurrent encoders.
    embedding : D.
    max_frames : longest clip.
    """

    feature_width: int = Field(default=263, gt=CONTACTS)
    word_width: int = Field(default=300, ge=1)
    pos_width: int = Field(default=15, ge=1)
    movement_hidden: int = Field(default=512, ge=1)
    movement_latent: int = Field(default=512, ge=1)
    motion_hidden: int = Field(default=1024, ge=1)
    text_hidden: int = Field(default=512, ge=1)
    embedding: int = Field(default=512, ge=1)
    max_frames: int = Field(default=196, ge=STRIDE)


class MovementEncoder(nn.Module):
    """Two convolutions of stride two, then a linear layer: a latent for every four frames."""

    def __init__(self, width: int, hidden: int, latent: int):
        super().__init__()
        self.first = nn.Conv1d(width, hidden, 4, stride=2, padding=1)
        self.second = nn.Conv1d(hidden, latent, 4, stride=2, padding=1)
        self.out = nn.Linear(latent, latent)

    def forward(self, features: Float[Tensor, "N T F"]) -> Float[Tensor, "N T2 C"]:
        x = functional.leaky_relu(self.first(features.transpose(1, 2)), SLOPE)
        x = functional.leaky_relu(self.second(x), SLOPE)
        return self.out(x.transpose(1, 2))


class Recurrent(nn.Module):
    """A bidirectional gated recurrent unit from a learned start; both last states, through two layers."""

    def __init__(self, width: int, hidden: int, embedding: int):
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.unit = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.start = nn.Parameter(torch.zeros(2, 1, hidden))
        self.leave = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, embedding)
        )

    def forward(self, x: Float[Tensor, "N T C"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        packed = nn.utils.rnn.pack_padded_sequence(self.enter(x), lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.unit(packed, self.start.expand(-1, len(x), -1).contiguous())
        return self.leave(torch.cat([last[0], last[1]], dim=-1))


class Evaluator(base.Evaluator):
    """Euclidean; FID looks at the motion embedding itself. Not trained here: the authors' weights are read."""

    reads = "humanml3d"
    cosine = False

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.feature_width = config.feature_width
        self.text_width = config.word_width + config.pos_width
        self.min_frames, self.max_frames = STRIDE, config.max_frames
        self.width = config.embedding
        self._words = config.word_width
        self.movement = MovementEncoder(config.feature_width - CONTACTS, config.movement_hidden, config.movement_latent)
        self.motion = Recurrent(config.movement_latent, config.motion_hidden, config.embedding)
        self.pos = nn.Linear(config.pos_width, config.word_width)
        self.text = Recurrent(config.word_width, config.text_hidden, config.embedding)

    def movements(self, features: Float[Tensor, "N T F"]) -> Float[Tensor, "N T2 C"]:
        """A latent for every four frames."""
        return self.movement(features[..., :-CONTACTS])

    def embed_text(self, text: TextFeatures) -> Float[Tensor, "N D"]:
        """Tokens hold the word's vector and behind it its part of speech; the mask is true from the first word on."""
        if text.width != self.text_width:
            raise InputError(f"text features {text.width} wide; this evaluator reads {self.text_width}.")
        words, pos = text.tokens[..., : self._words], text.tokens[..., self._words :]
        return self.text(words + self.pos(pos), text.mask.sum(1))

    def embed_motion(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        """Whole movements only: up to three frames at a clip's end are seen but through the convolutions' edge.

        That edge sees frames of zeros past a clip's end, up to the longest clip's length, as the reference's loader
        leaves them; so a clip's embedding is the same whatever its batch is padded to.
        """
        self.check_motion(features, lengths)
        frames = min(self.max_frames, int(lengths.max()) + STRIDE)
        inside = valid_steps(lengths, min(features.shape[1], frames))
        zeroed = features[:, :frames].masked_fill(~inside[..., None], 0.0)
        padded = functional.pad(zeroed, (0, 0, 0, frames - zeroed.shape[1]))
        return self.motion(self.movements(padded), lengths // STRIDE)

    def fid_features(self, features: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]) -> Float[Tensor, "N D"]:
        return self.embed_motion(features, lengths)
