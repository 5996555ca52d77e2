"""Tables of the audit: written and read in one way, small counts hidden, a verdict of each."""

import pandas as pd
import pytest

from mimicflow.audit.findings import (
    audit_checks,
    finding,
    none_of,
    read_findings,
    verdict,
    write_findings,
)
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

ROWS = [
    none_of("patients on two sides", 0, patients=40),
    none_of("patients twice", 3, patients=7),
    none_of("stays twice", 12, patients=40),
    finding("patients shared", 25, patients=25),
    finding("threshold", 0.434, patients=25),
]


@pytest.fixture
def written(tmp_path):
    def write(synthetic):
        path = tmp_path / "splits.csv"
        write_findings(ROWS, path, Study(synthetic=synthetic), counts=("number", "patients"))
        return path

    return write


def test_a_table_begins_with_what_every_check_has_and_ends_with_whose_data_they_are(written):
    text = written(True).read_text().splitlines()

    assert text[0] == "what,number,limit,passed,patients,data"
    assert text[1] == "patients on two sides,0.0,0,True,40,synthetic"
    assert text[4] == "patients shared,25.0,,,25,synthetic"
    assert text[5] == "threshold,0.434,,,25,synthetic"


def test_a_check_fails_by_its_worst_row_and_rows_for_reading_judge_nothing(written):
    found = verdict(read_findings(written(True)))

    assert (found.judged, found.failed, found.passed) == (3, 2, False)
    assert found.worst == "stays twice"


def test_small_counts_of_real_patients_are_hidden_and_the_verdict_stays(written):
    found = read_findings(written(False))

    # Others are to tens: 12 and 25 would show by how much they differ from those of other tables.
    assert found["number"].fillna(-1).tolist() == [0, -1, 10, 20, 0.434]
    assert found["patients"].fillna(-1).tolist() == [40, -1, 40, 20, 20]
    assert verdict(found).failed == 2
    assert set(found["data"]) == {"real"}


@pytest.mark.parametrize("text", ["", "what,number,limit,passed\n", "a,b\n1,2\n"])
def test_what_is_no_table_of_the_audit_is_refused_by_name(tmp_path, text):
    path = tmp_path / "attack.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"attack\.csv"):
        read_findings(path)


def test_every_check_has_its_words(repository):
    found = audit_checks()

    assert len({(one.check, one.system) for one in found}) == len(found) > 2
    assert all(one.title and one.asks and one.reading for one in found)
    assert found[0].path == "admission/audit/splits.csv"


def test_every_check_has_its_rule(repository):
    rules = "".join(path.read_text() for path in (repository / "rules").glob("audit*.smk"))

    for check in {one.check for one in audit_checks()}:
        assert f"rule audit_{check}:" in rules


def test_missing_numbers_and_fractions_are_kept(tmp_path):
    rows = [finding("share", 0.25), finding("quantile", float("nan")), finding("many", 2.0)]
    write_findings(rows, tmp_path / "x.csv", Study(synthetic=True))
    pd.testing.assert_series_equal(
        read_findings(tmp_path / "x.csv")["number"], pd.Series([0.25, None, 2.0], name="number")
    )


@pytest.mark.parametrize(("synthetic", "shown"), [(True, 19 / 45), (False, 0.422)])
def test_a_score_of_real_patients_does_not_say_of_how_many_pairs_it_is(tmp_path, synthetic, shown):
    write_findings([finding("AUROC", 19 / 45)], tmp_path / "x.csv", Study(synthetic=synthetic))

    assert read_findings(tmp_path / "x.csv")["number"].tolist() == [shown]
