"""States of generators as named tensors: what a graph takes and gives of them.

A state is a tree of records, tuples and tensors that only its generator reads. Its tensors get names by their place in
the tree (``state.past.0.1``); everything else in it is fixed while a graph is traced.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

ROOT = "state"


def leaves(tree: Any, name: str = ROOT) -> dict[str, Tensor]:
    """The tensors of a tree by name.

    >>> import torch
    >>> sorted(leaves((torch.zeros(1), {"not": "a tensor"}, [torch.ones(2)])))
    ['state.0', 'state.2.0']
    """
    if isinstance(tree, Tensor):
        return {name: tree}
    return {key: value for child, part in _children(tree) for key, value in leaves(part, f"{name}.{child}").items()}


def with_leaves(tree: Any, tensors: Mapping[str, Tensor], name: str = ROOT) -> Any:
    """The tree with tensors of these names in the places of its own."""
    if isinstance(tree, Tensor):
        return tensors[name]
    if not leaves(tree, name):
        return tree
    parts = {child: with_leaves(part, tensors, f"{name}.{child}") for child, part in _children(tree)}
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return dataclasses.replace(tree, **parts)
    return (list if isinstance(tree, list) else tuple)(parts.values())


def form(tensors: Mapping[str, Any]) -> str:
    """Digest of names and shapes: states of one form can go through the same graph."""
    shapes = sorted(f"{name}{tuple(value.shape)}" for name, value in tensors.items())
    return hashlib.sha256("\n".join(shapes).encode()).hexdigest()[:12]


def _children(tree: Any) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        for field in dataclasses.fields(tree):
            yield field.name, getattr(tree, field.name)
    elif isinstance(tree, tuple | list):
        for index, part in enumerate(tree):
            yield str(index), part
