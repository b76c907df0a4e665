"""Bulk generation: the motions of single calls, rows that fail in their place, and no trace of any kill."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kinescale import TextToMotion
from kinescale.core.errors import InputError, MissingDependencyError
from kinescale.core.files import sha256_file
from kinescale.pipelines.bulk import BulkResult, Settings, generate_bulk, read_shard, shards
from tiny_bundle import tiny_bundle

pytest.importorskip("pyarrow")

ROWS = [
    {"prompt": "a person walks", "seed": 1, "id": "first"},
    {"prompt": "a person waves", "seed": 1},
    {"prompt": "  ", "id": "empty"},
    {"prompt": "a person runs", "seconds": 0.5, "options": {"temperature": 0.7, "raw": True}},
    {"prompt": "a person runs", "seconds": 900.0},
    {"prompt": "a person sits", "speed": 3},
    {"prompt": "a person turns", "seed": 5},
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bulk") / "tiny"
    tiny_bundle().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def prompts(bundle: Path) -> Path:
    path = bundle.parent / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "no json\n")
    return path


@pytest.fixture(scope="module")
def settings(bundle: Path) -> Settings:
    return Settings(bundle=str(bundle), seconds=0.8, shard=2, suffixes=(".bvh",))


@pytest.fixture(scope="module")
def whole(bundle: Path, prompts: Path, settings: Settings) -> tuple[Path, BulkResult]:
    return bundle.parent / "whole", generate_bulk(prompts, bundle.parent / "whole", settings)


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def rows_of(folder: Path) -> list[tuple[dict, object]]:
    return [row for part in sorted(folder.glob("part-*")) for row in read_shard(part)]


def test_rows_become_the_motions_of_single_calls(whole: tuple[Path, BulkResult], bundle: Path) -> None:
    folder, result = whole
    found = {row["row"]: (row, motion) for row, motion in rows_of(folder)}
    assert (result.rows, result.made, result.failed, result.shards, result.found) == (8, 4, 4, 4, 0)
    pipe = TextToMotion.from_pretrained(bundle)
    for number in (0, 1, 6):
        alone = pipe(ROWS[number]["prompt"], 0.8, seed=ROWS[number]["seed"]).motions[0]
        motion = found[number][1]
        assert torch.equal(motion.root, alone.root.float()) and torch.equal(motion.rotations, alone.rotations.float())
        assert motion.meta["license"] == alone.meta["license"]
    assert found[0][0]["id"] == "first" and len(found[3][1]) == 15
    assert sorted(path.name for path in folder.rglob("*.bvh")) == [f"{n:09d}-0.bvh" for n in (0, 1, 3, 6)]


def test_a_row_that_fails_says_why_in_its_place(whole: tuple[Path, BulkResult]) -> None:
    errors = {row["row"]: row["error"] for row, motion in rows_of(whole[0]) if motion is None}
    assert sorted(errors) == [2, 4, 5, 7]
    for number, words in ((2, "expected a sentence"), (4, "900"), (5, "speed"), (7, "JSON")):
        assert words in errors[number]


def test_tables_and_text_are_read_alike(whole: tuple[Path, BulkResult], tmp_path: Path, settings: Settings) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"seed": None, "seconds": None, "id": None, **row} for row in (ROWS[0], ROWS[1], ROWS[6])]
    options = [{**row, "options": "{}", "mine": 7} for row in rows]
    pq.write_table(pa.Table.from_pylist(options), tmp_path / "some.parquet")
    (tmp_path / "some.txt").write_text("# mine\na person walks\na person waves\n")
    one = generate_bulk(tmp_path / "some.parquet", tmp_path / "table", settings)
    two = generate_bulk(tmp_path / "some.txt", tmp_path / "text", settings.but(seed=1))
    assert (one.made, two.made) == (3, 2)
    wanted = {row["prompt"]: motion for row, motion in rows_of(whole[0]) if motion is not None}
    for row, motion in rows_of(tmp_path / "table") + rows_of(tmp_path / "text"):
        assert torch.equal(motion.rotations, wanted[row["prompt"]].rotations)


def test_a_changed_shard_is_made_again_and_the_others_are_kept(
    prompts: Path, settings: Settings, whole: tuple[Path, BulkResult]
) -> None:
    before = content(whole[0])
    victim = next(whole[0].rglob("*.bvh"))
    victim.write_bytes(victim.read_bytes()[:-9])
    times = {path: path.stat().st_mtime_ns for path in whole[0].rglob("motions.parquet")}
    again = generate_bulk(prompts, whole[0], settings)
    assert content(whole[0]) == before and again.made == 4
    assert sum(path.stat().st_mtime_ns != old for path, old in times.items()) == 1


def killed(work: Callable[[], object], prepare: Callable[[], object], delay_s: float | None = None) -> bool:
    """Run in a fork that may kill itself, or is killed after a while; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            work()
        finally:
            os._exit(0)
    if delay_s is not None:
        time.sleep(delay_s)
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def at(module: object, name: str, call: int) -> Callable[[], None]:
    """Kills the process just before the given call of a function."""

    def prepare() -> None:
        plain, calls = getattr(module, name), []

        def counted(*args: object, **more: object) -> object:
            calls.append(1)
            if len(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*args, **more)

        setattr(module, name, counted)

    return prepare


def test_kills_leave_no_trace(
    prompts: Path, settings: Settings, whole: tuple[Path, BulkResult], tmp_path: Path
) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    out = tmp_path / "killed"
    work = lambda: generate_bulk(prompts, out, settings)  # noqa: E731
    assert killed(work, at(shards, "_write_table", 1))
    assert killed(work, at(os, "rename", 2))
    assert len(list(out.glob("part-*"))) == 1 and list(out.glob("kinescale-scratch-*"))
    assert killed(work, at(shards, "sha256_file", 9))
    last = work()
    assert 1 <= last.found < 4
    assert content(out) == content(whole[0])


@pytest.mark.slow
def test_twenty_kills_by_the_clock_leave_no_trace(
    prompts: Path, settings: Settings, whole: tuple[Path, BulkResult], tmp_path: Path
) -> None:
    out, rng, kills = tmp_path / "killed", random.Random(1), 0
    for _ in range(400):
        if kills == 20:
            break
        single = settings.but(shard=1)
        kills += killed(lambda s=single: generate_bulk(prompts, out, s), lambda: None, rng.uniform(0.01, 0.3))
    assert kills == 20
    for folder in (out, tmp_path / "plain"):
        generate_bulk(prompts, folder, settings.but(shard=1))
    assert content(out) == content(tmp_path / "plain")


@pytest.mark.slow
def test_workers_and_ray_make_the_same_bytes(
    prompts: Path, settings: Settings, whole: tuple[Path, BulkResult], tmp_path: Path
) -> None:
    generate_bulk(prompts, tmp_path / "two", settings.but(workers=2))
    assert content(tmp_path / "two") == content(whole[0])
    pytest.importorskip("ray")
    generate_bulk(prompts, tmp_path / "ray", settings.but(workers=1), engine="ray")
    assert content(tmp_path / "ray") == content(whole[0])


def test_a_missing_engine_names_its_extra(
    prompts: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"kinescale\[ray\]"):
        generate_bulk(prompts, tmp_path / "out", settings, engine="ray")


@pytest.mark.parametrize("name", ["none.jsonl", "prompts.csv", "broken.parquet", "empty.txt"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, settings: Settings, name: str) -> None:
    if name != "none.jsonl":
        (tmp_path / name).write_text("" if name == "empty.txt" else "prompt\n")
    with pytest.raises(InputError):
        generate_bulk(tmp_path / name, tmp_path / "out", settings)
