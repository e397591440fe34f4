import numpy as np
import pytest

from ensemble_rsa.report.sentence import result_sentence


def test_a_fall_with_all_its_numbers(make_results):
    sentence = result_sentence(make_results(first=0.98, last=0.44), {})
    assert sentence == (
        "Across 10 instances of All-CNN-C (seeds 0–9; digits; width 0.25, 10 epochs, 1000 images), "
        "exemplar-based representational consistency (shared variance of RDMs; correlation "
        "distance, 60 stimuli) fell from r² = 0.98 [0.96, 1.00] in conv1 to 0.44 [0.42, 0.46] in "
        "conv9 (95 % jackknife intervals over instances; bootstrap over the 45 instance pairs, as "
        "the captions of Mehrer et al. 2020 suggest: [0.97, 0.99] and [0.43, 0.45]). "
        "Centroid-based consistency of conv9 was r² = 0.87 [0.85, 0.90] (over pairs [0.86, 0.88]); "
        "test accuracy was 95.0–97.0 %."
    )


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (0.3, 0.8, "rose from r² = 0.30 [0.28, 0.32] in conv1 to 0.80"),
        (0.50, 0.47, "did not change clearly, with r² = 0.50 [0.48, 0.52] in conv1 and 0.47"),
        (0.47, 0.50, "did not change clearly"),
        (0.6, 0.6, "did not change clearly"),
    ],
)
def test_what_happened_is_said(make_results, first, last, words):
    sentence = result_sentence(make_results(first=first, last=last), {})
    assert words in sentence
    assert "fell" not in sentence


def test_the_wider_interval_decides(make_results):
    # The intervals over pairs (± 0.012) are apart here, those over instances (± 0.024) are not.
    results = make_results(first=0.53, last=0.50)
    assert "did not change clearly" in result_sentence(results, {})


def test_a_dip_in_between_is_told(make_results):
    results = make_results(n_layers=4, first=0.9, last=0.5)
    results.consistency_mean.loc[{"kind": "exemplar", "layer": "conv3"}] = 0.2
    sentence = result_sentence(results, {})
    assert "to 0.50 [0.48, 0.52] in conv4, lowest in conv3, 0.20 (95 %" in sentence


def test_one_layer_and_one_pair(make_results):
    sentence = result_sentence(make_results(n_layers=1, n_instances=2, first=0.7, last=0.7), {})
    assert "was r² = 0.70 in conv1 (one pair of instances, hence no interval)" in sentence
    assert "[" not in sentence
    sentence = result_sentence(make_results(n_layers=3, n_instances=2), {})
    assert "went from r² = 0.98 in conv1 to 0.44 in conv3 (one pair" in sentence


def test_activations_from_elsewhere(foreign_results):
    excluded = [{"instance": 4, "seed": 4, "reason": "not finite"}]
    sentence = result_sentence(foreign_results, {"excluded_instances": excluded})
    assert sentence.endswith("One further instance was excluded.")
    assert sentence.startswith("Across 4 instances, exemplar-based representational consistency")
    assert not any(word in sentence for word in ("seed", "accuracy", "Centroid"))


def test_a_surrogate_and_excluded_instances_are_named(make_results):
    results = make_results(model="all_cnn_7", surrogate=1)
    one = {"excluded_instances": [{"instance": 10, "seed": 14, "reason": "dead"}]}
    assert "of the All-CNN-7 surrogate" in result_sentence(results, one)
    assert result_sentence(results, one).endswith("One further instance (seed 14) was excluded.")
    two = {"excluded_instances": [{"seed": 3}, {"seed": 4}]}
    assert result_sentence(results, two).endswith("(seeds 3, 4) were excluded.")


def test_an_undefined_layer_is_said_to_be(make_results):
    results = make_results(n_layers=3)
    results.consistency_mean.loc[{"layer": "conv3"}] = np.nan
    results.test_accuracy[:] = np.nan
    sentence = result_sentence(results, {})
    assert "is not defined in conv3" in sentence
    assert "nan" not in sentence


def test_earlier_results_say_bootstrap(make_results):
    results = make_results()
    del results.attrs["interval_over_instances"]
    assert "(95 % bootstrap intervals over instances; bootstrap over the 45" in result_sentence(
        results, {}
    )


def test_an_instance_unlike_all_others_is_named_by_its_seed(make_results):
    results = make_results()
    results["consistency"] = results.consistency.where(results.pair_second != 9, 0.001)
    assert "One instance is unlike all others (seed 9); no interval" in result_sentence(results, {})
