"""Camera and colors of all rendered pictures.

Orthographic, from the front and the character's right, a little above: walking forward goes right on the
page.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

AZIMUTH = np.deg2rad(-40.0)
"""From the starting direction of facing towards the character's left."""

ELEVATION = np.deg2rad(14.0)

COLORS = {"left": "#d9541e", "right": "#1f6fb4", "middle": "#565c66"}
INK = "#23272e"
FAINT = "#8a919c"
GRID = "#dde1e7"
SHADOW = "#e9ebef"

HEAD_RADIUS = 0.095
"""Meters."""


def axes(azimuth: float = AZIMUTH, elevation: float = ELEVATION) -> Float[np.ndarray, "3 3"]:
    """World directions of page right, page up and towards the viewer, as rows."""
    towards = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])
    right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    return np.stack([right, np.cross(towards, right), towards])


def project(points: Float[np.ndarray, "*b 3"], elevation: float = ELEVATION) -> Float[np.ndarray, "*b 3"]:
    """Page coordinates of world points: right, up and depth towards the viewer, meters."""
    return points @ axes(elevation=elevation).T


def from_above(points: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 2"]:
    """Page right and page up of points seen from above: +Z is up the page, +X (left at the start) is left."""
    return np.stack([-points[..., 0], points[..., 2]], axis=-1)


def heading(yaw: Float[np.ndarray, "*b"] | float) -> Float[np.ndarray, "*b 3"]:
    """Unit ground vectors of a yaw: 0 is +Z, a quarter turn is +X."""
    return np.stack([np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)], axis=-1)
