"""One application of a tiny bundle for the tests of the server, and a client of it."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from kinescale.server import Settings, create_app
from kinescale.server.settings import Limits
from tiny_bundle import tiny_bundle

HERE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def settings():
    return Settings(limits=Limits(max_upload_bytes=4_000_000, max_request_bytes=200_000), batch=4)


@pytest.fixture(scope="session")
def client(settings):
    """A client of a running server."""
    with TestClient(create_app(tiny_bundle(), settings), base_url=HERE) as running:
        yield running


@pytest.fixture(scope="session")
def walk(client):
    """A made motion, as JSON."""
    made = client.post("/v1/generate?wait=60", json={"prompt": "a person walks", "seconds": 1.0, "seed": 3}).json()
    return made["result"]["motions"][0]


@pytest.fixture
def finished(client):
    """Submit a job and wait for it; its result."""

    def submit(path, body):
        answer = client.post(f"{path}?wait=60", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "done"
        assert client.get(answer.json()["url"]).status_code == 404  # what was handed out is not kept
        return answer.json()["result"]

    return submit


@pytest.fixture
def refused(client):
    """Send a request that must be refused; its error."""

    def send(path, body, status, code, **more):
        answer = client.post(path, json=body, **more)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert error["code"] == code and error["message"]
        return error

    return send
