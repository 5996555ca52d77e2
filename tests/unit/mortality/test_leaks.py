"""What the leaks of the published protocol are worth, together and one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import draw
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from mimicflow.evaluation.study import Study
from mimicflow.mortality.leaks import COLUMNS, price_leaks
from mimicflow.mortality.protocols import all_protocols, is_optimistic, priced

PRICED = {"survivors": "audited_with_survivors"}
SCORES = {"auroc": roc_auc_score, "auprc": average_precision_score, "log_loss": log_loss}


def predictions(seen, stays=300):
    label, probability = draw(300)
    noise = np.random.default_rng(round(100 * seen)).normal(0, 0.15, 300)
    return pd.DataFrame(
        {
            "stay_id": np.arange(300),
            "subject_id": 1000 + np.arange(300),
            "split": np.where(np.arange(300) < 60, "validation", "test"),
            "label": label,
            "probability": np.clip(probability + noise + seen * (label - 0.5), 0.01, 0.99),
        }
    ).head(stays)


def leaks(folder, tables, *, synthetic=True):
    paths = {run: folder / f"{'_'.join(run)}.parquet" for run in tables}
    for run, table in tables.items():
        table.to_parquet(paths[run])
    output = folder / "leak.csv"
    price_leaks(paths, PRICED, output, Study(synthetic=synthetic))
    return pd.read_csv(output)


TABLES = {
    ("audited", "lstm"): predictions(0.0),
    ("audited", "gru"): predictions(0.01),
    ("published", "lstm"): predictions(0.3, stays=299),
    ("published", "gru"): predictions(0.31),
    ("audited_with_survivors", "lstm"): predictions(0.1, stays=280),
}


def test_a_line_per_leak_model_and_score(tmp_path):
    found = leaks(tmp_path, TABLES)

    assert found.columns.tolist() == COLUMNS
    lines = found[["leak", "model"]].drop_duplicates().to_numpy().tolist()
    assert lines == [["all", "lstm"], ["all", "gru"], ["survivors", "lstm"]]
    assert found["score"].tolist() == list(SCORES) * 3
    assert found["title"].iloc[0] == "LSTM"
    assert set(found["data"]) == {"synthetic"}


def test_each_side_is_scored_on_its_own_patients_and_shared_ones_are_drawn_together(tmp_path):
    found = leaks(tmp_path, TABLES).set_index(["leak", "model", "score"])

    for leak, protocol in (("all", "published"), ("survivors", "audited_with_survivors")):
        for score, of in SCORES.items():
            row = found.loc[(leak, "lstm", score)]
            values = []
            for table in (TABLES[protocol, "lstm"], TABLES["audited", "lstm"]):
                tested = table[table["split"] == "test"]
                values.append(of(tested["label"], tested["probability"]))
            assert row[["published", "audited"]].tolist() == pytest.approx(values)
            assert row["difference"] == pytest.approx(values[0] - values[1])
            assert row["low"] < row["difference"] < row["high"]
            widths = [row[f"{of}_high"] - row[f"{of}_low"] for of in ("published", "audited")]
            assert row["high"] - row["low"] < np.hypot(*widths)
    sizes = found.loc[("survivors", "lstm", "auroc"), ["n_published", "n_audited", "n_both"]]
    assert sizes.tolist() == [220, 240, 220]
    assert found.loc[("all", "lstm", "auroc"), "low"] > 0


def test_without_a_second_protocol_there_is_nothing_to_price(tmp_path):
    found = leaks(tmp_path, {("audited", "lstm"): TABLES["audited", "lstm"]}, synthetic=False)

    assert found.empty
    assert found.columns.tolist() == COLUMNS


def protocols(*keys, names=("audited", "published")):
    rules = {
        "audited": {"visits": "known", "embedding": "training", "survivors": "every_sign"},
        "published": {"visits": "all", "embedding": "hospital", "survivors": "any_icu_deathtime"},
    }
    clocks = {"audited": "hospital_discharge", "published": "icu_out"}
    chosen = {name: {"prediction_time": clocks[name], **rules[name]} for name in names}
    return {"mortality": {"protocols": chosen, "priced_keys": list(keys)}}


def test_a_priced_key_is_audited_but_for_this_key():
    config = protocols("visits", "survivors")

    assert priced(config) == {
        "visits": "audited_with_visits",
        "survivors": "audited_with_survivors",
    }
    found = all_protocols(config)
    assert list(found)[:2] == ["audited", "published"]
    audited = found["audited"]
    assert found["audited_with_visits"] == {**audited, "visits": "all"}
    assert found["audited_with_survivors"] == {**audited, "survivors": "any_icu_deathtime"}
    assert [name for name, rules in found.items() if not is_optimistic(rules)] == ["audited"]


def test_a_key_has_no_price_without_both_protocols():
    config = protocols("visits", names=("audited",))

    assert priced(config) == {}
    assert list(all_protocols(config)) == ["audited"]


def test_only_who_could_be_known_to_live_on_is_left_out_at_the_end_of_the_icu_stay():
    rules = protocols()["mortality"]["protocols"]["audited"] | {"prediction_time": "icu_out"}

    assert is_optimistic(rules)  # who dies in hospital afterwards is no patient: immortal time
    assert not is_optimistic(rules | {"survivors": "up_to_prediction"})


def test_patients_of_whom_a_few_are_in_one_protocol_only_are_not_counted(tmp_path):
    """The published protocol lacks one of the audited patients, the other twenty."""
    found = leaks(tmp_path, TABLES, synthetic=False)
    assert set(found["n_audited"]) == {240}
    lstm = found[found["model"] == "lstm"].set_index("leak")
    assert lstm.loc["all", ["n_published", "n_both"]].isna().all(axis=None)
    assert (lstm.loc["survivors", ["n_published", "n_both"]] == 220).all(axis=None)
