"""Where a token pyramid holds a body part: the groups of each scale that hold any of it, or nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.tokens.layout import TokenLayout


@dataclass(frozen=True)
class Address:
    """How a pyramid holds a part: of each scale, the groups that hold any of it, and those that hold nothing else."""

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
    """Where a pyramid holds ``roles``; ``latent_roles``: the roles that each latent part decodes to."""
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
