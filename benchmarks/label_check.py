"""Check the labels of Bandai-Namco and HDM05 clips against their motion; write the table of contradictions.

    python benchmarks/label_check.py FOLDER [--out docs]

FOLDER holds the corpora unpacked, in the layouts their publishers use. Writes ``label_check.json`` (every
contradicted clip with what speaks against its label) and ``label_check.md`` (the same for reading).
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from kinescale.core.files import atomic_write_text
from kinescale.core.records import write_json
from kinescale.data.datasets import bandai_namco, hdm05
from kinescale.data.label_check import contradictions

CORPORA = {"bandai_namco": bandai_namco, "hdm05": hdm05}

SEEN = """\
## What the pictures show

Every contradicted clip was drawn as a strip of stick figures with the path seen from above, beside clips of
the same action that passed.

* `walk-turn-left_masculine_006`, `_007` and `walk-turn-right_masculine_007` walk straight and turn one corner
  of about 90 degrees to the *other* side: the labels are swapped.
* `walk-turn-left_normal_031`, `_032` and `_033` turn left, walk on, and in the last second begin to turn
  around to the left, towards the start: the label holds for most of the clip, not for all of it.
* `walk-turn-right_normal_004` and `_032` do the same after a right turn, but turn around to the left at the
  end, so that the net turn is to the left.
* `walk-turn-right_masculine_006` takes a step or two, turns around to the left, walks back and turns left once
  more; there is no right turn in it.
* `wave-left-hand_active_011` lasts 0.6 seconds: the left arm goes up and down once.

What these clips show instead is in `data/datasets/bandai_namco/corrections.toml`.

Looked at and let pass: 25 of the 28 `run_elderly` clips and `run_sad` never have both feet off the floor; it
is a shuffling jog (2.3 to 3 short steps a second, arms bent), which a person watching would still call a run.
`bye_sad` waves at the height of the waist. `raise-up-right-hand_exhausted_016` holds up a hand that sways a
little. The feminine waves move the wrist by a few centimeters only.

Not checked: dances, styles, which foot a walk starts with, and what needs objects or the shape of the hand.
"""


def main() -> None:
    """Read every clip below the folder, check it, and write the two tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--out", type=Path, default=Path("docs"))
    chosen = arguments.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    rows: list[dict[str, object]] = []
    for name, corpus in CORPORA.items():
        for clip in corpus.find(chosen.folder):
            counts[name, clip.action] += 1
            found = contradictions(corpus.load(clip), clip.action)
            if found:
                rows.append({"clip": clip.id, "label": clip.action, "style": clip.style, "found": list(found)})
    checked = {
        name: {action: count for (corpus, action), count in sorted(counts.items()) if corpus == name}
        for name in CORPORA
    }
    write_json(chosen.out / "label_check.json", {"checked": checked, "contradicted": rows})
    atomic_write_text(chosen.out / "label_check.md", page(counts, rows))
    print(f"{len(rows)} of {sum(counts.values())} labels contradicted; see {chosen.out / 'label_check.md'}")


def page(counts: Counter[tuple[str, str]], rows: list[dict[str, object]]) -> str:
    """The Markdown page."""
    wrong = Counter((str(row["clip"]).split("/")[0], str(row["label"])) for row in rows)
    lines = [
        "# Labels against motion",
        "",
        "Made by `python benchmarks/label_check.py FOLDER`; the numbers are in `label_check.json`. The rules are in",
        "`data/label_check.py`: which hand rises and waves, where the hips turn and go, how fast, which foot kicks.",
        "",
        f"{len(rows)} of {sum(counts.values())} labels are contradicted by the motion.",
        "",
        "| clip | what speaks against the label | captioned as |",
        "| --- | --- | --- |",
    ]
    for row in rows:
        take = str(row["clip"]).split("/")[1]
        instead = bandai_namco.corrected_actions().get(take) or (
            "by hand" if take in bandai_namco.corrected_captions() else "its label"
        )
        found = row["found"]
        said = "; ".join(found) if isinstance(found, list) else str(found)
        lines.append(f"| `{row['clip']}` | {said} | {instead} |")
    lines += [
        "",
        SEEN,
        "## Counts",
        "",
        "| corpus | label | clips | contradicted |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {corpus} | {action} | {n} | {wrong[corpus, action]} |" for (corpus, action), n in sorted(counts.items())
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
