"""``kinescale describe``: a sentence or JSON from a file on disk, and one-sentence errors."""

from __future__ import annotations

import json
import math

import pytest

from kinescale.cli.main import main
from kinescale.formats import write_motion
from made_bodies import made, ramp, walking


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "walk.bvh"
    write_motion(made(walking(1.2, seconds=3.0, yaw=ramp(-math.pi / 2, 0.8, 2.2))), path)
    return path


def test_a_file_is_described_at_each_level(clip, capsys):
    assert main(["describe", str(clip)]) == 0
    plain = capsys.readouterr().out
    assert plain == "A person walks forward about three and a half meters and turns right by ninety degrees.\n"
    assert main(["describe", str(clip), "--detail", "brief"]) == 0
    assert capsys.readouterr().out == "A person walks forward and turns right.\n"
    assert main(["describe", str(clip), "--detail", "full"]) == 0
    assert "meters a second (0.0 to 3.0 s)" in capsys.readouterr().out


def test_json_holds_the_measurements_and_all_sentences(clip, capsys):
    assert main(["describe", str(clip), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["sentences"]) == {"brief", "plain", "full"}
    assert found["path"]["turn_deg"] == pytest.approx(-90, abs=4) and found["path"]["gait"] == "walk"
    assert [event["kind"] for event in found["events"]] == ["travel", "turn"]
    assert "level" not in found["events"][0]


def test_what_cannot_be_described_is_said_in_a_sentence(tmp_path, clip, capsys):
    for arguments in (["none.bvh"], [str(tmp_path)], [str(clip), "--detail", "long"], [str(clip), "--source-fps", "0"]):
        assert main(["describe", *arguments]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("kinescale: ") and said.err.count("\n") == 1 and not said.out
