"""Generate one long motion from several sentences in sequence, with one on the right arm only.

Run: python examples/timeline.py [FOLDER]
"""

import json
import sys
from pathlib import Path

from kinescale.cli.main import main

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
story = {
    "segments": [
        {"text": "a person walks forward", "seconds": 3.0},
        {"text": "a person waves the right hand", "start": 1.0, "end": 2.5, "parts": ["right_arm"]},
        {"text": "a person bows", "start": 3.0, "seconds": 2.0},
    ]
}
(folder / "story.json").write_text(json.dumps(story))
sys.exit(main(["timeline", str(folder / "story.json"), "-o", str(folder / "story.bvh"), "--force"]))
