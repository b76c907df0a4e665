"""Outlines of a body on the page: bones as tapered capsules, far ones first, and the head with a nose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from kinescale.render.base.camera import COLORS, HEAD_RADIUS, SHADOW
from kinescale.render.base.scene import Scene

ARC = 7
"""Points of the half circle at each end of a capsule."""

RIM = 0.66
"""Brightness of an outline relative to its filling."""

NOSE = 0.028
"""Radius of the nose in meters; it protrudes from the head by as much."""

DOT = 0.045
"""Radius of a point of a skeleton without bones, meters."""


class Shape(NamedTuple):
    """Closed outline on the page with RGB colors in [0, 1]."""

    outline: Float[np.ndarray, "K 2"]
    fill: tuple[float, float, float]
    rim: tuple[float, float, float]


def rgb(color: str, brightness: float = 1.0) -> tuple[float, float, float]:
    """Red, green and blue of "#rrggbb", 0 to 1."""
    red, green, blue = (int(color[k : k + 2], 16) / 255 * brightness for k in (1, 3, 5))
    return red, green, blue


FILL = {side: rgb(color) for side, color in COLORS.items()}
EDGE = {side: rgb(color, RIM) for side, color in COLORS.items()}
HEAD = rgb("#c9ced6")
GRAY = rgb(SHADOW)


def capsules(
    starts: Float[np.ndarray, "B 2"],
    ends: Float[np.ndarray, "B 2"],
    start_radii: Float[np.ndarray, " B"],
    end_radii: Float[np.ndarray, " B"],
) -> Float[np.ndarray, "B K 2"]:
    """Outlines of circles at the two ends of each bone with the tangents between them."""
    along = ends - starts
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    middle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    # where one circle contains the other, the angle is 0 or pi and the outline is the larger circle
    tangent = np.arccos(np.clip((start_radii - end_radii) / length, -1, 1))[:, None]
    sweep = np.linspace(0.0, 1.0, ARC)
    first = middle + tangent + (2 * np.pi - 2 * tangent) * sweep
    second = middle - tangent + 2 * tangent * sweep
    around_start = starts[:, None] + start_radii[:, None, None] * _unit(first)
    around_end = ends[:, None] + end_radii[:, None, None] * _unit(second)
    return np.concatenate([around_start, around_end], axis=1)


def circle(center: Float[np.ndarray, 2], radius: float) -> Float[np.ndarray, "K 2"]:
    """A circle's outline."""
    return center + radius * _unit(np.linspace(0, 2 * np.pi, 33)[:-1])


def body_shapes(
    each: Scene, page: Float[np.ndarray, "P 3"], face: Float[np.ndarray, 3] | None, scale: float
) -> list[Shape]:
    """Shapes of the body, far ones first.

    ``page``: page coordinates (right, up, depth) of the points; ``face``: the same of the head's direction;
    ``scale``: page units per meter.
    """
    if not each.bones:
        colors = FILL["middle"], EDGE["middle"]
        return [Shape(circle(point[:2], DOT * each.size * scale), *colors) for point in page]
    bones = each.bones
    starts, ends = page[[b.start for b in bones]], page[[b.end for b in bones]]
    radii = np.array([bone.thickness for bone in bones]) * scale
    outlines = capsules(starts[:, :2], ends[:, :2], radii[:, 0], radii[:, 1])
    near = (starts[:, 2] + ends[:, 2]) / 2
    layers = [(float(near[k]), Shape(outlines[k], FILL[bone.side], EDGE[bone.side])) for k, bone in enumerate(bones)]
    if each.head is not None:
        neck = max((float(n) for n, bone in zip(near, bones) if bone.end == each.head[0]), default=-np.inf)
        layers += _head(each, page[list(each.head)].mean(axis=0), neck, face, scale)
    return [shape for _, shape in sorted(layers, key=lambda layer: layer[0])]


def shadow_outlines(each: Scene, ground: Float[np.ndarray, "P 2"], scale: float) -> Float[np.ndarray, "B K 2"]:
    """Outlines of the bones' shadows, given the page coordinates of the points projected onto the floor."""
    radii = np.array([bone.thickness for bone in each.bones]).reshape(-1, 2) * 0.7 * scale
    starts, ends = ground[[b.start for b in each.bones]], ground[[b.end for b in each.bones]]
    return capsules(starts.reshape(-1, 2), ends.reshape(-1, 2), radii[:, 0], radii[:, 1])


def _head(
    each: Scene, center: Float[np.ndarray, 3], neck: float, face: Float[np.ndarray, 3] | None, scale: float
) -> list[tuple[float, Shape]]:
    # the neck ends inside the head: it must not be drawn over it
    radius, step = HEAD_RADIUS * each.size * scale, 1e-3 * scale
    near = max(float(center[2]), neck + 2 * step)
    found = [(near, Shape(circle(center[:2], radius), HEAD, EDGE["middle"]))]
    if face is not None:
        tip = center + face * radius
        nose = Shape(circle(tip[:2], NOSE * each.size * scale), FILL["middle"], EDGE["middle"])
        found.append((near + step * float(np.sign(face[2]) or 1.0), nose))
    return found


def _unit(angle: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b 2"]:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
