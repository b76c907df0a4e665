"""Runs of several processes on this machine; prints one JSON line of curves, codebooks and samples for test_worlds.

torch is imported once; each process of a run is a fork of this one, which itself never trains.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from killed_runs import at_call, die
from torch import distributed as processes

from kinescale import recipes
from kinescale.core.errors import KinescaleError
from kinescale.training import checkpoint, loop
from kinescale.training.data import Batches
from kinescale.training.log import read_log
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import toy_prepared

STAGES = ("tokenizer", "generator")
STEPS = 4
FEW = {"steps": STEPS, "batch_size": 8, "log_every": 1, "validate_every": 2, "checkpoint_every": 1}
SETTINGS = {
    f"{stage}_training.{name}": value
    for stage in STAGES
    for name, value in {
        "steps": STEPS,
        "batch_size": 8,
        "log_every": 1,
        "validate_every": 2,
        "checkpoint_every": 1,
    }.items()
}


def config_of(name: str, **changes: Any) -> Any:
    """A recipe, a few steps of it, dropout on."""
    return override(recipes.get(name), {**SETTINGS, "device": "cpu", **changes})


def as_world(size: int, folder: Path, work: Callable[[int], object], timeout_s: float = 0.0) -> list[int]:
    """``work(rank)`` in ``size`` processes that are connected; their exit codes (of a signal: minus its number).

    ``timeout_s``: a process that is silent for so long is lost; it is killed once the first one has noticed.
    """
    wait = timedelta(seconds=timeout_s or 600)
    folder.mkdir(parents=True, exist_ok=True)
    meet, children = folder / f"meet-{size}", []
    meet.unlink(missing_ok=True)
    for rank in range(size):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                # as a launcher would say it
                os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), LOCAL_RANK=str(rank))
                if size > 1:
                    place = f"file://{meet}"
                    processes.init_process_group("gloo", init_method=place, rank=rank, world_size=size, timeout=wait)
                found = work(rank)
                code = found if isinstance(found, int) else 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    codes = []
    for child in children:
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        for other in children[len(codes) :] if timeout_s else ():
            os.kill(other, signal.SIGKILL)
    return codes


def trained(config: Any, data: Path, folder: Path, size: int, work: Callable[[int], object] | None = None) -> list[int]:
    """Both stages by ``size`` processes."""
    return as_world(size, folder, work or (lambda _: ended(train(config, data, folder, STAGES))))


def ended(outcomes: dict[Any, loop.Outcome]) -> int:
    return max(outcome.exit_code for outcome in outcomes.values())


def curves(folder: Path) -> dict[str, list[float]]:
    """Every logged number of both stages that is not about time."""
    found: dict[str, list[float]] = {}
    for stage in STAGES:
        for entry in read_log(folder / stage / "log.jsonl"):
            for key, value in entry.items():
                if key not in ("step", "elapsed_s", "samples_per_s"):
                    found.setdefault(f"{stage}.{key}", []).append(value)
    return found


def weights(folder: Path) -> dict[str, list[float]]:
    """Buffers and weights that learn outside the gradient or by it, some numbers of each."""
    found = {}
    for stage in STAGES:
        state, _ = checkpoint.latest(folder / stage)
        assert state is not None
        for key, value in state.part("model").items():
            found[f"{stage}.{key}"] = value.double().flatten()[:64].tolist()
    return found


def digests(folder: Path) -> list[str]:
    """All tensors of both stages."""
    return [checkpoint.digest(state.tensors) for stage in STAGES if (state := checkpoint.latest(folder / stage)[0])]


def note_samples(folder: Path) -> None:
    """From now on, this process writes down which windows it takes in each step."""
    plain = Batches.train

    def noted(self: Batches, step: int) -> Any:
        windows = self.draws.windows(step, self.config.batch_size)
        each = len(windows) // self.world
        mine = [repr(window) for window in windows[self.rank * each : (self.rank + 1) * each]]
        with (folder / f"samples-{self.with_text}-{step}-{self.world}-{self.rank}").open("w") as file:
            json.dump(mine, file)
        batch = plain(self, step)
        assert len(batch) == each
        return batch

    Batches.train = noted  # type: ignore[method-assign]


def samples(folder: Path, size: int) -> dict[str, list[str]]:
    """The windows of each step's batch, of all ``size`` processes in order."""
    found = {}
    for path in sorted(folder.glob(f"samples-*-{size}-0")):
        ranks = [path.with_name(f"{path.name[:-1]}{rank}") for rank in range(size)]
        found[path.name.rsplit("-", 2)[0]] = [window for rank in ranks for window in json.loads(rank.read_text())]
    return found


def law(
    root: Path, data: Path, names: list[str], sizes: list[int], changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Every recipe trained by every number of processes, and (unless changed) by one in two passes."""
    found: dict[str, Any] = {}
    for name in names:
        for size in sizes:
            folder = root / f"{name}-{size}"
            assert trained(config_of(name, **changes or {}), data, folder, size) == [0] * size, (name, size)
            found[f"{name} by {size}"] = {"curves": curves(folder), "weights": weights(folder)}
        if changes:
            continue
        folder = root / f"{name}-parts"
        assert trained(config_of(name, **PARTS), data, folder, 1) == [0], name
        found[f"{name} in parts"] = {"curves": curves(folder), "weights": weights(folder)}
    return found


PARTS = {f"{stage}_training.accumulate": 2 for stage in STAGES}


def lost(root: Path, data: Path, then: int, **changes: Any) -> dict[str, Any]:
    """One of two processes is killed in the generator's stage; ``then`` processes go on."""
    config, folder = config_of("moscale.debug"), root / f"lost-{then}"
    folder.mkdir(parents=True)

    def work(rank: int) -> int:
        note_samples(folder)
        if rank == 1:
            at_call(loop, "rate", STEPS + 3, die)
        try:
            return ended(train(config, data, folder, STAGES))
        except KinescaleError as problem:
            (folder / "sentence").write_text(str(problem))
            return 2

    codes = trained(config, data, folder, 2, work)

    def goes_on(_: int) -> int:
        note_samples(folder)
        return ended(train(config_of("moscale.debug", **changes), data, folder, STAGES))

    assert trained(config, data, folder, then, goes_on) == [0] * then
    return {
        "codes": codes,
        "sentence": (folder / "sentence").read_text(),
        "before": samples(folder, 2),
        "after": samples(folder, then),
        "curves": curves(folder),
        "weights": weights(folder),
    }


def hung(root: Path, data: Path) -> dict[str, Any]:
    """One of two processes goes to sleep; the other gives it up."""
    config, folder = config_of("moscale.debug"), root / "hung"
    folder.mkdir()

    def work(rank: int) -> int:
        if rank == 1:
            at_call(loop, "rate", 3, lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
        try:
            return ended(train(config, data, folder, STAGES))
        except KinescaleError as problem:
            (folder / "sentence").write_text(str(problem))
            return 2

    codes = as_world(2, folder, work, timeout_s=8.0)
    return {"codes": codes, "sentence": (folder / "sentence").read_text()}


def launched(root: Path, data: Path) -> dict[str, Any]:
    """The command under torchrun."""
    run = root / "launched"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    settings = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
    command = ["-m", "kinescale", "train", "moscale.debug", "--data", str(data), "-o", str(run), *settings]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {"curves": curves(run), "weights": weights(run), "said": done.stdout, "bundle": (run / "bundle").is_dir()}


def stopped(root: Path, data: Path) -> dict[str, Any]:
    """One of two processes gets SIGTERM; both stop at a checkpoint, and two go on."""
    config, folder = config_of("moscale.debug"), root / "stopped"

    def work(rank: int) -> int:
        if rank == 1:
            at_call(loop, "rate", 3, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        return ended(train(config, data, folder, STAGES))

    codes = trained(config, data, folder, 2, work)
    first = checkpoint.latest(folder / "tokenizer")[0]
    assert first is not None
    assert trained(config, data, folder, 2) == [0, 0]
    return {"codes": codes, "step": first.state["step"], "digests": digests(folder)}


def fast(root: Path, data: Path) -> dict[str, Any]:
    """One process by itself; two of which one is lost, and one that goes on in two passes."""
    folder = root / "one"
    folder.mkdir()

    def work(_: int) -> int:
        note_samples(folder)
        return ended(train(config_of("moscale.debug"), data, folder, STAGES))

    assert trained(None, data, folder, 1, work) == [0]
    one = {"curves": curves(folder), "weights": weights(folder), "after": samples(folder, 1)}
    return {"one": one, "lost": lost(root, data, 1, **PARTS)}


def slow(root: Path, data: Path) -> dict[str, Any]:
    """All recipes by 1, 2 and 4; a run of 2 that goes on with 4; a stopped one."""
    mixing = law(root / "mixing", data, ["msq.debug"], [1, 2], {"tokenizer.config.cross_mix": 0.5})
    found = {
        "law": law(root, data, NAMES, [1, 2, 4]),
        "mixing": mixing,
        "lost": lost(root, data, 4),
        "stopped": stopped(root, data),
        "hung": hung(root, data),
        "launched": launched(root, data),
    }
    return {**found, "whole": digests(root / "moscale.debug-2")}


NAMES = [f"{name}.debug" for name in ("moscale", "momask", "mosa", "msq", "scalemogen", "grouped", "skeletal_moscale")]

if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    made = toy_prepared(place / "data", 24)
    if sys.argv[2] in ("fast", "slow"):
        print(json.dumps({"fast": fast, "slow": slow}[sys.argv[2]](place, made)))
    else:
        print(json.dumps(law(place, made, sys.argv[2].split(","), [int(size) for size in sys.argv[3].split(",")])))
