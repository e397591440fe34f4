"""One self-contained HTML file with the result, figures, numbers and where they come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa.figures.wording import (
    KIND_NAMES,
    capitalize,
    has_seeds,
    instances_phrase,
    is_surrogate,
    percent,
)
from ensemble_rsa.report.captions import caption, setting
from ensemble_rsa.report.choices import our_choices
from ensemble_rsa.report.page import as_json, embedded_figure, write_page
from ensemble_rsa.report.sentence import result_sentence
from ensemble_rsa.report.tables import (
    accuracy_ranges,
    consistency_rows,
    constant_pattern_lines,
    instance_rows,
)


def write_report(
    path: Path,
    results: xr.Dataset,
    history: xr.Dataset | None,
    summary: Mapping[str, Any],
    manifest: Mapping[str, Any],
    config: Mapping[str, Any],
    figures: Sequence[Path],
    excluded: Sequence[Mapping[str, Any]] = (),
    flagged: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write `report.html`: no script, no file beside it, nothing fetched from the network.

    Args:
        path: where to; the file appears under this name only when it is whole.
        results: what `analyze` returns; accuracies, categories and seeds may be missing.
        history: what training recorded; None for activations from elsewhere.
        summary: the run's summary.
        manifest: versions, commit, device and seconds of the run.
        config: its settings, nested.
        figures: PNG files, as `save_figures` returns them; a caption goes by the file's name.
        excluded: instances left out (`instance`, `seed`, `reason`).
        flagged: instances kept although they did not converge, in the same form.

    Returns:
        `path`.
    """
    sources = {"Settings": config, "Versions and times": manifest, "Numbers": summary}
    return write_page(
        path,
        "report.html.j2",
        title=f"Representational consistency of {instances_phrase(results)}",
        surrogate=is_surrogate(results),
        with_seeds=has_seeds(results),
        sentence=result_sentence(results, summary),
        setting=setting(results),
        created=str(manifest.get("created", "")),
        figures=[_figure(Path(file), results, history) for file in figures],
        level=percent(results),
        kinds=[capitalize(KIND_NAMES[str(kind)]) for kind in results.kind.values],
        rows=consistency_rows(results),
        n_instances=results.sizes["instance"],
        n_pairs=results.sizes["instance_pair"],
        accuracies=accuracy_ranges(results),
        instances=instance_rows(results, flagged),
        set_aside={"Excluded": excluded, "Kept, but flagged": flagged},
        constant=constant_pattern_lines(results),
        choices=our_choices(results, config),
        details={name: as_json(values) for name, values in sources.items() if values},
    )


def _figure(file: Path, results: xr.Dataset, history: xr.Dataset | None) -> dict[str, Any]:
    title, text = caption(file.stem, results, history)
    return embedded_figure(file, title, text)
