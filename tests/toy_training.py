"""A made prepared folder and a tiny stage, for tests of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kinescale.core.records import write_json
from kinescale.data.datasets.base import License
from kinescale.data.prepared import PreparedRow, write_part
from kinescale.data.prepared.writer import VERSION
from kinescale.tokenizers.base import StepLoss
from motion_strategies import random_motion

LICENSE = License(name="CC0", url="https://example.org/license", attribution="made", commercial_use=True)
ACTIONS = ("walk", "run", "wave")


def toy_prepared(folder: Path, clips: int = 40, seed: int = 0, corpus: str = "toy") -> Path:
    """A prepared folder of smooth random clips of 20 to 100 frames; every third one is not steady."""
    rows = []
    for index in range(clips):
        frames = 20 + (index * 37) % 81
        motion = random_motion(frames=frames, seed=seed * 1000 + index).to(torch.float32)
        action = ACTIONS[index % len(ACTIONS)]
        words = (f"a person does {action}", f"someone is at {action} number {index % 5}")
        mirrored = tuple(f"{sentence} mirrored" for sentence in words)
        rows.append(
            PreparedRow(
                id=f"{corpus}/{index:03d}",
                corpus=corpus,
                action=action,
                style="plain",
                license="CC0",
                captions=words,
                captions_mirrored=mirrored,
                steady=index % 3 != 0,
                source_sha256="0" * 64,
                motion=motion,
            )
        )
    place = folder / corpus
    (place / "parts").mkdir(parents=True)
    entries = write_part(place / "parts" / "part-00000.parquet", rows, corpus)
    manifest = {
        "format": "kinescale-prepared",
        "version": VERSION,
        "corpus": corpus,
        "skeleton": "humanml22",
        "fps": 30.0,
        "settings": {"seed": seed},
        "license": LICENSE.to_json(),
        "parts": ["part-00000.parquet"],
        "clips": entries,
    }
    write_json(place / "manifest.json", manifest)
    return folder


@dataclass(frozen=True, eq=False)
class ToyBatch:
    """Inputs [B, 6]."""

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)


class ToyModule(nn.Module):
    """Dropout, a norm and a running buffer: everything that a resumed run could get wrong."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.3), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 6))
        self.register_buffer("seen", torch.zeros(6))

    def training_loss(self, values: Tensor, rng: torch.Generator) -> StepLoss:
        """Denoise, with noise from ``rng``."""
        noise = torch.randn(values.shape, generator=rng)
        if self.training:
            self.seen.mul_(0.9).add_(values.mean(0), alpha=0.1)
        loss = (self.layers(values + noise) - values - self.seen).square().mean()
        return StepLoss(loss, {"noise": float(noise.std())})


class ToyStep:
    """A stage on made data."""

    name = "toy"

    def __init__(self, seed: int = 0):
        torch.manual_seed(seed)
        self.module = ToyModule()

    def batch(self, step: int) -> ToyBatch:
        """Depends on the step alone."""
        return ToyBatch(torch.randn(8, 6, generator=torch.Generator().manual_seed(step)))

    def validation(self, index: int) -> ToyBatch | None:
        """Two fixed batches."""
        return self.batch(10_000 + index) if index < 2 else None

    def loss(self, module: nn.Module, batch: ToyBatch, rng: torch.Generator) -> StepLoss:
        """The module's own."""
        return module.training_loss(batch.values, rng)  # type: ignore[operator]
