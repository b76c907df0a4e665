"""The device that a run trains on."""

from __future__ import annotations

import torch

from kinescale.core.errors import InputError


def pick_device(name: str) -> torch.device:
    """The device a run asks for; "auto" takes CUDA, then MPS, then the CPU.

    ``InputError`` when it is not there.
    """
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
