"""Replace a second of a motion, keep the rest bit for bit, and continue the motion.

Run: python examples/edit.py [FOLDER]
"""

import sys
from pathlib import Path

import torch

from kinescale import EditOptions, Editor, EditRegion, TextToMotion, write_motion

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
editor = Editor.from_pretrained()
walk = TextToMotion(editor.bundle)("a person walks forward", seconds=4.0, seed=3).motions[0]

region = EditRegion.of(walk, frames=(45, 75), parts="right_arm")
edited = editor.edit(walk, "a person waves with the right hand", region, options=EditOptions(seed=1))
wave = edited.motions[0]
assert torch.equal(wave.rotations[:45], walk.rotations[:45])

longer = editor.extend(wave, 2.0, "a person bows").motions[0]
write_motion(longer, folder / "edited.bvh", force=True)
print(f"{folder / 'edited.bvh'}: {longer.duration_s:.1f} s; frames 0 to 44 are equal to the source")
