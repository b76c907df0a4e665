"""MoSa's published checkpoints: the authors' key names and files, read into our networks.

Sizes come from the tensors' shapes; what shapes do not tell (heads) is published with the method and can be given.
Nothing in a file is executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.bundle.imports.base.assembled import (
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
from kinescale.generators import mosa as generator
from kinescale.nn.scale_rotary import scale_phases
from kinescale.samplers import scale_wise
from kinescale.text import clip
from kinescale.tokenizers import mosa as tokenizer

_TOKENIZER = "a MoSa tokenizer checkpoint"
_GENERATOR = "a MoSa generator checkpoint"

HEAD_WIDTH = 64
"""Width of an attention head in the published generator."""

TOKENIZER_KEYS = ("vq_model", "net", "model")
GENERATOR_KEYS = ("trans", "sar", "net", "model")

TITLE = "MoSa (Liu et al. 2025)"
TEXT_FIELD = "model"
SLOTS = (
    Slot("tokenizer", TOKENIZER_KEYS, r"virtual_slot"),
    Slot("generator", GENERATOR_KEYS, r"len_embed\.weight", needs=("tokenizer",)),
)
SAMPLING = scale_wise.Config(guidance_scale=5.0, drop=0.8, top_p=0.95)
"""The published settings (section 4 of the method notes); their w is one less than our guidance scale."""

_shape = partial(shape_of, system="MoSa")


def _block_rules(theirs: str, ours: str) -> list[tuple[str, str]]:
    """A residual block's keys; group 1 of ``theirs`` may be used in ``ours``."""
    end = "\\" + str(re.compile(theirs).groups + 1)
    names = {
        "norm1": "first_norm",
        "conv1": "first",
        "norm2": "second_norm",
        "conv2": "second",
        "nin_shortcut": "bring",
    }
    return [(rf"{theirs}\.{name}\.(\w+)", f"{ours}.{mine}.{end}") for name, mine in names.items()]


def _attention_rules(theirs: str, ours: str) -> list[tuple[str, str]]:
    end = "\\" + str(re.compile(theirs).groups + 1)
    names = {"norm": "norm", "qkv": "project", "proj_out": "out"}
    return [(rf"{theirs}\.{name}\.(\w+)", f"{ours}.{mine}.{end}") for name, mine in names.items()]


def _tokenizer_renaming(config: tokenizer.Config) -> Renaming:
    deepest = len(config.multipliers) - 1
    rules = [(r"virtual_slot", r"slots.frames")]
    for side in ("encoder", "decoder"):
        for theirs, ours in (("conv_in", "enter"), ("norm_out", "norm"), ("conv_out", "leave")):
            rules.append((rf"{side}\.{theirs}\.(\w+)", rf"{side}.{ours}.\1"))
        rules += _block_rules(rf"{side}\.mid\.block_1", f"{side}.middle.before")
        rules += _block_rules(rf"{side}\.mid\.block_2", f"{side}.middle.after")
        rules += _attention_rules(rf"{side}\.mid\.attn_1", f"{side}.middle.attention")
        for level in range(deepest + 1):
            # the decoder counts its levels from the finest, too, and runs them backwards
            theirs, ours = (f"down.{level}", level) if side == "encoder" else (f"up.{level}", deepest - level)
            start = rf"{side}\.{re.escape(theirs)}"
            rules += _block_rules(rf"{start}\.block\.(\d+)", rf"{side}.levels.{ours}.blocks.\1")
            rules += _attention_rules(rf"{start}\.attn\.(\d+)", rf"{side}.levels.{ours}.attentions.\1")
            rules.append((rf"{start}\.downsample\.conv\.(\w+)", rf"{side}.narrow.{ours}.\1"))
            if level:
                rules.append((rf"{start}\.upsample\.conv\.(\w+)", rf"{side}.widen.{ours}.\1"))
    rules.append((r"quantizer\.phis\.(\d+)\.phi\.(\d+)\.0\.(\w+)", r"pyramid.phis.\1.layers.\2.\3"))
    rules.append((r"quantizer\.layers\.(\d+)\.(codebook|code_sum|code_count)", r"pyramid.quantizers.\1.\2"))
    # published, but never used: a convolution after the last level, and flags that training sets again
    constants = ((r"decoder\.up\.0\.upsample\.conv\.\w+", _any), (r"(quantizer\.layers\.\d+\.)?initted", _flag))
    return Renaming(_TOKENIZER, tuple(rules), constants)


def _any(value: Tensor) -> bool:
    return value.is_floating_point()


def _flag(value: Tensor) -> bool:
    return value.numel() == 1 and float(value) in (0.0, 1.0)


def tokenizer_config(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Config:
    """Sizes read off the shapes, in the faithful setting; ``given`` fields (``bins``, ``max_frames``) win.

    The longest clip is that of the last scale's bins unless ``max_frames`` is given.
    """
    width, features, _ = _shape(state, "encoder.conv_in.weight", _TOKENIZER)
    code_dim = _shape(state, "encoder.conv_out.weight", _TOKENIZER)[0]
    # the decoder has a block at every level, also where the encoder has none
    levels = count_of(state, r"decoder\.up\.(\d+)\.")
    bins = given.get("bins", tokenizer.Config.model_fields["bins"].default)
    frames = given.get("max_frames", bins[-1] * 2 ** (levels - 1))
    rows = _shape(state, "virtual_slot", _TOKENIZER)[0]
    widths = [_shape(state, f"decoder.up.{k}.block.0.conv2.weight", _TOKENIZER)[0] for k in range(levels)]
    books = range(count_of(state, r"quantizer\.layers\.(\d+)\."))
    sizes: dict[str, Any] = {
        "feature_width": features,
        "width": width,
        "multipliers": tuple(found // width for found in widths),
        "blocks": count_of(state, r"encoder\.down\.0\.block\.(\d+)\."),
        "code_dim": code_dim,
        "codes": tuple(_shape(state, f"quantizer.layers.{k}.codebook", _TOKENIZER)[0] for k in books),
        "phi_depth": count_of(state, r"quantizer\.phis\.0\.phi\.(\d+)\."),
        "slot_groups": max(1, rows // frames),
        "max_frames": frames,
        "faithful": True,
    }
    if features <= 67:
        sizes["explicit_blocks"] = []
    return tokenizer.Config.parse({**sizes, **given}, where=_TOKENIZER)


def import_tokenizer(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Tokenizer:
    """A tokenizer with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown."""
    config = tokenizer_config(state, **given)
    renamed = _tokenizer_renaming(config).apply(state)
    slots = (config.slot_groups, config.max_frames, config.feature_width)
    if renamed["slots.frames"].numel() != slots[0] * slots[1] * slots[2]:
        raise BundleError(f"{_TOKENIZER}: 'virtual_slot' is not {slots}; give the max_frames it was trained with.")
    renamed["slots.frames"] = renamed["slots.frames"].reshape(slots)
    for key in ("slots", *(f"pyramid.quantizers.{scale}" for scale in range(len(config.codes)))):
        renamed[f"{key}.initialized"] = torch.tensor(True)
    return build(lambda: tokenizer.Tokenizer(config), renamed, _TOKENIZER).eval()


def _generator_renaming(config: generator.Config) -> Renaming:
    block = r"blocks\.(\d+)\."
    rules = [
        (r"pos_start", r"start_rows"),
        (r"input_process\.(\w+)", r"feature_in.\1"),
        (r"input_emb\.(\w+)", r"text_in.\1"),
        (r"len_embed\.weight", r"length_table.weight"),
        (r"lvl_embed\.weight", r"scale_table.weight"),
        (r"heads\.(\d+)\.(\w+)", r"heads.\1.\2"),
        (block + r"mlp\.0\.c_fc1\.weight", r"blocks.\1.ffn.gate.weight"),
        (block + r"mlp\.0\.c_fc2\.weight", r"blocks.\1.ffn.value.weight"),
        (block + r"mlp\.0\.c_proj\.weight", r"blocks.\1.ffn.shrink.weight"),
    ]
    for theirs, ours in (("ln0", "text_norm"), ("ln0_t", "source_norm"), ("ln1", "norm"), ("ln2", "ffn_norm")):
        rules.append((block + rf"{theirs}\.scale", rf"blocks.\1.{ours}.weight"))
    for theirs, ours in (("attn0", "text"), ("attn", "attention")):
        for name, mine in (("query", "query"), ("key", "key"), ("value", "value"), ("proj", "out")):
            rules.append((block + rf"{theirs}\.{name}\.(\w+)", rf"blocks.\1.{ours}.{mine}.\2"))
    rows = torch.repeat_interleave(torch.arange(len(config.bins)), torch.tensor(config.bins))
    constants = (
        (r"lvl_1L", lambda value: torch.equal(value.reshape(-1).long(), rows)),
        (r"attn_mask", lambda value: _is_block_causal(value, rows)),
        (r"freqs_cis", lambda value: _are_turns(value, config)),
    )
    return Renaming(_GENERATOR, tuple(rules), constants)


def _is_block_causal(mask: Tensor, rows: Tensor) -> bool:
    mask = mask.reshape(mask.shape[-2:])
    return torch.equal(mask != 0, rows[None, :] <= rows[:, None])


def _are_turns(value: Tensor, config: generator.Config) -> bool:
    places = torch.cat([torch.linspace(0, 1, bins) for bins in config.bins])
    rotary_phases = scale_phases(places, config.width // config.heads)
    mine = torch.complex(rotary_phases[0], rotary_phases[1])
    return value.is_complex() and value.shape == mine.shape and torch.allclose(value, mine, atol=1e-4)


def _joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keys and values, and the two halves of the gated layer, as the one product that they are with us."""
    joined = dict(state)
    pairs = (("key", "value", "project"), ("gate", "value", "grow"))
    for first, second, ours in pairs:
        for name in [name for name in joined if f".{first}." in name]:
            partner = name.replace(f".{first}.", f".{second}.")
            if partner not in joined:
                raise BundleError(f"{_GENERATOR}: lacks the tensor beside '{name}'; the file is another model's.")
            joined[name.replace(f".{first}.", f".{ours}.")] = torch.cat([joined.pop(name), joined.pop(partner)])
    return joined


def generator_config(state: Mapping[str, Tensor], **given: Any) -> generator.Config:
    """Sizes read off the shapes; ``given`` fields (``heads``) win."""
    width, code_dim = _shape(state, "input_process.weight", _GENERATOR)
    scales = _shape(state, "lvl_embed.weight", _GENERATOR)[0]
    _shape(state, "lvl_1L", _GENERATOR)
    flat = state["lvl_1L"].reshape(-1).long()
    if flat.numel() == 0 or int(flat.min()) < 0 or bool((flat.diff() < 0).any()) or int(flat.max()) != scales - 1:
        raise BundleError(
            f"{_GENERATOR}: 'lvl_1L' does not list {scales} scales in order; the file is another model's."
        )
    sizes = {
        "vocabularies": tuple(_shape(state, f"heads.{k}.weight", _GENERATOR)[0] for k in range(scales)),
        "bins": tuple(torch.bincount(flat).tolist()),
        "groups": (1,) * scales,
        "code_dim": code_dim,
        "capacity": _shape(state, "len_embed.weight", _GENERATOR)[0],
        "width": width,
        "heads": max(1, width // HEAD_WIDTH),
        "layers": count_of(state, r"blocks\.(\d+)\."),
        "hidden": _shape(state, "blocks.0.mlp.0.c_fc1.weight", _GENERATOR)[0],
        "text_width": _shape(state, "input_emb.weight", _GENERATOR)[1],
    }
    return generator.Config.parse({**sizes, **given}, where=_GENERATOR)


def import_generator(state: Mapping[str, Tensor], **given: Any) -> generator.Generator:
    """A generator with the authors' weights, in eval mode. Raises ``BundleError`` where a key is missing or unknown."""
    config = generator_config(state, **given)
    renamed = _joined(_generator_renaming(config).apply(state))
    if "start_rows" in renamed:
        renamed["start_rows"] = renamed["start_rows"].reshape(-1, config.width)
    return build(lambda: generator.Generator(config), renamed, _GENERATOR).eval()


def read_tokenizer(path: str | Path, **given: Any) -> tokenizer.Tokenizer:
    """The tokenizer in one of the authors' files."""
    return import_tokenizer(read_checkpoint(path, TOKENIZER_KEYS), **given)


def read_generator(path: str | Path, **given: Any) -> generator.Generator:
    """The generator in one of the authors' files."""
    return import_generator(read_checkpoint(path, GENERATOR_KEYS), **given)


def assemble(states: States, given: Given) -> Assembled:
    """The system of a tokenizer's and, if there is one, a generator's state dict."""
    state, other = states["tokenizer"], states.get("generator")
    network = None if other is None else import_generator(other, **given.get("generator", {}))
    feature = feature_of(_shape(state, "encoder.conv_in.weight", _TOKENIZER)[1])
    fields = feature_fields(feature, tokenizer.Config)
    if network is not None:
        fields["bins"] = network.config.bins
    made = import_tokenizer(state, **{**fields, **given.get("tokenizer", {})})
    if network is None:
        lines = assumptions(given, {"tokenizer": made.config}, {"tokenizer": ("bins", "max_frames")})
        return Assembled(feature, made, assumed=tuple(lines))
    sampling = part_with(SAMPLING, given.get("sampling", {}), "sampling")
    words = part_with(clip.Config(max_tokens=77, masked=False), given.get("text", {}), "text")
    built = {"tokenizer": made.config, "generator": network.config, "sampling": sampling, "text": words}
    unread = {
        "generator": ("heads",),
        "sampling": ("guidance_scale", "drop", "top_p"),
        "text": ("model", "max_tokens", "masked"),
    }
    return Assembled(feature, made, network, None, words, sampling, tuple(assumptions(given, built, unread)))
