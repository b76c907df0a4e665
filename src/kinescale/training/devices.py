"""The device that a run trains on."""

from __future__ import annotations

import torch

from kinescale.core.errors import InputError
from kinescale.training.distributed import expected, local_rank


def pick_device(name: str) -> torch.device:
    """The device a run asks for; "auto" takes CUDA, then MPS, then the CPU.

    Of several processes each takes its own CUDA device, and none MPS. ``InputError`` when it is not there.
    """
    found = _named(name)
    if expected() == 1:
        return found
    if found.type == "mps" and name == "auto":
        return torch.device("cpu")
    if found.type == "cuda":
        if local_rank() >= torch.cuda.device_count():
            raise InputError(
                f"process {local_rank()} of this machine has no CUDA device of its own: there are "
                f"{torch.cuda.device_count()}; start as many processes, or use cpu."
            )
        found = torch.device("cuda", local_rank())
        torch.cuda.set_device(found)
    return found


def _named(name: str) -> torch.device:
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"the device '{name}' is unknown; expected auto, cpu, cuda, cuda:N or mps.") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": has_mps}
    if not there.get(device.type, False):
        raise InputError(f"the device '{name}' is not on this machine; use auto or cpu.")
    return device


def device_name(device: torch.device) -> str:
    """A device in words, for records of runs."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
