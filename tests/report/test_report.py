import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from jinja2 import UndefinedError

from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.figures.style import new_figure
from ensemble_rsa.report.captions import Caption, render
from ensemble_rsa.report.report import write_report
from ensemble_rsa.report.reproduction import write_reproduction
from ensemble_rsa.report.sentence import result_sentence
from ensemble_rsa.report.values import dataset_values

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags with their attributes, the visible text, and whether every tag was closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def write(folder, results, history=None, figures=(), **given):
    given = {"summary": {}, "manifest": {}, "config": {}, **given}
    path = write_report(folder / "report.html", results, history, figures=figures, **given)
    return Page(path.read_text(encoding="utf-8"))


def small_figures(folder, *names):
    folder.mkdir()
    return [save_figure(new_figure(1.0, 0.5), folder / f"{name}.png") for name in names]


def test_everything_is_inside_one_file(make_results, make_history, tmp_path):
    results, history = make_results(n_layers=2, n_instances=3, n_stimuli=12), make_history(3)
    figures = small_figures(tmp_path / "figures", "consistency", "training")
    page = write(tmp_path, results, history, figures)
    assert "Figure 2. Training of every instance. 3 trained instances, 12 epochs." in page.text
    assert page.open == []
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    for attrs, path in zip(images, figures, strict=True):
        head, data = attrs["src"].split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data) == path.read_bytes()
        assert attrs["alt"] in page.text
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    references = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert all(reference.startswith("data:") for reference in references)
    whole = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?://", whole)
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "report.html"}


def test_the_numbers_are_there(make_results, tmp_path):
    results = make_results(n_layers=3, n_instances=4)
    page = write(tmp_path, results, manifest={"versions": {"jax": "0.10.2"}}, config={"seed": 77})
    for kind in results.kind.values:
        for layer in results.layer.values:
            chosen = results.sel(kind=kind, layer=layer)
            assert f"{float(chosen.consistency_mean):.3f}" in page.text
            for over in ("pairs", "instances"):
                at = chosen.sel(bootstrap=over)
                low, high = float(at.consistency_low), float(at.consistency_high)
                assert f"{over} [{low:.3f}, {high:.3f}]" in page.text
    for value in results.category_clustering_index_mean.values:
        assert f"{value:.3f}" in page.text
    assert "Training accuracy 99.0–100.0 %; Test accuracy 95.0–97.0 %." in page.text
    assert result_sentence(results, {}) in page.text
    assert '"jax": "0.10.2"' in page.text
    assert '"seed": 77' in page.text
    assert "6 pairs are made of only 4 instances, each of which takes part in 3" in page.text


def test_what_was_set_aside_is_told(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3)
    results.constant_patterns[1, 2] = 7
    page = write(
        tmp_path, results,
        excluded=[{"instance": 3, "seed": 3, "reason": "loss not finite"}],
        flagged=[{"instance": 1, "seed": 1, "reason": "training accuracy 0.80"}],
    )  # fmt: skip
    assert "Excluded: 1 instance. Instance 3 (seed 3): loss not finite" in page.text
    assert "Kept, but flagged: 1 instance. Instance 1 (seed 1): training accuracy 0.80" in page.text
    assert page.text.count("training accuracy 0.80") == 2
    assert "conv2: 7 in all, in 1 of 3 instances, at most 7 in one." in page.text


def test_markup_in_names_stays_text(make_results, tmp_path):
    results = make_results(layers=["<script>alert(1)</script>", "b"], n_instances=3)
    results.attrs["dataset"] = "folder:<img src=x onerror=alert(1)>"
    page = write(tmp_path, results, config={"categories": ["</pre><script>"]})
    assert "script" not in {tag for tag, _ in page.tags}
    assert "img" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text
    assert '"</pre><script>"' in page.text


def test_activations_from_elsewhere(foreign_results, tmp_path):
    figures = small_figures(tmp_path / "figures", "consistency", "second_level")
    flagged = [{"instance": 2, "seed": 2, "reason": "noisy"}]
    page = write(tmp_path, foreign_results, None, figures, flagged=flagged)
    assert page.open == []
    assert "Representational consistency of 4 instances" in page.text
    assert "Instance 2: noisy" in page.text
    absent = ["(seed", "% accuracy", "accuracy was", "CCI", "Excluded", "Settings", "surrogate"]
    absent += ["nan", "None"]
    assert [words for words in absent if words in page.text] == []


def test_one_pair_and_undefined_numbers(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=2)
    results.consistency_mean[1, 1] = np.nan
    results.category_clustering_index_low[:] = np.nan
    page = write(tmp_path, results)
    assert "one pair gives no interval" in page.text
    assert "0.980 pairs [–] instances [–]" in page.text
    assert "nan" not in page.text


def caption(name, results, **training):
    return render(f"captions/{name}", **dataset_values(results), **training).text


def test_a_surrogate_says_so_in_sentence_caption_and_choices(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3, model="all_cnn_7", surrogate=1)
    page = write(tmp_path, results)
    assert "Surrogate network." in page.text
    assert "All-CNN-7 surrogate: the layers of the paper's network are not known" in page.text
    assert "surrogate" in result_sentence(results, {})
    assert "surrogate" in caption("consistency", results)


@pytest.mark.parametrize("name", ["geometry", "second_level", "consistency", "category_consistency",
                                  "clustering", "training"])  # fmt: skip
def test_captions_say_scale_seeds_and_sample_sizes(make_results, name):
    results = make_results(n_layers=2, n_instances=3)
    text = caption(name, results, n_trained=3, n_epochs=12)
    if "consistency" in name:
        assert "95 % bootstrap intervals (10,000 resamples) over the 3 pairs" in text
        assert "over the 3 instances" in text
    assert text.endswith(
        "3 instances of All-CNN-C (seeds 0–2); digits; width 0.25, 10 epochs, 1000 images; 60 "
        "stimuli of 10 categories; correlation distance."
    )


def test_choices_follow_the_run(make_results, foreign_results, tmp_path):
    config = {"data": {"preprocessing": "standardize"}, "model": {"last_relu": False}}
    page = write(tmp_path, make_results(n_layers=2), config=config)
    for words in (
        "Images were prepared by standardize",
        "distances of all categories are pooled in one correlation; the alternative",
        "This run: width 0.25, 10 epochs, 1000 images.",
        "differs from the proposed default: the class maps have no ReLU.",
    ):
        assert words in page.text
    plain = write(tmp_path, make_results(n_layers=2)).text
    assert "Preprocessing" not in plain
    assert "Switches" not in plain
    foreign = write(tmp_path, foreign_results).text
    assert not any(topic in foreign for topic in ("Which test images", "This run", "Network"))


def test_a_reproduction_shows_ledger_variants_and_figures(tmp_path):
    row = {
        "figure": "s3", "quantity": "<b>consistency", "paper": 0.443, "low": 0.429, "high": 0.455,
        "ours": 0.4412, "ours_low": 0.4, "ours_high": 0.5, "scale": "small", "kind": "number",
        "verdict": "met", "note": "",
    }  # fmt: skip
    effect = row | {"kind": "effect", "paper": None, "low": None, "high": None, "ours": None}
    missing = row | {"ours": None, "ours_low": None, "ours_high": None, "verdict": "not run"}
    variant = {
        "variant": "padded", "what": "padding", "accuracy": (0.85, 0.84, 0.86), "flagged": 1,
        "correlation": (0.44, 0.4, 0.5), "euclidean": (0.7, 0.6, 0.8), "replaced": 2,
    }  # fmt: skip
    file = small_figures(tmp_path / "figures", "s3")[0]
    path = write_reproduction(
        tmp_path / "report.html", "small", [row, effect, missing], [variant],
        {"s3": (file, Caption("Title", "Text & more."))}, {"commit": "abc"}, "2026-01-02",
    )  # fmt: skip
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    for words in (
        "Scale small: fewer channels",
        "Fig. S3 <b>consistency 0.443 [0.429, 0.455] 0.441 0.400 to 0.500 met",
        "Fig. S3 <b>consistency 0.443 [0.429, 0.455] – not run",
        "<b>consistency above 0 not defined",
        "padded padding 0.850 (0.840 to 0.860) 0.440 (0.400 to 0.500)",
        "1 kept, 2 replaced",
        "Fig. S3. Title. Text & more.",
        '"commit": "abc"',
        "Made 2026-01-02.",
    ):
        assert words in page.text
    assert "Further numbers" not in page.text


def test_a_caption_without_a_value_is_an_error():
    with pytest.raises(UndefinedError, match="n_pairs"):
        render("paper/s7", level="95")
