"""Labels drawn from predictions."""

import numpy as np
import pytest

from mimicflow.evaluation.statistics.drawn_labels import draw_labels, label_correlation


def drawn(probability, patient, correlation, draws=4000):
    return np.concatenate(list(draw_labels(probability, patient, correlation, draws, 0)))


@pytest.mark.parametrize("correlation", [0, 0.5, 1])
def test_each_label_is_1_as_often_as_predicted_whatever_the_correlation(correlation):
    probability, patient = np.array([0.1, 0.1, 0.7, 0.5]), np.array([2, 1, 1, 2])
    shares = drawn(probability, patient, correlation).mean(axis=0)
    assert shares == pytest.approx(probability, abs=0.03)


def test_rows_of_a_patient_are_as_alike_as_asked():
    probability, patient = np.full(4, 0.3), np.array([1, 1, 2, 2])
    one = drawn(probability, patient, 1)
    assert (one[:, 0] == one[:, 1]).all() and (one[:, 2] == one[:, 3]).all()
    assert (one[:, 0] != one[:, 2]).any()
    none = drawn(probability, patient, 0)
    assert np.corrcoef(none[:, 0], none[:, 1])[0, 1] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("correlation", [0, 0.5, 1])
def test_the_correlation_of_the_data_is_found(correlation):
    generator = np.random.default_rng(3)
    patient = np.repeat(np.arange(500), 4)
    probability = generator.uniform(0.1, 0.6, len(patient))
    label = drawn(probability, patient, correlation, 1)[0].astype(int)
    assert label_correlation(label, probability, patient) == pytest.approx(correlation, abs=0.13)


def test_what_is_miscalibrated_does_not_count_as_alike():
    patient = np.repeat(np.arange(1000), 2)
    probability = np.random.default_rng(0).uniform(0.1, 0.5, len(patient))
    label = drawn(probability + 0.3, patient, 0, 1)[0].astype(int)
    assert label_correlation(label, probability, patient) < 0.1


def test_patients_of_one_row_have_no_correlation():
    assert label_correlation(np.array([0, 1]), np.array([0.2, 0.9]), np.array([1, 2])) == 0


def test_without_draws_there_is_an_error():
    with pytest.raises(ValueError, match="0 draws"):
        next(draw_labels(np.array([0.5]), np.array([1]), 0, 0, 0))
