"""The sections of the system mortality on the page."""

import json
from pathlib import Path

import pandas as pd
import pytest
from html_pages import Element, chapter, rows_of, tables
from made_mortality_results import KEPT, build_mortality

from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study
from mimicflow.report import build_report, sort_files

ALIKE = "nearest codes"


def test_sections_stand_in_the_order_of_a_reader(mortality: Element):
    assert [heading.text for heading in mortality.all("h3")] == [
        "Flow of patients",
        "Cohort by outcome",
        "Visits per patient",
        "Comparison of the models",
        "The price of the leaks",
        "All scores",
        "Discrimination",
        "Calibration",
        "Clinical use at a threshold",
        "Pairwise comparisons",
        "Right and wrong at a threshold",
        "Training",
        "What the embedding takes for alike",
    ]


def test_the_summary_judges_by_the_audited_protocol(page: Element):
    rows = [row for row in rows_of(tables(page, "Main result")[0]) if row[0].startswith("Death")]
    assert [row[2] for row in rows] == ["LSTM", "GRU", "Bidirectional LSTM"]
    size = ["8\u202f412", "8\u202f412", "1\u202f530"]
    assert rows[0][1:] == [
        *("Audited protocol", "LSTM", *size),
        *("0.821 (0.817–0.825)", "–"),
    ]


def test_models_stand_beside_each_other_as_in_the_file(results: Path, mortality: Element):
    file = pd.read_csv(results / "mortality/comparison.csv")
    [table] = tables(mortality, "Models under each protocol.")
    rows = rows_of(table)
    assert rows[0] == ["Audited protocol: 8\u202f412 patients, 1\u202f530 events"]
    assert rows[6] == ["Published protocol (optimistic): 8\u202f412 patients, 1\u202f530 events"]
    rows = rows[1:6] + rows[7:]
    for row, (_, entry) in zip(rows, file.iterrows(), strict=True):
        assert row[0] == entry["title"]
        for cell, score in zip(row[1:4], ("auroc", "auprc", "test_loss"), strict=True):
            low, high = entry[f"{score}_low"], entry[f"{score}_high"]
            assert cell == f"{entry[score]:.3f} ({low:.3f}–{high:.3f})"
    assert rows[0][4:] == ["–", "–"]  # the LSTM itself
    assert rows[1][4:] == ["0.003 (−0.002 to 0.008)", "0.031 (0.062)"]
    assert "excludes 0" in rows[3][4]

    [sizes] = tables(mortality, "spread over repeats")
    lstm, boosting = rows_of(sizes)[1], rows_of(sizes)[5]
    spread = ["0.820 ± 0.002", "0.789 ± 0.002", "0.406 ± 0.002"]
    assert lstm == ["LSTM", "42\u202f305", "41.3", "3", *spread, "0.136", "0.410"]
    assert boosting[1] == "–"  # no parameters to count


def test_the_published_context_is_named(mortality: Element):
    assert "AUROC 0.854–0.862" in mortality.text
    assert "two biases per gate" in mortality.text


def test_the_leaks_are_priced_as_in_the_file(results: Path, mortality: Element):
    file = pd.read_csv(results / "mortality/leak.csv")
    [alone] = tables(mortality, "One key of the protocol as published, all others audited.")
    assert rows_of(alone)[1][:3] == ["visits", "LSTM", "0.821"]
    file = file[file["leak"] == "all"]
    [auroc] = tables(mortality, "AUROC under the published protocol less that under the audited")
    [others] = tables(mortality, "Other scores under both protocols")
    rows = rows_of(auroc) + rows_of(others)
    assert [row for row in rows if len(row) == 1] == [["AUPRC"], ["Log loss"]]
    order = ["auroc", "auprc", "log_loss"]
    file = file.sort_values("score", key=lambda score: score.map(order.index), kind="stable")
    for row, (_, entry) in zip([r for r in rows if len(r) > 1], file.iterrows(), strict=True):
        assert row[1:3] == [f"{entry['audited']:.3f}", f"{entry['published']:.3f}"]
        assert row[3].startswith(f"{entry['difference']:.3f}".replace("-", "−"))
    headings = [cell.text for cell in auroc.all("thead")[0].all("th")]
    assert headings[1:3] == ["Audited protocol", "Published protocol (optimistic)"]


def test_nothing_speaks_of_folds_or_of_stays_counted_twice(mortality: Element):
    captions = [table.all("caption")[0].text for table in mortality.all("table")]
    assert not any("fold" in caption for caption in captions)
    headings = {cell.text for table in mortality.all("table") for cell in table.all("th")}
    assert not {text for text in headings if "Fold" in text or text == "Published"}
    [main] = tables(mortality, "Audited protocol, all patients, main scores")
    assert "8\u202f412 patients, 1\u202f530 events." in main.text
    [pairs] = tables(mortality, "Audited protocol, all patients, differences of AUROC")
    assert "8\u202f412 patients." in pairs.text


def test_the_status_is_said_to_be_known(mortality: Element):
    assert "the one-year status is known for every patient of the cohort" in mortality.text


def test_the_flow_says_who_was_lost(mortality: Element):
    [flow] = tables(mortality, "Audited protocol, what is left after each step")
    assert rows_of(flow)[-3:] == [
        ["Not dead on or before the day of the index", *["42\u202f060"] * 3, "3\u202f240"],
        ["Lost: died on that day", "3", "3", "3", ""],
        ["Of the cohort: died", *["7\u202f650"] * 3, ""],
    ]


def test_real_steps_give_no_small_group_away(real: Element):
    [audited] = tables(real, "Audited protocol, what is left after each step")
    # 5 lacked a time: neither who was left then nor who was lost next may be seen.
    assert [row[-2:] for row in rows_of(audited)[3:]] == [
        ["45\u202f300", "5\u202f620"],
        ["hidden", "<10"],
        ["42\u202f060", "hidden"],
        ["<10", ""],
        ["7\u202f650", ""],
    ]
    # 4 patients are in the published cohort only.
    [published] = tables(real, "Published protocol, what is left after each step")
    assert [row[-2:] for row in rows_of(published)[4:6]] == [["hidden", "<10"], ["hidden"] * 2]


def test_what_differs_little_from_who_was_lost_is_hidden(results: Path, tmp_path: Path):
    folder = tmp_path / "mortality/audited"
    folder.mkdir(parents=True)
    steps = [("all", 500, 0), ("cohort", 483, 17), ("on the day", 15, None), ("before", 2, None)]
    frame = pd.DataFrame(steps, columns=["description", "patients", "dropped"])
    frame.assign(stays=frame["patients"]).to_csv(folder / "attrition.csv", index=False)
    page = build_mortality(tmp_path, tmp_path, "audited/attrition.csv", synthetic=False)
    [table] = page.all("table")
    assert rows_of(table)[1:] == [
        ["cohort", "483", "483", "17"],
        ["on the day", "hidden", "hidden", ""],
        ["before", "<10", "<10", ""],
    ]


def test_only_the_cohort_to_judge_by_is_described(mortality: Element):
    [table] = tables(mortality, "haracteristics of the cohort")
    assert table.all("caption")[0].text.startswith("Audited protocol")
    headings = [cell.text for cell in table.all("thead")[0].all("th")]
    assert headings[2:4] == ["Alive after a year", "Died within a year"]


def test_the_kept_epoch_is_marked(results: Path, mortality: Element):
    history = pd.read_csv(results / "mortality/audited/gru/history.csv").iloc[KEPT - 1]
    found = [
        row
        for table in tables(mortality, "Audited protocol, loss by epoch")
        for row in rows_of(table)
        if "kept" in row[0]
    ]
    assert [row[0] for row in found] == [f"{KEPT} (kept)"] * 3
    assert found[1][1:] == [f"{history['train_loss']:.3f}", f"{history['val_loss']:.3f}"]
    assert f"Audited protocol. Epoch {KEPT} of 10 was kept." in mortality.text
    published = tables(mortality, "Published protocol, loss, AUROC, AUPRC by epoch")
    assert len(published) == 3
    assert all(rows_of(table)[-1][0] == "10 (kept)" for table in published)


def test_confusion_has_counts_and_shares_of_the_outcome(results: Path, mortality: Element):
    file = pd.read_csv(results / "mortality/audited/lstm/confusion.csv").set_index("threshold_rule")
    [table] = tables(mortality, "Audited protocol, patients by prediction and outcome")
    rows = rows_of(table)
    assert rows[0] == ["At a fixed threshold"]
    assert rows[6] == ["At the threshold chosen on validation patients by Youden's index"]
    for row, rule in ((rows[1], "fixed"), (rows[7], "youden")):
        entry = file.loc[rule]
        died, alive = entry["tp"] + entry["fn"], entry["tn"] + entry["fp"]
        assert row[:2] == ["LSTM", f"{entry['threshold']:.3f}"]
        for cell, name, total in zip(
            row[2:], ("tp", "fn", "fp", "tn"), (died, died, alive, alive), strict=True
        ):
            n = f"{entry[name]:,.0f}".replace(",", "\u202f")
            assert cell == f"{n} ({100 * entry[name] / total:.1f} %)"


def test_a_classification_report_is_that_of_the_file(results: Path, mortality: Element):
    file = pd.read_csv(results / "mortality/audited/lstm/classification_report.csv")
    [table] = tables(mortality, "Audited protocol, classification report")
    names = {"Alive": "Alive after a year", "Died within a year": "Died within a year"}
    for row, (_, entry) in zip(rows_of(table)[1:3], file.iterrows(), strict=False):
        scores = [f"{entry[name]:.3f}" for name in ("precision", "recall", "f1")]
        size = f"{entry['support']:,}".replace(",", "\u202f")
        assert row == ["LSTM", "0.500", names[entry["class"]], *scores, size]


def test_small_cells_of_a_real_confusion_are_hidden_with_what_reveals_them(real: Element):
    [table] = tables(real, "Audited protocol, patients by prediction and outcome")
    found = [row[2:] for row in rows_of(table) if row[0] == "GRU"]
    assert "hidden" not in found[0]
    assert found[1] == ["hidden", "<10", "hidden", "hidden"]
    [report] = tables(real, "Audited protocol, classification report")
    of_model = [row for row in rows_of(report) if row[0] == "GRU"]
    assert [row[3:6] for row in of_model[2:]] == [["–"] * 3] * 2
    assert "–" not in of_model[0]


def test_a_small_class_is_not_shown(results: Path, tmp_path: Path):
    folder = tmp_path / "mortality/audited/lstm"
    folder.mkdir(parents=True)
    frame = pd.DataFrame({"class": [0, 1], "support": [80, 6], "recall": [0.5, 0.5]})
    frame = frame.assign(threshold_rule="fixed", threshold=0.5, precision=0.5, f1=0.5)
    frame.to_csv(folder / "classification_report.csv", index=False)
    name = "audited/lstm/classification_report.csv"
    page = build_mortality(tmp_path, tmp_path, name, synthetic=False)
    rows = rows_of(page.all("table")[0])[1:]
    assert [row[3:] for row in rows] == [["–"] * 3 + ["hidden"], ["–"] * 3 + ["<10"]]


def test_a_rule_that_no_threshold_satisfies_has_no_figures(tmp_path: Path):
    folder = tmp_path / "mortality/audited/lstm"
    folder.mkdir(parents=True)
    (folder / "confusion.csv").write_text("threshold_rule,threshold,tn,fp,fn,tp\nppv_0.8,,,,,\n")
    (folder / "classification_report.csv").write_text(
        "threshold_rule,threshold,class,precision,recall,f1,support\n"
        "ppv_0.8,,Alive,,,,80\nppv_0.8,,Died within a year,,,,20\nppv_0.8,,macro average,,,,100\n"
    )
    names = [f"audited/lstm/{name}.csv" for name in ("confusion", "classification_report")]
    page = build_mortality(tmp_path, tmp_path, *names, synthetic=False)
    matrix, report = map(rows_of, page.all("table"))
    words = "cannot be promised with these data"
    assert matrix[1] == ["LSTM", words, *"––––"]
    assert report[1:] == [
        ["LSTM", words, "Alive after a year", *"–––", "80"],
        ["LSTM", words, "Died within a year", *"–––", "20"],
        ["LSTM", words, "Plain mean", *"–––", "100"],
    ]


def test_neighbours_are_named_by_text_and_code(mortality: Element, real: Element):
    [table] = tables(mortality, ALIKE)
    rows = {row[0]: row[1:] for row in rows_of(table)}
    visits, near = rows["Essential (primary) hypertension (ICD10:I10)"]
    assert visits == "10\u202f233"
    assert len(near.splitlines()) == 5
    assert "Unspecified essential hypertension (ICD9:4019)" in near
    assert "DRUG:furosemide" in rows  # a drug has no text beside its name
    assert rows["Hypomagnesemia (ICD10:E8342)"][0] == "8"
    rare = [row for row in rows_of(tables(real, ALIKE)[0]) if row[0].startswith("Hypomag")]
    assert rare[0][1] == "<10"


def test_no_small_count_of_real_data_is_in_a_table_of_counts(real: Element):
    for words in ("what is left after", "number of visits", "by prediction and outcome"):
        for table in tables(chapter(real, "Death within a year"), words):
            for row in rows_of(table):
                cells = [cell.split(" (")[0].replace("\u202f", "") for cell in row[1:]]
                small = [cell for cell in cells if cell.isdigit() and 0 < int(cell) < 10]
                assert not small or row[0] in ("Median",), row


def test_tables_read_by_both_systems_are_reported_once(page: Element):
    [raw] = tables(page, "Rows of each raw table")
    names = [row[0] for row in rows_of(raw)]
    assert names.count("hosp/labevents") == 1
    assert "icu/icustays" in names


def test_manifests_that_disagree_are_refused(results: Path, tmp_path: Path):
    (tmp_path / "mortality").mkdir()
    manifest = json.loads((results / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    manifest["tables"]["hosp/labevents"]["rows"] += 1
    (tmp_path / "mortality/manifest.json").write_text(json.dumps(manifest))
    systems, shared = sort_files(tmp_path.rglob("*.json"), tmp_path)
    with pytest.raises(InputError, match=r"contradicts the manifest .* about hosp/labevents"):
        build_report("T", systems, shared, tmp_path / "x.html", Study(synthetic=True))


SECTIONS = {
    "comparison.csv": "Comparison of the models",
    "leak.csv": "The price of the leaks",
    "audited/attrition.csv": "Flow of patients",
    "audited/table_one.csv": "Cohort by outcome",
    "audited/visits.csv": "Visits per patient",
    "audited/visits_summary.csv": "Visits per patient",
    "audited/neighbours.csv": "What the embedding takes for alike",
    "audited/scores.csv": "All scores",
    "audited/lstm/history.csv": "Training",
    "audited/lstm/confusion.csv": "Right and wrong at a threshold",
    "audited/lstm/classification_report.csv": "Right and wrong at a threshold",
    "published/lstm/history.csv": "Training",
    "published/neighbours.csv": "What the embedding takes for alike",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_there_only_with_its_file(name: str, results: Path, tmp_path: Path):
    page = build_mortality(tmp_path, results, name)
    assert [heading.text for heading in page.all("h3")] == [SECTIONS[name]]
    assert ("optimistic" in page.all("main")[0].text) == (
        name.startswith("published") or name in ("comparison.csv", "leak.csv")
    )


def test_without_published_scores_none_are_spoken_of(results: Path, tmp_path: Path):
    page = build_mortality(tmp_path, results, "audited/scores.csv")
    [caption] = [figure.all("figcaption")[0].text for figure in page.all("figure")]
    assert caption == "AUROC with 95 % interval. Audited protocol."
    with_scores = [table for table in page.all("table") if "Main result" not in table.text]
    assert len(with_scores) == 4
    assert not any(cell.text == "Published" for table in with_scores for cell in table.all("th"))


def test_folds_of_a_single_split_are_no_section(results: Path, tmp_path: Path):
    page = build_mortality(tmp_path, results, "audited/folds.csv")
    assert page.all("h2") == []
