"""(prompt, seed, settings) fixes a motion, to the bit, in all systems: nothing of it is computed in shared shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from coarse_rounding import CoarseRounding
from edit_bundles import SYSTEMS, debug_bundle, made_clip
from kinescale.core.errors import InputError
from kinescale.motion import Motion
from kinescale.nn.threads import on_fixed_threads, thread_count, use_threads
from kinescale.pipelines import (
    Controller,
    ControlOptions,
    EditOptions,
    Editor,
    EditRegion,
    Segment,
    TextToMotion,
    Timeline,
    TimelinePipeline,
    reconstruct,
)
from kinescale.pipelines.control import pose_refinement

PROMPTS = ["a person walks", "a person jumps up and down", "someone sits", "a person turns around slowly"]

FREE = {"momask": {"keep_share": 1.0, "temperature": 10.0}}
"""Settings under which a system's random weights draw different clips."""


@pytest.fixture(autouse=True)
def coarse() -> Iterator[None]:
    """Rounding that shows, and torch's own number of threads as it was."""
    threads = torch.get_num_threads()
    with CoarseRounding() as mode:
        yield
    torch.set_num_threads(threads)
    assert mode.calls > 0


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return request.param


# What goes on around the sampler does not depend on the system: one of each kind of tokens here, all in `make slow`.
@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name in ("mosa", "momask"))) for name in SYSTEMS],
)
def kind_of_tokens(request: pytest.FixtureRequest) -> str:
    return request.param


def same(one: Motion, other: Motion) -> bool:
    return torch.equal(one.root, other.root) and torch.equal(one.rotations, other.rotations)


def test_generating(system: str) -> None:
    pipe = TextToMotion(debug_bundle(system))
    settings = {"seconds": 1.0, "seed": 3, "sampling": FREE.get(system, {})}
    first = pipe(PROMPTS[:2], samples=2, **settings)
    assert len({tuple(one.flatten().flatten().tolist()) for one in first.tokens}) > 1
    torch.set_num_threads(2)
    again = pipe(PROMPTS[:2], samples=2, batch=3, **settings)
    assert torch.get_num_threads() == 2
    assert all(map(same, again.motions, first.motions))
    alone = pipe(PROMPTS[1], samples=[1], **settings)
    assert same(alone.motions[0], first.motions[3])


# MoMask's few random codes are drawn alike whatever is rounded.
@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "momask"])
def test_shared_passes_are_what_breaks_it(name: str) -> None:
    pipe = TextToMotion(debug_bundle(name))
    settings = {"seconds": 1.0, "batch": 4, "sampling": FREE.get(name, {})}
    apart, together = (pipe(PROMPTS, shared_passes=shared, **settings) for shared in (False, True))
    assert not all(map(same, apart.motions, together.motions))


def test_watching_changes_nothing_and_shows_each_clip_as_it_is_alone(kind_of_tokens: str) -> None:
    pipe = TextToMotion(debug_bundle(kind_of_tokens))
    seen: dict[int, list[list[Motion]]] = {1: [], 2: []}
    for batch, shown in seen.items():
        watch = {"batch": batch, "on_scale": lambda _, motions, to=shown: to.append(list(motions))}
        made = pipe(PROMPTS[:2], seconds=0.5, **watch)
    assert all(map(same, made.motions, pipe(PROMPTS[:2], seconds=0.5).motions))
    scales = len(seen[2])
    for clip in range(2):
        for scale in range(scales):
            assert same(seen[2][scale][clip], seen[1][clip * scales + scale][0])


def test_edits(system: str) -> None:
    editor, clip = Editor(debug_bundle(system)), made_clip(60)
    both = editor.edit(
        clip, "a person jumps", region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(samples=2, seed=5)
    )
    torch.set_num_threads(2)
    alone = editor.edit(
        clip, "a person jumps", region=EditRegion.of(clip, frames=(20, 40)), options=EditOptions(samples=[1], seed=5)
    )
    assert same(alone.motions[0], both.motions[1])
    assert not same(both.motions[0], both.motions[1])


def test_other_tasks_do_not_depend_on_threads(kind_of_tokens: str) -> None:
    editor, clip, other = Editor(debug_bundle(kind_of_tokens)), made_clip(60), made_clip(50).slice(5, 50)
    timeline = Timeline((Segment("a person walks", 0.0, 1.0), Segment("a person waves", 1.0, 1.5)))
    made = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rewritten = editor.rewrite(clip, "a person runs", "a person walks", options=EditOptions(seed=2)).motions[0]
        joined = editor.inbetween(clip, other, 0.5, options=EditOptions(seed=2)).motions[0]
        told = TimelinePipeline(editor.bundle)(timeline, options=EditOptions(seed=3)).motion
        made.append((rewritten, joined, told, reconstruct(editor.bundle, clip)))
    assert all(map(same, *made))


# The correction sees a motion, whatever system made it.
@pytest.mark.parametrize(
    ("name", "refine"),
    [
        *(("scalemogen", False), ("msq", False), ("moscale", True)),
        *(pytest.param(name, False, marks=pytest.mark.slow) for name in ("moscale", "mosa", "momask")),
    ],
)
def test_control(name: str, refine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_refinement, "ROUNDS", 5)
    controller = Controller(debug_bundle(name))
    wanted = {"constraints": [{"joint": "right_wrist", "frame": 8, "position": [0.3, 1.2, 0.3]}]}
    settings = {"seed": 4, "steps": 2, "refine": refine}
    both = controller.generate("a person reaches", wanted, 0.6, options=ControlOptions(samples=2, **settings))
    torch.set_num_threads(2)
    alone = controller.generate("a person reaches", wanted, 0.6, options=ControlOptions(samples=1, **settings))
    assert same(alone.motions[0], both.motions[0]) and [clip.steps for clip in both.clips] == [2, 2]


def test_the_number_of_threads_can_be_chosen_and_is_then_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = TextToMotion(debug_bundle("moscale"))
    one = pipe(PROMPTS[0], seconds=1.0).motions[0]
    with use_threads(2):
        two = pipe(PROMPTS[0], seconds=1.0).motions[0]
    monkeypatch.setenv("KINESCALE_THREADS", "2")
    assert thread_count() == 2 and same(pipe(PROMPTS[0], seconds=1.0).motions[0], two) and not same(one, two)
    for wrong in ("0", "two", "-1", "99999", "1.5"):
        monkeypatch.setenv("KINESCALE_THREADS", wrong)
        with pytest.raises(InputError, match="threads"):
            pipe(PROMPTS[0], seconds=1.0)
    with pytest.raises(InputError, match="0 threads"), use_threads(0):
        pass


def test_the_number_of_threads_comes_back_from_nested_blocks_and_from_failures() -> None:
    torch.set_num_threads(3)
    seen = []

    @on_fixed_threads
    def inner() -> None:
        seen.append(torch.get_num_threads())
        raise ValueError

    @on_fixed_threads
    def outer() -> None:
        with use_threads(2), pytest.raises(ValueError):
            inner()
        seen.append(torch.get_num_threads())
        torch.ones(2, 2) @ torch.ones(2, 2)

    outer()
    assert seen == [2, 1] and torch.get_num_threads() == 3
