"""MoScale's published checkpoints: the authors' key names and ``.tar`` files, read into our networks.

Sizes come from the tensors' shapes; what shapes do not tell (heads, the clip length) is published with the method and
can be given. Nothing in a file is executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.bundle.imports.base.assembled import (
    KIT_WIDTH,
    Assembled,
    Given,
    assumptions,
    feature_fields,
    feature_of,
    part_with,
)
from kinescale.bundle.imports.base.checkpoint import count_of, read_checkpoint, shape_of
from kinescale.bundle.imports.base.renaming import Renaming, build
from kinescale.bundle.imports.base.slots import Slot, States
from kinescale.core.errors import BundleError
from kinescale.generators import moscale as generator
from kinescale.nn.rotary import half_frequencies
from kinescale.samplers import next_scale
from kinescale.text import t5
from kinescale.tokenizers import moscale as tokenizer

_TOKENIZER = "a MoScale tokenizer checkpoint"
_GENERATOR = "a MoScale generator checkpoint"

PREFIX_HEAD_WIDTH = 128
"""Width of the heads that pool the text into the prefix, the same in all published sizes."""

TOKENIZER_KEYS = ("vq_model", "model")
GENERATOR_KEYS = ("moscale",)

TITLE = "MoScale (Zheng et al. 2026)"
TEXT_FIELD = "model"
SLOTS = (
    Slot("tokenizer", TOKENIZER_KEYS, r"quantizer\.codebook"),
    Slot("generator", GENERATOR_KEYS, r"token_emb", needs=("tokenizer",)),
)
SAMPLING = next_scale.Config(faithful=True, guidance_scale=6.0)
KIT_SAMPLING = SAMPLING.but(guidance_scale=4.0)
"""The published settings (sections 4.1 and 5.3 of the method notes); their w is one less than our guidance scale."""
TEXT_MODEL = "google/t5-v1_1-base"

_STACK = r"model\.(\d+)\.conv"
_LAYERS = {
    "norm1": "norm",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "out",
    "gate_proj": "gate",
    "norm2": "ffn_norm",
    r"ffn\.(\d)": r"ffn.\3",
}

_shape = partial(shape_of, system="MoScale")


def _is_half_frequencies(value: Tensor) -> bool:
    return value.ndim == 1 and torch.allclose(value.float(), half_frequencies(2 * len(value)), rtol=1e-4)


def _tokenizer_renaming() -> Renaming:
    rules = [
        (r"(encoder|decoder)\.embed\.0\.(\w+)", r"\1.enter.\2"),
        (r"encoder\.outproj\.(\w+)", r"encoder.leave.\1"),
        (r"decoder\.outproj\.0\.(\w+)", r"decoder.gather.\1"),
        (r"decoder\.outproj\.2\.(\w+)", r"decoder.leave.\1"),
        (r"encoder\.res_blocks\.(\d+)\.0\.(weight|bias)", r"encoder.narrow.\1.\2"),
        (r"decoder\.res_blocks\.(\d+)\.2\.(weight|bias)", r"decoder.widen.\1.\2"),
        (r"quantizer\.codebook", r"pyramid.quantizers.0.codebook"),
    ]
    for side, place in (("encoder", 1), ("decoder", 0)):
        for theirs, ours in (("1", "wide"), ("2", "mix")):
            rules.append(
                (
                    rf"{side}\.res_blocks\.(\d+)\.{place}\.{_STACK}{theirs}\.(\w+)",
                    rf"{side}.stacks.\1.blocks.\2.{ours}.\3",
                )
            )
    for theirs, ours in _LAYERS.items():
        last = r"\4" if theirs.startswith("ffn") else r"\3"
        rules.append((rf"(encoder|decoder)\.attn_blocks\.(\d+)\.{theirs}\.(\w+)", rf"\1.attentions.\2.{ours}.{last}"))
    constants = ((r"(encoder|decoder)\.attn_blocks\.\d+\.rope\.inv_freq", _is_half_frequencies),)
    return Renaming(_TOKENIZER, tuple(rules), constants)


def tokenizer_config(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Config:
    """Sizes read off the shapes, in the faithful setting; ``given`` fields (``scales``, ``max_frames``) win."""
    width, features, _ = _shape(state, "encoder.embed.0.weight", _TOKENIZER)
    codes, code_dim = _shape(state, "quantizer.codebook", _TOKENIZER)
    sizes: dict[str, Any] = {
        "feature_width": features,
        "width": width,
        "code_dim": code_dim,
        "codes": codes,
        "levels": count_of(state, r"encoder\.attn_blocks\.(\d+)\."),
        "blocks": count_of(state, r"encoder\.res_blocks\.0\.1\.model\.(\d+)\."),
        "heads": _shape(state, "encoder.attn_blocks.0.gate_proj.weight", _TOKENIZER)[0],
        "ffn_ratio": _shape(state, "encoder.attn_blocks.0.ffn.0.weight", _TOKENIZER)[0] // width,
        "faithful": True,
    }
    if features <= 67:
        sizes["explicit_blocks"] = []
    return tokenizer.Config.parse({**sizes, **given}, where=_TOKENIZER)


def import_tokenizer(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Tokenizer:
    """A tokenizer with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown."""
    config = tokenizer_config(state, **given)
    renamed = _tokenizer_renaming().apply(state)
    # The averages behind the codebook were never saved: each code starts as the mean of one use.
    codebook = renamed["pyramid.quantizers.0.codebook"]
    renamed["pyramid.quantizers.0.code_sum"] = codebook
    renamed["pyramid.quantizers.0.code_count"] = torch.ones(len(codebook))
    renamed["pyramid.quantizers.0.initialized"] = torch.tensor(True)
    return build(lambda: tokenizer.Tokenizer(config), renamed, _TOKENIZER).eval()


def _generator_renaming(rows: tuple[int, ...]) -> Renaming:
    block = r"masked_blocks\.(\d+)\."
    rules = (
        (r"token_emb", r"token_table"),
        (r"cfg_uncond", r"no_text"),
        (r"pos_start", r"start_rows"),
        (r"masked_token_embedding", r"mask_vector"),
        (r"padded_token_embedding", r"padding_vector"),
        (r"input_process\.(\w+)", r"feature_in.\1"),
        (r"token_dim_proj\.(\w+)", r"token_in.\1"),
        (r"latent_dim_proj\.(\w+)", r"join.\1"),
        (r"text_norm\.weight", r"text_norm.weight"),
        (r"text_proj_for_sos\.q_tokens", r"prefix.queries"),
        *_cross_rules(r"text_proj_for_sos\.ca\.", "prefix.attention."),
        (r"text_proj_for_ca\.(\d)\.(\w+)", r"text_in.\1.\2"),
        (r"lvl_embed\.weight", r"scale_table.weight"),
        (block + r"attn\.q_bias", r"blocks.\1.attention.query_bias"),
        (block + r"attn\.v_bias", r"blocks.\1.attention.value_bias"),
        (block + r"attn\.mat_qkv\.weight", r"blocks.\1.attention.project.weight"),
        (block + r"attn\.proj\.(\w+)", r"blocks.\1.attention.out.\2"),
        *_cross_rules(block + r"ca\.", r"blocks.\1.text.", 2),
        (block + r"ca_norm\.(\w+)", r"blocks.\1.text_norm.\2"),
        (block + r"ffn\.fc1\.(\w+)", r"blocks.\1.grow.\2"),
        (block + r"ffn\.fc2\.(\w+)", r"blocks.\1.shrink.\2"),
        (block + r"ada_lin\.1\.(\w+)", r"blocks.\1.modulation.linear.\2"),
        (r"head_nm\.ada_lin\.1\.(\w+)", r"head_modulation.linear.\1"),
        (r"head\.(\w+)", r"head.\1"),
    )
    constants = (
        (r".*\.zero_k_bias", lambda value: not bool(value.any())),
        (r"lvl_1L", lambda value: _row_lengths(value) == rows),
        (r"attn_bias_for_masking", lambda value: _is_block_causal(value, rows)),
    )
    return Renaming(_GENERATOR, rules, constants)


def _cross_rules(start: str, ours: str, group: int = 1) -> tuple[tuple[str, str], ...]:
    last = f"\\{group}"
    return (
        (start + r"v_bias", f"{ours}value_bias"),
        (start + r"mat_q\.(\w+)", f"{ours}query.{last}"),
        (start + r"mat_kv\.weight", f"{ours}project.weight"),
        (start + r"proj\.(\w+)", f"{ours}out.{last}"),
    )


def _row_lengths(scale_of_position: Tensor) -> tuple[int, ...]:
    flat = scale_of_position.reshape(-1).long()
    if flat.numel() == 0 or int(flat.min()) < 0 or bool((flat.diff() < 0).any()) or int(flat.max()) > len(flat):
        raise BundleError(f"{_GENERATOR}: 'lvl_1L' does not list scales in order; the file is another model's.")
    return tuple(int(count) for count in torch.bincount(flat))


def _is_block_causal(bias: Tensor, rows: tuple[int, ...]) -> bool:
    scales = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(rows))
    wanted = scales[None, :] <= scales[:, None]
    bias = bias.reshape(bias.shape[-2:])
    return bias.shape == wanted.shape and torch.equal(bias == 0, wanted) and bool((bias[~wanted] < -1e4).all())


def generator_config(state: Mapping[str, Tensor], **given: Any) -> generator.Config:
    """Sizes read off the shapes, in the faithful setting; ``given`` fields (``heads``) win."""
    vocabulary, code_dim = _shape(state, "token_emb", _GENERATOR)
    text_tokens, text_width = _shape(state, "cfg_uncond", _GENERATOR)
    latent_dim = _shape(state, "input_process.weight", _GENERATOR)[0]
    grown, head_latent_dim = _shape(state, "masked_blocks.0.ffn.fc1.weight", _GENERATOR)
    _shape(state, "lvl_1L", _GENERATOR)
    rows = _row_lengths(state["lvl_1L"])
    sizes = {
        "vocabulary": vocabulary,
        "code_dim": code_dim,
        "scales": tuple(rows[-1] // max(1, row) for row in rows),
        "capacity": rows[-1],
        "latent_dim": latent_dim,
        "head_latent_dim": head_latent_dim,
        "layers": count_of(state, r"masked_blocks\.(\d+)\."),
        "mlp_ratio": grown // head_latent_dim,
        "text_width": text_width,
        "text_tokens": text_tokens,
        "prefix_pool_heads": max(1, latent_dim // PREFIX_HEAD_WIDTH),
        "faithful": True,
    }
    return generator.Config.parse({**sizes, **given}, where=_GENERATOR)


def import_generator(state: Mapping[str, Tensor], **given: Any) -> generator.Generator:
    """A generator with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown."""
    config = generator_config(state, **given)
    renamed = _generator_renaming(config.row_lengths).apply(state)
    for key in ("start_rows", "mask_vector", "padding_vector"):
        if key in renamed and renamed[key].shape[:1] == (1,):
            renamed[key] = renamed[key][0]
    return build(lambda: generator.Generator(config), renamed, _GENERATOR).eval()


def read_tokenizer(path: str | Path, **given: Any) -> tokenizer.Tokenizer:
    """The tokenizer in one of the authors' files, ``hrvqvae/<name>/model/net_best_fid.tar``."""
    return import_tokenizer(read_checkpoint(path, TOKENIZER_KEYS), **given)


def read_generator(path: str | Path, **given: Any) -> generator.Generator:
    """The generator in one of the authors' files, ``moscale/<name>/model/net_best_fid.tar``."""
    return import_generator(read_checkpoint(path, GENERATOR_KEYS), **given)


def assemble(states: States, given: Given) -> Assembled:
    """The system of a tokenizer's and, if there is one, a generator's state dict."""
    state, other = states["tokenizer"], states.get("generator")
    network = None if other is None else import_generator(other, **given.get("generator", {}))
    feature = feature_of(_shape(state, "encoder.embed.0.weight", _TOKENIZER)[1])
    fields = feature_fields(feature, tokenizer.Config)
    if network is not None:
        levels = count_of(state, r"encoder\.attn_blocks\.(\d+)\.")
        fields |= {"scales": network.config.scales, "max_frames": network.config.capacity * 2**levels}
    made = import_tokenizer(state, **{**fields, **given.get("tokenizer", {})})
    unread: dict[str, tuple[str, ...]] = {"tokenizer": () if network else ("scales", "max_frames")}
    if network is None:
        return Assembled(feature, made, assumed=tuple(assumptions(given, {"tokenizer": made.config}, unread)))
    published = KIT_SAMPLING if feature.width == KIT_WIDTH else SAMPLING
    sampling = part_with(published, given.get("sampling", {}), "sampling")
    text = t5.Config(model=TEXT_MODEL, max_tokens=network.config.text_tokens)
    words = part_with(text, given.get("text", {}), "text")
    unread |= {
        "generator": ("heads", "prefix_pool_heads"),
        "sampling": ("guidance_scale", "steps", "top_p", "faithful"),
    }
    unread["text"] = ("model",)
    built = {"tokenizer": made.config, "generator": network.config, "sampling": sampling, "text": words}
    return Assembled(feature, made, network, None, words, sampling, tuple(assumptions(given, built, unread)))
