"""FBX motion files, converted from and to .glb by the user's Blender in a separate process.

FBX has no open specification. ``KINESCALE_BLENDER`` names the program; without it ``blender`` is looked for on the
PATH. Blender runs headless with its factory settings, on a script of this package, with files of fixed names in a
temporary folder: no user text becomes code or options. Its output is read as any .glb. The tests call a stand-in for
Blender, which checks its arguments; the conversion of a given version of Blender is not tested.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kinescale.core.errors import FormatError, InputError, MissingDependencyError
from kinescale.core.files import atomic_path
from kinescale.formats import glb
from kinescale.io.scratch import scratch_folder
from kinescale.motion.motion import Motion

SUFFIXES = (".fbx",)

BLENDER_VARIABLE = "KINESCALE_BLENDER"
SCRIPT = Path(__file__).with_name("blender.py")
TIME_LIMIT_S = 300.0
MAX_FILE_BYTES = 512 * 1024 * 1024
TAIL_BYTES = 8192
BINARY_MAGIC, TEXT_MAGIC = b"Kaydara FBX Binary", b"FBX"
"""Start of a binary file; a text file has the second within its first lines."""


def read(
    path: str | Path,
    *,
    animation: int | str | None = None,
    fps: float | None = None,
    up: str | None = None,
    unit_m: float | None = None,
) -> Motion:
    """Read an .fbx, converted to .glb by Blender; options as of ``glb.read``.

    Raises ``MissingDependencyError`` without Blender, ``FormatError`` for a file that Blender cannot read.
    """
    path = Path(path)
    _check(path, "is no FBX file", path)
    with scratch_folder() as folder:
        source, made = Path(folder) / "in.fbx", Path(folder) / "out.glb"
        blender = find_blender()
        shutil.copyfile(path, source)
        _convert(blender, source, made, 0.0, path)
        try:
            motion = glb.read(made, animation=animation, fps=fps, up=up, unit_m=unit_m)
        except (FormatError, InputError) as problem:
            # without the name of the temporary file
            text = str(problem).removeprefix(f"{made}: ")
            raise type(problem)(f"{path}: {text}") from None
        return motion


def write(motion: Motion, path: str | Path) -> None:
    """Write an .fbx with the body of ``glb.write``, atomically; an existing file is replaced.

    Raises ``MissingDependencyError`` without Blender, ``FormatError`` when it fails.
    """
    blender = find_blender()
    with scratch_folder() as folder, atomic_path(path) as temporary:
        source, made = Path(folder) / "in.glb", Path(folder) / "out.fbx"
        glb.write(motion, source)
        # the path given may be a temporary one: no message names it
        _convert(blender, source, made, motion.fps, None)
        _check(made, "Blender wrote something else than an FBX file", None)
        shutil.copyfile(made, temporary)


def ready() -> None:
    """Check before a long computation that files can be written: ``MissingDependencyError`` without Blender."""
    find_blender()


def find_blender() -> str:
    """Path of Blender: the program named by ``KINESCALE_BLENDER``, else ``blender`` on the PATH."""
    named = os.environ.get(BLENDER_VARIABLE)
    found = shutil.which(named or "blender")
    if found:
        return os.path.abspath(found)
    if named:
        raise MissingDependencyError(f"{BLENDER_VARIABLE} names '{named}', which is no program that can be run.")
    raise MissingDependencyError(
        f"FBX needs Blender (blender.org), and there is none; install it, or name its program in {BLENDER_VARIABLE}."
    )


def _check(path: Path, otherwise: str, named: Path | None) -> None:
    """``FormatError`` unless the file begins as FBX files do and is not too large."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as problem:
        raise FormatError(f"cannot be read ({problem.strerror or problem}).", path=named) from None
    if size > MAX_FILE_BYTES:
        raise FormatError(f"{size} bytes, more than the {MAX_FILE_BYTES} allowed.", path=named)
    if not head.startswith(BINARY_MAGIC) and TEXT_MAGIC not in head:
        raise FormatError(f"{otherwise}; expected one that begins with '{BINARY_MAGIC.decode()}'.", path=named)


def _convert(blender: str, source: Path, target: Path, fps: float, named: Path | None) -> None:
    """Run Blender to convert a file; ``FormatError`` about ``named`` with the last line of its output when it fails."""
    command = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
    command += ["--python", str(SCRIPT), "--", str(source), str(target), repr(float(fps))]
    with (source.parent / "log.txt").open("w+b") as log:
        code = _run(command, log.fileno(), named)
        if code or not target.is_file() or not target.stat().st_size:
            message = _last_line(log.fileno()) or "no message"
            reason = f"ended with code {code}" if code else "wrote nothing"
            raise FormatError(f"Blender {reason}: {message[:300]}", path=named)


def _run(command: list[str], log: int, named: Path | None) -> int:
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=os.name == "posix"
        )
    except OSError as problem:
        text = f"Blender at {command[0]} cannot be started ({problem.strerror or problem})."
        raise MissingDependencyError(text) from None
    with _ended(process):
        try:
            return process.wait(TIME_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise FormatError(f"Blender did not end within {TIME_LIMIT_S:g} s; it was stopped.", path=named) from None


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Context that ends a process and its children on exit: a launcher may have started Blender."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait()


def _last_line(log: int) -> str:
    """Last line of the output without control characters; reads a bounded part of it."""
    size = os.lseek(log, 0, os.SEEK_END)
    os.lseek(log, max(0, size - TAIL_BYTES), os.SEEK_SET)
    lines = [line.strip() for line in os.read(log, TAIL_BYTES).decode("utf-8", errors="replace").splitlines()]
    errors = [line for line in lines if line and not line.startswith("Blender quit")]
    return "".join(c if c.isprintable() else "?" for c in errors[-1]) if errors else ""
