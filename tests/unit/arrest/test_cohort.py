"""Who is in the cohort, as event or control, and the reason of everyone who is not.

Beside the stays of each case there is an event stay E and a control C, so that both classes exist.
"""

import pandas as pd
import pytest
from made_arrest_registry import COHORT, EPOCHS, write_registry, write_scanned

from mimicflow.arrest.cohort import COLUMNS, build_arrest_cohort
from mimicflow.arrest.epochs import plan_epochs
from mimicflow.errors import CohortError, InputError
from mimicflow.evaluation.study import Study

OPTIONS = COHORT | EPOCHS
MADE_UP = Study(synthetic=True)
STAYS = [
    "pE,E,70,F,MICU,2150-01-01 00:00:00,2150-01-05 00:00:00",
    "pC,C,50,M,SICU,2150-01-01 00:00:00,2150-01-05 00:00:00",
]
RECORDINGS = ["pE,E,e,,,IntelliVue", "pC,C,c,,,Solar8000M"]
FOUND = {
    "e": ("2150-01-01 00:00", "2150-01-02 00:00"),
    "c": ("2150-01-01 00:00", "2150-01-01 06:00"),
}
ARRESTS = ["E,2150-01-01 12:00:00"]
ADULT = "p,S,40,F,MICU,2150-01-01 00:00:00,2150-01-05 00:00:00"
SOME_DAY = ("2150-01-01 00:00", "2150-01-02 00:00")


def build(folder, stays=(), recordings=(), arrests=(), found=None, options=OPTIONS):
    """Return stays, attrition and exclusions of the two stays and those given."""
    lines = [*RECORDINGS, *recordings], [*STAYS, *stays], [*ARRESTS, *arrests]
    registry = write_registry(folder / "registry", *lines)
    scanned = write_scanned(folder / "recordings", registry, FOUND | (found or {}))
    return build_from(registry, scanned, folder, options)


def build_from(registry, scanned, folder, options=OPTIONS, study=MADE_UP):
    paths = [folder / name for name in ("stays.parquet", "attrition.csv", "exclusions.csv")]
    build_arrest_cohort(registry, scanned, options, *paths, study)
    return pd.read_parquet(paths[0]), pd.read_csv(paths[1]), pd.read_csv(paths[2])


def counted(exclusions):
    """Return (stays, patients, recordings) by reason, of reasons that occur."""
    rows = exclusions.set_index("reason")[["stays", "patients", "recordings"]]
    return {reason: tuple(row) for reason, row in rows[rows["stays"] > 0].iterrows()}


def test_death_and_limits_are_handed_on_where_the_registry_knows_them(tmp_path):
    registry = write_registry(
        tmp_path / "registry", RECORDINGS, [f"{stay},2150-01-04 08:00" for stay in STAYS], ARRESTS,
        {"stays": "patient_id,stay_id,age,sex,icu,intime,outtime,death_time"},
    )  # fmt: skip
    stays = build_from(registry, write_scanned(tmp_path / "r", registry, FOUND), tmp_path)[0]
    assert list(stays.columns) == [*COLUMNS, "death_time"]
    assert (stays["death_time"] == pd.Timestamp("2150-01-04 08:00")).all()


def test_event_and_control(tmp_path):
    stays, attrition, exclusions = build(tmp_path)

    assert list(stays.columns) == list(COLUMNS)
    assert stays["stay_id"].tolist() == ["C", "E"]
    assert stays["subject_id"].tolist() == ["pC", "pE"]
    assert stays["label"].tolist() == [0, 1]
    assert stays["label"].dtype == "int64"
    assert pd.isna(stays["cpr_time"][0])
    assert stays["cpr_time"][1] == pd.Timestamp("2150-01-01 12:00")
    assert stays["monitor"].tolist() == ["Solar8000M", "IntelliVue"]
    assert stays["n_recordings"].tolist() == [1, 1]
    assert attrition.iloc[-1][["step", "recordings", "stays", "patients"]].tolist() == [
        *("with_epochs", 2, 2, 2)
    ]
    assert counted(exclusions) == {}


# Of a stay S: its line in stays.csv, what its recording is, its arrest, why it is left out.
CASES = {
    "no age": ("p,S,,F,MICU,,", SOME_DAY, None, "age_unknown"),
    "an age that nobody reaches": ("p,S,350,F,MICU,,", SOME_DAY, None, "age_unknown"),
    "a minor": ("p,S,17.99,F,MICU,,", SOME_DAY, None, "too_young"),
    "of age": ("p,S,18,F,MICU,,", SOME_DAY, None, ""),
    "another ICU": ("p,S,40,F,CCU,,", SOME_DAY, None, "other_icu"),
    "ICU not recorded": ("p,S,40,F,,,", SOME_DAY, None, "other_icu"),
    "a minor in another ICU": ("p,S,3,F,NICU,,", SOME_DAY, None, "too_young"),
    "no recording": (ADULT, None, None, "no_recording"),
    "lead off the record": (ADULT, "no_ecg_lead", None, "no_usable_recording"),
    "arrest of unknown time": (ADULT, SOME_DAY, "S,", "arrest_time_unknown"),
    "arrest a year before": (ADULT, SOME_DAY, "S,2149-01-01 00:00:00", "arrest_before_record"),
    "arrest as it begins": (ADULT, SOME_DAY, "S,2150-01-01 00:00:00", "arrest_before_record"),
    "arrest after 34:59 min": (ADULT, SOME_DAY, "S,2150-01-01 00:34:59", "no_epoch_before_arrest"),
    "arrest after 35 min": (ADULT, SOME_DAY, "S,2150-01-01 00:35:00", ""),
    # The recording ends on the 2nd at midnight; an arrest 24 h later has its window after it.
    "arrest 23:55 h after": (ADULT, SOME_DAY, "S,2150-01-02 23:55:00", ""),
    "arrest 23:56 h after": (ADULT, SOME_DAY, "S,2150-01-02 23:56:00", "no_epoch_before_arrest"),
    "arrest 24 h after": (ADULT, SOME_DAY, "S,2150-01-03 00:00:00", "arrest_after_record"),
    "control of 4:59 min": (
        *(ADULT, ("2150-01-01 00:00:00", "2150-01-01 00:04:59"), None, "no_epoch"),
    ),
    "control of 5 min": (ADULT, ("2150-01-01 00:00", "2150-01-01 00:05"), None, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_each_stay_has_the_reason_that_applies_to_it(tmp_path, case):
    stay, recording, arrest, reason = CASES[case]
    stays, attrition, exclusions = build(
        tmp_path,
        [stay],
        [] if recording is None else ["p,S,s,,,X"],
        [] if arrest is None else [arrest],
        {} if recording is None else {"s": recording},
    )

    found = counted(exclusions)
    unusable = found.pop("no_ecg_lead", None)
    assert unusable == ((1, 1, 1) if recording == "no_ecg_lead" else None)
    assert found == ({reason: (1, 1, int(recording is not None))} if reason else {})
    assert ("S" in set(stays["stay_id"])) == (reason == "")
    assert attrition["stays"].iloc[0] == 3
    assert attrition["stays"].iloc[-1] == len(stays)
    assert attrition["dropped"].sum() == 3 - len(stays)


def test_stays_and_units_are_found_however_a_spreadsheet_wrote_them(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        ["7,100,40,f,micu,,"],
        ["7.0,100.0,s,,,X"],
        ["100.0,2150-01-01 20:00:00"],
        {"s": SOME_DAY},
        OPTIONS | {"icus": ["Micu", "sicu "]},
    )

    assert stays["stay_id"].tolist() == ["100", "C", "E"]
    assert stays.iloc[0][["subject_id", "sex", "icu", "label"]].tolist() == ["7", "F", "MICU", 1]
    assert counted(exclusions) == {}


def test_the_first_of_two_arrests_counts(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        [ADULT],
        ["p,S,s,,,X"],
        ["S,2150-01-01 20:00:00", "S,2150-01-01 09:00:00", "S,"],
        {"s": SOME_DAY},
    )

    cpr_time = stays.set_index("stay_id")["cpr_time"]
    assert cpr_time["S"] == pd.Timestamp("2150-01-01 09:00")
    assert counted(exclusions) == {"later_arrests": (1, 1, 0)}


def test_a_later_arrest_does_not_save_a_stay_whose_first_came_before_its_record(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        [ADULT],
        ["p,S,s,,,X"],
        ["S,2150-01-01 20:00:00", "S,2149-12-31 23:00:00"],
        {"s": SOME_DAY},
    )

    assert "S" not in set(stays["stay_id"])
    assert counted(exclusions)["arrest_before_record"] == (1, 1, 1)


def test_gap_where_the_window_lies(tmp_path):
    """Recordings of 2 h three days before the arrest and from 20 min before it."""
    _, _, exclusions = build(
        tmp_path,
        [ADULT],
        ["p,S,s1,,,X", "p,S,s2,,,X"],
        ["S,2150-01-04 12:00:00"],
        {
            "s1": ("2150-01-01 12:00", "2150-01-01 14:00"),
            "s2": ("2150-01-04 11:40", "2150-01-04 18:00"),
        },
    )

    assert counted(exclusions) == {"no_epoch_before_arrest": (1, 1, 2)}


def test_overlapping_recordings_are_counted(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        [ADULT],
        ["p,S,s1,,,First", "p,S,s2,,,Other", "p,S,s3,,,Other", "p,S,s4,,,Other"],
        (),
        {
            "s2": ("2150-01-01 01:00", "2150-01-01 02:00"),  # within s1
            "s3": ("2150-01-01 02:30", "2150-01-01 04:00"),  # its first half hour is in s1
            "s1": ("2150-01-01 00:00", "2150-01-01 03:00"),
            "s4": ("2150-01-01 04:00", "2150-01-01 05:00"),  # where s3 ends
        },
    )

    assert counted(exclusions) == {"overlap_whole": (1, 1, 1), "overlap_part": (1, 1, 1)}
    stay = stays.set_index("stay_id").loc["S"]
    assert stay["n_recordings"] == 3
    assert stay["monitor"] == "First"


def test_unusable_recordings_of_a_stay_that_is_kept_are_counted(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        [ADULT],
        ["p,S,s1,,,X", "p,S,s2,,,X", "p,S,s3,,,X"],
        (),
        {"s1": "low_rate", "s2": SOME_DAY, "s3": "low_rate"},
    )

    assert stays.set_index("stay_id").loc["S", "n_recordings"] == 1
    assert counted(exclusions) == {"low_rate": (1, 1, 2)}


def test_stays_that_stays_csv_lacks_are_counted(tmp_path):
    stays, _, exclusions = build(
        tmp_path,
        (),
        ["p,S,s1,,,X", "p,S,s2,,,X"],
        ["S,2150-01-01 20:00:00", "T,2150-01-01 20:00:00"],
        {"s1": SOME_DAY, "s2": "missing"},
    )

    assert stays["stay_id"].tolist() == ["C", "E"]
    found = counted(exclusions)
    assert found.pop("recording_without_stay") == (1, 1, 2)
    assert found.pop("arrest_without_stay") == (2, 1, 2)
    assert found == {"missing": (1, 1, 1)}


def test_each_step_says_what_it_leaves(tmp_path):
    _, attrition, _ = build(
        tmp_path,
        ["p1,S1,17,F,MICU,,", "p2,S2,40,F,CCU,,", "p2,S3,40,F,MICU,,", "p4,S4,40,F,MICU,,"],
        ["p2,S3,s3,,,X", "p4,S4,s4,,,X", "p4,S4,s5,,,X"],
        ["S4,"],
        {"s3": "empty", "s4": SOME_DAY, "s5": "missing"},
    )

    columns = ["step", "recordings", "stays", "patients", "dropped"]
    assert attrition[columns].to_numpy().tolist() == [
        ["listed", 5, 6, 5, 0],
        ["adults", 5, 5, 4, 1],
        ["icus", 5, 4, 4, 0],
        ["with_recordings", 5, 4, 4, 0],
        ["with_usable_recordings", 4, 3, 3, 1],
        ["arrest_time", 2, 2, 2, 1],
        ["with_epochs", 2, 2, 2, 0],
    ]
    assert attrition["description"].notna().all()


@pytest.mark.parametrize(
    ("left", "arrests", "words"),
    [
        ("CCU", None, "no stay is left"),
        ("MICU", None, "without an arrest"),
        ("MICU", (), "with an"),
    ],
)
def test_what_nothing_can_be_learnt_on_is_refused(tmp_path, left, arrests, words):
    """Only the event stay is in a MICU; without its arrest it is a control."""
    lines = ARRESTS if arrests is None else [*arrests]
    registry = write_registry(tmp_path / "registry", RECORDINGS, STAYS, lines)
    scanned = write_scanned(tmp_path / "recordings", registry, FOUND)

    with pytest.raises(CohortError, match=words) as raised:
        build_from(registry, scanned, tmp_path, OPTIONS | {"icus": [left]})
    assert "arrest.cohort" in raised.value.remedy
    assert not (tmp_path / "stays.parquet").exists()


def test_a_scan_of_another_registry_is_refused(tmp_path):
    build(tmp_path)
    scanned = [tmp_path / "recordings" / "0.parquet"]
    other = write_registry(tmp_path / "other", RECORDINGS[::-1], STAYS, ARRESTS)

    with pytest.raises(InputError, match=r"not those of recordings\.csv") as raised:
        build_from(other, scanned, tmp_path)
    assert "results/arrest/recordings" in raised.value.remedy


def test_the_same_in_several_groups(tmp_path):
    whole = build(tmp_path)
    registry = tmp_path / "registry"
    scanned = write_scanned(tmp_path / "apart", registry, FOUND, group_of={"pE": 2})

    assert len(scanned) == 3
    for one, other in zip(whole, build_from(registry, scanned, tmp_path), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_every_stay_of_the_cohort_has_epochs_in_the_plan_and_no_other(tmp_path):
    """All cases together, each of a patient of its own."""
    lines, recordings, arrests, found = [], [], [], {}
    for i, (stay, recording, arrest, _) in enumerate(CASES.values()):
        lines.append(stay.replace("p,S,", f"p{i},S{i},"))
        if recording is not None:
            recordings.append(f"p{i},S{i},s{i},,,X")
            found[f"s{i}"] = recording
        if arrest is not None:
            arrests.append(arrest.replace("S,", f"S{i},"))
    stays, _, _ = build(tmp_path, lines, recordings, arrests, found)
    kept = [f"S{i}" for i, case in enumerate(CASES.values()) if not case[-1]]
    assert sorted(stays["stay_id"]) == sorted(["C", "E", *kept])

    paths = [tmp_path / name for name in ("stays.parquet", "recordings/0.parquet", "plan.parquet")]
    plan_epochs(paths[0], [paths[1]], OPTIONS, 0, paths[2])
    assert set(pd.read_parquet(paths[2])["stay_id"]) == set(stays["stay_id"])
