"""Model card and checklist say what the files of the run say, and nothing else."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from documented.made_run import MODELS, manifest
from unexplained_figures import unexplained

from mimicflow.errors import ConfigError
from mimicflow.evaluation.documents.checklist import FOR_THE_AUTHOR, write_checklist
from mimicflow.evaluation.documents.facts import count, estimate, gather, score
from mimicflow.evaluation.documents.model_card import write_model_card
from mimicflow.evaluation.study import Study


@pytest.fixture
def documents(tmp_path):
    def write(files, models, synthetic=True):
        card, page, table = (tmp_path / name for name in ("card.md", "tripod.md", "tripod.csv"))
        write_model_card("admission", files, card, Study(synthetic=synthetic), models)
        write_checklist("admission", files, page, table, Study(synthetic=synthetic), models)
        return card.read_text(), page.read_text(), pd.read_csv(table, keep_default_na=False)

    return write


def test_every_figure_comes_from_the_files(run, documents):
    card, page, _ = documents(*run)
    assert unexplained(card, *run) == []
    assert unexplained(page, *run) == []


# What the model card shows of each file: rows (by query) and columns.
SHOWN = {
    "scores": ("interval == 'jackknife'", ["value", "low", "high", "n", "patients", "events"]),
    "calibration": ("value > 0", ["value", "low", "high"]),
    "decision": ("threshold != 0.15", ["net_benefit", "low", "high"]),
    "subgroups": (
        "model == 'all_stays_model' and not suppressed",
        ["value", "low", "high", "n", "patients", "events"],
    ),
    "importance": ("rank <= 5", ["mean", "sd"]),
    "ablation": ("value > 0", ["value", "low", "high", "difference"]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_altered_figure_is_found(run, documents, name):
    files, models = run
    card, page, _ = documents(files, models)
    query, columns = SHOWN[name]
    table = pd.read_csv(files[name])
    shown = table.query(query)
    for column in columns:
        for value in shown[column].unique():
            step = 1 if column in ("n", "patients", "events") else 0.001
            changed = table.copy()
            # Moved away from all others, as no two are equal.
            changed[column] = changed[column].where(changed[column] != value, value + 10000 * step)
            changed.to_csv(files[name], index=False)
            assert unexplained(card, files, models, only=name), (column, value)
    table.to_csv(files[name], index=False)
    assert unexplained(card, files, models) == []
    auroc = table.query("score == 'auroc'")["value"].iloc[0] if name == "scores" else None
    if auroc is not None:
        assert unexplained(page.replace(f"{auroc:.3f}", "0.999"), files, models)


def test_altered_counts_and_digests_are_found(run, documents):
    files, models = run
    card, page, _ = documents(files, models)
    for document in (card, page):
        for figure in ("9,400", "289", "0.9.7"):
            assert figure in document
            assert unexplained(document.replace(figure, "8,888.5"), files, models)
    assert unexplained(card.replace("70,123", "70,124"), files, models)
    assert unexplained(card.replace(f"{2:064x}", f"{3:064x}"), files, models)
    models[0].write_bytes(b"others")
    assert unexplained(card, files, models)


def line(text, *words):
    return next(row for row in text.splitlines() if all(word in row for word in words))


def test_figures_stand_where_they_belong(run, documents):
    files, models = run
    card, page, _ = documents(files, models)
    table = pd.read_csv(files["scores"])
    for model, (title, stays) in MODELS.items():
        rows = table[(table["model"] == model) & (table["interval"] != "delong")]
        found = rows[rows["threshold_rule"].isna()].set_index("score")
        auroc = found.loc["auroc"]
        text = f"{auroc.value:.3f} ({auroc.low:.3f}–{auroc.high:.3f})"
        cells = line(card, f"| {title} | {stays} | {auroc.n:,} |").split(" | ")
        assert cells[4:7] == [f"{auroc.events:,}", text, f"{auroc.published:.3f}"]
        assert f"{title}, " in line(page, "| 23a |")
        assert f"AUROC {text}" in line(page, "| 23a |")
        youden = rows[rows["threshold_rule"] == "youden"].set_index("score")["value"]
        cells = line(card, f"| {title} | {stays} | youden").split(" | ")
        assert [cell.split(" ")[0] for cell in cells[3:9]] == [
            f"{youden[name]:.3f}"
            for name in ("threshold", "sensitivity", "specificity", "ppv", "npv", "f1")
        ]


def test_a_ppv_that_cannot_be_promised_reads_so(run, documents, tmp_path):
    files, models = run
    table = pd.read_csv(files["scores"])
    table.loc[table["threshold_rule"] == "ppv_0.8", ["value", "low", "high"]] = np.nan
    table.to_csv(tmp_path / "scores.csv", index=False)
    card, _, _ = documents({**files, "scores": tmp_path / "scores.csv"}, models)
    for title, stays in MODELS.values():
        cells = line(card, f"| {title} | {stays} | ppv_0.8").split("|")
        assert [cell.strip() for cell in cells[4:10]] == [
            "cannot be promised with these data",
            *[""] * 5,
        ]
    assert "promised of patients not seen yet" in card


def test_errors_of_calibration_read_with_what_calibrated_models_reach(run, documents, tmp_path):
    files, models = run
    table = pd.read_csv(files["calibration"])
    errors = table["score"].isin(["ece", "ici"])
    table.loc[errors, ["low", "high"]] = np.nan
    table["calibrated_up_to"] = np.where(errors, 0.0312, np.nan)
    table.to_csv(tmp_path / "calibration.csv", index=False)
    card, _, _ = documents({**files, "calibration": tmp_path / "calibration.csv"}, models)
    row = line(card, f"({next(iter(MODELS))}) | none |")
    assert row.count("(≤ 0.031)") == 2


def test_small_groups_read_as_small(run, documents):
    card, _, _ = documents(*run)
    assert "| sex | Unknown | <10 | <10 | <10 | | | | | |" in card
    assert "nan" not in card.lower().replace("finance", "")


def test_what_was_not_run_is_absent(documents):
    card, page, table = documents({}, [])
    for heading in ("Performance", "Cohort", "Calibration", "Decision", "Configuration"):
        assert f"## {heading}" not in card
    assert "## Intended use" in card
    assert unexplained(card, {}) == unexplained(page, {}) == []
    performance = table.set_index("item").loc["23a"]
    assert performance["status"] == "open"
    assert performance["answer"] == f"{FOR_THE_AUTHOR}: this run lacks scores"


def test_synthetic_data_are_stamped(run, documents):
    for document in documents(*run)[:2]:
        assert "SYNTHETIC DATA" in document
    card, page, table = documents(*run, synthetic=False)
    assert "SYNTHETIC DATA" not in card + page
    assert set(table["data"]) == {"real"}


def test_limits_follow_the_configuration(run):
    files, _ = run
    limits = gather("admission", files, Study(synthetic=True))["limits"]
    assert any("only afterwards" in row["limit"] for row in limits)
    assert any("other words than dyspnoea" in row["limit"] for row in limits)
    assert not any("optimistic" in row["limit"] for row in limits)
    unconditional = gather("admission", {}, Study(synthetic=True))["limits"]
    assert all(not row["key"] for row in unconditional)


def test_the_checklist_has_every_item_of_tripod_ai(run, documents):
    _, page, table = documents(*run)
    items = table["item"].tolist()
    assert len(items) == len(set(items)) == 52
    assert [int(number) for number, _ in itertools.groupby(i.rstrip("abcdefg") for i in items)] == [
        *range(1, 28)
    ]
    letters = {"3": 3, "5": 2, "6": 3, "8": 3, "9": 3, "12": 7, "18": 6, "20": 3, "23": 2, "27": 3}
    for number, n in letters.items():
        assert sum(item.rstrip("abcdefg") == number for item in items) == n
    by_item = table.set_index("item")
    development = ["9a", "12a", "12b", "12c", "15", "22", "27a", "27b"]
    evaluation = ["12f", "12g", "20c", "24"]
    assert by_item.index[by_item["applies"] == "D"].tolist() == development
    assert by_item.index[by_item["applies"] == "E"].tolist() == evaluation
    for item in ("17", "18a", "18b", "18c", "18d", "19", "25"):
        assert by_item.loc[item, ["status", "answer"]].tolist() == ["open", FOR_THE_AUTHOR]
    assert (by_item["answer"] != "").all()
    assert (by_item["status"] == "filled").sum() == 38
    assert all(f"| {item} |" in page for item in items)


def test_unknown_systems_and_files_are_reported(run):
    with pytest.raises(ConfigError, match="nothing is written down"):
        gather("weather", {}, Study())
    with pytest.raises(ConfigError, match="no facts come from horoscope"):
        gather("admission", {"horoscope": "a"}, Study())


def test_the_same_run_gives_the_same_bytes(run, documents):
    assert documents(*run)[:2] == documents(*run)[:2]


def test_numbers_in_words():
    assert (count(30421), count(None), score(0.9111), score(None)) == ("30,421", "", "0.911", "")
    assert estimate({"value": 0.5, "low": None, "high": None}) == "0.500 (no interval)"
    assert estimate({"value": 0.5, "score": "threshold"}) == "0.500"
    assert estimate({"value": 0.5, "low": 0.4, "high": 0.6}) == "0.500 (0.400–0.600)"
    negative = estimate({"value": -0.0001, "low": -0.02, "high": 0.01})
    assert negative == "0.000 (-0.020 to 0.010)"
    assert estimate({"value": None}) == estimate(None) == ""


def test_features_that_no_model_uses_are_not_listed_though_they_share_a_rank(run, documents):
    files, models = run
    table = pd.read_csv(files["importance"])
    unused = table.iloc[[0] * 40].assign(
        feature=[f"unused_{n}" for n in range(40)], mean=0.0, rank=2
    )
    pd.concat([table, unused]).to_csv(files["importance"], index=False)

    card, *_ = documents(files, models)

    assert table["feature"][0] in card
    assert "unused_" not in card


def test_documents_say_hidden_where_their_files_leave_out_few_real_patients(run, documents):
    """Sizes of a subset, steps that lose a few, rows of a table of which a few are rejected."""
    files, models = run
    scores = pd.read_csv(files["scores"])
    of_multi = scores["stays"] == "multi"
    assert of_multi.any()
    scores.loc[of_multi, ["patients", "n", "events"]] = None
    scores.to_csv(files["scores"], index=False)
    steps = pd.read_csv(files["attrition"])
    steps.loc[steps["step"] == "complaining", ["rows", "stays", "patients"]] = None
    steps.to_csv(files["attrition"], index=False)
    content = manifest()
    content["tables"]["ed/edstays"]["rows_rejected"] = 3
    files["manifest"].write_text(json.dumps(content))
    card, page, _ = documents(files, models, synthetic=False)
    assert "| 70,123 | hidden | hidden |" in card
    assert "| hidden | hidden | hidden |" in card
    assert "Rows rejected on reading: hidden." in page
    assert "hidden stays of hidden patients, hidden events" in page
    assert "hidden: Chief complaint not cardiac" in card
    assert "Stays with a cardiac complaint" not in card
