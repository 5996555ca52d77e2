"""The registry of MIMIC, on small folders of both layouts and on the tables of the open demo."""

import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_waveform_database import ARREST, FRAMES, write_header, write_signal, write_tables

from mimicflow.bedside.mimic_registry import REASONS, SEVERAL_STAYS, TABLES, build_registry
from mimicflow.bedside.mimic_waveforms import list_records
from mimicflow.bedside.registry import read_registry
from mimicflow.errors import InputError

# Two stays of one admission, one behind the other; a stay without end; a patient without ECG.
STAYS = [
    (10000101, 201, 30000001, "Medical Intensive Care Unit (MICU)", "2150-01-01", "2150-01-03"),
    (10000101, 201, 30000002, "Trauma SICU (TSICU)", "2150-01-03", "2150-01-05"),
    (10000102, 202, 30000003, "Coronary Care Unit (CCU)", "2151-06-01", "2151-06-04"),
    (10000103, 203, 30000004, "Hyperbaric Unit", "2152-03-01 07:30", None),
    (10000104, 204, 30000005, "Neuro Stepdown", "2153-01-01", "2153-01-02"),
]
PATIENTS = [
    (10000101, "F", 52, 2147),
    (10000102, "M", 17, 2150),
    (10000103, "M", 91, 2152),
    (10000104, "F", 40, 2155),
]
RESPIRATORY_ARREST = 225475
PROCEDURES = [
    (30000002, "2150-01-04 10:00", ARREST),
    (30000003, "2151-06-02 10:00", RESPIRATORY_ARREST),
    (30000005, "2153-01-01 09:00", ARREST),
    (30000005, "2153-01-01 06:30", ARREST),
    (30000005, "2153-01-01 09:00", ARREST),
]
CODES = [
    (201, "5A12012", 10),
    (202, "9960", 10),  # a code of the other version
    (202, "5A1955Z", 10),
    (203, "9963", 9),
    (204, "9960", 9),
]


DEATHS = [(202, "2151-06-04 08:00"), (204, "2152-12-31 23:00")]  # the last before the stay
STATUSES = [(30000002, "2150-01-04 09:30", 223758, "DNR / DNI")]


@pytest.fixture
def tables(tmp_path):
    return write_tables(tmp_path / "tables", STAYS, PATIENTS, PROCEDURES, CODES, DEATHS, STATUSES)


@pytest.fixture
def waves(tmp_path):
    """A MIMIC-IV folder: every record of it meets another fate."""
    root = tmp_path / "mimic4wdb"
    line = (
        f"81000001/3 2 {FRAMES} 2249010 20:00:00.500 02/01/2150"  # 10 h: 4 h and 6 h of two stays
    )
    first = write_header(root, 10000101, 81000001, line)
    (first.parent / "81000001n.csv.gz").touch()
    for segment in ("_0000", "_0001"):
        header = first.with_name(f"81000001{segment}.hea")
        header.write_text(f"81000001{segment} 1 {FRAMES} 1000 20:00:00 02/01/2150\n")
    write_signal(root, 10000101, 81000002)
    write_header(root, 10000102, 81000003, f"81000003 1 {FRAMES} 1000 23:00:00 31/05/2151")
    line = f"81000004 1 {FRAMES} 1000 23:00:00 03/06/2151"
    write_header(root, 10000102, 81000004, line, "monitor IntelliVue MX800")
    write_header(root, 10000103, 81000005, f"81000005 1 {FRAMES} 1000 08:00:00 01/03/2152")
    line = f"81000006 1 {FRAMES} 1000 23:00:00 02/06/2151"
    write_header(root, 10000102, 81000006, line, subject_in_header=10000101)
    write_header(root, 10000102, 81000007, "<html>")
    write_header(root, 10000102, 81000008, f"81000008 1 {FRAMES} 1000 23:00:00")
    write_header(root, 10000102, 81000009, f"81000009 1 {FRAMES} 0 23:00:00 02/06/2151")
    write_header(root, 19999999, 81000010, f"81000010 1 {FRAMES} 1000 23:00:00 02/06/2151")
    return root


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)


def rows(frame):
    return list(frame.itertuples(index=False, name=None))


def test_recordings_go_to_the_stay_that_they_overlap_for_longest(waves, tables, tmp_path):
    build_registry(waves, tables, tmp_path / "out")

    table = read(tmp_path / "out", "recordings")
    first, second = ("waves/p100/p10000101/81000001/81000001", "waves/p100/p10000102/81000004/")
    assert list(table) == [
        *("patient_id", "stay_id", "record", "start_time", "ecg_lead", "monitor", "numerics")
    ]
    assert rows(table) == [
        (
            *("10000101", "30000001", first.replace("81000001", "81000002")),
            *("2150-01-01T10:00:00", "", "", ""),
        ),
        (
            *("10000101", "30000002", first, "2150-01-02T20:00:00.500000"),
            *("", "", f"{first}n.csv.gz"),
        ),
        (
            *("10000102", "30000003", f"{second}81000004", "2151-06-03T23:00:00"),
            *("", "IntelliVue MX800", ""),
        ),
    ]


def test_recordings_without_a_stay_are_counted_by_reason(waves, tables, tmp_path, caplog):
    listed = sorted(
        file.relative_to(waves).with_suffix("").as_posix() for file in waves.rglob("*.hea")
    )
    missing = "waves/p100/p10000101/81000011/81000011"
    (waves / "RECORDS").write_text("\n".join([*listed, missing]))

    with caplog.at_level(logging.WARNING):
        build_registry(waves, tables, tmp_path / "out")

    table = read(tmp_path / "out", "unmatched")
    assert rows(table) == [
        ("patient_not_in_tables", "0", "1", "1"),
        ("header_missing", "0", "1", "1"),
        ("outside_folder", "0", "0", "0"),
        ("unreadable", "0", "1", "1"),
        ("other_patient_in_header", "0", "1", "1"),
        ("no_start_time", "0", "1", "1"),
        ("no_length", "0", "1", "1"),
        ("no_icu_stay", "0", "2", "2"),
        ("several_stays", "1", "1", "1"),
    ]
    assert list(table["reason"]) == [*REASONS, SEVERAL_STAYS]
    listed = list_records(waves)
    row = listed.index[listed["record"].str.endswith("81000007")].item()
    assert f"row {row} of list_records() has no WFDB header" in caplog.text
    assert not re.search(r"\d{8}", caplog.text)
    assert "1 stays in 'Hyperbaric Unit'" in caplog.text
    assert "1 stays without outtime" in caplog.text


def test_a_stay_that_ends_before_it_begins_has_no_recording(waves, tmp_path, caplog):
    times = ("2153-01-01 12:00", "2153-01-01 02:00")
    stays = [*STAYS[:4], (*STAYS[4][:4], *times)]
    tables = write_tables(tmp_path / "tables", stays, PATIENTS, PROCEDURES, CODES)
    of_20_hours = f"81000011 1 {FRAMES} 4498020 00:00:00 01/01/2153"
    write_header(waves, 10000104, 81000011, of_20_hours)

    build_registry(waves, tables, tmp_path / "out")

    assert "30000005" not in set(read(tmp_path / "out", "recordings")["stay_id"])
    unmatched = read(tmp_path / "out", "unmatched").set_index("reason")
    assert unmatched.loc["no_icu_stay", "recordings"] == "3"
    assert "1 stays end before they begin" in caplog.text


def test_stays_have_age_at_intime_and_the_kind_of_unit(waves, tables, tmp_path):
    build_registry(waves, tables, tmp_path / "out")

    assert rows(read(tmp_path / "out", "stays").drop(columns=["death_time", "limits_time"])) == [
        # 52 + 2150 - 2147; 17 + 2151 - 2150; 91; 40 + 2153 - 2155
        ("10000101", "30000001", "55", "F", "MICU", "2150-01-01T00:00:00", "2150-01-03T00:00:00"),
        ("10000101", "30000002", "55", "F", "SICU", "2150-01-03T00:00:00", "2150-01-05T00:00:00"),
        ("10000102", "30000003", "18", "M", "CCU", "2151-06-01T00:00:00", "2151-06-04T00:00:00"),
        ("10000103", "30000004", "91", "M", "other", "2152-03-01T07:30:00", ""),
        ("10000104", "30000005", "38", "F", "Neuro", "2153-01-01T00:00:00", "2153-01-02T00:00:00"),
    ]


def test_deaths_and_limits_are_those_of_the_stay(waves, tables, tmp_path, caplog):
    build_registry(waves, tables, tmp_path / "out")

    found = read(tmp_path / "out", "stays")
    assert found["death_time"].tolist() == ["", "", "2151-06-04T08:00:00", "", ""]
    assert found["limits_time"].tolist() == ["", "2150-01-04T09:30:00", "", "", ""]
    assert "1 stays begin after the death of the admission" in caplog.text
    for path in tables["icu/chartevents"]:
        pd.read_parquet(path).assign(value=None).to_parquet(path, index=False)
    build_registry(waves, tables, tmp_path / "without")
    assert "limits_time" not in read(tmp_path / "without", "stays")
    assert "limits of treatment are not known" in caplog.text


def test_a_billed_arrest_makes_the_other_stays_of_its_admission_uncertain(waves, tables, tmp_path):
    build_registry(waves, tables, tmp_path / "out")

    # 30000003 has a respiratory arrest and a code of the wrong version only.
    assert rows(read(tmp_path / "out", "arrests")) == [
        ("30000001", ""),
        ("30000002", "2150-01-04T10:00:00"),
        ("30000004", ""),
        ("30000005", "2153-01-01T06:30:00"),
        ("30000005", "2153-01-01T09:00:00"),
    ]


def test_the_registry_can_be_read_and_is_the_same_again(waves, tables, tmp_path):
    build_registry(waves, tables, tmp_path / "one")
    build_registry(waves, tables, tmp_path / "two")

    registry = read_registry(tmp_path / "one")
    assert list(registry.recordings["stay_id"]) == ["30000001", "30000002", "30000003"]
    assert registry.recordings["start_time"].notna().all()
    for name in ("recordings", "stays", "arrests", "unmatched"):
        one, two = (tmp_path / run / f"{name}.csv" for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("nested", [True, False], ids=["lists of each patient", "top list only"])
def test_lists_are_followed(waves, nested):
    # The release lists the folders of patients at the top, and the records in each of them.
    folders = sorted(folder for folder in waves.glob("waves/p*/p*"))
    lines = [f"{folder.relative_to(waves).as_posix()}/" for folder in folders]
    (waves / "RECORDS").write_text("\n".join(lines) + "\n")
    if nested:
        for folder in folders:
            names = sorted(record.name for record in folder.iterdir())
            (folder / "RECORDS").write_text("".join(f"{name}/{name}\n" for name in names))

    listed = list_records(waves)

    assert [record[-8:] for record in listed["record"]] == [
        f"810000{number:02}" for number in (1, 2, 3, 4, 6, 7, 8, 9, 5, 10)
    ]
    assert listed["has_header"].all()


def test_a_listed_folder_that_is_not_there_is_one_missing_header(waves):
    (waves / "RECORDS").write_text("waves/p100/p10000101/\nwaves/p101/p10100009/\n")

    listed = list_records(waves)

    absent = listed[~listed["has_header"]]
    assert rows(absent[["record", "subject_id"]]) == [("waves/p101/p10100009", 10100009)]
    assert len(listed) == 3


@pytest.mark.parametrize("part", ["waves", "waves/p100/p10000101"])
def test_a_part_of_the_database_will_do(waves, part):
    whole, some = list_records(waves), list_records(waves / part)

    here = {f"{part}/{record}" for record in some["record"]}
    assert here == {record for record in whole["record"] if record.startswith(f"{part}/")}
    assert set(some["subject_id"]) <= set(whole["subject_id"])


@pytest.mark.parametrize("with_list", [True, False], ids=["with RECORDS", "without"])
def test_the_matched_subset_of_mimic_iii(tmp_path, with_list):
    folder = tmp_path / "matched/p00/p000020"
    folder.mkdir(parents=True)
    name = "p000020-2183-04-28-17-47"
    (folder / f"{name}.hea").write_text(
        f"{name}/3 1 125 450000 17:47:44.123 28/04/2183\n"
        "3544749_layout 0\n~ 1\n3544749_0001 449999\n"
    )
    (folder / f"{name}n.hea").write_text(f"{name}n 1 0.0166/125 60 17:47:44.123 28/04/2183\n")
    for other in ("3544749_layout", "3544749_0001"):
        (folder / f"{other}.hea").write_text(f"{other} 1 125 449999 17:47:44.131\n")
    if with_list:
        (tmp_path / "matched/RECORDS").write_text("p00/p000020/\n")
        (tmp_path / "matched/RECORDS-waveforms").write_text(f"p00/p000020/{name}\n")
    stays = [(20, 1, 7, "MICU", "2183-04-28", "2183-04-30")]
    tables = write_tables(
        tmp_path / "tables", stays, [(20, "F", 76, 2183)], PROCEDURES, [(1, "9963", 9)]
    )

    build_registry(tmp_path / "matched", tables, tmp_path / "out")

    record = f"p00/p000020/{name}"
    start = "2183-04-28T17:47:44.123000"
    assert rows(read(tmp_path / "out", "recordings")) == [
        ("20", "7", record, start, "", "", f"{record}n")
    ]
    assert ("7", "") in rows(read(tmp_path / "out", "arrests"))


def test_folders_on_other_disks_and_lengths_left_to_the_files_are_found(waves, tables, tmp_path):
    moved = tmp_path / "disk2"
    (waves / "waves/p100").rename(moved)
    (waves / "waves/p100").symlink_to(moved)
    header = moved / "p10000101/81000002/81000002.hea"
    whole = header.read_text()
    header.write_text(whole.replace(" 3600 ", " 0 ", 1).replace(" 1 1 ", " 1 250 ", 1))
    samples = np.arange(250 * 3600, dtype="<i2")
    samples.tofile(header.with_suffix(".dat"))

    build_registry(waves, tables, tmp_path / "out")

    table = read(tmp_path / "out", "recordings").set_index("record")
    record = "waves/p100/p10000101/81000002/81000002"
    assert record in table.index
    (waves / "waves/p100/p10000101/81000002").rename(tmp_path / "elsewhere")
    (waves / "waves/p100/p10000101/81000002").symlink_to(tmp_path / "elsewhere")
    (waves / "RECORDS").write_text("\n".join(table.index))
    build_registry(waves, tables, tmp_path / "out")
    unmatched = read(tmp_path / "out", "unmatched").set_index("reason")
    assert unmatched.loc["outside_folder", "recordings"] == "1"


def test_a_folder_without_recordings_is_refused(tmp_path, tables):
    empty = tmp_path / "empty"
    with pytest.raises(InputError, match=r"no such folder[\s\S]*data\.waveforms"):
        build_registry(empty, tables, tmp_path / "out")

    (empty / "p100").mkdir(parents=True)
    (empty / "p100/81000001.hea").write_text(f"81000001 1 {FRAMES} 1000 20:00:00 02/01/2150\n")
    with pytest.raises(InputError, match=r"no header[\s\S]*download the headers"):
        build_registry(empty, tables, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_patients_of_another_database_are_refused(waves, tmp_path):
    stays = [(20, 1, 7, "MICU", "2183-04-28", "2183-04-30")]
    tables = write_tables(tmp_path / "t", stays, [(20, "F", 76, 2183)], PROCEDURES, CODES)

    with pytest.raises(InputError, match=r"none of its 4 patients[\s\S]*MIMIC-III and MIMIC-IV"):
        build_registry(waves, tables, tmp_path / "out")


def test_recordings_of_another_time_are_refused_with_the_counts(waves, tmp_path):
    stays = [(*stay[:4], f"1950{stay[4][4:]}", f"1950{stay[4][4:8]}28") for stay in STAYS]
    tables = write_tables(tmp_path / "t", stays, PATIENTS, PROCEDURES, CODES)

    with pytest.raises(InputError, match=r"during an ICU stay[\s\S]*no_icu_stay +0 +5"):
        build_registry(waves, tables, tmp_path / "out")


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_without_rows_or_columns_or_files_is_refused(waves, tables, tmp_path, name):
    paths = tables[name]
    for path in paths:
        pd.read_parquet(path).iloc[:0].to_parquet(path, index=False)
    if name != "icu/chartevents":  # there may be no code status in it
        with pytest.raises(InputError, match=f"{name} has no rows"):
            build_registry(waves, tables, tmp_path / "out")

    column = TABLES[name][-1]
    for path in paths:
        pd.read_parquet(path).drop(columns=column).to_parquet(path, index=False)
    with pytest.raises(InputError, match=f"{name} lacks {column}"):
        build_registry(waves, tables, tmp_path / "out")

    with pytest.raises(InputError, match="file is missing"):
        build_registry(waves, {**tables, name: [tmp_path / "0.parquet"]}, tmp_path / "out")
    with pytest.raises(InputError, match=f"{name} has no file"):
        build_registry(waves, {**tables, name: []}, tmp_path / "out")


@pytest.mark.parametrize("line", ["../secret/p10000101/81/81", "/etc/p10000101/81/81", "./"])
def test_a_list_that_leads_outside_is_refused_with_its_line(waves, line):
    (waves / "RECORDS").write_text(f"waves/p100/p10000101/\n{line}\n")

    with pytest.raises(InputError, match="RECORDS, line 2"):
        list_records(waves)


@pytest.mark.parametrize("line", ["../81/81", "/etc/p10000101/81/81", "./"])
def test_a_list_of_a_patient_that_leads_outside_is_refused_without_the_patient(waves, line):
    (waves / "RECORDS").write_text("waves/p100/p10000101/\n")
    (waves / "waves/p100/p10000101/RECORDS").write_text(f"\n{line}\n")

    with pytest.raises(InputError, match="line 2 of a file RECORDS in a folder below") as error:
        list_records(waves)
    assert str(error.value).startswith(str(waves)) and "10000101" not in str(error.value)


def demo_table(shared_data: Path, path: str, columns) -> pd.DataFrame:
    file = shared_data / f"mimic-iv-demo-2.2/{path}.csv.gz"
    return pd.read_csv(file, usecols=list(columns), dtype={"icd_code": str})[list(columns)]


def test_the_open_demo(shared_data, tmp_path):
    raw = {name: demo_table(shared_data, name, columns) for name, columns in TABLES.items()}
    stays = raw["icu/icustays"]
    # The demo has no arrest: two are invented at times, and one of a day for a whole admission.
    several = stays.groupby("hadm_id")["stay_id"].transform("size") > 1
    admission = stays.loc[several, "hadm_id"].min()
    arrested = stays[~several].sort_values("stay_id").head(2)
    made = arrested[["stay_id"]].assign(starttime=arrested["intime"], itemid=ARREST)
    raw["icu/procedureevents"] = pd.concat([raw["icu/procedureevents"], made], ignore_index=True)
    billed = pd.DataFrame([(admission, "5A12012", 10)], columns=TABLES["hosp/procedures_icd"])
    raw["hosp/procedures_icd"] = pd.concat([raw["hosp/procedures_icd"], billed], ignore_index=True)
    for stay in arrested.itertuples():
        start = pd.Timestamp(stay.intime) + pd.Timedelta(hours=1)
        line = f"{stay.stay_id} 1 {FRAMES} 1000 {start:%H:%M:%S %d/%m/%Y}"
        write_header(tmp_path / "waves", stay.subject_id, stay.stay_id, line)
    module = ("icu/icustays", "hosp/patients", "icu/procedureevents", "hosp/procedures_icd")
    deaths = raw["hosp/admissions"].itertuples(index=False, name=None)
    statuses = raw["icu/chartevents"].query("itemid in (223758, 228687)")
    tables = write_tables(tmp_path / "tables", *(raw[n] for n in module), deaths, statuses)

    build_registry(tmp_path / "waves", tables, tmp_path / "out")

    timed = set(raw["icu/procedureevents"].query("itemid == 225466")["stay_id"])
    codes = raw["hosp/procedures_icd"]
    ninth = (codes["icd_version"] == 9) & codes["icd_code"].isin(["9960", "9963"])
    tenth = (codes["icd_version"] == 10) & (codes["icd_code"] == "5A12012")
    of_day = set(stays.loc[stays["hadm_id"].isin(codes.loc[ninth | tenth, "hadm_id"]), "stay_id"])
    registry = read_registry(tmp_path / "out")
    known = registry.arrests["cpr_time"].notna()
    assert set(registry.arrests.loc[known, "stay_id"].astype(int)) == timed
    assert set(registry.arrests.loc[~known, "stay_id"].astype(int)) == of_day - timed
    assert len(timed) == 2 and len(of_day) == several[stays["hadm_id"] == admission].sum() > 1
    assert sorted(registry.recordings["stay_id"]) == sorted(arrested["stay_id"].astype(str))
    assert "limits_time" not in registry.stays  # the texts of this demo are lost
    assert registry.stays["death_time"].notna().any()
    assert registry.stays["icu"].value_counts().to_dict() == {
        # 29 + 23 mixed; 29 + 16 trauma; 1 + 1 + 3 of neurology
        **{"MICU": 52, "SICU": 45, "CCU": 13, "CVICU": 25, "NEURO": 5},
    }
    both = stays.merge(raw["hosp/patients"], on="subject_id")
    ages = both["anchor_age"] + both["intime"].str[:4].astype(int) - both["anchor_year"]
    ours = registry.stays.set_index("stay_id")["age"]
    assert (ours[both["stay_id"].astype(str)].to_numpy() == ages.to_numpy()).all()
