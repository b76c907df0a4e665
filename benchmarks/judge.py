"""Does the named thing happen? A table of newcomers' prompts, generated over several seeds and measured.

    python benchmarks/judge.py --bundle RUN_OR_BUNDLE --data PREPARED --sheets out/sheets
    python benchmarks/judge.py --bundle RUN_OR_BUNDLE --guidance-scale 3,4,5,6 --temperature 0.8,1
    python benchmarks/judge.py --bundle RUN_OR_BUNDLE --reconstruction PREPARED

The first writes ``docs/results/judge.json`` and ``docs/judge.md``. With several values of a setting it compares
them on other seeds than the reported ones and writes ``docs/results/judge_sweep.json``. The last measures what the
tokens of the first k scales keep of the validation split: ``docs/results/reconstruction.json``.
Each motion is that of ``kinescale generate PROMPT --seed SEED``.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _cases import CASES, Case
from _quality import mean_of, quality
from _reconstruction import reconstruction
from _record import RESULTS, command_line, save, table

from kinescale.core.files import atomic_write_text
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.motion import Motion, canonicalize, mirror
from kinescale.pipelines import FINISH, RAW, PostProcess, TextToMotion
from kinescale.render import render

REPORTED_SEED, CHOOSING_SEED = 100, 0
"""First seeds: those that are reported, and those on which settings are chosen."""

HEAD = {
    "mpjpe_mm": "MPJPE world mm",
    "mpjpe_root_mm": "MPJPE root mm",
    "feature_rmse": "feature RMSE",
    "slide_m_s": "slide m/s",
    "acceleration_p99_m_s2": "acc. p99 m/s²",
    "jerk_mean_m_s3": "jerk m/s³",
}
REAL_CLIPS = 12
LONGEST_REAL_S = 12.0

NOTES = """\
*done*: the share of seeds in which nothing speaks against the prompt; *real*: the same share of recorded clips of
the action, which says how strict the check is. *slide*: mean ground speed of the toes while the foot is down (by
height alone). *jerk*: mean over joints and frames, which a shaking body raises; *acc.*: 99th percentile of the
acceleration. In brackets the same of the recorded clips: of the validation split where it has the action, else of any
split (marked *).
"""


def main() -> None:
    """Parse the command line and do what it asks."""
    chosen = _arguments()
    pipe = TextToMotion.from_pretrained(chosen.bundle)
    shared = {"bundle": pipe.bundle.content_hash, "title": pipe.bundle.title}
    if chosen.reconstruction is not None:
        _reconstruct(pipe, chosen, shared)
        return
    cases = [case for case in CASES if any(word in case.prompt for word in chosen.prompts.split(","))]
    settings = list(_settings(chosen))
    first = chosen.first_seed
    if first is None:
        first = REPORTED_SEED if len(settings) == 1 else CHOOSING_SEED
    shared |= {"seeds": list(range(first, first + chosen.seeds))}
    if len(settings) > 1:
        _sweep(pipe, cases, settings, chosen, shared)
    else:
        _judge(pipe, cases, settings[0], chosen, shared)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="default", help="a bundle's folder, a run's folder, or the default one")
    parser.add_argument("--seeds", type=int, default=8, help="motions a prompt (8)")
    parser.add_argument("--first-seed", type=int, help=f"{REPORTED_SEED}, and {CHOOSING_SEED} to compare settings")
    parser.add_argument("--prompts", default="", help="only prompts that hold one of these words, comma between")
    parser.add_argument("--data", type=Path, help="prepared data, for recorded clips to compare with")
    parser.add_argument("--sheets", type=Path, help="folder for a pose sheet of each prompt")
    parser.add_argument("--sheet-samples", type=int, default=3, help="motions on a sheet (3)")
    parser.add_argument("--guidance-scale", default="", help="values, comma between; the bundle's own when not given")
    parser.add_argument("--temperature", default="", help="the same")
    parser.add_argument("--top-p", default="", help="the same")
    parser.add_argument("--steps", default="", help="passes a scale, such as 1-2-5-10; several with a comma between")
    parser.add_argument(
        "--batch",
        type=int,
        default=1,
        help="clips that share network passes; over 1: samples of seed 0, and a clip may depend on its batch",
    )
    parser.add_argument("--raw", action="store_true", help="leave the motions as decoded")
    parser.add_argument(
        "--smoothing",
        type=float,
        default=FINISH.smoothing,
        help="sigma in frames; as far as clips tremble when not given",
    )
    parser.add_argument("--reconstruction", type=Path, metavar="DATA", help="measure the tokenizer on prepared data")
    parser.add_argument("--limit", type=int, default=0, help="clips of --reconstruction; 0: all")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON (docs/results)")
    parser.add_argument("--page", type=Path, default=Path("docs/judge.md"), help="the Markdown page")
    return parser.parse_args()


def finish_of(chosen: argparse.Namespace) -> PostProcess:
    """How the motions are finished."""
    return RAW if chosen.raw else PostProcess(smoothing=chosen.smoothing)


def _settings(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every combination of the sampler settings that were given."""
    numbers = {name: getattr(chosen, name) for name in ("guidance_scale", "temperature", "top_p")}
    grid = {name: [float(word) for word in given.split(",")] for name, given in numbers.items() if given}
    if chosen.steps:
        grid["steps"] = [tuple(int(n) for n in word.split("-")) for word in chosen.steps.split(",")]
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _made(
    pipe: TextToMotion, case: Case, seeds: list[int], settings: dict[str, Any], chosen: argparse.Namespace
) -> list[tuple[int, Motion]]:
    """A motion for each seed. With ``batch`` over 1 the samples of one seed stand for the seeds."""
    options = {"post_process": finish_of(chosen), "sampling": settings}
    if chosen.batch > 1:
        drawn = pipe(case.prompt, case.seconds, seeds, 0, batch=chosen.batch, shared_passes=True, **options).motions
    else:
        drawn = [pipe(case.prompt, case.seconds, 1, seed, **options).motions[0] for seed in seeds]
    return list(zip(seeds, drawn, strict=True))


def _clips(case: Case, made: list[tuple[int, Motion]]) -> list[dict[str, Any]]:
    rows = []
    for seed, motion in made:
        found = case.found(motion)
        rows.append({"seed": seed, "done": not found, "found": list(found), **quality(motion)})
    return rows


def _share(rows: list[dict[str, Any]]) -> float | None:
    return sum(row["done"] for row in rows) / len(rows) if rows else None


def _judge(
    pipe: TextToMotion, cases: list[Case], settings: dict[str, Any], chosen: argparse.Namespace, shared: dict[str, Any]
) -> None:
    """The reported table."""
    prepared = None if chosen.data is None else open_prepared(chosen.data)
    results = []
    for case in cases:
        made = _made(pipe, case, shared["seeds"], settings, chosen)
        rows = _clips(case, made)
        entry = {"prompt": case.prompt, "seconds": case.seconds, "label": case.label, "done": _share(rows)}
        entry |= {"quality": mean_of(rows), "clips": rows, "real": None if prepared is None else _real(case, prepared)}
        results.append(entry)
        print(f"{case.prompt}: {sum(row['done'] for row in rows)} of {len(rows)}", flush=True)
        if chosen.sheets is not None:
            _sheet(case, made, rows, chosen)
    _, defaults = pipe.bundle.sampler()
    sampler = defaults.but(**settings) if settings else defaults
    report = {
        **shared,
        "settings": sampler.to_json(),
        "batch": chosen.batch,
        "finish": vars(finish_of(chosen)),
        "prompts": results,
    }
    report["done_mean"] = sum(entry["done"] for entry in results) / len(results)
    report["data_hash"] = None if prepared is None else prepared.manifest_hash
    path = save("judge", report, chosen.out)
    page = _page(report)
    chosen.page.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(chosen.page, page)
    print(_table(results), f"\ndone on average: {report['done_mean']:.0%}; see {path} and {chosen.page}", sep="\n")


def _real(case: Case, prepared: Prepared) -> dict[str, Any] | None:
    """The same measures of recorded clips; ``None`` where the data have none."""
    match = {i: way for i, clip in enumerate(prepared.clips) if (way := case.match(clip))}
    held_out = [i for i in match if prepared.clips[i].split == "val"]
    pool = held_out or list(match)
    rows = []
    for index in pool[:: max(1, len(pool) // REAL_CLIPS)][:REAL_CLIPS]:
        motion = prepared.motion(index)
        if motion.duration_s > LONGEST_REAL_S:
            half = round(case.seconds * motion.fps) // 2
            motion = motion.slice(len(motion) // 2 - half, len(motion) // 2 + half)
        motion = mirror(motion) if match[index] < 0 else motion
        found = case.found(canonicalize(motion))
        rows.append({"clip": prepared.clips[index].id, "done": not found, "found": list(found), **quality(motion)})
    if not rows:
        return None
    return {"split": "val" if held_out else "any", "done": _share(rows), "quality": mean_of(rows), "clips": rows}


def _sheet(case: Case, made: list[tuple[int, Motion]], rows: list[dict[str, Any]], chosen: argparse.Namespace) -> None:
    chosen.sheets.mkdir(parents=True, exist_ok=True)
    some = list(zip(made, rows, strict=True))[: chosen.sheet_samples]
    titles = [f"{case.prompt} (seed {seed}): {'; '.join(row['found']) or 'done'}" for (seed, _), row in some]
    name = case.prompt.removeprefix("a person ").replace(" ", "_")
    render([motion for (_, motion), _ in some], chosen.sheets / f"{name}.png", titles=titles)


def _sweep(
    pipe: TextToMotion,
    cases: list[Case],
    settings: list[dict[str, Any]],
    chosen: argparse.Namespace,
    shared: dict[str, Any],
) -> None:
    """A row for each setting."""
    rows = []
    for one in settings:
        done: dict[str, float | None] = {}
        numbers: list[dict[str, Any]] = []
        for case in cases:
            clips = _clips(case, _made(pipe, case, shared["seeds"], one, chosen))
            done[case.prompt] = _share(clips)
            numbers += clips
        mean = sum(value or 0.0 for value in done.values()) / len(done)
        rows.append({"settings": one, "done_mean": mean, "quality": mean_of(numbers), "done": done})
        print(_name(one), f"done {mean:.1%}", flush=True)
    path = save(
        "judge_sweep", {**shared, "batch": chosen.batch, "finish": vars(finish_of(chosen)), "rows": rows}, chosen.out
    )
    cells = [
        [_name(row["settings"]), f"{row['done_mean']:.1%}", *(f"{value:.2f}" for value in row["quality"].values())]
        for row in rows
    ]
    print(table(["settings", "done", "slide m/s", "acc. p99 m/s2", "jerk m/s3"], cells), f"see {path}", sep="\n")


def _name(settings: dict[str, Any]) -> str:
    shown = {name: "-".join(map(str, v)) if isinstance(v, tuple) else f"{v:g}" for name, v in settings.items()}
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _table(results: list[dict[str, Any]]) -> str:
    rows = []
    for entry in results:
        real = entry["real"]
        mark = "*" if real is not None and real["split"] != "val" else ""
        beside = [f" ({value:.2f})" for value in real["quality"].values()] if real else [""] * 3
        numbers = [f"{value:.2f}{more}" for value, more in zip(entry["quality"].values(), beside, strict=True)]
        shown = "" if real is None else f"{real['done']:.0%} of {len(real['clips'])}{mark}"
        rows.append([entry["prompt"], f"{entry['seconds']:g}", f"{entry['done']:.0%}", shown, *numbers])
    return table(["prompt", "s", "done", "real", "slide m/s", "acc. p99 m/s²", "jerk m/s³"], rows)


def _page(report: dict[str, Any]) -> str:
    seeds = report["seeds"]
    failures = []
    for entry in report["prompts"]:
        said = Counter("; ".join(row["found"]) for row in entry["clips"] if not row["done"])
        if said:
            failures.append(f"* {entry['prompt']}: " + " / ".join(reason for reason, _ in said.most_common(3)))
    lines = [
        "# Does the named thing happen?",
        "",
        f"Made by `{command_line()}`; every clip is in `results/judge.json`.",
        f"Bundle `{report['bundle'][:12]}` ({report['title']}), seeds {seeds[0]} to {seeds[-1]}, "
        f"{_name_of_sampler(report['settings'])}.",
        f"On average over the prompts it happens in {report['done_mean']:.0%} of the clips.",
        "",
        _table(report["prompts"]),
        "",
        NOTES,
    ]
    if failures:
        lines += ["What happened instead (at most three examples a prompt):", "", *failures, ""]
    return "\n".join(lines).rstrip() + "\n"


def _name_of_sampler(settings: dict[str, Any]) -> str:
    wanted = ("guidance_scale", "temperature", "top_p", "steps")
    return ", ".join(f"{name} {settings[name]}" for name in wanted if name in settings)


def _reconstruct(pipe: TextToMotion, chosen: argparse.Namespace, shared: dict[str, Any]) -> None:
    found = reconstruction(pipe.bundle, chosen.reconstruction, chosen.limit)
    path = save("reconstruction", {**shared, **found}, chosen.out)
    rows = [
        [group, str(row["clips"]), str(row["scales"]), *(f"{row[name]:.3g}" for name in HEAD)]
        for group, lines in found["groups"].items()
        for row in lines
    ]
    rows += [["recorded", str(found["clips"]), "", "", "", "", *(f"{v:.3g}" for v in found["recorded"].values())]]
    head = ["corpus", "clips", "scales", *HEAD.values()]
    print(table(head, rows), f"see {path}", sep="\n")


if __name__ == "__main__":
    main()
