"""A stand-in for the server: the page's files, and fixed answers under /v1, so that the page is tested apart."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlparse

import torch

from kinescale.motion import Motion

TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
ADDRESS = "http://studio.test"


def motion_json(motion: Motion) -> dict[str, Any]:
    """A motion as the server writes it, with feet that are always down."""
    skeleton = motion.skeleton
    down = [1] * len(motion)
    return {
        "skeleton": {
            "name": skeleton.name,
            "names": list(skeleton.joints),
            "parents": list(skeleton.parents),
            "offsets": skeleton.offsets.tolist(),
            "roles": dict(skeleton.roles),
            "t_pose": None if skeleton.t_pose is None else skeleton.t_pose.tolist(),
            "ends": [{"joint": end.joint, "offset": list(map(float, end.offset))} for end in skeleton.ends],
        },
        "fps": motion.fps,
        "root": motion.root.tolist(),
        "rotations": motion.rotations.tolist(),
        "meta": {"prompt": motion.meta.get("prompt") or "a person walks", "seed": 0},
        "contacts": {f"{side}_{place}": down for side in ("left", "right") for place in ("ankle", "toes")},
    }


class FakeServer:
    """Answers requests of a page; ``asked`` keeps (path, body); ``lost`` makes it silent, ``fails`` refuses jobs."""

    def __init__(self, motion: Motion):
        self.motion = motion_json(motion)
        self.asked: list[tuple[str, Any]] = []
        self.lost = False
        self.fails: str | None = None
        self._jobs: dict[str, tuple[str, Any]] = {}

    def attach(self, page: Any) -> None:
        """Answer everything that the page asks for."""
        page.route("**/*", self._route)

    def bodies(self, path: str) -> list[Any]:
        """Bodies of the requests to a path."""
        return [body for asked, body in self.asked if asked == path]

    def _route(self, route: Any) -> None:
        where = urlparse(route.request.url)
        if where.hostname != "studio.test" or self.lost:
            route.abort()
            return
        if not where.path.startswith("/v1"):
            name = where.path.lstrip("/") or "index.html"
            data = files("kinescale.server").joinpath("page", name).read_bytes()
            route.fulfill(body=data, content_type=TYPES[name.rsplit(".", 1)[-1]])
            return
        self._answer(route, where.path, parse_qs(where.query))

    def _answer(self, route: Any, path: str, query: dict[str, list[str]]) -> None:
        request = route.request
        body = None
        if request.method == "POST" and "json" in (request.headers.get("content-type") or ""):
            body = json.loads(request.post_data or "null")
        self.asked.append((path, body))
        if path == "/v1/bundle":
            route.fulfill(json=self._bundle())
        elif path == "/v1/convert":
            self._convert(route, body)
        elif path.endswith("/events"):
            name, body = self._jobs[path.split("/")[-2]]
            route.fulfill(body=self._events(name, body), content_type="text/event-stream")
        elif request.method == "DELETE":
            route.fulfill(status=204)
        elif self.fails:
            error = {"code": "invalid_options", "message": self.fails, "details": {}}
            route.fulfill(status=422, json={"error": error})
        else:
            job = f"job{len(self._jobs)}"
            self._jobs[job] = (path, body)
            route.fulfill(status=202, json={"id": job, "state": "queued", "events": f"/v1/jobs/{job}/events"})

    def _convert(self, route: Any, body: Any) -> None:
        if body is not None and body["to"] != "json":
            route.fulfill(body=b"HIERARCHY", content_type="application/octet-stream")
        else:
            roles = {"how": {}, "warnings": ["the left knee was found by its place"] if body is None else []}
            route.fulfill(
                json={"motion": self.motion, "notes": ["Read with its own axes."], "animations": [], "roles": roles}
            )

    def _events(self, path: str, body: Any) -> str:
        """The events of a job: progress, a preview of each of three scales, the result."""
        lines = [("progress", {"stage": "scale", "done": k, "total": 3, "draw": 1}) for k in (1, 2, 3)]
        if body.get("preview"):
            preview = {"scales": 3, "sample": 0, "prompt": body["prompt"], "motion": self.motion}
            lines += [("preview", {**preview, "scale": k}) for k in range(3)]
        lines.append(("done", {"id": "x", "state": "done", "result": self._result(path, body)}))
        return "".join(
            f"id: {i}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for i, (name, data) in enumerate(lines, 1)
        )

    def _result(self, path: str, body: Any) -> dict[str, Any]:
        if path == "/v1/describe":
            return {"sentence": "A person walks 3.1 m.", "sentences": {}, "measured": {}}
        if path == "/v1/scales":
            return {"motions": [self.motion] * 3}
        changed = json.loads(json.dumps(self.motion))
        first, last = body.get("options", {}).get("frames", (0, 0)) if path == "/v1/edit" else (0, 0)
        for frame in range(first, last):
            changed["root"][frame][1] += 0.01
        result: dict[str, Any] = {"motions": [changed] * body.get("samples", 1), "notes": [], "seeds": None}
        if path == "/v1/control":
            result["errors"] = [
                [{"name": "pin", "mean_m": 0.001, "worst_m": 0.0034, "worst_frame": 0, "met": True}] * 2
            ]
        return result

    def _bundle(self) -> dict[str, Any]:
        return {
            "bundle": "default",
            "fps": 30.0,
            "scales": 6,
            "skeleton": self.motion["skeleton"],
            "acts": [{"name": "walk", "example": "a person walks", "sided": False}],
            "parts": {"left_arm": [], "right_arm": [], "legs": []},
            "skeletons": ["humanml22", "mixamo"],
            "formats": {"read": [".bvh"], "write": [".bvh", ".glb"], "picture": [".html"]},
            "limits": {"max_samples": 16, "max_seconds": 60, "max_request_bytes": 2**25},
        }


def short_walk() -> Motion:
    """Two seconds of a body that goes forward on a straight line, arms swinging a little."""
    from kinescale import skeletons

    skeleton = skeletons.get("humanml22")
    frames = 60
    root = torch.zeros(frames, 3)
    root[:, 1] = 0.92
    root[:, 2] = torch.linspace(0, 1.6, frames)
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1
    swing = 0.3 * torch.sin(torch.linspace(0, 12, frames))
    for role, sign in (("left_shoulder", 1), ("right_shoulder", -1), ("left_hip", -1), ("right_hip", 1)):
        rotations[:, skeleton.role(role), 0] = torch.sin(sign * swing / 2)
        rotations[:, skeleton.role(role), 3] = torch.cos(swing / 2)
    return Motion(skeleton=skeleton, fps=30.0, root=root, rotations=rotations)
