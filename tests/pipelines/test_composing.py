"""Extending, looping, following, composing: what is kept is kept to the bit, on any skeleton, for every system."""

from __future__ import annotations

import re

import pytest
import torch

from edit_bundles import PART_WISE, SYSTEMS, debug_bundle, made_clip, moved_rigidly
from kinescale.core.errors import InputError, SkeletonError
from kinescale.pipelines import EditOptions, Editor, EditRegion
from kinescale.pipelines.editing.tasks.loop import LoopOptions
from kinescale.rigging.body_parts import part_joints, part_roles

PROMPT = "a person waves"


@pytest.mark.parametrize("seconds", [0.4, 9.0])
def test_extended_the_clip_stays_and_goes_on(one, clip, seconds):
    """Any length, also beyond a window."""
    edited = one.extend(clip, seconds, PROMPT, options=EditOptions(seed=2))
    made = edited.motions[0]
    more = round(seconds * 30)
    assert len(made) == 60 + more and edited.spans == ((60, 60 + more),)
    assert torch.equal(made.root[:60], clip.root) and torch.equal(made.rotations[:60], clip.rotations)
    assert float((made.root[60] - made.root[59]).norm()) < 0.1
    assert made.meta["edit"] == "extend" and made.meta["prompt"] == PROMPT
    assert made.meta["prompts"] == [
        {"prompt": PROMPT, "seconds": [2.0, 2.0 + more / 30], "edit": "extend", "seed": 2, "sample": 0}
    ]
    told = one.extend(clip.with_meta(prompt="a person sits"), seconds, PROMPT, before=True).motions[0].meta
    assert told["prompt"] == f"{PROMPT}; a person sits" and told["prompts"][1]["seconds"] == [more / 30, 2 + more / 30]
    assert told["sampling"]["sampler"] == one.bundle.manifest.sampling.name
    before = one.extend(clip, seconds, before=True, options=EditOptions(seed=2)).motions[0]
    assert torch.equal(before.root[more:], clip.root) and torch.equal(before.rotations[more:], clip.rotations)


def test_a_loop_comes_round(one, clip):
    edited = one.loop(clip, loop=LoopOptions(0.5), options=EditOptions(seed=1))
    made, count = edited.motions[0], len(edited.motions[0])
    assert edited.spans == ((60, count),) and 60 + 9 <= count <= 60 + 23
    assert torch.equal(made.rotations[:60], clip.rotations)
    twice = one.loop(clip, loop=LoopOptions(0.5, rounds=2), options=EditOptions(seed=1))
    two = twice.motions[0]
    assert edited.offsets == twice.offsets and torch.equal(two.rotations[:count], made.rotations)
    # local rotations come back as they are; the second round is the first one moved as a rigid whole
    assert len(two) == 2 * count and torch.equal(two.rotations[count:, 1:], made.rotations[:, 1:])
    moved_rigidly(two.replace(root=two.root[count:], rotations=two.rotations[count:]), made, 0)
    assert float((two.root[count] - two.root[count - 1]).norm()) < 0.1
    placed = one.loop(clip, loop=LoopOptions(0.5, in_place=True), options=EditOptions(seed=1))
    (none,) = placed.offsets
    assert none.yaw == none.step_m == 0 and float((placed.motions[0].root[-1] - clip.root[0])[[0, 2]].norm()) < 0.2
    exact = one.loop(clip, loop=LoopOptions(0.5, keep_scales=0), options=EditOptions(seed=1))
    assert len(exact.motions[0]) == 75
    told = one.loop(clip, PROMPT, loop=LoopOptions(0.5), options=EditOptions(seed=1))
    assert len(told.motions[0]) == 75 and told.motions[0].meta["prompt"] == PROMPT


def test_a_cut_loop_lies_inside_the_clip(one):
    """Without a prompt the difference is spread over it; other samples, and scales that are kept, are drawn."""
    clip = made_clip(150)
    edited = one.loop(clip, loop=LoopOptions(0.4, cut=True), options=EditOptions(2, seed=1))
    made, other = edited.motions
    start, stop = (int(word) for word in edited.notes[0].split("frames ")[1].split(" ")[0].split(":"))
    assert len(made) == stop - start and 0 <= start < stop <= 150 and edited.spans == ((0, len(made)),)
    middle = (stop - start) // 2
    near = made.rotations[middle - 3 : middle + 3, 1:] - clip.rotations[start + middle - 3 : start + middle + 3, 1:]
    assert float(near.abs().max()) < 1e-3 and not torch.equal(made.rotations, other.rotations)
    drawn = one.loop(clip, loop=LoopOptions(0.4, cut=True, keep_scales=1), options=EditOptions(seed=1))
    kept = drawn.spans[0][0]
    assert kept > 0 and torch.equal(drawn.motions[0].rotations[:kept], clip.rotations[start : start + kept])


def test_then_goes_over_where_both_are_alike(one, clip):
    second = made_clip(50)
    edited = one.then(clip, second, 1.0, options=EditOptions(seed=1))
    made, (first, last) = edited.motions[0], edited.spans[0]
    cut, entry = (int(word) for word in re.findall(r"frame (\d+)", edited.notes[-1]))
    assert 30 <= cut < 60 and 0 <= entry < 30 and first < cut < last and len(made) == cut + 50 - entry
    assert torch.equal(made.rotations[:first], clip.rotations[:first]) and torch.equal(
        made.root[:first], clip.root[:first]
    )
    assert torch.equal(made.rotations[last:, 1:], second.rotations[last - cut + entry :, 1:])
    with pytest.raises(InputError, match="take all of the second motion"):
        one.then(clip, made_clip(8), 1.0)


def test_then_for_a_prompt_replaces_what_is_around_the_seam(one, clip):
    second = made_clip(50)
    made = one.then(clip, second, 1.0, PROMPT, options=EditOptions(seed=1)).motions[0]
    assert len(made) == 110
    assert torch.equal(made.rotations[:45], clip.rotations[:45]) and torch.equal(made.root[:45], clip.root[:45])
    assert torch.equal(made.rotations[75:, 1:], second.rotations[15:, 1:])


def test_parts_are_composed_to_the_bit_on_any_skeleton(one):
    first, second = made_clip(40, skeleton="mixamo"), made_clip(50, fps=60.0)
    edited = one.compose(first, second, "upper_body")
    made = edited.motions[0]
    joints = list(part_joints(first.skeleton, part_roles(["upper_body"])))
    assert made.fps == 30 and made.skeleton == first.skeleton and len(made) == 25
    assert torch.equal(made.rotations[:, joints], first.rotations[:25, joints])
    assert len(edited.notes) == 2 and "license" in made.meta and made.meta["edited_parts"] == "upper_body"


@pytest.mark.parametrize("system", SYSTEMS)
def test_scales_are_composed_by_every_system(system):
    editor, first, second = Editor(debug_bundle(system)), made_clip(60), made_clip(60, dtype=torch.float32)
    second = second.replace(rotations=second.rotations.flip(0), root=second.root.flip(0))
    edited = editor.compose_scales(first, second, 1)
    tokens = edited.tokens[0][0]
    own = [editor.compose_scales(clip, clip, 1).tokens[0][0] for clip in (first, second)]
    assert torch.equal(tokens.scales[0], own[0].scales[0])
    assert all(torch.equal(a, b) for a, b in zip(tokens.scales[1:], own[1].scales[1:], strict=True))
    made = edited.motions[0]
    assert torch.isfinite(made.root).all() and len(made) == 60
    assert torch.allclose(made.root[0, [0, 2]], first.root[0, [0, 2]], atol=1e-4)
    for coarse in (0, editor.scales):
        with pytest.raises(InputError, match="coarse scales"):
            editor.compose_scales(first, second, coarse)


@pytest.mark.parametrize("system", PART_WISE)
def test_tokens_of_parts_come_from_their_clip(system):
    """What holds the part alone is the first clip's, what holds none of it the second's; the rest is drawn."""
    editor, first, second = Editor(debug_bundle(system)), made_clip(60), made_clip(60)
    second = second.replace(rotations=second.rotations.flip(0), root=second.root.flip(0))
    edited = editor.compose(first, second, "legs", tokens="drawn", options=EditOptions(seed=3))
    tokens, kept = edited.tokens[0][0], edited.kept[0]
    own = [editor.compose_scales(clip, clip, 1).tokens[0][0].scales for clip in (first, second)]
    taken = [0, 0]
    for scale, given in enumerate(kept):
        for group in range(given.shape[1]):
            if not given[:, group].any():
                continue
            same = [torch.equal(tokens.scales[scale][0, :, group], one[scale][0, :, group]) for one in own]
            assert any(same)
            taken[0] += same[0]
            taken[1] += same[1]
    assert min(taken) > 0
    long = editor.compose(made_clip(300), made_clip(300), "legs", tokens="drawn").motions[0]
    assert len(long) == 300 and torch.isfinite(long.root).all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_was_composed_goes_through_any_tokens(system):
    """The tokens are those of the exact composition."""
    editor, first, second = Editor(debug_bundle(system)), made_clip(60), made_clip(60)
    second = second.replace(rotations=second.rotations.flip(0), root=second.root.flip(0))
    exact = editor.compose(first, second, "arms").motions[0]
    encoded = editor.compose(first, second, "arms", tokens="encoded")
    own = editor.compose_scales(exact, exact, 1).tokens[0][0]
    assert all(torch.equal(a, b) for a, b in zip(encoded.tokens[0][0].scales, own.scales, strict=True))
    assert encoded.motions[0].meta["edited_parts"] == "arms"


def test_whole_body_tokens_cannot_be_composed_by_part(one, clip):
    with pytest.raises(InputError, match="msq and scalemogen have tokens for parts"):
        one.compose(clip, clip, "legs", tokens="drawn")


def test_several_prompts(one, clip):
    edited = one.edit(
        clip,
        ["a person waves", "a person sits"],
        region=EditRegion.of(clip, frames=[(10, 20), (40, 50)]),
        options=EditOptions(seed=3, samples=2),
    )
    made = edited.motions[1]
    assert edited.spans == ((10, 20), (40, 50)) and made.meta["prompt"] == "a person waves; a person sits"
    assert made.meta["sample"] == 1 and made.meta["seed"] == 3
    assert [(e["prompt"], e["seconds"]) for e in made.meta["prompts"]] == [
        ("a person waves", [0.3333, 0.6667]),
        ("a person sits", [1.3333, 1.6667]),
    ]
    assert torch.equal(made.rotations[20:40, 1:], clip.rotations[20:40, 1:])
    alone = one.edit(
        clip,
        ["a person waves", "a person sits"],
        region=EditRegion.of(clip, frames=[(10, 20), (40, 50)]),
        options=EditOptions(seed=3, samples=[1]),
    )
    assert torch.equal(alone.motions[0].rotations, made.rotations)
    for prompts in (["a person waves"] * 3, []):
        with pytest.raises(InputError, match=f"{len(prompts)} prompts for 2 separate"):
            one.edit(clip, prompts, region=EditRegion.of(clip, frames=[(10, 20), (40, 50)]))
    with pytest.raises(InputError, match="2 prompts for 1 separate"):
        one.edit(clip, ["a person waves"] * 2, region=EditRegion.of(clip, frames=[(10, 20), (20, 50)]))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda e, c: e.extend(c, 0.0), "at least a frame"),
        (lambda e, c: e.extend(c, float("nan")), "at least a frame"),
        (lambda e, c: e.loop(c, loop=LoopOptions(0.0)), "at least a frame"),
        (lambda e, c: e.loop(c, loop=LoopOptions(0.5, rounds=0)), "0 rounds"),
        (lambda e, c: e.loop(c.slice(0, 10), loop=LoopOptions(0.2, cut=True)), "holds no cycle"),
        (lambda e, c: e.compose(c, c, ""), "no part"),
        (lambda e, c: e.compose(c, c, ()), "none or all"),
        (lambda e, c: e.compose(c, c, "third_arm"), "no part 'third_arm'"),
        (lambda e, c: e.compose(c, c, "legs", prompt=PROMPT), "--tokens"),
        (lambda e, c: e.compose(c, c, "legs", options=EditOptions(sampling={"guidance_scale": 2.0})), "--tokens"),
        (lambda e, c: e.then(c, c, 0.0), "at least a frame"),
    ],
)
def test_bad_input_is_one_sentence(one, clip, call, told):
    with pytest.raises((InputError, SkeletonError), match=told) as found:
        call(one, clip)
    assert "\n" not in str(found.value)


def test_composed_motions_keep_the_sentences_of_both(one, clip):
    walk, wave = clip.with_meta(prompt="a person walks", seed=1, sample=2), clip.with_meta(prompt="a person waves")
    told = one.compose(wave, walk, "arms").motions[0].meta
    assert told["prompt"] == "a person waves; a person walks"
    assert [(e["prompt"], e.get("parts"), e["seconds"]) for e in told["prompts"]] == [
        ("a person waves", ["arms"], [0.0, 2.0]),
        ("a person walks", None, [0.0, 2.0]),
    ]
    mixed = one.compose_scales(walk, wave, 1).motions[0].meta["prompts"]
    assert [(e["prompt"], e["scales"]) for e in mixed] == [("a person walks", "coarse"), ("a person waves", "fine")]
    then = one.then(walk, wave, 1.0, PROMPT).motions[0].meta["prompts"]
    assert [(e["prompt"], e["seconds"]) for e in then] == [
        ("a person walks", [0.0, 1.5]), (PROMPT, [1.5, 2.5]), ("a person waves", [2.5, 4.0]),
    ]  # fmt: skip
    rewritten = one.rewrite(walk, "a person runs").motions[0].meta
    assert rewritten["prompt"] == "a person walks; a person runs"
