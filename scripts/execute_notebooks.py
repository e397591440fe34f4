"""Execute notebooks and keep their outputs in them, for the site and for readers on the web.

    python scripts/execute_notebooks.py quickstart your_networks brains paper

A complete execution takes minutes; `paper` continues from `runs/reproduce-small` in the working
directory, where a finished folder is only drawn. Pictures are kept at no more than 1,200 pixels.
"""

import argparse
import base64
import io
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
WIDEST = 1200
COLOURS = 64


def main() -> None:
    """Execute the notebooks that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb"))
    )
    for name in parser.parse_args().names:
        path = NOTEBOOKS / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        kernel = notebook.metadata.copy()
        NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
        notebook.metadata = kernel  # without the version of Python
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times of day
            if cell.cell_type == "code":
                cell.outputs = [kept(each) for each in cell.outputs if not is_progress(each)]
        nbformat.write(notebook, path)
        print(path)


def is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether an output is what libraries print beside results."""
    return output.output_type == "stream" and output.name == "stderr"


def kept(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output with smaller pictures."""
    if "image/png" in output.get("data", {}):
        picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
        picture.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
        content = io.BytesIO()
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
        output.data["image/png"] = base64.b64encode(content.getvalue()).decode()
    return output


if __name__ == "__main__":
    main()
