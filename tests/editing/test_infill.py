"""Filled gaps: exact outside, through both borders, feet that stay, any skeleton and rate."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.kinematics.mirror import reflect_points, reflect_quats
from kinescale.kinematics.rotations import quat_about_y, quat_angle, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.canonicalize import FEET, transform
from kinescale.motion.hold_feet import hold_feet
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.pipelines.editing.inbetween_network import (
    Config,
    InbetweenNetwork,
    Window,
    interpolated,
    mirrored_joints,
)
from kinescale.pipelines.editing.infill import InfillOptions, infill, interpolate, meet_velocities, with_difference
from kinescale.skeletons import get

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from made_bodies import Plan, made

SPAN = (40, 55)


def network(seed: int = 0) -> InbetweenNetwork:
    """Random weights that change a gap a good deal."""
    torch.manual_seed(seed)
    one = InbetweenNetwork(Config(width=16, layers=1, heads=2, feed_forward=16)).eval()
    torch.nn.init.normal_(one.outward.weight, std=0.05)
    return one


def walking(seconds: float = 3.2) -> Motion:
    """Swinging legs and arms on a curve."""

    def wave(phase: float, size: float = 0.5):
        return lambda t: size * torch.sin(2 * math.pi * 1.1 * t + phase)

    plan = Plan(
        seconds=seconds,
        forward=lambda t: torch.full_like(t, 1.1),
        yaw=lambda t: 0.4 * t,
        hips={"left": wave(0.0), "right": wave(math.pi)},
        knees={"left": lambda t: 0.6 + wave(1.0)(t), "right": lambda t: 0.6 + wave(1.0 + math.pi)(t)},
        arms={"left": lambda t: -1.2 + wave(0.3)(t), "right": lambda t: -1.2 + wave(2.3)(t)},
    )
    return made(plan).to(torch.float32)


def outside_is_the_same(one: Motion, two: Motion, span: tuple[int, int]) -> bool:
    return all(
        torch.equal(a[part], b[part])
        for a, b in ((one.root, two.root), (one.rotations, two.rotations))
        for part in (slice(0, span[0]), slice(span[1], None))
    )


@pytest.mark.parametrize(
    "options", [InfillOptions(), InfillOptions(network=False), InfillOptions(feet=False, borders=0.0)]
)
def test_frames_outside_are_exact_and_the_gap_is_not_looked_at(options: InfillOptions) -> None:
    clip = walking()
    torn = clip.replace(root=clip.root.clone(), rotations=clip.rotations.clone())
    torn.root[SPAN[0] : SPAN[1]] = 7.0
    torn.rotations[SPAN[0] : SPAN[1]] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    one, two = (infill(motion, SPAN, options, network=network()).motion for motion in (clip, torn))
    assert outside_is_the_same(one, clip, SPAN)
    assert torch.equal(one.root, two.root)
    assert torch.equal(one.rotations, two.rotations)


def test_interpolation_is_a_line_and_the_short_way_round() -> None:
    clip = walking()
    found = interpolate(clip, SPAN)
    middle = (SPAN[0] - 1 + SPAN[1]) // 2
    share = (middle - SPAN[0] + 1) / (SPAN[1] - SPAN[0] + 1)
    ends = clip.root[SPAN[0] - 1], clip.root[SPAN[1]]
    torch.testing.assert_close(found.root[middle], torch.lerp(*ends, share))
    whole = quat_angle(clip.rotations[SPAN[0] - 1], clip.rotations[SPAN[1]])
    part = quat_angle(clip.rotations[SPAN[0] - 1], found.rotations[middle])
    torch.testing.assert_close(part, share * whole, atol=2e-3, rtol=0)


def test_the_network_says_nothing_at_the_borders_and_does_not_see_the_gap() -> None:
    clip = walking()
    one = network()
    cut = slice(30, 66)
    window = Window(*interpolated(clip.root[None, cut], clip.rotations[None, cut], (10, 25)), (10, 25))
    turn, shift = one(window)
    assert turn.shape == (1, 15, 22, 3)
    assert shift.shape == (1, 15, 3)
    assert float(turn.abs().mean()) > 1e-3
    torn = clip.rotations[None, cut].clone()
    torn[:, 10:25] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    again, _ = one(Window(*interpolated(clip.root[None, cut], torn, (10, 25)), (10, 25)))
    assert torch.equal(turn, again)


def test_a_gap_does_not_depend_on_where_it_lies_on_the_ground() -> None:
    clip = walking()
    yaw, shift = torch.tensor(1.3), torch.tensor([2.0, 0.0, -1.0])
    one = transform(infill(clip, SPAN, network=network()).motion, yaw, shift)
    two = infill(transform(clip, yaw, shift), SPAN, network=network()).motion
    assert float((one.positions() - two.positions()).norm(dim=-1).max()) < 2e-4


def test_velocities_go_on_across_the_borders() -> None:
    clip = walking()
    plain, met = interpolate(clip, SPAN), meet_velocities(interpolate(clip, SPAN), SPAN)

    def jumps(motion: Motion) -> float:
        second = torch.diff(motion.positions(), n=2, dim=0).norm(dim=-1)
        return float(second[[SPAN[0] - 2, SPAN[1] - 1]].max())

    assert jumps(met) < 0.6 * jumps(plain)
    assert outside_is_the_same(met, clip, SPAN)


def test_velocity_at_the_clips_end_is_not_known() -> None:
    clip = walking().slice(0, SPAN[1] + 1)
    plain, met = interpolate(clip, SPAN), meet_velocities(interpolate(clip, SPAN), SPAN)
    assert torch.equal(plain.root[SPAN[1] - 1], met.root[SPAN[1] - 1])
    assert not torch.equal(plain.root[SPAN[0]], met.root[SPAN[0]])


def test_feet_that_stand_around_a_gap_stand_in_it() -> None:
    """A body that stands; in the gap its root sways, so that its feet slide."""
    hips, knees = (dict.fromkeys(("left", "right"), lambda t, size=size: size + 0 * t) for size in (0.3, 0.6))
    still = made(Plan(seconds=3.0, hips=hips, knees=knees))
    sway = torch.zeros_like(still.root)
    at = torch.arange(SPAN[1] - SPAN[0]) / (SPAN[1] - SPAN[0] - 1) * math.pi
    sway[SPAN[0] : SPAN[1], 2] = 0.03 * torch.sin(at)
    swayed = still.replace(root=still.root + sway)
    held = hold_feet(swayed, SPAN)
    joints = [still.skeleton.role(role) for role in FEET]
    off = [(m.positions() - still.positions())[:, joints][..., [0, 2]].norm(dim=-1).max() for m in (swayed, held)]
    assert float(off[0]) > 0.025
    assert float(off[1]) < 0.004
    assert outside_is_the_same(held, swayed, SPAN)


def test_a_skeleton_without_legs_is_left_as_it_is() -> None:
    clip = retarget(walking(), get("cmu"))
    assert infill(clip, SPAN, network=network()).motion.skeleton == clip.skeleton


@pytest.mark.parametrize(("name", "fps"), [("cmu", 30.0), ("humanml22", 60.0), ("bandai_namco", 20.0)])
def test_other_skeletons_and_rates_get_the_same_change(name: str, fps: float) -> None:
    """The turn of an elbow in the gap's middle, on another skeleton and at another rate, is nearly that on ours."""
    clip, steps = walking(), InfillOptions(borders=0.0, feet=False, floor=0.0)
    other = resample(retarget(clip, get(name)), fps)
    # the frames around the gap, 39 and 57, and its middle are frames at every rate
    gaps = (40, 57), (round(39 * fps / 30) + 1, round(57 * fps / 30))
    turns = []
    for motion, gap in zip((clip, other), gaps, strict=True):
        at = round((gap[0] - 1 + gap[1]) / 2)
        plain, full = interpolate(motion, gap), infill(motion, gap, steps, network=network()).motion
        joint = motion.skeleton.role("left_elbow")
        worlds = [m.global_rotations()[at, joint] for m in (full, plain)]
        turns.append(quat_multiply(worlds[0], worlds[1] * worlds[1].new_tensor([-1.0, -1.0, -1.0, 1.0])))
    assert float(quat_angle(turns[0], turns[0].new_tensor([0.0, 0.0, 0.0, 1.0]))) > 0.02
    assert float(quat_angle(turns[0], turns[1].to(turns[0]))) < 0.05


def test_no_difference_changes_nothing_and_a_difference_only_the_gap() -> None:
    clip = walking()
    moved = transform(clip, torch.tensor(0.7), torch.tensor([1.0, 0.0, 3.0]))
    same = with_difference(clip, moved, moved, SPAN)
    assert float((same.positions() - clip.positions()).abs().max()) < 1e-5
    other = moved.replace(rotations=moved.rotations.clone())
    turn = quat_about_y(torch.tensor(0.5))
    joint = clip.skeleton.role("left_shoulder")
    other.rotations[SPAN[0] + 5 : SPAN[1] - 5, joint] = quat_multiply(
        other.rotations[SPAN[0] + 5 : SPAN[1] - 5, joint], turn
    )
    found = with_difference(clip, moved, other, SPAN)
    middle = sum(SPAN) // 2
    assert float(quat_angle(found.rotations[middle, joint], clip.rotations[middle, joint])) == pytest.approx(
        0.5, abs=0.02
    )
    assert outside_is_the_same(found, clip, SPAN)


def test_the_priors_share_is_said() -> None:
    clip = walking()
    plain = infill(clip, SPAN, InfillOptions(network=False, borders=0.0, feet=False))
    full = infill(clip, SPAN, network=network())
    assert plain.prior_share == 1.0
    assert 0 < full.prior_share < 1
    assert full.motion.meta["infill_prior_share"] == pytest.approx(full.prior_share, abs=1e-3)
    assert full.moved_m["network"] > 0


@pytest.mark.parametrize("span", [(0, 5), (90, 97), (20, 20), (30, 20)])
def test_a_gap_without_surroundings_is_an_error(span: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="expected at least a frame before it"):
        infill(walking(), span, network=network())


def test_a_gap_too_long_for_the_network_is_an_error() -> None:
    with pytest.raises(InputError, match="fills up to 2 seconds"):
        infill(walking(4.0), (20, 90), network=network())


def test_the_mirror_image_of_a_gap_is_filled_with_the_mirror_image():
    """Whatever the weights: both ways are averaged."""
    rng = torch.Generator().manual_seed(2)
    turns = torch.nn.functional.normalize(
        torch.randn(1, 20, 22, 4, generator=rng) + torch.tensor([0, 0, 0, 3.0]), dim=-1
    )
    window = Window(*interpolated(torch.randn(1, 20, 3, generator=rng), turns, (8, 14)), (8, 14))
    partners = list(mirrored_joints())
    image = Window(reflect_points(window.root), reflect_quats(window.rotations)[:, :, partners], window.gap)
    one = network()
    with torch.no_grad():
        (root, rotations), (root_image, rotations_image) = one.filled_both_ways(window), one.filled_both_ways(image)
        plain = one.filled(window)[1]
    torch.testing.assert_close(reflect_points(root), root_image, atol=1e-5, rtol=0)
    assert float(quat_angle(reflect_quats(rotations)[:, :, partners], rotations_image).max()) < 1e-2
    assert float(quat_angle(rotations, plain).max()) > 2e-2
