"""Golden runners of ScaleMoGen, through the authors' key names."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import torch
from golden_case import Case, Runner
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kinescale.bundle.imports import scalemogen as imports
from kinescale.generators.scalemogen import Generator
from kinescale.generators.scalemogen.training import Choose, bit_loss, correct, position_weights
from kinescale.pipelines.editing.rules import scalemogen as rule
from kinescale.pipelines.editing.rules.base import Networks
from kinescale.samplers import bitwise
from kinescale.samplers.base import SampleRequest
from kinescale.tokenizers.scalemogen import Tokenizer, schedules
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures


def load_tokenizer(case: Case, file: str) -> Tokenizer:
    numbers: dict[str, Any] = case.config["tokenizer"]
    built = imports.import_tokenizer(
        case.weights(file),
        max_frames=case.config["max_frames"],
        factors=case.config["time_factors"],
        schedule=case.config["scale_list"],
    )
    case.agree(built.config, numbers, {"width": "latent_dim", "bits": "bits"})
    case.agree(built.body, case.config, {"contacts": "contact_joints", "joints": "joints"})
    check_scales(case, built)
    return built


def check_scales(case: Case, tokenizer: Tokenizer) -> None:
    """The scales are those of the case: the list as declared, or the one quantized, which differ in list 2's last."""
    c, config = tokenizer.config, case.config
    declared = schedules.schedule(config["scale_list"], c.factors)
    theirs = tuple((scale["factor"], tuple(tuple(group) for group in scale["groups"])) for scale in config["scales"])
    assert theirs in (declared, c.scales), f"{case}: scales {theirs}; expected {declared} or {c.scales}"
    bins = [scale.bins for scale in tokenizer.layout().scales]
    assert [scale["bins"] for scale in config["scales"]] == bins
    groups = [[len(scale[1]) for scale in scales] for scales in (declared, c.scales)]
    assert [row[1] for row in config["schedule"]] == bins and [row[2] for row in config["schedule"]] in groups


def load_generator(case: Case, tokenizer: Tokenizer) -> Generator:
    numbers: dict[str, Any] = case.config["predictor"]
    built = imports.import_generator(case.weights("weights.safetensors"), **imports.scales_of(tokenizer))
    names = {n: n for n in ("width", "heads", "text_width")}
    names |= {"layers": "depth", "hidden": "ffn_hidden", "text_tokens": "text_rows_of_cfg_uncond"}
    case.agree(built.config, numbers, {**names, "pool_heads": "text_pool_heads"})
    return built


def with_axis(rows: Tensor) -> Tensor:
    """Our bits [B, bins, groups, K] as the reference's [B, 1, bins, groups, K], zeros at padding."""
    return rows.clamp(min=0).unsqueeze(1)


@torch.no_grad()
def run_tokenizer(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights.safetensors")
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    case.check("encoder_output", tokenizer.encoder(motion, lengths).permute(0, 3, 1, 2))
    encoded = tokenizer.encode(motion, lengths)
    layout = encoded.tokens.layout
    case.check("f", encoded.latent)
    case.check_series("bits", [with_axis(row) for row in encoded.tokens.scales])
    case.check("F", encoded.quantized)
    running = tokenizer.codec.empty(layout, len(motion))
    for scale, row in enumerate(encoded.tokens.scales):
        running = running + tokenizer.codec.contribution(row, scale, layout)
    case.check("F", running)
    case.check("latent", tokenizer.project_out(running))
    # The decoder counts whole latents where the quantizer counts those filled in part, too.
    case.check("decoded", tokenizer.decode_latent(running, lengths // layout.stride))
    check_training(case, tokenizer, motion, lengths)


@torch.enable_grad()
def check_training(case: Case, tokenizer: Tokenizer, motion: Tensor, lengths: Tensor) -> None:
    layout = tokenizer.layout()
    grid = tokenizer.project_in(tokenizer.encoder(motion, lengths))
    quantized = tokenizer.pyramid(grid, layout, layout.touched(lengths))
    losses = torch.stack(quantized.losses)
    case.check("training_losses", losses)
    decoded = tokenizer.decode_latent(quantized.total, lengths // layout.stride)
    (decoded.square().mean() + 4.0 * losses.mean()).backward()
    gradients = {
        "gradient.project_in.weight": tokenizer.project_in.weight.grad,
        "gradient.motion_enc.layers.0.0.weight": tokenizer.get_parameter("encoder.joints.0.0.weight").grad,
    }
    for name in case.outputs("gradient"):
        case.check(name, gradients[name])


def text_of(rows: Tensor, counts: list[int]) -> TextFeatures:
    """Sentences that stand one after the other, side by side."""
    tokens = pad_sequence(list(rows.split(counts)), batch_first=True)
    mask = torch.arange(tokens.shape[1])[None] < torch.tensor(counts)[:, None]
    return TextFeatures(tokens, mask)


def recorded(case: Case, name: str, layout: TokenLayout) -> Choose:
    """The bits that a case says were used; the right ones where it says nothing."""
    if not case.has(f"{name}.used_bits"):
        return lambda right, _: right
    parts = case.tensor(f"{name}.used_bits").long().split([scale.size for scale in layout.scales], 1)
    used = [part.unflatten(1, (scale.bins, scale.groups)) for part, scale in zip(parts, layout.scales, strict=True)]
    return lambda _, scale: used[scale]


@torch.no_grad()
def run_teacher(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    generator = load_generator(case, tokenizer)
    motion, lengths = case.tensor("motion"), case.tensor("lengths")
    layout = tokenizer.layout()
    latents = layout.touched(lengths)
    latent = tokenizer.encode(motion, lengths).latent
    text = text_of(case.tensor("text_features"), case["text_tokens"])
    for name in dict.fromkeys(name.split(".")[0] for name in case.outputs()):
        made = correct(tokenizer.codec, latent, layout, latents, recorded(case, name, layout), True)
        source = generator.unconditional(text) if name.startswith("unconditional") else text
        logits = generator(generator.read(source), made.inputs, layout, latents)
        weights = position_weights(layout, layout.valid_flat(latents), True)
        results = {
            "labels": made.labels,
            "input_codes": torch.cat([part.flatten(1, 2) for part in made.inputs], 1),
            "logits": logits.flatten(2),
            "loss": bit_loss(logits, made.labels, weights),
        }
        for output in case.outputs(name):
            case.check(output, results[output.removeprefix(f"{name}.")])


def settings(case: Case, greedy: bool) -> bitwise.Config:
    return bitwise.Config(
        guidance_scale=1.0 + case["guidance"],
        temperature=case["tau"],
        top_k=case.get("top_k", 0),
        top_p=case.get("top_p", 0.0),
        greedy=greedy,
        stop=case.get("trunk_scale") or 0,
    )


def sentence(text: Tensor) -> TextFeatures:
    return TextFeatures(text[None], torch.ones(1, len(text), dtype=torch.bool))


def draw(case: Case, tokenizer: Tokenizer, generator: Generator, text: Tensor, config: bitwise.Config):
    request = SampleRequest(
        generator=generator,
        codec=tokenizer.codec,
        text=sentence(text),
        layout=tokenizer.layout(),
        latent_lengths=torch.tensor([-(-case["length"] // 4)]),
        rngs=[torch.Generator().manual_seed(0)],
    )
    return bitwise.sample(request, config)


@torch.no_grad()
def run_sample(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    generator = load_generator(case, tokenizer)
    drawn = draw(case, tokenizer, generator, case.tensor("text_features"), settings(case, greedy=True))
    case.check_series("bits", [with_axis(row) for row in drawn.tokens.scales])
    case.check_present("probabilities", [chance.view(1, -1, 1) for chance in drawn.probabilities])
    case.check("latent", tokenizer.project_out(drawn.latent))
    case.check("motion", tokenizer.decode_latent(drawn.latent, torch.tensor([case["length"] // 4])))


@torch.no_grad()
def run_edit(case: Case) -> None:
    tokenizer = load_tokenizer(case, "weights_tokenizer.safetensors")
    networks = Networks(
        tokenizer, load_generator(case, tokenizer), tokenizer.codec, bitwise.sample, settings(case, greedy=True)
    )
    rng, steps = torch.Generator(), torch.tensor([-(-case["length"] // 4)])
    source = rule.generate(networks, sentence(case.tensor("source_text")), steps, rng)
    case.check_series("source.bits", [with_axis(row) for row in source.tokens.scales])
    case.check_present("source.probabilities", [chance.view(1, -1, 1) for chance in source.probabilities])
    frames = None if case.get("frame_region") is None else tuple(case["frame_region"])
    inside = bitwise.region(tokenizer.layout(), frames, case.get("parts"))
    asked: list[int] = []

    def numbers(scale: int, wanted: Tensor, bits: int) -> Tensor:
        if bool(wanted.any()):
            asked.append(scale)
            return case.tensor(f"uniform.{scale}").view(*wanted.shape, bits)
        return torch.zeros(*wanted.shape, bits)

    drawing = dataclasses.replace(
        networks,
        sample=lambda request, config: bitwise.sample_by_numbers(request, config, numbers),
        config=settings(case, greedy=not case.tensors("uniform")),
    )
    keep = bitwise.rewrite(source, inside, early=case["gamma"], threshold=case["threshold"])
    made = rule.resample(drawing, source, keep, sentence(case.tensor("target_text")), rng, case["length"])
    assert asked == [int(name.removeprefix("uniform.")) for name in case.rows if name.startswith("uniform.")]
    case.check_series("target.bits", [with_axis(row) for row in made.sampled.tokens.scales])
    case.check("target.motion", made.features)


def run_filter(case: Case) -> None:
    logits = case.tensor("logits")
    for name in case.outputs():
        found = re.fullmatch(r"probabilities_k(\d+)_p([\d.]+)", name)
        assert found is not None, name
        ones = bitwise.bit_chances(logits, top_k=int(found[1]), top_p=float(found[2]))
        case.check(name, torch.stack([1.0 - ones, ones], -1))


RUNNERS: dict[tuple[str, str], Runner] = {
    ("ScaleMoGen", "tokenizer"): run_tokenizer,
    ("ScaleMoGen", "predictor, teacher-forced"): run_teacher,
    ("ScaleMoGen", "sampling, greedy"): run_sample,
    ("ScaleMoGen", "zero-shot editing"): run_edit,
    ("ScaleMoGen", "sampling filter"): run_filter,
}
