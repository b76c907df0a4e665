"""Provenance of an evaluation: hashes and origins of data, bundle and evaluator, and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.manifest import CHOSEN_ON, variant_of
from kinescale.data.prepared import Prepared
from kinescale.evaluation.clips import Chosen
from kinescale.evaluation.plan import plain
from kinescale.evaluation.record import BundleAbout, DataAbout, EvaluatorAbout, Request


def about_data(chosen: Chosen, split: str) -> DataAbout:
    """The data's record."""
    prepared, corpora = chosen.prepared, Counter(clip.corpus for clip in chosen.clips)
    return DataAbout(
        hash=prepared.manifest_hash,
        split=split,
        corpora=dict(sorted(corpora.items())),
        clips=len(chosen),
        left_out=chosen.left_out,
        skeleton=prepared.skeleton.name,
        fps=prepared.fps,
    )


def about_bundle(bundle: Bundle, prepared: Prepared) -> BundleAbout:
    """The bundle's record."""
    made = bundle.provenance
    known = made.data_manifest_sha256
    return BundleAbout(
        title=bundle.title,
        hash=bundle.content_hash,
        recipe=made.recipe,
        chosen_on=made.chosen_on,
        trained_on=made.data,
        same_data=known == prepared.manifest_hash if known else None,
        skeleton=bundle.feature.skeleton.name,
        fps=bundle.feature.fps,
    )


def about_evaluator(evaluator: EvaluatorBundle) -> EvaluatorAbout:
    """The evaluator's record."""
    made = evaluator.provenance
    return EvaluatorAbout(
        title=evaluator.title,
        hash=evaluator.content_hash,
        feature=variant_of(evaluator.feature),
        chosen_on=made.chosen_on,
        trained_on=made.data,
        held_out_pairs=made.held_out_pairs,
    )


def notes(request: Request, bundle: Bundle, chosen: Chosen, evaluator: EvaluatorBundle | None) -> list[str]:
    """Notes that qualify the numbers, a sentence each."""
    made, prepared = bundle.provenance, chosen.prepared
    found = [f"{count} clips were left out: {reason}." for reason, count in chosen.left_out.items()]
    found.append(_choice(made.chosen_on))
    known = made.data_manifest_sha256
    if known and known != prepared.manifest_hash:
        found.append("The bundle was trained on other data than these (or the same prepared otherwise).")
    found.append(_repeated(chosen))
    if bundle.candidates > 1:
        found.append(
            f"Each motion is the best of up to {bundle.candidates} draws, chosen by claims of its prompt measured as "
            "the instructions and prompts here are: these rates are not those of single draws."
        )
    if request.split == "train" and known == prepared.manifest_hash:
        found.append("These clips were trained on: the numbers say nothing of new ones.")
    if len(request.settings) > 1:
        what = " on the test split; to choose one, look at --split val" if request.split == "test" else ""
        found.append(f"{len(request.settings)} settings are shown and none is chosen{what}.")
    if not request.multimodality and evaluator is not None:
        found.append("Multimodality was not measured; --multimodality makes the motions that it needs.")
    for whose, feature in _looking(bundle, evaluator):
        if feature.skeleton != prepared.skeleton or feature.fps != prepared.fps:
            found.append(
                f"Recordings ({prepared.skeleton.name}, {prepared.fps:g} fps) were brought to the {whose}'s "
                f"{feature.skeleton.name} at {feature.fps:g} fps."
            )
    return found


def _repeated(chosen: Chosen) -> str:
    """Share of the first captions that occur word for word among the training captions."""
    trained = {plain(text) for clip in chosen.prepared.clips if clip.split == "train" for text in clip.captions}
    share = sum(plain(clip.captions[0]) in trained for clip in chosen.clips) / len(chosen)
    return f"{share:.0%} of the clips' first captions occur word for word among the captions of the training split."


def _choice(chosen_on: str) -> str:
    """Which split chose the bundle's weights."""
    if not chosen_on:
        return "The bundle does not record which split chose its weights."
    if chosen_on == CHOSEN_ON[0]:
        return "No split chose the bundle's weights: they are those of the last step."
    return f"The bundle's weights were chosen on {chosen_on}."


def _looking(bundle: Bundle, evaluator: EvaluatorBundle | None) -> Iterable[tuple[str, Any]]:
    yield "bundle", bundle.feature
    if evaluator is not None:
        yield "evaluator", evaluator.feature
