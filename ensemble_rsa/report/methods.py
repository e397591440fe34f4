"""Methods paragraphs: what was done, in sentences for a paper, from configuration and results.

Nothing is stated that is not known: of imported activations no training, of an old run no versions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ensemble_rsa.config.settings import Config
from ensemble_rsa.report.recipe import known_config, map_name, recipe_values, value_of_all
from ensemble_rsa.report.rendering import render_text
from ensemble_rsa.report.values import dataset_values
from ensemble_rsa.runs.set_aside import n_failed, set_aside

_LIBRARIES = {"jax": "JAX", "numpy": "NumPy", "flax": "Flax", "optax": "Optax"}
_TRAINING_ONLY = ("flax", "optax")
PAPER = (
    "Mehrer J, Spoerer CJ, Kriegeskorte N, Kietzmann TC (2020). Individual differences among deep "
    "neural network models. Nature Communications 11:5725. doi:10.1038/s41467-020-19632-w"
)
_RSA = (
    "Kriegeskorte N, Mur M, Bandettini P (2008). Representational similarity analysis: connecting "
    "the branches of systems neuroscience. Frontiers in Systems Neuroscience 2:4. "
    "doi:10.3389/neuro.06.004.2008"
)
_FDR = (
    "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and "
    "powerful approach to multiple testing. Journal of the Royal Statistical Society B 57:289–300."
)
_HOLM = (
    "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal "
    "of Statistics 6:65–70."
)
_NILI = (
    "Nili H, Wingfield C, Walther A, Su L, Marslen-Wilson W, Kriegeskorte N (2014). A toolbox for "
    "representational similarity analysis. PLoS Computational Biology 10:e1003553. "
    "doi:10.1371/journal.pcbi.1003553"
)
_NETWORKS = {
    "all_cnn_c": "Springenberg JT, Dosovitskiy A, Brox T, Riedmiller M (2015). Striving for "
    "simplicity: the all convolutional net. ICLR Workshop. arXiv:1412.6806",
    "resnet": "He K, Zhang X, Ren S, Sun J (2016). Deep residual learning for image recognition. "
    "CVPR. doi:10.1109/CVPR.2016.90",
}
_ALL_CONVERGED = {"n_flagged": 0, "n_failed": 0, "n_replaced": 0}


class Methods(NamedTuple):
    """The methods of a page.

    Attributes:
        paragraphs: in plain sentences.
        references: of the works that they cite, and of the software.
        missing: a sentence on what they cannot say; empty where nothing is missing.
    """

    paragraphs: list[str]
    references: list[str]
    missing: str = ""


def analysis_methods(
    results: xr.Dataset, manifest: Mapping[str, Any], config: Mapping[str, Any]
) -> Methods:
    """Return the methods of an analysis, of networks that were trained here or of imported ones.

    Args:
        results: what `analyze` returns.
        manifest: of the run: versions of the training and, under `analysis`, of the analysis.
        config: the sections of the run's configuration, and under `analysis` the settings of the
            analysis.
    """
    known, settings = known_config(config), config.get("analysis") or {}
    values = dataset_values(results)
    networks, trained = [], False
    if known is not None:
        trained = True
        networks = training_paragraph(
            recipe_values(known, _n_train(values["scale"])) | _unconverged(results)
        )
    shown = {
        **values,
        "n_per_category": _per_category(results),
        "imported": not trained,
        "shown": _shown(settings, known),
        "n_constant": _n_undirected(results),
        "n_excluded": len(set_aside(results, "excluded")),
        "within_category": results.attrs.get("within_category", "pooled"),
        "has_index": "category_clustering_index" in results,
        "has_plane": "second_level_embedding" in results,
    }
    paragraphs = [
        *networks,
        render_text("methods/stimuli", **shown),
        render_text("methods/consistency", **shown),
        software_sentence(manifest, trained),
    ]
    missing = (
        ""
        if trained
        else "How these networks were made and trained is not known here, and is for you to add."
    )
    of_paper = [PAPER] if values["n_pairs"] else []
    references = [_RSA, *of_paper, *_cited(known), software_reference(manifest)]
    return Methods([text for text in paragraphs if text], references, missing)


def training_paragraph(values: Mapping[str, Any]) -> list[str]:
    """Return the paragraph on networks and their training; `values` are those of both templates."""
    parts = [render_text(f"methods/{name}", **values) for name in ("networks", "recipe")]
    return [" ".join(parts)]


def comparison_methods(values: Mapping[str, Any], manifest: Mapping[str, Any]) -> Methods:
    """Return the methods of a comparison; `values` are from `comparison_values`."""
    of_paper = values["similarity"].startswith("shared variance")
    sentences = [
        render_text("methods/comparison", **values, of_paper=of_paper),
        software_sentence(manifest, False),
    ]
    return Methods(
        [text for text in sentences if text],
        [_RSA, *([PAPER] if of_paper else []), _FDR, software_reference(manifest)],
        "How the networks of each run were trained is in the methods of its own report.",
    )


def evaluation_methods(
    values: Mapping[str, Any], read: Sequence[str], manifest: Mapping[str, Any]
) -> Methods:
    """Return the methods of an evaluation.

    `values` are from `evaluation_values`, and `read` says how the reference was read.
    """
    of_networks = [PAPER] if "instances" in values["factors"] else []
    of_ceiling = [_NILI] if np.isfinite(values["lower"]) else []
    sentences = [
        render_text("methods/evaluation", **values, read=", ".join(read)),
        software_sentence(manifest, False),
    ]
    return Methods(
        [text for text in sentences if text],
        [_RSA, *of_networks, *of_ceiling, _FDR, software_reference(manifest)],
        "How the networks were made, and how the reference was measured, is not repeated here.",
    )


def reproduction_methods(origin: Mapping[str, Any]) -> Methods:
    """Return the methods of a reproduction; `origin` holds versions and, if known, `ensembles`."""
    ensembles = origin.get("ensembles") or {}
    base, *others = ensembles or [""]
    known = known_config(ensembles[base]) if base else None
    networks = training_paragraph({**recipe_values(known), **_ALL_CONVERGED}) if known else []
    sentences = [
        *networks,
        render_text("methods/reproduction", others=others),
        software_sentence(origin, trained=True),
    ]
    return Methods(
        [text for text in sentences if text],
        [PAPER, _RSA, *_cited(known), _HOLM, software_reference(origin)],
        "Which instances did not converge is in the captions.",
    )


def _cited(config: Config | None) -> list[str]:
    model = config.model.model if config else ""
    return [text for name, text in _NETWORKS.items() if model.startswith(name) and ":" not in model]


def software_sentence(manifest: Mapping[str, Any], trained: bool) -> str:
    """Return which software was used, as far as the manifest records it."""
    own = _versions(manifest, (*_LIBRARIES,) if trained else _without_training())
    analysis = manifest.get("analysis") or {}
    analysed = _versions(analysis, _without_training()) or _versions(manifest, _without_training())
    same = analysis.get("versions") in (None, manifest.get("versions")) and analysis.get(
        "git_commit"
    ) in (None, manifest.get("git_commit"))
    trained_with = own if trained else ""
    return render_text(
        "methods/software",
        trained_with=trained_with,
        analysed_with="" if trained and same else analysed,
    )


def software_reference(manifest: Mapping[str, Any]) -> str:
    """Return how the software is cited."""
    version = ((manifest.get("analysis") or manifest).get("versions") or {}).get("ensemble_rsa")
    number = f" (version {version})" if version else ""
    return (
        f"The ensemble_rsa developers. ensemble_rsa: ensembles of networks that differ only in "
        f"their seed, compared by RSA{number}."
    )


def _without_training() -> tuple[str, ...]:
    return tuple(name for name in _LIBRARIES if name not in _TRAINING_ONLY)


def _versions(manifest: Mapping[str, Any], libraries: Sequence[str]) -> str:
    found = manifest.get("versions") or {}
    if "ensemble_rsa" not in found:
        return ""
    commit = manifest.get("git_commit") or ""
    short, changed = commit[:10], ", with local changes" if commit.endswith("-dirty") else ""
    own = f"ensemble_rsa {found['ensemble_rsa']}" + (f" (commit {short}{changed})" if short else "")
    others = [f"{_LIBRARIES[name]} {found[name]}" for name in libraries if found.get(name)]
    return ", ".join([own, *others])


def _shown(settings: Mapping[str, Any], known: Config | None) -> dict[str, Any]:
    """How stimuli were chosen and shown to networks that were trained here."""
    drawn, seed = settings.get("draw_stimuli"), settings.get("stimulus_seed", 0)
    first = "the first of each category in the order of the data set"
    choice = "" if drawn is None else f"drawn at random (seed {seed})" if drawn else first
    return {
        "images": "images" if settings.get("stimulus_map") else "test images",
        "choice": choice,
        "map": map_name(settings.get("stimulus_map")),
        "epoch": settings.get("epoch"),
        "dropout": settings.get("dropout_sample") is not None,
        "same_masks": known is not None
        and value_of_all(known.training.dropout_seed) is not None
        and value_of_all(known.training.dropout) is not None,
    }


def _unconverged(results: xr.Dataset) -> dict[str, int]:
    """How many instances did not converge and were kept, excluded, or replaced."""
    return {
        "n_flagged": len(set_aside(results, "flagged")),
        "n_failed": n_failed(results),
        "n_replaced": len(set_aside(results, "replaced")),
    }


def _n_train(scale: str) -> int | None:
    """The number of training images, which results record in words."""
    found = re.search(r"epochs of (\d+) images", scale)
    return int(found[1]) if found else None


def _per_category(results: xr.Dataset) -> int | None:
    """The number of stimuli of each of several categories, if it is the same for all."""
    if "category" not in results.coords:
        return None
    counts = np.unique(results.category.values, return_counts=True)[1]
    return int(counts[0]) if len(counts) > 1 and len({*counts.tolist()}) == 1 else None


def _n_undirected(results: xr.Dataset) -> int:
    """The number of patterns without direction, whose distances are set."""
    is_set = results.attrs.get("distance") in ("correlation", "cosine", "unit_euclidean")
    counted = is_set and "constant_patterns" in results
    return int(results.constant_patterns.sum()) if counted else 0
