"""What drawing and coding cost in every system at its published size: random weights, no text encoder.

    python benchmarks/systems.py [--systems moscale,mosa] [--batches 1,32] [--frames 196,40] [--repeats 3]

Each system's HumanML3D recipe in its clean setting, where short clips have short layouts; ``--faithful`` takes the
reference's, which always pays for the longest clip. Every case runs in a process of its own, whose peak memory is
reported. Writes ``docs/results/systems.json``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from _record import RESULTS, save, table

from kinescale import recipes, samplers
from kinescale.bundle.manifest import Part
from kinescale.generators import FAMILY as GENERATORS
from kinescale.samplers.base import SampleRequest
from kinescale.tokens import TextFeatures
from kinescale.training.parts import build_feature, build_generator, build_tokenizer

SYSTEMS = ("momask", "mosa", "moscale", "msq", "scalemogen")
TEXT_TOKENS = 12
CLEAN: dict[str, dict[str, dict[str, Any]]] = {
    "moscale": {
        "tokenizer": {"faithful": False, "mask_padding": True, "max_frames": 224},
        "generator": {"faithful": False},
    },
    "mosa": {
        "tokenizer": {"padding": "masked", "max_frames": 240, "bins": (6, 12, 18, 24, 30, 36, 42, 48, 54, 60)},
        "generator": {"bins": (6, 12, 18, 24, 30, 36, 42, 48, 54, 60)},
    },
    "scalemogen": {"tokenizer": {"faithful": False}, "generator": {"faithful": False}},
    "momask": {"tokenizer": {"mask_padding": True}, "generator": {}},
    "msq": {"tokenizer": {}, "generator": {}},
}
"""What makes each published recipe shrink with the clip: 224 frames are the next multiple of MoScale's coarsest bin,
and MoSa's bins get a common divisor, so that ten latents (40 frames) hold a whole number of each."""


def build(system: str, faithful: bool) -> tuple[Any, Any, Any]:
    """Tokenizer, generator and the recipe's sampling part."""
    recipe = recipes.get(f"{system}.humanml3d")
    changes = {"tokenizer": {}, "generator": {}} if faithful else CLEAN[system]
    feature = build_feature(recipe.feature)
    tokenizer = build_tokenizer(
        Part(name=recipe.tokenizer.name, config={**recipe.tokenizer.config, **changes["tokenizer"]}), feature, 0
    )
    assert recipe.generator is not None
    fields = GENERATORS.get(recipe.generator.name, "Config").model_fields
    text_width = fields["text_width"].default
    text_tokens = fields["text_tokens"].default if "text_tokens" in fields else 77
    part = Part(name=recipe.generator.name, config={**recipe.generator.config, **changes["generator"]})
    return tokenizer.eval(), build_generator(part, tokenizer, text_width, text_tokens, 0).eval(), recipe.sampling


@torch.no_grad()
def measure(system: str, batch: int, frames: int, repeats: int, faithful: bool) -> dict[str, Any]:
    """Seconds of drawing, decoding and encoding (medians), and milliseconds of each scale."""
    tokenizer, generator, sampling = build(system, faithful)
    module = samplers.FAMILY.load(GENERATORS.get(generator_name(system), "SAMPLER"))
    config = module.Config.parse({} if sampling is None else sampling.config)
    width = generator.config.text_width
    text = TextFeatures(torch.randn(batch, TEXT_TOKENS, width), torch.ones(batch, TEXT_TOKENS, dtype=torch.bool))
    whole = -(-frames // tokenizer.layout().stride) * tokenizer.layout().stride
    layout = tokenizer.layout(whole)
    latents = torch.full((batch,), whole // layout.stride)
    drawing, decoding, encoding, scales = [], [], [], []
    features = torch.randn(batch, frames, tokenizer.feature_width)
    for _ in range(repeats):
        rngs = [torch.Generator().manual_seed(seed) for seed in range(batch)]
        marks = [time.perf_counter()]

        def note(scale: int, running: torch.Tensor, marks: list[float] = marks) -> None:
            marks.append(time.perf_counter())

        request = SampleRequest(
            generator=generator,
            codec=tokenizer.codec,
            text=text,
            layout=layout,
            latent_lengths=latents,
            rngs=rngs,
            on_scale=note,
        )
        drawn = module.sample(request, config)
        drawing.append(time.perf_counter() - marks[0])
        scales.append([1000 * (b - a) for a, b in itertools.pairwise(marks)])
        start = time.perf_counter()
        tokenizer.decode(drawn.tokens)
        decoding.append(time.perf_counter() - start)
        start = time.perf_counter()
        tokenizer.encode(features, torch.full((batch,), frames))
        encoding.append(time.perf_counter() - start)
    tokens = batch * int(layout.valid_flat(latents).sum(1)[0])
    return {
        "system": system,
        "batch": batch,
        "frames": frames,
        "faithful": faithful,
        "positions": layout.positions,
        "tokens": tokens,
        "draw_s": statistics.median(drawing),
        "tokens_per_s": tokens / statistics.median(drawing),
        "ms_per_scale": [statistics.median(column) for column in zip(*scales, strict=True)],
        "decode_s": statistics.median(decoding),
        "encode_s": statistics.median(encoding),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "tokenizer_parameters": sum(p.numel() for p in tokenizer.parameters()),
        "generator_parameters": sum(p.numel() for p in generator.parameters()),
    }


def generator_name(system: str) -> str:
    """The generator of a system's published recipe."""
    part = recipes.get(f"{system}.humanml3d").generator
    assert part is not None
    return part.name


def case_order(case: dict[str, Any]) -> tuple[str, int, int]:
    """By system, batch, and length, the longest first."""
    return case["system"], case["batch"], -case["frames"]


def main() -> None:
    """Measure every case, each in a process of its own; print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--frames", default="196,40")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--faithful", action="store_true")
    parser.add_argument("--one", action="store_true", help="measure the one case here and print its JSON")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    batches, lengths = ([int(x) for x in text.split(",")] for text in (chosen.batches, chosen.frames))
    if chosen.one:
        print(json.dumps(measure(chosen.systems, batches[0], lengths[0], chosen.repeats, chosen.faithful)))
        return
    cases = []
    for system in chosen.systems.split(","):
        for batch in batches:
            for frames in lengths:
                words = ["--systems", system, "--batches", str(batch), "--frames", str(frames)]
                words += ["--repeats", str(chosen.repeats if batch == 1 else 1), "--one"]
                words += ["--faithful"] if chosen.faithful else []
                done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
                cases.append(json.loads(done.stdout.splitlines()[-1]))
                print(system, batch, frames, f"{cases[-1]['draw_s']:.2f} s", flush=True)
    name = "systems_faithful" if chosen.faithful else "systems"
    before = chosen.out / f"{name}.json"
    if before.is_file() and set(chosen.systems.split(",")) != set(SYSTEMS):
        # some systems measured again: the others' figures stay
        kept = json.loads(before.read_text(encoding="utf-8"))["cases"]
        cases = sorted([c for c in kept if c["system"] not in chosen.systems.split(",")] + cases, key=case_order)
    path = save(name, {"cases": cases}, chosen.out)
    head = ["system", "batch", "frames", "positions", "draw s", "tokens/s", "decode s", "encode s", "memory GB"]
    rows = [
        [
            *(str(case[key]) for key in ("system", "batch", "frames", "positions")),
            f"{case['draw_s']:.2f}",
            f"{case['tokens_per_s']:.0f}",
            f"{case['decode_s']:.2f}",
            f"{case['encode_s']:.2f}",
            f"{case['peak_memory_gb']:.2f}",
        ]
        for case in cases
    ]
    print(table(head, rows), f"see {path}", sep="\n")


if __name__ == "__main__":
    main()
