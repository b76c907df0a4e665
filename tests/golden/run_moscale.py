"""Golden runners of MoScale, through the authors' key names."""

from __future__ import annotations

import re
from typing import Any

import torch
from golden_case import Case, Runner
from torch import Tensor

from kinescale.bundle.imports import moscale as imports
from kinescale.generators.base import at_places
from kinescale.generators.moscale import Generator
from kinescale.generators.moscale.training import refine, scored_loss
from kinescale.pipelines.editing.rules import moscale as rule
from kinescale.pipelines.editing.rules.base import Networks
from kinescale.quantizers import vq
from kinescale.quantizers.base.usage import perplexity
from kinescale.samplers import next_scale
from kinescale.samplers.base import SampleRequest
from kinescale.samplers.base.logits import apply_cfg, filtered_probabilities
from kinescale.tokenizers.base import Encoded
from kinescale.tokenizers.moscale import Tokenizer
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures


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
    names = {n: n for n in ("width", "code_dim", "codes", "levels", "ffn_ratio")}
    case.agree(built.config, numbers, {**names, "blocks": "residual_blocks_a_level", "heads": "attention_heads"})
    assert [scale.bins for scale in built.layout().scales] == case.config["row_lengths"]
    return built


@torch.no_grad()
def run_tokenizer(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights.safetensors")
    layout = tokenizer.layout()
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    encoded = tokenizer.encode(motion, lengths)
    latents = encoded.tokens.latent_lengths
    case.check("encoder_output", grid_to_rows(encoded.latent))
    case.check_series("ids", [row.squeeze(2) for row in encoded.tokens.scales])
    quantized = tokenizer.pyramid(encoded.latent, layout, latents)
    case.check_series("partial_sums", [grid_to_rows(partial) for partial in quantized.sums])
    rebuilt = tokenizer.codec.empty(layout, len(motion))
    for scale, row in enumerate(encoded.tokens.scales):
        rebuilt = rebuilt + tokenizer.codec.contribution(row, scale, layout)
    case.check("latent_from_ids", rebuilt.squeeze(2))
    case.check("decoded_from_ids", tokenizer.decode(encoded.tokens))
    for name in case.outputs():
        if found := re.fullmatch(r"decoded_after_(\d+)_scales?", name):
            case.check(name, tokenizer.decode(encoded.tokens.first(int(found[1]))))
    logs = tokenizer.training_loss(motion, lengths, torch.Generator().manual_seed(0)).logs
    case.check("commit_loss", logs["commitment"])
    case.check("perplexity", logs["perplexity"])
    check_codebook_update(case, tokenizer)


def check_codebook_update(case: Case, tokenizer: Tokenizer) -> None:
    before = case.tensors("ema")
    codes, width = before["code_sum_before"].shape
    own = tokenizer.pyramid.quantizer(0)
    assert isinstance(own, vq.Quantizer)
    book = vq.Quantizer(own.config.but(codes=codes, width=width))
    book.code_sum.copy_(before["code_sum_before"])
    book.code_count.copy_(before["code_count_before"])
    book.update(before["vectors"], before["ids"], torch.Generator().manual_seed(0))
    case.check("ema.codebook_after", book.codebook)
    case.check("ema.code_sum_after", book.code_sum)
    case.check("ema.code_count_after", book.code_count)
    case.check("ema.perplexity", perplexity(before["ids"], codes))


def load_generator(case: Case, **given: Any) -> Generator:
    numbers: dict[str, Any] = case.config["generator"]
    built = imports.import_generator(
        case.weights("weights.safetensors"),
        heads=numbers["heads"],
        prefix_pool_heads=numbers["prefix_pool_heads"],
        scales=case.config["scales"],
        **given,
    )
    names = {n: n for n in ("latent_dim", "head_latent_dim", "layers", "mlp_ratio", "text_tokens")}
    case.agree(built.config, numbers, {**names, "text_width": "text_dim"})
    case.agree(built.config, case.config, {"row_lengths": "row_lengths", "scales": "scales"})
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
    for name in dict.fromkeys(name.split(".")[0] for name in case.outputs() if not name.startswith("tokenizer.")):
        model = rounding if name.endswith("_bf16") else generator
        source = generator.unconditional(text) if name.startswith("unconditional") else text
        check_forced(case, name, tokenizer, model, source, encoded)


def check_forced(
    case: Case, name: str, tokenizer: Tokenizer, generator: Generator, text: TextFeatures, encoded: Encoded
) -> None:
    """One teacher-forced pass; variants without inputs of their own share those of the clean one."""
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    tensors = {**case.tensors("clean"), **case.tensors(name)}
    used = case.series(f"{name}.used_ids") if case.has(f"{name}.used_ids.0") else None
    refined = refine(
        tokenizer.codec,
        encoded.latent,
        layout,
        latents,
        lambda right, k: right if used is None else used[k].unsqueeze(2),
    )
    reading = generator.read(text)
    stream = generator.feature_stream(reading, refined.inputs, layout)
    logits = generator(reading, refined.inputs, tensors["token_ids"], layout, latents)
    results = {
        "prefix": reading.prefix,
        "condition": reading.condition,
        "feature_stream": stream,
        "labels": refined.labels,
        "F": grid_to_rows(refined.total),
        "logits": logits,
    }
    # Corrupted tokens have labels of their own, so the scored positions of the clean ones say nothing about them.
    if case.has(f"{name}.target_ids") or used is None:
        target = tensors["target_ids"]
        scored = target >= 0
        results["loss"] = scored_loss(logits[scored], target[scored])
    elif case.has(f"{name}.loss"):
        case.leave(f"{name}.loss", "the case does not name the scored positions")
    for output in case.outputs(name):
        if output not in case.left:
            case.check(output, results[output.removeprefix(f"{name}.")])


class Recorder:
    """A generator that remembers the logits of every pass."""

    def __init__(self, generator: Generator):
        self.generator = generator
        self.passes: list[tuple[int, Tensor]] = []

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        return self.generator.unconditional(text)

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        return self.generator.begin(text, layout, latents)

    def commit(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        return self.generator.commit(state, scale, inputs, tokens)

    def step(
        self, state: Any, scale: int, inputs: Tensor, tokens: Tensor, places: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        logits, state = self.generator.step(state, scale, inputs, tokens)
        self.passes.append((scale, logits))
        return at_places(logits, places), state


def sampling(case: Case) -> next_scale.Config:
    return next_scale.Config(
        guidance_scale=1.0 + case["guidance"],
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
        SampleRequest(
            generator=recorder,
            codec=tokenizer.codec,
            text=load_text(case),
            layout=tokenizer.layout(),
            latent_lengths=latents,
            rngs=generators(len(latents)),
            shared_passes=True,
        ),
        config,
    )
    case.check_series("ids", [row.squeeze(2) for row in drawn.tokens.scales])
    case.check("motion", tokenizer.decode(drawn.tokens))
    blended = [apply_cfg(*logits.chunk(2), config.guidance_at(scale)) for scale, logits in recorder.passes]
    case.check_present("guided_logits", blended)


@torch.no_grad()
def run_edit(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    networks = Networks(tokenizer, load_generator(case), tokenizer.codec, next_scale.sample, sampling(case))
    regions = case["region"] if isinstance(case["region"][0], list) else [case["region"]]
    made = rule.resample(
        networks,
        case.tensor("source_motion"),
        case.tensor("source_length"),
        case.tensor("token_length"),
        [(first, last) for first, last in regions],
        load_text(case),
        generators(1)[0],
    )
    case.check_series("source_ids", [row.squeeze(2) for row in made.source.scales])
    case.check_series("ids", [row.squeeze(2) for row in made.sampled.tokens.scales])
    pairs = zip(made.sampled.tokens.scales, made.source.scales, strict=True)
    case.check_series("changed", [(mine != theirs).squeeze(2) for mine, theirs in pairs])
    case.check("F", grid_to_rows(made.sampled.latent))
    case.check("motion", made.features)


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
