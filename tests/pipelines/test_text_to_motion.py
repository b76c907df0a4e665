"""Text to motion: (prompt, seed, settings) fixes a motion, whatever else is made in the same call."""

from __future__ import annotations

import pytest
import torch

import kinescale
from kinescale.core.errors import BundleError, ConfigError, InputError
from kinescale.pipelines import RAW, TextToMotion
from tiny_bundle import MAX_FRAMES, tiny_bundle

PROMPTS = [f"a person walks {how}" for how in ["forward", "backward", "left", "right", "slowly", "fast", "up", "away"]]


@pytest.fixture(scope="module")
def pipe():
    return TextToMotion(tiny_bundle())


@pytest.fixture(scope="module")
def eight(pipe):
    return pipe(PROMPTS, seconds=2.0, seed=7)


def same(left, right) -> bool:
    return torch.equal(left.root, right.root) and torch.equal(left.rotations, right.rotations)


@pytest.mark.parametrize("row", range(8))
def test_alone_as_in_a_batch_of_eight(pipe, eight, row):
    alone = pipe(PROMPTS[row], seconds=2.0, seed=7)
    assert torch.equal(alone.tokens[0].flatten(), eight.tokens[row].flatten())
    torch.testing.assert_close(alone.motions[0].positions(), eight.motions[row].positions(), atol=1e-5, rtol=0)
    assert alone.seeds[0] == eight.seeds[row]


@pytest.mark.parametrize("batch", [3, 8, 100])
def test_batches_are_cut_without_a_trace(pipe, eight, batch):
    again = pipe(PROMPTS, seconds=2.0, seed=7, batch=batch)
    assert len(again.tokens) == len(again.motions) == 8
    for left, right in zip(again.motions, eight.motions, strict=True):
        torch.testing.assert_close(left.positions(), right.positions(), atol=1e-5, rtol=0)


def test_each_sample_can_be_made_alone(pipe):
    four = pipe(PROMPTS[0], seconds=1.5, samples=4, seed=3)
    third = pipe(PROMPTS[0], seconds=1.5, samples=[2], seed=3)
    torch.testing.assert_close(third.motions[0].positions(), four.motions[2].positions(), atol=1e-5, rtol=0)
    assert third.seeds == four.seeds[2:3]
    first = pipe(PROMPTS[0], seconds=1.5, seed=3)
    torch.testing.assert_close(first.motions[0].positions(), four.motions[0].positions(), atol=1e-5, rtol=0)
    assert len({tuple(tokens.flatten()[0].tolist()) for tokens in four.tokens}) == 4


def test_prompt_and_seed_matter(pipe, eight):
    assert not same(eight.motions[0], eight.motions[1])
    assert not same(pipe(PROMPTS[0], seconds=2.0, seed=8).motions[0], eight.motions[0])
    # white space does not
    assert same(pipe("  a person   walks forward\n", seconds=2.0, seed=7).motions[0], eight.motions[0])


def test_order_is_prompt_by_prompt(pipe):
    made = pipe(PROMPTS[:2], seconds=1.0, samples=2)
    assert [(m.meta["prompt"], m.meta["sample"]) for m in made.motions] == [
        (prompt, sample) for prompt in PROMPTS[:2] for sample in (0, 1)
    ]


def test_the_global_random_state_is_left_alone(pipe):
    before = torch.random.get_rng_state()
    pipe(PROMPTS[0], seconds=1.0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_meta_tells_where_a_motion_comes_from(pipe, eight):
    meta = eight.motions[1].meta
    assert meta["prompt"] == PROMPTS[1] and meta["seed"] == 7 and meta["sample"] == 0
    assert meta["license"] == "CC BY-NC 4.0 (corpus one); free for all uses (corpus two)"
    assert meta["generator"] == f"kinescale {kinescale.__version__}"
    assert meta["bundle"] == pipe.bundle.content_hash
    sampling = meta["sampling"]
    part = pipe.bundle.manifest.sampling
    assert sampling["sampler"] == part.name and {"anchor", "plant"} <= set(sampling)
    assert all(sampling.get(name) == value for name, value in part.config.items() if value is not None)
    other = (
        pipe(PROMPTS[0], seconds=1.0, scales=1, post_process=RAW, sampling={"temperature": 0.7})
        .motions[0]
        .meta["sampling"]
    )
    assert (other["temperature"], other["decoded_scales"], other["smoothing"], other["anchor"]) == (0.7, 1, 0, False)
    assert set(eight.timings) == {"text", "sampling", "decoding", "total"}
    assert not eight.motions[0].root.is_inference() and not eight.motions[0].root.requires_grad


@pytest.mark.parametrize(("seconds", "frames"), [(2, 60), (1.0, 30), (0.5, 15), (4 / 30, 4), (MAX_FRAMES / 30, 64)])
def test_length_is_to_the_frame(pipe, seconds, frames):
    assert len(pipe(PROMPTS[0], seconds=seconds).motions[0]) == frames


@pytest.mark.parametrize("seconds", [0, -1.0, 0.05, 500, float("nan"), float("inf"), -float("inf")])
def test_lengths_out_of_range(pipe, seconds):
    with pytest.raises(InputError, match=r"0\.13 to 2\.13 seconds"):
        pipe(PROMPTS[0], seconds=seconds)


@pytest.mark.parametrize(
    ("prompt", "options", "error"),
    [
        ("", {}, InputError),
        ("...", {}, InputError),
        ([], {}, InputError),
        (["a person walks", " "], {}, InputError),
        ("a person walks", {"samples": 0}, InputError),
        ("a person walks", {"samples": 10**9}, InputError),
        ("a person walks", {"samples": []}, InputError),
        ("a person walks", {"samples": [-1]}, InputError),
        ("a person walks", {"batch": 0}, InputError),
        ("a person walks", {"seed": -1}, InputError),
        ("a person walks", {"seed": 2**63}, InputError),
        ("a person walks", {"scales": 0}, InputError),
        ("a person walks", {"scales": 4}, InputError),
        ("a person walks", {"sampling": {"temperature": 0.0}}, ConfigError),
        ("a person walks", {"sampling": {"top_p": 1.5}}, ConfigError),
        ("a person walks", {"sampling": {"guidance_scale": -1.0}}, ConfigError),
        ("a person walks", {"sampling": {"guidence": 1.0}}, InputError),
        ("a person walks", {"sampling": {"steps": (0,)}}, InputError),
    ],
)
def test_bad_settings(pipe, prompt, options, error):
    with pytest.raises(error) as caught:
        pipe(prompt, **{"seconds": 1.0, **options})
    assert "\n" not in str(caught.value)


def test_settings_reach_the_sampler(pipe, eight):
    plain = pipe(PROMPTS[0], seconds=2.0, seed=7, sampling=dict.fromkeys(("guidance_scale", "steps", "top_p")))
    assert same(plain.motions[0], eight.motions[0])
    for change in ({"guidance_scale": 1.0}, {"steps": (1,)}, {"temperature": 3.0, "top_p": 1.0}):
        assert not same(pipe(PROMPTS[0], seconds=2.0, seed=7, sampling=change).motions[0], eight.motions[0])


def test_fewer_scales_are_the_same_tokens_decoded_less(pipe, eight):
    coarse = pipe(PROMPTS[0], seconds=2.0, seed=7, scales=1)
    assert torch.equal(coarse.tokens[0].flatten(), eight.tokens[0].flatten())
    assert not same(coarse.motions[0], eight.motions[0])
    assert same(pipe(PROMPTS[0], seconds=2.0, seed=7, scales=3).motions[0], eight.motions[0])


def test_a_caller_can_watch_it_sharpen(pipe):
    seen = []
    made = pipe(PROMPTS[:2], seconds=2.0, batch=2, on_scale=lambda scale, motions: seen.append((scale, motions)))
    assert [scale for scale, _ in seen] == [0, 1, 2]
    assert all(len(motions) == 2 and len(motions[0]) == 60 for _, motions in seen)
    torch.testing.assert_close(seen[-1][1][1].positions(), made.motions[1].positions(), atol=1e-4, rtol=0)


def test_a_bundle_without_a_generator_is_refused():
    with pytest.raises(BundleError, match="no generator"):
        TextToMotion(tiny_bundle(generator=False))


def test_save_and_load_make_the_same_motion(pipe, eight, tmp_path):
    pipe.bundle.save_pretrained(tmp_path / "tiny")
    again = TextToMotion.from_pretrained(tmp_path / "tiny")
    assert same(again(PROMPTS[0], seconds=2.0, seed=7).motions[0], eight.motions[0])


def test_post_processing_smooths_and_anchors_but_keeps_the_tokens(pipe):
    from kinescale.pipelines import FINISH, RAW, PostProcess

    ask = {"prompt": "a person walks", "seconds": 2.0, "seed": 3}
    raw, plain, default = (
        pipe(**ask, post_process=settings) for settings in (RAW, PostProcess(smoothing=0.0, plant=False), FINISH)
    )
    assert all(torch.equal(a, b) for a, b in zip(raw.tokens[0].scales, default.tokens[0].scales, strict=True))
    assert torch.equal(raw.motions[0].rotations, plain.motions[0].rotations)
    jerk = [m.motions[0].positions().diff(n=3, dim=0).norm(dim=-1).mean() for m in (raw, default)]
    assert float(jerk[1]) < 0.5 * float(jerk[0])
    again = pipe(**ask)
    assert torch.equal(again.motions[0].root, default.motions[0].root)
