"""Does an evaluator see what people see? Checks on recorded motion that it was not trained on.

    python benchmarks/evaluator_check.py --evaluator EVALUATOR --data DATA [--clips 1000] [--out docs]

R-precision of recordings (clips of the test split and clips of held-out pairs of action and style apart), retrieval
examples, FID between two halves of recordings, and how both change when one side is noised, slowed, sped up, cut and
shuffled, mirrored or played backwards. Writes ``OUT/results/evaluator_check.json`` and ``OUT/evaluator_check.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _corruptions import Spoil, families
from _record import command_line, rounded, save, table
from torch import Tensor

from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.files import atomic_write_text
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.evaluation.clips import seen
from kinescale.evaluation.plan import own_pools
from kinescale.metrics import fid, r_precision
from kinescale.metrics.base import distances, similarities
from kinescale.motion import Motion

SEED = 0
CHUNK = 64
LEAST_FRAMES = 16
QUERIES, SHOWN = 10, 5
HALVES = 10
TEST_SPLIT = "test"
HELD_OUT, TEST, SEEN = "held-out pairs", "test split, pairs seen", "training clips"


@dataclass(frozen=True, eq=False)
class Set:
    """Recordings with their groups; ``rows`` are places in the prepared data."""

    prepared: Prepared
    rows: list[int]
    groups: list[str]

    def captions(self) -> list[tuple[str, ...]]:
        return [self.prepared.clips[row].captions for row in self.rows]

    def motion(self, at: int) -> Motion:
        return self.prepared.motion(self.rows[at])


def main() -> None:
    """Check the evaluator; write the figures and the page; print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evaluator", type=Path, required=True)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--clips", type=int, default=1000, help="recordings that FID looks at, in two halves")
    arguments.add_argument("--pool", type=int, default=32)
    arguments.add_argument("--out", type=Path, default=Path("docs"))
    chosen = arguments.parse_args()
    evaluator, prepared = EvaluatorBundle.from_pretrained(chosen.evaluator), open_prepared(chosen.data)
    unseen, trained = sets(prepared, evaluator)
    found = {
        "evaluator": {"title": evaluator.title, "hash": evaluator.content_hash},
        "held_out_pairs": evaluator.provenance.held_out_pairs,
        "chosen_on": evaluator.provenance.chosen_on or "not recorded",
        "data_hash": prepared.manifest_hash,
        "trained_on_this_data": evaluator.provenance.data_manifest_sha256 == prepared.manifest_hash,
        "seed": SEED,
        "pool": chosen.pool,
        **check_precision(evaluator, unseen, trained, chosen.pool),
        **check_fid(evaluator, prepared, chosen.clips),
    }
    save("evaluator_check", found, chosen.out / "results")
    text = page(rounded(found, 3))
    atomic_write_text(chosen.out / "evaluator_check.md", text)
    print(text)


def sets(prepared: Prepared, evaluator: EvaluatorBundle) -> tuple[Set, Set]:
    """Clips that training saw nothing of (test split and held-out pairs), and as many that it did see."""
    share = evaluator.provenance.held_out_pairs
    usable = [
        (row, clip)
        for row, clip in enumerate(prepared.clips)
        if clip.captions and LEAST_FRAMES <= clip.frames <= evaluator.evaluator.max_frames
    ]
    unseen = [(row, HELD_OUT if clip.held_out(share) else TEST) for row, clip in usable if clip.split == TEST_SPLIT]
    unseen += [(row, HELD_OUT) for row, clip in usable if clip.split != TEST_SPLIT and clip.held_out(share)]
    unseen.sort()
    known = [row for row, clip in usable if clip.split == "train" and not clip.held_out(share)]
    count = min(len(unseen), len(known))
    trained = [known[i * len(known) // count] for i in range(count)]
    return (
        Set(prepared, [row for row, _ in unseen], [group for _, group in unseen]),
        Set(prepared, trained, [SEEN] * len(trained)),
    )


def check_precision(evaluator: EvaluatorBundle, unseen: Set, trained: Set, pool: int) -> dict[str, Any]:
    """R-precision by group, as recorded and spoilt, and retrieval examples."""
    rows, text, motions = {}, {}, {}
    for name, clips in (("unseen", unseen), ("trained", trained)):
        text[name] = evaluator.embed_text([said[0] for said in clips.captions()])
        motions[name], _ = embed(evaluator, clips)
        for group, hits in by_group(evaluator, clips, text[name], motions[name], pool).items():
            rows[group] = hits
    return {
        "precision": rows,
        "unseen_top1": sum(row["clips"] * row["top1"] for name, row in rows.items() if name != SEEN) / len(unseen.rows),
        "chance_top1": 1 / pool,
        "mirror": mirror_drop(evaluator, unseen, text["unseen"], motions["unseen"], pool),
        "spoilt_precision": spoilt_precision(evaluator, unseen, text["unseen"], pool),
        "retrieval": retrieval(evaluator, unseen, text["unseen"], motions["unseen"]),
    }


def by_group(
    evaluator: EvaluatorBundle, clips: Set, text: Tensor, motions: Tensor, pool: int
) -> dict[str, dict[str, float]]:
    """Group -> clips and the share of sentences whose own motion is among the first 1, 2, 3 of its pool."""
    hits = hits_of(evaluator, clips, text, motions, pool)
    found = {}
    for group in dict.fromkeys(clips.groups):
        rows = [i for i, one in enumerate(clips.groups) if one == group]
        top = hits[rows].double().mean(0).tolist()
        labels = len({clips.prepared.clips[clips.rows[i]].label for i in rows})
        found[group] = {"clips": len(rows), "labels": labels, **{f"top{k + 1}": v for k, v in enumerate(top)}}
    return found


def hits_of(evaluator: EvaluatorBundle, clips: Set, text: Tensor, motions: Tensor, pool: int) -> Tensor:
    """[N, 3] hits of each clip's first sentence in a pool of clips of other captions."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(SEED, "pools")))
    pools = torch.from_numpy(own_pools(clips.captions(), pool, rng))
    return r_precision.hits_against(text, motions, pools[:, 1:], cosine=evaluator.evaluator.cosine)


def mirror_drop(
    evaluator: EvaluatorBundle, clips: Set, text: Tensor, motions: Tensor, pool: int
) -> dict[str, dict[str, float]]:
    """Mirrored motions under unmirrored sentences: those that name a side must lose, the others must not."""
    spoilt, _ = embed(evaluator, clips, families()["mirrored"]["left and right exchanged"])
    before, after = (hits_of(evaluator, clips, text, one, pool)[:, 0].double() for one in (motions, spoilt))
    nearer = likeness(evaluator, text, motions).diagonal() > likeness(evaluator, text, spoilt).diagonal()
    sided = []
    for row in clips.rows:
        clip = clips.prepared.clips[row]
        sided.append(bool(clip.captions_mirrored) and clip.captions[0] != clip.captions_mirrored[0])
    found = {}
    for name, wanted in (("sentence names a side", True), ("sentence names none", False)):
        rows = [i for i, one in enumerate(sided) if one == wanted]
        if rows:
            found[name] = {
                "clips": len(rows),
                "top1_recorded": float(before[rows].mean()),
                "top1_mirrored": float(after[rows].mean()),
                "nearer_than_mirror": float(nearer[rows].double().mean()),
            }
    return found


def spoilt_precision(evaluator: EvaluatorBundle, clips: Set, text: Tensor, pool: int) -> dict[str, dict[str, float]]:
    """Top 1 of all unseen clips when every motion is spoilt alike."""
    found: dict[str, dict[str, float]] = {}
    for kind, steps in families().items():
        found[kind] = {}
        for step, spoil in steps.items():
            hits = hits_of(evaluator, clips, text, embed(evaluator, clips, spoil)[0], pool)
            found[kind][step] = float(hits[:, 0].double().mean())
    return found


def retrieval(evaluator: EvaluatorBundle, clips: Set, text: Tensor, motions: Tensor) -> list[dict[str, Any]]:
    """For sentences of different labels, evenly spread, the clips that come first among all unseen ones."""
    first: dict[str, int] = {}
    for at, row in enumerate(clips.rows):
        first.setdefault(clips.prepared.clips[row].action, at)
    places = list(first.values())
    places = [places[i * len(places) // min(QUERIES, len(places))] for i in range(min(QUERIES, len(places)))]
    scores = likeness(evaluator, text, motions)
    found = []
    for at in places:
        best = scores[at].argsort(descending=True, stable=True)
        items = []
        for other in best[:SHOWN].tolist():
            clip = clips.prepared.clips[clips.rows[other]]
            items.append({"label": clip.label, "caption": clip.captions[0], "score": float(scores[at, other])})
        own = clips.prepared.clips[clips.rows[at]]
        rank = int((best == at).nonzero()) + 1
        found.append(
            {"asked": own.captions[0], "label": own.label, "own_rank": rank, "of": len(clips.rows), "first": items}
        )
    return found


def likeness(evaluator: EvaluatorBundle, text: Tensor, motions: Tensor) -> Tensor:
    """[N, M] of every sentence to every motion, greater where nearer: cosine, or the negative distance."""
    return similarities(text, motions) if evaluator.evaluator.cosine else -distances(text, motions)


def check_fid(evaluator: EvaluatorBundle, prepared: Prepared, count: int) -> dict[str, Any]:
    """FID of two halves of recordings, of several draws, and of one half to the other one spoilt."""
    usable = [
        row for row, clip in enumerate(prepared.clips) if LEAST_FRAMES <= clip.frames <= evaluator.evaluator.max_frames
    ]
    count = min(count, len(usable))
    clips = Set(prepared, [usable[i * len(usable) // count] for i in range(count)], [""] * count)
    _, clean = embed(evaluator, clips)
    values = []
    for draw in range(HALVES):
        order = torch.randperm(count, generator=_rng("halves", draw))
        values.append(fid.fid(clean[order[: count // 2]], clean[order[count // 2 :]]))
    order = torch.randperm(count, generator=_rng("halves", 0)).tolist()
    kept, other = order[: count // 2], sorted(order[count // 2 :])
    half = Set(prepared, [clips.rows[i] for i in other], [""] * len(other))
    reference = fid.gaussian(clean[kept])
    spoilt = {
        kind: {
            step: fid.distance(reference, fid.gaussian(embed(evaluator, half, spoil)[1])) for step, spoil in s.items()
        }
        for kind, s in families().items()
    }
    return {
        "fid_clips": count,
        "fid_note": reference.note,
        "fid_clean": fid.distance(reference, fid.gaussian(clean[other])),
        "fid_halves": {"mean": float(np.mean(values)), "largest": max(values), "draws": HALVES},
        "fid_spoilt": spoilt,
        "grows": {kind: list(s.values()) == sorted(s.values()) for kind, s in spoilt.items() if len(s) > 1},
    }


@torch.no_grad()
def embed(evaluator: EvaluatorBundle, clips: Set, spoil: Spoil | None = None) -> tuple[Tensor, Tensor]:
    """Embeddings of the clips, spoilt with a random stream of each clip's own."""
    found: list[tuple[Tensor, Tensor]] = []
    for at in range(0, len(clips.rows), CHUNK):
        motions: list[Motion] = []
        for i in range(at, min(at + CHUNK, len(clips.rows))):
            motion = clips.motion(i)
            spoilt = motion if spoil is None else spoil(motion, _rng("spoil", clips.rows[i]))
            motions.append(seen(spoilt, evaluator.feature))
        found.append(evaluator.embed_motions(motions))
    return torch.cat([one for one, _ in found]), torch.cat([two for _, two in found])


def _rng(*path: int | str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(SEED, "evaluator check", *path))


def page(found: dict[str, Any]) -> str:
    """The figures for reading."""
    lines = [
        "# Does the evaluator see what people see?",
        "",
        f"Made by `{command_line()}`; all figures are in `results/evaluator_check.json`.",
        f"Evaluator: {found['evaluator']['title'] or 'untitled'}, SHA-256 `{found['evaluator']['hash']}`; weights "
        f"chosen on: {found['chosen_on']}; {found['held_out_pairs']:.0%} of the pairs of action and style were kept "
        "from training and from choosing.",
        "",
        "## R-precision of recordings",
        "",
        f"Each clip's first sentence, a pool of {found['pool']} clips of other captions; chance is "
        f"{found['chance_top1']:.3f}. Pools of the first two rows are drawn from both.",
        "",
        _cells("clips of", found["precision"]),
        "",
        "## Mirrored motions under the unmirrored sentences",
        "",
        _cells("", found["mirror"]),
        "",
        "## Spoilt motions",
        "",
        f"FID of two halves of {found['fid_clips']} recordings: {found['fid_halves']['mean']:.3f} (mean of "
        f"{found['fid_halves']['draws']} draws, largest {found['fid_halves']['largest']:.3f}). Below, one half is "
        f"spoilt; R@1 is that of all unseen clips, spoilt alike. {found['fid_note']}".rstrip(),
        "",
        _spoilt(found),
        "",
        "## Retrieval",
        "",
        *_examples(found["retrieval"]),
    ]
    return "\n".join(lines) + "\n"


def _cells(first: str, rows: dict[str, dict[str, float]]) -> str:
    names = list(next(iter(rows.values())))
    body = [[title, *(f"{row[name]:g}" for name in names)] for title, row in rows.items()]
    return table([first, *(name.replace("_", " ") for name in names)], body)


def _spoilt(found: dict[str, Any]) -> str:
    rows = [["as recorded", "", f"{found['fid_clean']:.3f}", f"{found['unseen_top1']:.3f}", ""]]
    for kind, steps in found["fid_spoilt"].items():
        for step, value in steps.items():
            grows = "" if kind not in found["grows"] else "yes" if found["grows"][kind] else "NO"
            precision = found["spoilt_precision"][kind][step]
            rows.append([kind, step, f"{value:.3f}", f"{precision:.3f}", grows])
    return table(["", "how much", "FID", "R@1", "FID grows with it"], rows)


def _examples(examples: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for one in examples:
        lines.append(f'* "{one["asked"]}" ({one["label"]}; its own clip is number {one["own_rank"]} of {one["of"]}):')
        for item in one["first"]:
            lines.append(f'    * {item["score"]:.2f} {item["label"]}: "{item["caption"]}"')
    return lines


if __name__ == "__main__":
    main()
