"""Case: one golden case's numbers, tensors and weights, and the comparison by each tensor's own tolerance.

A folder with a ``case.json`` is a case. Names such as ``ids.0`` or ``track1.features`` are groups, split at
dots.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

Runner = Callable[["Case"], None]


class Case:
    """One folder of the golden set. Runners read inputs, then ``check`` every tensor of role ``output``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.json: dict[str, Any] = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        self.checked: set[str] = set()
        self.left: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Case({self.folder.name})"

    def __getitem__(self, key: str) -> Any:
        """A top-level entry of ``case.json``, such as ``case["steps"]``."""
        return self.json[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A top-level entry of ``case.json``, or ``default``."""
        return self.json.get(key, default)

    @property
    def system(self) -> str:
        return self.json["system"]

    @property
    def module(self) -> str:
        return self.json["module"]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration numbers (empty where the case has none)."""
        return self.json.get("config", {})

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Name -> row (role, shape, dtype, atol ...) of every tensor."""
        return self.json["tensors"]

    @cached_property
    def io(self) -> dict[str, Tensor]:
        """All tensors of ``io.safetensors``; they must be exactly those that ``case.json`` names."""
        tensors = load_file(self.folder / "io.safetensors")
        assert set(tensors) == set(self.rows), f"{self}: io.safetensors and case.json name different tensors"
        return tensors

    def has(self, name: str) -> bool:
        return name in self.rows

    def tensor(self, name: str) -> Tensor:
        """A copy of one tensor, so that no runner can alter what it is compared with."""
        return self.io[name].clone()

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Copies of a group's tensors, by the rest of the name: ``tensors("ema")["ids"]`` is ``ema.ids``."""
        start = f"{prefix}." if prefix else ""
        return {name[len(start) :]: self.tensor(name) for name in self.rows if name.startswith(start)}

    def series(self, prefix: str) -> list[Tensor]:
        """Copies of ``prefix.0``, ``prefix.1`` ... as a list."""
        rest = [key for key in self.tensors(prefix) if key.isdigit()]
        assert sorted(map(int, rest)) == list(range(len(rest))), f"{self}: '{prefix}' has a gap: {rest}"
        return [self.tensor(f"{prefix}.{k}") for k in range(len(rest))]

    def outputs(self, prefix: str = "") -> list[str]:
        """Names of the output tensors of a group (all of them by default)."""
        start = f"{prefix}." if prefix else ""
        return [name for name, row in self.rows.items() if row["role"] == "output" and name.startswith(start)]

    def words(self, name: str) -> str:
        """What the case says that a tensor is (empty where it says nothing)."""
        return self.rows[name].get("what", "")

    def number(self, name: str, pattern: str, default: int | None = None) -> int:
        """The number that ``pattern`` captures in the words about a tensor."""
        found = re.search(pattern, self.words(name))
        assert found or default is not None, f"{self}: '{self.words(name)}' of '{name}' says no number by {pattern!r}"
        return int(found[1]) if found else int(default or 0)

    def agree(self, mine: Any, numbers: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """The sizes read off the weights (ours -> theirs) are those that the case lists."""
        for ours, theirs in names.items():
            if theirs in numbers:
                found, wanted = getattr(mine, ours), numbers[theirs]
                found = list(found) if isinstance(found, tuple) else found
                assert found == wanted, f"{self}: {ours} is {found} by the weights; the case says {wanted}"

    def weights_path(self, name: str = "weights.safetensors") -> Path:
        """Where a weight file lies: its ``path`` relative to the case's folder, or the folder itself."""
        files = self.json["files"]
        key = name if name in files else f"{name}.safetensors"
        assert key in files, f"{self}: no weight file '{name}'; it has {sorted(files)}"
        return (self.folder / files[key].get("path", key)).resolve()

    def weights(self, name: str = "weights.safetensors") -> dict[str, Tensor]:
        """A state dict under the reference's own key names."""
        return load_file(self.weights_path(name))

    def check(self, name: str, mine: Any) -> None:
        """Compare with the output ``name``: same shape, |difference| <= its atol everywhere (0: equal)."""
        row = self.rows[name]
        assert row["role"] == "output", f"{self}: '{name}' is an input"
        theirs, mine = self.io[name], torch.as_tensor(mine).detach().cpu()
        assert mine.shape == theirs.shape, f"{self}: {name} {tuple(mine.shape)}; expected {tuple(theirs.shape)}"
        if row["atol"] == 0:
            wrong = int((mine != theirs).sum())
            assert wrong == 0, f"{self}: {name}: {wrong} of {theirs.numel()} elements differ; expected none"
        else:
            gap = (mine.double() - theirs.double()).abs()
            # Equal infinities (filtered logits) leave NaN in the difference.
            gap = torch.where(mine.double() == theirs.double(), torch.zeros_like(gap), gap)
            worst = float(gap.nan_to_num(nan=float("inf")).max()) if gap.numel() else 0.0
            assert worst <= row["atol"], f"{self}: {name} is off by {worst:.3g}; tolerance {row['atol']:.3g}"
        self.checked.add(name)

    def check_present(self, prefix: str, mine: list[Any] | tuple[Any, ...]) -> None:
        """``check_series`` where the case holds the series at all."""
        if any(name.startswith(f"{prefix}.") for name in self.outputs()):
            self.check_series(prefix, mine)

    def leave(self, name: str, why: str) -> None:
        """Not compared, since the case does not hold what it was computed from; counted apart by the test."""
        assert self.rows[name]["role"] == "output", f"{self}: '{name}' is an input"
        self.left[name] = why

    def check_series(self, prefix: str, mine: list[Any] | tuple[Any, ...]) -> None:
        """``check`` every ``prefix.k``; the numbers of entries must agree."""
        theirs = [name for name in self.outputs(prefix) if name[len(prefix) + 1 :].isdigit()]
        assert len(mine) == len(theirs), f"{self}: '{prefix}' has {len(mine)} entries; expected {len(theirs)}"
        for k, value in enumerate(mine):
            self.check(f"{prefix}.{k}", value)

    def assert_all_checked(self) -> None:
        """Fail when an output tensor was not compared (but for those that a runner left with a reason)."""
        left = [name for name in self.outputs() if name not in self.checked and name not in self.left]
        assert not left, f"{self}: {len(left)} outputs were never compared: {left}"


def discover(root: Path) -> list[Path]:
    """Folders below ``root`` that hold a ``case.json``, sorted."""
    return sorted(path.parent for path in root.rglob("case.json")) if root.is_dir() else []
