"""What a bundle's ``config.json`` holds: family names with configs, licenses, where the weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from kinescale.core.errors import BundleError, ConfigError
from kinescale.core.records import Record, read_json, shown

FORMAT = "kinescale-bundle"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"

MAX_NUMBER = 1_000_000
MAX_ITEMS = 4096
"""Bounds on what a part's config may hold, checked before anything is built from it."""


class Part(Record):
    """A variant of a family by name, with its config as plain JSON.

    It is also made from a variant's own config record, of which it keeps the fields that were given:

    >>> from kinescale.text import hashed
    >>> Part.of(hashed.Config(width=16))
    Part(name='hashed', config={'width': 16})
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    config: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, config: Record) -> Part:
        """The part that a variant's config record stands for; one that is a part already stays as it is."""
        return cls.model_validate(config)

    @model_validator(mode="before")
    @classmethod
    def _read_config_record(cls, data: Any) -> Any:
        if not isinstance(data, Record) or isinstance(data, Part):
            return data
        return {"name": variant_of(data), "config": data.model_dump(mode="json", exclude_unset=True)}


def variant_of(member: object) -> str:
    """Name of the variant that an object's class belongs to: the module, or package, in its family's package.

    >>> from kinescale.generators.moscale import Config
    >>> Config.__module__, variant_of(Config())
    ('kinescale.generators.moscale.config', 'moscale')
    """
    root, *inside = type(member).__module__.split(".")
    return inside[1] if root == "kinescale" and len(inside) > 1 else [root, *inside][-1]


class License(Record):
    """The license of one source of training data; it follows the data into bundles and their motions."""

    source: str
    name: str
    url: str = ""
    attribution: str = ""
    share_alike: bool = False
    non_commercial: bool = False


LICENSES: dict[str, str] = {"licences": "licenses"}
"""Earlier name of the field that lists licenses, for the records that have it."""


CHOSEN_ON = ("none: the last step", "val: the lowest loss", "val: the lowest FID of generated motions")
"""What ``chosen_on`` says of weights that were the last, and of those that validation chose by loss or by FID."""


class Provenance(Record):
    """How the weights came to be. Everything is optional; a card says what is not recorded.

    ``chosen_on``: the split that chose these weights among a run's; ``held_out_pairs``: the share of pairs of action
    and style that training never saw. ``actions``: the labels of the training clips, the commonest first;
    ``words``: the words of their captions.

    ``imported``: of weights read from others' files, a line for each part (file and digest); ``assumed``: what those
    files do not tell, and was taken as published or as given.
    """

    recipe: str = ""
    command: str = ""
    data: str = ""
    data_manifest_sha256: str = ""
    held_out_pairs: float = Field(default=0.0, ge=0, lt=1)
    chosen_on: str = ""
    steps: dict[str, int] = Field(default_factory=dict)
    device: str = ""
    wall_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    curves: str = ""
    results: dict[str, float] = Field(default_factory=dict)
    limits: list[str] = Field(default_factory=list)
    actions: list[str] = Field(default_factory=list)
    words: list[str] = Field(default_factory=list)
    revision: str = ""
    imported: list[str] = Field(default_factory=list)
    assumed: list[str] = Field(default_factory=list)


class Length(Record):
    """The network that estimates a motion's length from its sentence, where a bundle holds one beside its generator:
    features of a text token, and the most latent steps of a motion."""

    text_width: int = Field(ge=1, le=65_536)
    capacity: int = Field(ge=1, le=65_536)


class Manifest(Record):
    """The whole of ``config.json``."""

    EARLIER_NAMES: ClassVar[dict[str, str]] = LICENSES

    format: Literal["kinescale-bundle"] = FORMAT
    format_version: Literal[1] = 1
    kinescale_version: str = ""
    title: str = Field(default="", max_length=200)
    feature: Part
    tokenizer: Part
    generator: Part | None = None
    text: Part | None = None
    sampling: Part | None = None
    candidates: int = Field(default=1, ge=1, le=64)
    """Most draws per clip, of which the one that keeps most of its prompt's claims is given out."""
    length: Length | None = None
    licenses: list[License] = Field(default_factory=list)
    provenance: Provenance = Field(default_factory=Provenance)
    weights_sha256: str = ""
    """Of the weights file beside it; empty in bundles made before there was one."""


def read_manifest(folder: str | Path) -> Manifest:
    """The checked ``config.json`` of a bundle folder; ``BundleError`` when it is absent or is not one."""
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {CONFIG_FILE}; name a folder that has.")
    data = read_json(path, error=BundleError)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format", data.get("model_type")) if isinstance(data, dict) else type(data).__name__
        raise BundleError(f"{path}: is not a Kinescale bundle (format {shown(found)!r}); expected '{FORMAT}'.")
    try:
        manifest = Manifest.parse(data, where=str(path))
    except ConfigError as problem:
        raise BundleError(str(problem)) from None
    for field in ("feature", "tokenizer", "generator", "text", "sampling"):
        part: Part | None = getattr(manifest, field)
        if part is not None:
            check_bounds(part.config, f"{path}: {field}")
    return manifest


def check_bounds(value: Any, where: str, depth: int = 0) -> None:
    """Refuse numbers, lists and nesting that no real system has: a bundle may come from anyone."""
    if depth > 8:
        raise BundleError(f"{where}: the config is nested more than 8 deep.")
    if isinstance(value, dict | list):
        if len(value) > MAX_ITEMS:
            raise BundleError(f"{where}: the config holds {len(value)} items; at most {MAX_ITEMS} are taken.")
        for item in value.values() if isinstance(value, dict) else value:
            check_bounds(item, where, depth + 1)
    elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise BundleError(f"{where}: the config holds {value}; at most {MAX_NUMBER} is taken.")
