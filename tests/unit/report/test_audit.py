"""The page of the audit and its chapter in the report say what passed, what failed, and why."""

import pytest
from html_pages import chapter, read_page, rows_of

from mimicflow.audit.findings import finding, none_of, write_findings
from mimicflow.evaluation.study import Study
from mimicflow.report import build_report, sort_files
from mimicflow.report.audit_page import build_audit
from mimicflow.report.inputs import SharedFiles

FAULT = "predictions of lstm: tested patients that the split does not test"


@pytest.fixture
def pages(tmp_path):
    """Return the audit's page and the report of the same findings of two systems."""

    def build(fault, synthetic=True):
        study = Study(synthetic=synthetic)
        rows = [none_of("patients on two sides", 0, patients=40), none_of(FAULT, fault)]
        rows.append(finding("shared with mortality: patients", 1234, patients=1234))
        for system in ("admission", "mortality"):
            path = tmp_path / f"results/{system}/audit/splits.csv"
            write_findings(rows, path, study, counts=("number", "patients"))
        files = list(tmp_path.rglob("*.csv"))
        systems, _ = sort_files(files, tmp_path / "results")
        build_audit("Leakage audit", systems, tmp_path / "audit.html", study)
        build_report("Report", systems, SharedFiles(), tmp_path / "report.html", study)
        return [read_page((tmp_path / f"{name}.html").read_text()) for name in ("audit", "report")]

    return build


def test_the_page_has_a_chapter_per_system_and_a_section_per_check(pages):
    page, report = pages(0)

    part = chapter(page, "Hospital admission")
    summary, table = part.all("table")
    assert rows_of(summary) == [["Splits", "2", "passed", "–"]]
    assert [row[3] for row in rows_of(table)] == ["passed", "passed", ""]
    assert "must draw one split for both" in part.text
    assert chapter(page, "Death within a year") is not None
    assert "Leakage audit" in chapter(report, "Hospital admission").text


def test_a_failure_stands_in_the_summary_and_before_the_other_rows(pages):
    for page in pages(3):
        summary, table, *_ = chapter(page, "Hospital admission").all("table")
        assert rows_of(summary)[0] == ["Splits", "2", "failed", FAULT]
        assert rows_of(table)[0][0] == FAULT


def test_a_small_count_of_real_patients_is_hidden_and_fails_all_the_same(pages):
    page, _ = pages(3, synthetic=False)

    _, table, *_ = chapter(page, "Hospital admission").all("table")
    assert rows_of(table)[0][:4] == [FAULT, "hidden", "0", "failed"]


def test_what_a_difference_means_stands_once_below_a_table_without_verdicts(tmp_path):
    study = Study(synthetic=True)
    rows = [
        finding(f"clock {way}: {score} of A", 0.1, low=0.0, setting=way, reading=reading)
        for way in ("earlier", "later")
        for score, reading in (("AUROC", "Hangs on clocks."), ("AUPRC", ""))
    ]
    write_findings(rows, tmp_path / "results/admission/audit/settings.csv", study)
    systems, _ = sort_files(list(tmp_path.rglob("*.csv")), tmp_path / "results")
    build_audit("Leakage audit", systems, tmp_path / "audit.html", study)

    part = chapter(read_page((tmp_path / "audit.html").read_text()), "Hospital admission")
    _, table = part.all("table")
    assert rows_of(table)[0] == ["clock earlier: AUROC of A", "0.100", "0"]
    assert part.text.count("Hangs on clocks.") == 1
    assert "clock earlier; clock later" in part.text
