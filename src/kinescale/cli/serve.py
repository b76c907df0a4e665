"""Serve motions over HTTP on this machine: MMCP for animation tools, and the studio's own interface."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from kinescale.cli.base.options import Flag, parse
from kinescale.cli.base.serving import Serving, serve

EXAMPLES = (
    "kinescale serve",
    "kinescale serve --port 9000 --bundle runs/mine",
    "kinescale serve --host 0.0.0.0 --token SECRET",
)

Names = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="URL", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class Options(Serving):
    """Serve motions over HTTP until interrupted: for animation tools (MMCP), for the studio, for programs.

    Only this machine can connect, unless --host names another address; then a token is needed, which clients send as
    "Authorization: Bearer TOKEN". docs/server.md describes the interface.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    token: str = ""
    """Token that clients must send; better set in the environment as KINESCALE_TOKEN, where other users do not see
    it."""
    batch: int = 1
    """Requests of one shape that a worker draws together."""
    max_queue: int = 32
    """Requests that may wait; more are refused with a time to come back."""
    max_wait: float = 60.0
    """Seconds that a request may have to wait; it is refused when more are predicted."""
    allow_origin: Names = ()
    """Origin of a web page, such as https://example.org, that may use the server; may be given several times."""
    plain_log: Flag = False
    """Log in words on stderr, instead of a line of JSON per request."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, load the bundle, serve."""
    options = parse(Options, argv, "serve")
    settings = {
        "host": options.host,
        "port": options.port,
        "token": options.token,
        "origins": options.allow_origin,
        "batch": options.batch,
        "max_queue": options.max_queue,
        "max_wait_s": options.max_wait,
    }

    def ready(address: str) -> None:
        print(f"serving on {address}", file=sys.stderr, flush=True)

    serve(options, settings, ready, json_log=not options.plain_log)
    return 0
