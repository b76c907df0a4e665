"""Edits: what is wished of a clip, which tokens that leaves standing, and how the new part is set into the old clip.

A wish (which frames, which parts of the body, how many coarse scales stay) becomes a mask per scale of what is drawn;
every sampler honors it. What needs a trained system is in ``pipelines.editing.editor``.
"""

from __future__ import annotations

from kinescale.pipelines.editing.addressing import Address, address
from kinescale.pipelines.editing.masks import Mask, drawn_positions, latents_touched
from kinescale.pipelines.editing.region import Span, Wish, merged, outside, parse_frames, parse_seconds
from kinescale.rigging.body_parts import PARTS, part_joints, part_names, part_roles

__all__ = [
    "PARTS",
    "Address",
    "Mask",
    "Span",
    "Wish",
    "address",
    "drawn_positions",
    "latents_touched",
    "merged",
    "outside",
    "parse_frames",
    "parse_seconds",
    "part_joints",
    "part_names",
    "part_roles",
]
