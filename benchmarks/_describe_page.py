"""The page of the measured captions: how they are made, the tables, and what the disagreements show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _record import table

TEMPLATE = Path(__file__).with_name("describe_page.md")


def page(results: dict[str, Any], classes: dict[str, str]) -> str:
    """The Markdown page with the tables filled in."""
    text = TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "AGREEMENT": _agreement(results, classes),
        "RATES": _rates(results, classes),
        "DISAGREEMENTS": _disagreements(results),
        "SPEED": _speed(results["speed"]),
        "COUNT": f"{results['clips']} clips make {results['claims']} claims; "
        f"{len(results['disagreements'])} are not met.",
    }
    for name, value in parts.items():
        text = text.replace("{" + name + "}", value)
    return text


def _agreement(results: dict[str, Any], classes: dict[str, str]) -> str:
    rows = [
        [
            classes[r["kind"]],
            r["corpus"],
            r["label"],
            str(r["clips"]),
            str(r["agree"]),
            f"{r['agree'] / r['clips']:.3f}",
        ]
        for r in results["agreement"]
    ]
    return table(["what", "corpus", "label", "clips", "agree", "share"], rows)


def _rates(results: dict[str, Any], classes: dict[str, str]) -> str:
    rows = []
    for r in results["real_rates"]:
        if not r["count"]:
            rows.append([r["kind"], "0", "", "no label here names one", ""])
            continue
        interval = f"{r['low']:.3f} to {r['high']:.3f}"
        rows.append([r["kind"], str(r["count"]), f"{r['rate']:.3f}", interval, f"{r['chance']:.3f}"])
    return table(["kind", "claims", "fulfilled", "95 % interval", "by another clip"], rows)


def _disagreements(results: dict[str, Any]) -> str:
    rows = []
    for r in results["disagreements"]:
        claim = {k: v for k, v in r["claim"].items() if k != "kind"}
        said = ", ".join(f"{k} {_plain(v)}" for k, v in claim.items())
        rows.append([f"`{r['clip']}`", r["claim"]["kind"], said, _plain(r["measured"])])
    return table(["clip", "kind", "the label claims", "measured"], rows)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_plain(v) for v in value.values())
    if isinstance(value, list | tuple):
        return " or ".join(map(str, value))
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _speed(speed: dict[str, float]) -> str:
    return (
        f"{speed['clips']} clips of {speed['mean_clip_seconds']:.1f} s on average: "
        f"{speed['per_second_one_process']:.0f} clips a second in one process, "
        f"{speed['per_second_two_processes']:.0f} in two side by side on two cores (the bar is 200); "
        f"{speed['per_processor_second']:.0f} a second of processor time, which a busy machine changes less. "
        "The load of the machine stands in the JSON."
    )
