"""kinescale serve and kinescale studio: what they refuse before a bundle is loaded, and how a server ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from command_line import refused

from kinescale.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("serve", "--host", "0.0.0.0"), "give a token"),
        (("serve", "--port", "70000"), "port"),
        (("serve", "--workers", "0"), "workers"),
        (("serve", "--device", "abacus"), "--device is 'abacus'"),
        (("serve", "--bundle", "nowhere"), "nowhere"),
    ],
)
def test_bad_options_are_refused(arguments, expected, capsys, monkeypatch):
    monkeypatch.delenv("KINESCALE_TOKEN", raising=False)
    assert expected in refused(capsys, *arguments)


def test_the_studio_opens_a_browser(monkeypatch):
    from kinescale.cli import studio

    opened, asked = [], {}
    monkeypatch.setattr(studio, "has_page", lambda: True)
    monkeypatch.setattr(studio.webbrowser, "open", opened.append)

    def serve(options, settings, ready, *, json_log):
        asked.update(settings, log=json_log)
        ready("http://127.0.0.1:8765")

    monkeypatch.setattr(studio, "serve", serve)
    assert main(["studio"]) == 0
    for _ in range(100):
        if opened:
            break
        time.sleep(0.01)
    assert opened == ["http://127.0.0.1:8765"] and asked == {"port": 8765, "log": False}
    opened.clear()
    assert main(["studio", "--no-browser"]) == 0 and not opened


@pytest.mark.slow
def test_a_server_ends_what_it_has_begun_when_it_is_told_to_end():
    words = [sys.executable, "-m", "kinescale", "serve", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(line for line in process.stderr if line.startswith("serving on")).split()[-1]
        body = json.dumps({"prompt": "a person walks", "seconds": 2.0}).encode()
        asking = [sys.executable, "-c", _ASK, address, body.decode()]
        with subprocess.Popen(asking, stdout=subprocess.PIPE, text=True) as client:
            while not json.load(urllib.request.urlopen(f"{address}/health", timeout=60))["running"]:
                assert client.poll() is None
            process.send_signal(signal.SIGTERM)
            said, _ = client.communicate(timeout=120)
        assert json.loads(said)["state"] == "done"
        process.stderr.read()
        process.wait(60)


_ASK = """
import sys, urllib.request as u
asking = u.Request(sys.argv[1] + "/v1/generate?wait=60", sys.argv[2].encode())
print(u.urlopen(asking, timeout=120).read().decode())
"""
