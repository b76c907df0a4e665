"""The interface under /v1: every route with a tiny bundle, motions to the bit, and one clear error for bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from edit_bundles import made_clip
from kinescale import TextToMotion, skeletons
from kinescale.core.errors import InputError
from kinescale.server.motion_json import motion_json, read_motion_json
from tiny_bundle import tiny_bundle


def tracks(motion):
    return np.float32(motion["root"]), np.float32(motion["rotations"])


def test_a_motion_returns_from_json_to_the_bit():
    clip = made_clip(20, skeleton="mixamo")
    again = read_motion_json(json.loads(motion_json(clip)), "motion", 1000)
    assert torch.equal(again.root, clip.root) and torch.equal(again.rotations, clip.rotations)
    assert again.skeleton.joints == clip.skeleton.joints and dict(again.skeleton.roles) == dict(clip.skeleton.roles)
    assert again.meta["license"] == "CC0" and again.fps == clip.fps


def test_the_bundle_says_what_it_can_do(client):
    about = client.get("/v1/bundle").json()
    assert about["scales"] == 3 and about["fps"] == 30.0 and about["limits"]["max_samples"] == 16
    assert about["tasks"]["extend"]["options"]["seconds"] is True and about["tasks"]["then"]["motions"] == 2
    assert ".bvh" in about["formats"]["read"] and ".html" in about["formats"]["picture"]
    assert {"name": "wave", "example": "a person waves with the right hand", "sided": True} in about["acts"]
    assert about["skeleton"]["roles"]["hips"] == about["skeleton"]["names"][0]


def test_a_motion_is_the_one_that_the_pipeline_makes(walk):
    made = TextToMotion(tiny_bundle())("a person walks", 1.0, seed=3).motions[0]
    root, rotations = tracks(walk)
    assert np.array_equal(root, made.root.numpy()) and np.array_equal(rotations, made.rotations.numpy())
    assert walk["meta"]["prompt"] == "a person walks" and walk["meta"]["license"]
    assert set(walk["contacts"]) == {"left_ankle", "left_toes", "right_ankle", "right_toes"}


def test_events_come_scale_by_scale_and_can_be_read_again(client):
    body = {"prompt": "a person waves", "seconds": 1.0, "samples": 2, "preview": True}
    submitted = client.post("/v1/generate", json=body)
    assert submitted.status_code == 202
    job = submitted.json()
    assert submitted.headers["location"] == job["url"]
    events = read_events(client.get(job["events"]).text)
    names = [name for _, name, _ in events]
    assert names[0] == "state" and names[-1] == "done" and names.count("preview") == 3 * 2
    assert [data["done"] for _, name, data in events if name == "progress"] == [1, 2, 3]
    last = next(data for _, name, data in reversed(events) if name == "preview")
    assert last["scale"] == 2 and last["scales"] == 3 and len(last["motion"]["root"]) == 30
    assert len(events[-1][2]["result"]["motions"]) == 2
    again = read_events(client.get(job["events"], headers={"Last-Event-ID": str(len(events) - 1)}).text)
    assert again == events[-1:]
    assert client.get(job["url"]).json()["state"] == "done"
    assert client.delete(job["url"]).status_code == 204
    assert client.get(job["url"]).json()["error"]["code"] == "unknown_job"


@pytest.mark.slow
def test_what_is_drawn_together_is_what_each_gives_alone():
    pipe = TextToMotion(tiny_bundle())
    prompts, seeds = ["a person walks", "a person waves"], [3, 4]
    both = pipe(prompts, 1.0, 1, seeds, batch=2).motions
    for prompt, seed, motion in zip(prompts, seeds, both, strict=True):
        alone = pipe(prompt, 1.0, 1, seed).motions[0]
        assert torch.equal(alone.rotations, motion.rotations) and motion.meta["seed"] == seed
    with pytest.raises(InputError, match="1 seeds for 2 prompts"):
        pipe(prompts, 1.0, 1, [3])


def read_events(text):
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def test_edits_keep_what_is_outside_to_the_bit(finished, walk):
    made = finished("/v1/edit", {"task": "inpaint", "motion": walk, "options": {"frames": [10, 20]}, "seed": 1})
    (root, rotations), (before, turned) = tracks(made["motions"][0]), tracks(walk)
    assert np.array_equal(rotations[:10], turned[:10]) and np.array_equal(root[:10], before[:10])
    assert not np.array_equal(rotations[10:20], turned[10:20]) and made["spans"] == [[10, 20]]


def test_named_edits(finished, walk):
    assert len(finished("/v1/extend", {"motion": walk, "seconds": 0.5})["motions"][0]["root"]) == 45
    cycle = finished("/v1/loop", {"motion": walk, "seconds": 0.4, "keep_scales": 0})
    assert len(cycle["motions"][0]["root"]) == 42 and len(cycle["offsets"][0]["shift"]) == 2
    other = json.loads(motion_json(made_clip(30)))
    both = finished("/v1/compose", {"first": other, "second": walk, "parts": ["left_arm"]})
    joint = walk["skeleton"]["names"].index(walk["skeleton"]["roles"]["left_elbow"])
    assert np.array_equal(tracks(both["motions"][0])[1][:, joint], tracks(other)[1][:, joint])


@pytest.mark.slow
def test_segments_are_a_timeline(finished):
    segments = [{"text": "a person walks", "seconds": 1}, {"text": None, "seconds": 0.5}]
    assert len(finished("/v1/generate", {"segments": segments})["motions"][0]["root"]) == 45


@pytest.mark.slow
def test_control_reports_its_errors(finished, walk):
    pins = {"constraints": [{"joint": "hips", "frame": 10, "position": [0.0, None, 0.4]}]}
    made = finished("/v1/control", {"motion": walk, "constraints": pins, "steps": 2, "refine": False})
    assert made["errors"][0][0]["worst_frame"] == 10 and made["frames"] == [0, 30]
    posed = {"constraints": [{"pose": walk, "pose_frame": 3, "frame": 20, "parts": "left_arm"}]}
    body = {"motion": walk, "constraints": posed, "steps": 1, "refine": False}
    assert finished("/v1/control", body)["errors"][0][0]["mean_m"] < 1


def test_description_scales_and_tokens(finished, walk):
    words = finished("/v1/describe", {"motion": walk})
    assert words["sentence"] == words["sentences"]["plain"] and "events" in words["measured"]
    assert len(finished("/v1/scales", {"motion": walk})["motions"]) == 3
    (window,) = finished("/v1/tokens", {"motion": walk})["windows"]
    assert window["frames"] == 30 and [len(scale["tokens"]) for scale in window["scales"]] == [2, 4, 8]


def test_files_come_in_and_go_out(client, walk):
    bvh = client.post("/v1/convert", json={"motion": walk, "to": ".bvh"})
    assert bvh.status_code == 200 and bvh.content.startswith(b"HIERARCHY") and "x-kinescale-license" in bvh.headers
    back = client.post("/v1/convert?suffix=.bvh&up=y&unit_m=1", content=bvh.content).json()
    assert set(back["motion"]["skeleton"]["names"]) == set(walk["skeleton"]["names"])
    assert back["roles"]["how"]["left_knee"].startswith("known skeleton")
    assert client.post("/v1/convert", json={"motion": walk, "to": ".html"}).content.startswith(b"<!doctype html")


def test_a_motion_is_put_on_a_skeleton_that_was_sent(client, walk):
    rig = json.loads(motion_json(made_clip(2, skeleton="mixamo")))["skeleton"]
    rig.pop("roles")
    made = client.post("/v1/convert", json={"motion": walk, "skeleton": rig, "fps": 15}).json()["motion"]
    assert made["skeleton"]["names"] == list(skeletons.get("mixamo").joints) and len(made["root"]) == 15
    named = client.post("/v1/convert", json={"motion": walk, "skeleton": "mixamo", "fps": 15}).json()["motion"]
    assert np.allclose(tracks(named)[1], tracks(made)[1], atol=1e-4)


@pytest.mark.slow
def test_roles_as_a_person_set_them(client, walk):
    knee, ankle = (walk["skeleton"]["roles"][f"left_{part}"] for part in ("knee", "ankle"))
    body = {"motion": walk, "roles": {"left_knee": ankle, "left_ankle": None}}
    made = client.post("/v1/convert", json=body).json()["motion"]["skeleton"]["roles"]
    assert made["left_knee"] == ankle and "left_ankle" not in made and knee not in made.values()


BAD = {
    "no prompt": ("/v1/generate", {}, 400, "invalid_request"),
    "empty prompt": ("/v1/generate", {"prompt": " . "}, 400, "invalid_options"),
    "a text for a number": ("/v1/generate", {"prompt": "a person walks", "seconds": "3"}, 422, "schema_validation"),
    "unknown key": ("/v1/generate", {"prompt": "a person walks", "secs": 3}, 422, "schema_validation"),
    "too long": ("/v1/generate", {"prompt": "a person walks", "seconds": 30.0}, 400, "invalid_options"),
    "too many": ("/v1/generate", {"prompt": "a person walks", "samples": 17}, 400, "invalid_options"),
    "no such setting": (
        "/v1/generate", {"prompt": "a person walks", "seconds": 1.0, "sampling": {"speed": 1}}, 400, "invalid_options",
    ),
    "a setting out of range": (
        "/v1/generate", {"prompt": "a person walks", "sampling": {"temperature": -1}}, 400, "invalid_options",
    ),
    "no such task": ("/v1/edit", {"task": "melt"}, 400, "invalid_options"),
    "no motion": ("/v1/describe", {}, 422, "schema_validation"),
    "segments out of order": (
        "/v1/generate", {"segments": [{"text": "a", "start": 2, "end": 1}]}, 400, "invalid_options",
    ),
    "a file's name as a pose": (
        "/v1/control",
        {"prompt": "a person walks", "seconds": 1.0, "constraints": {"constraints": [{"pose": "a.bvh", "frame": 1}]}},
        400, "invalid_options",
    ),
    "a file's name as a path": (
        "/v1/control",
        {"prompt": "a person walks", "seconds": 1.0, "constraints": {"constraints": [{"path": "a.csv", "frame": 1}]}},
        400, "invalid_options",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_are_refused_in_a_sentence(case, refused):
    path, body, status, code = BAD[case]
    refused(path, body, status, code)


def test_options_that_a_task_lacks_or_needs(refused, walk):
    error = refused("/v1/extend", {"motion": walk}, 400, "invalid_options")
    assert error["details"] == {"option": "seconds"}
    refused("/v1/extend", {"motion": walk, "seconds": 1.0, "cut": True}, 400, "invalid_options")
    refused("/v1/edit", {"task": "inpaint", "motion": walk}, 400, "invalid_options")
    refused("/v1/edit", {"task": "then", "motion": walk}, 422, "schema_validation")
    outside = {"task": "inpaint", "motion": walk, "options": {"frames": [5, 99]}}
    refused("/v1/edit", outside, 400, "invalid_options")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"fps": 0.0}, 400),
        ({"root": [[0, 0, 0]]}, 422),
        ({"root": [[0, 1e30, 0]] * 30}, 422),
        ({"rotations": "none"}, 422),
        ({"rotations": [[[0, 0, 0, 0]] * 22] * 30}, 400),
        ({"color": 1}, 422),
        ({"skeleton": {"names": ["a", "b"], "parents": [1, -1], "offsets": [[0, 0, 0], [0, 0, 0]]}}, 400),
    ],
)
def test_what_makes_no_motion_is_refused(client, walk, change, status):
    answer = client.post("/v1/describe", json={"motion": {**walk, **change}})
    assert answer.status_code == status and answer.json()["error"]["message"]


def test_damaged_and_unknown_files_are_refused(client):
    damaged = client.post("/v1/convert?suffix=.bvh", content=b"HIERARCHY\nROOT a\n{")
    assert damaged.status_code == 400 and damaged.json()["error"]["code"] == "invalid_motion"
    assert "upload.bvh" in damaged.json()["error"]["message"] and "/" not in damaged.json()["error"]["message"]
    for query in ("suffix=.exe", "suffix=../../etc/passwd", "suffix=.bvh&animation=x", "suffix=.bvh&to=.exe"):
        answer = client.post(f"/v1/convert?{query}", content=b"HIERARCHY")
        assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_options"
