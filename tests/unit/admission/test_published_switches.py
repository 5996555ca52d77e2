"""Every key of features that gives back a published behaviour: what ours does, and the old one.

The rows are those of the list of known defects; each case is as small as it can be.
"""

import math

import pandas as pd
import pytest
from made_hospital_tables import OPTIONS, extract, gsn_etc, spine, table
from published_switches import Switch, each

from mimicflow.admission.static_features import assemble_static_features
from mimicflow.reference import reference

LABS = table("""
    subject_id  itemid  charttime         storetime         value      valuenum
    1           51003   2150-01-01 11:00  2150-01-01 12:30  -          0.4     # stored too late
    1           51222   2150-01-01 10:30  2150-01-01 11:00  -          13.0    # CBC haemoglobin
    1           51088   2150-01-01 10:30  2150-01-01 11:00  -          9.0     # urine magnesium
    1           50912   2150-01-01 10:30  2150-01-01 11:00  HEMOLYZED  -
    1           50813   2150-01-01 10:30  2150-01-01 11:00  <0.5       -
""")


def labs(*columns):
    return lambda options: [
        extract("ed_labs", spine(), options, labevents=LABS).iloc[0][name] for name in columns
    ]


def lab(column, content):
    """First lactate of a stay with one, one of its fields as given; and whether it is missing."""
    row = {"subject_id": 1, "itemid": 50813, "charttime": "2150-01-01 10:30",
           "storetime": "2150-01-01 11:00", "valuenum": 10.0, "valueuom": "mmol/L"}  # fmt: skip
    rows = pd.DataFrame([{**row, column: content}])

    def shown(options):
        features = extract("ed_labs", spine(), options, labevents=rows).iloc[0]
        first, missing = features[["lact_first", "lact_missing"]]
        return [None if math.isnan(first) else first, missing]

    return shown


def diagnoses(codes, *columns, dischtime="2149-12-30 10:00"):
    rows = pd.DataFrame(codes, columns=["icd_code", "icd_version"])
    rows = rows.assign(subject_id=1, hadm_id=20, seq_num=range(1, len(rows) + 1))
    admissions = pd.DataFrame({"subject_id": [1], "hadm_id": [20], "dischtime": [dischtime]})
    return lambda options: [
        extract(
            "diagnosis_history", spine(), options, diagnoses_icd=rows, admissions=admissions
        ).iloc[0][name]
        for name in columns
    ]


def earlier_stay_ends_after_arrival(options):
    edstays = table("""
        subject_id  stay_id  intime            outtime           disposition
        1           29       2150-01-01 08:00  2150-01-01 11:00  HOME
    """)
    features = extract("prior_stays", spine(), options, edstays=edstays).iloc[0]
    return features[["n_prior_stays", "previous_home", "first_stay"]].tolist()


def order_of_the_own_admission(options):
    order = table("""
        subject_id  hadm_id  starttime         gsn
        1           100      2150-01-01 09:00  004321
    """)
    dictionary = table("""
        subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
        9           99       004321  1       00000263  Loop Diuretics
    """)
    stay = spine(hadm_id=100)
    return extract("medication_history", stay, options, prescriptions=order, dictionary=dictionary)[
        "n_chronic_meds"
    ].item()


def diagnosis_of_the_own_admission(options):
    rows = pd.DataFrame(
        {"subject_id": [1], "hadm_id": 100, "seq_num": 1, "icd_code": "I10", "icd_version": 10}
    )
    admissions = table("""
        subject_id  hadm_id  admittime         dischtime
        1           100      2149-12-31 08:00  2150-01-01 09:00
    """)
    return extract(
        "diagnosis_history",
        spine(hadm_id=100),
        options,
        diagnoses_icd=rows,
        admissions=admissions,
    )["pmh_CIR"].item()


def reversed_admission(options):
    rows = pd.DataFrame(
        {"subject_id": [1], "hadm_id": 20, "seq_num": 1, "icd_code": "I10", "icd_version": 10}
    )
    admissions = table("""
        subject_id  hadm_id  admittime         dischtime
        1           20       2150-01-01 15:08  2150-01-01 03:11
    """)
    return extract(
        "diagnosis_history", spine(), options, diagnoses_icd=rows, admissions=admissions
    )["n_pmh_bins"].item()


def reversed_stay(options):
    edstays = table("""
        subject_id  stay_id  intime            outtime           disposition
        1           29       2150-03-01 10:00  2149-03-01 10:00  HOME
    """)
    return extract("prior_stays", spine(), options, edstays=edstays)["n_prior_stays"].item()


def readings_of_a_year_ago(options):
    rows = pd.DataFrame({"stay_id": [30], "charttime": ["2149-01-01 10:00"]})
    dictionary = pd.DataFrame({"subject_id": [9], "gsn": "004321", "etccode": "00000263"})
    drugs = extract(
        "ed_medications", spine(), options, pyxis=rows.assign(gsn="004321"), dictionary=dictionary
    )
    home = extract("home_medications", spine(), options, medrecon=rows.assign(gsn="004321"))
    readings = extract("vitalsigns", spine(), options, vitalsign=rows.assign(heartrate=80))
    return [drugs["n_pyxis_total"].item(), home["n_home_meds"].item(), len(readings)]


def presyncope(options):
    features = extract("ed_stay", spine(chiefcomplaint="Presyncope"), options).iloc[0]
    return features[["Presyncope", "Syncope"]].tolist()


def vitals(options):
    triage = table("""
        stay_id  temperature  heartrate  o2sat  pain
        30       37.5         999        0      15
    """)
    reading = extract("vitalsigns", spine(), options, triage=triage).iloc[0]
    values = reading[["temperature", "heartrate", "o2sat", "pain"]].tolist()
    return [None if math.isnan(value) else round(value, 1) for value in values]


def assembled(options, features, tmp_path, stays, medrecon=None):
    """Put hand-made parts together; every static feature that is not given is 0."""
    listed = pd.read_csv(reference("static_features.csv"))["name"]
    given = {"stay_id": stays["stay_id"], **dict.fromkeys(listed, 0), **features}
    pd.DataFrame(given).to_parquet(tmp_path / "part.parquet")
    stays.to_parquet(tmp_path / "stays.parquet")
    pd.DataFrame(
        {
            "stay_id": stays["stay_id"],
            "position": 1,
            "study_id": 400,
            "ecg_time": stays["prediction_time"],
            "path": "files/400",
        }
    ).to_parquet(tmp_path / "ecgs.parquet")
    assemble_static_features(
        {"parts": tmp_path / "part.parquet"},
        tmp_path / "stays.parquet",
        tmp_path / "ecgs.parquet",
        {**OPTIONS, **options},
        tmp_path / "final.parquet",
        drugs={},
        dictionary=gsn_etc(tmp_path, medrecon),
    )
    return pd.read_parquet(tmp_path / "final.parquet")


def class_of_a_drug(options):
    """Flags of a drug whose first class stands in a test patient's reconciliation only."""
    medrecon = table("""
        subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
        8           98       004321  1       00005723  Opioids
        9           99       004321  0       00000263  Loop Diuretics
    """)
    pyxis = table("""
        stay_id  charttime         gsn
        30       2150-01-01 11:00  004321
    """)
    features = extract(
        *("ed_medications", spine(), options),
        **{"pyxis": pyxis, "dictionary": medrecon, "parts": {8: "train", 9: "test"}},
    ).iloc[0]
    return [name for name in ("etc2_00000000", "etc2_00005000") if features[name]]


THREE = spine({"stay_id": 30}, {"stay_id": 31}, {"stay_id": 32})
ACUITY = {"acuity": [2.0, None, 3.0], "missing_acuity": [0, 1, 0]}


SWITCHES = [
    Switch("25", "syncope_flag", "not_presyncope", "any", presyncope, [1, 0], [1, 1]),
    Switch(
        "6",
        *("availability", "storetime", "charttime"),
        *(labs("tropT_missing", "hgb_first"), [1, 13.0], [0, 13.0]),
    ),
    Switch(
        "26", "lab_items", "ours", "published", labs("hgb_missing", "mg_missing"), [0, 1], [1, 0]
    ),
    Switch(
        "27",
        *("lab_text", "half_limit", "zero"),
        *(labs("lact_first", "creat_missing"), [0.25, 1], [0.0, 0]),
    ),
    Switch(
        "42",
        "lab_ranges",
        "plausible",
        "none",
        lab("valuenum", 1276103.0),
        [None, 1],
        [1276103.0, 0],
    ),
    Switch("42", "lab_ranges", "plausible", "none", lab("valuenum", -1.0), [None, 1], [-1.0, 0]),
    Switch(
        "43", "lab_units", "convert", "as_written", lab("valueuom", "mg/dL"), [1.11, 0], [10.0, 0]
    ),
    Switch("43", "lab_units", "convert", "as_written", lab("valueuom", "?"), [None, 1], [10.0, 0]),
    Switch(
        "no storetime",
        *("missing_storetime", "unknown", "charttime"),
        *(lab("storetime", None), [None, 1], [10.0, 0]),
    ),
    Switch(
        "8",
        *("diagnosis_lag_days", 7, 0),
        *(diagnoses([("I10", 10)], "pmh_CIR"), [0], [1]),
    ),
    Switch(
        "12",
        *("icd_padding", "none", "five"),
        *(
            diagnoses([("I10", 10), ("4280", 9), ("42830", 9)], "pmh_CIR", "n_pmh_rows"),
            [1, 3],
            [0, 1],
        ),
    ),
    Switch(
        "13",
        *("icd_lookup_key", "version_and_code", "code"),
        # E8889 is a fall in ICD-9, which is listed first, and a disorder of metabolism in ICD-10.
        *(diagnoses([("E8889", 10)], "pmh_END", "pmh_2603", "n_pmh_rows"), [1, 0, 1], [0, 1, 1]),
    ),
    Switch(
        "14",
        *("n_pmh_bins", "distinct", "rows"),
        *(diagnoses([("4280", 9), ("42830", 9)], "n_pmh_bins", "n_pmh_rows"), [1, 2], [2, 2]),
    ),
    Switch(
        "prior stays",
        *("prior_stays_before", "intime", "prediction_time"),
        *(earlier_stay_ends_after_arrival, [0, 0, 1], [0, 1, 0]),
    ),
    Switch(
        "40",
        *("drug_dictionary", "training", "all"),
        *(class_of_a_drug, ["etc2_00005000"], ["etc2_00000000"]),
    ),
    Switch("38", "own_admission", "exclude", "keep", order_of_the_own_admission, 0, 1),
    Switch("38", "own_admission", "exclude", "keep", diagnosis_of_the_own_admission, 0, 1),
    Switch("39", "reversed_times", "ordered", "as_written", reversed_admission, 0, 1),
    Switch("39", "reversed_times", "ordered", "as_written", reversed_stay, 0, 1),
    Switch("41", "before_arrival_hours", 1, "none", readings_of_a_year_ago, [0, 0, 0], [1, 1, 1]),
    Switch("31", "ranges", "plausible", "none", vitals, [99.5, None, None, -1], [37.5, 999, 0, 15]),
]


@each(SWITCHES)
def test_a_switch_gives_the_behaviour_of_its_row(switch):
    assert switch.shown(switch.ours) == switch.expected
    assert switch.shown(switch.old) == switch.expected_old


@pytest.mark.parametrize(
    ("value", "expected"), [("training_mean", None), ("zero", 0.0)], ids=["ours", "published"]
)
def test_missing_labs(value, expected):
    features = extract("ed_labs", spine(), {"missing_labs": value}).iloc[0]
    shown = features[["tropT_first", "tropT_peak"]]
    assert shown.isna().all() if expected is None else (shown == expected).all()
    assert features["tropT_missing"] == 1


@pytest.mark.parametrize(
    ("value", "acuity"),
    [("training", [2.0, None, 3.0]), ("all", [2.0, 2.5, 3.0])],
    ids=["ours leaves it to training", "published fills with the median of all rows"],
)
def test_row_10_acuity_median(tmp_path, value, acuity):
    table = assembled({"acuity_median": value}, ACUITY, tmp_path, THREE)
    assert [None if math.isnan(x) else x for x in table["acuity"]] == acuity
    assert table["missing_acuity"].tolist() == [0, 1, 0]


def test_row_11_fill_whole_table_loses_what_was_missing(tmp_path):
    ours = assembled({"fill": "own_columns"}, ACUITY, tmp_path, THREE)
    old = assembled({"fill": "whole_table"}, ACUITY, tmp_path, THREE)
    assert ours["path_1"].isna().all()
    assert ours["missing_acuity"].tolist() == [0, 1, 0]
    assert old["path_1"].tolist() == ["0", "0", "0"]
    assert old["acuity"].tolist() == [2, 0, 3]
    assert old["missing_acuity"].tolist() == [0, 0, 0]


def test_row_28_drug_class_names_stand_beside_the_blocks(tmp_path):
    etcdesc = {"etcdesc": [["Opioids"], [], ["Loop Diuretics", "Opioids"]], **ACUITY}
    ours = assembled({"etc_descriptions": False}, etcdesc, tmp_path, THREE)
    medrecon = table("""
        subject_id  stay_id  gsn  etc_rn  etccode  etcdescription
        1           30       1    1       100      Opioids
        1           30       2    1       200      Loop Diuretics
        1           30       3    1       300      Vitamins
    """)
    beside = assembled({"etc_descriptions": True}, etcdesc, tmp_path, THREE, medrecon)
    assert not [name for name in ours if name.startswith("etcdesc")]
    assert beside["etcdesc_Opioids"].tolist() == [1, 0, 1]
    assert beside["etcdesc_Loop Diuretics"].tolist() == [0, 0, 1]
    assert beside["etcdesc_Vitamins"].tolist() == [0, 0, 0]  # of the dictionary, whoever had it


def test_row_30_home_medications_are_an_extra_column_at_the_end(tmp_path):
    table = assembled({}, {"n_home_meds": [4, 0, 1], **ACUITY}, tmp_path, THREE)
    assert table.columns[-1] == "n_home_meds"
    assert table["n_home_meds"].tolist() == [4, 0, 1]
