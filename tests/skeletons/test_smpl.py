"""SMPL-H and SMPL-X: the models' joints in the models' order, humanml22's body, hands that mirror."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kinescale import skeletons

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
HAND = [f"{finger}{number}" for finger in FINGERS for number in (1, 2, 3)]
FACE = ["jaw", "left_eye_smplhf", "right_eye_smplhf"]
BODY = skeletons.get("humanml22")


def rest(name: str) -> dict[str, np.ndarray]:
    """Joint -> rest position, root at the origin."""
    body = skeletons.get(name)
    places: list[np.ndarray] = []
    for parent, offset in zip(body.parents, body.offsets, strict=True):
        places.append(offset if parent < 0 else places[parent] + offset)
    return dict(zip(body.joints, places, strict=True))


@pytest.mark.parametrize(("name", "face"), [("smplh", []), ("smplx", FACE)])
def test_joints_stand_in_the_models_order(name: str, face: list[str]):
    body = skeletons.get(name)
    hands = [f"{side}_{joint}" for side in ("left", "right") for joint in HAND]
    assert list(body.joints) == [*BODY.joints, *face, *hands]
    assert len(body) == {"smplh": 52, "smplx": 55}[name]
    assert body.parents[:22] == BODY.parents and dict(body.roles) == dict(BODY.roles)
    np.testing.assert_array_equal(body.offsets[:22], BODY.offsets)
    for side in ("left", "right"):
        for finger in FINGERS:
            chain = [f"{side}_wrist", *(f"{side}_{finger}{number}" for number in (1, 2, 3))]
            for parent, child in pairwise(chain):
                assert body.joints[body.parents[body.index(child)]] == parent
    assert all(body.joints[body.parents[body.index(joint)]] == "head" for joint in face)


@pytest.mark.parametrize("name", ["smplh", "smplx"])
def test_the_body_is_its_own_mirror_image(name: str):
    places = rest(name)
    for joint, place in places.items():
        side, _, stem = joint.partition("_")
        other = {"left": "right_", "right": "left_"}.get(side, "") + stem if side in ("left", "right") else joint
        np.testing.assert_allclose(places[other], place * [-1, 1, 1], atol=1e-12)


@pytest.mark.parametrize("name", ["smplh", "smplx"])
def test_hands_are_like_hands(name: str):
    """Palm down, thumb in front, the middle finger longest, the little finger behind; every leaf has a tip."""
    body, places = skeletons.get(name), rest(name)
    tips = {body.joints[end.joint]: places[body.joints[end.joint]] + end.offset for end in body.ends}
    for side, out in (("left", 1), ("right", -1)):
        reach = {finger: out * (tips[f"{side}_{finger}3"] - places[f"{side}_wrist"])[0] for finger in FINGERS}
        assert max(reach, key=lambda finger: reach[finger]) == "middle" and 0.15 < reach["middle"] < 0.22
        forward = [tips[f"{side}_{finger}3"][2] for finger in ("thumb", "index", "middle", "ring", "pinky")]
        assert forward == sorted(forward, reverse=True)
    faceless = [j for j in range(len(body)) if not body.children[j] and body.joints[j] not in FACE]
    assert {end.joint for end in body.ends} >= set(faceless)


def test_the_eyes_look_out_of_the_face():
    places = rest("smplx")
    for side, out in (("left", 1), ("right", -1)):
        eye = places[f"{side}_eye_smplhf"] - places["head"]
        assert out * eye[0] == pytest.approx(0.032) and eye[1] > 0.04 and eye[2] > 0.04
