"""MoMask's published checkpoints: the authors' key names and ``.tar`` files, read into our networks.

Sizes come from the tensors' shapes; the number of heads and the clip length do not show in them and can be given. A
generator is put together from up to three files. Nothing in a file is executed.
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
from kinescale.generators import momask as generator
from kinescale.generators.base.length import LengthEstimator
from kinescale.nn.sinusoids import sinusoids
from kinescale.samplers import masked as sampler
from kinescale.text import clip
from kinescale.tokenizers import momask as tokenizer

_TOKENIZER = "a MoMask tokenizer checkpoint"
_MASKED = "a MoMask mask transformer checkpoint"
_RESIDUAL = "a MoMask residual transformer checkpoint"
_LENGTH = "a MoMask length estimator checkpoint"

TOKENIZER_KEYS = ("vq_model", "net")
MASKED_KEYS = ("t2m_transformer", "trans")
RESIDUAL_KEYS = ("res_transformer", "trans")
LENGTH_KEYS = ("estimator",)
"""Entries of the authors' files that hold weights, as far as they are known."""

TITLE = "MoMask (Guo et al. 2024)"
TEXT_FIELD = "model"
SLOTS = (
    Slot("tokenizer", TOKENIZER_KEYS, r"quantizer\.layers\.0\.codebook"),
    Slot("masked transformer", MASKED_KEYS, r"token_emb\.weight", needs=("tokenizer", "residual transformer")),
    Slot("residual transformer", RESIDUAL_KEYS, r"embed_proj_shared_weight", needs=("tokenizer", "masked transformer")),
    Slot("length estimator", LENGTH_KEYS, r"output\.11\.weight", needs=("masked transformer",)),
)
SAMPLING = sampler.Config(steps=(10, 1), guidance_scale=(4.0, 5.0), schedule="closed")
KIT_SAMPLING = SAMPLING.but(guidance_scale=(2.0, 2.0))
"""The published settings (section 1 of the baselines' notes)."""

_shape = partial(shape_of, system="MoMask")


def _tokenizer_renaming(levels: int) -> Renaming:
    last = levels + 2
    rules = [
        (r"(encoder|decoder)\.model\.0\.(\w+)", r"\1.enter.\2"),
        (rf"encoder\.model\.{last}\.(\w+)", r"encoder.leave.\1"),
        (rf"decoder\.model\.{last}\.(\w+)", r"decoder.gather.\1"),
        (rf"decoder\.model\.{last + 2}\.(\w+)", r"decoder.leave.\1"),
        (r"quantizer\.layers\.(\d+)\.codebook", r"pyramid.quantizers.\1.codebook"),
    ]
    for level in range(levels):
        rules.append((rf"encoder\.model\.{level + 2}\.0\.(\w+)", rf"encoder.narrow.{level}.\1"))
        rules.append((rf"decoder\.model\.{level + 2}\.2\.(\w+)", rf"decoder.widen.{level}.\1"))
        for side, place in (("encoder", 1), ("decoder", 0)):
            for theirs, ours in (("1", "wide"), ("2", "mix")):
                theirs_key = rf"{side}\.model\.{level + 2}\.{place}\.model\.(\d+)\.conv{theirs}\.(\w+)"
                rules.append((theirs_key, rf"{side}.stacks.{level}.blocks.\1.{ours}.\2"))
    return Renaming(_TOKENIZER, tuple(rules))


def import_tokenizer(state: Mapping[str, Tensor], **given: Any) -> tokenizer.Tokenizer:
    """A tokenizer with the authors' weights, in eval mode; ``given`` fields (``max_frames``) win over what shapes tell.

    Raises ``BundleError`` where a key is missing or unknown.
    """
    width, features, _ = _shape(state, "encoder.model.0.weight", _TOKENIZER)
    codes, code_dim = _shape(state, "quantizer.layers.0.codebook", _TOKENIZER)
    levels = count_of(state, r"encoder\.model\.(\d+)\.0\.weight") - 2
    sizes: dict[str, Any] = {
        "feature_width": features,
        "width": width,
        "code_dim": code_dim,
        "codes": codes,
        "codebooks": count_of(state, r"quantizer\.layers\.(\d+)\."),
        "levels": levels,
        "blocks": count_of(state, r"encoder\.model\.2\.1\.model\.(\d+)\."),
    }
    if features < 67:
        sizes["explicit_blocks"] = []
    config = tokenizer.Config.parse({**sizes, **given}, where=_TOKENIZER)
    renamed = _tokenizer_renaming(levels).apply(state)
    # The averages behind the codebooks are not in the published files: each code starts as the mean of one use.
    for index in range(config.codebooks):
        codebook = renamed.get(f"pyramid.quantizers.{index}.codebook")
        if codebook is not None:
            renamed[f"pyramid.quantizers.{index}.code_sum"] = codebook
            renamed[f"pyramid.quantizers.{index}.code_count"] = torch.ones(len(codebook))
            renamed[f"pyramid.quantizers.{index}.initialized"] = torch.tensor(True)
    return build(lambda: tokenizer.Tokenizer(config), renamed, _TOKENIZER).eval()


def _is_sinusoids(value: Tensor) -> bool:
    flat = value.reshape(-1, value.shape[-1]).float()
    return torch.allclose(flat, sinusoids(*flat.shape), atol=2e-3)


def _trunk_rules(prefix: str) -> tuple[tuple[str, str], ...]:
    return (
        (r"input_process\.poseEmbedding\.(\w+)", rf"{prefix}trunk.enter.\1"),
        (r"seqTransEncoder\.layers\.(.+)", rf"{prefix}trunk.layers.\1"),
        (r"cond_emb\.(\w+)", rf"{prefix}condition.\1"),
        (r"output_process\.dense\.(\w+)", rf"{prefix}head.dense.\1"),
        (r"output_process\.LayerNorm\.(\w+)", rf"{prefix}head.norm.\1"),
        (r"output_process\.poseFinal\.(\w+)", rf"{prefix}head.out.\1"),
    )


CONSTANTS = ((r"position_enc\.pe", _is_sinusoids), (r"clip_model\..*", lambda _: True))
"""Keys that our networks compute themselves, or leave to the text encoder."""


def _masked(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    rules = ((r"token_emb\.weight", "masked.table.weight"), *_trunk_rules("masked."))
    return Renaming(_MASKED, rules, CONSTANTS).apply(state)


TABLES = ("token_embed_weight_", "embed_proj_shared_weight", "output_proj_weight_")


def _residual(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for key in TABLES:
        _shape(state, key, _RESIDUAL)
    rules = ((r"quant_emb\.(\w+)", r"residual.book.\1"), *_trunk_rules("residual."))
    renamed = Renaming(_RESIDUAL, rules, CONSTANTS).apply({k: v for k, v in state.items() if k not in TABLES})
    # The first table only embeds, the last only scores, those between do both.
    renamed["residual.tables"] = torch.cat([state[key] for key in TABLES])
    return renamed


def import_generator(
    masked: Mapping[str, Tensor],
    residual: Mapping[str, Tensor],
    length: Mapping[str, Tensor] | None = None,
    **given: Any,
) -> generator.Generator:
    """A generator with the authors' weights, in eval mode; without ``length`` its estimator stays as it was made.

    ``given`` fields (``heads``, ``capacity``) win over what shapes tell. Raises ``BundleError`` where a key is missing
    or unknown.
    """
    rows, code_dim = _shape(masked, "token_emb.weight", _MASKED)
    width, text_width = _shape(masked, "cond_emb.weight", _MASKED)
    books = sum(_shape(residual, key, _RESIDUAL)[0] for key in TABLES)
    classes = _shape(length, "output.11.weight", _LENGTH)[0] if length is not None else None
    sizes: dict[str, Any] = {
        "vocabulary": rows - 2,
        "code_dim": code_dim,
        "text_width": text_width,
        "width": width,
        "feed_forward": _shape(masked, "seqTransEncoder.layers.0.linear1.weight", _MASKED)[0],
        "layers": count_of(masked, r"seqTransEncoder\.layers\.(\d+)\."),
        **({} if classes is None else {"capacity": classes - 1}),
    }
    sizes |= given
    capacity = int(sizes.get("capacity", 49))
    sizes |= {"bins": (capacity,) * books, "groups": (1,) * books, "estimates_length": length is not None}
    config = generator.Config.parse(sizes, where=_MASKED)
    renamed = {**_masked(masked), **_residual(residual)}
    if length is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            fresh = LengthEstimator(config.text_width, config.capacity + 1).state_dict()
        renamed |= {f"length.{key}": value for key, value in fresh.items()}
    else:
        renamed |= Renaming(_LENGTH, ((r"output\.(\d+\.\w+)", r"length.stages.\1"),)).apply(length)
    return build(lambda: generator.Generator(config), renamed, "a MoMask generator").eval()


def read_tokenizer(path: str | Path, **given: Any) -> tokenizer.Tokenizer:
    """The tokenizer in one of the authors' files."""
    return import_tokenizer(read_checkpoint(path, TOKENIZER_KEYS), **given)


def read_generator(
    masked: str | Path, residual: str | Path, length: str | Path | None = None, **given: Any
) -> generator.Generator:
    """The generator in the authors' files: mask transformer, residual transformer, length estimator."""
    estimator = None if length is None else read_checkpoint(length, LENGTH_KEYS)
    return import_generator(
        read_checkpoint(masked, MASKED_KEYS), read_checkpoint(residual, RESIDUAL_KEYS), estimator, **given
    )


def assemble(states: States, given: Given) -> Assembled:
    """The system of a tokenizer's and, if they are there, both transformers' and a length estimator's state dicts."""
    state, masked = states["tokenizer"], states.get("masked transformer")
    network, length = None, states.get("length estimator")
    if masked is not None:
        residual = states["residual transformer"]
        network = import_generator(masked, residual, length, **given.get("generator", {}))
    feature = feature_of(_shape(state, "encoder.model.0.weight", _TOKENIZER)[1])
    fields = feature_fields(feature, tokenizer.Config)
    if network is not None:
        levels = count_of(state, r"encoder\.model\.(\d+)\.0\.weight") - 2
        fields["max_frames"] = network.config.capacity * 2**levels
    made = import_tokenizer(state, **{**fields, **given.get("tokenizer", {})})
    if network is None:
        lines = assumptions(given, {"tokenizer": made.config}, {"tokenizer": ("max_frames",)})
        return Assembled(feature, made, assumed=tuple(lines))
    published = KIT_SAMPLING if feature.width == KIT_WIDTH else SAMPLING
    sampling = part_with(published, given.get("sampling", {}), "sampling")
    words = part_with(clip.Config(pooled=True), given.get("text", {}), "text")
    built = {"tokenizer": made.config, "generator": network.config, "sampling": sampling, "text": words}
    unread: dict[str, tuple[str, ...]] = {
        "generator": ("heads",) if length is not None else ("heads", "capacity"),
        "sampling": ("steps", "guidance_scale", "keep_share", "schedule"),
        "text": ("model", "pooled"),
    }
    lines = assumptions(given, built, unread)
    if length is None:
        lines.append("no length estimator was named: lengths are not estimated from the text (given)")
    return Assembled(feature, made, network, None, words, sampling, tuple(lines))
