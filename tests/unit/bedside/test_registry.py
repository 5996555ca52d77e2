"""The registry: what it gives, and what it refuses, with file, line and remedy."""

import gzip

import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import write_registry

from mimicflow.bedside.registry import read_registry, shard_of_patient
from mimicflow.errors import TableError

RECORDINGS = [
    "007,0100,p0/rec_a,2150-01-01 08:00:00,II,IntelliVue",
    "007,0100,p0/rec_b,,,",
    "12,0200,p1/rec_c.vital,2150-02-01T09:30:00.250,ECG_II,Solar8000M",
]
STAYS = [
    "007,0100,64.5,F,MICU,2150-01-01 07:00:00,2150-01-04 07:00:00",
    "12,0200,,,,,",
]
ARRESTS = ["0100,2150-01-03 10:00:00", "0100,2150-01-02 10:00:00", "0200,"]


@pytest.fixture
def folder(tmp_path):
    return write_registry(tmp_path / "registry", RECORDINGS, STAYS, ARRESTS)


def change(folder, name, old, new):
    file = folder / f"{name}.csv"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def refused(folder, name, row, *words):
    with pytest.raises(TableError) as raised:
        read_registry(folder)
    error = raised.value
    assert error.file == folder / f"{name}.csv"
    assert error.row == row
    assert error.remedy
    for word in words:
        assert word in error.message
    return error


def test_identifiers_stay_text_and_recordings_are_numbered(folder):
    recordings = read_registry(folder).recordings

    assert list(recordings["recording_id"]) == [0, 1, 2]
    assert list(recordings["patient_id"]) == ["007", "007", "12"]
    assert list(recordings["stay_id"]) == ["0100", "0100", "0200"]
    assert list(recordings["ecg_lead"]) == ["II", "", "ECG_II"]
    assert list(recordings["monitor"]) == ["IntelliVue", "", "Solar8000M"]
    assert list(recordings["numerics"]) == ["", "", ""]


def test_times_are_naive_and_missing_ones_nat(folder):
    registry = read_registry(folder)

    start = registry.recordings["start_time"]
    assert start.dtype == "datetime64[us]"
    assert start[0] == pd.Timestamp("2150-01-01 08:00")
    assert pd.isna(start[1])
    assert start[2] == pd.Timestamp("2150-02-01 09:30:00.250")
    assert registry.stays["age"].tolist() == pytest.approx([64.5, np.nan], nan_ok=True)
    assert registry.stays["intime"].isna().tolist() == [False, True]
    assert registry.arrests["cpr_time"].isna().tolist() == [False, False, True]


def test_columns_come_in_any_order_and_others_are_ignored(tmp_path):
    folder = write_registry(
        tmp_path,
        ["rec,1,A,x,n1,2150-01-01 00:00,,"],
        STAYS,
        headers={
            "recordings": "record,stay_id,patient_id,note,numerics,start_time,ecg_lead,monitor"
        },
    )
    recordings = read_registry(folder).recordings

    assert list(recordings.columns) == [
        *("recording_id", "patient_id", "stay_id", "record", "start_time", "ecg_lead"),
        *("monitor", "numerics"),
    ]
    assert recordings.loc[0, ["patient_id", "record", "numerics"]].tolist() == ["A", "rec", "n1"]


def test_blanks_around_values_and_a_byte_order_mark_do_no_harm(folder):
    file = folder / "arrests.csv"
    file.write_text("\ufeffstay_id, cpr_time\n 0100 , 2150-01-02 10:00:00 \n\n")

    assert read_registry(folder).arrests["stay_id"].tolist() == ["0100"]


def test_identifiers_and_categories_mean_the_same_however_they_are_written(folder):
    change(folder, "recordings", "12,0200,p1/rec_c.vital", "12.0,0200.0,p1/0200.0")
    change(folder, "arrests", "0200,", "0200.,")
    change(folder, "stays", "64.5,F,MICU", "64.5,f,Micu")

    registry = read_registry(folder)
    last = registry.recordings.iloc[2]
    assert last[["patient_id", "stay_id"]].tolist() == ["12", "0200"]
    assert last[["record", "ecg_lead"]].tolist() == ["p1/0200.0", "ECG_II"]
    assert registry.arrests["stay_id"].tolist() == ["0100", "0100", "0200"]
    assert registry.stays[["sex", "icu"]].to_numpy().tolist() == [["F", "MICU"], ["", ""]]


def test_a_stay_is_listed_twice_in_two_spellings_too(folder):
    change(folder, "stays", "12,0200", "007,0100.0")

    refused(folder, "stays", 3, "lists a stay a second time")


def test_a_hospital_without_arrests_is_read(folder):
    (folder / "arrests.csv").write_text("stay_id,cpr_time\n")

    arrests = read_registry(folder).arrests
    assert len(arrests) == 0
    assert arrests["cpr_time"].dtype == "datetime64[us]"


@pytest.mark.parametrize("name", ["recordings", "stays", "arrests"])
def test_a_missing_file_is_named(folder, name):
    (folder / f"{name}.csv").unlink()

    assert "data.registry" in refused(folder, name, None, "does not exist").remedy


@pytest.mark.parametrize("name", ["recordings", "stays", "arrests"])
def test_an_empty_file_is_refused(folder, name):
    (folder / f"{name}.csv").write_text("")

    refused(folder, name, None, "is empty")


@pytest.mark.parametrize("name", ["recordings", "stays"])
def test_a_header_alone_is_refused(folder, name):
    file = folder / f"{name}.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")

    refused(folder, name, None, "no row")


def test_missing_columns_are_all_named(folder):
    change(folder, "stays", "age,sex", "years,gender")

    refused(folder, "stays", 1, "age", "sex")


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "now", "12", "2150", "2150-13-01", "01/02/2150", "2300-01-01 08:00:00"),
        "2150-01-01",
        *("2150-01-01 08:00:00Z", "2150-01-01T08:00:00+09:00", "2150-01-01 08:00:00 -0500"),
    ],
)
def test_what_is_no_local_time_is_refused_with_its_line(folder, text):
    change(folder, "recordings", "2150-02-01T09:30:00.250", text)

    error = refused(folder, "recordings", 4, "start_time is not a time with a clock and", "2261")
    assert "ISO 8601" in error.remedy
    assert repr(text) not in str(error)


@pytest.mark.parametrize("text", ["old", "-3", "nan", "inf"])
def test_what_is_no_age_is_refused(folder, text):
    change(folder, "stays", "64.5", text)

    error = refused(folder, "stays", 2, "age is not a number of at least 0")
    assert repr(text) not in str(error)


def test_lines_are_those_of_the_file_also_behind_a_quoted_line_break(folder):
    change(folder, "recordings", "0100,p0/rec_a", '0100,"p0/\nrec_a"')
    change(folder, "recordings", "2150-02-01T09:30:00.250", "soon")

    refused(folder, "recordings", 5, "start_time")


def test_a_row_that_an_open_quote_swallows_is_not_lost(folder):
    text = 'stay_id,cpr_time,note\n0100,,"a\n0200,,b"\n0300,,c\n'
    (folder / "arrests.csv").write_text(text)

    refused(folder, "arrests", 3, "looks like a row")


def test_a_row_that_the_header_swallows_is_not_lost(folder):
    text = 'stay_id,cpr_time,"note\n0100,,a"\n0200,,b\n'
    (folder / "arrests.csv").write_text(text)

    refused(folder, "arrests", 2, "looks like a row")


def test_a_note_of_several_lines_is_one_field(folder):
    (folder / "arrests.csv").write_text('stay_id,cpr_time,note\n0100,,"a\n\nb, c"\n0200,,e\n')

    assert read_registry(folder).arrests["stay_id"].tolist() == ["0100", "0200"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_last_line_without_end_is_reported_since_it_may_be_cut_off(folder, end, caplog):
    text = "stay_id,cpr_time\n0200,2150-02-02 09:00"
    (folder / "arrests.csv").write_text(text + end, newline="")

    assert read_registry(folder).arrests["stay_id"].tolist() == ["0200"]
    found = [record.getMessage() for record in caplog.records]
    assert len(found) == (end == "")
    assert all("arrests.csv: the last line has no end" in message for message in found)


def test_names_of_columns_may_be_in_capitals(folder, caplog):
    change(folder, "arrests", "stay_id,cpr_time", "STAY_ID, Cpr_Time")

    assert len(read_registry(folder).arrests) == 3
    assert "STAY_ID is read for stay_id" in caplog.text


def test_a_column_in_two_spellings_is_refused(folder):
    change(folder, "stays", "icu,intime", "icu,ICU")

    refused(folder, "stays", 1, "twice")


def test_a_nul_byte_is_no_part_of_an_identifier(folder):
    change(folder, "arrests", "0200,", "0200\0,")

    refused(folder, "arrests", 4, "NUL")


def test_an_empty_identifier_is_refused(folder):
    change(folder, "arrests", "0200,", " ,")

    refused(folder, "arrests", 4, "stay_id is empty")


@pytest.mark.parametrize(
    ("changed", "old", "new", "file", "line", "message", "hidden"),
    [
        ("stays", "12,0200", "12,0100", "stays", 3, "lists a stay a second time", "0100"),
        (
            *("recordings", "007,0100,p0/rec_b", "008,0100,p0/rec_b", "recordings", 3),
            *("gives a stay_id to two patients", "0100"),
        ),
        (
            *("stays", "12,0200", "13,0200", "recordings", 4),
            *("another patient in stays.csv", "0200"),
        ),
        (
            *("recordings", "p1/rec_c.vital", "p0/rec_a", "recordings", 4),
            *("gives a record to two patients", "rec_a"),
        ),
    ],
)
def test_stays_and_records_belong_to_one_patient(
    folder, changed, old, new, file, line, message, hidden
):
    change(folder, changed, old, new)

    error = refused(folder, file, line, message)
    assert hidden not in str(error)


def test_a_row_of_another_length_is_refused(folder):
    change(folder, "stays", "12,0200,,,,,", "12,0200,,,,")

    refused(folder, "stays", 3, "6 fields", "7")


def test_a_column_named_twice_is_refused(folder):
    change(folder, "arrests", "stay_id,cpr_time", "stay_id,stay_id")

    refused(folder, "arrests", 1, "twice")


def test_a_compressed_file_is_not_taken_for_text(folder):
    (folder / "stays.csv").write_bytes(gzip.compress(b"patient_id,stay_id\n"))

    refused(folder, "stays", None, "UTF-8")


def test_unbalanced_quotes_are_refused(folder):
    change(folder, "stays", "12,0200", '12,"0200')

    refused(folder, "stays", 3, "not valid CSV")


def test_groups_of_patients_are_the_same_everywhere():
    # sha256 of the text, as sha256sum gives it, modulo 4.
    assert [shard_of_patient(patient, 4) for patient in ("007", "12", "A")] == [3, 0, 1]
    assert {shard_of_patient(str(i), 3) for i in range(60)} == {0, 1, 2}


ENDS = "patient_id,stay_id,age,sex,icu,intime,outtime,death_time,limits_time"


def test_what_a_hospital_does_not_record_has_no_column(folder, tmp_path):
    assert not {"death_time", "limits_time"} & set(read_registry(folder).stays)

    lines = [STAYS[0] + ",,2149-12-31 09:00", STAYS[1] + ",2150-02-03 04:05,"]
    known = write_registry(tmp_path / "ends", RECORDINGS, lines, ARRESTS, {"stays": ENDS})
    stays = read_registry(known).stays
    assert stays["death_time"].isna().tolist() == [True, False]
    assert stays["limits_time"].isna().tolist() == [False, True]  # of an earlier stay: no error

    half = write_registry(
        tmp_path / "half", RECORDINGS, [f"{line}," for line in STAYS], ARRESTS,
        {"stays": ENDS.removesuffix(",limits_time")},
    )  # fmt: skip
    assert (
        "death_time" in read_registry(half).stays and "limits_time" not in read_registry(half).stays
    )


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (",soon", "limits_time is not a time"),
        ("2150-01-05,", "death_time is not a time"),
        ("2150-01-01 06:59:59,", "lets the patient die before the stay begins"),
    ],
)
def test_ends_that_cannot_be_are_refused(tmp_path, ends, words):
    lines = [STAYS[1] + ",,", f"{STAYS[0]},{ends}"]
    folder = write_registry(tmp_path, RECORDINGS, lines, ARRESTS, {"stays": ENDS})

    refused(folder, "stays", 3, words)
