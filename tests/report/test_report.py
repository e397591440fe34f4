import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from ensemble_rsa.figures.save import FIGURES, save_figure
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
        self.tags, self.words, self.open, self.scripts = [], [], [], []
        self.feed(text)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script" and "type" not in self.tags[-1][1]:
            self.scripts.append(data)
        if not {"style", "script"} & {*self.open}:
            self.words.append(data)

    def allows_only_own_scripts(self):
        """Check that the policy has the hash of each script, and of no other."""
        policy = next(a["content"] for _, a in self.tags if "http-equiv" in a)
        hashes = [
            base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            for text in self.scripts
        ]
        rule = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
        assert rule == " ".join(["script-src", *(f"'sha256-{each}'" for each in hashes)])
        assert policy.startswith("default-src 'none'; ")
        keys = [key for _, attrs in self.tags for key in attrs]
        assert [key for key in keys if key.startswith("on") or key == "style"] == []

    def shows(self, *words):
        assert self.open == []
        assert [each for each in words if each not in self.text] == []


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
    page.shows("Figure 2. Training of every instance. 3 trained instances, 12 epochs.")
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    for attrs, path in zip(images, figures, strict=True):
        start, _, data = attrs["src"].partition(",")
        assert start == "data:image/png;base64"
        shown, whole = (Image.open(file) for file in (io.BytesIO(base64.b64decode(data)), path))
        difference = np.subtract(*(np.asarray(each.convert("RGB"), int) for each in (shown, whole)))
        assert np.abs(difference).mean() < 1
        assert attrs["alt"] in page.text
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.tags}
    references = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert all(reference.startswith(("data:", "#")) for reference in references)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    namespace = "http://www.w3.org/2000/svg"  # a name, which nothing is fetched from
    assert not re.search(r"url\(|@import|https?://", text.replace(namespace, ""))
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "report.html"}


def test_the_numbers_are_there(make_results, tmp_path):
    results = make_results(n_layers=3, n_instances=4)
    page = write(tmp_path, results, manifest={"versions": {"jax": "0.10.2"}}, config={"seed": 77})
    expected = [
        f"{value:.3f}"
        for name in ("consistency", "category_clustering_index")
        for value in results[f"{name}_mean"].values.ravel()
    ]
    for over in results.bootstrap.values:
        at = results.sel(bootstrap=over)
        limits = zip(at.consistency_low.values.flat, at.consistency_high.values.flat, strict=True)
        expected += [f"{over} [{low:.3f}, {high:.3f}]" for low, high in limits]
    page.shows(
        *expected,
        result_sentence(results, {}),
        "Training accuracy 99.0–100.0 %; Test accuracy 95.0–97.0 %.",
        '"jax": "0.10.2"',
        '"seed": 77',
        "6 pairs are made of only 4 instances, each of which takes part in 3",
    )


def test_what_was_set_aside_is_told(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3)
    results.constant_patterns[1, 2] = 7
    excluded = [{"instance": 3, "seed": 3, "reason": "loss not finite"}]
    flagged = [{"instance": 1, "seed": 1, "reason": "training accuracy 0.80"}]
    page = write(tmp_path, results, excluded=excluded, flagged=flagged)
    page.shows(
        "Excluded: 1 instance. Instance 3 (seed 3): loss not finite",
        "Kept, but flagged: 1 instance. Instance 1 (seed 1): training accuracy 0.80",
        "Some stimuli gave a constant pattern; its distance to every other pattern was set to 1.",
        "conv2: 7 in all, in 1 of 3 instances, at most 7 in one.",
    )
    assert page.text.count("training accuracy 0.80") == 2


def test_all_zero_patterns_of_unit_length_distance_are_not_at_1(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3, distance="unit_euclidean")
    results.constant_patterns[1, 2] = 7
    page = write(tmp_path, results)
    page.shows("gave an all-zero pattern; its distance to every other pattern was set to √2.")


def test_markup_in_names_stays_text(make_results, tmp_path):
    results = make_results(layers=["<script>alert(1)</script>", "b"], n_instances=3)
    results.attrs["dataset"] = "folder:<img src=x onerror=alert(1)>"
    page = write(tmp_path, results, config={"categories": ["</pre><script>"]})
    assert "img" not in {tag for tag, _ in page.tags}
    page.allows_only_own_scripts()
    page.shows("<script>alert(1)</script>", '"</pre><script>"')


def test_activations_from_elsewhere(foreign_results, tmp_path):
    figures = small_figures(tmp_path / "figures", "consistency", "second_level")
    flagged = [{"instance": 2, "seed": 2, "reason": "noisy"}]
    page = write(tmp_path, foreign_results, None, figures, flagged=flagged)
    page.shows("Representational consistency of 4 instances", "Instance 2: noisy")
    absent = ["(seed", "% accuracy", "accuracy was", "CCI", "Excluded", "Settings", "surrogate"]
    assert [words for words in [*absent, "nan", "None"] if words in page.text] == []


def test_one_pair_and_undefined_numbers(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=2)
    results.consistency_mean[1, 1] = np.nan
    results.category_clustering_index_low[:] = np.nan
    page = write(tmp_path, results)
    page.shows("one pair gives no interval", "0.980 instances [–] pairs [–]")
    assert "nan" not in page.text


def caption(name, results, **training):
    return render(f"captions/{name}", **dataset_values(results), **training).text


def test_a_surrogate_says_so_in_sentence_caption_and_choices(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3, model="all_cnn_7", surrogate=1)
    page = write(tmp_path, results)
    page.shows(
        "Surrogate network.",
        "All-CNN-7 surrogate: the layers of the paper's network are not known",
    )
    assert "surrogate" in result_sentence(results, {})
    assert "surrogate" in caption("consistency", results)


@pytest.mark.parametrize("name", [*FIGURES, "training"])
def test_captions_say_scale_seeds_and_sample_sizes(make_results, name):
    results = make_results(n_layers=2, n_instances=3)
    text = caption(name, results, n_trained=3, n_epochs=12, n_unflagged=3)
    if "consistency" in name:
        assert "bootstrap intervals (10,000 resamples) over the 3 pairs" in text
        assert "95 % jackknife intervals over the 3 instances" in text
    setting = "(seeds 0–2); digits; width 0.25, 10 epochs, 1000 images; 60 stimuli of 10 categories"
    assert text.endswith(f"3 instances of All-CNN-C {setting}; correlation distance.")


def test_captions_tell_when_no_mean_and_no_pairs_are_drawn(make_results):
    alone = make_results(n_layers=2, n_instances=2)
    text = caption("training", alone, n_trained=1, n_epochs=1, n_unflagged=1)
    assert text.startswith("1 trained instance, 1 epoch. ")
    assert "not two instances that are neither flagged nor excluded, so no mean is drawn" in text
    assert "Line and markers: the one pair of instances." in caption("consistency", alone)


def test_choices_follow_the_run(make_results, foreign_results, tmp_path):
    config = {"data": {"preprocessing": "standardize"}, "model": {"last_relu": False}}
    page = write(tmp_path, make_results(n_layers=2), config=config)
    page.shows(
        "Images were prepared by standardize",
        "distances of all categories are pooled in one correlation; the alternative",
        "This run: width 0.25, 10 epochs, 1000 images.",
        "differs from the proposed default: the class maps have no ReLU.",
    )
    assert "Intervals" in page.text
    assert "Intervals" not in write(tmp_path, make_results(n_layers=2, n_instances=2)).text
    plain = write(tmp_path, make_results(n_layers=2)).text
    assert not any(topic in plain for topic in ("Preprocessing", "Switches"))
    foreign = write(tmp_path, foreign_results).text
    assert not any(topic in foreign for topic in ("Which test images", "This run", "Network"))


def test_a_reproduction_shows_ledger_variants_and_figures(ledger_row, tmp_path):
    row = ledger_row | {"figure": "s3", "quantity": "<b>consistency"}
    effect = row | {"kind": "effect", "paper": None, "low": None, "high": None, "ours": None}
    stands = effect | {"ours": 0.3, "p_holm": 0.02, "stands": True}
    exact = effect | {"kind": "exact", "ours": 0.25, "ours_low": None, "interval": "exact"}
    missing = row | {"ours": None, "ours_low": None, "ours_high": None, "verdict": "not run"}
    variant = {
        "variant": "padded", "what": "padding", "flagged": 1, "replaced": 2,
        "train_accuracy": (0.99, 0.98, 0.995), "test_accuracy": (0.85, 0.84, 0.86),
        "correlation": (0.44, 0.4, 0.5), "correlation_change": (-0.02, -0.03, -0.01),
        "euclidean": (0.7, 0.6, 0.8), "euclidean_change": None,
    }  # fmt: skip
    file = small_figures(tmp_path / "figures", "s3")[0]
    path = write_reproduction(
        tmp_path / "report.html", "small", [row, effect, stands, exact, missing], [variant],
        {"s3": (file, Caption("Title", "Text & more."))}, {}, {"commit": "abc"}, "2026-01-02",
        "All effects hold.", {"s3": "It holds."}, "control",
    )  # fmt: skip
    page = Page(path.read_text(encoding="utf-8"))
    page.shows(
        "Scale small: fewer channels",
        "Fig. S3 <b>consistency 0.443 [0.429, 0.455] 0.441 0.400 to 0.500 met",
        "Fig. S3 <b>consistency 0.443 [0.429, 0.455] – not run",
        "<b>consistency above 0 not defined",
        "above 0 0.300 0.400 to 0.500 met 0.020 stands",
        "above 0 0.250 met",
        "Verdict All effects hold.",
        "It holds. Fig. S3. Title.",
        "One switch of the ensemble control at a time",
        "padded padding 0.990 0.980 to 0.995 0.850 0.840 to 0.860 0.440 0.400 to 0.500",
        "Δ -0.020 -0.030 to -0.010 0.700 0.600 to 0.800 1 kept, 2 replaced",
        "Fig. S3. Title. Text & more.",
        '"commit": "abc"',
        "Made 2026-01-02.",
    )
    assert "Further numbers" not in page.text


def test_a_caption_without_a_value_is_an_error():
    with pytest.raises(UndefinedError, match="n_pairs"):
        render("paper/s7", level="95")
