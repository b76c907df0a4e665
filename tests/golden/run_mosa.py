"""Golden runners of MoSa, through the authors' key names."""

from __future__ import annotations

import re
from typing import Any

import torch
from golden_case import Case, Runner
from torch import Tensor

from kinescale.bundle.imports import mosa as imports
from kinescale.generators.mosa import Generator
from kinescale.pipelines.editing.rules import mosa as rule
from kinescale.pipelines.editing.rules.base import Networks
from kinescale.quantizers import vq
from kinescale.quantizers.base.usage import perplexity
from kinescale.samplers import scale_wise
from kinescale.samplers.base import SampleRequest
from kinescale.samplers.base.logits import apply_cfg
from kinescale.tokenizers.mosa import Tokenizer
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures


def grid_to_rows(grid: Tensor) -> Tensor:
    """Our [B, T', 1, D] as the reference's [B, D, T']."""
    return grid.squeeze(2).transpose(1, 2)


def load_tokenizer(case: Case, file: str) -> Tokenizer:
    built = imports.import_tokenizer(case.weights(file), bins=case.config["scales"])
    numbers: dict[str, Any] = case.config["tokenizer"]
    names = {n: n for n in ("width", "code_dim", "phi_depth", "slot_groups", "multipliers")}
    case.agree(built.config, numbers, {**names, "blocks": "residual_blocks"})
    case.agree(built, case.config, {"feature_width": "motion_features"})
    case.agree(built.codec, case.config, {"vocabularies": "codes"})
    return built


def load_generator(case: Case) -> Generator:
    numbers: dict[str, Any] = case.config["generator"]
    built = imports.import_generator(case.weights("weights.safetensors"), heads=numbers["heads"])
    names = {"width": "latent_dim", "layers": "layers", "hidden": "ff", "text_width": "text_width"}
    case.agree(built.config, numbers, names)
    case.agree(built.config, case.config, {"bins": "scales"})
    return built


def load_text(case: Case) -> TextFeatures:
    words = case.tensor("words")
    return TextFeatures(words, torch.ones(words.shape[:2], dtype=torch.bool))


@torch.no_grad()
def run_tokenizer(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights.safetensors")
    layout = tokenizer.layout()
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    assert tokenizer.slots is not None
    case.check("filled", tokenizer.slots.fill(motion, lengths))
    encoded = tokenizer.encode(motion, lengths)
    case.check("encoder_output", grid_to_rows(encoded.latent))
    case.check_series("ids", [row.squeeze(2) for row in encoded.tokens.scales])
    quantized = tokenizer.pyramid(encoded.latent, layout, encoded.tokens.latent_lengths)
    for name in case.outputs("partial_sums"):
        # "after scale 6" counts from 1
        last = len(quantized.sums) if "last scale" in case.words(name) else case.number(name, r"scale (\d+)")
        case.check(name, grid_to_rows(quantized.sums[last - 1]))
    # What each book learns from does not show outside training; with nothing drawn, training finds the same codes.
    lesson = tokenizer.pyramid(encoded.latent, layout, encoded.tokens.latent_lengths, torch.Generator().manual_seed(0))
    case.check_series("ids_at_full_length", [row.view(len(motion), -1) for row in lesson.taken])
    case.check("decoded", tokenizer.decode(encoded.tokens))
    check_codebook_update(case, tokenizer)


def check_codebook_update(case: Case, tokenizer: Tokenizer) -> None:
    before = case.tensors("ema")
    codes, width = before["code_sum_before"].shape
    own = tokenizer.pyramid.quantizer(0)
    assert isinstance(own, vq.Quantizer)
    book = vq.Quantizer(own.config.but(codes=codes, width=width))
    book.code_sum.copy_(before["code_sum_before"])
    book.code_count.copy_(before["code_count_before"])
    vectors = before["vectors"].transpose(1, 2).flatten(0, 1)
    book.update(vectors, before["ids"], torch.Generator().manual_seed(0))
    case.check("ema.codebook_after", book.codebook)
    case.check("ema.code_sum_after", book.code_sum)
    case.check("ema.code_count_after", book.code_count)
    case.check("ema.perplexity", perplexity(before["ids"], codes))


class Recorder:
    """A generator that remembers the logits of every pass."""

    def __init__(self, generator: Generator):
        self.generator = generator
        self.passes: list[Tensor] = []

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        return self.generator.unconditional(text)

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        return self.generator.begin(text, layout, latents)

    def commit(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        return self.generator.commit(state, scale, inputs, tokens)

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        logits, state = self.generator.step(state, scale, inputs, tokens)
        self.passes.append(logits)
        return logits, state


def greedy(case: Case, **given: Any) -> scale_wise.Config:
    return scale_wise.Config(guidance_scale=1.0 + case["guidance"], drop=1.0, top_p=0.0, **given)


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(count)]


@torch.no_grad()
def run_sample(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    recorder = Recorder(load_generator(case))
    layout = tokenizer.layout()
    latents = layout.latents(case.tensor("lengths"))
    config = greedy(
        case,
        scales=case["last_scale"] + 1,
        accumulate="full" if case.get("accumulate_at_full_length", True) else "last",
    )
    drawn = scale_wise.sample(
        SampleRequest(
            generator=recorder,
            codec=tokenizer.codec,
            text=load_text(case),
            layout=layout,
            latent_lengths=latents,
            rngs=generators(len(latents)),
            shared_passes=True,
        ),
        config,
    )
    case.check_series("ids", [row.squeeze(2) for row in drawn.tokens.scales])
    case.check("latent", grid_to_rows(drawn.latent))
    case.check("motion", tokenizer.decode(drawn.tokens))
    count = len(recorder.passes)
    passes = [(both, both) if config.guidance_scale == 1.0 else both.chunk(2) for both in recorder.passes]
    blended = [apply_cfg(*pair, config.guidance_at(k, count)) for k, pair in enumerate(passes)]
    case.check_present("guided_logits", blended)


@torch.no_grad()
def run_edit(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    networks = Networks(tokenizer, load_generator(case), tokenizer.codec, scale_wise.sample, greedy(case))
    lengths = case.tensor("lengths")
    made = rule.resample(
        networks,
        case.tensor("source"),
        lengths,
        case.tensor("mask").reshape(-1, tokenizer.layout().capacity).expand(len(lengths), -1),
        load_text(case),
        generators(1)[0],
        forced=case.get("forced_first_scales", 0),
    )
    case.check_series("source_ids", [row.squeeze(2) for row in made.source.scales])
    case.check_series("masks", [~given[:, 0] for given in made.given])
    case.check_series("ids", [row.squeeze(2) for row in made.sampled.tokens.scales])
    case.check("latent", grid_to_rows(made.sampled.latent))
    case.check("motion", made.features)


def run_filter(case: Case) -> None:
    logits = case.tensor("logits")
    for name in case.outputs():
        found = re.fullmatch(r"probabilities_k([\d.]+)_p([\d.]+)_t([\d.]+)", name)
        assert found is not None, name
        drop, top_p, temperature = map(float, found.groups())
        config = scale_wise.Config(drop=drop, top_p=top_p, temperature=temperature)
        case.check(name, config.probabilities(logits))


RUNNERS: dict[tuple[str, str], Runner] = {
    ("MoSa", "tokenizer (SQVAE)"): run_tokenizer,
    ("MoSa", "scale-wise generation"): run_sample,
    ("MoSa", "editing"): run_edit,
    ("MoSa", "sampling filter"): run_filter,
}
