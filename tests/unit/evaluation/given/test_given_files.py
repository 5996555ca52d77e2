"""Files of anybody: what is read of them, and what is said of those that cannot be scored."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mimicflow.evaluation.given.columns import Columns
from mimicflow.evaluation.given.file import stem_of
from mimicflow.evaluation.given.predictions import match, read_given
from mimicflow.evaluation.predictions import PredictionsError

GOOD = "id,patient_id,died,prob\n1,a,0,0.2\n2,a,1,0.6\n3,b,0,0.4\n4,b,1,0.9\n"
LABEL, PROBABILITY = [0, 1, 0, 1], [0.2, 0.6, 0.4, 0.9]


@pytest.fixture
def write(tmp_path):
    """Give a function that writes a file and returns its path."""

    def write(content, name="mine.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", ";").replace(".", ","),
        GOOD.replace(",", ", "),
        GOOD + "\n",
        gzip.compress(GOOD.encode()),
        GOOD.replace("died", '"died"').replace(",0,", ",False,").replace(",1,", ",True,"),
    ],
    ids=["plain", "bom", "crlf", "tabs", "semicolons", "blanks", "empty_line", "gzip", "words"],
)
def test_the_same_predictions_are_read_however_they_are_written(write, content):
    given = read_given(write(content), Columns())

    ((name, table),) = given.models.items()
    assert name == "mine"
    assert table["label"].tolist() == LABEL
    assert table["probability"].tolist() == PROBABILITY
    assert table["patient"].tolist() == ["a", "a", "b", "b"]
    assert set(given.columns.guessed) == {"label", "probability", "patient", "row"}


def test_decimal_commas_are_read_and_said(write):
    given = read_given(write(GOOD.replace(",", ";").replace(".", ",")), Columns())

    assert given.said == ("prob has decimal commas: 0,2 is read as 0.2",)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("", {}, ": is empty"),
        ("id,died,prob\n", {}, "column names and no rows"),
        ("1,0,0.2\n2,1,0.6\n", {}, "holds values, not names"),
        ("died,died,prob\n0,1,0.2\n", {}, "several columns are called died"),
        (b"PK\x03\x04 sheet", {}, "is a spreadsheet"),
        (b"\xff\xfed\x00", {}, "UTF-16"),
        ("died,prob\n0,0.2\n1,0.5\xe4\n".encode("latin-1"), {}, "not text in UTF-8"),
        (b"PAR1 and no more", {}, "cannot be read"),
        (GOOD + "5,c,0,0,3\n", {}, "line 6: 5 fields, but the header has 4 names"),
        (GOOD.replace("\n1,a,0,0.2\n2,a,1,0.6\n3,b,0,0.4\n4,b,1,0.9", "\n1,a,0,0,2\n2,a,1,0,6"), {},
         "do not fit"),
        (GOOD.replace("died", "x"), {}, "no column is called as a label usually is"),
        (GOOD.replace("prob", "x"), {}, "no column is called as a probability usually is"),
        (GOOD.replace("patient_id", "label"), {}, "label and died may both be the label"),
        (GOOD, {"label": "dead"}, "no column is called dead"),
        (GOOD, {"groups": ("sexes",)}, "no column is called sexes"),
        (GOOD.replace("a,0,0.2", "a,2,0.2"), {}, "line 2: column died holds other labels than 0"),
        (GOOD.replace(",0,", ",no,").replace(",1,", ",yes,"), {}, "for instance --positive yes"),
        (GOOD, {"positive": "dead"}, "no label in column died is dead"),
        (GOOD.replace("b,0,0.4", "b,,0.4"), {}, "line 4: 1 of 4 rows have no value in column died"),
        (GOOD.replace("b,1,0.9", "b,1,"), {}, "line 5: 1 of 4 rows have no value in column prob"),
        (GOOD.replace("0.9", "inf"), {}, "line 5: prob has no finite number"),
        (GOOD.replace("0.9", "high"), {}, "line 5: column prob holds 'high', which is no prob"),
        (GOOD.replace("0.9", "90").replace("0.2", "20"), {}, "look like per cent"),
        (GOOD.replace("0.9", "2.2").replace("0.2", "-1.4"), {}, "look like log odds"),
        (GOOD.replace("0.9", "1700"), {}, "a scale of their own"),
        (GOOD.replace("1,a,0", "2,a,0"), {}, "line 3: 1 predictions have an id in id that"),
        (GOOD.replace(",1,", ",0,"), {}, "all 4 rows have label 0"),
        (GOOD.replace("2,a,1,0.6", "2,,1,0.6"), {}, "line 3: 1 of 4 rows have no value"),
        (GOOD, {"split": "died"}, "column died holds 0, 1"),
        (GOOD.replace("patient_id", "model"), {"probability": ("prob", "id")},
         "several columns of probabilities and a column of models"),
    ],
)  # fmt: skip
def test_a_bad_file_is_answered_for_itself(write, content, options, said):
    path = write(content)
    positive = options.pop("positive", "")

    with pytest.raises(PredictionsError) as caught:
        read_given(path, Columns(**options), positive)

    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.remedy and "rule" not in str(caught.value)


def test_what_is_no_file_is_said(tmp_path):
    for path, said in ((tmp_path, "is a folder"), (tmp_path / "no.csv", "no such file")):
        with pytest.raises(PredictionsError, match=said):
            read_given(path, Columns())


def test_words_are_labels_once_the_event_is_named(write):
    words = GOOD.replace(",0,", ",alive,").replace(",1,", ",dead,")

    given = read_given(write(words), Columns(), "dead")

    assert given.models["mine"]["label"].tolist() == LABEL
    assert given.said == ("died = dead is an event; no event: alive",)


def test_parquet_is_read_without_its_other_columns_and_nested_ones_refused(tmp_path):
    path = tmp_path / "mine.parquet"
    nested = pa.array([{"a": 1}] * 4)
    columns = {"y_true": pa.array(LABEL, pa.int8()), "score": pa.array(PROBABILITY, pa.float32())}
    pq.write_table(pa.table({**columns, "more": nested}), path)

    given = read_given(path, Columns())
    assert given.models["mine"]["probability"].to_numpy() == pytest.approx(np.array(PROBABILITY))

    with pytest.raises(PredictionsError, match="column more holds struct<a: int64>"):
        read_given(path, Columns(patient="more"))
    pq.write_table(pa.table({**columns, "y_true": pa.array([0, 1, None, 1])}), path)
    with pytest.raises(PredictionsError, match="row 3: 1 of 4 rows"):
        read_given(path, Columns())


def test_several_models_stand_beside_or_below_each_other(write):
    wide = "died,prob_b,prob_a\n0,.1,.2\n1,.2,.3\n0,.3,.4\n1,.4,.5\n"
    beside = read_given(write(wide), Columns())
    lines = GOOD.splitlines()
    below = "\n".join([f"{lines[0]},model", *(f"{line},{m}" for m in "ab" for line in lines[1:])])

    assert list(beside.models) == ["prob_b", "prob_a"]
    found = match([read_given(write(below, "long.csv"), Columns())])
    assert list(found.tables) == ["a", "b"]
    assert set(found.subsets.values()) == {"All predictions"}


def test_files_are_matched_by_id_whatever_their_order(write):
    lines = GOOD.splitlines()
    turned = "\n".join([lines[0], *lines[:0:-1]]).replace("0.9", "0.8")

    found = match([read_given(write(GOOD), Columns()),
                   read_given(write(turned, "other.csv"), Columns(), lenient=True)])  # fmt: skip

    mine, other = (table.sort_values("stay_id") for table in found.tables.values())
    for column in ("stay_id", "subject_id", "label"):
        assert mine[column].tolist() == other[column].tolist()
    assert other["probability"].tolist() == [0.2, 0.6, 0.4, 0.8]
    assert set(found.subsets.values()) == {"All predictions"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (GOOD.replace("4,b,1,0.9\n", "5,b,1,0.9\n"), "4 rows and the first model 4, 3 in both"),
        (GOOD.replace("1,a,0", "1,a,1").replace("2,a,1", "2,a,0"), "2 rows of .* another label"),
        (GOOD.replace("3,b", "3,a"), "1 rows of .* another patient"),
        ("died,prob\n0,.1\n0,.2\n1,.3\n1,.4\n", "2 rows of .* another label .* place"),
        ("died,prob\n0,.1\n1,.2\n1,.3\n", "another label|3 rows and the first model 4"),
    ],
)
def test_other_rows_are_not_compared(write, other, said):
    files = [read_given(write(GOOD), Columns()), read_given(write(other, "other.csv"), Columns())]

    with pytest.raises(PredictionsError, match=rf"other.csv: .*{said}"):
        match(files)


def test_a_file_without_ids_is_compared_in_its_order_with_the_patients_of_the_other(write):
    other = "died,prob\n0,.1\n1,.2\n0,.3\n1,.4\n"

    found = match([read_given(write(GOOD), Columns()),
                   read_given(write(other, "other.csv"), Columns())])  # fmt: skip

    assert [table["subject_id"].tolist() for table in found.tables.values()] == [[0, 0, 1, 1]] * 2
    assert "rows are compared in the order of the files, since not both have ids" in found.said


def test_only_test_rows_are_scored_where_a_split_is_told_apart(write):
    lines = GOOD.replace("a", "c").splitlines()
    inner = [f"1{line}" for line in GOOD.splitlines()[1:]]
    header = GOOD.splitlines()[0]
    content = [f"{header},split", *(f"{line},val" for line in inner),
               *(f"{line.replace(',b,', ',d,')},test" for line in lines[1:])]  # fmt: skip

    table = read_given(write("\n".join(content)), Columns()).models["mine"]
    assert table["split"].value_counts().to_dict() == {"validation": 4, "test": 4}

    mixed = [line.replace(",c,", ",a,") for line in content]
    with pytest.raises(PredictionsError, match="patients are both in test and in another part"):
        read_given(write("\n".join(mixed)), Columns())


@pytest.mark.parametrize("values", ["train", "train val", "train eval", "test ?"])
def test_rows_that_are_not_said_to_be_test_are_not_scored_by_a_guess(write, values):
    words = values.split() * 4
    header, *rows = GOOD.splitlines()
    content = [f"{header},split", *(f"{r},{w}" for r, w in zip(rows, words, strict=False))]
    path = write("\n".join(content))

    with pytest.raises(PredictionsError, match="column split holds") as caught:
        read_given(path, Columns())

    assert "--split none" in caught.value.remedy
    assert set(read_given(path, Columns(split="none")).models["mine"]["split"]) == {"test"}


def test_a_column_that_says_nothing_of_a_split_is_none(write):
    content = "".join(f"{line}{',x' if place else ',split'}\n"
                      for place, line in enumerate(GOOD.splitlines()))  # fmt: skip

    given = read_given(write(content), Columns())

    assert set(given.models["mine"]["split"]) == {"test"}
    assert "column split does not say which rows are test: all are scored" in given.said


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        *(("a.csv", "a"), ("a.x.csv", "a.x"), ("a.x.csv.gz", "a.x"), ("a.y.parquet", "a.y")),
        *(("a", "a"), ("a.1", "a.1"), ("A.TSV", "A"), (".csv", ".csv")),
    ],
)
def test_a_file_is_called_by_its_name_without_the_format(name, stem):
    assert stem_of(f"in.csv/{name}") == stem


def test_a_group_has_few_levels_and_names_the_missing(write):
    given = read_given(write("died,prob,sex\n0,.1,F\n1,.2,\n0,.3,M\n1,.4,F\n"),
                       Columns(groups=("sex",)))  # fmt: skip
    assert given.models["mine"]["sex"].tolist() == ["F", "Unknown", "M", "F"]

    frame = pd.DataFrame({"died": [0, 1] * 20, "prob": 0.5, "age": range(40)})
    with pytest.raises(PredictionsError, match="age has 40 different values"):
        read_given(write(frame.to_csv(index=False)), Columns(groups=("age",)))
