"""ScaleMoGen's published checkpoints: the authors' key names and files, read into our networks.

Sizes come from the tensors' shapes; what shapes do not tell (heads, the list of scales) is published with the method
and can be given. Nothing in a file is executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from kinescale.bundle.imports.base.assembled import Assembled, Given, assumptions, feature_of, part_with
from kinescale.bundle.imports.base.checkpoint import count_of, read_checkpoint, shape_of
from kinescale.bundle.imports.base.renaming import Renaming, build
from kinescale.bundle.imports.base.slots import Slot, States
from kinescale.core.errors import BundleError
from kinescale.generators import scalemogen as generator
from kinescale.nn.skeleton_graph import adjacency
from kinescale.samplers import bitwise
from kinescale.text import t5
from kinescale.tokenizers import scalemogen as tokenizer
from kinescale.tokenizers.scalemogen.bodies import BODIES, MIDDLE_EDGES, Body

_TOKENIZER = "a ScaleMoGen tokenizer checkpoint"
_GENERATOR = "a ScaleMoGen generator checkpoint"

TOKENIZER_KEYS = ("vq_model", "model", "trainer.vae_local")
GENERATOR_KEYS = ("trainer.gpt_wo_ddp", "gpt_wo_ddp", "model")
"""Where the weights lie; a dot goes one level down. (Never ``ema_model``: it holds the initial weights; the generator's
files hold the frozen tokenizer, too.)"""

TITLE = "ScaleMoGen (arXiv 2605.11704)"
TEXT_FIELD = "model"
SLOTS = (
    Slot("tokenizer", TOKENIZER_KEYS, r"quantizer2d\.project_in\.weight"),
    Slot("generator", GENERATOR_KEYS, r"word_embed\.weight", needs=("tokenizer",)),
)
SAMPLING = bitwise.Config(guidance_scale=8.0, temperature=1.3)
"""The published settings (section 4.1 of the method notes); their w is one less than our guidance scale."""
TEXT_MODEL = "google/flan-t5-xl"
MOST_TEXT_TOKENS = 512

RELEASED: dict[str, dict[str, Any]] = {
    "humanml22": {"max_frames": 196, "factors": (49, 24, 16, 7, 4, 2, 1), "schedule": 5},
    "snapmogen24": {"max_frames": 320, "factors": (80, 40, 20, 10, 5, 2, 1), "schedule": 3},
}
"""What the two released tokenizers' shapes do not tell."""

_shape = partial(shape_of, system="ScaleMoGen")


def _is_graph(value: Tensor, body: Body) -> bool:
    """Whether a stored adjacency matrix is one of ours, slips included."""
    own = [adjacency(body.joints, body.graph(faithful=True)), adjacency(len(body.parts), MIDDLE_EDGES)]
    return any(value.shape == graph.shape and torch.equal(value.float().cpu(), graph) for graph in own)


def _is_bit_values(value: Tensor) -> bool:
    wanted = 2 ** torch.arange(value.numel() - 1, -1, -1)
    return value.ndim == 1 and value.numel() < 63 and torch.equal(value.long().cpu(), wanted)


def _tokenizer_renaming(body: Body) -> Renaming:
    rules = [
        (r"motion_enc\.layers\.(\d+)\.([02])\.(\w+)", r"encoder.joints.\1.\2.\3"),
        (r"motion_dec\.layers\.(\d+)\.([02])\.(\w+)", r"decoder.joints.\1.\2.\3"),
        (r"conv_enc\.layers\.(\d+)\.\d+\.skeleton_pool_vec", r"encoder.pools.\1.logits"),
        (r"conv_dec\.layers\.(\d+)\.0\.skeleton_unpool", r"decoder.unpools.\1.weight"),
        (r"quantizer2d\.(project_in|project_out)\.(\w+)", r"\1.\2"),
    ]
    layers = {r"graph_conv\.linear1": "own", r"graph_conv\.linear2": "others", "temp_conv": "time"}
    for place, name in ((2, "first"), (5, "second")):
        for theirs, ours in layers.items():
            for side, room in (("enc", "encoder"), ("dec", "decoder")):
                start = rf"conv_{side}\.layers\.(\d+)\.(\d+)\.layers\.{place}\.{theirs}\.(\w+)"
                rules.append((start, rf"{room}.stacks.\1.\2.{name}.{ours}.\3"))
    constants = (
        (r"conv_(enc|dec)\.layers\.\d+\.\d+\.layers\.[25]\.adj_matrix", lambda value: _is_graph(value, body)),
        (r"quantizer2d\.lfq\.mask", _is_bit_values),
    )
    return Renaming(_TOKENIZER, tuple(rules), constants)


def _decoder_blocks_from_zero(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In the decoder the unpooling comes first, so the blocks after it are counted from 1."""

    def lowered(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2]) - 1}{match[3]}"

    return {re.sub(r"^(decoder\.stacks\.\d+\.)(\d+)(\..*)$", lowered, key): value for key, value in state.items()}


def tokenizer_config(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Config:
    """Sizes read off the shapes, in the faithful setting; ``given`` fields (``schedule``, ``factors``) win."""
    joints = count_of(state, r"motion_enc\.layers\.(\d+)\.")
    body = next((name for name, body in BODIES.items() if body.joints == joints), None)
    if body is None:
        _shape(state, "motion_enc.layers.0.0.weight", _TOKENIZER)
        raise BundleError(f"{_TOKENIZER} has {joints} joints; expected 21, 22 or 24.")
    shares = [_shape(state, f"motion_enc.layers.{joint}.0.weight", _TOKENIZER) for joint in range(joints)]
    bits, width = _shape(state, "quantizer2d.project_in.weight", _TOKENIZER)
    sizes: dict[str, Any] = {
        "feature_width": sum(share[1] for share in shares),
        "body": body,
        "width": width,
        "bits": bits,
        "blocks": count_of(state, r"conv_enc\.layers\.0\.(\d+)\.layers"),
        "faithful": True,
        **RELEASED.get(body, {}),
    }
    return tokenizer.Config.parse({**sizes, **given}, where=_TOKENIZER)


def import_tokenizer(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Tokenizer:
    """A tokenizer with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown."""
    config = tokenizer_config(state, **given)
    renamed = _decoder_blocks_from_zero(_tokenizer_renaming(BODIES[config.body]).apply(state))
    return build(lambda: tokenizer.Tokenizer(config), renamed, _TOKENIZER).eval()


_CHUNKED = re.compile(r"block_chunks\.(\d+)\.module\.(\d+)\.(.+)")


def _layer_number(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both published forms, ``block_chunks.c.module.i`` (any sizes of chunks) and ``blocks.n``, as ``blocks.n``.

    Raises ``BundleError`` where a file holds a tensor in both forms with different numbers.
    """
    chunked = {key: match for key in state if (match := _CHUNKED.fullmatch(key))}
    places = sorted({(int(match[1]), int(match[2])) for match in chunked.values()})
    number = {place: layer for layer, place in enumerate(places)}
    plain: dict[str, Tensor] = {}
    for key, value in state.items():
        match = chunked.get(key)
        name = f"blocks.{number[int(match[1]), int(match[2])]}.{match[3]}" if match else key
        if name in plain and not torch.equal(plain[name], value):
            raise BundleError(f"{_GENERATOR}: '{key}' and '{name}' differ; the file is another model's.")
        plain[name] = value
    return plain


def _generator_renaming() -> Renaming:
    block = r"(blocks\.\d+)\."
    rules = (
        (r"cfg_uncond", r"no_text"),
        (r"pos_start", r"start_rows"),
        (r"text_norm\.weight", r"text_norm.weight"),
        (r"text_proj_for_sos\.ca\.mat_q", r"pooling.queries"),
        (r"text_proj_for_sos\.ca\.v_bias", r"pooling.value_bias"),
        (r"text_proj_for_sos\.ca\.mat_kv\.weight", r"pooling.project.weight"),
        (r"text_proj_for_sos\.ca\.proj\.(\w+)", r"pooling.out.\1"),
        (r"text_proj_for_ca\.([02])\.(\w+)", r"text_in.\1.\2"),
        (r"lvl_embed\.weight", r"scale_table.weight"),
        (r"word_embed\.(\w+)", r"code_in.\1"),
        (r"shared_ada_lin\.1\.(\w+)", r"modulation.linear.\1"),
        (r"head_nm\.ada_lin\.1\.(\w+)", r"head_modulation.linear.\1"),
        (r"head\.(\w+)", r"head.\1"),
        (block + r"ada_gss", r"\1.table"),
        (block + r"sa\.scale_mul_1H11", r"\1.attention.sharpness"),
        (block + r"sa\.q_bias", r"\1.attention.query_bias"),
        (block + r"sa\.v_bias", r"\1.attention.value_bias"),
        (block + r"sa\.mat_qkv\.weight", r"\1.attention.project.weight"),
        (block + r"sa\.proj\.(\w+)", r"\1.attention.out.\2"),
        (block + r"ca\.v_bias", r"\1.text.value_bias"),
        (block + r"ca\.mat_q\.(\w+)", r"\1.text.query.\2"),
        (block + r"ca\.mat_kv\.weight", r"\1.text.project.weight"),
        (block + r"ca\.proj\.(\w+)", r"\1.text.out.\2"),
        (block + r"ca_norm\.(\w+)", r"\1.text_norm.\2"),
        (block + r"ffn\.fc1\.(\w+)", r"\1.grow.\2"),
        (block + r"ffn\.fc2\.(\w+)", r"\1.shrink.\2"),
    )
    constants = ((r".*\.zero_k_bias", lambda value: not bool(value.any())),)
    return Renaming(_GENERATOR, rules, constants)


_EXTRA_AXES = re.compile(r"start_rows|pooling\.queries|blocks\.\d+\.(table|attention\.sharpness)")
"""Ours without the reference's axes of size 1."""


def _without_extra_axes(key: str, value: Tensor) -> Tensor:
    if not _EXTRA_AXES.fullmatch(key) or value.ndim < 2:
        return value
    return value.reshape(-1) if key.endswith("sharpness") else value.flatten(0, -2)


def generator_config(state: Mapping[str, Tensor], **given: Any) -> generator.Config:
    """Sizes read off the shapes, in the faithful setting; ``given`` fields (``heads``, ``bins``, ``text_tokens``) win.

    The scales are those of the HumanML3D release unless ``scales``, ``bins``, ``groups`` and ``capacity`` are given.
    """
    text_tokens, text_width = _shape(state, "cfg_uncond", _GENERATOR)
    width, code_dim = _shape(state, "word_embed.weight", _GENERATOR)
    numbered = _layer_number(state)
    hidden = _shape(numbered, "blocks.0.ffn.fc1.weight", _GENERATOR)[0]
    sizes: dict[str, Any] = {
        "vocabulary": _shape(state, "head.weight", _GENERATOR)[0] // 2,
        "code_dim": code_dim,
        "width": width,
        "heads": _shape(numbered, "blocks.0.sa.scale_mul_1H11", _GENERATOR).numel(),
        "layers": count_of(numbered, r"blocks\.(\d+)\."),
        "mlp_ratio": round(hidden / width),
        "text_width": text_width,
        "text_tokens": text_tokens,
        "faithful": True,
    }
    return generator.Config.parse({**sizes, **given}, where=_GENERATOR)


def scales_of(tokens: tokenizer.Tokenizer) -> dict[str, Any]:
    """What a generator must be given to fit a tokenizer."""
    layout = tokens.layout()
    return {
        "scales": [scale.factor for scale in layout.scales],
        "bins": [scale.bins for scale in layout.scales],
        "groups": [scale.groups for scale in layout.scales],
        "capacity": layout.capacity,
        "parts": tokens.codec.latent_parts,
    }


def import_generator(state: Mapping[str, Tensor], **given: Any) -> generator.Generator:
    """A generator with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown.

    ``text_tokens`` other than the file's rows of ``cfg_uncond`` cuts them, or adds zeros.
    """
    config = generator_config(state, **given)
    renamed = _generator_renaming().apply(_layer_number(state))
    renamed = {key: _without_extra_axes(key, value) for key, value in renamed.items()}
    rows = renamed["no_text"]
    renamed["no_text"] = functional.pad(rows, (0, 0, 0, config.text_tokens - len(rows)))
    return build(lambda: generator.Generator(config), renamed, _GENERATOR).eval()


def read_tokenizer(path: str | Path, **given: Any) -> tokenizer.Tokenizer:
    """The tokenizer in one of the authors' files, ``vq/<name>/model/latest.tar`` or ``net_best_fid.tar``."""
    return import_tokenizer(read_checkpoint(path, TOKENIZER_KEYS), **given)


def read_generator(path: str | Path, **given: Any) -> generator.Generator:
    """The generator in one of the authors' files, ``predictor/<name>/model/best_fid_ep_E_it_I.pth``."""
    return import_generator(read_checkpoint(path, GENERATOR_KEYS), **given)


def assemble(states: States, given: Given) -> Assembled:
    """The system of a tokenizer's and, if there is one, a generator's state dict."""
    made = import_tokenizer(states["tokenizer"], **given.get("tokenizer", {}))
    feature = feature_of(made.feature_width)
    unread: dict[str, tuple[str, ...]] = {"tokenizer": ("factors", "schedule", "max_frames")}
    other = states.get("generator")
    if other is None:
        return Assembled(feature, made, assumed=tuple(assumptions(given, {"tokenizer": made.config}, unread)))
    rows = min(MOST_TEXT_TOKENS, _shape(other, "cfg_uncond", _GENERATOR)[0])
    fields = {**scales_of(made), "text_tokens": rows, **given.get("generator", {})}
    network = import_generator(other, **fields)
    sampling = part_with(SAMPLING, given.get("sampling", {}), "sampling")
    words = part_with(t5.Config(model=TEXT_MODEL, max_tokens=rows), given.get("text", {}), "text")
    built = {"tokenizer": made.config, "generator": network.config, "sampling": sampling, "text": words}
    unread |= {"sampling": ("guidance_scale", "temperature", "top_p"), "text": ("model",)}
    return Assembled(feature, made, network, None, words, sampling, tuple(assumptions(given, built, unread)))
