"""Generate one long motion from several prompts in sequence, with one on the right arm only.

Run: python examples/timeline.py [FOLDER]
"""

import sys
from pathlib import Path

from kinescale import EditOptions, Segment, Timeline, TimelinePipeline, write_motion

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
timeline = Timeline(
    (
        Segment("a person walks forward", 0.0, 3.0),
        Segment("a person waves the right hand", 1.0, 2.5, ("right_arm",)),
        Segment("a person bows", 3.0, 5.0),
    )
)
result = TimelinePipeline.from_pretrained()(timeline, options=EditOptions(seed=3))
write_motion(result.motion, folder / "story.bvh", force=True)
print(f"{folder / 'story.bvh'}: {result.motion.duration_s:.1f} s, {len(result.transitions)} transitions")
