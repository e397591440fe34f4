"""The command `reproduce`: figures of the paper."""

import argparse
from pathlib import Path

from rich.console import Console

from ensemble_rsa.cli.options import Parser, add_option
from ensemble_rsa.errors import InputError


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `reproduce`."""
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help="fig2 to fig9, s1 to s8, or all"
    )
    about = (
        "smoke (every path, some minutes), small (CIFAR-10, about an hour a figure on two cores) "
        "or paper (the published setting, for a GPU)"
    )
    add_option(parser, "scale", str, "smoke", about)
    about = (
        "networks, results and figures; runs/reproduce-SCALE when not given. What is there already "
        "is not computed again"
    )
    add_option(parser, "out", Path | None, None, about)
    about = "where TFDS keeps CIFAR-10; TFDS's own choice when not given"
    add_option(parser, "data_dir", Path | None, None, about)
    about = "large images for AlexNet, one folder per category"
    add_option(parser, "image_folder", Path | None, None, about)
    about = (
        "cifar10, broad, or a JSON file: which of these folders form a category. At the scale "
        "paper it applies to AlexNet's stimuli alone, below it to all images of AlexNet. When not "
        "given, and where the folders are ImageNet's: cifar10 at paper, broad below it; otherwise "
        "each folder is a category"
    )
    add_option(parser, "category_map", str | None, None, about)
    about = "instead, train what the paper leaves open, and tabulate accuracy and consistency"
    add_option(parser, "variants", bool, False, about)
    add_option(parser, "quiet", bool, False, "no progress and no notes")


def reproduce_figures(options: argparse.Namespace) -> None:
    """Run experiments of the paper, from training to figure, and compare with its numbers.

    Raises:
        InputError: no figures, an unknown mapping, or what `reproduce` refuses.
    """
    if not options.figures:
        raise InputError("figures: expected fig2 … fig9, s1 … s8 or all, got none")
    from ensemble_rsa.cli.progress import keep_compiled_programs, training_display
    from ensemble_rsa.data.category_map import SHIPPED, read_category_map
    from ensemble_rsa.reproduce.image_locations import ImageLocations
    from ensemble_rsa.reproduce.run import reproduce

    keep_compiled_programs()
    category_map, data_dir = options.category_map, options.data_dir
    if category_map is not None:
        read_category_map(category_map)  # refuse a wrong one before hours of training
        if category_map not in SHIPPED:
            category_map = str(Path(category_map).expanduser().resolve())
    # Absolute paths, so that images are found again wherever a later command runs
    if data_dir is not None:
        data_dir = str(data_dir.expanduser().resolve())
    folder = None if options.image_folder is None else options.image_folder.resolve()
    console = Console(stderr=True, quiet=options.quiet)
    path = reproduce(
        options.figures,
        options.scale,
        options.out,
        ImageLocations(data_dir, folder, category_map),
        log=console.print,
        progress=lambda epochs: training_display(epochs, console),
        variants=options.variants,
    )
    print(path)
