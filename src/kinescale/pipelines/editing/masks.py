"""Token masks of an edit region: which positions of each scale are resampled, all others being given.

A bin counts as soon as one of its frames is inside, a group as soon as it holds any of the parts (or only where it
holds nothing else): a token that describes something that is to change cannot be kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from kinescale.pipelines.editing.region import Span
from kinescale.tokens.layout import TokenLayout

Mask = tuple[Bool[Tensor, "_ _"], ...]
"""Of each scale, a flag per position [bins, groups]."""


@dataclass(frozen=True)
class Address:
    """Token groups of a body part: per scale, the groups that hold any of it, and those that hold nothing else."""

    touching: tuple[tuple[int, ...], ...]
    inside: tuple[tuple[int, ...], ...]

    @property
    def scales(self) -> tuple[int, ...]:
        """The scales that have tokens for this part alone."""
        return tuple(scale for scale, groups in enumerate(self.inside) if groups)

    @property
    def alone(self) -> bool:
        """Whether any scale has tokens for this part alone."""
        return bool(self.scales)


def address(layout: TokenLayout, latent_roles: Sequence[frozenset[str]], roles: frozenset[str]) -> Address:
    """The token groups of ``roles``; ``latent_roles``: the roles that each latent part decodes to."""
    touching, inside = [], []
    for scale in range(len(layout.scales)):
        held = group_roles(layout, scale, latent_roles)
        touching.append(tuple(g for g, holds in enumerate(held) if holds & roles))
        inside.append(tuple(g for g, holds in enumerate(held) if holds and holds <= roles))
    return Address(tuple(touching), tuple(inside))


def group_roles(layout: TokenLayout, scale: int, latent_roles: Sequence[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """The roles that each group of a scale holds."""
    spec = layout.scales[scale]
    members = spec.members
    if not members:
        every = tuple(range(len(latent_roles)))
        members = (every,) if spec.groups == 1 else tuple((g,) for g in range(spec.groups))
    return tuple(frozenset().union(*(latent_roles[part] for part in parts)) for parts in members)


def latents_touched(layout: TokenLayout, spans: Iterable[Span]) -> Bool[Tensor, "T"]:
    """Which latent steps hold a frame of the spans."""
    touched = torch.zeros(layout.capacity, dtype=torch.bool)
    for start, stop in spans:
        touched[start // layout.stride : -(-stop // layout.stride)] = True
    return touched


def bins_touched(layout: TokenLayout, scale: int, latents: Bool[Tensor, "T"]) -> Bool[Tensor, "bins"]:
    """Which bins of one scale hold, wholly or in part, one of the latent steps."""
    spec = layout.scales[scale]
    # in units of 1 / bins of a latent step, so that bins spread evenly over the capacity have whole edges
    edges = [(b * spec.factor, (b + 1) * spec.factor) for b in range(spec.bins)]
    if not spec.factor:
        edges = [
            (b * layout.capacity // spec.bins, -(-(b + 1) * layout.capacity // spec.bins)) for b in range(spec.bins)
        ]
    return torch.tensor([bool(latents[first:stop].any()) for first, stop in edges], dtype=torch.bool)


def resampled_positions(
    layout: TokenLayout,
    spans: Iterable[Span],
    roles: frozenset[str],
    latent_roles: Sequence[frozenset[str]],
    keep_scales: int = 0,
    groups: Literal["touching", "inside"] = "touching",
) -> Mask:
    """The positions of each scale that are resampled, for clips on ``layout``.

    Parameters
    ----------
    spans : stretches of frames, counted from the first frame of the layout.
    roles : the resampled roles of the body.
    latent_roles : the roles that each latent part decodes to.
    keep_scales : the coarsest so many scales, of which nothing is resampled.
    groups : all groups that hold any of the roles, or those that hold nothing else.
    """
    found = address(layout, latent_roles, roles)
    chosen = found.touching if groups == "touching" else found.inside
    latents = latents_touched(layout, spans)
    masks = []
    for scale, spec in enumerate(layout.scales):
        mask = torch.zeros(spec.bins, spec.groups, dtype=torch.bool)
        if scale >= keep_scales:
            mask[:, list(chosen[scale])] = bins_touched(layout, scale, latents)[:, None]
        masks.append(mask)
    return tuple(masks)
