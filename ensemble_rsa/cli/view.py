"""The command `view`: the page of some results in a browser."""

import argparse
import sys
import webbrowser
from pathlib import Path

from ensemble_rsa.cli.options import REQUIRED, Option

OPTIONS = (
    Option(
        "run",
        "the folder of a run, a comparison, an evaluation or a reproduction; or a page (.html)",
        Path,
        REQUIRED,
    ),
    Option("print", "only print the path of the page"),
)


def view(options: argparse.Namespace) -> None:
    """Open the report of a run, or another page of results, in a browser."""
    from ensemble_rsa.pipeline.view import page_of

    page = page_of(options.run).absolute()
    if not options.print and not webbrowser.open(page.as_uri()):
        print("no browser can be opened here; open this file in one:", file=sys.stderr)
    print(page)
