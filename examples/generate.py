"""Generate motions for a sentence and write them as BVH files.

Run: python examples/generate.py [FOLDER]
"""

import sys
from pathlib import Path

from kinescale import TextToMotion, write_motion

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
pipe = TextToMotion.from_pretrained()
result = pipe("a person walks forward and turns to the left", seconds=4.0, samples=2, seed=7)
for index, motion in enumerate(result.motions):
    path = folder / f"walk-{index}.bvh"
    write_motion(motion, path, force=True)
    print(f"{path}: {motion.duration_s:.1f} s, {len(motion.skeleton.joints)} joints, seed {motion.meta['seed']}")
