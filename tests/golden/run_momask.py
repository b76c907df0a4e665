"""Golden runners of MoMask, through the authors' key names."""

from __future__ import annotations

import torch
from golden_case import Case, Runner

from kinescale.bundle.imports import momask as imports
from kinescale.generators.momask import Generator
from kinescale.pyramid.temporal import TemporalPyramid
from kinescale.samplers import masked
from kinescale.samplers.base import SampleRequest
from kinescale.tokenizers.momask import Config, Tokenizer
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import PADDING


@torch.no_grad()
def run_tokenizer(case: Case) -> None:
    tokenizer = imports.import_tokenizer(case.weights("weights.safetensors"))
    numbers = case.config
    names = {"width": "width", "code_dim": "code", "codes": "nb", "codebooks": "nq", "blocks": "depth"}
    case.agree(tokenizer.config, numbers, {**names, "feature_width": "pose"})
    motion = case.tensor("motion")
    lengths = torch.full((len(motion),), motion.shape[1])
    encoded = tokenizer.encode(motion, lengths)
    case.check("encoder_output", encoded.latent.squeeze(2).transpose(1, 2))
    case.check("ids", torch.cat(encoded.tokens.scales, dim=2))
    case.check("sum", encoded.quantized.squeeze(2).transpose(1, 2))
    case.check("decoded", tokenizer.decode(encoded.tokens))
    if case.has("decoded_two_layers"):
        case.check("decoded_two_layers", tokenizer.decode(encoded.tokens.first(2)))


def sentences(text: torch.Tensor) -> TextFeatures:
    """Pooled sentences as text of one token each."""
    return TextFeatures(text[:, None], torch.ones(len(text), 1, dtype=torch.bool))


class PaddingDrawn(Generator):
    """The generator as the reference draws from it: a further book's row may also hold the padding's number, which is
    then what the books after it see. Ours leaves that number out."""

    def logits(self, state, scales, tokens):
        (scale,) = scales
        if scale == 0:
            return super().logits(state, scales, tokens)
        flat = self.residual_logits(torch.stack([row.flatten(1) for row in tokens], -1), scale, state)
        return (flat.unsqueeze(2),), state


class LayoutOnly(TemporalPyramid):
    """A codec without codes: what is drawn is compared, not decoded."""

    def contribution(self, tokens, scale, layout):
        return self.empty(layout, len(tokens))


@torch.no_grad()
def run_transformers(case: Case) -> None:
    capacity, books = case.tensor("ids").shape[1], case.config["nq"]
    made = imports.import_generator(
        case.weights("weights_masked.safetensors"),
        case.weights("weights_residual.safetensors"),
        case.weights("weights_length.safetensors"),
        heads=case.config["heads"],
    )
    text = sentences(case.tensor("text"))
    case.check("length_logits", made.length_logits(text))
    made.__class__ = PaddingDrawn
    codec = Tokenizer(
        Config(
            feature_width=4,
            width=4,
            code_dim=case.config["code"],
            codes=case.config["nb"],
            codebooks=books,
            max_frames=4 * capacity,
            explicit_slice=None,
        )
    ).codec
    codec.__class__ = LayoutOnly
    layout, latents = codec.layout(), case.tensor("token_lengths")
    state = made.begin(text, layout, latents)
    ids = case.tensor("ids")
    # The case's ids stand for hidden and padded places by the numbers behind the codes.
    codes = case.config["nb"]
    shown = ids.masked_fill(ids == codes, masked.MASKED).masked_fill(~state.valid, PADDING)
    case.check("logits", made.masked(shown, state.sentence, state.valid))
    none = made.begin(made.unconditional(text), layout, latents)
    case.check("logits_unconditional", made.masked(shown, none.sentence, none.valid))
    config = masked.Config(
        steps=(case["steps"], 1),
        guidance_scale=(case["guidance"], case["residual_guidance"]),
        temperature=1e-4,
        keep_share=1.0,
        schedule="closed",
    )
    rngs = [torch.Generator().manual_seed(0) for _ in latents]
    request = SampleRequest(
        generator=made,
        codec=codec,
        text=text,
        layout=layout,
        latent_lengths=latents,
        rngs=rngs,
        shared_passes=True,
    )
    drawn = masked.sample(request, config).tokens
    rows = torch.cat(drawn.scales, dim=2)
    # The reference writes padding, drawn or not, as -1.
    case.check("generated", rows[..., 0].clamp(min=PADDING))
    case.check("residual_ids", torch.where(rows == codes, PADDING, rows))
    spoken, silent = made.residual_logits(rows, 1, state), made.residual_logits(rows, 1, none)
    case.check("residual_logits_1", silent + case["residual_guidance"] * (spoken - silent))


RUNNERS: dict[tuple[str, str], Runner] = {
    ("MoMask", "residual VQ-VAE"): run_tokenizer,
    ("MoMask", "masked and residual transformer, length estimator"): run_transformers,
}
