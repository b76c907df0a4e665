"""ScaleMoGen, twin: method notes, sections 1.3 to 4."""

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

ALL = [[0, 1, 2, 3, 4, 5, 6]]
SINGLE = [[k] for k in range(7)]
INNER = [ALL, [[0, 3], [1, 2, 4, 5, 6]], [[0, 3], [1, 2], [4, 5, 6]], [[0], [3], [1, 2], [4, 5], [6]], SINGLE]
LOWER = [ALL, [[0, 1, 2], [3, 4, 5, 6]], [[0], [1, 2], [3, 6], [4, 5]], SINGLE]
LISTS = {
    0: (INNER, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (6, 2), (6, 3), (6, 4)]),
    1: (LOWER, [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 1), (4, 2), (5, 2), (6, 2), (6, 3)]),
    2: ([ALL], [(k, 0) for k in range(7)]),
    3: ([SINGLE], [(k, 0) for k in range(7)]),
    4: (LOWER, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (6, 2), (6, 3)]),
    5: (INNER, [(0, 0), (1, 0), (1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3), (6, 3), (6, 4)]),
}

MIDDLE_GRAPH = "0-1 0-3 0-5 1-2 3-4 5-6 6-7 6-9 6-11 7-8 9-10"
MIDDLE_PARTS = "0 1 3 5|0 1 2|0 3 4|0 5 6|6 7 8|6 9 10|6 11"
HUMANML = {
    "joints": 22,
    "graph": "0-1 0-2 0-3 1-4 2-5 3-6 4-7 5-8 6-9 7-10 8-11 9-12 9-13 9-14 12-15 13-16 14-17 16-18 17-19 18-20 19-21",
    "parts": "0 1 2 3|0 1 4|4 7 10|0 2 5|5 8 11|0 3 6 9|9 6 12 13 14|9 13 16|16 18 20|9 14 17|17 19 21|9 12 15",
    "contacts": [7, 10, 8, 11],
    "dataset": "humanml3d",
}
SNAP = {
    "joints": 24,
    "graph": "0-1 0-15 0-16 0-20 1-2 1-15 2-3 3-4 3-7 3-11 4-5 5-6 8-9 9-10 11-12 12-13 13-14 15-16 15-20 16-17 17-18 "
    "18-19 20-21 21-22 22-23",
    "parts": "0 1 15 16 20|0 15 16 17|17 18 19|0 15 20 21|21 22 23|0 15 1 2 3|3 2 4 7 11|3 7 8|8 9 10|3 11 12|12 13 14|"
    "3 4 5 6",
    "contacts": [18, 19, 22, 23],
    "dataset": "snapmogen",
}


@dataclass(frozen=True)
class Sizes:
    body: str = "humanml"
    frames: int = 196
    factors: tuple[int, ...] = (49, 24, 16, 7, 4, 2, 1)
    number: int = 5
    width: int = 8
    bits: int = 6
    latent_dim: int = 32
    heads: int = 2
    chunks: tuple[int, ...] = (1, 1)
    plain_keys: bool = False
    text_width: int = 12
    text_rows: int = 9

    @property
    def table(self) -> dict:
        return HUMANML if self.body == "humanml" else SNAP

    @property
    def latents(self) -> int:
        return self.frames // 4

    @property
    def declared(self) -> list[tuple[int, list[list[int]]]]:
        groupings, pairs = LISTS[self.number]
        return [(self.factors[t], groupings[g]) for t, g in pairs]

    @property
    def scales(self) -> list[tuple[int, list[list[int]]]]:
        """The last scale quantizes the residual as it is."""
        return [*self.declared[:-1], (self.declared[-1][0], SINGLE)]

    @property
    def hidden(self) -> int:
        return round(4 * self.latent_dim / 256) * 256

    def bins(self, scale: int) -> int:
        return self.latents // self.scales[scale][0]


def split_columns(s: Sizes) -> list[list[int]]:
    """Feature indices of every joint."""
    j = s.table["joints"]
    if s.body == "humanml":
        blocks = {"position": (4, 3, 1), "rotation": (4 + 3 * (j - 1), 6, 1), "velocity": (4 + 9 * (j - 1), 3, 0)}
        contact = 4 + 9 * (j - 1) + 3 * j
    else:
        blocks = {"rotation": (4, 6, 0), "position": (4 + 6 * j, 3, 0), "velocity": (4 + 9 * j, 3, 0)}
        contact = 4 + 12 * j
    columns: list[list[int]] = [[0, 1, 2, 3]] + [[] for _ in range(j - 1)]
    for joint in range(j):
        for start, width, first in blocks.values():
            if joint >= first:
                columns[joint] += range(start + width * (joint - first), start + width * (joint - first + 1))
    for place, joint in enumerate(s.table["contacts"]):
        columns[joint].append(contact + place)
    return columns


def graph_of(text: str, count: int) -> Tensor:
    a = torch.eye(count).double()
    for pair in text.split():
        i, j = map(int, pair.split("-"))
        a[i, j] = a[j, i] = 1
    return a


def members(text: str) -> list[list[int]]:
    return [sorted(map(int, part.split())) for part in text.split("|")]


def st_conv(w: Weights, name: str, x: Tensor, graph: Tensor) -> Tensor:
    """[T, J, D]."""
    width = x.shape[2]
    w.constant(f"{name}.adj_matrix", graph.float())
    others = linear(w, f"{name}.graph_conv.linear2", x, width)
    mixed = torch.einsum("jk,tkd->tjd", graph, others) / (graph.sum(1)[None, :, None] + 1e-6)
    y = linear(w, f"{name}.graph_conv.linear1", x, width) + mixed
    time = [conv_of(w, f"{name}.temp_conv", x[:, j].T, width, 3, 1, 1).T for j in range(x.shape[1])]
    return y + torch.stack(time, 1)


def res_block(w: Weights, name: str, x: Tensor, graph: Tensor) -> Tensor:
    h = st_conv(w, f"{name}.layers.2", gelu(x, "exact"), graph)
    return x + st_conv(w, f"{name}.layers.5", gelu(h, "exact"), graph)


def joint_mlp(w: Weights, name: str, x: Tensor, middle: int, out: int) -> Tensor:
    return linear(w, f"{name}.2", gelu(linear(w, f"{name}.0", x, middle), "exact"), out)


def levels(s: Sizes):
    j = s.table["joints"]
    return [
        (graph_of(s.table["graph"], j), members(s.table["parts"]), j),
        (graph_of(MIDDLE_GRAPH, 12), members(MIDDLE_PARTS), 12),
    ]


def encoder(w: Weights, s: Sizes, clip: Tensor) -> Tensor:
    """[frames, features] to [latents, 7, width]."""
    x = torch.stack(
        [
            joint_mlp(w, f"motion_enc.layers.{j}", clip[:, columns], s.width, s.width)
            for j, columns in enumerate(split_columns(s))
        ],
        1,
    )
    for level, (graph, parts, joints) in enumerate(levels(s)):
        for block in range(2):
            x = res_block(w, f"conv_enc.layers.{level}.{block}", x, graph)
        logits = w(f"conv_enc.layers.{level}.2.skeleton_pool_vec", sum(map(len, parts)), spread=1.0)
        pool, place = torch.zeros(len(parts), joints).double(), 0
        for part, inside in enumerate(parts):
            own = logits[place : place + len(inside)]
            place += len(inside)
            e = (own - max(0.0, float(own.max()))).exp()
            pool[part, inside] = e / (e.sum() + 1e-6)
        x = torch.einsum("pj,tjd->tpd", pool, x)
        x = (x[0::2] + x[1::2]) / 2
    return x


def decoder(w: Weights, s: Sizes, x: Tensor) -> Tensor:
    for level, (graph, parts, joints) in enumerate(levels(s)[::-1]):
        unpool = w(f"conv_dec.layers.{level}.0.skeleton_unpool", joints, len(parts), spread=0.5)
        x = torch.einsum("jp,tpd->tjd", unpool.clamp(min=0), x)
        x = linear_to(x, 2 * len(x))
        for block in (1, 2):
            x = res_block(w, f"conv_dec.layers.{level}.{block}", x, graph)
    features = sum(map(len, split_columns(s)))
    out = torch.zeros(len(x), features).double()
    for j, columns in enumerate(split_columns(s)):
        out[:, columns] = joint_mlp(w, f"motion_dec.layers.{j}", x[:, j], s.width, len(columns))
    return out


def project_in(w: Weights, s: Sizes, x: Tensor) -> Tensor:
    w.constant("quantizer2d.lfq.mask", 2 ** torch.arange(s.bits - 1, -1, -1))
    return linear(w, "quantizer2d.project_in", x, s.bits)


def project_out(w: Weights, s: Sizes, total: Tensor) -> Tensor:
    return linear(w, "quantizer2d.project_out", total, s.width)


def pooled(s: Sizes, r: Tensor, scale: int) -> Tensor:
    if scale == len(s.scales) - 1:
        return r
    factor, groups = s.scales[scale]
    z = r if factor == 1 else area(r, s.latents // factor)
    return torch.stack([z[:, group].mean(1) for group in groups], 1)


def spread(s: Sizes, codes: Tensor, scale: int) -> Tensor:
    """[bins, groups, bits] to [latents, 7, bits]."""
    _, groups = s.scales[scale]
    part = [next(g for g, inside in enumerate(groups) if p in inside) for p in range(7)]
    return linear_to(codes[:, part], s.latents)


def code(s: Sizes, bits: Tensor) -> Tensor:
    return (2.0 * bits - 1.0) / math.sqrt(s.bits)


def own_bins(s: Sizes, frames: int, scale: int) -> int:
    return min(-(-frames // (4 * s.scales[scale][0])), s.bins(scale))


def quantized(s: Sizes, f: Tensor, frames: int):
    """Bits with zeros at padding, F, and what the losses need: unit vectors of the valid positions."""
    inside = (torch.arange(s.latents) < -(-frames // 4)).double()[:, None, None]
    r, total, bits, units = f, torch.zeros_like(f), [], []
    for scale in range(len(s.scales)):
        r = r * inside
        z = pooled(s, r, scale)
        # a bin that counts as filled may lie wholly past the clip, where nothing is left to give a direction
        u = z / z.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-12)
        b = (u > 0).long()
        valid = (torch.arange(len(z)) < own_bins(s, frames, scale))[:, None, None]
        bits.append(b * valid)
        units.append(u[: own_bins(s, frames, scale)].reshape(-1, s.bits))
        up = spread(s, code(s, b) * valid, scale)
        r, total = r - up, total + up
    return bits, total, units


def scale_loss(s: Sizes, u: Tensor) -> Tensor:
    """Commitment and entropy of one scale's valid positions [N, bits]."""

    def entropy(p: Tensor) -> Tensor:
        return -(p * (p + 1e-8).log() + (1 - p) * (1 - p + 1e-8).log())

    p = 1 / (1 + torch.exp(400 * u / math.sqrt(s.bits)))
    commit = (u - code(s, (u > 0).long())).square().mean()
    return 0.25 * commit + 0.1 * (entropy(p).sum(1).mean() - entropy(p.mean(0)).sum()) / 100


def decoded(w: Weights, s: Sizes, total: Tensor, frames: int) -> Tensor:
    inside = (torch.arange(s.latents) < frames // 4).double()[:, None, None]
    return decoder(w, s, project_out(w, s, total) * inside)


def scale_input(s: Sizes, total: Tensor, scale: int) -> Tensor:
    """The predictor's input: linear in time where encoding pools."""
    if scale == len(s.scales) - 1:
        return total
    factor, groups = s.scales[scale]
    x = total if factor == 1 else linear_to(total, s.latents // factor)
    return torch.stack([x[:, group].mean(1) for group in groups], 1)


def block_names(s: Sizes) -> list[str]:
    if s.plain_keys:
        return [f"blocks.{layer}" for layer in range(sum(s.chunks))]
    return [f"block_chunks.{c}.module.{i}" for c, count in enumerate(s.chunks) for i in range(count)]


def text_of(w: Weights, s: Sizes, text: Tensor) -> tuple[Tensor, Tensor]:
    """Pooled vector and the tokens of the cross attention."""
    c, heads = s.latent_dim, max(1, s.text_width // 128)
    x = rms(text, 1e-6) * w("text_norm.weight", s.text_width, around=1.0)
    name = "text_proj_for_sos.ca"
    kv = x @ w(f"{name}.mat_kv.weight", 2 * c, s.text_width).T
    w.constant(f"{name}.zero_k_bias", torch.zeros(c))
    k, v = kv[:, :c], kv[:, c:] + w(f"{name}.v_bias", c)
    q = w(f"{name}.mat_q", 1, heads, c // heads, spread=1.0)
    k, v = (t.unflatten(1, (heads, -1)) for t in (k, v))
    pooled_text = linear(w, f"{name}.proj", attend(q, k, v, (c // heads) ** -0.5).flatten(1), c)[0]
    tokens = linear(w, "text_proj_for_ca.2", gelu(linear(w, "text_proj_for_ca.0", x, c), "tanh"), c)
    return pooled_text, tokens


def silent(w: Weights, s: Sizes, count: int) -> Tensor:
    return w("cfg_uncond", s.text_rows, s.text_width, spread=1.0)[:count]


def angles_of(s: Sizes) -> Tensor:
    pairs = s.latent_dim // s.heads // 4
    rates = torch.tensor([10000.0 ** (-2 * i / (2 * pairs)) for i in range(pairs)]).double()
    rows = []
    for factor, groups in s.scales:
        bins = s.latents // factor
        for i in range(bins):
            for g in range(len(groups)):
                time, part = round(i * s.latents / bins), round(g * 7 / len(groups))
                rows.append(torch.cat([time * rates, part * rates]))
    return torch.stack(rows)


def network(w: Weights, s: Sizes, text: Tensor, inputs: list[Tensor], frames: int) -> Tensor:
    """Logits [positions, bits, 2] of the first scales; ``inputs``: codes of the second scale and on."""
    c, heads = s.latent_dim, s.heads
    condition, words = text_of(w, s, text)
    levels_ = w("lvl_embed.weight", 15, c, spread=0.3)
    first = torch.zeros(s.bins(0) * len(s.scales[0][1]), c).double()
    first[0] = condition + w("pos_start", 1, 1, c, spread=0.3)[0, 0]
    rows = [first] + [linear(w, "word_embed", x.reshape(-1, s.bits), c) for x in inputs]
    w("word_embed.weight", c, s.bits)
    w("word_embed.bias", c)
    scale = torch.cat([torch.full((len(row),), k) for k, row in enumerate(rows)])
    x = torch.cat(rows) + levels_[scale]
    keys = [
        torch.arange(s.bins(k)).repeat_interleave(len(s.scales[k][1])) < own_bins(s, frames, k)
        for k in range(len(rows))
    ]
    keys[0] = torch.arange(len(keys[0])) == 0
    seen = (scale[None] <= scale[:, None]) & torch.cat(keys)[None]
    angles = angles_of(s)[: len(x)]
    shared = linear(w, "shared_ada_lin.1", silu(condition), 6 * c).view(6, c)
    for name in block_names(s):
        gamma1, gamma2, scale1, scale2, shift1, shift2 = shared + w(f"{name}.ada_gss", 1, 1, 6, c, spread=0.5)[0, 0]
        y = layer_norm(x, 1e-6) * (1 + scale1) + shift1
        qkv = y @ w(f"{name}.sa.mat_qkv.weight", 3 * c, c).T
        w.constant(f"{name}.sa.zero_k_bias", torch.zeros(c))
        q = (qkv[:, :c] + w(f"{name}.sa.q_bias", c)).unflatten(1, (heads, -1))
        k = qkv[:, c : 2 * c].unflatten(1, (heads, -1))
        v = (qkv[:, 2 * c :] + w(f"{name}.sa.v_bias", c)).unflatten(1, (heads, -1))
        sharp = w(f"{name}.sa.scale_mul_1H11", 1, heads, 1, 1, around=1.4, spread=0.2).reshape(heads, 1)
        q = q / q.square().sum(-1, keepdim=True).sqrt() * sharp.clamp(max=math.log(100)).exp()
        k = k / k.square().sum(-1, keepdim=True).sqrt()
        mixed = attend(turned(q, angles), turned(k, angles), v, (c // heads) ** -0.5, seen)
        x = x + gamma1 * linear(w, f"{name}.sa.proj", mixed.flatten(1), c)
        y = layer_norm(x, 1e-6) * w(f"{name}.ca_norm.weight", c, around=1.0) + w(f"{name}.ca_norm.bias", c)
        kv = words @ w(f"{name}.ca.mat_kv.weight", 2 * c, c).T
        w.constant(f"{name}.ca.zero_k_bias", torch.zeros(c))
        q = linear(w, f"{name}.ca.mat_q", y, c)
        k, v = kv[:, :c], kv[:, c:] + w(f"{name}.ca.v_bias", c)
        q, k, v = (t.unflatten(1, (heads, -1)) for t in (q, k, v))
        x = x + linear(w, f"{name}.ca.proj", attend(q, k, v, (c // heads) ** -0.5).flatten(1), c)
        y = layer_norm(x, 1e-6) * (1 + scale2) + shift2
        grown = gelu(linear(w, f"{name}.ffn.fc1", y, s.hidden), "tanh")
        x = x + gamma2 * linear(w, f"{name}.ffn.fc2", grown, c)
    a, b = linear(w, "head_nm.ada_lin.1", silu(condition), 2 * c).chunk(2)
    return linear(w, "head", layer_norm(x, 1e-6) * (1 + a) + b, 2 * s.bits).unflatten(1, (s.bits, 2))


def teach(s: Sizes, f: Tensor, frames: int, used=None):
    """Labels and input codes; ``used``: bits that enter the sum, padding included. Nothing of f is masked."""
    total, labels, inputs = torch.zeros_like(f), [], []
    for scale in range(len(s.scales)):
        if scale:
            inputs.append(scale_input(s, total, scale))
        z = pooled(s, f - total, scale)
        valid = (torch.arange(len(z)) < own_bins(s, frames, scale))[:, None, None]
        bits = (z > 0).long() * valid
        labels.append(bits)
        # zeros stand at padding, and a zero is a code like any other here
        total = total + spread(s, code(s, bits if used is None else used[scale]), scale)
    return labels, inputs


def loss(s: Sizes, logits: Tensor, labels: list[Tensor], frames: int) -> Tensor:
    """Weights sqrt(n_last / n) per position, normalized over the sequence; valid positions summed."""
    sizes = [s.bins(k) * len(s.scales[k][1]) for k in range(len(s.scales))]
    weight = torch.cat([torch.full((n,), math.sqrt(sizes[-1] / n)) for n in sizes]).double()
    weight = weight / weight.sum()
    valid = torch.cat(
        [
            torch.arange(s.bins(k)).repeat_interleave(len(s.scales[k][1])) < own_bins(s, frames, k)
            for k in range(len(s.scales))
        ]
    )
    flat = torch.cat([row.reshape(-1, s.bits) for row in labels])
    return (cross_entropy(logits, flat).mean(1) * weight * valid).sum()


def sample(w: Weights, s: Sizes, text: Tensor, frames: int, guidance: float, tau: float, choose):
    """``choose(scale, P(bit = 1) [bins, groups, bits])`` gives the bits, padding included. Bits (0 at padding),
    P(bit = 1), the bits chosen, F."""
    total, inputs = torch.zeros(s.latents, 7, s.bits).double(), []
    bits, chances, chosen = [], [], []
    for scale in range(len(s.scales)):
        if scale:
            inputs.append(scale_input(s, total, scale))
        n = s.bins(scale) * len(s.scales[scale][1])
        con = network(w, s, text, inputs, frames)[-n:]
        uncon = network(w, s, silent(w, s, len(text)), inputs, frames)[-n:]
        t = guidance * scale / (len(s.scales) - 1)
        chance = softmax(((1 + t) * con - t * uncon) / tau)[..., 1].unflatten(0, (s.bins(scale), -1))
        picked = choose(scale, chance)
        valid = (torch.arange(s.bins(scale)) < own_bins(s, frames, scale))[:, None, None]
        chances.append(chance)
        chosen.append(picked)
        bits.append(picked * valid)
        total = total + spread(s, code(s, picked) * valid, scale)
    return bits, chances, chosen, total


def inside(s: Sizes, scale: int, frames, parts) -> Tensor:
    """The region of an edit at one scale [bins, groups]."""
    factor, groups = s.scales[scale]
    bins = s.bins(scale)
    first, last = 0, bins
    mask = torch.zeros(bins, len(groups), dtype=torch.bool)
    if frames is not None:
        first, last = (min(max(edge // 4 // factor, 0), bins) for edge in frames)
        for t in range(first, last):
            mask[t] = True
    if parts is not None:
        for t in range(first, last):
            for g, group in enumerate(groups):
                mask[t, g] |= all(p in parts for p in group)
    return mask
