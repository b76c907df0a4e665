"""Strict renaming of state dicts: every key is either mapped or a listed constant that is checked and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from kinescale.bundle.weights import at_most_modules
from kinescale.core.errors import BundleError

M = TypeVar("M", bound=nn.Module)

Check = Callable[[Tensor], bool]


@dataclass(frozen=True)
class Renaming:
    """How foreign keys become ours.

    ``rules``: (pattern of the whole key, replacement), the first that matches; ``constants``: (pattern, check) of
    keys whose value our network computes itself.
    """

    what: str
    rules: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, Check], ...] = ()

    def apply(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state under our keys. Raises ``BundleError`` for a key or a constant it does not expect."""
        renamed: dict[str, Tensor] = {}
        for key, value in state.items():
            check = next((check for pattern, check in self.constants if re.fullmatch(pattern, key)), None)
            if check is not None:
                if not check(value):
                    raise BundleError(
                        f"{self.what}: '{key}' does not hold the constant expected; the file is another model's."
                    )
                continue
            rule = next(((p, r) for p, r in self.rules if re.fullmatch(p, key)), None)
            if rule is None:
                raise BundleError(f"{self.what}: unexpected key '{key}'; the file is another model's.")
            renamed[re.sub(rule[0], rule[1], key)] = value
        return renamed


def build(make: Callable[[], M], state: Mapping[str, Tensor], what: str) -> M:
    """The network that ``make`` builds with the weights of ``state``.

    It is built without memory first and compared, so that none is taken for sizes that the file only claims. Raises
    ``BundleError`` unless ``state`` holds exactly the network's keys and shapes.
    """
    try:
        with torch.device("meta"), at_most_modules(8 * len(state) + 64):
            load_strictly(make(), state, what, copy=False)
    except ValueError as problem:
        raise BundleError(f"{what}: {problem}; the file is another model's.") from None
    with torch.random.fork_rng(devices=[]):
        built = make()
    load_strictly(built, state, what)
    return built


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], what: str, *, copy: bool = True) -> None:
    """Load ``state``; ``BundleError`` unless it holds exactly the module's keys and shapes."""
    own = module.state_dict()
    missing = sorted(set(own) - set(state))
    extra = sorted(set(state) - set(own))
    wrong = [key for key, value in state.items() if key in own and own[key].shape != value.shape]
    for problem, keys in (("lacks", missing), ("has no place for", extra), ("has another shape at", wrong)):
        if keys:
            raise BundleError(f"{what}: {problem} {len(keys)} tensors, first '{keys[0]}'; the file is another model's.")
    if copy:
        module.load_state_dict(dict(state))
