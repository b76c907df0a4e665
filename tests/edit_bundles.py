"""Bundles of all five systems at debug size with spread random weights, and made clips, for the tests of edits."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from kinescale import features, generators, recipes, samplers, skeletons
from kinescale.bundle import Bundle, License, Part
from kinescale.features import Normalizer
from kinescale.kinematics.rotations import quat_about_y, quat_multiply
from kinescale.motion import Motion, retarget
from kinescale.training.parts import build_generator, build_tokenizer

SYSTEMS = ("moscale", "mosa", "scalemogen", "msq", "momask")
PART_WISE = ("scalemogen", "msq")


@cache
def debug_bundle(system: str, tokenizer: str | None = None, layout: str = "rotations") -> Bundle:
    """The debug recipe with random weights; ``tokenizer`` takes another system's, ``layout`` another feature."""
    recipe = recipes.get(f"{system}.debug")
    feature = features.FAMILY.get(layout, "build")(features.FAMILY.get(layout, "Config")())
    built = build_tokenizer(recipes.get(f"{tokenizer or system}.debug").tokenizer, feature, 0)
    clips = torch.randn(3, 32, feature.width, generator=torch.Generator().manual_seed(5)).cumsum(1) * 0.3
    built.train().training_loss(clips, torch.tensor([32, 32, 32]), torch.Generator().manual_seed(1))
    assert recipe.generator is not None
    generator = build_generator(recipe.generator, built, 16, 16, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for parameter in generator.parameters():
            nn.init.normal_(parameter, std=0.2)
    name = generators.FAMILY.get(system, "SAMPLER")
    steps = {"steps": [1]} if "steps" in samplers.FAMILY.get(name, "Config").model_fields else {}
    walk = feature.from_motion(retarget(made_clip(120, fps=feature.fps), feature.skeleton))
    return Bundle(
        feature=feature,
        normalizer=Normalizer(walk.mean(0), walk.std(0) + 0.05),
        tokenizer=built.eval().requires_grad_(False),
        generator=generator.eval().requires_grad_(False),
        text=recipe.text,
        sampling=Part(name=name, config=steps),
        licenses=(License(source="corpus one", name="CC BY-NC 4.0"),),
    )


def made_clip(
    frames: int, fps: float = 30.0, skeleton: str = "humanml22", dtype: torch.dtype = torch.float32
) -> Motion:
    """A smooth clip that turns, bends and travels, away from the origin and not facing +Z."""
    body = skeletons.get(skeleton)
    time = torch.arange(frames, dtype=torch.float64) / fps
    phase = torch.linspace(0, 6, len(body), dtype=torch.float64)
    angles = 0.3 * torch.sin(2 * time[:, None] + phase)
    rotations = torch.zeros(frames, len(body), 4, dtype=torch.float64)
    rotations[..., 0], rotations[..., 3] = torch.sin(angles / 2), torch.cos(angles / 2)
    rotations[:, 0] = quat_multiply(quat_about_y(2.0 + 0.5 * time), rotations[:, 0])
    root = torch.stack([3 + 0.8 * time, 0.95 + 0 * time, -2 + torch.sin(time)], dim=1)
    return Motion(body, fps, root, rotations, {"source": "made up", "license": "CC0"}).to(dtype)


def same_outside(made: Motion, clip: Motion, start: int, stop: int) -> bool:
    """Before: everything. After: all local rotations but the root's, which is turned with the path."""
    before = torch.equal(made.rotations[:start], clip.rotations[:start]) and torch.equal(
        made.root[:start], clip.root[:start]
    )
    return before and torch.equal(made.rotations[stop:, 1:], clip.rotations[stop:, 1:])


def moved_rigidly(made: Motion, clip: Motion, stop: int) -> None:
    """What follows is the clip's, turned about the vertical and moved along the ground."""
    here, there = made.positions()[stop:].double(), clip.positions()[stop:].double()
    torch.testing.assert_close(here[..., 1], there[..., 1], atol=1e-5, rtol=0)
    flat = [x[..., [0, 2]].flatten(0, 1) for x in (here, there)]
    torch.testing.assert_close(*[torch.cdist(x, x[:3]) for x in flat], atol=1e-4, rtol=0)
