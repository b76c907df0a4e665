"""kinescale evaluate: the ground truth first, one sentence for every wrong input, nothing written before the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from command_line import accepted, refused

from kinescale.cli.evaluate import parse_settings
from kinescale.core.errors import InputError
from kinescale.evaluation import pages
from tiny_bundle import tiny_bundle
from toy_training import toy_prepared

SMALL = (
    "--split",
    "train",
    "--limit",
    "3",
    "--repeats",
    "1",
    "--instructions",
    "0",
    "--evaluator",
    "none",
    "--sections",
    "motions,codes",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    toy_prepared(folder / "data", 12)
    tiny_bundle().save_pretrained(folder / "bundle")
    tiny_bundle(generator=False).save_pretrained(folder / "silent")
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.mark.slow
def test_the_ground_truth_stands_first_and_the_folder_says_how(
    capsys: pytest.CaptureFixture, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "POSES", 2)
    monkeypatch.setattr("kinescale.evaluation.generated_motions.SHEET_CLIPS", 1)
    asked = ("evaluate", str(place / "bundle"), "--data", str(place / "data"), "--out", str(place / "out"), *SMALL)
    said = accepted(capsys, *asked)
    assert said.index("ground truth") < said.index("the bundle's own") and "MPJPE" in said
    found = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    assert found["data"]["clips"] == 3 and found["evaluator"] is None and len(found["bundle"]["hash"]) == 64
    assert found["command"].startswith("kinescale evaluate bundle --data data --split train")
    assert str(place) not in json.dumps(found) and "--out" not in found["command"]
    assert "give --force" in refused(capsys, *asked)
    printed = json.loads(accepted(capsys, *asked, "--force", "--json"))
    assert {key: value for key, value in printed.items() if key != "folder"} == found


@pytest.mark.parametrize(
    ("bundle", "arguments", "message"),
    [
        ("nowhere", (), "no bundle folder"),
        ("silent", (), "makes no motion from text"),
        ("bundle", ("--split", "nope"), "the split 'nope' has no clip"),
        ("bundle", ("--evaluator", "nowhere"), "no evaluator folder"),
        ("bundle", ("--evaluator", "BUNDLE"), "is not a Kinescale evaluator"),
        ("bundle", ("--out", "TAKEN"), "is not an evaluation"),
        ("bundle", ("--out", "no/such/place"), "make it first"),
        ("bundle", ("--protocol", "fixd"), "Did you mean 'fixed'"),
        ("bundle", ("--guidance-scale", "1,x"), "--guidance-scale is '1,x'"),
        ("bundle", ("--guidance-scale", "1,2", "--steps", "1,1,1/2,2,2"), "one at a time"),
        ("bundle", ("--repeats", "0"), "--repeats is 0"),
        ("bundle", ("--device", "tpu9"), "--device is 'tpu9'"),
        ("bundle", ("--data", "nowhere"), "there is no such folder"),
    ],
)
def test_wrong_input_is_one_sentence(
    capsys: pytest.CaptureFixture, place: Path, empty: Path, bundle: str, arguments: tuple[str, ...], message: str
) -> None:
    names = {"BUNDLE": str(place / "bundle"), "TAKEN": str(place / "data")}
    given = [names.get(word, word) for word in arguments]
    defaults = {"--data": str(place / "data"), "--out": str(empty / "out"), "--evaluator": "none"}
    for name, value in defaults.items():
        given += [] if name in given else [name, value]
    assert message in refused(capsys, "evaluate", str(place / bundle), *given)
    assert not list(empty.iterdir())


def test_settings_have_names() -> None:
    assert parse_settings(None, None) == {"the bundle's own": {}}
    assert parse_settings("1,2.5", "1,2") == {
        "guidance_scale 1, steps 1,2": {"guidance_scale": 1.0, "steps": (1, 2)},
        "guidance_scale 2.5, steps 1,2": {"guidance_scale": 2.5, "steps": (1, 2)},
    }
    assert list(parse_settings(None, "1,1/2,5")) == ["steps 1,1", "steps 2,5"]
    with pytest.raises(InputError, match="at most 16"):
        parse_settings(",".join(["1"] * 17), None)
