"""Motions of the bundle in the package for ten prompts and seeds, thinned: `python tests/house/reference_motions.py`
writes them anew. What the same weights, prompt, seed and settings gave before a refactoring, they give after it.
"""

from __future__ import annotations

import json
from pathlib import Path

from kinescale import TextToMotion

FILE = Path(__file__).with_suffix(".json")
PAIRS = {
    "a person walks forward": 1,
    "a person walks forward and turns to the left": 7,
    "someone runs quickly": 3,
    "a man waves with the right hand": 11,
    "a person raises both hands": 5,
    "a person kicks with the right leg": 2,
    "the person bows deeply": 9,
    "a person dances": 4,
    "an old person walks backward": 6,
    "she punches with the left hand": 8,
}
EVERY = 15
"""Frames between those that are kept."""


def motions() -> dict[str, list[list[list[float]]]]:
    """Prompt -> joint positions in meters, every 15th frame, to the millimeter: [T, J, 3]."""
    pipe = TextToMotion.from_pretrained("default")
    found = {}
    for prompt, seed in PAIRS.items():
        motion = pipe(prompt, seconds=3.0, seed=seed, candidates=1).motions[0]
        thinned = motion.positions()[::EVERY].tolist()
        found[prompt] = [[[round(x, 3) for x in joint] for joint in frame] for frame in thinned]
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(motions()) + "\n", encoding="utf-8")
