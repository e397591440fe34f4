"""The command that reproduces figures: images, progress, estimate."""

from pathlib import Path

from rich.console import Console

from ensemble_rsa.cli.progress import training_display
from ensemble_rsa.data.category_map import SHIPPED, read_category_map
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce.run import reproduce
from ensemble_rsa.reproduce.scales import Images


def reproduce_figures(
    figures: tuple[str, ...],
    scale: str,
    out: Path | None,
    data_dir: str | None,
    image_folder: Path | None,
    category_map: str | None,
    variants: bool,
    quiet: bool,
) -> Path:
    """Reproduce figures while the terminal shows what is under way; arguments as the command's.

    Raises:
        InputError: no figures, no such mapping, or what `reproduce` cannot do.
    """
    if not figures:
        raise InputError("figures: expected fig2 … fig9, s1 … s8 or all, got none")
    folder = None if image_folder is None else image_folder.resolve()
    if category_map is not None:
        read_category_map(category_map)  # what is wrong with it is told before hours of training
        if category_map not in SHIPPED:
            category_map = str(Path(category_map).expanduser().resolve())
    if data_dir is not None:  # images are found again from wherever the command is run
        data_dir = str(Path(data_dir).expanduser().resolve())
    images = Images(data_dir, folder, category_map)
    console = Console(stderr=True, quiet=quiet)
    return reproduce(
        figures,
        scale,
        out,
        images,
        say=console.print,
        show=lambda epochs: training_display(epochs, console),
        variants=variants,
    )
