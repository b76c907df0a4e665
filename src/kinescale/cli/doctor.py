"""Check this installation: libraries, weights, the default bundle, and where files may be written."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from kinescale.cli.base.options import Flag, parse, print_json
from kinescale.core.errors import KinescaleError

EXAMPLES = (
    "kinescale doctor",
    "kinescale doctor --json",
)

OLDEST_PYTHON = (3, 11)
EXTRAS = {
    "train": ("pyarrow", "tensorboard"),
    "video": ("imageio_ffmpeg",),
    "text": ("transformers",),
    "serve": ("fastapi", "uvicorn"),
    "onnx": ("onnx", "onnxruntime"),
    "ray": ("ray",),
}
"""Optional extras and what they install."""


@dataclass(frozen=True)
class Options:
    """Run every check and end with exit code 0 when nothing that is needed is missing, else 1."""

    json: Flag = False
    """Print one JSON object instead of lines."""


@dataclass(frozen=True)
class Finding:
    """One check's outcome; ``needed``: whether Kinescale can do without."""

    name: str
    ok: bool
    detail: str
    needed: bool = True


def run(argv: list[str]) -> int:
    """Parse ``argv``, check, report."""
    options = parse(Options, argv, "doctor")
    findings = [_guarded(name, check) for name, check in CHECKS.items()]
    findings += [_program(name, find, use) for name, (find, use) in PROGRAMS.items()]
    findings += [_extra(name, modules) for name, modules in EXTRAS.items()]
    well = all(finding.ok for finding in findings if finding.needed)
    if options.json:
        print_json({"ok": well, "checks": [asdict(finding) for finding in findings]})
        return 0 if well else 1
    for finding in findings:
        mark = "ok  " if finding.ok else "FAIL" if finding.needed else "  - "
        print(f"{mark}  {finding.name}: {finding.detail}")
    print("all is well" if well else "something that is needed is missing; see the lines marked FAIL")
    return 0 if well else 1


def _guarded(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except KinescaleError as problem:
        return Finding(name, False, str(problem))
    except Exception as problem:
        # a broken library may raise anything, and to say so is what this command is for
        return Finding(name, False, f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}")


def _python() -> str:
    if sys.version_info < OLDEST_PYTHON:
        raise RuntimeError(f"{platform.python_version()}; expected {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def _device() -> str:
    """Every device there is, those that are taken by default first."""
    import torch

    found = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            found.append(f"cuda:{number} ({about.name}, {about.total_memory / 2**30:.0f} GiB)")
    if torch.backends.mps.is_available():
        found.append("mps")
    return ", ".join([*found, f"cpu ({os.cpu_count() or 1} cores)"])


def _text() -> str:
    from kinescale.text import FAMILY

    module = FAMILY.load("minilm")
    start = time.perf_counter()
    features = module.TextEncoder(module.Config()).encode(["a person walks forward"])
    return f"minilm, {features.width} wide, loads and encodes in {time.perf_counter() - start:.1f} s"


def _bundle() -> str:
    from kinescale.pipelines import TextToMotion

    start = time.perf_counter()
    pipe = TextToMotion.from_pretrained()
    loaded = time.perf_counter() - start
    low, high = pipe.seconds_range
    made = pipe("a person walks forward", seconds=min(2.0, high))
    drawn = made.timings["sampling"] + made.timings["decoding"]
    length = made.motions[0].duration_s
    return f"loads in {loaded:.1f} s, makes {length:.1f} s of {low:.2f} to {high:.2f} s in {drawn:.2f} s"


def _writing() -> str:
    with tempfile.NamedTemporaryFile(dir=".", prefix=".kinescale-"):
        return "the current folder takes files"


def _blender() -> str:
    from kinescale.formats.fbx import find_blender

    return find_blender()


def _ffmpeg() -> str:
    from kinescale.render.mp4 import encoder

    return encoder()


def _program(name: str, find: Callable[[], str], use: str) -> Finding:
    """An outside program, which only some commands need."""
    found = _guarded(name, find)
    return Finding(name, found.ok, f"{found.detail} ({use})" if found.ok else found.detail, False)


def _extra(name: str, modules: tuple[str, ...]) -> Finding:
    absent = [module for module in modules if importlib.util.find_spec(module) is None]
    if absent:
        return Finding(f"extra '{name}'", False, f"no {', '.join(absent)}; pip install 'kinescale[{name}]'", False)
    return Finding(f"extra '{name}'", True, "installed", False)


PROGRAMS: dict[str, tuple[Callable[[], str], str]] = {
    "Blender": (_blender, "reads and writes .fbx"),
    "ffmpeg": (_ffmpeg, "writes .mp4"),
}
"""Programs of others: how each is found, and what it is for."""

CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "torch": _torch,
    "device": _device,
    "text weights": _text,
    "default bundle": _bundle,
    "write access": _writing,
}
