"""Retarget a motion to another skeleton and write it in another format.

Run: python examples/convert.py [FOLDER]
"""

import sys
from pathlib import Path

from kinescale import TextToMotion, read_motion, retarget, skeletons, write_motion

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
walk = TextToMotion.from_pretrained()("a person walks forward", seconds=2.0, seed=3).motions[0]
write_motion(walk, folder / "walk.bvh", force=True)

on_mixamo = retarget(read_motion(folder / "walk.bvh"), skeletons.get("mixamo"))
write_motion(on_mixamo, folder / "walk.glb", force=True)
print(f"{folder / 'walk.glb'}: {len(on_mixamo.skeleton.joints)} joints of '{on_mixamo.skeleton.name}'")
