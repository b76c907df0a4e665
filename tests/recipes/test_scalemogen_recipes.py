"""ScaleMoGen's recipes: published sizes and budgets, and the debug run from clips to a bundle that makes motions."""

from __future__ import annotations

import pytest
import torch

from kinescale import recipes
from kinescale.bundle.bundle import Bundle
from kinescale.cli import train as command
from kinescale.core.errors import ConfigError
from kinescale.pipelines.text_to_motion import TextToMotion
from kinescale.training.config import STAGES, RunConfig
from kinescale.training.overrides import override
from kinescale.training.parts import build_feature, build_generator, build_tokenizer
from kinescale.training.run import train
from toy_training import toy_prepared


@pytest.mark.parametrize(
    ("name", "trained", "frozen", "positions", "steps"),
    [
        ("humanml3d", 18_549_816, 5_024, 864, (191_500, 153_400)),
        ("snapmogen", 19_167_350, 5_760, 1_057, (255_500, 409_000)),
    ],
)
def test_the_published_runs(name: str, trained: int, frozen: int, positions: int, steps: tuple[int, int]) -> None:
    config = recipes.get(f"scalemogen.{name}")
    assert config.generator is not None
    feature = build_feature(config.feature)
    with torch.device("meta"):
        tokenizer = build_tokenizer(config.tokenizer, feature, 0)
        generator = build_generator(config.generator, tokenizer, 2048, 512, 0)
    assert sum(p.numel() for p in tokenizer.parameters()) == trained
    assert frozen == 8 * (tokenizer.body.joints**2 + 144) and tokenizer.layout().positions == positions
    assert sum(p.numel() for p in generator.parameters()) == 125_167_248
    assert (config.tokenizer_training.steps, config.generator_training.steps) == steps
    batch = config.generator_training.batch_size
    assert config.generator_training.optimizer.lr == pytest.approx({16: 5.86e-6, 8: 2.93e-6}[batch], rel=1e-3)


def test_small_runs_fit_longest_clips_and_shrink_with_short_ones() -> None:
    for name in ("small", "cpu"):
        config = recipes.get(f"scalemogen.{name}")
        with torch.device("meta"):
            tokenizer = build_tokenizer(config.tokenizer, build_feature(config.feature), 0)
        assert tokenizer.layout().max_frames == 256
        assert tokenizer.layout(60).positions * 3 < tokenizer.layout(256).positions


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("scalemogen")
    data = toy_prepared(folder / "data", 12)
    assert command.run(["scalemogen.debug", "--data", str(data), "--run", str(folder / "run"), "--device", "cpu"]) == 0
    return Bundle.from_pretrained(folder / "run" / "bundle")


def test_the_debug_run_makes_motions_that_a_seed_fixes(bundle: Bundle) -> None:
    make = TextToMotion(bundle)
    first = make("a person walks", seconds=1.5, samples=3, seed=4)
    assert all(len(motion) == 45 and bool(motion.root.isfinite().all()) for motion in first.motions)
    alone = make("a person walks", seconds=1.5, samples=[2], seed=4)
    assert torch.equal(alone.motions[0].rotations, first.motions[2].rotations)
    together = make("a person walks", seconds=1.5, samples=3, seed=4, batch=3)
    for mine, theirs in zip(together.tokens, first.tokens, strict=True):
        assert torch.equal(mine.flatten(), theirs.flatten())
    seen: list[int] = []
    make("a person walks", seconds=1.0, on_scale=lambda scale, motions: seen.append(scale))
    assert seen == list(range(11))
    assert make("a person walks", seconds=1.0, scales=4, sampling={"guidance_scale": 3.0}).motions[0].root.shape == (
        30,
        3,
    )


def test_bf16_trains_both_stages(tmp_path: Path) -> None:
    half = {
        f"{stage}_training.{key}": value for stage in STAGES for key, value in (("precision", "bf16"), ("steps", 2))
    }
    config = override(recipes.get("scalemogen.debug"), {**half, "device": "cpu"})
    outcomes = train(config, toy_prepared(tmp_path / "data", 8), tmp_path / "run", STAGES)
    assert all(outcome.finished and outcome.last["loss"] > 0 for outcome in outcomes.values())


def test_kinds_that_do_not_fit_are_refused(bundle: Bundle) -> None:
    config: RunConfig = recipes.get("moscale.debug")
    assert config.generator is not None
    with pytest.raises(ConfigError, match="token kind"):
        build_generator(config.generator, bundle.tokenizer, 16, 16, 0)
