"""MoSa, twin: method notes, sections 1 to 5."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from twins.plain import Weights, area, attend, conv_of, linear, linear_to, rms, silu, softmax, turned


@dataclass(frozen=True)
class Sizes:
    features: int = 263
    frames: int = 196
    width: int = 8
    multipliers: tuple[int, ...] = (1, 2, 1)
    blocks: int = 1
    code_dim: int = 12
    phi_depth: int = 2
    slots: int = 2
    bins: tuple[int, ...] = (3, 10, 25, 49)
    codes: tuple[int, ...] = (8, 9, 11, 12)
    latent_dim: int = 24
    heads: int = 3
    layers: int = 2
    ff: int = 32
    text_width: int = 10
    text_tokens: int = 6

    @property
    def latents(self) -> int:
        return self.frames >> (len(self.multipliers) - 1)


def group_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    channels = len(x)
    weight, bias = w(f"{name}.weight", channels, around=1.0), w(f"{name}.bias", channels)
    parts = []
    for group in x.chunk(4):
        centered = group - group.mean()
        parts.append(centered / (centered.square().mean() + 1e-6).sqrt())
    return torch.cat(parts) * weight[:, None] + bias[:, None]


def res_block(w: Weights, name: str, x: Tensor, out: int) -> Tensor:
    h = conv_of(w, f"{name}.conv1", silu(group_norm(w, f"{name}.norm1", x)), out, 3, 1, 1)
    h = conv_of(w, f"{name}.conv2", silu(group_norm(w, f"{name}.norm2", h)), out, 3, 1, 1)
    return h + (x if len(x) == out else conv_of(w, f"{name}.nin_shortcut", x, out, 1, 0, 0))


def attn_block(w: Weights, name: str, x: Tensor) -> Tensor:
    c = len(x)
    q, k, v = conv_of(w, f"{name}.qkv", group_norm(w, f"{name}.norm", x), 3 * c, 1, 0, 0).chunk(3)
    return x + conv_of(w, f"{name}.proj_out", (softmax(q.T @ k * c**-0.5) @ v.T).T, c, 1, 0, 0)


def middle(w: Weights, name: str, x: Tensor) -> Tensor:
    x = attn_block(w, f"{name}.attn_1", res_block(w, f"{name}.block_1", x, len(x)))
    return res_block(w, f"{name}.block_2", x, len(x))


def encoder(w: Weights, s: Sizes, clip: Tensor) -> Tensor:
    """[frames, features] to [latents, code_dim]."""
    x = conv_of(w, "encoder.conv_in", clip.T, s.width * s.multipliers[0], 3, 1, 1)
    last = len(s.multipliers) - 1
    for level, factor in enumerate(s.multipliers):
        for block in range(s.blocks):
            x = res_block(w, f"encoder.down.{level}.block.{block}", x, s.width * factor)
            if level == last:
                x = attn_block(w, f"encoder.down.{level}.attn.{block}", x)
        if level < last:
            x = conv_of(w, f"encoder.down.{level}.downsample.conv", x, len(x), 3, 0, 1, stride=2)
    x = silu(group_norm(w, "encoder.norm_out", middle(w, "encoder.mid", x)))
    return conv_of(w, "encoder.conv_out", x, s.code_dim, 3, 1, 1).T


def decoder(w: Weights, s: Sizes, grid: Tensor) -> Tensor:
    """[latents, code_dim] to [frames, features]."""
    last = len(s.multipliers) - 1
    x = middle(w, "decoder.mid", conv_of(w, "decoder.conv_in", grid.T, s.width * s.multipliers[last], 3, 1, 1))
    for level in range(last, -1, -1):
        for block in range(s.blocks + 1):
            x = res_block(w, f"decoder.up.{level}.block.{block}", x, s.width * s.multipliers[level])
            if level == last:
                x = attn_block(w, f"decoder.up.{level}.attn.{block}", x)
        if level:
            x = conv_of(w, f"decoder.up.{level}.upsample.conv", x.repeat_interleave(2, 1), len(x), 3, 1, 1)
    w("decoder.up.0.upsample.conv.weight", len(x), len(x), 3)  # there, but never used
    w("decoder.up.0.upsample.conv.bias", len(x))
    return conv_of(w, "decoder.conv_out", silu(group_norm(w, "decoder.norm_out", x)), s.features, 3, 1, 1).T


def book(w: Weights, s: Sizes, scale: int) -> Tensor:
    found = w(f"quantizer.layers.{scale}.codebook", s.codes[scale], s.code_dim, spread=1.0)
    w(f"quantizer.layers.{scale}.code_sum", s.codes[scale], s.code_dim)
    w(f"quantizer.layers.{scale}.code_count", s.codes[scale], around=1.0)
    w.constant(f"quantizer.layers.{scale}.initted", torch.ones(1))
    return found


def look_up(codes: Tensor, vectors: Tensor) -> Tensor:
    cosine = [(codes @ v) / codes.square().sum(1).sqrt() / v.square().sum().sqrt() for v in vectors]
    return torch.stack([row.argmax() for row in cosine])


def added(w: Weights, s: Sizes, scale: int, ids: Tensor, steps: int) -> Tensor:
    h = linear_to(book(w, s, scale)[ids], steps).T
    for layer in range(s.phi_depth):
        h = conv_of(w, f"quantizer.phis.{scale}.phi.{layer}.0", h, s.code_dim, 3, 1, 1).clamp(min=0)
    return h.T


def filled(w: Weights, s: Sizes, clip: Tensor, length: int) -> Tensor:
    slot = w("virtual_slot", s.slots * s.frames, s.features, spread=0.5)[: s.frames]
    w.constant("initted", torch.ones(1))
    return torch.cat([clip[:length], slot[length:]])


def quantized(w: Weights, s: Sizes, z: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Ids, ids of the look-up at full length, and sums, per scale."""
    r, total = z, torch.zeros_like(z)
    ids, full, sums = [], [], []
    for scale, bins in enumerate(s.bins):
        codes = book(w, s, scale)
        full.append(look_up(codes, r))
        ids.append(look_up(codes, area(r, bins)))
        h = added(w, s, scale, ids[-1], s.latents)
        total, r = total + h, r - h
        sums.append(total)
    return ids, full, sums


def turns(s: Sizes) -> Tensor:
    """Angles [positions, head width / 2]."""
    width = s.latent_dim // s.heads
    places = [t / max(1, bins - 1) * width for bins in s.bins for t in range(bins)]
    rates = 100.0 ** (-torch.arange(0, width, 2).double() / width)
    return torch.tensor(places).double()[:, None] * rates


def normed(w: Weights, name: str, x: Tensor) -> Tensor:
    return rms(x, 1e-5) * w(f"{name}.scale", x.shape[-1], around=1.0)


def attention(w: Weights, s: Sizes, name: str, x: Tensor, source: Tensor, angles, seen) -> Tensor:
    c = s.latent_dim
    q, k, v = (
        linear(w, f"{name}.{part}", y, c).unflatten(1, (s.heads, -1))
        for part, y in (("query", x), ("key", source), ("value", source))
    )
    if angles is not None:
        q, k = turned(q, angles), turned(k, angles)
    return linear(w, f"{name}.proj", attend(q, k, v, (c // s.heads) ** -0.5, seen).flatten(1), c)


def network(w: Weights, s: Sizes, words: Tensor, frames: int, sums: list[Tensor]) -> list[Tensor]:
    """Logits of the first scales, one clip; ``sums``: F before each scale but the first, pooled to it."""
    c = s.latent_dim
    length = w("len_embed.weight", s.latents, c, spread=0.5)[frames * s.latents // s.frames - 1]
    levels = w("lvl_embed.weight", len(s.bins), c, spread=0.5)
    text = linear(w, "input_emb", words, c) + length
    rows = [w("pos_start", 1, s.bins[0], c, spread=0.5)[0] + length + levels[0]]
    rows += [linear(w, "input_process", total, c) + levels[k + 1] for k, total in enumerate(sums)]
    scale = torch.cat([torch.full((len(row),), k) for k, row in enumerate(rows)])
    x, angles, seen = torch.cat(rows), turns(s)[: len(scale)], scale[None] <= scale[:, None]
    for layer in range(s.layers):
        name = f"blocks.{layer}"
        x = x + attention(
            w, s, f"{name}.attn0", normed(w, f"{name}.ln0", x), normed(w, f"{name}.ln0_t", text), None, None
        )
        y = normed(w, f"{name}.ln1", x)
        x = x + attention(w, s, f"{name}.attn", y, y, angles, seen)
        y = normed(w, f"{name}.ln2", x)
        gate = silu(linear(w, f"{name}.mlp.0.c_fc1", y, s.ff, bias=False))
        x = x + linear(w, f"{name}.mlp.0.c_proj", gate * linear(w, f"{name}.mlp.0.c_fc2", y, s.ff, False), c, False)
    return [linear(w, f"heads.{k}", x[scale == k], s.codes[k]) for k in range(len(rows))]


def finish(w: Weights, s: Sizes) -> None:
    """The constants that a checkpoint also holds, and heads of scales that were not drawn."""
    scale = torch.repeat_interleave(torch.arange(len(s.bins)), torch.tensor(s.bins))
    w.constant("lvl_1L", scale[None])
    w.constant("attn_mask", (scale[None] <= scale[:, None]).float()[None, None])
    w.constant("freqs_cis", torch.polar(torch.ones_like(turns(s)), turns(s)).to(torch.complex64))
    for k, codes in enumerate(s.codes):
        w(f"heads.{k}.weight", codes, s.latent_dim)
        w(f"heads.{k}.bias", codes)


def sample(w: Weights, books: Weights, s: Sizes, words: Tensor, frames: int, guidance: float, last: int, full: bool,
           keep=None):  # fmt: skip
    """Greedy ids, guided logits and the final sum. ``keep(scale, ids)`` puts a source's ids back."""
    steps = s.latents if full else s.bins[last]
    total = torch.zeros(steps, s.code_dim).double()
    pooled: list[Tensor] = []
    ids, logits = [], []
    for scale in range(last + 1):
        if scale:
            pooled.append(area(total, s.bins[scale]))
        con = network(w, s, words, frames, pooled)[scale]
        uncon = network(w, s, torch.zeros_like(words), frames, pooled)[scale]
        t = guidance * scale / last
        logits.append((1 + t) * con - t * uncon)
        best = logits[-1].argmax(-1)
        ids.append(best if keep is None else keep(scale, best))
        total = total + added(books, s, scale, ids[-1], steps)
    return ids, logits, total


def revived(before: dict[str, Tensor], vectors: Tensor, ids: Tensor) -> dict[str, Tensor]:
    """One codebook update: vectors [N, D]."""
    count, total = before["code_count_before"].double().clone(), before["code_sum_before"].double().clone()
    found = torch.zeros_like(total)
    for code in range(len(count)):
        mine = vectors[ids == code]
        count[code] = 0.99 * count[code] + 0.01 * len(mine)
        total[code] = 0.99 * total[code] + 0.01 * mine.sum(0)
        found[code] = vectors[code] if count[code] < 1 else total[code] / count[code]
    share = torch.tensor([float((ids == code).double().mean()) for code in range(len(count))])
    perplexity = torch.exp(-(share * torch.log(share + 1e-7)).sum())
    return {"codebook_after": found, "code_sum_after": total, "code_count_after": count, "perplexity": perplexity}
