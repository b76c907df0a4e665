"""Edits: what is wished of a clip, which tokens that leaves standing, and how the new part is set into the old clip.

A wish (which frames, which parts of the body, how many coarse scales stay) becomes a mask per scale of what is drawn;
every sampler honours it. What needs a trained system is in ``pipeline.editing``.
"""

from __future__ import annotations

from kinescale.edits.masks import Mask, drawn_positions, latents_touched
from kinescale.edits.parts import PARTS, Address, address, part_joints, part_names, part_roles
from kinescale.edits.wish import Span, Wish, merged, outside, parse_frames, parse_seconds

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
