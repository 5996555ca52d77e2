"""The sections of the system arrest on the page."""

from pathlib import Path

import pandas as pd
import pytest
from html_pages import Element, drawn, headings, of_model, rows_of, tables
from made_arrest_results import FEATURES, HORIZONS, auroc, build_arrest

from mimicflow.arrest.results import (
    alarms,
    comparison,
    explain,
    horizons,
    matched_alarms,
    over_time,
)
from mimicflow.arrest.results.calibration import COLUMNS as BINS
from mimicflow.arrest.ward import doubtful, gap, populations
from mimicflow.errors import InputError
from mimicflow.evaluation import competing

THIN = "\u202f"


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("comparison.csv", comparison.COLUMNS),
        ("hrv_over_time.csv", over_time.COLUMNS),
        ("hrv/metrics.csv", horizons.COLUMNS),
        ("hrv/alarms.csv", alarms.COLUMNS),
        ("matched_alarms.csv", matched_alarms.COLUMNS),
        ("hrv/shap.csv", explain.COLUMNS),
        ("hrv/calibration.csv", BINS),
        ("hrv/populations.csv", populations.COLUMNS),
        ("doubtful_controls.csv", doubtful.COUNTS),
        ("sensitivity.csv", doubtful.COLUMNS),
        ("competing_events.csv", competing.COLUMNS),
        ("gaps.csv", gap.COLUMNS),
    ],
)
def test_the_made_files_have_the_columns_that_are_written(
    name: str, columns: list[str], results: Path
):
    assert set(pd.read_csv(results / "arrest" / name).columns) == set(columns)


def test_sections_stand_in_the_order_of_a_reader(arrest: Element):
    assert [heading.text for heading in arrest.all("h3")] == [
        "Flow of patients",
        "Cohort by outcome",
        "Competing events",
        "Sample size",
        "Missing values",
        "Epochs kept and dropped",
        "Comparison of the models",
        "Decisions at a threshold",
        "Alarms",
        "All scores",
        "Discrimination",
        "Calibration",
        "Probabilities beyond the sample",
        "Clinical use at a threshold",
        "Pairwise comparisons",
        "Controls that may have had an arrest",
        "A gap before the arrest",
        "Subgroups",
        "Selected features",
        "What drives the predictions",
        "Change before the arrest",
    ]


def test_the_source_is_named_and_linked(page: Element):
    [link] = [link for link in page.all("a") if "Digital Medicine" in link.text]
    assert link.text == "npj Digital Medicine 2023;6:215"
    assert link.attributes["href"] == "https://doi.org/10.1038/s41746-023-00960-2"


def test_the_summary_counts_epochs(page: Element):
    [summary] = tables(page, "Main result")
    assert headings(summary)[3:6] == ["Patients", "Predictions", "Events"]
    [row] = [row for row in rows_of(summary) if row[0].startswith("Cardiac arrest")]
    assert row[1:] == [
        *("Single split", "Heart-rate variability"),
        *("83", f"19{THIN}812", "541", "0.861 (0.857–0.865)", "0.881"),
    ]


def test_epochs_are_said_to_depend_on_patients(arrest: Element):
    assert "Epochs of one patient are not independent" in arrest.text
    [main] = tables(arrest, "Single split, all epochs, main scores")
    assert f"83 patients, 19{THIN}812 epochs, 541 events." in main.text
    assert headings(main) == [
        *("Model", "AUROC (95 % CI)", "Published AUROC"),
        *("AUPRC (95 % CI)", "Published AUPRC", "Brier (95 % CI)"),
    ]
    assert [row[2] for row in rows_of(main)] == ["0.881", "0.735"]


def test_the_flow_counts_recordings_and_says_why_stays_were_left_out(arrest: Element):
    [flow] = tables(arrest, "What is left after each step")
    assert headings(flow) == ["Step", "Recordings", "Stays", "Patients", "Patients lost"]
    assert rows_of(flow)[1] == [
        *("Stays at the age of arrest.cohort.min_age or more", "590", "500", "462", "18")
    ]
    [reasons] = tables(arrest, "What was left out by reason")
    assert rows_of(reasons) == [
        ["Age not recorded", "12", "12", "15"],
        ["Younger than arrest.cohort.min_age", "16", "15", "19"],
        ["Kind of ICU not among arrest.cohort.icus", "29", "22", "30"],
        ["Sampling rate under 100 Hz", "15", "12", "15"],
    ]


def test_real_reasons_give_no_small_group_away(real_arrest: Element):
    [flow] = tables(real_arrest, "What is left after each step")
    assert rows_of(flow)[-1][2:] == ["hidden", "hidden", "<10"]
    [reasons] = tables(real_arrest, "What was left out by reason")
    # 4 patients lack an age; those who are too young would reveal it with the step of both.
    assert rows_of(reasons)[:2] == [
        ["Age not recorded", "<10", "<10", "hidden"],
        ["Younger than arrest.cohort.min_age", "hidden", "hidden", "hidden"],
    ]
    assert rows_of(reasons)[-1] == ["Sampling rate under 100 Hz", "hidden", "<10", "hidden"]


def test_epochs_are_counted_by_reason_and_outcome(arrest: Element):
    [table] = tables(arrest, "Epochs kept and dropped by reason.")
    assert "99.2 % of all were kept" in table.text
    rows = of_model(table, f"Stays with an arrest: 3{THIN}111 epochs planned")
    assert rows[0] == ["Kept", f"2{THIN}710", "87.1 %", "105", "103"]
    assert rows[1] == ["Nothing but a line for seconds: lead off", "41", "1.3 %", "16", "16"]
    rows = of_model(table, f"Stays without an arrest: 89{THIN}620 epochs planned")
    assert [row[1] for row in rows] == [f"89{THIN}310", "310"]
    assert rows[1][0] == "No beat for four seconds (of the patient)"


def test_real_epochs_of_few_patients_are_hidden_with_what_reveals_them(real_arrest: Element):
    [table] = tables(real_arrest, "Epochs kept and dropped by reason.")
    kept, flat, quality, gaps = of_model(table, "Stays with an arrest")
    assert kept[1:] == [f"2{THIN}710", "87.1 %", "105", "103"]
    assert flat[1:] == ["hidden", "", "<10", "<10"]
    assert quality[1:] == ["260", "8.4 %", "70", "70"]
    assert gaps[1:] == ["hidden", "", "hidden", "hidden"]


def test_models_stand_beside_each_other_at_every_horizon(results: Path, arrest: Element):
    file = pd.read_csv(results / "arrest/comparison.csv")
    [table] = tables(arrest, "Scores by horizon.")
    assert f"19{THIN}812 of 83 patients and 85 stays" in table.text
    rows = rows_of(table)
    assert rows[0] == ["Within 24 h: arrests follow 541 epochs (2.7 %) of 21 stays"]
    assert rows[-3] == ["Within 1 h: arrests follow 13 epochs (0.1 %) of 8 stays"]
    rows = [row for row in rows if len(row) > 1]
    assert len(rows) == 2 * len(HORIZONS)
    for row, (_, entry) in zip(rows, file.iterrows(), strict=True):
        assert row[0] == entry["title"]
        numbers = [entry[f"auroc{end}"] for end in ("", "_low", "_high")]
        assert row[1] == "{:.3f} ({:.3f}–{:.3f})".format(*numbers)
    assert [row[2] for row in rows[:3]] == ["0.881", "0.735", "–"]
    assert [row[4] for row in rows[:2]] == ["0.104", "–"]


def test_scores_by_horizon_are_drawn_with_the_published_ones(html: str):
    points = drawn(html, "Dot plot of the AUROC at 6 horizons")
    assert len(points) == 2 * len(HORIZONS)
    assert points[0]["row"] == "Within 24 h"
    assert points[0]["group"] == "Heart-rate variability"
    assert points[0]["value"] == pytest.approx(auroc("hrv", 24), abs=1e-5)
    assert [point["beside"] for point in points[:3]] == [0.881, 0.735, None]


def test_the_auroc_within_stays_stands_beside_the_one_across(arrest: Element, html: str):
    [table] = tables(arrest, "Scores by horizon.")
    rows = [row for row in rows_of(table) if len(row) > 1]
    assert [row[5] for row in rows[1:3]] == ["–", "0.651 (0.553–0.742)"]
    assert [row[6] for row in rows[1:3]] == ["0", "20"]
    points = drawn(html, "Dot plot of the AUROC within event stays at 5 horizons")
    assert len(points) == 10 and points[0]["value"] == 0.6512
    assert "most of the first is the patient" in arrest.text


def test_the_difference_is_tested_by_patient(arrest: Element, html: str):
    [table] = tables(arrest, "Difference of AUROC with DeLong's 95 % interval")
    assert "Heart-rate variability less vital signs" in table.text
    rows = rows_of(table)
    assert len(rows) == len(HORIZONS)
    name, gap, p, corrected, auprc = rows[0]
    assert name == "Within 24 h"
    assert gap == "0.108 (−0.022 to 0.238)"  # includes 0, so that nothing stands beside
    assert (p, corrected) == ("0.093", "0.559")
    assert auprc.startswith("0.051 (0.012–0.091)")
    points = drawn(html, "Dot plot of the difference of AUROC at 6 horizons")
    assert len(points) == len(HORIZONS)


def test_a_real_horizon_of_few_patients_has_no_figures(real_arrest: Element, real_page: str):
    [table] = tables(real_arrest, "Scores by horizon.")
    rows = rows_of(table)
    assert rows[-3] == ["Within 1 h: too few patients to be shown"]
    assert [row[1:] for row in rows[-2:]] == [["–"] * 6] * 2
    # One event stay less than at 18 h would be shown.
    assert rows[6] == ["Within 12 h: arrests follow 322 epochs (1.6 %) of hidden stays"]
    [difference] = tables(real_arrest, "Difference of AUROC with DeLong")
    assert [row[0] for row in rows_of(difference)][-1] == "Within 3 h"
    assert len(drawn(real_page, "Dot plot of the AUROC at 5 horizons")) == 10
    [decisions] = tables(real_arrest, "Scores of the decisions")
    assert of_model(decisions, "Vital signs")[-1][2:] == ["hidden"] * 5


def test_decisions_at_the_threshold_stand_beside_published_ones(results: Path, arrest: Element):
    file = pd.read_csv(results / "arrest/hrv/metrics.csv")
    at = file[(file["horizon_h"] == 24) & (file["score"] == "sensitivity")].iloc[0]
    [table] = tables(arrest, "Scores of the decisions at the threshold of each horizon")
    rows = of_model(table, "Heart-rate variability")
    assert rows[0][:2] == ["Within 24 h", "0.017"]
    assert rows[0][2] == f"{at['value']:.3f} ({at['lower']:.3f}–{at['upper']:.3f})"
    assert rows[1] == ["Within 24 h, published", "–", "–", "–", "–", "–", "0.100"]
    assert len(rows) == 1 + len(HORIZONS)
    assert not any("published" in row[0] for row in of_model(table, "Vital signs"))


def test_bins_have_intervals_by_patient(arrest: Element):
    [table] = tables(arrest, "with intervals by patient")
    rows = of_model(table, "Vital signs")
    assert len(rows) == 10
    assert rows[9] == [
        *("10", "71", f"1{THIN}981", "60", "0.110"),
        "0.099 (0.044–0.187)",
    ]


def test_groups_are_those_of_the_bedside(arrest: Element):
    group, *_ = tables(arrest, "by group of patients")
    assert headings(group)[:4] == ["Group", "Patients", "Epochs", "Events"]
    names = [row[0] for row in rows_of(group)]
    assert "Intensive care unit: MICU" in names
    assert "Monitor: IntelliVue" in names


def test_selected_features_stand_with_their_decision(arrest: Element, html: str):
    [table] = tables(arrest, "Importance of the features")
    rows = of_model(table, "Heart-rate variability")
    assert [row[0] for row in rows] == FEATURES["hrv"]
    assert rows[0][1].startswith("Base of the triangle")
    assert rows[0][2:] == ["Accepted", "0.3100", "0.0431", "20 of 20"]
    assert {row[0]: row[2] for row in rows}["MinNN"] == "Tentative"
    assert {row[0]: row[2] for row in rows}["CSI"] == "Rejected"
    assert "Heart-rate variability: 7 of 9 accepted, 1 tentative, 1 rejected." in arrest.text
    assert "Vital signs: 5 of 5 accepted, 0 tentative, 0 rejected." in arrest.text
    points = drawn(html, "Bar chart of the importance of the features")
    assert {point["mark"] for point in points} == {0.0431}


def test_the_shap_ranking_stands_beside_the_published_one(arrest: Element, html: str):
    [table] = tables(arrest, "Mean size of the SHAP value")
    rows = of_model(table, "Heart-rate variability")
    assert rows[0][2:] == ["1", "0.6100 (0.4880–0.7320)", "−0.70", "99.8 %", "1"]
    assert rows[3][6] == "–"
    assert rows[-1][4] == "–"  # no direction
    [published] = tables(arrest, "the published ranking, and the rank here")
    assert [[row[0], *row[2:]] for row in rows_of(published)] == [
        ["TINN", "1", "1"],
        ["HTI", "2", "2"],
        ["IALS", "3", "3"],
        ["Prc20NN", "4", "–"],
        ["MinNN", "5", "–"],
        ["IQRNN", "6", "–"],
    ]
    notes = [point["note"] for point in drawn(html, "leading features of each model")]
    assert notes[:4] == ["published: 1", "published: 2", "published: 3", ""]


def test_the_course_of_each_measure_is_drawn_and_reported(arrest: Element, html: str):
    small = [
        figure for figure in arrest.all("figure") if "small" in figure.attributes["class"].split()
    ]
    captions = [figure.all("figcaption")[0].text for figure in small]
    assert len(captions) == 6
    assert captions[0] == "TINN (ms). τ 0.21 (0.11–0.31)."
    assert captions[2] == "IALS. τ −0.21 (−0.31 to −0.11)."
    points = drawn(html, "Base of the triangle that fits the histogram of RR intervals best, by")
    assert [point["hours"] for point in points[:2]] == [23.5, 22.5]
    [hours] = tables(small[0], "TINN (ms) by hour before the arrest")
    assert rows_of(hours)[-1] == ["1 to 0", "135.0 (124.2–145.8)", "80"]
    [trends] = tables(arrest, "Trend of each measure before the arrest")
    assert rows_of(trends)[0] == [
        *("TINN (ms)", "0.21 (0.11–0.31)", "<0.001", "0.004", f"1{THIN}911", "105"),
        *("198.0 (162.0–234.0)", "320"),
    ]


def test_the_cohort_stands_by_outcome_as_in_its_file(real_arrest: Element):
    [cohort] = tables(real_arrest, "Characteristics of the cohort by outcome")
    assert headings(cohort)[1:4] == ["Overall", "Without an arrest", "With an arrest"]
    assert rows_of(cohort)[1][:4] == [
        "Age (years), median (IQR)",
        "63.0 (52.0–74.0)",
        "62.9",
        "<10",
    ]


def test_a_real_hour_of_few_patients_is_not_shown(real_arrest: Element, real_page: str):
    [hours] = tables(real_arrest, "TINN (ms) by hour before the arrest")
    assert rows_of(hours)[-1] == ["1 to 0", "–", "<10"]
    points = drawn(real_page, "Base of the triangle that fits the histogram of RR intervals best")
    assert min(point["hours"] for point in points) == 1.5


def test_probabilities_stand_by_population(arrest: Element):
    [table] = tables(arrest, "Probabilities of held-out epochs by population")
    rows = of_model(table, "Heart-rate variability")
    assert [row[0] for row in rows] == [
        *("Sample (kept epochs)", "Planned epochs, dropped ones included", "All monitored time"),
    ]
    # 541 of 19,812 epochs, and of 9.3 times as many; the mean probability stays.
    assert rows[0][1:4] == [f"19{THIN}812", "0.027 (0.026–0.028)", "0.027 (0.026–0.028)"]
    assert rows[2][1:4] == [f"184{THIN}252", "0.003 (0.002–0.004)", "0.027 (0.026–0.028)"]


def test_what_a_hospital_does_not_record_reads_not_known(arrest: Element, real_arrest: Element):
    [counts] = tables(arrest, "Controls that may have had an arrest.")
    assert [row[1] for row in rows_of(counts)] == ["320", "31", "12", "not known", "14"]
    [counts] = tables(real_arrest, "Controls that may have had an arrest.")
    assert [row[1] for row in rows_of(counts)] == ["320", "31", "hidden", "not known", "14"]
    [scores] = tables(arrest, "Scores with all controls, and without the doubtful ones")
    assert "for arrests within 24 h" in scores.text
    rows = of_model(scores, "Vital signs")
    assert [row[0] for row in rows] == ["None", "Died without a listed arrest", "Treatment limited"]
    assert rows[2][1:] == ["not known"] * 5 and rows[1][1].startswith("0.763")


def test_competing_events_say_what_the_label_makes_of_them(arrest: Element, real_arrest: Element):
    [table] = tables(arrest, "Stays by competing event.")
    assert rows_of(table) == [
        ["Stays with a planned epoch", "", "405", "85", "100.0 %"],
        ["Died without an arrest", "label 0", "31", "0", "7.7 %"],
        ["Treatment limited", "label 0", "not known", "", ""],
    ]
    [table] = tables(real_arrest, "Stays by competing event.")
    assert rows_of(table)[1][2:] == ["hidden", "", ""]


def test_scores_with_a_gap_stand_beside_those_without(arrest: Element):
    [table] = tables(arrest, "Scores with a gap before the arrest, for arrests within 24 h.")
    rows = of_model(table, "Heart-rate variability")
    assert rows[0][:3] == ["Nothing", "541", "0.801 (0.781–0.821)"]
    assert rows[1][:3] == ["1 h", "511", "0.789 (0.769–0.809)"]
    assert (rows[0][3], rows[1][3]) == ("–", "−0.012 (−0.018 to −0.006)")


SECTIONS = {
    "competing_events.csv": "Competing events",
    "sample_size.csv": "Sample size",
    "missing.csv": "Missing values",
    "gaps.csv": "A gap before the arrest",
    "attrition.csv": "Flow of patients",
    "exclusions.csv": "Flow of patients",
    "table_one.csv": "Cohort by outcome",
    "epochs.csv": "Epochs kept and dropped",
    "comparison.csv": "Comparison of the models",
    "hrv_over_time.csv": "Change before the arrest",
    "single/scores.csv": "All scores",
    "single/subgroups.csv": "Subgroups",
    "clinical/metrics.csv": "Decisions at a threshold",
    "clinical/alarms.csv": "Alarms",
    "clinical/calibration.csv": "Calibration",
    "clinical/populations.csv": "Probabilities beyond the sample",
    "doubtful_controls.csv": "Controls that may have had an arrest",
    "sensitivity.csv": "Controls that may have had an arrest",
    "clinical/shap.csv": "What drives the predictions",
    "clinical/selected_features.csv": "Selected features",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_there_only_with_its_file(name: str, results: Path, tmp_path: Path):
    page = build_arrest(tmp_path, results, name)
    assert [heading.text for heading in page.all("h3")] == [SECTIONS[name]]
    assert "optimistic" not in page.text


def test_folds_of_the_single_split_are_no_section(results: Path, tmp_path: Path):
    assert build_arrest(tmp_path, results, "single/folds.csv").all("h2") == []


@pytest.mark.parametrize("name", ["comparison.csv", "epochs.csv", "hrv/alarms.csv", "hrv/shap.csv"])
def test_a_table_without_its_columns_is_refused(name: str, tmp_path: Path):
    path = tmp_path / "arrest" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("model,title\n")
    with pytest.raises(InputError, match=f"{path.name}: the table lacks the columns"):
        build_arrest(tmp_path, tmp_path, name)


def test_without_scores_the_main_model_still_comes_first(results: Path, tmp_path: Path):
    page = build_arrest(tmp_path, results, "clinical/shap.csv", "hrv/shap.csv")
    [table] = tables(page, "Mean size of the SHAP value")
    titles = [row[0] for row in rows_of(table) if len(row) == 1]
    assert titles == ["Heart-rate variability", "Vital signs"]


def test_every_pair_that_is_compared_has_its_differences(results: Path, tmp_path: Path):
    """A third model, compared with the first; the first still with the second."""
    frame = pd.read_csv(results / "arrest/comparison.csv")
    third = frame[frame["model"] == "hrv"].assign(
        model="both", title="HRV with vital signs and slopes", compared_with="hrv"
    )
    (tmp_path / "arrest").mkdir()
    pd.concat([frame, third]).to_csv(tmp_path / "arrest/comparison.csv", index=False)

    page = build_arrest(tmp_path, tmp_path, "comparison.csv")

    first, second = tables(page, "Difference of AUROC with DeLong's 95 % interval")
    assert "Heart-rate variability less vital signs" in first.text
    assert "HRV with vital signs and slopes less heart-rate variability" in second.text
    assert len(rows_of(first)) == len(rows_of(second)) == len(HORIZONS)
