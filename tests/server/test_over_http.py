"""The server on a socket: the public SDK's client, a client that leaves, and made-up requests by schemathesis."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
import uvicorn
from starlette.testclient import TestClient

from kinescale.server import Settings, create_app
from tiny_bundle import tiny_bundle

WALK = {"type": "text", "prompt": "a person walks", "duration_frames": 16}


@pytest.fixture(scope="module")
def serving():
    """The address of a running server, and its service."""
    app = create_app(tiny_bundle(), Settings(sync_s=30.0))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", app.app.state.service
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


def test_the_public_client_gets_its_motion(serving):
    client = pytest.importorskip("motionmcp.client")
    address, _ = serving
    found = client.get_capabilities(address, use_cache=False)
    model = client.pick_model(found)
    assert client.model_supported_segments(model) and client.retarget_state(address) == "ready"
    body = {
        "protocol_version": "1.4",
        "model": model["id"],
        "skeleton": model["canonical_skeleton"],
        "segments": [WALK],
        "options": {"seed": 1},
    }
    samples = client.parse_gltf_samples(client.generate(address, body))
    assert len(samples) == 1
    with pytest.raises(client.MmcpError) as refused:
        client.generate(address, {**body, "model": "none"})
    assert refused.value.code == "unknown_model"


def test_a_client_that_leaves_frees_its_place(serving):
    address, service = serving
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({"segments": [{"text": "a person walks", "seconds": 60}]}).encode()
    head = f"POST /v1/generate?wait=60 HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    before = set(service.scheduler.jobs)
    with socket.create_connection((host, int(port))) as leaving:
        leaving.sendall(head.encode() + body)
        job = _eventually(lambda: next((j for j in service.scheduler.jobs.values() if j.id not in before), None))
        _eventually(lambda: job.state == "running")
    _eventually(lambda: job.state == "cancelled")
    _eventually(lambda: not service.scheduler.running)


def _eventually(found, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")


@pytest.mark.slow
def test_the_description_holds(client):
    """Made-up requests for every operation: no failure of the server, and answers of the types described."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 15
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=10, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
        def holds(case):
            _check_case(client, case)

        holds()


def _check_case(client, case):
    kwargs = case.as_transport_kwargs(base_url="http://127.0.0.1")
    allowed = ("method", "url", "headers", "params", "json", "content", "data", "files", "cookies")
    answer = client.request(**{key: value for key, value in kwargs.items() if key in allowed and value is not None})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"]["code"]


@pytest.mark.slow
def test_workers_side_by_side_give_the_motions_of_one():
    """Requests of several shapes at once on two workers, and one after another on one."""
    bodies = [{"prompt": "a person walks", "seconds": 0.5 + 0.1 * i, "seed": i, "samples": 2} for i in range(6)]

    def motions(workers):
        app = create_app(tiny_bundle(), Settings(workers=workers, max_wait_s=600.0))
        with TestClient(app, base_url="http://127.0.0.1") as client:
            urls = [client.post("/v1/generate", json=body).json()["url"] for body in bodies]
            return [client.get(f"{url}?wait=60").json()["result"]["motions"] for url in urls]

    assert motions(1) == motions(2)
