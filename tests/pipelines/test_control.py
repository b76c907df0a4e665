"""Control: what is told is what the motion does, frames outside stay, and nothing depends on what else is made."""

from __future__ import annotations

import pytest
import torch

from edit_bundles import SYSTEMS, debug_bundle, made_clip, moved_rigidly, same_outside
from kinescale.core.errors import InputError, SkeletonError
from kinescale.formats import read_motion, write_motion
from kinescale.motion import Motion
from kinescale.pipelines import Constraints, Controller, ControlOptions
from kinescale.pipelines.control.constraints import JointPin, parse_constraints
from kinescale.pipelines.control.controller import step_count
from kinescale.pipelines.control.differentiable_decoder import DecoderInput, DifferentiableDecoder, Windows
from kinescale.pipelines.control.targets import deviations, targets_of
from kinescale.pipelines.editing.stretch import paired_joints, stretch_of

PROMPT = "a person waves"


@pytest.fixture(scope="module", params=SYSTEMS)
def controller(request):
    return Controller(debug_bundle(request.param))


@pytest.fixture(scope="module")
def one():
    return Controller(debug_bundle("moscale"))


@pytest.fixture(scope="module")
def clip():
    return made_clip(60)


def reach(motion: Motion, frame: int, up: float = 0.1, joint: str = "right_wrist") -> dict:
    """A joint a little higher than it is."""
    place = motion.positions()[frame, motion.skeleton.role(joint)].double() + torch.tensor([0.03, up, 0.0]).double()
    return {"joint": joint, "frame": frame, "position": place.tolist()}


def wanted(*entries, **more):
    return {"constraints": list(entries), **more}


def test_a_pin_is_met(one, clip):
    made = one.control(clip, wanted(reach(clip, 30, 0.05)), frames=(15, 46), options=ControlOptions(steps=2))
    assert made.errors[0][0].met and made.errors[0][0].mean_m < 0.01 and made.clips[0].turned_rad < 1
    assert same_outside(made.motions[0], clip, 15, 46)


def test_frames_outside_are_the_clips_own(controller, clip):
    made = controller.control(
        clip, wanted(reach(clip, 30, 0.05)), frames=(15, 46), options=ControlOptions(steps=3, refine=False)
    )
    motion = made.motions[0]
    assert motion.skeleton == clip.skeleton and len(motion) == 60 and made.span == (15, 46)
    assert same_outside(motion, clip, 15, 46) and not torch.equal(motion.rotations[20:40], clip.rotations[20:40])
    moved_rigidly(motion, clip, 46)
    steps = (motion.positions()[1:] - motion.positions()[:-1]).norm(dim=-1)
    assert float(steps[[13, 14, 15, 44, 45, 46]].max()) < 0.1


def test_what_is_told_is_what_the_written_motion_does(one, clip, tmp_path):
    asked = wanted(reach(clip, 30), {"path": [[3, -2], [4, -1]], "frames": [0, 59]}, {"facing": 120, "frame": 40})
    made = one.control(clip, asked, options=ControlOptions(steps=4, refine=False))
    write_motion(made.motions[0], tmp_path / "out.npz")
    again = deviations(targets_of(parse_constraints(asked, clip.fps, 60), clip), read_motion(tmp_path / "out.npz"))
    for told, found in zip(made.errors[0], again, strict=True):
        assert told.met == found.met and told.worst_frame == found.worst_frame
        assert told.mean_m is None or told.mean_m == pytest.approx(found.mean_m, abs=1e-5)
    assert made.clips[0].curve[0].step == 0 and made.clips[0].curve[-1].step == made.clips[0].steps
    assert "constraint 1" in made.motions[0].meta["control"] and "CC BY-NC" in made.motions[0].meta["license"]


def test_a_constraint_that_is_met_needs_no_step(one, clip):
    made = one.control(clip, wanted(reach(clip, 30, 0.0) | {"tolerance": 0.04}))
    assert made.clips[0].steps == 0 and made.errors[0][0].met
    assert torch.equal(made.motions[0].rotations, clip.rotations) and torch.equal(made.motions[0].root, clip.root)


def test_same_seed_same_motion_and_each_sample_as_when_made_alone(one):
    asked = wanted({"joint": "head", "frame": 12, "position": [None, 1.3, None]})
    two = one.generate(PROMPT, asked, 0.8, options=ControlOptions(samples=2, seed=5, steps=3, refine=False))
    again = one.generate(PROMPT, asked, 0.8, options=ControlOptions(samples=2, seed=5, steps=3, refine=False))
    alone = one.generate(PROMPT, asked, 0.8, options=ControlOptions(samples=1, seed=5, steps=3, refine=False))
    for first, second in zip(two.motions, again.motions, strict=True):
        assert torch.equal(first.rotations, second.rotations) and torch.equal(first.root, second.root)
    assert float((two.motions[0].positions() - alone.motions[0].positions()).abs().max()) < 1e-4
    assert not torch.equal(two.motions[0].root, two.motions[1].root)


def test_all_systems_draw_and_keep_a_pin(controller):
    asked = wanted({"joint": "hips", "frame": 12, "position": [0.2, None, 0.3]})
    made = controller.generate(PROMPT, asked, 0.8, options=ControlOptions(steps=3, refine=False))
    assert len(made.motions[0]) == 24 and made.errors[0][0].mean_m <= made.clips[0].curve[0].mean_m
    assert bool(torch.isfinite(made.motions[0].positions()).all())


def test_contradictions_meet_in_the_middle_and_are_named(one, clip):
    made = one.control(clip, wanted(reach(clip, 30, 0.15), reach(clip, 30, -0.15)), options=ControlOptions(steps=1))
    first, second = made.errors[0]
    assert not first.met and not second.met and len(made.missed[0]) == 2
    assert first.mean_m == pytest.approx(0.15, abs=0.02) and second.mean_m == pytest.approx(0.15, abs=0.02)
    told = " ".join(made.notes)
    assert "missed: constraint 1" in told and "in two places at frame 30, 0.30 m apart" in told


def test_what_cannot_be_reached_leaves_a_motion_and_says_by_how_much(one, clip):
    made = one.control(clip, wanted(reach(clip, 30, 5.0)), options=ControlOptions(steps=5, refine=False))
    positions = made.motions[0].positions()
    assert bool(torch.isfinite(positions).all()) and made.errors[0][0].mean_m > 2
    assert float(positions[..., 1].max()) < 4 and "missed" in made.notes[0]


def test_any_skeleton_and_frame_rate(one):
    clip = made_clip(60, fps=60.0, skeleton="cmu", dtype=torch.float64)
    made = one.control(
        clip, wanted(reach(clip, 30, 0.04)), frames=(5, 55), options=ControlOptions(steps=3, refine=False)
    )
    assert made.errors[0][0].mean_m <= made.clips[0].curve[0].mean_m and same_outside(made.motions[0], clip, 5, 55)
    joints = range(len(clip.skeleton))
    free = sorted({*joints} - {*paired_joints(clip.skeleton, one.bundle.feature.skeleton, joints)})
    assert free and torch.equal(made.motions[0].rotations[:, free], clip.rotations[:, free])


def test_a_clip_longer_than_a_window_goes_through_several(one):
    length = 3 * one.bundle.max_frames
    windows = Windows.over(length, (10, length - 10), one.bundle.max_frames, one.bundle.stride)
    assert len(windows.starts) > 2 and torch.allclose(windows.weights.sum(0), torch.ones(length))
    clip = made_clip(length)
    made = one.control(
        clip, wanted(reach(clip, 20), reach(clip, length - 30)), options=ControlOptions(steps=3, refine=False)
    )
    assert made.clips[0].curve[-1].mean_m < made.clips[0].curve[0].mean_m


def test_the_decoder_gives_the_clip_back_where_the_latents_are_its_own(one):
    clip = made_clip(100, fps=60.0, skeleton="cmu", dtype=torch.float64)
    with torch.no_grad():
        stretch = stretch_of(one.bundle, clip, [(0, 100)])
        source = DecoderInput(stretch.features, (0, len(stretch.features)), clip, stretch.lifted_m)
        decoder = DifferentiableDecoder(one.bundle, source)
        root, rotations, _ = decoder.tracks(decoder.latent, decoder.placement)
    same = decoder.motion(root, rotations)
    assert float((same.positions() - clip.positions().float()).abs().max()) < 1e-4


def test_with_a_prompt_the_frames_are_drawn_anew_first(one, clip):
    options = ControlOptions(samples=2, steps=1, refine=False)
    made = one.control(clip, wanted(reach(clip, 32)), PROMPT, frames=(20, 45), options=options)
    assert len(made.motions) == 2 and not torch.equal(made.motions[0].rotations, made.motions[1].rotations)
    for motion in made.motions:
        assert same_outside(motion, clip, 20, 45) and motion.meta["prompt"] == PROMPT


def bare() -> Motion:
    """A clip on a skeleton without roles."""
    clip = made_clip(60)
    skeleton = clip.skeleton
    plain = type(skeleton)("bare", skeleton.joints, skeleton.parents, skeleton.offsets)
    return clip.replace(skeleton=plain)


def test_bad_input_is_refused(one, clip):
    pin = reach(clip, 30)
    with pytest.raises(InputError, match=r"frame 30 is not among the frames 40:50"):
        one.control(clip, wanted(pin), frames=(40, 50))
    with pytest.raises(InputError, match="not inside the clip"):
        one.control(clip, wanted(pin), frames=(40, 70))
    with pytest.raises(InputError, match="no joint 'tail'"):
        one.control(clip, wanted({**pin, "joint": "tail"}))
    with pytest.raises(SkeletonError, match="no joint for the role"):
        one.control(bare(), wanted({**pin, "joint": bare().skeleton.joints[5]}))
    with pytest.raises(InputError, match="without a prompt"):
        one.control(clip, wanted(pin), options=ControlOptions(samples=2))
    with pytest.raises(InputError, match="outside the clip"):
        one.generate(PROMPT, wanted(pin), 0.8)
    with pytest.raises(InputError, match="lasts"):
        one.control(clip.slice(0, 2), wanted({**pin, "frame": 1}))
    with pytest.raises(InputError, match="fast, accurate"):
        ControlOptions(steps="slow")
    for steps in (-1, 10**9, True):
        with pytest.raises(InputError, match="the steps are"):
            step_count(steps)
    with pytest.raises(InputError, match="0 constraints"):
        Constraints(())
    with pytest.raises(InputError, match="values"):
        JointPin("x", (1, 2), joint="head", positions=torch.zeros(1, 3).double().numpy())
    assert step_count("fast") == 100 and step_count("accurate") == 600 and step_count("7") == 7
