"""EvaluatorBundle: a trained evaluator with its feature, statistics and text encoder, as a folder like a bundle's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

import kinescale
from kinescale import evaluators, features, text
from kinescale.bundle.bundle import build_text_encoder, parse_part, part_of
from kinescale.bundle.evaluator_manifest import EvaluatorManifest, read_evaluator_manifest
from kinescale.bundle.header import read_shapes
from kinescale.bundle.hub import new_folder
from kinescale.bundle.manifest import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    License,
    Part,
    Provenance,
    variant_of,
)
from kinescale.bundle.weights import (
    at_most_modules,
    check_digest,
    check_shapes,
    module_shapes,
    put_weights,
    read_weights,
    shapes_only,
    write_weights,
)
from kinescale.core.errors import BundleError, InputError
from kinescale.core.files import atomic_write_text, sha256_file
from kinescale.core.markdown import plain_markdown as plain
from kinescale.core.records import json_hash, write_json
from kinescale.evaluators import Evaluator
from kinescale.evaluators.base import embed_in_chunks, frozen
from kinescale.features import Feature, Normalizer
from kinescale.motion import Motion
from kinescale.text import TextEncoder
from kinescale.tokens import TextFeatures


@dataclass(frozen=True, eq=False)
class EvaluatorBundle:
    """An evaluator ready for use on motions and sentences.

    ``text``: family name and config of the text encoder; ``None`` where token features come from elsewhere.
    ``offline``: whether its weights may be downloaded. Raises ``BundleError`` when the parts do not fit each other.
    """

    feature: Feature
    normalizer: Normalizer
    evaluator: Evaluator
    text: Part | None = None
    licenses: tuple[License, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    title: str = ""
    offline: bool = True

    def __post_init__(self) -> None:
        widths = (self.feature.width, self.normalizer.mean.shape[0], self.evaluator.feature_width)
        if len(set(widths)) > 1:
            raise BundleError(
                f"the evaluator's parts do not fit: features {widths[0]} wide, statistics {widths[1]}, network "
                f"{widths[2]}."
            )
        frozen(self.evaluator)

    @cached_property
    def manifest(self) -> EvaluatorManifest:
        """The content of ``config.json``."""
        return EvaluatorManifest(
            kinescale_version=kinescale.__version__,
            title=self.title,
            feature=part_of(self.feature),
            evaluator=part_of(self.evaluator),
            text=self.text,
            licenses=list(self.licenses),
            provenance=self.provenance,
        )

    def tensors(self) -> dict[str, Tensor]:
        """All weights by the names they are stored under."""
        weights = {f"evaluator.{key}": value for key, value in self.evaluator.state_dict().items()}
        return {"normalizer.mean": self.normalizer.mean, "normalizer.std": self.normalizer.std, **weights}

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all that decides the embeddings: family names, configs and weights as loaded."""
        manifest = self.manifest
        plain = {name: getattr(manifest, name) for name in ("feature", "evaluator", "text")}
        digest = hashlib.sha256(json_hash({k: None if v is None else v.to_json() for k, v in plain.items()}).encode())
        for key, value in sorted(self.tensors().items()):
            digest.update(f"{key}{tuple(value.shape)}{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """Built on first use; ``BundleError`` when there is none or its width is not what the evaluator reads."""
        if self.text is None:
            raise BundleError("this evaluator has no text encoder of its own; give token features to embed_text.")
        encoder = build_text_encoder(self.text, offline=self.offline)
        if encoder.width != self.evaluator.text_width:
            raise BundleError(f"the text encoder is {encoder.width} wide; the evaluator {self.evaluator.text_width}.")
        return encoder

    def reads_columns(self, feature: Feature) -> bool:
        """Whether another feature has the columns that the evaluator reads."""
        return (variant_of(feature), feature.width) == (variant_of(self.feature), self.feature.width)

    @torch.no_grad()
    def embed_text(self, said: Sequence[str] | TextFeatures, chunk: int = 256) -> Float[Tensor, "N D"]:
        """Sentences, or their token features, to the evaluator's space; on the CPU."""
        where = next(self.evaluator.parameters()).device
        found = []
        for at in range(0, len(said), chunk):
            if isinstance(said, TextFeatures):
                part = TextFeatures(said.tokens[at : at + chunk], said.mask[at : at + chunk])
            else:
                part = self.text_encoder.encode(said[at : at + chunk])
            found.append(self.evaluator.embed_text(part.to(where)).cpu())
        if not found:
            raise InputError("there is no sentence to embed; give at least one.")
        return torch.cat(found)

    def embed_features(
        self, values: Float[Tensor, "N T F"], lengths: Int[Tensor, "N"]
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D2"]]:
        """Features as the feature makes them (not normalized), to embeddings and FID features; on the CPU."""
        inside = torch.arange(values.shape[1])[None] < lengths[:, None]
        scaled = self.normalizer.apply(values.float()).masked_fill(~inside[..., None], 0.0)
        return embed_in_chunks(self.evaluator, scaled, lengths)

    def embed_motions(self, motions: Sequence[Motion]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D2"]]:
        """Motions on the feature's skeleton and frame rate; longer ones count up to the longest it takes."""
        if not motions:
            raise InputError("there is no motion to embed; give at least one.")
        rows = [self.feature.from_motion(motion)[: self.evaluator.max_frames].float() for motion in motions]
        return self.embed_features(
            torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])
        )

    def save_pretrained(
        self, folder: str | Path, *, weights: Literal["fp32", "fp16"] = "fp32", force: bool = False
    ) -> Path:
        """Write the folder, whole or not at all; an older evaluator there is replaced only with ``force``."""
        target = Path(folder)
        _check_target(target, force)
        try:
            with new_folder(target) as temporary:
                stored = temporary / WEIGHTS_FILE
                write_weights(stored, self.tensors(), half=weights == "fp16")
                manifest = self.manifest.but(weights_sha256=sha256_file(stored))
                write_json(temporary / CONFIG_FILE, manifest.to_json())
                atomic_write_text(temporary / CARD_FILE, self.card())
        except OSError as problem:
            raise InputError(f"cannot write {target} ({problem.strerror or problem}); choose another place.") from None
        return target

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, offline: bool = True, device: torch.device | str = "cpu"
    ) -> EvaluatorBundle:
        """Load a folder (or a training run's); names are looked up in the families, nothing in it is executed.

        Text weights that the folder only names are downloaded with ``offline=False`` alone.
        """
        place = Path(folder).expanduser()
        if not (place / CONFIG_FILE).is_file() and (place / "evaluator_bundle" / CONFIG_FILE).is_file():
            place = place / "evaluator_bundle"
        manifest = read_evaluator_manifest(place)
        path = place / WEIGHTS_FILE
        found = read_shapes(path)
        check_digest(path, manifest.weights_sha256)
        feature = features.FAMILY.get(_known(features, manifest.feature), "build")(
            parse_part(features.FAMILY, manifest.feature)
        )
        make = evaluators.FAMILY.get(_known(evaluators, manifest.evaluator), "Evaluator")
        config = parse_part(evaluators.FAMILY, manifest.evaluator)
        try:
            with shapes_only(), at_most_modules(4 * len(found) + 64):
                expected = module_shapes("evaluator", make(config))
        except (RuntimeError, TypeError, ValueError) as problem:
            reason = " ".join(str(problem).split())[:160]
            raise BundleError(f"{place}: the evaluator cannot be built from its config ({reason}).") from None
        check_shapes(
            path, found, {**expected, **dict.fromkeys(("normalizer.mean", "normalizer.std"), (feature.width,))}
        )
        with torch.random.fork_rng(devices=[]):
            network = make(config)
        tensors = read_weights(path)
        put_weights(path, "evaluator", network, tensors)
        if manifest.text is not None:
            parse_part(text.FAMILY, manifest.text)
        return cls(
            feature=feature,
            normalizer=Normalizer(tensors["normalizer.mean"].float(), tensors["normalizer.std"].float()),
            evaluator=network.to(device),
            text=manifest.text,
            licenses=tuple(manifest.licenses),
            provenance=manifest.provenance,
            title=manifest.title,
            offline=offline,
        )

    def card(self) -> str:
        """What it is, in a page."""
        made, network = self.provenance, self.evaluator
        lines = [
            f"# {plain(self.title) or 'A Kinescale evaluator'}",
            "A frozen network that metrics look through (FID, R-precision). It is no generator.",
            f"- network: {self.manifest.evaluator.name}, {sum(p.numel() for p in network.parameters()):,} parameters",
            f"- reads: {self.manifest.feature.name}, {self.feature.width} numbers a frame, "
            f"{network.min_frames} to {network.max_frames} frames at {self.feature.fps:g} a second",
            f"- text: {'given as token features' if self.text is None else plain(json.dumps(self.text.to_json()))}",
            f"- trained: {plain(made.recipe) or 'not recorded'}; {plain(made.data) or 'data not recorded'}",
            f"- steps: {made.steps.get('evaluator', 'not recorded')}",
            f"- weights chosen on: {plain(made.chosen_on) or 'not recorded'}",
            f"- pairs of action and style kept from training: {made.held_out_pairs:.0%}",
            f"- content hash: {self.content_hash}",
            *("- imported, " + plain(line) for line in made.imported),
            *("- assumed: " + plain(line) for line in made.assumed),
            *("- " + plain(f"license of {item.source}: {item.name}. {item.attribution}") for item in self.licenses),
            "Numbers made with it compare only with numbers made with the same content hash.",
        ]
        return "\n".join(lines) + "\n"


def _known(family_module: object, part: Part) -> str:
    from kinescale.core.errors import UnknownNameError

    try:
        return family_module.FAMILY.check(part.name)  # type: ignore[attr-defined]
    except UnknownNameError as problem:
        raise BundleError(f"the evaluator does not fit this version of Kinescale: {problem}") from None


def _check_target(target: Path, force: bool) -> None:
    if target.is_dir() and any(target.iterdir()):
        try:
            read_evaluator_manifest(target)
        except BundleError:
            raise InputError(f"{target} holds something that is not an evaluator; choose another folder.") from None
        if not force:
            raise InputError(f"the evaluator {target} exists; give force to replace it.")
    elif target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; name a folder for the evaluator.")
