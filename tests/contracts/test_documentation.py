"""What the documentation names, links to and lists exists, before the site is built."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ensemble_rsa as ersa

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Pages that the build writes: notebooks are copied, the gallery is drawn.
TUTORIALS = {f"tutorials/{each.stem}" for each in NOTEBOOKS}
EXAMPLES = {
    f"auto_gallery/{each.relative_to(DOCS / 'gallery').with_suffix('').as_posix()}"
    for each in (DOCS / "gallery").rglob("*.py")
}
WRITTEN = {*TUTORIALS, "auto_gallery/index"}
# Pages whose blocks of Python run one after the other, in an empty folder.
RUNNABLE = (
    "README.md",
    "docs/howto/analyses.md",
    "docs/howto/intervals.md",
)


def markdown(path: Path) -> str:
    """The text of a page, or of the text cells of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def without_code(text: str) -> str:
    return re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def test_every_name_of_the_documentation_can_be_reached():
    """In a process that has imported nothing else."""
    texts = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *PAGES)]
    found = {name for text in texts for name in re.findall(r"\bersa((?:\.\w+)+)", text)}
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


def test_every_public_name_has_a_page_of_the_reference():
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    listed = [
        word for block in blocks(text, "eval-rst") for word in re.findall(r"^ +(\w+)$", block, re.M)
    ]
    assert sorted(listed) == sorted(ersa.__all__)


def test_every_figure_is_in_the_reference_and_in_the_gallery():
    names = {*ersa.figures.__all__, *ersa.figures.paper.__all__} - {"paper"}
    text = (DOCS / "reference" / "figures.md").read_text(encoding="utf-8")
    assert {*re.findall(r"^   (\w+)$", "\n".join(blocks(text, "eval-rst")), re.MULTILINE)} == names
    examples = "\n".join(page.read_text() for page in (DOCS / "gallery").rglob("*.py"))
    drawn = {*re.findall(r"ersa\.figures\.(?:paper\.)?(\w+)\(", examples)}
    assert drawn | {"save_figure", "save_figures"} == names


def test_every_page_is_in_one_table_of_contents():
    listed = []
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "toctree"):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            listed += [(page.parent / entry).relative_to(DOCS).as_posix() for entry in entries]
    assert len(listed) == len(set(listed))
    written = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES}
    assert {*listed, "index"} == written | WRITTEN


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *NOTEBOOKS, *PAGES],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_point_at_files(path):
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", without_code(markdown(path))):
        if not re.match(r"https?:|mailto:", target):
            file = (path.parent / target).resolve()
            within = file.is_relative_to(DOCS) and file.relative_to(DOCS).with_suffix("").as_posix()
            assert file.exists() or within in WRITTEN | EXAMPLES, target


def test_scripts_that_are_named_exist():
    texts = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *PAGES)]
    named = {name for text in texts for name in re.findall(r"\bscripts/\w+\.(?:py|sh)\b", text)}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_first_steps_are_those_of_the_readme():
    assert python_of(DOCS / "start" / "first_steps.md") == python_of(ROOT / "README.md") != []


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNABLE)
def test_the_blocks_of_a_page_run(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = python_of(ROOT / name)
    scope = {"__name__": "__main__"}
    for block in code:
        exec(compile(block, name, "exec"), scope)
    assert code
    assert capsys.readouterr().out


def python_of(page: Path) -> list[str]:
    """The blocks of Python of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def blocks(text: str, directive: str) -> list[str]:
    """The contents of the fenced directives of a page."""
    return re.findall(rf"^```{{{directive}}}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
