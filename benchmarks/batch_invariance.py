"""Is a clip the same clip in any batch, on one thread and two, whatever instructions the kernels use?

    python benchmarks/batch_invariance.py [--clips 1000] [--systems default,mosa] [--environments avx2] [--seconds 600]

Draws clips of the default bundle and of all five systems at debug size (random weights, which flip more easily than
trained ones) each in a call of its own, and again in batches of 3, 8 and 32, on one thread and on two, on the default
path and with shared network passes; edits and stories too. On the default path a clip *flips* when one token or one
bit of its motion differs; elsewhere when a token does, since the decoder's last bits may.

``--clips`` counts the clips of all systems together, per environment. A clip of the default bundle costs as much as a
dozen of a debug-sized system, so that it gets ``--default-share`` of them and the systems share the rest. Every
environment is a process of its own, since kernels read those variables once. What is measured is kept in ``--work``, so
that a run that was stopped (or ran out of ``--seconds``) goes on where it was. Writes
``docs/results/batch_invariance.json`` and the table in ``docs/batch_invariance.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from _record import RESULTS, save, table

from kinescale.core.records import write_json

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = ("moscale", "mosa", "scalemogen", "msq", "momask", "default")
BATCHES = (3, 8, 32)
THREADS = (1, 2)
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "plain": {},
    "aten avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "aten default": {"ATEN_CPU_CAPABILITY": "default"},
    "onednn avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "mkl avx2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
PROMPTS = (
    "a person walks forward",
    "a person jumps up and down twice",
    "someone waves the right hand",
    "a man sits down on a chair and gets up again",
    "a person turns around to the left",
    "a woman kicks with her left leg",
    "someone runs in a circle",
)
SECONDS = 2.0
DEFAULT_SHARE = 0.05
EDITS = 4
# Threads that wait without turning round: on a busy machine two threads take minutes otherwise.
WAITING = {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
PAGE = ROOT / "docs" / "batch_invariance.md"
BEGIN, END = "<!-- table: begin (benchmarks/batch_invariance.py) -->", "<!-- table: end -->"


# In a process of its own


def measure(system: str, clips: int) -> dict[str, Any]:
    """Flips of each way of drawing against clips that are drawn alone on one thread, and what each clip is."""
    import torch

    from kinescale.nn.threads import use_threads
    from kinescale.pipelines import RAW, TextToMotion

    pipe = TextToMotion(bundle_of(system))
    samples = list(range(-(-clips // len(PROMPTS))))
    settings: dict[str, Any] = {"seconds": SECONDS, "seed": 11, "post_process": RAW}
    torch.set_num_threads(1)
    pipe(PROMPTS[0], **settings)
    alone, begun = [], time.process_time()
    for prompt in PROMPTS:
        for sample in samples:
            alone += marks(pipe(prompt, samples=[sample], **settings))
    ways: dict[str, Any] = {"own passes, alone, 1 thread": cost(begun, len(alone), 0)}
    for threads in THREADS:
        for batch in (1, *BATCHES):
            for shared in (False, True) if batch > 1 else (False,):
                torch.set_num_threads(threads)
                begun = time.process_time()
                # the default path has a number of threads of its own; shared passes get torch's
                with use_threads(threads if shared else 1):
                    made = marks(pipe(PROMPTS, samples=samples, batch=batch, shared_passes=shared, **settings))
                name = f"{'shared' if shared else 'own'} passes, batch {batch}, {threads} thread{'s' * (threads > 1)}"
                ways[name] = cost(begun, len(made), differing(alone, made, tokens_only=shared))
    with use_threads(2):
        begun = time.process_time()
        made = marks(pipe(PROMPTS, samples=samples, **settings))
    ways["own passes, made on 2 threads"] = cost(begun, len(made), differing(alone, made, tokens_only=True))
    return {"system": system, "clips": len(alone), "ways": ways, **edits(pipe.bundle), "motions": alone}


def edits(bundle: Any) -> dict[str, Any]:
    """Flips of edits made together against each made alone, and of stories on another number of threads."""
    import torch

    from edit_bundles import made_clip
    from kinescale.pipelines import EditOptions, Editor, EditRegion, Segment, Timeline, TimelinePipeline

    editor, clip = Editor(bundle), made_clip(60)
    region = EditRegion.of(clip, frames=(20, 40))

    def edited(samples: int | list[int]) -> list[str]:
        made = editor.edit(clip, PROMPTS[1], region, options=EditOptions(samples, seed=5))
        return [mark(motion) for motion in made.motions]

    def sampled() -> str:
        return mark(TimelinePipeline(bundle)(timeline, options=EditOptions(seed=3)).motion)

    torch.set_num_threads(1)
    alone = [edited([i])[0] for i in range(EDITS)]
    timeline = Timeline(tuple(Segment(prompt, i, i + 1.0) for i, prompt in enumerate(PROMPTS[:3])))
    told = sampled()
    flipped = stories = 0
    for threads in THREADS:
        torch.set_num_threads(threads)
        flipped += differing(alone, edited(EDITS))
        stories += told != sampled()
    count = EDITS * len(THREADS)
    return {"edits": {"clips": count, "flips": flipped}, "stories": {"clips": len(THREADS), "flips": stories}}


def bundle_of(system: str) -> Any:
    """The default bundle, or a system's debug recipe with random weights."""
    from kinescale.bundle import Bundle

    if system == "default":
        return Bundle.from_pretrained()
    from edit_bundles import debug_bundle

    return debug_bundle(system)


def marks(made: Any) -> list[str]:
    """Of each clip, a digest of its tokens and one of its motion."""
    pairs = zip(made.motions, made.tokens, strict=True)
    return [f"{digest(*tokens.scales)} {mark(motion)}" for motion, tokens in pairs]


def mark(motion: Any) -> str:
    """A digest of all numbers of a motion."""
    return digest(motion.root, motion.rotations)


def digest(*tensors: Any) -> str:
    """A digest of all bits."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def differing(one: Sequence[str], other: Sequence[str], *, tokens_only: bool = False) -> int:
    """How many differ."""
    words = 1 if tokens_only else 2
    return sum(a.split()[:words] != b.split()[:words] for a, b in zip(one, other, strict=True))


def cost(begun: float, clips: int, flips: int) -> dict[str, Any]:
    """Clips, flips, and processor time a clip since ``begun``."""
    return {"clips": clips, "flips": flips, "cpu_ms_a_clip": 1000 * (time.process_time() - begun) / clips}


# All of them


def shares(systems: Sequence[str], clips: int, default: float) -> dict[str, int]:
    """How many of ``clips`` each system draws: a multiple of the prompts, ``default`` of all for the default bundle."""
    others = [system for system in systems if system != "default"]
    kept = clips * (default if others else 1.0) if "default" in systems else 0.0
    wanted = {"default": kept} | {system: (clips - kept) / len(others) for system in others}
    return {system: len(PROMPTS) * max(1, -(-round(wanted[system]) // len(PROMPTS))) for system in systems}


def collect(counts: dict[str, int], names: Sequence[str], work: Path, seconds: float) -> dict[str, Any]:
    """What every process found, by environment and system; those that are there already are not run again."""
    work.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + seconds
    found: dict[str, Any] = {}
    for name in names:
        paths = {system: work / f"{name.replace(' ', '_')}-{system}-{each}.json" for system, each in counts.items()}
        left = {system: counts[system] for system, path in paths.items() if not path.is_file()}
        if left and time.monotonic() < until:
            for result in in_environment(ENVIRONMENTS[name], left):
                write_json(paths[result["system"]], result)
                print(name, result["system"], flush=True)
        done = {
            system: json.loads(path.read_text(encoding="utf-8")) for system, path in paths.items() if path.is_file()
        }
        if done:
            found[name] = done
    return found


def in_environment(variables: dict[str, str], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    """What one process with these variables measures of each system, as it comes."""
    asked = ",".join(f"{system}:{clips}" for system, clips in counts.items())
    folders = os.pathsep.join([str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": folders, **WAITING, **variables}
    words = [sys.executable, __file__, "--one", asked]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(f"{variables}, {asked}: ended with {process.returncode}")


def summed(found: dict[str, Any], pick: Callable[[str], bool]) -> tuple[int, int]:
    """Flips and clips of the ways that ``pick`` takes, over all systems."""
    ways = [way for one in found.values() for name, way in one["ways"].items() if pick(name)]
    return sum(way["flips"] for way in ways), sum(way["clips"] for way in ways)


def row_of(name: str, found: dict[str, Any], plain: dict[str, Any]) -> list[str]:
    """A row of the table: flips of clips drawn."""
    cells = [summed(found, lambda way: way.startswith("own") and "made on" not in way)]
    for key in ("edits", "stories"):
        cells.append((sum(o[key]["flips"] for o in found.values()), sum(o[key]["clips"] for o in found.values())))
    cells += [summed(found, lambda way, b=batch: way.startswith(f"shared passes, batch {b},")) for batch in BATCHES]
    cells.append(summed(found, lambda way: "made on" in way))
    pairs = [(plain[s]["motions"], one["motions"]) for s, one in found.items() if s in plain]
    cells.append((sum(differing(a, b, tokens_only=True) for a, b in pairs), sum(len(a) for a, _ in pairs)))
    return [name, *(f"{flips} of {clips}" for flips, clips in cells)]


def costs(found: dict[str, Any]) -> list[list[str]]:
    """Rows of processor time a clip: alone, and in shared passes."""
    ways = ["own passes, alone, 1 thread", *(f"shared passes, batch {batch}, 1 thread" for batch in BATCHES)]
    return [[name, *(f"{one['ways'][way]['cpu_ms_a_clip']:.0f}" for way in ways)] for name, one in found.items()]


def flags() -> list[str]:
    """Instruction sets that the processor offers and kernels choose by."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    known = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return [flag for flag in known if flag.startswith(("sse4", "avx", "fma", "amx", "f16c"))]


def main() -> None:
    """Measure, print the table, write the JSON and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument(
        "--default-share", type=float, default=DEFAULT_SHARE, help="of the clips, for the default bundle"
    )
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--environments", default=",".join(ENVIRONMENTS))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start nothing new after so long")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kinescale_batch_invariance")
    parser.add_argument("--one", default="", help="measure SYSTEM:CLIPS,... here, a line of JSON each")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    if chosen.one:
        for system, clips in (asked.split(":") for asked in chosen.one.split(",")):
            print(json.dumps(measure(system, int(clips))), flush=True)
        return
    names = ["plain", *(name for name in chosen.environments.split(",") if name != "plain")]
    counts = shares(chosen.systems.split(","), chosen.clips, chosen.default_share)
    found = collect(counts, names, chosen.work, chosen.seconds)
    head = ["environment", "default path", "edits", "stories", *(f"shared, {b}" for b in BATCHES)]
    plain = found["plain"]
    flips = table([*head, "2 threads", "against plain"], [row_of(name, one, plain) for name, one in found.items()])
    times = table(["system", "alone", *(f"shared, {batch}" for batch in BATCHES)], costs(plain))
    for one in found.values():
        for result in one.values():
            del result["motions"]
    results = {"processor_flags": flags(), "environments": ENVIRONMENTS, "results": found}
    path = save("batch_invariance", results, chosen.out)
    print(flips, times, f"see {path}", sep="\n\n")
    if chosen.out == RESULTS and PAGE.is_file():
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        shown = f"{flips}\n\nProcessor time of a clip, milliseconds, environment *plain*, one thread:\n\n{times}"
        PAGE.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
