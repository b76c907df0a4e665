"""kinescale convert, info and reconstruct: what they write and what they say."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import accepted, refused

from kinescale import skeletons
from kinescale.formats import read_motion, write_motion
from kinescale.motion import Motion
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tiny_bundle().save_pretrained(tmp_path_factory.mktemp("bundles") / "tiny"))


def clip(skeleton: str = "humanml22", frames: int = 40) -> Motion:
    body = skeletons.get(skeleton)
    generator = torch.Generator().manual_seed(0)
    bend = 0.1 * torch.randn(1, len(body), 4, generator=generator).expand(frames, -1, -1)
    rotations = torch.tensor([0.0, 0.0, 0.0, 1.0]) + bend
    root = torch.stack([torch.zeros(frames), torch.full((frames,), 0.9), torch.arange(frames) / 30], dim=1)
    return Motion(body, 30.0, root, rotations, {"license": "CC0", "prompt": "a person walks"})


@pytest.fixture
def source(tmp_path):
    write_motion(clip(), tmp_path / "in.npz")
    return tmp_path / "in.npz"


def test_convert_keeps_the_motion__and_its_provenance(capsys, source, tmp_path):
    out = tmp_path / "out.bvh"
    said = accepted(capsys, "convert", str(source), str(out))
    assert said.startswith(f"{out}: 40 frames at 30 fps, 22 joints\n")
    back, first = read_motion(out), read_motion(source)
    assert dict(back.meta) == dict(first.meta) and {"license", "prompt"} <= set(back.meta)
    order = [back.skeleton.joints.index(joint) for joint in first.skeleton.joints]
    torch.testing.assert_close(back.positions()[:, order], first.positions(), atol=1e-4, rtol=0)
    assert "note" not in accepted(capsys, "convert", str(source), str(tmp_path / "copy.npz"))


def test_convert_resamples_and_retargets(capsys, tmp_path):
    write_motion(clip("bandai_namco"), tmp_path / "in.npz")
    said = accepted(
        capsys,
        "convert",
        str(tmp_path / "in.npz"),
        str(tmp_path / "out.npz"),
        "--fps",
        "15",
        "--skeleton",
        "humanml22",
    )
    made = read_motion(tmp_path / "out.npz")
    assert made.fps == 15 and made.skeleton == skeletons.get("humanml22") and len(made) == 20
    assert "20 frames at 15 fps, 22 joints" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("{in}", "{dir}/x.xyz"), "no motion format to write; expected one of .amass.npz, .bvh,"),
        (("{in}", "{dir}/x.html"), "; kinescale render draws motion files into it."),
        (("{in}", "{dir}/x.amc"), "no motion format to write; expected one of .amass.npz, .bvh,"),
        (("{dir}/none.bvh", "{dir}/x.bvh"), "no such file"),
        (("{dir}", "{dir}/x.bvh"), "is a folder"),
        (("{dir}/text.txt", "{dir}/x.bvh"), "'.txt'"),
        (("{dir}/bad.bvh", "{dir}/x.npz"), "bad.bvh, line 1"),
        (("{in}", "{in}"), "--force"),
        (("{in}", "{in}", "--force"), "the source itself"),
        (("{in}", "{dir}/x.bvh", "--fps", "-5"), "frames per second"),
        (("{in}", "{dir}/x.bvh", "--skeleton", "humanml23"), "Did you mean 'humanml22'?"),
        (("{in}", "{dir}/x.bvh", "--asf", "{in}"), "asf"),
        (("{in}",), "-o"),
    ],
)
def test_convert_refuses(capsys, source, tmp_path, arguments, expected):
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "bad.bvh").write_text("HIERARCHE\n")
    before = source.read_bytes()
    filled = [word.format(**{"in": source, "dir": tmp_path}) for word in arguments]
    assert expected in refused(capsys, "convert", *filled)
    assert source.read_bytes() == before and not (tmp_path / "x.bvh").exists()


def test_info_of_a_motion(capsys, source):
    said = accepted(capsys, "info", str(source))
    for line in ("frames: 40", "fps: 30.0", "joints: 22", "license: CC0", "  left knee: left_knee"):
        assert f"{line}\n" in said
    about = json.loads(accepted(capsys, "info", str(source), "--json"))
    assert about["kind"] == "motion" and about["seconds"] == pytest.approx(40 / 30, abs=1e-4)
    assert about["root_path_m"] == pytest.approx(39 / 30, abs=1e-3)
    assert about["meta"] == {"prompt": "a person walks"}


def test_info_of_a_bundle(capsys, folder):
    said = accepted(capsys, "info", folder)
    assert "title: Tiny test bundle\n" in said and "  name: moscale\n" in said and "corpus one" in said
    about = json.loads(accepted(capsys, "info", folder, "--json"))
    whole = tiny_bundle()
    stored = sum(value.numel() for key, value in whole.tensors().items() if key.startswith("generator."))
    assert about["generator_numbers"] == stored
    assert about["tokenizer"]["codes"] == 32 and about["provenance"]["recipe"] == "moscale.tiny"
    assert [license["source"] for license in about["licenses"]] == ["corpus one", "corpus two"]


def test_info_refuses(capsys, tmp_path, source):
    for bad in ("nothing.bvh", str(tmp_path)):
        refused(capsys, "info", bad)
    source.write_bytes(source.read_bytes()[:200])
    assert str(source) in refused(capsys, "info", str(source))


def test_reconstruct(capsys, folder, source, tmp_path):
    out = tmp_path / "rec.bvh"
    said = accepted(capsys, "reconstruct", str(source), "-o", str(out), "--bundle", folder)
    assert said.startswith(f"{out}: 1.33 s of motion\nmean joint error ") and " mm " in said
    assert len(read_motion(out)) == 40
    coarse = json.loads(
        accepted(
            capsys,
            *(
                "reconstruct",
                str(source),
                "-o",
                str(tmp_path / "c.npz"),
                "--bundle",
                folder,
                "--scales",
                "1",
                "--json",
            ),
        )
    )
    assert coarse["scales"] == 1 and coarse["mean_joint_error_mm"] > 0
    assert read_motion(tmp_path / "c.npz").meta["license"] == "CC0"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--scales", "0"), "--scales is 0"),
        (("--scales", "9"), "1 to 3"),
        (("--bundle", "no/where"), "no/where"),
    ],
)
def test_reconstruct_refuses(capsys, folder, source, tmp_path, arguments, expected):
    out = str(tmp_path / "rec.bvh")
    fixed = [] if "--bundle" in arguments else ["--bundle", folder]
    assert expected in refused(capsys, "reconstruct", str(source), "-o", out, *fixed, *arguments)
    assert not (tmp_path / "rec.bvh").exists()
