"""Train the in-betweening network on the training split of prepared data; the gap prior in the package.

    python benchmarks/train_inbetween.py --data data/prepared --run runs/inbetween --minutes 45 [--out FOLDER]

Gaps of 3 to 60 frames, 1 to 10 frames seen on each side, half of the clips mirrored; the loss is the benchmark's own
error of global quaternions, that of joint positions, of their velocities and accelerations. What a run needs is kept in
``--run``: the same command goes on where it stopped, and at the end of its minutes the averaged weights are written to
``--out``. A new run may begin with the weights of another one, ``--start FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from _record import command_line, rounded
from safetensors.torch import save_file
from torch import Tensor

from kinescale.core.files import atomic_write_text
from kinescale.core.records import read_json, write_json
from kinescale.data.prepared.reader import open_prepared
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.mirror import reflect_points, reflect_quats
from kinescale.pipelines.editing.inbetween_network import (
    FPS,
    MAX_GAP,
    MAX_SIDE,
    SKELETON,
    Config,
    InbetweenNetwork,
    Window,
    interpolated,
    load,
    mirrored_joints,
    placed_at_gap,
)

TOKENS = 2400
"""Frames per batch."""
SHORTEST_GAP = 3
CORPUS_POWER = 0.6
"""A corpus is drawn by its number of frames to this power."""
EVERY = 50
EMA = 0.998


def main() -> None:
    """Train until the minutes are over, then write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="folder of weights that a new run begins with")
    parser.add_argument("--out", type=Path, default=Path("src/kinescale/pipelines/editing/inbetween_weights"))
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    run = Run(Pool.of(options.data, options.run / "arrays.npz"), options)
    run.train()
    run.write(options.out)


@dataclass(frozen=True, eq=False)
class Pool:
    """All training clips in a row: root [T, 3], rotations [T, J, 4], the first frame and corpus of each clip."""

    root: np.ndarray
    rotations: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    corpus: np.ndarray
    about: dict

    @staticmethod
    def of(data: Path, cache: Path) -> Pool:
        """The recorded clips of the training split; composed ones are left out. Prepared once, then from ``cache``."""
        if not cache.is_file():
            _pack(data, cache)
        held = np.load(cache)
        return Pool(
            *(held[n] for n in ("root", "rotations", "starts", "lengths", "corpus")), json.loads(str(held["about"]))
        )

    @cached_property
    def shares(self) -> np.ndarray:
        """Of each clip, how often one of its frames is drawn: what its corpus is drawn by, over the corpus's frames."""
        total = {c: float(self.lengths[self.corpus == c].sum()) for c in np.unique(self.corpus)}
        return np.array([total[c] ** (CORPUS_POWER - 1) for c in self.corpus])

    def draw(self, rng: np.random.Generator, count: int, frames: int) -> tuple[Tensor, Tensor]:
        """``count`` stretches of ``frames`` frames, each mirrored or not."""
        fitting = np.flatnonzero(self.lengths >= frames)
        weight = (self.lengths[fitting] - frames + 1) * self.shares[fitting]
        picked = fitting[np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(count))]
        first = self.starts[picked] + (rng.random(count) * (self.lengths[picked] - frames + 1)).astype(np.int64)
        rows = first[:, None] + np.arange(frames)
        root, rotations = torch.from_numpy(self.root[rows]), torch.from_numpy(self.rotations[rows])
        flip = torch.from_numpy(rng.random(count) < 0.5)
        root = torch.where(flip[:, None, None], reflect_points(root), root)
        rotations = torch.where(flip[:, None, None, None], reflect_quats(rotations)[:, :, mirrored_joints()], rotations)
        return root, rotations


def _pack(data: Path, cache: Path) -> None:
    roots, rotations, lengths, corpora = [], [], [], []
    about: dict[str, dict] = {"data": {}, "frames": {}, "licenses": {}}
    for name in sorted(path.parent.name for path in data.glob("*/manifest.json")):
        prepared = open_prepared(data / name)
        if name.startswith("composed") or prepared.skeleton.name != SKELETON or abs(prepared.fps - FPS) > 1e-6:
            continue
        kept = [i for i, c in enumerate(prepared.clips) if c.split == "train" and c.frames >= SHORTEST_GAP + 2]
        for i in kept:
            motion = prepared.motion(i)
            roots.append(motion.root.numpy())
            rotations.append(motion.rotations.numpy())
            lengths.append(len(motion))
            corpora.append(name)
        about["data"][name] = prepared.manifest_hash
        about["frames"][name] = sum(prepared.clips[i].frames for i in kept)
        about["licenses"][name] = [
            {"name": one.name, "url": one.url, "attribution": one.attribution} for one in prepared.licenses
        ]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    np.savez(
        cache, root=np.concatenate(roots), rotations=np.concatenate(rotations), starts=starts,
        lengths=np.array(lengths), corpus=np.array(corpora), about=json.dumps(about),
    )  # fmt: skip


CARD = """# In-betweening network

What `kinescale.pipelines.editing.infill` changes an interpolated gap by, {parameters:,} parameters in half precision.
Made by `{command}`; `config.json` holds the sizes, the steps, the digest of each corpus and the licenses.

- Input: up to {side} frames before a gap of 1 to {gap} frames and up to {side} after it, `humanml22` at 30 frames per
  second. Output: rotation vectors and root shifts, added to slerp and a linear root.
- Training: {steps:,} steps, {minutes:.0f} minutes on one shared core; training split only, no composed clips. What is
  held out (takes, actors, pairs of action and style) is what the prepared data's splits say.
- Figures on held-out clips: `docs/inbetween.md`.
- Limits: the mean of what people do is predicted, so long gaps are calmer than recordings; it knows no text, objects or
  slopes; motion unlike its data (acrobatics, crawling) gains least.

| corpus | training frames | license | attribution |
| --- | --- | --- | --- |
{rows}
"""


class Run:
    """Network, optimizers, averaged weights, and minutes spent; kept in a folder."""

    def __init__(self, pool: Pool, options: argparse.Namespace):
        self.pool, self.options = pool, options
        self.file = options.run / "state.pt"
        self.network = InbetweenNetwork(Config())
        hidden = [p for n, p in self.network.blocks.named_parameters() if p.ndim == 2 and "taps" not in n]
        chosen = {id(p) for p in hidden}
        others = [p for p in self.network.parameters() if id(p) not in chosen]
        self.optimizers = [
            torch.optim.Muon(hidden, lr=options.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.step, self.spent_s, self.before = 0, 0.0, 0
        self.rng = np.random.default_rng(options.seed)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        if self.file.is_file():
            self._resume()
        elif options.start:
            self._begin_with(options.start)
        else:
            self._set_scale()

    def train(self) -> None:
        """Until the minutes are over; the rate comes down with them."""
        limit, told, began = 60 * self.options.minutes, Counter(), time.monotonic()
        while self.spent_s < limit:
            share = self.spent_s / limit
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    warm = min(1.0, (self.step + 1) / 100)
                    group["lr"] = self.options.rate * warm * (0.02 + 0.98 * math.cos(math.pi / 2 * share) ** 2)
            losses = self._advance()
            self.step += 1
            now = time.monotonic()
            self.spent_s, began = self.spent_s + now - began, now
            told.update(losses)
            if self.step % EVERY == 0:
                mean = {name: round(value / EVERY, 4) for name, value in told.items()}
                print(json.dumps({"step": self.step, "minutes": round(self.spent_s / 60, 2), **mean}), flush=True)
                told = Counter()
                if self.step % (EVERY * 4) == 0:
                    self._keep()
        self._keep()

    def write(self, folder: Path) -> None:
        """The averaged weights in half precision, and what they are of."""
        folder.mkdir(parents=True, exist_ok=True)
        half = {k: (v if k in ("mean", "std") else v.half()).contiguous() for k, v in self.average.items()}
        save_file(half, folder / "weights.safetensors", metadata={"format": "pt"})
        (folder / "weights.safetensors").chmod(0o644)
        training = {
            "steps": self.before + self.step,
            "minutes": self.spent_s / 60,
            "rate": self.options.rate,
            "seed": self.options.seed,
        }
        about = {"network": self.network.config.to_json(), "training": training, **self.pool.about}
        write_json(folder / "config.json", rounded(about))
        rows = [
            f"| {name} | {self.pool.about['frames'][name]:,} | [{one['name']}]({one['url']}) | {one['attribution']} |"
            for name, found in self.pool.about["licenses"].items()
            for one in found
        ]
        parameters = sum(value.numel() for value in self.network.parameters())
        card = CARD.format(
            parameters=parameters, command=command_line(), side=MAX_SIDE, gap=MAX_GAP, rows="\n".join(rows), **training
        )
        atomic_write_text(folder / "README.md", card)

    def batch(self) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Placed stretches and their gap: as long, and with as many frames around it, for the whole batch."""
        rng = self.rng
        gap = int(rng.integers(SHORTEST_GAP, MAX_GAP + 1))
        before = MAX_SIDE if rng.random() < 0.7 else int(rng.integers(1, MAX_SIDE + 1))
        after = 1 if rng.random() < 0.5 else int(rng.integers(1, MAX_SIDE + 1))
        frames = before + gap + after
        root, rotations = self.pool.draw(rng, max(8, TOKENS // frames), frames)
        root, rotations, _ = placed_at_gap(root, rotations, before)
        return root, rotations, (before, before + gap)

    def _advance(self) -> dict[str, float]:
        root, rotations, gap = self.batch()
        window = Window(*interpolated(root, rotations, gap), gap)
        made_root, made_turn = self.network.filled(window)
        loss, told = gap_loss(self.network, (root, rotations), window, (made_root, made_turn))
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        rate = min(EMA, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            self.average[key].lerp_(value, 1 - rate)
        return told

    def _set_scale(self) -> None:
        """Mean and deviation of the features over some batches."""
        with torch.no_grad():
            rows = [self.network.features(Window(*b)).flatten(0, 1) for b in (self.batch() for _ in range(24))]
            every = torch.cat(rows)
            self.network.mean.copy_(every.mean(0))
            self.network.std.copy_(every.std(0).clamp(min=1e-2))
            self.average = {k: v.clone() for k, v in self.network.state_dict().items()}

    def _begin_with(self, folder: Path) -> None:
        """The weights of another run, and its steps; optimizers and minutes begin anew."""
        self.network.load_state_dict(load(folder).state_dict())
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.before = read_json(folder / "config.json")["training"]["steps"]

    def _keep(self) -> None:
        state = {
            "network": self.network.state_dict(), "average": self.average, "step": self.step, "spent_s": self.spent_s,
            "before": self.before,
            "optimizers": [o.state_dict() for o in self.optimizers], "rng": self.rng.bit_generator.state,
        }  # fmt: skip
        torch.save(state, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def _resume(self) -> None:
        state = torch.load(self.file, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average, self.step, self.spent_s = state["average"], state["step"], state["spent_s"]
        self.before = state["before"]
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.rng.bit_generator.state = state["rng"]


def gap_loss(
    network: InbetweenNetwork, truth: tuple[Tensor, Tensor], window: Window, made: tuple[Tensor, Tensor]
) -> tuple[Tensor, dict[str, float]]:
    """Error of global quaternions, joints, velocities and accelerations, each clip's over that of interpolation."""
    first, stop = window.gap
    around = slice(first - 1, stop + 1)
    with torch.no_grad():
        real_joints, real_world = forward_kinematics(
            truth[0][:, around], truth[1][:, around], network.offsets, network.parents
        )
        _, plain_world = forward_kinematics(
            window.root[:, around], window.rotations[:, around], network.offsets, network.parents
        )
        plain = quaternion_error(plain_world, real_world)[:, 1:-1].mean(1)
    joints, world = forward_kinematics(*made, network.offsets, network.parents)
    turned = quaternion_error(world, real_world[:, 1:-1]).mean(1)
    placed = (joints - real_joints[:, 1:-1]).norm(dim=-1).mean((1, 2))
    whole = torch.cat([real_joints[:, :1], joints, real_joints[:, -1:]], dim=1)
    wrong = whole - real_joints
    moved = torch.diff(wrong, dim=1).norm(dim=-1).mean((1, 2))
    # outside the gap nothing is wrong: the frames beyond the borders add zeros
    bent = torch.diff(torch.nn.functional.pad(wrong, (0, 0, 0, 0, 1, 1)), n=2, dim=1).norm(dim=-1).mean((1, 2))
    loss = ((turned + 4 * placed + 10 * moved + 10 * bent) / (0.3 + plain)).mean()
    told = {"loss": loss, "l2q_ratio": turned.mean() / plain.mean(), "cm": 100 * placed.mean()}
    return loss, {name: float(value.detach()) for name, value in told.items()}


def quaternion_error(one: Tensor, two: Tensor) -> Tensor:
    """[B, T]: length of the difference of all joints' quaternions, signs aligned."""
    same = (one * two).sum(-1, keepdim=True)
    return (one * torch.where(same < 0, -1.0, 1.0) - two).square().sum((-2, -1)).clamp(min=1e-12).sqrt()


if __name__ == "__main__":
    main()
