"""Ways to compose two clips' parts in tokens, beside their exact composition: what each loses, for part-wise systems.

    python benchmarks/composition.py --data data/prepared --runs runs/compare [--clips 4]

``--runs`` holds training runs; those whose tokens hold parts count. Writes ``docs/results/composition.json``.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import torch
from _record import RESULTS, save, table
from torch import Tensor

from editing import picked
from kinescale.bundle import Bundle
from kinescale.data.prepared import open_prepared
from kinescale.motion import Motion
from kinescale.pipelines.editing.combine import combined
from kinescale.pipelines.editing.fill import FillContext
from kinescale.pipelines.editing.region import EditRegion
from kinescale.pipelines.editing.stretch import stretch_of
from kinescale.pipelines.editing.token_mixing import FIRST, SECOND, fill_mixed, origins_by_part
from kinescale.pipelines.runtime import decode, encode, encode_text
from kinescale.rigging.body_parts import part_roles
from kinescale.tokens import TokenMap
from kinescale.training.export import build_bundle

PARTS = (("arms",), ("upper_body",))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    clips = picked(open_prepared(chosen.data), chosen.clips + 1)
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for run in sorted(path for path in chosen.runs.iterdir() if (path / "run.json").is_file()):
        bundle = build_bundle(run)
        if len(set(bundle.tokenizer.latent_roles)) > 1:
            rows[run.name] = {",".join(parts): errors(bundle, clips, parts) for parts in PARTS}
    path = save("composition", {"clips": chosen.clips, "split": "val", "root_free_mpjpe_mm": rows}, chosen.out)
    names = list(next(iter(next(iter(rows.values())).values())))
    lines = [
        [system, parts, *(f"{found[name]:.1f}" for name in names)]
        for system, by_parts in rows.items()
        for parts, found in by_parts.items()
    ]
    print(table(["system", "parts of A", *names], lines), f"see {path}", sep="\n")


def errors(bundle: Bundle, clips: list[Motion], parts: tuple[str, ...]) -> dict[str, float]:
    """Mean joint error (mm, roots laid over each other) beside the exact composition, over pairs of clips."""
    found: dict[str, list[float]] = {}
    for one, other in itertools.pairwise(clips):
        frames = min(len(one), len(other), bundle.max_frames)
        for name, value in of_pair(bundle, one.slice(0, frames), other.slice(0, frames), parts).items():
            found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


@torch.no_grad()
def of_pair(bundle: Bundle, one: Motion, other: Motion, parts: tuple[str, ...]) -> dict[str, float]:
    """One pair: every way's error."""
    whole = ((0, len(one)),)
    stretches = [stretch_of(bundle, m, whole) for m in (one, other, combined(one, other, parts))]
    first, second, exact = (stretch.features for stretch in stretches)
    maps = [encode(bundle, features).tokens for features in (first, second, exact)]
    origins = origins_by_part(bundle, part_roles(parts))
    where = origins(maps[0].layout)

    def literal(third: TokenMap) -> TokenMap:
        """A's tokens where they hold the parts alone, B's where none, else those of a third map."""
        scales = []
        for a, b, c, origin in zip(maps[0].scales, maps[1].scales, third.scales, where, strict=True):
            spread = origin[None].expand(a.shape[:3])
            spread = spread[..., None] if a.ndim > spread.ndim else spread
            scales.append(torch.where(spread == FIRST, a, torch.where(spread == SECOND, b, c)))
        return TokenMap(maps[0].layout, maps[0].latent_lengths, tuple(scales))

    def decoded(tokens: TokenMap) -> Tensor:
        return decode(bundle, tokens, len(one))

    def error(features: Tensor, ideal: Tensor) -> float:
        made, wanted = bundle.feature.positions(features), bundle.feature.positions(ideal)
        return 1000 * float(((made - made[:, :1]) - (wanted - wanted[:, :1])).norm(dim=-1).mean())

    region = EditRegion(len(one), whole)
    context = FillContext(bundle, stretches[0], region, bundle.sampler()[1], encode_text(bundle, [None]))
    mixed = fill_mixed(context, torch.Generator().manual_seed(0), second, origins)
    return {
        "B's own tokens": error(decoded(maps[1]), second),
        "composition encoded": error(decoded(maps[2]), exact),
        "what holds both: B's": error(decoded(literal(maps[1])), exact),
        "what holds both: encoded": error(decoded(literal(maps[2])), exact),
        "what holds both: drawn": error(mixed.features, exact),
    }


if __name__ == "__main__":
    main()
