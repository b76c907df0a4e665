"""Does training start, and load, as fast from a thousand hours as from a few?

    python benchmarks/loader.py [--hours 1,100,1000] [--batches 40] [--captions 2]

A part of made clips is prepared once, and manifests name it as often as the hours take, so that no more disk is used;
features of a clip are likewise those of the part's. Each size runs in a process of its own: opening the folder, the
index of draws and the first batch (start), memory then and after the batches, and batches per second of processor time.
Text is left out: the cache of caption features has another law (``docs/scale.md``). Writes
``docs/results/loader.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _record import save, table

CLIPS, FRAMES = 512, 150
PER_HOUR = 3600 / (FRAMES / 30)
BARS = {"start_s": 10.0, "memory_gb": 2.0}


def made_part(folder: Path, captions: int) -> None:
    """One part of clips of five seconds."""
    import torch

    from kinescale import skeletons
    from kinescale.data.prepared import PreparedRow, write_part
    from kinescale.motion import Motion

    skeleton = skeletons.get("humanml22")
    rotations = torch.zeros(FRAMES, len(skeleton), 4)
    rotations[..., 3] = 1.0
    rows = []
    for index in range(CLIPS):
        root = torch.randn(1, 3).cumsum(0) + torch.linspace(0, 1, FRAMES)[:, None]
        said = tuple(f"a person does number {index} in way {way}" for way in range(captions))
        words = {"action": f"act{index % 40}", "style": "plain", "license": "CC0"}
        motion = Motion(skeleton, 30.0, root, rotations)
        rows.append(PreparedRow(f"made/{index}", "made", **words, captions=said, captions_mirrored=said, steady=True,
                                source_sha256="0" * 64, motion=motion, split="train"))  # fmt: skip
    (folder / "parts").mkdir(parents=True)
    write_part(folder / "parts" / "part.parquet", rows, "made")


def repeated(root: Path, hours: float) -> Path:
    """A folder of so many hours, whose manifest names the one part again and again."""
    from kinescale.core.records import write_json

    folder = root / f"hours-{hours:g}" / "made"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "part.parquet").hardlink_to(root / "parts" / "part.parquet")
    times = max(1, round(hours * PER_HOUR / CLIPS))
    license = {"name": "CC0", "url": "", "attribution": "made", "commercial_use": True}
    head = {"format": "kinescale-prepared", "version": 1, "corpus": "made", "skeleton": "humanml22", "fps": 30.0}
    write_json(
        folder / "manifest.json",
        {**head, "settings": {}, "license": license, "parts": ["part.parquet"] * times, "clips": []},
    )
    return folder.parent


def memory_gb() -> float:
    """Memory of this process that is its own (pages of mapped files can be dropped and do not count)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 2**20


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one(folder: Path, batches: int) -> dict[str, float]:
    """Start, memory and speed of one size, in this process."""
    import torch

    from kinescale import recipes
    from kinescale.data.prepared import open_prepared
    from kinescale.features import Normalizer
    from kinescale.training.config import DrawConfig, StageConfig
    from kinescale.training.data import Batches
    from kinescale.training.parts import build_feature, build_tokenizer

    config = recipes.get("moscale.cpu")
    feature = build_feature(config.feature)
    layout = build_tokenizer(config.tokenizer, feature, 0).layout
    torch.set_num_threads(1)
    began, cpu = time.monotonic(), spent()
    prepared = open_prepared(folder)
    assert prepared.manifest_hash
    with tempfile.NamedTemporaryFile() as file:
        values = np.memmap(file, np.float16, "w+", shape=(CLIPS * FRAMES, feature.width))
        store = Repeated(values, np.arange(2 * len(prepared.clips) + 1), "made", np.zeros(1), Path(file.name))
        normalizer = Normalizer(torch.zeros(feature.width), torch.ones(feature.width))
        settings = StageConfig(batch_size=32, draw=DrawConfig(mirror=False))
        stage = Batches(prepared.clips, store, normalizer, layout, settings, seed=0, with_text=False)
        stage.train(0)
        start, start_cpu, first = time.monotonic() - began, spent() - cpu, memory_gb()
        cpu = spent()
        for step in range(1, batches + 1):
            stage.train(step)
        speed = batches / (spent() - cpu)
    made = {"hours": len(prepared.clips) / PER_HOUR, "clips": len(prepared.clips), "start_s": start}
    return {**made, "start_cpu_s": start_cpu, "memory_gb": max(first, memory_gb()), "batches_per_cpu_s": speed}


def _repeated_store() -> Any:
    from kinescale.training.feature_cache import FeatureStore

    class Repeated(FeatureStore):
        """Features of clip i are those of clip i modulo the part."""

        def lengths(self) -> np.ndarray:
            return np.tile([FRAMES, 0], (len(self.rows) // 2, 1))

        def frames(self, clip: int) -> int:
            return FRAMES

        def read(self, clip: int, mirrored: bool, start: int, length: int) -> np.ndarray:
            first = clip % CLIPS * FRAMES + start
            return self.values[first : first + length]

    return Repeated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", default="1,100,1000")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--captions", type=int, default=2)
    parser.add_argument("--one", type=Path)
    options = parser.parse_args()
    if options.one is not None:
        globals()["Repeated"] = _repeated_store()
        sys.stdout.write(json.dumps(one(options.one, options.batches)))
        return
    found = []
    with tempfile.TemporaryDirectory() as name:
        made_part(Path(name), options.captions)
        for hours in options.hours.split(","):
            folder = repeated(Path(name), float(hours))
            command = [sys.executable, __file__, "--one", str(folder), "--batches", str(options.batches)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
    names = tuple(found[0])
    sys.stdout.write(table(names, [[f"{row[name]:.4g}" for name in names] for row in found]) + "\n")
    save("loader", {"bars": BARS, "sizes": found, "captions_per_clip": options.captions})


if __name__ == "__main__":
    main()
