"""The model card: what a bundle is, how it was trained, on whose data, what it cannot do, how to use it."""

from __future__ import annotations

import json

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.manifest import License
from kinescale.core.markdown import markdown_link, plain_markdown

PIPELINE_TAG = "other"
"""The hub has no task of its own for text to motion; the tags name it."""

TAGS = ("text-to-motion", "motion-generation", "human-motion")


def model_card(bundle: Bundle) -> str:
    """The card as Markdown with the YAML front matter hubs read."""
    sections = [
        _front_matter(bundle),
        f"# {plain_markdown(bundle.title) or 'A Kinescale bundle'}",
        _what(bundle),
        _usage(bundle),
        _training(bundle),
        _limits(bundle),
        _licenses(bundle.licenses),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(bundle: Bundle) -> str:
    names = sorted({item.name for item in bundle.licenses})
    lines = ["library_name: kinescale", f"pipeline_tag: {PIPELINE_TAG}", "license: other"]
    lines.append(f"license_name: {json.dumps('; '.join(names) or 'unstated')}")
    links = [item.url for item in bundle.licenses if item.url]
    if links:
        lines.append(f"license_link: {json.dumps(links[0])}")
    lines += ["language: [en]", "tags:", *(f"- {tag}" for tag in TAGS)]
    return "---\n" + "\n".join(lines) + "\n---"


def _what(bundle: Bundle) -> str:
    manifest, feature = bundle.manifest, bundle.feature
    rows = [
        (
            "motion",
            f"{len(feature.skeleton)} joints ('{feature.skeleton.name}'), {feature.fps:g} frames per second",
        ),
        ("clip length", f"{bundle.stride / feature.fps:.2f} to {bundle.max_frames / feature.fps:.2f} s"),
        ("feature", f"{manifest.feature.name}, {feature.width} numbers a frame"),
        ("tokenizer", f"{manifest.tokenizer.name}, {bundle.parameters['tokenizer']:,} parameters"),
    ]
    if manifest.generator is not None:
        rows.append(("generator", f"{manifest.generator.name}, {bundle.parameters['generator']:,} parameters"))
    if manifest.length is not None:
        rows.append(("length estimator", f"{bundle.parameters['length']:,} parameters"))
    if manifest.text is not None:
        rows.append(("text encoder", manifest.text.name))
    if manifest.sampling is not None:
        rows.append(("sampler", f"{manifest.sampling.name} {json.dumps(manifest.sampling.config, sort_keys=True)}"))
    return _table(rows)


def _usage(bundle: Bundle) -> str:
    if bundle.generator is None:
        return "## Use\n\n    kinescale reconstruct clip.bvh -o out.bvh --bundle THIS_FOLDER"
    return """## Use

    kinescale generate "a person walks forward" -o walk.bvh --bundle THIS_FOLDER

```python
from kinescale import TextToMotion, write_motion

pipe = TextToMotion.from_pretrained("THIS_FOLDER")
motion = pipe("a person walks forward", seconds=4.0, seed=0).motions[0]
write_motion(motion, "walk.bvh")
```"""


def _training(bundle: Bundle) -> str:
    made = bundle.provenance
    rows = [
        ("recipe", made.recipe),
        ("command", made.command),
        ("data", made.data),
        ("data manifest (SHA-256)", made.data_manifest_sha256),
        ("steps", ", ".join(f"{name} {count:,}" for name, count in made.steps.items())),
        ("weights chosen on", made.chosen_on),
        ("device", made.device),
        ("wall time", f"{made.wall_s / 3600:.2f} h" if made.wall_s else ""),
        ("curves", made.curves),
        ("revision", made.revision),
        *((name, f"{value:.4g}") for name, value in made.results.items()),
        *(("imported", line) for line in made.imported),
        *(("assumed", line) for line in made.assumed),
    ]
    known = [row for row in rows if row[1]]
    return "## How it was trained\n\n" + (_table(known) if known else "Not recorded.")


def _limits(bundle: Bundle) -> str:
    limits = bundle.provenance.limits
    listed = "\n".join(f"- {plain_markdown(line)}" for line in limits) if limits else "Not recorded."
    return f"## What it cannot do\n\n{listed}"


def _licenses(licenses: tuple[License, ...]) -> str:
    if not licenses:
        return "## Licenses of the training data\n\nNot recorded: ask its maker before you share it."
    lines = []
    for item in licenses:
        name = markdown_link(item.name, item.url)
        terms = ["share alike"] * item.share_alike + ["not for commercial use"] * item.non_commercial
        line = f"- **{plain_markdown(item.source)}**: {name}" + (f" ({', '.join(terms)})" if terms else "") + "."
        lines.append(line + (f" {plain_markdown(item.attribution)}" if item.attribution else ""))
    note = "They follow the data into these weights and into the motions made with them."
    return "## Licenses of the training data\n\n" + "\n".join(lines) + f"\n\n{note}"


def _table(rows: list[tuple[str, str]]) -> str:
    escaped = [f"| {plain_markdown(name)} | {plain_markdown(value)} |" for name, value in rows]
    return "\n".join(["| | |", "| --- | --- |", *escaped])
