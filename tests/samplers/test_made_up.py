"""Made-up generator and sampler outside the package: found by name, sampled, edited with, refused in one sentence."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edit_bundles import made_clip
from kinescale import EditOptions, Editor, EditRegion, TextToMotion, generators, samplers
from kinescale.bundle import Bundle
from kinescale.cli.main import main
from kinescale.core.errors import InputError
from tiny_bundle import tiny_bundle

GENERATOR = '''"""Generator made up for a test: the same logits, from the mean of the text, at every position."""
from torch import nn
from torch.nn import functional
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.tokens import TextFeatures

SAMPLER = "made_up_sampler"

class Config(Record):
    vocabulary: int = 32
    text_width: int = 16

class Generator(base.Generator):
    token_kind = "codes"

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.head = nn.Linear(config.text_width, config.vocabulary)

    def unconditional(self, text):
        return TextFeatures(text.tokens * 0.0, text.mask)

    def begin(self, text, layout, latent_lengths):
        return self.head(text.tokens.mean(1))

    def training_loss(self, codec, latent, lengths, text, rng):
        labels = codec.quantize_scale(latent, 0, codec.layout(), lengths // codec.layout().stride)
        logits = self.head(text.tokens.mean(1))
        return base.StepLoss(functional.cross_entropy(logits, labels.flatten(1)[:, 0]))
'''

SAMPLER = '''"""Sampler made up for a test: one state for all scales, no guidance and no steps."""
from functools import partial
import torch
from pydantic import Field
from kinescale.samplers.base import SamplerConfig, SamplerOutput, sample_clips
from kinescale.samplers.base.logits import draw, filtered_probabilities, uniform_numbers
from kinescale.tokens import TokenMap
from kinescale.tokens.token_map import PADDING

class Config(SamplerConfig):
    temperature: float = Field(1.0, gt=0.0)

@torch.no_grad()
def sample(request, config):
    return sample_clips(partial(_steps, config=config), request)

def _steps(request, config):
    layout, running = request.layout, request.codec.empty(request.layout, len(request.latent_lengths))
    chances = filtered_probabilities(request.generator.begin(request.text, layout, request.latent_lengths), 1.0)
    rows = []
    for scale in range(len(layout.scales)):
        valid = layout.valid(request.latent_lengths, scale)
        row = draw(chances[:, None, None].expand(*valid.shape, -1), uniform_numbers(valid, request.rngs))
        if request.keep is not None:
            row = torch.where(request.keep.given[scale], request.keep.tokens[scale], row)
        rows.append(row.masked_fill(~valid, PADDING))
        running = running + request.codec.contribution(rows[-1], scale, layout)
        yield scale, rows[-1], running
    return SamplerOutput(TokenMap(layout, request.latent_lengths, tuple(rows)), running)
'''


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    """The tiny bundle with the made-up generator; both files lie in a folder of their family's path."""
    made = ((generators, "made_up_generator", GENERATOR), (samplers, "made_up_sampler", SAMPLER))
    for package, name, source in made:
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        monkeypatch.setattr(package.__spec__, "submodule_search_locations", package.__path__)
    importlib.invalidate_caches()
    module = generators.FAMILY.load("made_up_generator")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        generator = module.Generator(module.Config()).eval().requires_grad_(False)
    yield replace(tiny_bundle(), generator=generator)
    for package, name, _ in made:
        sys.modules.pop(f"{package.__name__}.{name}", None)


def test_it_generates_and_edits(bundle: Bundle) -> None:
    pipe = TextToMotion(bundle)
    motion = pipe("a person walks", seconds=2.0, seed=1).motions[0]
    assert motion.meta["sampling"]["sampler"] == "made_up_sampler"
    assert not pipe("a person walks", seconds=2.0, seed=2).motions[0].rotations.equal(motion.rotations)
    clip = made_clip(60)
    region = EditRegion.of(clip, seconds=(0.6, 1.2))
    for prompt in ("a person jumps", None):
        edited = Editor(bundle).edit if prompt else Editor(bundle).inpaint
        made = edited(clip, *([prompt] if prompt else []), region, options=EditOptions(seed=3)).motions[0]
        assert not made.rotations[20:34].equal(clip.rotations[20:34]) and made.rotations[:18].equal(clip.rotations[:18])


def test_what_its_sampler_lacks_is_said_in_one_sentence(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(bundle.save_pretrained(tmp_path / "bundle"))
    out = str(tmp_path / "x.npz")
    for option, value in (("--guidance-scale", "2"), ("--guidance", "2"), ("--steps", "1,2"), ("--top-p", "0.5")):
        assert main(["generate", "a person walks", "--bundle", folder, "-o", out, "--seconds", "1", option, value]) == 2
        said = capsys.readouterr().err
        assert said == (
            f"kinescale: {option}: this bundle's sampler made_up_sampler does not take it; "
            "of this command's options it takes --temperature.\n"
        )
    with pytest.raises(InputError, match=r"has no steps .* its own: temperature\."):
        bundle.settings({"steps": (1,)})


def test_a_generator_without_the_contract_is_refused_when_it_is_built() -> None:
    class Incomplete(generators.Generator):
        def training_loss(self, codec, latent, lengths, text, rng): ...

    with pytest.raises(TypeError, match=r"abstract methods? .*unconditional"):
        Incomplete()
