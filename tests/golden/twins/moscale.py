"""MoScale, twin: method notes, sections 2 to 4."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from twins.plain import (
    Weights,
    area,
    attend,
    conv_of,
    cross_entropy,
    gelu,
    layer_norm,
    linear,
    linear_to,
    rms,
    silu,
    softmax,
    turned,
)


@dataclass(frozen=True)
class Sizes:
    features: int = 263
    frames: int = 196
    width: int = 16
    code_dim: int = 12
    codes: int = 20
    levels: int = 2
    blocks: int = 2
    growth: int = 3
    heads: int = 2
    ffn_ratio: int = 2
    scales: tuple[int, ...] = (8, 4, 2, 1)
    latent_dim: int = 16
    head_latent_dim: int = 24
    generator_heads: int = 3
    layers: int = 2
    mlp_ratio: int = 2
    text_width: int = 10
    text_tokens: int = 7
    pool_heads: int = 2

    @property
    def latents(self) -> int:
        return self.frames >> self.levels

    @property
    def rows(self) -> tuple[int, ...]:
        return tuple(self.latents // s for s in self.scales)


def attention_block(w: Weights, s: Sizes, name: str, x: Tensor, valid: int) -> Tensor:
    """[C, T]; keys from ``valid`` on are not seen."""
    x, c = x.T, s.width
    steps, width = len(x), c // s.heads
    y = layer_norm(x, 1e-5) * w(f"{name}.norm1.weight", c, around=1.0) + w(f"{name}.norm1.bias", c)
    q, k, v = (linear(w, f"{name}.{part}_proj", y, c).unflatten(1, (s.heads, width)) for part in "qkv")
    rates = 10000.0 ** (-torch.arange(0, width, 2).double() / width)
    w.constant(f"{name}.rope.inv_freq", rates.float())
    angles = torch.arange(steps).double()[:, None] * rates

    def half(z: Tensor) -> Tensor:
        first, second = z.chunk(2, -1)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    seen = (torch.arange(steps) < valid)[None].expand(steps, steps)
    gate = 1 / (1 + (-linear(w, f"{name}.gate_proj", y, s.heads)).exp())
    mixed = attend(half(q), half(k), v, width**-0.5, seen) * gate[:, :, None]
    x = x + linear(w, f"{name}.out_proj", mixed.flatten(1), c)
    y = layer_norm(x, 1e-5) * w(f"{name}.norm2.weight", c, around=1.0) + w(f"{name}.norm2.bias", c)
    grown = gelu(linear(w, f"{name}.ffn.0", y, s.ffn_ratio * c), "exact")
    return (x + linear(w, f"{name}.ffn.3", grown, c)).T


def stack(w: Weights, s: Sizes, name: str, x: Tensor) -> Tensor:
    for block in range(s.blocks):
        d = s.growth ** (s.blocks - 1 - block)
        h = conv_of(w, f"{name}.model.{block}.conv1", x.clamp(min=0), s.width, 3, d, d, dilation=d).clamp(min=0)
        x = x + conv_of(w, f"{name}.model.{block}.conv2", h, s.width, 1, 0, 0)
    return x


def encoder(w: Weights, s: Sizes, clip: Tensor, frames: int) -> Tensor:
    x = conv_of(w, "encoder.embed.0", clip.T, s.width, 3, 1, 1).clamp(min=0)
    for level in range(s.levels):
        x = conv_of(w, f"encoder.res_blocks.{level}.0", x, s.width, 4, 1, 1, stride=2)
        x = stack(w, s, f"encoder.res_blocks.{level}.1", x)
        frames //= 2
        x = attention_block(w, s, f"encoder.attn_blocks.{level}", x, frames)
    return conv_of(w, "encoder.outproj", x, s.code_dim, 3, 1, 1).T


def decoder(w: Weights, s: Sizes, grid: Tensor, tokens: int) -> Tensor:
    x = conv_of(w, "decoder.embed.0", grid.T, s.width, 3, 1, 1).clamp(min=0)
    for level in range(s.levels):
        x = stack(w, s, f"decoder.res_blocks.{level}.0", x).repeat_interleave(2, 1)
        x = conv_of(w, f"decoder.res_blocks.{level}.2", x, s.width, 3, 1, 1)
        tokens *= 2
        x = attention_block(w, s, f"decoder.attn_blocks.{level}", x, tokens)
    x = conv_of(w, "decoder.outproj.0", x, s.width, 3, 1, 1).clamp(min=0)
    return conv_of(w, "decoder.outproj.2", x, s.features, 3, 1, 1).T


def zeroed(grid: Tensor, steps: int) -> Tensor:
    return torch.cat([grid[:steps], torch.zeros_like(grid[steps:])])


def book(w: Weights, s: Sizes) -> Tensor:
    return w("quantizer.codebook", s.codes, s.code_dim, spread=1.0)


def rows_of(w: Weights, s: Sizes, ids: Tensor) -> Tensor:
    return torch.stack([book(w, s)[i] if i >= 0 else torch.zeros(s.code_dim).double() for i in ids.tolist()])


def quantized(w: Weights, s: Sizes, z: Tensor, steps: int, used=None):
    """Nearest ids of what is left, and F after each scale; ``used``: the ids that are added instead."""
    r, total = z, torch.zeros_like(z)
    ids, sums = [], []
    for scale, bins in enumerate(s.rows):
        r = zeroed(r, steps)
        pooled = area(r, bins)
        near = torch.stack([(book(w, s) - v).square().sum(1).argmin() for v in pooled])
        near[steps // s.scales[scale] :] = -1
        ids.append(near)
        put = near if used is None else used[scale].clone()
        put[steps // s.scales[scale] :] = -1
        up = linear_to(rows_of(w, s, put), s.latents)
        r, total = r - up, total + up
        sums.append(total)
    return ids, sums


def commitment(s: Sizes, clips: list[tuple[Tensor, list[Tensor], int]]) -> Tensor:
    """Mean over scales; the divisor is valid positions times the length of the time axis."""
    each = []
    for scale in range(len(s.rows)):
        error = sum(((z - sums[scale])[:n].square().sum() for z, sums, n in clips), torch.tensor(0.0).double())
        each.append(error / (sum(n for *_, n in clips) * s.latents))
    return torch.stack(each).mean()


def generator_text(w: Weights, s: Sizes, text: Tensor, count: int):
    """[tokens, width] of which ``count`` are valid: prefix, condition and the tokens of the cross attention."""
    c = s.latent_dim
    x = rms(text[:count], 1e-6) * w("text_norm.weight", s.text_width, around=1.0)
    name = "text_proj_for_sos"
    q = linear(w, f"{name}.ca.mat_q", w(f"{name}.q_tokens", s.rows[0], c, spread=1.0), c)
    kv = x @ w(f"{name}.ca.mat_kv.weight", 2 * c, s.text_width).T
    w.constant(f"{name}.ca.zero_k_bias", torch.zeros(c))
    k, v = kv[:, :c], kv[:, c:] + w(f"{name}.ca.v_bias", c)
    heads = (t.unflatten(1, (s.pool_heads, -1)) for t in (q, k, v))
    prefix = linear(w, f"{name}.ca.proj", attend(*heads, (c // s.pool_heads) ** -0.5).flatten(1), c)
    tokens = linear(w, "text_proj_for_ca.2", gelu(linear(w, "text_proj_for_ca.0", x, c), "tanh"), c)
    return prefix, prefix.amax(0), tokens


def feature_stream(w: Weights, s: Sizes, prefix: Tensor, sums: list[Tensor]) -> Tensor:
    """``sums``: F before the second scale, the third ..., at full length."""
    rows = [prefix]
    for scale, total in enumerate(sums, 1):
        rows.append(linear(w, "input_process", area(total, s.rows[scale]), s.latent_dim))
    return torch.cat(rows)


def network(w: Weights, s: Sizes, text, stream: Tensor, tokens: Tensor) -> Tensor:
    """Logits [positions, codes]; ``tokens``: id, -2 mask, -1 padding."""
    _, condition, words = text
    table = w("token_emb", s.codes, s.code_dim, spread=0.5)
    special = {-2: w("masked_token_embedding", 1, s.code_dim)[0], -1: w("padded_token_embedding", 1, s.code_dim)[0]}
    known = torch.stack([special[i] if i < 0 else table[i] for i in tokens.tolist()])
    c, d, heads = s.latent_dim, s.head_latent_dim, s.generator_heads
    x = linear(w, "latent_dim_proj", torch.cat([stream, linear(w, "token_dim_proj", known, c)], 1), d)
    start = w("pos_start", 1, s.rows[0], d, spread=0.3)[0]
    x = torch.cat([x[: s.rows[0]] + start, x[s.rows[0] :]])
    scale = torch.repeat_interleave(torch.arange(len(s.rows)), torch.tensor(s.rows))[: len(x)]
    x = x + w("lvl_embed.weight", len(s.rows), d, spread=0.3)[scale]
    pairs = d // heads // 2
    rates = torch.tensor([10000.0 ** (-2 * (i // 2) / pairs) for i in range(pairs)]).double()
    places = [min(round(i * s.latents / bins), s.latents - 1) for bins in s.rows for i in range(bins)]
    angles = torch.tensor(places).double()[: len(x), None] * rates
    seen = scale[None] <= scale[:, None]
    for layer in range(s.layers):
        name = f"masked_blocks.{layer}"
        parts = linear(w, f"{name}.ada_lin.1", silu(condition), 6 * d).chunk(6)
        gamma1, gamma2, scale1, scale2, shift1, shift2 = parts
        y = layer_norm(x, 1e-6) * (1 + scale1) + shift1
        qkv = y @ w(f"{name}.attn.mat_qkv.weight", 3 * d, d).T
        w.constant(f"{name}.attn.zero_k_bias", torch.zeros(d))
        q = qkv[:, :d] + w(f"{name}.attn.q_bias", d)
        k, v = qkv[:, d : 2 * d], qkv[:, 2 * d :] + w(f"{name}.attn.v_bias", d)
        q, k, v = (t.unflatten(1, (heads, -1)) for t in (q, k, v))
        mixed = attend(turned(q, angles), turned(k, angles), v, 0.25 / math.sqrt(d // heads), seen)
        x = x + gamma1 * linear(w, f"{name}.attn.proj", mixed.flatten(1), d)
        y = layer_norm(x, 1e-6) * w(f"{name}.ca_norm.weight", d, around=1.0) + w(f"{name}.ca_norm.bias", d)
        kv = words @ w(f"{name}.ca.mat_kv.weight", 2 * d, c).T
        w.constant(f"{name}.ca.zero_k_bias", torch.zeros(d))
        q = linear(w, f"{name}.ca.mat_q", y, d)
        k, v = kv[:, :d], kv[:, d:] + w(f"{name}.ca.v_bias", d)
        q, k, v = (t.unflatten(1, (heads, -1)) for t in (q, k, v))
        x = x + linear(w, f"{name}.ca.proj", attend(q, k, v, (d // heads) ** -0.5).flatten(1), d)
        y = layer_norm(x, 1e-6) * (1 + scale2) + shift2
        x = x + gamma2 * linear(w, f"{name}.ffn.fc2", gelu(linear(w, f"{name}.ffn.fc1", y, s.mlp_ratio * d), "tanh"), d)
    a, b = linear(w, "head_nm.ada_lin.1", silu(condition), 2 * d).chunk(2)
    return linear(w, "head", layer_norm(x, 1e-6) * (1 + a) + b, s.codes)


def silent(w: Weights, s: Sizes, count: int) -> Tensor:
    return w("cfg_uncond", s.text_tokens, s.text_width, spread=1.0)[:count]


def finish(w: Weights, s: Sizes) -> None:
    scale = torch.repeat_interleave(torch.arange(len(s.rows)), torch.tensor(s.rows))
    w.constant("lvl_1L", scale[None])
    hidden = torch.zeros(len(scale), len(scale)).masked_fill(scale[None] > scale[:, None], float("-inf"))
    w.constant("attn_bias_for_masking", hidden[None, None])


def sample(w: Weights, books: Weights, s: Sizes, text: Tensor, count: int, n: int, guidance: float, steps, given=None):
    """Best codes: ids, guided logits of every pass, F. ``given``: per scale the source's ids and what is drawn anew."""
    con, uncon = generator_text(w, s, text, count), generator_text(w, s, silent(w, s, count), count)
    total = torch.zeros(s.latents, s.code_dim).double()
    done: list[Tensor] = []
    sums: list[Tensor] = []
    passes = []
    for scale, bins in enumerate(s.rows):
        valid = torch.arange(bins) < n // s.scales[scale]
        ids = torch.full((bins,), -2).masked_fill(~valid, -1)
        scores = torch.zeros(bins).double().masked_fill(~valid, 1e5)
        if given is not None:
            source, again = given[scale]
            ids = torch.where(again, ids, source)
            scores = scores.masked_fill(~again, 1e5)
        open_ = scores == 0
        if scale:
            sums.append(total)
        for j in range(steps[scale]):
            tau = j / (steps[scale] - 1) if steps[scale] > 1 else 0.0
            q = max(1, round(bins * math.cos(math.pi / 2 * tau)))
            order = scores.argsort(stable=True)[:q]
            hidden = torch.zeros(bins, dtype=torch.bool)
            hidden[order] = True
            hidden &= open_
            ids = ids.masked_fill(hidden, -2)
            scores = scores.masked_fill(~hidden, 1e5)
            tokens = torch.cat([*done, ids])
            logits = []
            for words in (con, uncon):
                logits.append(network(w, s, words, feature_stream(w, s, words[0], sums), tokens)[-bins:])
            t = guidance + 0.25 - 0.25 * scale
            passes.append((1 + t) * logits[0] - t * logits[1])
            best = passes[-1].argmax(-1)
            chance = softmax(passes[-1]).gather(-1, best[:, None])[:, 0]
            ids = torch.where(hidden, best, ids)
            scores = torch.where(hidden, chance, scores)
        done.append(ids)
        total = total + linear_to(rows_of(books, s, ids), s.latents)
    return done, passes, total


def region(s: Sizes, n: int, source: list[Tensor], first: float, last: float):
    """Per scale the source's ids and the positions drawn anew."""
    fine = torch.zeros(n).double()
    fine[round(first * n) : round(last * n)] = 1
    given = []
    for scale, bins in enumerate(s.rows):
        count = n // s.scales[scale]
        again = torch.zeros(bins, dtype=torch.bool)
        if count:
            again[:count] = area(fine, count) > 0.5
        again |= (torch.arange(bins) < count) & (source[scale] < 0)
        given.append((source[scale], again))
    return given


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    scored = targets >= 0
    return cross_entropy(logits[scored], targets[scored]).mean()
