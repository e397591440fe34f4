"""Names that the documentation uses exist, in a process that has imported nothing else."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_name_of_the_documentation_can_be_reached():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = {name for page in pages for name in re.findall(r"\bersa((?:\.\w+)+)", page.read_text())}
    assert len(found) > 20
    program = f"""
import ensemble_rsa as ersa
for name in {sorted(found)!r}:
    value = ersa
    for part in name[1:].split("."):
        value = getattr(value, part)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not ended.returncode, ended.stderr
