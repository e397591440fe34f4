"""The command `reproduce`: figures of the paper."""

import argparse
from pathlib import Path

from rich.console import Console

from ensemble_rsa.cli.options import CLUSTER, REQUIRED, Option
from ensemble_rsa.config.settings import PreprocessingName, TrainingPrecision
from ensemble_rsa.errors import InputError

OPTIONS = (
    Option("figures", "fig2 to fig9, s1 to s8, or all", tuple[str, ...], REQUIRED),
    Option(
        "scale",
        "smoke (every path, some minutes), small (part of CIFAR-10, an hour or so a figure on "
        "two cores, three for fig8), medium (all of CIFAR-10, a day on two cores) or paper (the "
        "published setting, for a GPU)",
        str,
        "smoke",
    ),
    Option(
        "out",
        "networks, results and figures, whose stored parts are not computed again; "
        "runs/reproduce-SCALE when not given",
        Path | None,
        None,
    ),
    Option("data_dir", "where TFDS keeps CIFAR-10, if not at its default", Path | None, None),
    Option("image_folder", "large images for AlexNet, a folder per category", Path | None, None),
    Option(
        "category_map",
        "cifar10, broad, animals, or a JSON file: which of these folders form a category. At the "
        "scale paper it applies to AlexNet's stimuli alone, below it to all images of AlexNet. "
        "When not given, and where the folders are ImageNet's: cifar10 at paper, animals at "
        "medium and small, broad at smoke; otherwise each folder is a category",
        str | None,
        None,
    ),
    Option(
        "instances",
        "at most so many networks in each ensemble (three or more), and at each rate of dropout; "
        "those of the scale when not given. The same command with more trains those that are "
        "missing",
        int | None,
        None,
    ),
    Option("variants", "with fig4 alone: instead, compare what the paper leaves open"),
    Option(
        "minutes",
        "stop after these, with everything stored that was computed, and exit with status 0; the "
        "same command continues",
        float | None,
        None,
    ),
    Option(
        "precision",
        "of the products of training; weights stay float32. On an H200, bfloat16 trained 7.5 times "
        "as fast as float32",
        TrainingPrecision,
        "float32",
    ),
    Option(
        "preprocessing",
        "of All-CNN's images; that of the scale when not given. CIFAR-10 that went through JPEG "
        "has noise that the paper's whitening (gcn_zca) amplifies; standardize does not",
        PreprocessingName | None,
        None,
    ),
    CLUSTER,
    Option("quiet", "no progress and no notes"),
)


def reproduce_figures(options: argparse.Namespace) -> None:
    """Run experiments of the paper, from training to figure, and compare with its numbers."""
    if not options.figures:
        raise InputError("figures: expected fig2 … fig9, s1 … s8 or all, got none")
    from ensemble_rsa.cli.output import while_read
    from ensemble_rsa.cli.progress import keep_compiled_programs, training_display
    from ensemble_rsa.data.category_map import SHIPPED, read_category_map
    from ensemble_rsa.jax_settings import use_cores
    from ensemble_rsa.reproduce.image_locations import ImageLocations
    from ensemble_rsa.reproduce.run import TimeIsUp, reproduce

    use_cores()
    keep_compiled_programs()
    category_map, data_dir = options.category_map, options.data_dir
    if category_map is not None:
        read_category_map(category_map)  # refuse a wrong one before hours of training
        if category_map not in SHIPPED:
            category_map = str(Path(category_map).expanduser().resolve())
    # absolute, so that a command in another folder finds the images
    if data_dir is not None:
        data_dir = str(data_dir.expanduser().resolve())
    folder = None if options.image_folder is None else options.image_folder.resolve()
    console = Console(stderr=True, quiet=options.quiet)
    try:
        path = reproduce(
            options.figures,
            options.scale,
            options.out,
            ImageLocations(data_dir, folder, category_map),
            log=while_read(console.print),
            progress=lambda epochs: training_display(epochs, console),
            variants=options.variants,
            minutes=options.minutes,
            precision=options.precision,
            cluster=options.cluster,
            instances=options.instances,
            preprocessing=options.preprocessing,
        )
    except TimeIsUp as stop:  # on standard output even if quiet, for scripts that repeat it
        print(stop)
        path = stop.report
    print(path)
