"""FBX through Blender, with a stand-in for Blender that checks how it is called: the real one is not needed here."""

from __future__ import annotations

import ast
import os
import stat
import sys
import time
from pathlib import Path

import pytest
import torch

from kinescale.core.errors import FormatError, InputError, MissingDependencyError
from kinescale.formats import fbx, glb, read_motion, write_motion
from motion_strategies import random_motion

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in for Blender is a script with a #! line")

STAND_IN = """#!{python}
import sys, time, pathlib
arguments = sys.argv[1:]
print("Blender 0.0.0 (a stand-in)", flush=True)
script, source, target, fps = arguments[5], arguments[7], arguments[8], arguments[9]
expected = ["--background", "--factory-startup", "--python-exit-code", "1", "--python", script, "--"]
assert arguments == [*expected, source, target, fps], arguments
assert pathlib.Path(script).name == "blender.py" and pathlib.Path(script).is_file()
source, target = pathlib.Path(source), pathlib.Path(target)
assert source.parent == target.parent and (source.name, target.name) in (("in.glb", "out.fbx"), ("in.fbx", "out.glb"))
mark = b"Kaydara FBX Binary  \\x00\\x1a\\x00"
data = source.read_bytes()
if source.suffix == ".glb":
    assert float(fps) == {fps!r} and data[:4] == b"glTF"
    made = mark + data
else:
    made = data.removeprefix(mark)
{extra}
target.write_bytes(made)
print("Blender quit")
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a stand-in for Blender in place; ``extra`` is what else it does before it writes."""

    def put(extra: str = "", fps: float = 30.0, name: str = "my blender; rm -rf $HOME") -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(STAND_IN.format(python=sys.executable, extra=extra, fps=fps))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("KINESCALE_BLENDER", str(program))
        return program

    return put


def test_there_and_back_through_the_stand_in(tmp_path: Path, stand_in):
    stand_in(fps=24.5)
    motion = random_motion(frames=5).replace(fps=24.5).with_meta(prompt="a walk")
    path = tmp_path / "--python-expr 'a' $(touch x) é.fbx"
    write_motion(motion, path)
    again = read_motion(path)
    assert again.skeleton == motion.skeleton and again.fps == 24.5
    assert torch.allclose(again.root.double(), motion.root, atol=1e-6)
    assert again.meta["prompt"] == "a walk"
    assert len(read_motion(path, fps=49.0, animation=0)) == 9
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted([path.name, path.name + ".json", "programs"])


def test_blender_is_looked_for_on_the_path(tmp_path: Path, stand_in, monkeypatch: pytest.MonkeyPatch):
    program = stand_in(name="blender")
    monkeypatch.delenv("KINESCALE_BLENDER")
    monkeypatch.setenv("PATH", str(program.parent))
    assert fbx.find_blender() == str(program)
    fbx.write(random_motion(frames=2), tmp_path / "a.fbx")
    assert len(fbx.read(tmp_path / "a.fbx")) == 2


def test_without_blender_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KINESCALE_BLENDER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.fbx").write_bytes(b"Kaydara FBX Binary  \0")
    for act in (
        lambda: fbx.read(tmp_path / "a.fbx"),
        lambda: write_motion(random_motion(frames=2), tmp_path / "b.fbx"),
    ):
        with pytest.raises(MissingDependencyError, match="needs Blender") as caught:
            act()
        assert "KINESCALE_BLENDER" in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.setenv("KINESCALE_BLENDER", str(tmp_path / "nothing"))
    with pytest.raises(MissingDependencyError, match="which is no program"):
        fbx.find_blender()
    assert [f.name for f in tmp_path.iterdir()] == ["a.fbx"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("sys.exit('RuntimeError: no such operator')", "ended with code 1: RuntimeError: no such operator"),
        ("raise ValueError('spoiled\\x1b[2J')", "ended with code 1: ValueError: spoiled"),
        ("sys.exit(0)", "wrote nothing: Blender 0.0.0"),
        ("made = b''", "wrote nothing"),
        ("made = b'<html>'", "something else than an FBX file"),
        ("sys.stderr.write('x' * 3_000_000); sys.exit(7)", "ended with code 7: x+"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with code -11"),
    ],
)
def test_failures_are_said_with_blenders_last_words(tmp_path: Path, stand_in, extra: str, words: str):
    stand_in(extra)
    path = tmp_path / "a.fbx"
    path.write_bytes(b"kept")
    with pytest.raises(FormatError, match=words) as caught:
        write_motion(random_motion(frames=2), path, force=True)
    said = str(caught.value)
    assert said.startswith("Blender ") and said.isprintable() and len(said) < 400
    assert path.read_bytes() == b"kept" and len(list(tmp_path.iterdir())) == 2


def test_what_never_ends_is_stopped_with_all_it_started(tmp_path: Path, stand_in, monkeypatch: pytest.MonkeyPatch):
    note = tmp_path / "child"
    stand_in(
        "import subprocess; p = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid)); p.wait()"
    )
    monkeypatch.setattr(fbx, "TIME_LIMIT_S", 3.0)
    with pytest.raises(FormatError, match="did not end within 3 s"):
        fbx.write(random_motion(frames=2), tmp_path / "a.fbx")
    child = int(note.read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child of the stand-in still runs")


def test_only_fbx_files_are_handed_over(tmp_path: Path, stand_in):
    stand_in("raise SystemExit('Blender must not be asked')")
    for data in (b"", b"hello", b"glTF" + bytes(2000)):
        (tmp_path / "a.fbx").write_bytes(data)
        with pytest.raises(FormatError, match="is no FBX file"):
            fbx.read(tmp_path / "a.fbx")
    with pytest.raises(InputError, match="no such file"):
        read_motion(tmp_path / "absent.fbx")
    with pytest.raises(FormatError, match="cannot be read"):
        fbx.read(tmp_path / "absent.fbx")


def test_what_blender_makes_is_not_trusted(tmp_path: Path, stand_in):
    stand_in()
    (tmp_path / "a.fbx").write_bytes(b"Kaydara FBX Binary  \0\x1a\0" + b"glTF junk")
    with pytest.raises(FormatError) as caught:
        fbx.read(tmp_path / "a.fbx")
    assert str(caught.value).startswith(f"{tmp_path / 'a.fbx'}: ") and "out.glb" not in str(caught.value)


def test_the_script_for_blender_is_sound_and_takes_no_text_as_code():
    tree = ast.parse(fbx.SCRIPT.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"eval", "exec", "compile", "__import__"}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"bpy", "math", "sys"}


def test_the_script_calls_blender_as_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The script run against a record of calls, both ways."""
    calls: list[tuple[str, dict[str, object]]] = []

    class Part:
        def __init__(self, name: str):
            self._name = name

        def __getattr__(self, name: str):
            return Part(f"{self._name}.{name}")

        def __call__(self, **options: object) -> None:
            calls.append((self._name, options))

    class Action:
        frame_range = (0.4, 59.6)

    scene = type("Scene", (), {})()
    scene.render = type("Render", (), {})()
    bpy = type(sys)("bpy")
    bpy.ops = Part("ops")  # type: ignore[attr-defined]
    bpy.context = type("Context", (), {"scene": scene})()  # type: ignore[attr-defined]
    bpy.data = type("Data", (), {"actions": [Action()]})()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bpy", bpy)
    code = compile(fbx.SCRIPT.read_text(encoding="utf-8"), str(fbx.SCRIPT), "exec")
    monkeypatch.setattr(sys, "argv", ["blender", "--python", "x", "--", "/t/in.glb", "/t/out.fbx", "29.97"])
    exec(code, {"__name__": "__main__"})
    assert [name for name, _ in calls] == [
        "ops.wm.read_factory_settings", "ops.import_scene.gltf", "ops.export_scene.fbx",
    ]  # fmt: skip
    assert calls[1][1] == {"filepath": "/t/in.glb"} and calls[2][1]["filepath"] == "/t/out.fbx"
    assert scene.render.fps / scene.render.fps_base == pytest.approx(29.97)
    assert (scene.frame_start, scene.frame_end) == (0, 60)
    calls.clear()
    monkeypatch.setattr(sys, "argv", ["blender", "--python", "x", "--", "/t/in.fbx", "/t/out.glb", "0.0"])
    exec(code, {"__name__": "__main__"})
    assert [name for name, _ in calls][1:] == ["ops.import_scene.fbx", "ops.export_scene.gltf"]
    assert calls[2][1]["filepath"] == "/t/out.glb" and calls[2][1]["export_format"] == "GLB"


def test_the_stand_in_wraps_a_sound_glb(tmp_path: Path, stand_in):
    stand_in()
    fbx.write(random_motion(frames=2), tmp_path / "a.fbx")
    (tmp_path / "b.glb").write_bytes((tmp_path / "a.fbx").read_bytes()[23:])
    assert len(glb.read(tmp_path / "b.glb")) == 2
