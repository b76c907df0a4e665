"""Open the studio in a browser: prompts on a timeline, motions to look at, to change and to save."""

from __future__ import annotations

import sys
import threading
import webbrowser
from dataclasses import dataclass

from kinescale.cli.base.options import Flag, parse
from kinescale.cli.base.serving import Serving, serve
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale studio",
    "kinescale studio --bundle runs/mine --port 9000",
)


@dataclass(frozen=True, kw_only=True)
class Options(Serving):
    """Open the studio: a page in the browser, served by this machine to this machine, until interrupted.

    The page keeps its work by its address, so another --port has other projects.
    """

    port: int = 8765
    """Port of the page; 0 takes a free one."""
    no_browser: Flag = False
    """Only print the address; open it yourself."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, load the bundle, serve the page, open it."""
    options = parse(Options, argv, "studio")
    if not has_page():
        raise InputError("this installation has no studio page; build it with npm in web/studio, or reinstall.")

    def ready(address: str) -> None:
        print(f"the studio is at {address}", file=sys.stderr, flush=True)
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(options, {"port": options.port}, ready, json_log=False)
    return 0


def has_page() -> bool:
    """Whether the package has the studio's page."""
    from kinescale.server.pages import page_folder

    return page_folder() is not None
