"""Edit regions and options: which are refused, and what is recorded in meta."""

from __future__ import annotations

import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import BundleError, InputError, SkeletonError
from kinescale.pipelines import EditOptions, Editor, EditRegion
from kinescale.pipelines.editing.windows import windows
from tiny_bundle import tiny_bundle

REGION = ("frames", "seconds", "parts", "keep_scales")
PROMPT = "a person waves"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"frames": (20, 20)}, InputError),
        ({"frames": (30, 20)}, InputError),
        ({"frames": (-3, 20)}, InputError),
        ({"frames": (50, 61)}, InputError),
        ({"frames": []}, InputError),
        ({"seconds": (1.0, 1.0)}, InputError),
        ({"seconds": (0.0, 30.0)}, InputError),
        ({"frames": (1, 5), "seconds": (0.0, 1.0)}, InputError),
        ({"parts": "tail"}, InputError),
        ({"parts": "left_armm"}, InputError),
        ({"keep_scales": -1}, InputError),
        ({"keep_scales": 3}, InputError),
        ({"samples": 0}, InputError),
        ({"blend": -1.0}, InputError),
        ({"blend": float("nan")}, InputError),
        ({"seed": -1}, InputError),
        ({"prompt": " . "}, InputError),
        ({"sampling": {"guidence": 1.0}}, InputError),
    ],
)
def test_bad_regions_and_options(one, clip, options, error):
    with pytest.raises(error) as caught:
        region = EditRegion.of(clip, **{name: options.pop(name) for name in REGION if name in options})
        one.edit(clip, options.pop("prompt", PROMPT), region, options=EditOptions(**options))
    assert "\n" not in str(caught.value)


def test_bad_clips(one, clip):
    with pytest.raises(InputError, match="shortest"):
        one.edit(clip.slice(0, 3), PROMPT)
    roleless = clip.replace(
        skeleton=skeletons.get("humanml22")
        .renamed("bare")
        .__class__("bare", clip.skeleton.joints, clip.skeleton.parents, clip.skeleton.offsets)
    )
    with pytest.raises(SkeletonError, match="role"):
        one.edit(roleless, PROMPT, region=EditRegion.of(roleless, parts="left_arm"))
    with pytest.raises(InputError, match="at least a frame"):
        one.inbetween(clip, clip, 0.0)
    with pytest.raises(InputError, match="whole clip"):
        one.outpaint(clip, region=EditRegion.of(clip, frames=(0, 60)))
    for seconds in (0.0, 2.0, 9.0, float("nan")):
        with pytest.raises(InputError, match="to be kept"):
            one.prefix(clip, seconds)
    with pytest.raises(BundleError, match="no generator"):
        Editor(tiny_bundle(generator=False))


@pytest.mark.parametrize(
    ("length", "spans"), [(50, [(3, 9)]), (400, [(0, 400)]), (400, [(390, 400)]), (200, [(5, 80), (100, 199)])]
)
def test_windows_cover_the_spans_once_and_hold_what_they_draw(length, spans):
    drawn = []
    for (start, stop), inner in windows(length, spans, 64, 4):
        assert 0 <= start < stop <= length and stop - start <= 64
        assert all(start <= a < b <= stop for a, b in inner)
        drawn += [frame for a, b in inner for frame in range(a, b)]
    assert drawn == [frame for a, b in spans for frame in range(a, b)]


def test_windows_end_where_the_features_do():
    """A span that ends after the last row must not keep the plan from ending."""
    assert windows(99, [(90, 100)], 64, 4)[-1][1][-1] == (90, 99)


def test_meta_tells_what_was_done(one, clip):
    meta = (
        one.edit(
            clip,
            PROMPT,
            region=EditRegion.of(clip, frames=(10, 30), parts="arms", keep_scales=1),
            options=EditOptions(seed=9),
        )
        .motions[0]
        .meta
    )
    assert meta["prompt"] == PROMPT and meta["seed"] == 9 and meta["source"] == "made up"
    assert meta["edited_frames"] == "10:30" and meta["edited_parts"] == "arms" and meta["edit_keep_scales"] == 1
    assert meta["license"] == "CC0; CC BY-NC 4.0 (corpus one)"
    assert meta["bundle"] == one.bundle.content_hash


def test_inputs_are_left_alone(one, clip):
    root, rotations = clip.root.clone(), clip.rotations.clone()
    one.edit(clip, PROMPT, region=EditRegion.of(clip, frames=(0, 60)))
    assert torch.equal(clip.root, root) and torch.equal(clip.rotations, rotations)
