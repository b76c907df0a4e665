"""The option --device: where a command's networks run."""

from __future__ import annotations

import re
from typing import Annotated

import tyro

from kinescale.core.errors import InputError

Device = Annotated[
    str,
    tyro.conf.arg(
        metavar="{auto,cpu,cuda,mps}",
        help="Where the networks run: auto takes an accelerator if there is one. A seed gives the same motion on the "
        "same device.",
    ),
]

_KNOWN = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(name: str) -> str:
    """``name`` itself when it can be a device, before torch is loaded; ``InputError`` otherwise."""
    if not _KNOWN.fullmatch(name):
        raise InputError(f"--device is '{name}'; expected auto, cpu, cuda, cuda:N or mps.")
    return name


def pick_device(name: str) -> str:
    """The device to load on; ``InputError`` where this machine lacks it."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if check_device(name) == "auto":
        return next(kind for kind, present in there.items() if present)
    if not there[name.split(":")[0]]:
        raise InputError(f"--device is {name}, which this machine does not have; take auto or cpu.")
    return name
