"""A made prepared folder with acts to compose: walks, waves, raised hands, jumps, kicks, bows, standing."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from kinescale.core.records import write_json
from kinescale.data.datasets.base import License
from kinescale.data.prepared import PreparedRow, write_part
from kinescale.data.prepared.writer import VERSION
from kinescale.motion import canonicalize
from made_bodies import Plan, arm, bump, jumping, made, ramp, steady, walking, waving

OPEN = License(name="CC0", url="https://example.org/cc0", attribution="", commercial_use=True)
SHARED = License(
    name="CC BY-SA", url="https://example.org/sa", attribution="Made by us.", commercial_use=False, share_alike=True
)


def plans() -> dict[str, Plan]:
    """Label -> what the body does."""
    found = {"stand": Plan(seconds=3.0)}
    for speed, cadence in ((0.5, 1.2), (0.8, 1.5), (1.1, 1.8), (1.3, 2.0)):
        found[f"walk {speed}"] = walking(speed, cadence, seconds=6.0)
    found["walk back"] = walking(-0.8, 1.6, seconds=5.0)
    found["turn"] = walking(1.1, seconds=5.0, yaw=ramp(math.pi / 2, 1.5, 3.0))
    found["jump"] = Plan(seconds=2.6, lift=jumping(0.3, (1.0,)))
    found["bow"] = Plan(seconds=3.5, lean=bump(0.9, 1.0, 2.5))
    for side in ("left", "right"):
        found[f"wave {side}"] = Plan(seconds=4.0, arms={side: waving(1.0, 0.7, 3.3)})
        found[f"raise {side}"] = Plan(seconds=3.0, arms={side: arm(1.2, 0.8, 2.2)})
        found[f"kick {side}"] = Plan(seconds=2.6, hips={side: bump(1.4, 0.9, 1.8)})
        found[f"knee {side}"] = Plan(seconds=3.0, hips={side: bump(1.5, 0.8, 2.2)}, knees={side: bump(1.5, 0.8, 2.2)})
    found["drift"] = walking(0.9, leftward=steady(0.8))
    return found


def made_sources(
    folder: Path, name: str = "made", license: License = OPEN, splits: tuple[str, ...] = ("train",)
) -> Path:
    """A prepared folder of one corpus; every plan once in each split."""
    rows = []
    for split in splits:
        for label, plan in plans().items():
            motion = canonicalize(made(plan)).to(torch.float32)
            rows.append(
                PreparedRow(
                    id=f"{name}/{split}-{label.replace(' ', '-')}",
                    corpus=name,
                    action=label,
                    style="normal",
                    license=license.name,
                    captions=(f"a person does {label}",),
                    captions_mirrored=(),
                    steady=label.startswith("walk"),
                    source_sha256="0" * 64,
                    motion=motion,
                    split=split,
                )
            )
    place = folder / name
    (place / "parts").mkdir(parents=True)
    entries = write_part(place / "parts" / "part-00000.parquet", rows, name)
    write_json(
        place / "manifest.json",
        {
            "format": "kinescale-prepared",
            "version": VERSION,
            "corpus": name,
            "skeleton": "humanml22",
            "fps": 30.0,
            "settings": {},
            "license": license.to_json(),
            "parts": ["part-00000.parquet"],
            "clips": entries,
        },
    )
    return folder
