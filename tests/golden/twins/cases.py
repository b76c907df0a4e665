"""Golden-like cases made of the twins: the same files, rows and words as the reference's set, other sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from twins import mosa, moscale, scalemogen
from twins.plain import Weights, linear_to, noisy_walk

Out = dict[str, Any]


class Writer:
    """Collects one case: inputs, outputs with tolerances by their size, weights, numbers."""

    def __init__(self, folder: Path, system: str, module: str, config: dict[str, Any], **numbers: Any):
        self.folder = folder
        self.json: dict[str, Any] = {"system": system, "module": module, "config": config, "files": {}, **numbers}
        self.rows: dict[str, dict[str, Any]] = {}
        self.tensors: dict[str, Tensor] = {}

    def put(self, role: str, name: str, value: Any, words: str = "", tight: float = 2e-4) -> None:
        value = torch.as_tensor(value)
        row: dict[str, Any] = {"role": role}
        if value.is_floating_point():
            row["atol"] = tight * max(1.0, float(value.abs().amax())) if value.numel() else tight
            value = value.float()
        else:
            row["atol"] = 0
        if words:
            row["what"] = words
        self.rows[name] = row
        self.tensors[name] = value.contiguous().clone()

    def give(self, **values: Any) -> None:
        for name, value in values.items():
            self.put("input", name, value)

    def expect(self, values: Out) -> None:
        for name, value in values.items():
            self.put("output", name, value)

    def weights(self, name: str, weights: Weights) -> None:
        save_file({key: value.contiguous() for key, value in weights.items()}, self.folder / name)
        self.json["files"][name] = {"keys": len(weights)}

    def done(self) -> Path:
        save_file(self.tensors, self.folder / "io.safetensors")
        self.json["tensors"] = self.rows
        (self.folder / "case.json").write_text(json.dumps(self.json), encoding="utf-8")
        return self.folder


def series(name: str, rows: list[Tensor]) -> Out:
    return {f"{name}.{k}": row for k, row in enumerate(rows)}


def batched(clips: list[list[Tensor]]) -> list[Tensor]:
    """Scale by scale, the clips stacked."""
    return [torch.stack(rows) for rows in zip(*clips, strict=True)]


def padded(seeds: list[int], lengths: list[int], frames: int, width: int) -> Tensor:
    clips = torch.zeros(len(lengths), frames, width).double()
    for row, seed, length in zip(clips, seeds, lengths, strict=True):
        row[:length] = noisy_walk(seed, length, width)
    return clips


# MoSa


def mosa_config(s: mosa.Sizes) -> dict[str, Any]:
    tokenizer = {
        "width": s.width, "multipliers": list(s.multipliers), "residual_blocks": s.blocks, "code_dim": s.code_dim,
        "phi_depth": s.phi_depth, "slot_groups": s.slots,
    }  # fmt: skip
    generator = {
        "latent_dim": s.latent_dim, "heads": s.heads, "layers": s.layers, "ff": s.ff, "text_width": s.text_width,
    }  # fmt: skip
    return {
        "motion_features": s.features, "scales": list(s.bins), "codes": list(s.codes), "tokenizer": tokenizer,
        "generator": generator,
    }  # fmt: skip


def mosa_tokenizer(folder: Path, seed: int, s: mosa.Sizes, lengths: list[int], vectors: int, after: int) -> Path:
    out = Writer(folder, "MoSa", "tokenizer (SQVAE)", mosa_config(s), lengths=lengths)
    w = Weights(seed)
    motion = padded([seed + k for k in range(len(lengths))], lengths, s.frames, s.features)
    filled = [mosa.filled(w, s, clip, n) for clip, n in zip(motion, lengths, strict=True)]
    latents = [mosa.encoder(w, s, clip) for clip in filled]
    made = [mosa.quantized(w, s, z) for z in latents]
    sums = batched([sums for *_, sums in made])
    out.give(motion=motion, lengths=torch.tensor(lengths))
    out.expect({"filled": torch.stack(filled), "encoder_output": torch.stack(latents).transpose(1, 2)})
    out.expect(series("ids", batched([ids for ids, *_ in made])))
    out.put("output", "partial_sums.0", sums[after - 1].transpose(1, 2), f"sum after scale {after}")
    out.put("output", "partial_sums.1", sums[-1].transpose(1, 2), "sum after the last scale")
    out.expect(series("ids_at_full_length", batched([full for _, full, _ in made])))
    out.expect({"decoded": torch.stack([mosa.decoder(w, s, total) for total in sums[-1]])})
    rng = torch.Generator().manual_seed(seed + 50)
    before = {
        "code_sum_before": torch.randn(s.codes[1], s.code_dim, generator=rng),
        "code_count_before": 2 * torch.rand(s.codes[1], generator=rng),
    }
    asked = torch.randn(2, s.code_dim, vectors // 2, generator=rng)
    ids = torch.randint(s.codes[1], (2 * (vectors // 2),), generator=rng)
    flat = asked.transpose(1, 2).flatten(0, 1).double()
    after_ = mosa.revived(before, flat, ids)
    out.give(**{"ema.vectors": asked, "ema.ids": ids, **{f"ema.{key}": value for key, value in before.items()}})
    out.expect({f"ema.{key}": value for key, value in after_.items()})
    out.weights("weights.safetensors", w)
    return out.done()


def mosa_parts(seed: int, s: mosa.Sizes) -> tuple[Weights, Weights]:
    """A tokenizer's weights, whole, and an empty generator's."""
    books = Weights(seed)
    mosa.filled(books, s, torch.zeros(s.frames, s.features).double(), 0)
    z = mosa.encoder(books, s, noisy_walk(seed, s.frames, s.features))
    mosa.quantized(books, s, z)
    mosa.decoder(books, s, torch.zeros(s.latents, s.code_dim).double())
    return books, Weights(seed + 1)


def words_of(seed: int, clips: int, s: mosa.Sizes) -> Tensor:
    return torch.randn(clips, s.text_tokens, s.text_width, generator=torch.Generator().manual_seed(seed)).double()


def mosa_sample(folder: Path, seed: int, s: mosa.Sizes, lengths: list[int], last: int, full: bool, logits: bool,
                guidance: float = 4.0) -> Path:  # fmt: skip
    out = Writer(folder, "MoSa", "scale-wise generation", mosa_config(s), lengths=lengths, guidance=guidance,
                 last_scale=last, accumulate_at_full_length=full)  # fmt: skip
    books, w = mosa_parts(seed, s)
    words = words_of(seed, len(lengths), s)
    made = [mosa.sample(w, books, s, own, n, guidance, last, full) for own, n in zip(words, lengths, strict=True)]
    mosa.finish(w, s)
    out.give(words=words, lengths=torch.tensor(lengths))
    out.expect(series("ids", batched([ids for ids, *_ in made])))
    if logits:
        out.expect(series("guided_logits", batched([rows for _, rows, _ in made])))
    totals = [total for *_, total in made]
    out.expect({"latent": torch.stack(totals).transpose(1, 2)})
    out.expect({"motion": torch.stack([mosa.decoder(books, s, total) for total in totals])})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


def mosa_edit(folder: Path, seed: int, s: mosa.Sizes, mask: Tensor, forced: int) -> Path:
    out = Writer(folder, "MoSa", "editing", mosa_config(s), lengths=[s.frames], guidance=4.0,
                 forced_first_scales=forced)  # fmt: skip
    books, w = mosa_parts(seed, s)
    source, words = noisy_walk(seed + 3, s.frames, s.features), words_of(seed, 1, s)
    ids, _, _ = mosa.quantized(books, s, mosa.encoder(books, s, source))
    masks = [
        (linear_to(mask.double(), bins) > 0.5) if k >= forced else torch.zeros(bins, dtype=torch.bool)
        for k, bins in enumerate(s.bins)
    ]
    keep = lambda scale, best: torch.where(masks[scale], best, ids[scale])  # noqa: E731
    made, _, total = mosa.sample(w, books, s, words[0], s.frames, 4.0, len(s.bins) - 1, True, keep)
    mosa.finish(w, s)
    out.give(words=words, lengths=torch.tensor([s.frames]), source=source[None], mask=mask)
    out.expect(series("masks", masks))
    out.expect(series("source_ids", [row[None] for row in ids]) | series("ids", [row[None] for row in made]))
    out.expect({"latent": total.T[None], "motion": mosa.decoder(books, s, total)[None]})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


# MoScale


def moscale_config(s: moscale.Sizes) -> dict[str, Any]:
    tokenizer = {
        "width": s.width, "code_dim": s.code_dim, "codes": s.codes, "levels": s.levels,
        "residual_blocks_a_level": s.blocks, "dilation_growth": s.growth, "attention_heads": s.heads,
        "ffn_ratio": s.ffn_ratio, "quant_resi": 0,
    }  # fmt: skip
    generator = {
        "latent_dim": s.latent_dim, "head_latent_dim": s.head_latent_dim, "heads": s.generator_heads,
        "layers": s.layers, "mlp_ratio": s.mlp_ratio, "text_dim": s.text_width, "text_tokens": s.text_tokens,
        "prefix_pool_heads": s.pool_heads,
    }  # fmt: skip
    return {
        "motion_features": s.features, "max_frames": s.frames, "latent_length": s.latents, "scales": list(s.scales),
        "row_lengths": list(s.rows), "tokenizer": tokenizer, "generator": generator,
    }  # fmt: skip


def moscale_encoded(w: Weights, s: moscale.Sizes, motion: Tensor, lengths: list[int]):
    latents = [moscale.encoder(w, s, clip, n) for clip, n in zip(motion, lengths, strict=True)]
    return latents, [moscale.quantized(w, s, z, n >> s.levels) for z, n in zip(latents, lengths, strict=True)]


def moscale_tokenizer(folder: Path, seed: int, s: moscale.Sizes, lengths: list[int], after: int) -> Path:
    out = Writer(folder, "MoScale", "HRVQVAE tokenizer", moscale_config(s), lengths=lengths)
    w, counts = Weights(seed), [n >> s.levels for n in lengths]
    motion = padded([seed + k for k in range(len(lengths))], lengths, s.frames, s.features)
    latents, made = moscale_encoded(w, s, motion, lengths)
    sums = batched([sums for _, sums in made])
    out.give(motion=motion, lengths=torch.tensor(lengths))
    out.expect({"encoder_output": torch.stack(latents).transpose(1, 2)})
    out.expect(series("ids", batched([ids for ids, _ in made])))
    out.expect(series("partial_sums", [total.transpose(1, 2) for total in sums]))

    def decode(totals: Tensor) -> Tensor:
        return torch.stack(
            [moscale.decoder(w, s, moscale.zeroed(t, n), n) for t, n in zip(totals, counts, strict=True)]
        )

    out.expect({"latent_from_ids": sums[-1], "decoded_from_ids": decode(sums[-1])})
    out.expect({f"decoded_after_{after}_scales": decode(sums[after - 1])})
    parts = [(z, sums_, n) for z, (_, sums_), n in zip(latents, made, counts, strict=True)]
    out.expect({"commit_loss": moscale.commitment(s, parts)})
    valid = torch.cat([row[row >= 0] for ids, _ in made for row in ids])
    share = torch.tensor([float((valid == code).double().mean()) for code in range(s.codes)])
    out.expect({"perplexity": torch.exp(-(share * torch.log(share + 1e-7)).sum())})
    rng = torch.Generator().manual_seed(seed + 50)
    # few vectors: the revival of this system waits for more than five per code
    for count in (4 * s.codes,):
        before = {
            "code_sum_before": torch.randn(s.codes, s.code_dim, generator=rng),
            "code_count_before": 2 * torch.rand(s.codes, generator=rng) + 0.2,
        }
        vectors = torch.randn(count, s.code_dim, generator=rng)
        ids = torch.randint(s.codes, (count,), generator=rng)
        changed = mosa.revived(before, vectors.double(), ids)
        changed["codebook_after"] = changed["code_sum_after"] / changed["code_count_after"][:, None]
        out.give(**{"ema.vectors": vectors, "ema.ids": ids, **{f"ema.{key}": v for key, v in before.items()}})
        out.expect({f"ema.{key}": value for key, value in changed.items()})
    out.weights("weights.safetensors", w)
    return out.done()


def moscale_text(seed: int, s: moscale.Sizes, counts: list[int]) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed + 7)
    text = torch.randn(len(counts), s.text_tokens, s.text_width, generator=rng).double()
    return text, (torch.arange(s.text_tokens)[None] < torch.tensor(counts)[:, None]).long()


def moscale_books(seed: int, s: moscale.Sizes) -> Weights:
    w = Weights(seed)
    moscale.encoder(w, s, noisy_walk(seed, s.frames, s.features), s.frames)
    moscale.book(w, s)
    moscale.decoder(w, s, torch.zeros(s.latents, s.code_dim).double(), s.latents)
    return w


def moscale_teacher(folder: Path, seed: int, s: moscale.Sizes, lengths: list[int], counts: list[int],
                    targets: bool) -> Path:  # fmt: skip
    out = Writer(folder, "MoScale", "generator, teacher-forced", moscale_config(s), lengths=lengths)
    books, w = moscale_books(seed, s), Weights(seed + 1)
    motion = padded([seed + k for k in range(len(lengths))], lengths, s.frames, s.features)
    text, mask = moscale_text(seed, s, counts)
    latents, made = moscale_encoded(books, s, motion, lengths)
    ids = torch.stack([torch.cat(rows) for rows, _ in made])
    rng = torch.Generator().manual_seed(seed + 9)
    out.give(motion=motion, lengths=torch.tensor(lengths), text_features=text, text_mask=mask)
    out.expect({"tokenizer.ids": ids})
    right = batched([rows for rows, _ in made])
    wrong = [torch.rand(row.shape, generator=rng) < 0.4 for row in right]
    used = [torch.where(hit, (row + 3) % s.codes, row) for row, hit in zip(right, wrong, strict=True)]
    shown: dict[str, Tensor] = {}
    for name in ("clean", "unconditional", "corrupted"):
        bent = name == "corrupted"
        pairs = made
        if bent:
            clips = [[row[i] for row in used] for i in range(len(lengths))]
            steps = [n >> s.levels for n in lengths]
            pairs = [moscale.quantized(books, s, *a) for a in zip(latents, steps, clips, strict=True)]
            out.give(**series("corrupted.used_ids", used))
            out.expect({"corrupted.F": torch.stack([sums[-1] for _, sums in pairs]).transpose(1, 2)})
        labels = torch.stack([torch.cat(rows) for rows, _ in pairs])
        if name != "unconditional":
            scored = (torch.rand(labels.shape, generator=rng) < 0.6) & (labels >= 0)
            kind = torch.rand(labels.shape, generator=rng)
            tokens = torch.where(scored & (kind < 0.8), -2, labels)
            shown = {"tokens": torch.where(scored & (kind > 0.9), (labels + 1) % s.codes, tokens)}
            shown["target"] = torch.where(scored, labels, -2)
        results = []
        for i, count in enumerate(counts):
            own = moscale.silent(w, s, count) if name == "unconditional" else text[i]
            reading = moscale.generator_text(w, s, own, count)
            stream = moscale.feature_stream(w, s, reading[0], pairs[i][1][:-1])
            results.append([reading[0], reading[1], stream, moscale.network(w, s, reading, stream, shown["tokens"][i])])
        prefix, condition, stream, logits = batched(results)
        out.give(**{f"{name}.token_ids": shown["tokens"]})
        out.expect({f"{name}.prefix": prefix, f"{name}.condition": condition, f"{name}.feature_stream": stream})
        out.expect({f"{name}.logits": logits, f"{name}.loss": moscale.loss(logits, shown["target"])})
        if bent:
            out.expect({"corrupted.labels": labels})
        if name == "clean" or (bent and targets):
            out.give(**{f"{name}.target_ids": shown["target"]})
    moscale.finish(w, s)
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


def moscale_sample(folder: Path, seed: int, s: moscale.Sizes, tokens: list[int], counts: list[int], steps: list[int],
                   logits: bool, guidance: float = 5.0) -> Path:  # fmt: skip
    out = Writer(folder, "MoScale", "sampling", moscale_config(s), token_lengths=tokens, guidance=guidance,
                 steps=steps, temperature=1.0, top_p=1e-6)  # fmt: skip
    books, w = moscale_books(seed, s), Weights(seed + 1)
    moscale.silent(w, s, 1)
    text, mask = moscale_text(seed, s, counts)
    made = [
        moscale.sample(w, books, s, own, count, n, guidance, steps)
        for own, count, n in zip(text, counts, tokens, strict=True)
    ]
    moscale.finish(w, s)
    out.give(token_lengths=torch.tensor(tokens), text_features=text, text_mask=mask)
    out.expect(series("ids", batched([ids for ids, *_ in made])))
    if logits:
        out.expect(series("guided_logits", batched([passes for _, passes, _ in made])))
    motion = [
        moscale.decoder(books, s, moscale.zeroed(total, n), n) for (*_, total), n in zip(made, tokens, strict=True)
    ]
    out.expect({"motion": torch.stack(motion)})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


def moscale_edit(folder: Path, seed: int, s: moscale.Sizes, frames: int, n: int, part: tuple[float, float],
                 steps: list[int]) -> Path:  # fmt: skip
    out = Writer(folder, "MoScale", "editing (region regeneration)", moscale_config(s), region=list(part),
                 guidance=5.0, steps=steps, top_p=1e-6)  # fmt: skip
    books, w = moscale_books(seed, s), Weights(seed + 1)
    moscale.silent(w, s, 1)
    motion = padded([seed + 2], [frames], s.frames, s.features)
    text, mask = moscale_text(seed, s, [3])
    _, made = moscale_encoded(books, s, motion, [frames])
    source = made[0][0]
    given = moscale.region(s, n, source, *part)
    ids, _, total = moscale.sample(w, books, s, text[0], 3, n, 5.0, steps, given)
    moscale.finish(w, s)
    out.give(source_motion=motion, source_length=torch.tensor([frames]), token_length=torch.tensor([n]))
    out.give(text_features=text, text_mask=mask)
    for name, rows in (("source_ids", source), ("ids", ids)):
        out.expect(series(name, [row[None] for row in rows]))
    out.expect(series("changed", [(a != b)[None] for a, b in zip(ids, source, strict=True)]))
    out.expect({"F": total.T[None], "motion": moscale.decoder(books, s, total, n)[None]})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


# ScaleMoGen


def scalemogen_config(s: scalemogen.Sizes) -> dict[str, Any]:
    scales = [{"factor": f, "bins": s.latents // f, "groups": groups} for f, groups in s.declared]
    return {
        "dataset": s.table["dataset"], "joints": s.table["joints"], "max_frames": s.frames,
        "latent_frames": s.latents, "contact_joints": s.table["contacts"], "scale_list": s.number,
        "time_factors": list(s.factors), "scales": scales,
        "schedule": [[1, scale["bins"], len(scale["groups"])] for scale in scales],
        "tokenizer": {"latent_dim": s.width, "bits": s.bits},
        "predictor": {
            "width": s.latent_dim, "heads": s.heads, "depth": sum(s.chunks), "ffn_hidden": s.hidden,
            "text_width": s.text_width, "text_rows_of_cfg_uncond": s.text_rows, "text_pool_heads": 1,
        },
    }  # fmt: skip


def features_of(s: scalemogen.Sizes) -> int:
    return sum(map(len, scalemogen.split_columns(s)))


def with_axis(rows: list[Tensor]) -> list[Tensor]:
    return [row.unsqueeze(-4) for row in rows]


def scalemogen_tokenizer(folder: Path, seed: int, s: scalemogen.Sizes, lengths: list[int]) -> Path:
    out = Writer(folder, "ScaleMoGen", "tokenizer", scalemogen_config(s), lengths=lengths)
    w = Weights(seed)
    motion = padded([seed + k for k in range(len(lengths))], lengths, s.frames, features_of(s))
    latents = [scalemogen.encoder(w, s, clip) for clip in motion]
    f = [scalemogen.project_in(w, s, x) for x in latents]
    made = [scalemogen.quantized(s, own, n) for own, n in zip(f, lengths, strict=True)]
    out.give(motion=motion, lengths=torch.tensor(lengths))
    out.expect({"encoder_output": torch.stack(latents).permute(0, 3, 1, 2), "f": torch.stack(f)})
    out.expect(series("bits", with_axis(batched([bits for bits, *_ in made]))))
    totals = [total for _, total, _ in made]
    out.expect({"F": torch.stack(totals)})
    out.expect({"latent": torch.stack([scalemogen.project_out(w, s, total) for total in totals])})
    decoded = [scalemogen.decoded(w, s, total, n) for total, n in zip(totals, lengths, strict=True)]
    out.expect({"decoded": torch.stack(decoded)})
    units = [torch.cat(rows) for rows in zip(*[units for *_, units in made], strict=True)]
    out.expect({"training_losses": torch.stack([scalemogen.scale_loss(s, u) for u in units])})
    out.weights("weights.safetensors", w)
    return out.done()


def scalemogen_books(seed: int, s: scalemogen.Sizes) -> Weights:
    w = Weights(seed)
    scalemogen.project_in(w, s, scalemogen.encoder(w, s, noisy_walk(seed, s.frames, features_of(s))))
    scalemogen.decoded(w, s, torch.zeros(s.latents, 7, s.bits).double(), s.frames)
    return w


def sentences(seed: int, s: scalemogen.Sizes, counts: list[int]) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed + 7)
    return [torch.randn(count, s.text_width, generator=rng).double() for count in counts]


def scalemogen_teacher(folder: Path, seed: int, s: scalemogen.Sizes, lengths: list[int], counts: list[int]) -> Path:
    out = Writer(folder, "ScaleMoGen", "predictor, teacher-forced", scalemogen_config(s), lengths=lengths,
                 text_tokens=counts)  # fmt: skip
    books, w = scalemogen_books(seed, s), Weights(seed + 1)
    motion = padded([seed + k for k in range(len(lengths))], lengths, s.frames, features_of(s))
    text = sentences(seed, s, counts)
    f = [scalemogen.project_in(books, s, scalemogen.encoder(books, s, clip)) for clip in motion]
    rng = torch.Generator().manual_seed(seed + 9)
    positions = [(s.bins(k), len(groups), s.bits) for k, (_, groups) in enumerate(s.scales)]
    out.give(motion=motion, lengths=torch.tensor(lengths), text_features=torch.cat(text))
    flips = [[torch.rand(shape, generator=rng) < 0.2 for shape in positions] for _ in lengths]
    labels = [scalemogen.teach(s, own, n)[0] for own, n in zip(f, lengths, strict=True)]
    for name in ("clean", "flipped", "unconditional"):
        results = []
        for i, n in enumerate(lengths):
            used = None
            if name == "flipped":
                # the flips of a scale act on the bits that the flips before it led to
                used = []
                for k in range(len(positions)):
                    filler = [torch.zeros(shape, dtype=torch.long) for shape in positions[k:]]
                    right = scalemogen.teach(s, f[i], n, [*used, *filler])[0][k]
                    used.append(right ^ flips[i][k].long())
            labels, inputs = scalemogen.teach(s, f[i], n, used)
            own = scalemogen.silent(w, s, counts[i]) if name == "unconditional" else text[i]
            logits = scalemogen.network(w, s, own, inputs, n)
            flat = [torch.cat([row.reshape(-1, s.bits) for row in rows]) for rows in (labels, inputs, used or labels)]
            results.append([*flat, logits.flatten(1), scalemogen.loss(s, logits, labels, n)])
        bits, codes, put, logits, losses = batched(results)
        if name == "flipped":
            out.give(**{"flipped.used_bits": put.to(torch.int8)})
        if name != "unconditional":
            out.expect({f"{name}.labels": bits.to(torch.int8), f"{name}.input_codes": codes})
        out.expect({f"{name}.logits": logits, f"{name}.loss": losses.mean()})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


def scalemogen_sample(folder: Path, seed: int, s: scalemogen.Sizes, length: int, count: int, chances: bool,
                      guidance: float = 7.0, tau: float = 1.3) -> Path:  # fmt: skip
    out = Writer(folder, "ScaleMoGen", "sampling, greedy", scalemogen_config(s), length=length, guidance=guidance,
                 tau=tau)  # fmt: skip
    books, w = scalemogen_books(seed, s), Weights(seed + 1)
    (text,) = sentences(seed, s, [count])
    bits, found, _, total = scalemogen.sample(w, s, text, length, guidance, tau, lambda _, p: (p > 0.5).long())
    out.give(text_features=text)
    out.expect(series("bits", with_axis([row[None] for row in bits])))
    if chances:
        out.expect(series("probabilities", [p.reshape(1, -1, 1) for p in found]))
    out.expect({"latent": scalemogen.project_out(books, s, total)[None]})
    out.expect({"motion": scalemogen.decoded(books, s, total, length)[None]})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


def scalemogen_edit(folder: Path, seed: int, s: scalemogen.Sizes, length: int, frames, parts, gamma: int,
                    threshold: float) -> Path:  # fmt: skip
    out = Writer(folder, "ScaleMoGen", "zero-shot editing", scalemogen_config(s), length=length, gamma=gamma,
                 frame_region=frames, parts=parts, threshold=threshold, guidance=7.0, tau=1.3)  # fmt: skip
    books, w = scalemogen_books(seed, s), Weights(seed + 1)
    source, target = sentences(seed, s, [4, 6])
    bits, before, chosen, _ = scalemogen.sample(w, s, source, length, 7.0, 1.3, lambda _, p: (p > 0.5).long())
    out.give(source_text=source, target_text=target)
    out.expect(series("source.bits", with_axis([row[None] for row in bits])))
    out.expect(series("source.probabilities", [p.reshape(1, -1, 1) for p in before]))
    rng = torch.Generator().manual_seed(seed + 11)

    def edited(scale: int, p: Tensor) -> Tensor:
        mask = scalemogen.inside(s, scale, frames, parts)
        if scale < gamma and not mask.any():
            return chosen[scale]
        uniform = torch.rand(1, mask.numel(), s.bits, generator=rng)
        out.give(**{f"uniform.{scale}": uniform})
        new = (uniform.view(p.shape) >= 1 - p).long()
        if scale < gamma:
            return torch.where(mask[..., None], new, chosen[scale])
        old = chosen[scale]
        was, now = (torch.where(old == 1, q, 1 - q) for q in (before[scale], p))
        return torch.where((was - now > threshold) | mask[..., None], new, old)

    bits, _, _, total = scalemogen.sample(w, s, target, length, 7.0, 1.3, edited)
    out.expect(series("target.bits", with_axis([row[None] for row in bits])))
    out.expect({"target.motion": scalemogen.decoded(books, s, total, length)[None]})
    out.weights("weights.safetensors", w)
    out.weights("weights_tokenizer.safetensors", books)
    return out.done()


M, H, B = mosa.Sizes(), moscale.Sizes(), scalemogen.Sizes()
SMALL = replace(H, frames=120, scales=(10, 6, 3, 1), features=80, blocks=1, growth=2, heads=4, pool_heads=1)
SNAP = scalemogen.Sizes(body="snap", frames=160, factors=(40, 20, 10, 5, 4, 2, 1), number=3, latent_dim=64)

CASES: dict[str, Callable[[Path], Path]] = {
    "mosa tokenizer": lambda p: mosa_tokenizer(p, 1, M, [196, 60], 14, 2),
    "mosa tokenizer, other sizes": lambda p: mosa_tokenizer(
        p,
        2,
        replace(M, frames=80, features=80, width=12, multipliers=(1, 1, 2), blocks=2, bins=(2, 5, 8, 13, 20),
                codes=(6, 7, 9, 11, 13), phi_depth=1, slots=3),
        [80, 48, 12],
        60,
        4,
    ),
    "mosa tokenizer, no blocks": lambda p: mosa_tokenizer(
        p, 9, replace(M, multipliers=(1, 1, 1), blocks=0, phi_depth=0, bins=(3, 25, 49), codes=(6, 7, 8)), [196, 81],
        40, 1,
    ),
    "mosa sample": lambda p: mosa_sample(p, 3, M, [196, 44], 3, True, True),
    "mosa sample, fewer scales": lambda p: mosa_sample(p, 4, M, [196, 100], 2, True, False),
    "mosa sample, sum of the last length": lambda p: mosa_sample(p, 5, M, [196, 100], 2, False, True),
    "mosa sample, short clips at their length": lambda p: mosa_sample(
        p, 6, replace(M, bins=(4, 7, 13, 20, 32, 49), codes=(7, 8, 9, 10, 11, 12)), [80, 80, 60], 3, False, False
    ),
    "mosa edit": lambda p: mosa_edit(p, 7, M, (torch.arange(49) % 30 > 17).float(), 0),
    "mosa edit, forced": lambda p: mosa_edit(p, 8, M, (torch.arange(49) > 20).float(), 2),
    "moscale tokenizer": lambda p: moscale_tokenizer(p, 11, H, [196, 72], 3),
    "moscale tokenizer, other sizes": lambda p: moscale_tokenizer(p, 12, SMALL, [120, 57, 40], 1),
    "moscale teacher": lambda p: moscale_teacher(p, 13, H, [196, 88], [7, 3], True),
    "moscale teacher, no targets of the corrupted": lambda p: moscale_teacher(p, 14, SMALL, [120, 60], [5, 2], False),
    "moscale sample": lambda p: moscale_sample(p, 15, H, [49, 18], [7, 4], [1, 2, 3, 3], True),
    "moscale sample, other list": lambda p: moscale_sample(p, 16, SMALL, [30, 11], [3, 6], [2, 1, 4, 3], False, 3.0),
    "moscale edit": lambda p: moscale_edit(p, 17, H, 160, 40, (0.3, 0.62), [1, 2, 2, 3]),
    "moscale edit, longer than the source": lambda p: moscale_edit(p, 18, SMALL, 68, 26, (0.0, 0.1), [1, 1, 2, 2]),
    "scalemogen tokenizer": lambda p: scalemogen_tokenizer(p, 21, B, [196, 90]),
    "scalemogen tokenizer, list 2": lambda p: scalemogen_tokenizer(p, 22, replace(B, number=2, frames=100,
        factors=(25, 12, 8, 5, 3, 2, 1)), [100, 41]),
    "scalemogen tokenizer, list 0": lambda p: scalemogen_tokenizer(p, 23, replace(B, number=0, frames=80,
        factors=(20, 10, 7, 5, 3, 2, 1)), [80, 33]),
    "scalemogen tokenizer, list 4": lambda p: scalemogen_tokenizer(p, 24, replace(B, number=4, frames=80,
        factors=(20, 10, 7, 5, 3, 2, 1), bits=9), [64]),
    "scalemogen tokenizer, snapmogen": lambda p: scalemogen_tokenizer(p, 25, SNAP, [160, 70]),
    "scalemogen teacher": lambda p: scalemogen_teacher(p, 26, replace(B, frames=100, factors=(25, 12, 8, 5, 3, 2, 1),
        number=1, latent_dim=64, chunks=(2, 1)), [100, 50], [9, 4]),
    "scalemogen teacher, blocks": lambda p: scalemogen_teacher(p, 27, replace(SNAP, plain_keys=True), [160], [5]),
    "scalemogen sample": lambda p: scalemogen_sample(p, 28, replace(B, frames=100, factors=(25, 12, 8, 5, 3, 2, 1),
        latent_dim=48), 72, 5, True),
    "scalemogen sample, blocks": lambda p: scalemogen_sample(p, 29, replace(SNAP, plain_keys=True), 130, 3, False),
    "scalemogen edit, frames and parts": lambda p: scalemogen_edit(p, 30, SNAP, 160, [40, 96], [4, 5], 3, 0.1),
    "scalemogen edit, frames and parts, grouped": lambda p: scalemogen_edit(p, 31, replace(B, frames=100,
        factors=(25, 12, 8, 5, 3, 2, 1), latent_dim=64), 76, [20, 60], [1, 2], 4, 0.05),
    "scalemogen edit, range past the clip": lambda p: scalemogen_edit(p, 32, SNAP, 80, [96, 140], None, 4, 0.1),
    "scalemogen edit, text alone": lambda p: scalemogen_edit(p, 33, SNAP, 120, None, None, 2, 0.2),
}  # fmt: skip
"""A case of every kind at sizes, scale lists, lengths and seeds other than those of the reference's set."""
