"""MMCP: capabilities, every kind of request, every row of the table of errors, answers that the public SDK reads."""

from __future__ import annotations

import json
import struct
import time

import numpy as np
import pytest
import torch

from edit_bundles import made_clip
from kinescale import skeletons
from kinescale.kinematics.rotations import quat_angle
from kinescale.motion import Motion
from kinescale.server.mmcp.checks import check
from kinescale.server.mmcp.constraints import constraints_of
from kinescale.server.mmcp.keyframes import reduced
from kinescale.server.mmcp.routes import _prefers_binary
from kinescale.server.mmcp.skeleton import canonical_json

FRAMES = 24
WALK = {"type": "text", "prompt": "a person walks", "duration_frames": FRAMES}


@pytest.fixture(scope="session")
def model(client):
    return client.get("/capabilities").json()["models"][0]


@pytest.fixture(scope="session")
def asking(model):
    """A request with changes; ``None`` takes a key out."""

    def build(**changes):
        joints = [{key: joint[key] for key in joint} for joint in model["canonical_skeleton"]["joints"]]
        body = {"protocol_version": "1.4", "model": model["id"], "skeleton": {"joints": joints}, "segments": [WALK]}
        return {key: value for key, value in {**body, **changes}.items() if value is not None}

    return build


@pytest.fixture
def made(client, asking):
    """The document of a request."""

    def send(headers=None, **changes):
        answer = client.post("/generate", json=asking(**changes), headers=headers or {})
        while answer.status_code == 202:
            time.sleep(0.05)
            answer = client.get(answer.headers["location"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


def read(document):
    """Per sample the root's track and the rotations, by the public SDK's parser."""
    parser = pytest.importorskip("motionmcp.client")
    return parser.parse_gltf_samples(document)


def tracks(document, sample=0):
    """The same, by hand: path -> node -> values."""
    import base64

    data = base64.b64decode(document["buffers"][0]["uri"].partition(",")[2])
    found = {"translation": {}, "rotation": {}, "times": {}}
    animation = document["animations"][sample]
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        values = []
        for name in ("input", "output"):
            accessor = document["accessors"][sampler[name]]
            view = document["bufferViews"][accessor["bufferView"]]
            width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
            start = view["byteOffset"] + accessor["byteOffset"]
            flat = np.frombuffer(data, "<f4", accessor["count"] * width, start)
            values.append(flat.reshape(-1, width))
        found[target["path"]][target["node"]] = values[1]
        found["times"][target["path"], target["node"]] = values[0][:, 0]
    return found


def test_capabilities_are_what_the_sdk_expects(client, model):
    found = client.get("/capabilities")
    assert "json" in found.headers["content-type"] and found.json()["protocol_version"] == "1.4"
    joints = model["canonical_skeleton"]["joints"]
    heights = {}
    for joint in joints:
        heights[joint["name"]] = joint["rest_translation"][1] + heights.get(joint["parent"], 0.0)
    assert min(heights.values()) == pytest.approx(0.0, abs=1e-5)
    assert all(joint["rest_rotation"] == [0, 0, 0, 1] for joint in joints)
    protocol = pytest.importorskip("motionmcp.protocol")
    parsed = getattr(protocol, "Capabilities", None)
    if parsed is not None:
        parsed.model_validate(found.json())


def test_text_gives_a_document_with_the_requests_joints(made, model):
    document = made()
    names = [joint["name"] for joint in model["canonical_skeleton"]["joints"]]
    assert [node["name"] for node in document["nodes"]] == names
    assert document["extensionsUsed"] == ["MMCP_motion"] and document["skins"] == [{"joints": list(range(22))}]
    extension = document["extensions"]["MMCP_motion"]
    assert extension["samples"][0]["num_frames"] == FRAMES and extension["samples"][0]["chunk_boundaries"] == []
    assert set(extension["samples"][0]["foot_contacts"]) == set(model["predicted_contact_joints"])
    assert "canonical_to_request" not in extension and extension["fps"] == model["fps"]
    found = tracks(document)
    assert found["translation"][0].shape == (FRAMES, 3) and len(found["rotation"]) == 22
    assert np.allclose(np.linalg.norm(found["rotation"][5], axis=1), 1, atol=1e-5)
    assert np.allclose(np.diff(found["times"]["rotation", 3]), 1 / 30, atol=1e-6)
    assert len(read(document)) == 1


def test_the_same_body_gives_the_same_bytes_alone_and_in_a_batch(client, asking):
    one, two = asking(options={"seed": 4}), asking(options={"seed": 5})
    alone = [client.post("/generate", json=body).json() for body in (one, two)]
    batch = client.post("/generate", json={"protocol_version": "1.4", "requests": [one, {"model": "x"}, two]})
    results = batch.json()["results"]
    assert [results[0]["gltf"], results[2]["gltf"]] == alone and alone[0] != alone[1]
    assert results[1]["error"]["code"] == "schema_validation"


@pytest.mark.slow
def test_samples_differ_and_seeds_repeat(made):
    first, again = made(options={"num_samples": 2, "seed": 3}), made(options={"num_samples": 2, "seed": 3})
    assert first == again and [one["name"] for one in first["animations"]] == ["sample_0", "sample_1"]
    assert not np.array_equal(tracks(first, 0)["rotation"][4], tracks(first, 1)["rotation"][4])


def test_segments_follow_each_other(made):
    segments = [{"type": "unconditioned", "duration_frames": 20}, {**WALK, "seed": 9}]
    document = made(segments=segments)
    sample = document["extensions"]["MMCP_motion"]["samples"][0]
    assert sample["num_frames"] == 20 + FRAMES and sample["chunk_boundaries"] == [20]
    other = made(segments=[segments[0], {**WALK, "seed": 10}])
    here, there = tracks(document)["rotation"][4], tracks(other)["rotation"][4]
    assert np.array_equal(here[:15], there[:15]) and not np.array_equal(here[25:], there[25:])


def test_a_first_segment_may_be_a_single_frame(made):
    document = made(segments=[{"type": "unconditioned", "duration_frames": 1}, WALK])
    sample = document["extensions"]["MMCP_motion"]["samples"][0]
    assert sample["num_frames"] == 1 + FRAMES and sample["chunk_boundaries"] == [1]
    assert np.allclose(tracks(document)["translation"][0][0, [0, 2]], 0, atol=1e-5)


def test_another_rate_is_resampled_and_a_loop_closes(made):
    document = made(timing={"fps": 24.0}, options={"loop": True, "seed": 2})
    found = tracks(document)
    assert document["extensions"]["MMCP_motion"]["fps"] == 24.0 and len(found["translation"][0]) == FRAMES
    assert found["times"]["translation", 0][-1] == pytest.approx((FRAMES - 1) / 24)
    for joint in range(1, 22):
        first, last = (torch.tensor(found["rotation"][joint][k]) for k in (0, -1))
        assert float(quat_angle(first, last)) < 1e-3


def test_an_own_skeleton_gets_the_motion(made):
    rig = canonical_json(skeletons.get("mixamo"))
    document = made(skeleton=rig)
    assert [node["name"] for node in document["nodes"]] == list(skeletons.get("mixamo").joints)
    names = document["extensions"]["MMCP_motion"]["canonical_to_request"]
    assert names["left_knee"] == "mixamorig:LeftLeg"
    assert tracks(document)["translation"][0][0, 1] > 0.3


@pytest.mark.slow
def test_a_constraint_that_is_met_changes_nothing(made):
    start = {"type": "root_path", "frames": [0], "positions_xz": [[0, 0]]}
    free, pinned = made(), made(constraints=[start])
    assert np.array_equal(tracks(free)["rotation"][3], tracks(pinned)["rotation"][3])


@pytest.mark.slow
def test_constraints_are_control(made):
    path = {"type": "root_path", "frames": [0, 23], "positions_xz": [[0, 0], [0.0, 0.3]], "heading_radians": [0, 0]}
    document = made(segments=None, duration_frames=FRAMES, constraints=[path])
    place = tracks(document)["translation"][0]
    notes = document["extensions"]["MMCP_motion"].get("notes", [])
    assert abs(place[-1, 2] - 0.3) < 0.02 or notes[0]["code"] == "constraint_missed"


def test_keyframes_become_pins_of_what_they_name():
    from kinescale.server.mmcp import schema

    clip = made_clip(30)
    root, elbow = clip.skeleton.joints[0], clip.skeleton.roles["left_elbow"]
    bent = {"type": "pose_keyframe", "frame": 7, "joint_rotations": {elbow: [0.0, 0.0, 0.6, 0.8]}}
    constraints, notes = constraints_of([schema.PoseKeyframe.model_validate(bent)], clip)
    (pin,) = constraints.entries
    assert pin.parts == ("left_elbow",) and not pin.world and not notes
    assert torch.allclose(pin.pose.rotations[0, clip.skeleton.index(elbow)], torch.tensor([0.0, 0.0, 0.6, 0.8]))
    rest = {**bent, "fill_mode": "rest", "root_position": [1.0, 0.9, 2.0]}
    rest["joint_rotations"] = {elbow: [0.0, 0.0, 0.6, 0.8], root: [0.0, 0.0, 0.0, 1.0]}
    constraints, _ = constraints_of([schema.PoseKeyframe.model_validate(rest)], clip)
    (whole,) = constraints.entries
    assert whole.world and whole.parts == () and whole.pose.root[0].tolist() == pytest.approx([1.0, 0.9, 2.0])
    target = {"type": "effector_target", "joint": elbow, "frames": [9, 3], "positions": [[9, 1, 0], [3, 1, 0]]}
    constraints, _ = constraints_of([schema.EffectorTarget.model_validate(target)], clip)
    assert constraints.entries[0].frames == (3, 9) and constraints.entries[0].positions[0, 0] == 3


@pytest.mark.parametrize("budget", [pytest.param(0.002, marks=pytest.mark.slow), 0.05])
def test_sparse_keys_stay_within_their_budget(budget):
    clip = made_clip(24)
    root, turns = reduced(clip, budget)
    dense = clip.to(torch.float64)
    seconds = np.arange(24.0)
    rotations = dense.rotations.clone()
    for joint, keys in enumerate(turns):
        assert keys[0] == 0 and keys[-1] == 23 and keys == sorted(set(keys))
        at = np.searchsorted(keys, seconds, side="right").clip(1, len(keys) - 1)
        low, high = np.array(keys)[at - 1], np.array(keys)[at]
        share = torch.from_numpy((seconds - low) / (high - low))[:, None]
        a, b = dense.rotations[low, joint], dense.rotations[high, joint]
        b = torch.where((a * b).sum(-1, keepdim=True) < 0, -b, b)
        angle = torch.acos((a * b).sum(-1, keepdim=True).clamp(-1, 1)).clamp(min=1e-9)
        mixed = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
        rotations[:, joint] = torch.nn.functional.normalize(mixed, dim=-1)
    place = torch.from_numpy(np.stack([np.interp(seconds, root, dense.root[root, k]) for k in range(3)], 1))
    again = Motion(clip.skeleton, clip.fps, place, rotations).positions()
    assert float((again - dense.positions()).norm(dim=-1).max()) <= budget + 1e-6
    assert sum(map(len, turns)) < 24 * len(turns)


@pytest.mark.slow
def test_a_budget_gives_sparse_tracks(made):
    document = made(options={"keyframe_budget": 0.1})
    found = tracks(document)
    assert any(len(times) < FRAMES for times in found["times"].values())
    assert document["extensions"]["MMCP_motion"]["samples"][0]["num_frames"] == FRAMES


def test_glb_where_it_is_wanted_most(client, asking):
    answer = client.post("/generate", json=asking(), headers={"Accept": "model/gltf-binary"})
    assert answer.headers["content-type"] == "model/gltf-binary"
    magic, version, length = struct.unpack("<4sII", answer.content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(answer.content))
    glb = pytest.importorskip("motionmcp.client")
    assert len(glb.parse_gltf_samples(glb.glb_to_gltf(answer.content))) == 1


@pytest.mark.parametrize(
    ("accept", "binary"),
    [("", False), ("*/*", False), ("model/gltf-binary", True), ("model/gltf+json", False),
     ("model/gltf+json, application/json, model/gltf-binary;q=0.9", False),
     ("model/gltf-binary, model/gltf+json;q=0.5", True), ("model/gltf-binary;q=x", False)],
)  # fmt: skip
def test_which_answer_an_accept_header_means(accept, binary):
    assert _prefers_binary(accept) is binary


def test_a_job_is_polled_and_cancelled(client, asking):
    submitted = client.post("/generate", json=asking(), headers={"Prefer": "respond-async"})
    assert submitted.status_code == 202 and float(submitted.headers["retry-after"]) >= 1
    where = submitted.headers["location"]
    assert where == f"/generate/jobs/{submitted.json()['job_id']}"
    while (answer := client.get(where)).status_code == 202:
        time.sleep(0.02)
    assert answer.status_code == 200 and answer.headers["content-type"] == "model/gltf+json"
    assert client.delete(where).status_code == 204
    gone = client.get(where)
    assert gone.status_code == 404 and gone.json()["error"]["code"] == "invalid_request"


def test_an_idempotency_key_answers_once(client, asking):
    key = {"Idempotency-Key": "one"}
    first = client.post("/generate", json=asking(), headers=key)
    assert client.post("/generate", json=asking(), headers=key).content == first.content
    other = client.post("/generate", json=asking(options={"seed": 8}), headers=key)
    assert other.status_code == 409 and other.json()["error"]["code"] == "invalid_request"


PIN = {"type": "effector_target", "joint": "left_wrist", "frames": [3], "positions": [[0, 1, 0]]}
KEY = {"type": "pose_keyframe", "frame": 3, "joint_rotations": {"left_wrist": [0, 0, 0, 1]}}
LONE = {"joints": [{"name": "a", "rest_translation": [0, 0, 0], "rest_rotation": [0, 0, 0, 1]}]}
TWICE = {"joints": [LONE["joints"][0], {**LONE["joints"][0], "parent": "a"}]}
REFUSED = {
    "other major": ({"protocol_version": "2.0"}, "version_unsupported"),
    "no version": ({"protocol_version": None}, "schema_validation"),
    "odd version": ({"protocol_version": "one"}, "schema_validation"),
    "unknown key": ({"colour": 1}, "schema_validation"),
    "other model": ({"model": "x"}, "unknown_model"),
    "pose segment": ({"segments": [{"type": "pose", "prompt": 3}]}, "unsupported_segment"),
    "video segment": ({"segments": [{"type": "video_reference"}]}, "unsupported_segment"),
    "unknown segment": ({"segments": [{"type": "song"}]}, "schema_validation"),
    "nothing": ({"segments": []}, "schema_validation"),
    "two lengths": ({"duration_frames": 3}, "schema_validation"),
    "no length": ({"segments": None, "constraints": [PIN]}, "schema_validation"),
    "no person": ({"skeleton": LONE}, "retargeting_unsupported"),
    "no tree": ({"skeleton": TWICE}, "invalid_skeleton"),
    "half a rotation": (
        {"skeleton": {"joints": [{**LONE["joints"][0], "rest_rotation": [0, 0, 0]}]}},
        "schema_validation",
    ),
    "unknown joint": ({"constraints": [{**PIN, "joint": "tail"}]}, "unknown_joint"),
    "unknown joint of a pose": ({"constraints": [{**KEY, "joint_rotations": {"tail": [0, 0, 0, 1]}}]}, "unknown_joint"),
    "late frame": ({"constraints": [{**PIN, "frames": [FRAMES]}]}, "frame_out_of_range"),
    "early frame": ({"constraints": [{**KEY, "frame": -1}]}, "frame_out_of_range"),
    "lengths that differ": ({"constraints": [{**PIN, "positions": []}]}, "schema_validation"),
    "descending path": (
        {"constraints": [{"type": "root_path", "frames": [3, 1], "positions_xz": [[0, 0], [0, 1]]}]},
        "schema_validation",
    ),
    "ground": ({"constraints": [{"type": "ground_height", "points": [[0, 0, 0]]}]}, "unsupported_constraint"),
    "turned target": ({"constraints": [{**PIN, "rotations": [[0, 0, 0, 1]]}]}, "unsupported_constraint"),
    "empty prompt": ({"segments": [{**WALK, "prompt": "..."}]}, "invalid_request"),
    "other language": ({"segments": [{**WALK, "language": "fr"}]}, "invalid_options"),
    "long prompt": ({"segments": [{**WALK, "prompt": "a" * 1001}]}, "invalid_options"),
    "long motion": ({"segments": [{**WALK, "duration_frames": 100_000}]}, "invalid_options"),
    "odd rate": ({"timing": {"fps": 1000.0}}, "invalid_options"),
    "too many samples": ({"options": {"num_samples": 17}}, "schema_validation"),
    "weights": ({"options": {"guidance": {"type": "regular", "weight": []}}}, "schema_validation"),
    "two loops": ({"segments": [WALK, WALK], "options": {"loop": True}}, "invalid_options"),
    "unknown dial": ({"options": {"model_options": {"mood": 1}}}, "invalid_options"),
    "dial out of range": ({"options": {"model_options": {"candidates": 0}}}, "invalid_options"),
    "dial of another type": ({"options": {"model_options": {"candidates": True}}}, "invalid_options"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_by_name(client, asking, case):
    changes, code = REFUSED[case]
    answer = client.post("/generate", json=asking(**changes))
    error = answer.json()["error"]
    assert error["code"] == code and answer.status_code == (422 if code == "schema_validation" else 400)
    assert error["message"] and "Traceback" not in answer.text


def test_later_minor_versions_are_served(made):
    document = made(protocol_version="1.99", mood={"happy": 1})
    assert document["extensions"]["MMCP_motion"]["version"] == "1.4"


def test_batches_are_refused_as_a_whole_only_for_what_is_about_the_whole(client, asking):
    def code(body):
        return client.post("/generate", json=body).json()["error"]["code"]

    assert code({"protocol_version": "1.4", "requests": []}) == "schema_validation"
    assert code({"requests": [asking()]}) == "schema_validation"
    assert code({"protocol_version": "3.0", "requests": [asking()]}) == "version_unsupported"
    assert code({"protocol_version": "1.4", "requests": [{}] * 17}) == "invalid_options"


def test_dials_are_declared_and_taken(asking, client, settings):
    names = {dial["name"] for dial in client.get("/capabilities").json()["models"][0]["model_options"]}
    assert names == {"candidates", "temperature"}
    service = client.app.app.state.service
    body = asking(options={"model_options": {"temperature": 0.5, "candidates": 2}})
    assert check(service.engine, settings, body, 0).dials == {"temperature": 0.5, "candidates": 2}
    assert json.dumps(body)
