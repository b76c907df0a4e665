"""What a sentence to file imports: torch's compiler and plotting take longer to load than a motion takes to make."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch._dynamo", "torch._inductor", "sympy", "roma", "matplotlib", "transformers", "huggingface_hub", "scipy")

MAKE_A_MOTION = """
import sys
from kinescale.cli.main import main
main(["generate", "a person walks", "-o", sys.argv[1], "--seconds", "1", "--candidates", "1"])
print(*[name for name in sys.argv[2:] if name in sys.modules], sep=",")
"""


def test_a_sentence_becomes_a_file_without_heavy_imports(tmp_path):
    command = [sys.executable, "-c", MAKE_A_MOTION, str(tmp_path / "walk.bvh"), *HEAVY]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert made.stdout.splitlines()[-1] == ""
