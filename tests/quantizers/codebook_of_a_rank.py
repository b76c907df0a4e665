"""One of several processes that train a codebook together; run as ``python FILE rank world folder``.

Each has a part of every batch, of another size, at times none, and a random generator of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from kinescale.quantizers.vq import Config, Quantizer

CONFIGS = {
    "clean": Config(codes=8, width=3, decay=0.5),
    "cosine": Config(codes=8, width=3, decay=0.5, lookup="cosine", temperature=None),
    "faithful": Config(codes=4, width=3, decay=0.5, faithful=True, temperature=None),
    "few": Config(codes=40, width=3, decay=0.5, temperature=None),
}
CUTS = (20, 26, 0, 30)
"""Vectors of the first process in each step's batch of thirty."""


def batch(step: int) -> torch.Tensor:
    """The whole batch of a step; half of its vectors far from the others, so that codes die."""
    made = torch.randn(30, 3, generator=torch.Generator().manual_seed(50 + step))
    made[::2] += 4.0 * step
    return made


def train(config: Config, rank: int, world: int) -> dict[str, torch.Tensor]:
    book = Quantizer(config.but(temperature=None))
    rng = torch.Generator().manual_seed(rank)
    for step, cut in enumerate(CUTS):
        vectors = batch(step)
        if world > 1:
            vectors = vectors[:cut] if rank == 0 else vectors[cut:]
        book.initialize(vectors, rng)
        book.update(vectors, book.assign(vectors, rng), rng)
    return book.state_dict()


def main() -> None:
    rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=world)
    torch.manual_seed(rank)
    torch.save({name: train(config, rank, world) for name, config in CONFIGS.items()}, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
