"""Clean a motion up: hold standing feet still, put it on the floor, take out jitter; each step says what it moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from kinescale.cli.base.options import Flag, Out, check_output, parse, print_json
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source, read_clip
from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.json_input import parse_json

EXAMPLES = (
    "kinescale clean take.bvh -o clean.bvh",
    "kinescale clean take.bvh -o clean.bvh --steps floor,foot_lock --set foot_lock.floor=0",
)

ORDER = ("jitter", "floor", "foot_lock")
"""The order that steps are best run in, and the default: noise first, since it hides where feet stand."""


@dataclass(frozen=True)
class Options:
    """Read a motion, run the clean-up steps asked for, in the order given, and write it."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Motion file to read."""
    out: Out
    """File to write; its suffix chooses the format."""
    steps: str = ",".join(ORDER)
    """Steps by name, with commas between."""
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A step's setting, such as foot_lock.floor=0 or jitter.smoothing_s=0.02; may be given several times."""
    json: Flag = False
    """Print the report as JSON."""
    force: Flag = False
    """Replace an existing file."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, clean, write, and say what each step moved."""
    options = parse(Options, argv, "clean")
    check_source(options.source, options.reading)
    check_output(options.out, options.force)
    if options.out.exists() and options.out.samefile(options.source):
        raise InputError(f"{options.out} is the source itself; name another file to write.")
    family = Family("kinescale.motion.clean_up", "clean-up")
    names = [family.check(name.strip()) for name in options.steps.split(",") if name.strip()]
    if not names:
        raise InputError(f"no steps to run; expected some of {', '.join(family.names())}.")
    settings = _settings(options.set, names)

    from kinescale.formats import write_motion

    steps = [(name, family.load(name)) for name in names]
    configs = [module.Config.parse(settings.get(name, {}), where=name) for name, module in steps]
    motion = read_clip(options.source, options.reading)
    report: dict[str, dict[str, float]] = {}
    for (name, module), config in zip(steps, configs, strict=True):
        cleaned = module.clean(motion, config)
        motion = cleaned.motion
        report[name] = {key: round(value, 6) for key, value in cleaned.report.items()}
    write_motion(motion, options.out, force=options.force)
    if options.json:
        print_json({"source": str(options.source), "out": str(options.out), "steps": report})
        return 0
    for name, numbers in report.items():
        print(f"{name}: " + ", ".join(_told(key, value) for key, value in numbers.items()))
    print(f"{options.out}: {len(motion)} frames at {motion.fps:g} fps")
    return 0


UNITS = {"_m_s3": "m/s³", "_m_s": "m/s", "_m": "m", "_deg": "degrees"}


def _told(key: str, value: float) -> str:
    """``moved_max_m``, 0.0123 as ``moved max 0.012 m``."""
    for ending, unit in UNITS.items():
        if key.endswith(ending):
            return f"{key[: -len(ending)].replace('_', ' ')} {value:.3f} {unit}"
    return f"{key.replace('_', ' ')} {value:g}"


def _settings(given: tuple[str, ...], names: list[str]) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        step, dot, field = path.strip().replace("-", "_").partition(".")
        if not (equals and dot and field):
            raise InputError(f"the setting '{text}' cannot be read; expected STEP.FIELD=VALUE, as foot_lock.floor=0.")
        if step not in names:
            raise InputError(f"the setting '{text}' is for '{step}', which is not among the steps {', '.join(names)}.")
        try:
            settings.setdefault(step, {})[field] = parse_json(value)
        except ValueError:
            settings.setdefault(step, {})[field] = {"none": None}.get(value.lower(), value)
    return settings
