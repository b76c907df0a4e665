"""The gate: who may call, ids, envelopes of every error, metrics, and settings that open no door by accident."""

from __future__ import annotations

import json
import logging

import pytest
from starlette.testclient import TestClient

from kinescale.core.errors import ConfigError
from kinescale.server.gate import Gate, JsonLines
from kinescale.server.metrics import MAX_SERIES, Metrics
from kinescale.server.settings import Settings

HERE = "http://127.0.0.1:8000"


async def fine(scope, receive, send):
    if scope["path"] == "/v1/broken":
        raise RuntimeError("secret")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


def gated(base=HERE, **settings):
    return TestClient(Gate(fine, Settings.parse(settings), Metrics()), base_url=base, raise_server_exceptions=False)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_only_this_machine_unless_there_is_a_token():
    assert Settings().loopback and Settings(host="::1").loopback and not Settings(host="0.0.0.0", token="x").loopback
    with pytest.raises(ConfigError, match="token"):
        Settings.parse({"host": "0.0.0.0"})
    assert "secret" not in repr(Settings(token="secret"))


@pytest.mark.parametrize("base", ["http://localhost", "http://[::1]:8000", HERE])
def test_local_names_are_answered(base):
    assert gated(base).get("/v1/bundle").text == "fine"


def test_a_name_that_points_here_is_refused():
    assert code(gated("http://evil.example").get("/v1/bundle")) == (403, "forbidden")


def test_pages_of_other_origins_are_refused_unless_named():
    client = gated(origins=["https://good.example"])
    assert code(client.post("/generate", headers={"Origin": "https://evil.example"})) == (403, "forbidden")
    assert client.post("/generate", headers={"Origin": HERE}).text == "fine"
    good = {"Origin": "https://good.example"}
    assert client.post("/generate", headers=good).headers["access-control-allow-origin"] == good["Origin"]
    asked = client.options("/generate", headers={**good, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204 and "POST" in asked.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in client.get("/v1/bundle").headers


def test_the_token_is_asked_for():
    client = gated(host="0.0.0.0", token="let me in", base="http://some.example")
    refused = client.get("/v1/bundle")
    assert code(refused) == (401, "unauthorized") and refused.headers["www-authenticate"] == "Bearer"
    assert code(client.get("/generate/jobs/x", headers={"Authorization": "Bearer let me"})) == (401, "unauthorized")
    assert client.get("/v1/bundle", headers={"Authorization": "Bearer let me in"}).text == "fine"
    assert client.get("/health").text == "fine" and client.get("/assets/studio.js").text == "fine"


def test_a_failure_is_an_envelope_without_its_cause(caplog):
    with caplog.at_level(logging.ERROR):
        answer = gated().get("/v1/broken")
    assert code(answer) == (500, "internal_error") and "secret" not in answer.text
    assert any(record.exc_info for record in caplog.records)


def test_requests_have_ids():
    client = gated()
    assert client.get("/v1/bundle", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    odd = client.get("/v1/bundle", headers={"X-Request-ID": "a b;"}).headers["x-request-id"]
    assert len(odd) == 16


def test_log_lines_are_json():
    record = logging.LogRecord("x", logging.INFO, "f", 1, "request", (), None)
    record.status, record.path = 200, '/v1/"\n'
    assert json.loads(JsonLines().format(record)) | {"time": 0} == {
        "time": 0, "level": "info", "message": "request", "status": 200, "path": '/v1/"\n',
    }  # fmt: skip


def test_metrics_are_bounded_and_escaped():
    metrics = Metrics()
    for number in range(MAX_SERIES + 10):
        metrics.add("things_total", name=str(number))
    metrics.add("odd_total", name='a"b\n')
    metrics.observe("seconds", 0.02, route="/x")
    text = metrics.text()
    assert text.count("kinescale_things_total{") == MAX_SERIES and r'name="a\"b\n"' in text
    assert 'kinescale_seconds_bucket{route="/x",le="0.025"} 1' in text and "kinescale_seconds_count" in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/nothing", 404), ("PUT", "/v1/generate", 405), ("POST", "/health", 405),
     ("DELETE", "/generate", 405), ("GET", "/generate/jobs/none", 404), ("GET", "/v1/jobs/none/events", 404),
     ("GET", "/v1/jobs/none?wait=1e9", 422)],
)  # fmt: skip
def test_every_error_of_the_application_is_an_envelope(client, method, path, status):
    answer = client.request(method, path)
    error = answer.json()["error"]
    assert answer.status_code == status and error["code"] and error["message"] and "x-request-id" in answer.headers


def test_a_body_that_is_too_long_is_not_read(client):
    answer = client.post("/generate", content=b" " * 300_000)
    assert code(answer) == (413, "payload_too_large")

    def chunks():
        for _ in range(10_000):
            yield b" " * 10_000

    assert code(client.post("/v1/describe", content=chunks())) == (413, "payload_too_large")


@pytest.mark.parametrize("body", [b"", b"[", b"3", b"[]", b'{"a": NaN}', b"[" * 50_000, b"\xff", b'{"a": "\\ud800"}'])
@pytest.mark.parametrize("path", ["/generate", "/v1/generate", "/v1/describe"])
def test_what_is_no_json_object_is_refused(client, path, body):
    assert code(client.post(path, content=body)) == (422, "schema_validation")


def test_health_and_metrics(client):
    assert client.get("/health").json()["status"] == "ready"
    text = client.get("/metrics").text
    assert 'route="/health"' in text and "kinescale_predicted_wait_seconds" in text
