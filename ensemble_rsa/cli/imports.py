"""The commands `import` and `export`: activations or networks of others, and formats of others."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from ensemble_rsa.cli import import_networks
from ensemble_rsa.cli.options import CLUSTER, REQUIRED, STORE, Option
from ensemble_rsa.config.analysis import AnalysisConfig, DistanceName
from ensemble_rsa.errors import InputError

if TYPE_CHECKING:
    from ensemble_rsa.extraction.sources import ActivationSource

OPTIONS = (
    Option(
        "patterns",
        "files of activations, such as 'acts/seed{instance}/{layer}.npy' (in quotation marks), or "
        "a folder that thingsvision or Net2Brain wrote",
        tuple[str, ...],
        REQUIRED,
    ),
    Option("labels", "a CSV file with the columns stimulus and category", Path | None, None),
    Option("stimuli", "a text file with the id of a stimulus in each line", Path | None, None),
    Option("layers", "names, separated by commas, in the order of computation", str | None, None),
    Option("flatten", "say that all axes after the first, such as those of maps, are units"),
    *import_networks.OPTIONS,
    Option("distance", "first-level distance between patterns", DistanceName, "correlation"),
    Option("list_layers", "only print the layers with their numbers of stimuli and units"),
    STORE,
    Option("out", "the run folder; a new one under runs/ when not given", Path | None, None),
    CLUSTER,
    Option("quiet", "no progress and no notes"),
)

EXPORT_OPTIONS = (
    Option("run", "the folder that `train` or `import` wrote", Path, REQUIRED),
    Option(
        "format",
        "rsatoolbox, npz or csv for RDMs; thingsvision for activations",
        Literal["rsatoolbox", "npz", "csv", "thingsvision"],
        "rsatoolbox",
    ),
    Option("layers", "of which layers, separated by commas; all when not given", str | None, None),
    Option("out", "the file or folder to write; in the run when not given", Path | None, None),
    Option("quiet", "no progress and no notes"),
)


def import_source(options: argparse.Namespace) -> None:
    """Make a run folder of activations or networks that were not made here."""
    from ensemble_rsa.cli.progress import rdm_display
    from ensemble_rsa.pipeline.import_run import import_run

    console = Console(stderr=True, quiet=options.quiet)
    if import_networks.are_networks(options):
        _import_networks(options, console)
        return
    source = _source(options)
    if options.list_layers:
        for name, array in source.activations(0):
            print(f"{name}: {array.shape[0]} stimuli, {array.shape[1]} units")
        return
    _print_notes(source, console)
    settings = AnalysisConfig.of(distance=options.distance)
    with rdm_display(console) as progress:
        shown = None if options.quiet else progress
        path = import_run(source, options.out, settings, shown, options.store, options.cluster)
    _print_warnings(path, console)
    print(path)


def _import_networks(options: argparse.Namespace, console: Console) -> None:
    from ensemble_rsa.cli.progress import rdm_display
    from ensemble_rsa.pipeline.import_run import import_run

    if options.list_layers:
        import_networks.print_layers(options)
        return
    # on a cluster, images are shown by its workers, and RDMs are counted
    with rdm_display(console, "images" if options.cluster is None else "RDMs") as progress:
        shown = None if options.quiet else progress
        of_images = shown if options.cluster is None else None
        source = import_networks.networks_source(options, of_images)
        _print_notes(source, console)
        settings = AnalysisConfig.of(distance=options.distance)
        of_rdms = None if options.cluster is None else shown
        path = import_run(source, options.out, settings, of_rdms, options.store, options.cluster)
    _print_warnings(path, console)
    print(path)


def _print_notes(source: "ActivationSource", console: Console) -> None:
    for note in source.notes:
        console.print(note, soft_wrap=True, markup=False, highlight=False)


def _print_warnings(path: Path, console: Console) -> None:
    from ensemble_rsa.pipeline.check import check_networks

    for finding in check_networks(path):
        if finding.severity == "warn":
            console.print(f"warning: {finding}", soft_wrap=True, markup=False, highlight=False)


def _source(options: argparse.Namespace) -> "ActivationSource":
    """Return the source that the flags describe."""
    from ensemble_rsa.interop.activation_files.source import from_files

    if not options.patterns:
        raise InputError("patterns: expected files of activations, got none")
    layers = None if options.layers is None else options.layers.split(",")
    return from_files(
        options.patterns,
        labels=options.labels,
        stimuli=options.stimuli,
        layers=layers,
        flatten=options.flatten,
    )


def export_run(options: argparse.Namespace) -> None:
    """Write RDMs or activations of a run in a format of other tools."""
    from ensemble_rsa.cli.progress import keep_compiled_programs, rdm_display
    from ensemble_rsa.pipeline.export import export

    keep_compiled_programs()
    console = Console(stderr=True, quiet=options.quiet)
    with rdm_display(console, "layers") as progress:
        shown = None if options.quiet else progress
        layers = None if options.layers is None else options.layers.split(",")
        path = export(options.run, options.format, options.out, shown, layers)
    print(path)
