"""Every tokenizer under every generator at debug size: what a pair does, or the sentence that refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kinescale import recipes, samplers
from kinescale.bundle.manifest import Part, variant_of
from kinescale.core.errors import ConfigError, InputError
from kinescale.generators import FAMILY, Generator
from kinescale.samplers.base import SampleRequest
from kinescale.tokenizers import Tokenizer
from kinescale.tokens import BitView, Codec, TextFeatures, TokenMap
from kinescale.training.parts import build_feature, build_generator, build_tokenizer

FEATURE = build_feature(Part(name="rotations"))
WIDTH, TEXT_WIDTH, TEXT_TOKENS = FEATURE.width, 16, 16
LENGTHS = (32, 21, 14)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recombination.md"
BEGIN, END = "<!-- pairs: begin (python docs/pairs.py) -->\n", "<!-- pairs: end -->"

SYSTEMS = ("moscale", "mosa", "scalemogen", "msq", "momask")


def tokenizer_parts() -> dict[str, Part]:
    """Those of the debug recipes, ScaleMoGen's also with each quantizer of codes."""
    found = {name: recipes.get(f"{name}.debug").tokenizer for name in (*SYSTEMS, "grouped")}
    bits = found["scalemogen"].config
    for kind, size in (("vq", {"codes": 16}), ("fsq", {"levels": [5, 3]})):
        config = {**bits, "quantizer": kind, "code_dim": 6, **size}
        found[f"scalemogen ({kind})"] = Part(name="scalemogen", config=config)
    return found


def generator_parts() -> dict[str, Part]:
    """Those of the debug recipes."""
    parts = {name: recipes.get(f"{name}.debug").generator for name in SYSTEMS}
    return {name: part for name, part in parts.items() if part is not None}


def begun_tokenizer(part: Part) -> Tokenizer:
    """A tokenizer whose books have seen one training batch."""
    tokenizer = build_tokenizer(part, FEATURE, 0)
    tokenizer.train().training_loss(clips(), torch.tensor(LENGTHS), torch.Generator().manual_seed(1))
    return tokenizer.eval().requires_grad_(False)


def clips() -> Tensor:
    """Smooth random features, zero past each clip's length."""
    rng = torch.Generator().manual_seed(5)
    made = torch.randn(len(LENGTHS), max(LENGTHS), WIDTH, generator=rng).cumsum(1) * 0.3
    inside = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return made * inside[:, :, None]


def text(count: int) -> TextFeatures:
    """Sentences of one to four tokens."""
    rng = torch.Generator().manual_seed(6)
    lengths = torch.arange(count) % 4 + 1
    return TextFeatures(torch.randn(count, 4, TEXT_WIDTH, generator=rng), torch.arange(4)[None] < lengths[:, None])


@dataclass(frozen=True, eq=False)
class Pair:
    """What came of a tokenizer under a generator; ``refused``: why nothing did."""

    refused: str = ""
    generator: Generator | None = None
    losses: tuple[float, ...] = ()
    unmoved: tuple[str, ...] = ()
    tokens: TokenMap | None = None
    features: Tensor | None = None
    seen: str = ""


def try_pair(tokenizer: Tokenizer, part: Part) -> Pair:
    """Two training steps, a draw of the three clips and their features."""
    try:
        generator = build_generator(part, tokenizer, TEXT_WIDTH, TEXT_TOKENS, 0)
    except (ConfigError, InputError) as problem:
        return Pair(refused=str(problem))
    codec = tokenizer.codec.view(generator.token_kind)
    lengths = torch.tensor(LENGTHS)
    latent = tokenizer.encode(clips(), lengths).latent
    losses, unmoved = _learn(generator.train(), codec, latent)
    _spread(generator)
    tokens = draw(generator.eval(), codec, lengths, text(len(lengths)), (0, 1, 2))
    plain = codec.to_native(tokens)
    kind = "codes as bits" if isinstance(codec, BitView) else tokenizer.codec.token_kind
    return Pair("", generator, losses, unmoved, plain, tokenizer.decode(plain), kind)


def _spread(generator: Generator) -> None:
    """Give all weights such a size that a draw shows whatever is read."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for parameter in generator.parameters():
            nn.init.normal_(parameter, std=0.2)


def _learn(generator: Generator, codec: Codec, latent: Tensor) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The losses of two steps, and the parameters that neither moved."""
    before = {name: parameter.detach().clone() for name, parameter in generator.named_parameters()}
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3)
    losses = []
    for step in range(2):
        rng = torch.Generator().manual_seed(2 + step)
        found = generator.training_loss(codec, latent, torch.tensor(LENGTHS), text(len(LENGTHS)), rng)
        optimizer.zero_grad()
        found.loss.backward()
        optimizer.step()
        losses.append(float(found.loss.detach()))
    unmoved = [name for name, value in generator.named_parameters() if torch.equal(value.detach(), before[name])]
    return tuple(losses), tuple(unmoved)


def draw(
    generator: Generator, codec: Codec, lengths: Tensor, sentences: TextFeatures, seeds: tuple[int, ...]
) -> TokenMap:
    """Tokens by the sampler that the generator names, a seed a clip."""
    module = samplers.FAMILY.load(FAMILY.get(variant_of(generator), "SAMPLER"))
    fields = module.Config.model_fields
    config = module.Config.parse({"steps": [2]} if "steps" in fields else {})
    layout = codec.layout(int(lengths.max()))
    latents = layout.latents(lengths)
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    with torch.no_grad():
        request = SampleRequest(
            generator=generator, codec=codec, text=sentences, layout=layout, latent_lengths=latents, rngs=rngs
        )
        return module.sample(request, config).tokens


def table(pairs: Mapping[tuple[str, str], Pair]) -> str:
    """Markdown: a row a tokenizer, a column a generator; refusals are numbered and stand below."""
    tokenizers, generators = (list(dict.fromkeys(key[k] for key in pairs)) for k in (0, 1))
    reasons: dict[str, int] = {}
    lines = [
        "| tokenizer \\ generator | " + " | ".join(generators) + " |",
        "| --- |" + " --- |" * len(generators),
    ]
    for name in tokenizers:
        cells = []
        for other in generators:
            pair = pairs[name, other]
            number = reasons.setdefault(pair.refused, len(reasons) + 1) if pair.refused else 0
            cells.append(f"no ({number})" if number else pair.seen)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    said = [f"{number}. {reason[:1].upper()}{reason[1:]}" for reason, number in reasons.items()]
    return "\n".join([*lines, "", "Why not:", "", *said]) + "\n"


def told(page: str) -> str:
    """The table that stands in the page."""
    return page.partition(BEGIN)[2].partition(END)[0]


def retold(page: str, fresh: str) -> str:
    """The page with another table."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + fresh + END + rest.partition(END)[2]
