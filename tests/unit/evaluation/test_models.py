"""Every model is read, checked and titled in one place."""

from __future__ import annotations

import pandas as pd
import pytest
from made_predictions import TITLES, table, write

from mimicflow.errors import ConfigError
from mimicflow.evaluation.models import counted_models, read_models, without_sizes
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.study import Study


def test_models_of_a_subset_come_together_with_their_test_patients(tmp_path):
    files = write(tmp_path, {"a": table(40), "x": table(20), "b": table(40, 2)})
    subsets = {"a": "all", "x": "multi", "b": "all"}
    models = list(read_models(files, subsets, Study(titles=TITLES)))
    named = [(model.name, model.title, model.subset) for model in models]
    assert named == [("a", "Model A", "all"), ("b", "Model B", "all"), ("x", "x", "multi")]
    assert [len(model.table) for model in models] == [40, 40, 20]
    assert {split for model in models for split in model.table["split"]} == {"test"}


def test_rows_of_a_model_begin_with_its_name_and_title(tmp_path):
    (model,) = read_models(write(tmp_path, {"a": table(20)}), {"a": "all"}, Study(titles=TITLES))
    rows = model.named(pd.DataFrame({"score": ["auroc"], "value": [0.5]}), stays=model.subset)
    assert rows.to_dict("records") == [
        {"model": "a", "title": "Model A", "stays": "all", "score": "auroc", "value": 0.5}
    ]


def test_the_column_that_names_a_row_is_that_of_the_study(tmp_path):
    epochs = table(20).rename(columns={"stay_id": "epoch_id"})
    files = write(tmp_path, {"a": epochs})
    (model,) = read_models(files, {"a": "all"}, Study(key="epoch_id"))
    assert model.table["epoch_id"].is_monotonic_increasing
    with pytest.raises(PredictionsError, match="columns missing: stay_id"):
        list(read_models(files, {"a": "all"}, Study()))


def test_a_model_without_a_subset_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="no subset of stays given for b"):
        list(read_models({"b": tmp_path / "none"}, {"a": "all"}, Study()))


def test_sizes_that_show_a_few_patients_more_than_others_are_left_out(tmp_path):
    """Patients have two stays each; of the subset six are not there, then twenty."""
    subsets = {"a": "all", "x": "multi"}
    for lacking, counted in ((12, {"a"}), (40, {"a", "x"})):
        whole = table(400)
        files = write(tmp_path, {"a": whole, "x": whole[whole["stay_id"] >= lacking]})
        assert counted_models(files, subsets, Study()) == counted
        assert counted_models(files, subsets, Study(synthetic=True)) == {"a", "x"}
        # Predictions of another protocol are known just the same.
        alone = {"x": files["x"]}
        assert counted_models(alone, subsets, Study()) == {"x"}
        assert counted_models(alone, subsets, Study(), [files["a"]]) == counted - {"a"}
        compared = without_sizes(pd.DataFrame({"model": ["a", "x"], "n": 7}), counted)
        assert compared["n"].notna().sum() == len(counted)
