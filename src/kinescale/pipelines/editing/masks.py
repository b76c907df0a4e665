"""A wish as masks over a token pyramid: which positions of each scale are drawn, all others being given.

A bin counts as soon as one of its frames is inside, a group as soon as it holds any of the parts (or only where it
holds nothing else): a token that says something of what is to change cannot stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from kinescale.pipelines.editing.addressing import address
from kinescale.pipelines.editing.region import Span
from kinescale.tokens.layout import TokenLayout

Mask = tuple[Bool[Tensor, "_ _"], ...]


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


def drawn_positions(
    layout: TokenLayout,
    spans: Iterable[Span],
    roles: frozenset[str],
    latent_roles: Sequence[frozenset[str]],
    strength: int = 0,
    groups: Literal["touching", "inside"] = "touching",
) -> Mask:
    """The positions of each scale that are drawn, for clips on ``layout``.

    Parameters
    ----------
    spans : stretches of frames, counted from the first frame of the layout.
    roles : what is drawn of the body.
    latent_roles : the roles that each latent part decodes to.
    strength : the coarsest so many scales that are given whole.
    groups : draw all groups that hold any of the roles, or those that hold nothing else.
    """
    found = address(layout, latent_roles, roles)
    chosen = found.touching if groups == "touching" else found.inside
    latents = latents_touched(layout, spans)
    masks = []
    for scale, spec in enumerate(layout.scales):
        mask = torch.zeros(spec.bins, spec.groups, dtype=torch.bool)
        if scale >= strength:
            mask[:, list(chosen[scale])] = bins_touched(layout, scale, latents)[:, None]
        masks.append(mask)
    return tuple(masks)
