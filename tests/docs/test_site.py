"""The pages of the API reference: written for every public name and family. `make docs` builds them, strictly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kinescale

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "api" / "pages.py"


def test_there_is_a_page_for_every_public_name(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import pages; from pathlib import Path; "
    code += f"pages.write(Path({str(tmp_path / 'source')!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
    index = (tmp_path / "source" / "index.rst").read_text()
    for name in set(kinescale.__all__) - {"__version__"}:
        assert f"   {name}\n" in index and (tmp_path / "source" / f"{name}.rst").is_file()
    assert "momask" in (tmp_path / "source" / "family-tokenizers.rst").read_text()


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "site")], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "site" / "index.html").is_file()
