"""Bandai-Namco clips whose label the motion contradicts, and what they show instead.

Found by ``benchmarks/label_check.py`` (table in ``docs/label_check.json``), confirmed by looking at each:
three swapped turns, six clips with a second turn in them, and a wave cut off before it began.
"""

from __future__ import annotations

from collections.abc import Mapping

SWAPPED: Mapping[str, str] = {
    "dataset-2_walk-turn-left_masculine_006": "walk-turn-right",
    "dataset-2_walk-turn-left_masculine_007": "walk-turn-right",
    "dataset-2_walk-turn-right_masculine_007": "walk-turn-left",
    "dataset-2_wave-left-hand_active_011": "raise-up-left-hand",
}
"""Take -> the action it shows; the last one is cut off after 0.6 s, before the hand waves."""

OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "dataset-2_walk-turn-left_normal_031": (
        "a person walks forward, turns left, walks on and turns around to the left",
        "someone makes a left turn and at the end another half turn to the left",
        "walks, turns left twice",
    ),
    "dataset-2_walk-turn-left_normal_032": (
        "a person walks off to the left and then turns around to the left",
        "someone bears left, walks on and makes half a turn to the left",
        "walks to the left and turns around at the end",
    ),
    "dataset-2_walk-turn-left_normal_033": (
        "a person walks forward, turns left, walks on and starts another left turn",
        "someone turns left while walking and left again at the end",
        "walks, turns left and begins to turn left once more",
    ),
    "dataset-2_walk-turn-right_masculine_006": (
        "a person takes a few steps, turns around to the left, walks back and turns left again",
        "someone turns around while walking, goes the other way and then makes a left turn",
        "turns around to the left, walks on and turns left",
    ),
    "dataset-2_walk-turn-right_normal_004": (
        "a person walks forward, turns right, walks on and turns around to the left",
        "someone makes a right turn, walks ahead, then turns around and walks back",
        "walks, turns right and at the end turns around to the left",
    ),
    "dataset-2_walk-turn-right_normal_032": (
        "a person walks off to the right, then turns around to the left and walks back",
        "someone bears right, walks on, turns around and goes the other way",
        "walks to the right, then turns around",
    ),
}
"""Take -> sentences, where no action of the phrase book fits."""
