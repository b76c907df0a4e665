"""Golden runners of MoScale, through the authors' key names."""

from __future__ import annotations

import re
from typing import Any

import torch
from golden_case import Case, Runner
from torch import Tensor
from torch.nn import functional

from kinescale.bundle.imports import moscale as imports
from kinescale.generators._moscale_training import refine
from kinescale.generators.moscale import Generator
from kinescale.quantizers import vq
from kinescale.samplers import next_scale
from kinescale.samplers._choosing import filtered_probabilities, guided
from kinescale.tokenizers.base import Encoded
from kinescale.tokenizers.moscale import Tokenizer
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


def grid_to_rows(grid: Tensor) -> Tensor:
    """Our [B, T', 1, D] as the reference's [B, D, T']."""
    return grid.squeeze(2).transpose(1, 2)


def load_tokenizer(case: Case, file: str) -> Tokenizer:
    numbers: dict[str, Any] = case.config["tokenizer"]
    built = imports.import_tokenizer(
        case.weights(file),
        max_frames=case.config["max_frames"],
        scales=case.config["scales"],
        dilation_growth=numbers["dilation_growth"],
        heads=numbers["attention_heads"],
        blend=numbers["quant_resi"],
    )
    for ours, theirs in (
        ("width", "width"),
        ("codes", "codes"),
        ("levels", "levels"),
        ("ffn_ratio", "ffn_ratio"),
    ):
        assert getattr(built.config, ours) == numbers[theirs]
    assert built.config.blocks == numbers["residual_blocks_a_level"]
    assert [scale.bins for scale in built.layout().scales] == case.config["row_lengths"]
    return built


@torch.no_grad()
def run_tokenizer(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights.safetensors")
    layout = tokenizer.layout()
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    encoded = tokenizer.encode(motion, lengths)
    latents = encoded.tokens.latents
    case.check("encoder_output", grid_to_rows(encoded.latent))
    case.check_series("ids", [row.squeeze(2) for row in encoded.tokens.scales])
    quantised = tokenizer.pyramid(encoded.latent, layout, latents)
    case.check_series("partial_sums", [grid_to_rows(partial) for partial in quantised.sums])
    rebuilt = tokenizer.empty(layout, len(motion))
    for scale, row in enumerate(encoded.tokens.scales):
        rebuilt = rebuilt + tokenizer.contribution(row, scale, layout)
    case.check("latent_from_ids", rebuilt.squeeze(2))
    case.check("decoded_from_ids", tokenizer.decode(encoded.tokens))
    case.check("decoded_after_2_scales", tokenizer.decode(encoded.tokens.first(2)))
    logs = tokenizer.training_loss(motion, lengths, torch.Generator().manual_seed(0)).logs
    case.check("commit_loss", logs["commitment"])
    case.check("perplexity", logs["perplexity"])
    check_codebook_update(case)


def check_codebook_update(case: Case) -> None:
    before = case.tensors("ema")
    codes, width = before["code_sum_before"].shape
    book = vq.Quantizer(vq.Config(codes=codes, width=width, faithful=True))
    book.code_sum.copy_(before["code_sum_before"])
    book.code_count.copy_(before["code_count_before"])
    book.observe(before["vectors"], before["ids"], torch.Generator().manual_seed(0))
    case.check("ema.codebook_after", book.codebook)
    case.check("ema.code_sum_after", book.code_sum)
    case.check("ema.code_count_after", book.code_count)
    case.check("ema.perplexity", vq.perplexity(before["ids"], codes))


def load_generator(case: Case, **given: Any) -> Generator:
    numbers: dict[str, Any] = case.config["generator"]
    built = imports.import_generator(
        case.weights("weights.safetensors"),
        heads=numbers["heads"],
        prefix_pool_heads=numbers["prefix_pool_heads"],
        **given,
    )
    for name in ("latent_dim", "head_latent_dim", "layers", "mlp_ratio", "text_tokens"):
        assert getattr(built.config, name) == numbers[name]
    assert list(built.config.row_lengths) == case.config["row_lengths"]
    assert list(built.config.scales) == case.config["scales"]
    return built


def load_text(case: Case) -> TextFeatures:
    return TextFeatures(case.tensor("text_features"), case.tensor("text_mask").bool())


@torch.no_grad()
def run_teacher(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    generator = load_generator(case)
    rounding = load_generator(case, round_cross_attention=True)
    text = load_text(case)
    encoded = tokenizer.encode(case.tensor("motion"), case.tensor("lengths"))
    case.check("tokenizer.ids", encoded.tokens.flatten().squeeze(-1))
    forced = {"clean": generator, "corrupted": generator, "unconditional": generator, "clean_bf16": rounding}
    for name, model in forced.items():
        source = generator.unconditional(text) if name == "unconditional" else text
        check_forced(case, name, tokenizer, model, source, encoded)


def check_forced(
    case: Case, name: str, tokenizer: Tokenizer, generator: Generator, text: TextFeatures, encoded: Encoded
) -> None:
    """One teacher-forced pass; variants without inputs of their own share those of the clean one."""
    layout, latents = encoded.tokens.layout, encoded.tokens.latents
    tensors = {**case.tensors("clean"), **case.tensors(name)}
    used = case.series(f"{name}.used_ids") if case.has(f"{name}.used_ids.0") else None
    refined = refine(
        tokenizer, encoded.latent, layout, latents, lambda right, k: right if used is None else used[k].unsqueeze(2)
    )
    reading = generator.read(text)
    stream = generator.feature_stream(reading, refined.inputs, layout)
    logits = generator(reading, refined.inputs, tensors["token_ids"], layout, latents)
    labels = refined.labels
    if case.has(f"{name}.target_ids") or used is None:
        target = tensors["target_ids"]
        scored = target >= 0
        loss = functional.cross_entropy(logits[scored], target[scored])
    else:
        loss = attainable_loss(logits, labels, tensors["token_ids"], case.io[f"{name}.loss"])
    results = {
        "prefix": reading.prefix,
        "condition": reading.condition,
        "feature_stream": stream,
        "labels": labels,
        "F": grid_to_rows(refined.total),
        "logits": logits,
        "loss": loss,
    }
    for output in case.outputs(name):
        case.check(output, results[output.removeprefix(f"{name}.")])


def attainable_loss(logits: Tensor, labels: Tensor, tokens: Tensor, theirs: Tensor) -> Tensor:
    """Their loss, if some choice of scored positions gives it with our logits; else the nearest attainable mean.

    A case may leave out which positions were scored. All hidden ones were; of the shown ones an unknown part was
    (in training 20 of 80), so the mean is only known to lie between the best and the worst such choice.
    """
    each = functional.cross_entropy(logits.transpose(1, 2), labels.clamp(min=0), reduction="none").double()
    hidden, shown = tokens == MASKED, (tokens != MASKED) & (labels != PADDING)
    total, count = each[hidden].sum(), int(hidden.sum())
    most = min(int(shown.sum()), count // 2)
    rest = each[shown].sort().values
    number = count + torch.arange(most + 1)
    zero = torch.zeros(1, dtype=torch.float64)
    low = ((total + torch.cat([zero, rest[:most].cumsum(0)])) / number).min()
    high = ((total + torch.cat([zero, rest.flip(0)[:most].cumsum(0)])) / number).max()
    return theirs.double().clamp(low, high).float()


class Recorder:
    """A generator that remembers the logits of every pass."""

    def __init__(self, generator: Generator):
        self.generator = generator
        self.passes: list[tuple[int, Tensor]] = []

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        return self.generator.unconditional(text)

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        return self.generator.begin(text, layout, latents)

    def settle(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        return self.generator.settle(state, scale, inputs, tokens)

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        logits, state = self.generator.step(state, scale, inputs, tokens)
        self.passes.append((scale, logits))
        return logits, state


def sampling(case: Case) -> next_scale.Config:
    return next_scale.Config(
        guidance=case["guidance"],
        steps=tuple(case["steps"]),
        temperature=case.get("temperature", 1.0),
        top_p=case["top_p"],
        faithful=True,
    )


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(count)]


@torch.no_grad()
def run_sample(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    recorder = Recorder(load_generator(case))
    latents = case.tensor("token_lengths")
    config = sampling(case)
    drawn = next_scale.sample(
        recorder,
        tokenizer,
        load_text(case),
        None,
        tokenizer.layout(),
        latents,
        config=config,
        rngs=generators(len(latents)),
        shared_passes=True,
    )
    case.check_series("ids", [row.squeeze(2) for row in drawn.tokens.scales])
    case.check("motion", tokenizer.decode(drawn.tokens))
    blended = [guided(*logits.chunk(2), config.strength(scale)) for scale, logits in recorder.passes]
    case.check_series("guided_logits", blended)


@torch.no_grad()
def run_edit(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    layout, latents = tokenizer.layout(), case.tensor("token_length")
    source = tokenizer.encode(case.tensor("source_motion"), case.tensor("source_length")).tokens
    case.check_series("source_ids", [row.squeeze(2) for row in source.scales])
    given = tuple(~mask for mask in region_masks(source, latents, *case["region"]))
    drawn = next_scale.sample(
        load_generator(case),
        tokenizer,
        load_text(case),
        None,
        layout,
        latents,
        config=sampling(case),
        rngs=generators(len(latents)),
        keep=next_scale.Keep(source.scales, given),
    )
    case.check_series("ids", [row.squeeze(2) for row in drawn.tokens.scales])
    pairs = zip(drawn.tokens.scales, source.scales, strict=True)
    case.check_series("changed", [(mine != theirs).squeeze(2) for mine, theirs in pairs])
    case.check("F", grid_to_rows(drawn.latent))
    case.check("motion", tokenizer.decode_latent(drawn.latent, latents))


def region_masks(source: TokenMap, latents: Tensor, first: float, last: float) -> list[Tensor]:
    """Positions to draw anew, per scale, for the fractions ``first`` to ``last`` of each target clip."""
    layout = source.layout
    masks = []
    for scale, spec in enumerate(layout.scales):
        mask = torch.zeros(len(latents), spec.bins, 1, dtype=torch.bool)
        for clip, steps in enumerate(latents.tolist()):
            fine = torch.zeros(1, steps)
            fine[:, round(first * steps) : round(last * steps)] = 1.0
            bins = int(layout.valid_bins(latents, scale)[clip])
            if bins:
                mask[clip, :bins, 0] = functional.adaptive_avg_pool1d(fine, bins)[0] > 0.5
        masks.append((mask | (source.scales[scale] == PADDING)) & layout.valid(latents, scale))
    return masks


def run_filter(case: Case) -> None:
    logits = case.tensor("logits")
    for name in case.outputs():
        found = re.fullmatch(r"probabilities_p([\d.]+)_t([\d.]+)", name)
        assert found is not None, name
        case.check(name, filtered_probabilities(logits, temperature=float(found[2]), top_p=float(found[1])))


RUNNERS: dict[tuple[str, str], Runner] = {
    ("MoScale", "sampling"): run_sample,
    ("MoScale", "editing (region regeneration)"): run_edit,
    ("MoScale", "sampling filter"): run_filter,
    ("MoScale", "generator, teacher-forced"): run_teacher,
    ("MoScale", "HRVQVAE tokenizer"): run_tokenizer,
}
