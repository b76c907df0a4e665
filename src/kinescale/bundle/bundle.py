"""Bundle: a trained system in one record, saved as a folder and loaded from one (or from a hub repository).

The folder follows the conventions of the model mixin of ``huggingface_hub``: ``config.json``,
``model.safetensors`` and ``README.md``; ``save_pretrained`` and ``from_pretrained`` take the same arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

import kinescale
from kinescale import features, generators, samplers, text, tokenizers
from kinescale.bundle.header import Shapes, read_shapes
from kinescale.bundle.hub import DEFAULT, check_target, new_folder, resolve
from kinescale.bundle.manifest import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    Length,
    License,
    Manifest,
    Part,
    Provenance,
    read_manifest,
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
from kinescale.core.errors import BundleError, ConfigError, InputError, KinescaleError, UnknownNameError
from kinescale.core.family import Family
from kinescale.core.files import atomic_write_text, sha256_file
from kinescale.core.records import Record, json_hash, write_json
from kinescale.features import Feature, Normalizer
from kinescale.generators import Generator
from kinescale.generators.base.length import LengthPredictor
from kinescale.text import TextEncoder
from kinescale.tokenizers import Tokenizer
from kinescale.tokens import Codec, TokenMap


@dataclass(frozen=True, eq=False)
class Bundle:
    """A feature, its normalizer, a tokenizer and, to generate, a generator with its text encoder.

    Parameters
    ----------
    text : family name and config of the text encoder; the encoder itself is built on first use.
    sampling : sampler defaults; ``None``: the sampler's own.
    candidates : most draws per clip, unless the caller says otherwise (``TextToMotion``).
    licenses : of the training data, one a source; they follow the motions made with the bundle.
    provenance : how the weights came to be.
    length : estimates the length of a sentence's motion, where the generator does not do it itself.
    offline : whether text weights may be downloaded.

    Raises ``BundleError`` when the parts do not fit each other.

    Example
    -------
    >>> from kinescale import Bundle
    >>> bundle = Bundle.from_pretrained()
    >>> bundle.feature.fps, bundle.max_frames
    (30.0, 256)
    """

    feature: Feature
    normalizer: Normalizer
    tokenizer: Tokenizer
    generator: Generator | None = None
    text: Part | None = None
    sampling: Part | None = None
    candidates: int = 1
    licenses: tuple[License, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    title: str = ""
    offline: bool = True
    length: LengthPredictor | None = None

    def __post_init__(self) -> None:
        widths = {
            "features": self.feature.width,
            "normalizer": self.normalizer.mean.shape[0],
            "tokenizer": self.tokenizer.feature_width,
        }
        _same("feature width", widths)
        if self.generator is None:
            return
        try:
            codec = self.codec
        except ConfigError as problem:
            raise BundleError(f"the parts of the bundle do not fit: {problem}") from None
        drawn_by = generators.FAMILY.get(variant_of(self.generator), "SAMPLER")
        if self.sampling is not None and self.sampling.name != drawn_by:
            raise BundleError(
                f"the parts of the bundle do not fit: its sampling is for '{self.sampling.name}', but its generator "
                f"'{variant_of(self.generator)}' is drawn from by '{drawn_by}'; give settings of that or leave it out."
            )
        asked: Any = self.generator.config
        layout = self.tokenizer.layout()
        made = {
            "vocabulary": ("vocabulary", codec.vocabulary),
            "vocabularies": ("vocabularies", codec.vocabularies),
            "code_dim": ("code width", codec.latent_width),
            "bins": ("bins of the scales", tuple(scale.bins for scale in layout.scales)),
            "groups": ("groups of the scales", tuple(scale.groups for scale in layout.scales)),
        }
        for name, (words, value) in made.items():
            # an empty list is one that the generator's config leaves to its other fields
            if getattr(asked, name, ()) != ():
                _same(words, {"tokenizer": value, "generator": getattr(asked, name)})
        if self.length is not None:
            _same("text width", {"generator": asked.text_width, "length": self.length.text_width})
            _same("latent steps", {"tokenizer": layout.capacity, "length": self.length.capacity})

    # What it is

    @cached_property
    def manifest(self) -> Manifest:
        """The content of ``config.json``."""
        generator = None if self.generator is None else part_of(self.generator)
        return Manifest(
            kinescale_version=kinescale.__version__,
            title=self.title,
            feature=part_of(self.feature),
            tokenizer=part_of(self.tokenizer),
            generator=generator,
            text=self.text,
            sampling=self.sampling if self.sampling or generator is None else self._own_sampling(),
            candidates=self.candidates,
            length=None
            if self.length is None
            else Length(text_width=self.length.text_width, capacity=self.length.capacity),
            licenses=list(self.licenses),
            provenance=self.provenance,
        )

    def tensors(self) -> dict[str, Tensor]:
        """All weights by the names they are stored under."""
        found = {"normalizer.mean": self.normalizer.mean, "normalizer.std": self.normalizer.std}
        for prefix, module in self._modules().items():
            found.update({f"{prefix}.{key}": value for key, value in module.state_dict().items()})
        return found

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all that decides what comes out: family names, configs and weights as loaded."""
        manifest = self.manifest
        parts = {name: getattr(manifest, name) for name in ("feature", "tokenizer", "generator", "text", "sampling")}
        plain: dict[str, Any] = {name: None if part is None else part.to_json() for name, part in parts.items()}
        if manifest.candidates > 1:
            plain["candidates"] = manifest.candidates
        if manifest.length is not None:
            plain["length"] = manifest.length.to_json()
        digest = hashlib.sha256(json_hash(plain).encode())
        for key, value in sorted(self.tensors().items()):
            digest.update(f"{key}{tuple(value.shape)}{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @property
    def parameters(self) -> dict[str, int]:
        """Learned numbers of each network."""
        return {name: sum(p.numel() for p in module.parameters()) for name, module in self._modules().items()}

    @property
    def license(self) -> str:
        """One line: the licenses of the training data with their sources."""
        return "; ".join(f"{item.name} ({item.source})" for item in self.licenses)

    @property
    def max_frames(self) -> int:
        """Longest clip one pass makes, frames."""
        return self.tokenizer.layout().max_frames

    @property
    def stride(self) -> int:
        """Frames of one latent step, and of the shortest clip."""
        return self.tokenizer.layout().stride

    # What it runs

    @cached_property
    def codec(self) -> Codec:
        """The tokenizer as the generator sees it: codes as bits where it predicts bits."""
        codec = self.tokenizer.codec
        return codec if self.generator is None else codec.view(self.generator.token_kind)

    def plain(self, tokens: TokenMap) -> TokenMap:
        """What the generator drew, as the tokenizer's own tokens."""
        return self.codec.to_native(tokens)

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """Built on first use; ``BundleError`` when there is none or its width is not what was trained on."""
        if self.text is None or self.generator is None:
            raise BundleError("this bundle has no generator; it reconstructs motions, but makes none from text.")
        encoder = build_text_encoder(self.text, offline=self.offline)
        asked: Any = self.generator.config
        _same("text width", {f"text encoder {self.text.name}": encoder.width, "generator": asked.text_width})
        return encoder

    def length_estimator(self) -> Any | None:
        """What estimates a motion's length from text features (``length_logits``): the bundle's own network, or the
        generator where that has learned it; ``None`` where nothing has."""
        if self.length is not None:
            return self.length
        config: Any = None if self.generator is None else self.generator.config
        return self.generator if getattr(config, "estimates_length", False) else None

    def sampler(self) -> tuple[Any, Record]:
        """The sampler's function (``samplers.base``) and this bundle's settings for it."""
        if self.generator is None:
            raise BundleError("this bundle has no generator; it reconstructs motions, but makes none from text.")
        part = self.manifest.sampling
        assert part is not None
        return samplers.FAMILY.get(part.name, "sample"), parse_part(samplers.FAMILY, part)

    def settings(self, given: Mapping[str, Any]) -> Record:
        """This bundle's sampler settings with the ``given`` ones changed; None stands for not given.

        ``guidance``, the former name of ``guidance_scale``, is taken in its former meaning, with a warning. Raises
        ``InputError`` for a setting that the sampler does not have, ``ConfigError`` for a value out of range.
        """
        _, config = self.sampler()
        changes = {name: value for name, value in given.items() if value is not None}
        changes = samplers.current_names(type(config), changes, warn=True)
        part, known = self.manifest.sampling, list(type(config).model_fields)
        assert part is not None
        for name in changes:
            if name not in known:
                raise InputError(
                    f"this bundle's sampler '{part.name}' has no {name} (--{name.replace('_', '-')}); leave it out, or "
                    f"give one of its own: {', '.join(known)}."
                )
        return type(config).parse({**config.model_dump(), **changes}, where=f"sampler '{part.name}'")

    def to(self, device: torch.device | str) -> Bundle:
        """The same bundle with its networks moved to ``device`` (in place, as torch does)."""
        for module in self._modules().values():
            module.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.tokenizer.parameters()).device

    # Saving and loading

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        weights: Literal["fp32", "fp16"] = "fp32",
        force: bool = False,
        card: str | None = None,
    ) -> Path:
        """Write the folder, whole or not at all; an older bundle there is replaced only with ``force``.

        ``card`` replaces the model card that is written otherwise. Raises ``InputError`` for a place that
        cannot be written or holds something else, ``BundleError`` for weights that are not finite.
        """
        from kinescale.bundle.card import model_card

        target = Path(folder)
        check_target(target, force)
        try:
            with new_folder(target) as temporary:
                stored = temporary / WEIGHTS_FILE
                write_weights(stored, self.tensors(), half=weights == "fp16")
                manifest = self.manifest.but(weights_sha256=sha256_file(stored))
                write_json(temporary / CONFIG_FILE, manifest.to_json())
                atomic_write_text(temporary / CARD_FILE, card or model_card(self))
        except OSError as problem:
            raise InputError(
                f"cannot write the bundle {target} ({problem.strerror or problem}); choose another place."
            ) from None
        return target

    @classmethod
    def from_pretrained(
        cls,
        path_or_repo_id: str | Path = DEFAULT,
        *,
        offline: bool = True,
        device: torch.device | str = "cpu",
        **hub: Any,
    ) -> Bundle:
        """Load a bundle: ``default``, a folder, a training run's folder, or a hub repository ``owner/name``.

        ``hub``: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, as in ``huggingface_hub``. A
        repository is fetched only with ``offline=False``; otherwise the local cache must have it. Nothing
        in a bundle is executed: names are looked up in the families, weights are plain tensors, and both
        are checked before use.
        """
        folder = resolve(path_or_repo_id, offline=offline, **hub)
        manifest = read_manifest(folder)
        weights = folder / WEIGHTS_FILE
        found = read_shapes(weights)
        check_digest(weights, manifest.weights_sha256)
        try:
            bundle = _build(manifest, weights, found)
        except KinescaleError as problem:
            if isinstance(problem, BundleError):
                raise
            raise BundleError(f"{folder}: {problem}") from None
        return replace(bundle, offline=offline).to(device)

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"tokenizer": self.tokenizer}
        if self.generator is not None:
            modules["generator"] = self.generator
        if self.length is not None:
            modules["length"] = self.length
        return modules

    def _own_sampling(self) -> Part:
        assert self.generator is not None
        name = generators.FAMILY.get(variant_of(self.generator), "SAMPLER")
        return Part(name=name, config=samplers.FAMILY.get(name, "Config")().to_json())


def part_of(member: Any) -> Part:
    """Name and config of a feature, tokenizer or generator."""
    return Part(name=variant_of(member), config=member.config.to_json())


def parse_part(family: Family, part: Part) -> Any:
    """The checked config record of a part; ``BundleError`` for an unknown variant or field."""
    try:
        config = family.get(part.name, "Config")
        return config.parse(part.config, where=f"{family.noun} '{part.name}'")
    except (UnknownNameError, ConfigError) as problem:
        raise BundleError(f"the bundle does not fit this version of Kinescale: {problem}") from None


def build_text_encoder(part: Part, *, offline: bool) -> TextEncoder:
    """The text encoder that a bundle names; the network is used only as the caller says, whatever the config does."""
    config = parse_part(text.FAMILY, part)
    if "offline" in type(config).model_fields:
        config = config.but(offline=offline)
    return text.FAMILY.get(part.name, "TextEncoder")(config)


def _build(manifest: Manifest, weights: Path, found: Shapes) -> Bundle:
    feature = features.FAMILY.get(_known(features.FAMILY, manifest.feature), "build")(
        parse_part(features.FAMILY, manifest.feature)
    )
    wanted: list[tuple[str, Family, str, Part]] = [("tokenizer", tokenizers.FAMILY, "Tokenizer", manifest.tokenizer)]
    if manifest.generator is not None:
        wanted.append(("generator", generators.FAMILY, "Generator", manifest.generator))
    makers = {
        prefix: (family.get(_known(family, part), attribute), parse_part(family, part))
        for prefix, family, attribute, part in wanted
    }
    if manifest.length is not None:
        makers["length"] = (lambda sizes: LengthPredictor(sizes.text_width, sizes.capacity), manifest.length)
    _check_header(makers, feature.width, weights, found)
    modules: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]):
        for prefix, (make, config) in makers.items():
            modules[prefix] = make(config)
    tensors = read_weights(weights)
    for prefix, module in modules.items():
        put_weights(weights, prefix, module, tensors)
        module.eval().requires_grad_(False)
    for part, family in ((manifest.text, text.FAMILY), (manifest.sampling, samplers.FAMILY)):
        if part is not None:
            parse_part(family, part)
    return Bundle(
        feature=feature,
        normalizer=Normalizer(tensors["normalizer.mean"].float(), tensors["normalizer.std"].float()),
        tokenizer=modules["tokenizer"],
        generator=modules.get("generator"),
        text=manifest.text,
        sampling=manifest.sampling,
        candidates=manifest.candidates,
        licenses=tuple(manifest.licenses),
        provenance=manifest.provenance,
        title=manifest.title,
        length=modules.get("length"),
    )


def _check_header(makers: dict[str, tuple[Any, Record]], width: int, weights: Path, found: Shapes) -> None:
    """Compare the weights' names and shapes with the config's before memory is taken for either."""
    expected = {"normalizer.mean": (width,), "normalizer.std": (width,)}
    for prefix, (make, config) in makers.items():
        try:
            with shapes_only(), at_most_modules(4 * len(found) + 64):
                expected |= module_shapes(prefix, make(config))
        except (RuntimeError, TypeError, ValueError) as problem:
            reason = " ".join(str(problem).split())[:160]
            raise BundleError(f"{weights.parent}: the {prefix} cannot be built from its config ({reason}).") from None
    check_shapes(weights, found, expected)


def _known(family: Family, part: Part) -> str:
    try:
        return family.check(part.name)
    except UnknownNameError as problem:
        raise BundleError(f"the bundle does not fit this version of Kinescale: {problem}") from None


def _same(what: str, values: dict[str, Any]) -> None:
    if len(set(values.values())) > 1:
        listed = ", ".join(f"{owner} {value}" for owner, value in values.items())
        raise BundleError(f"the parts of the bundle do not fit: {what} differs ({listed}).")
