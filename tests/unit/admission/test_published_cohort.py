"""Every key of the cohort that gives back a published behaviour: what ours does, and the old one.

The rows are those of the list of known defects; each case is as small as it can be.
"""

import pandas as pd
from made_hospital_tables import cohort, table
from published_switches import Switch, each

PATIENTS = table("""
    subject_id  anchor_age  anchor_year
    1           60          2150
""")


def ecgs(*times, first_study=400):
    return pd.DataFrame(
        {
            "subject_id": 1,
            "study_id": range(first_study, first_study + len(times)),
            "ecg_time": [f"2150-01-0{time}" for time in times],
        }
    )


STAYS = table("""
    subject_id  hadm_id  stay_id  intime            outtime           disposition
    1           -        30       2150-01-01 10:00  2150-01-01 20:00  HOME
    1           20       31       2150-01-02 10:00  2150-01-02 20:00  ADMITTED
    1           -        32       2150-01-03 10:00  2150-01-03 20:00  ELOPED
""")
ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime
    1           20       2150-01-02 11:30  2150-01-05 10:00
""")


def stays_of(
    options, times, column="stay_id", complaint="Chest pain", edstays=STAYS, readable=None
):
    triage = pd.DataFrame({"stay_id": [30, 31, 32], "chiefcomplaint": complaint})
    stays, _, _ = cohort(
        options,
        readable=readable,
        edstays=edstays,
        triage=triage,
        patients=PATIENTS,
        admissions=ADMISSIONS,
        machine_measurements=ecgs(*times),
    )
    return stays[column].tolist()


EIGHT = [f"1 1{hour}:00" for hour in range(8)]
TWO_ONE = ["1 11:00", "1 12:00", "2 11:00"]  # stay 30 has two ECGs, stay 31 one
WITH_ELOPED = [*TWO_ONE, "3 11:00", "3 12:00", "3 13:00"]  # and stay 32 three


def n_ecg(options):
    return stays_of(options, EIGHT, "n_ecg")


def prediction_study(options):
    return stays_of(options, TWO_ONE, "study_id")


def unreadable_prediction_ecg(options):
    return stays_of(options, TWO_ONE, "study_id", readable=[400, 402])


def chosen(options):
    return stays_of(options, ["1 11:00", "2 11:00", "2 12:00"])  # the later stay has more


def chosen_among_eloped(options):
    return stays_of({"stays_per_patient": "most_ecgs", **options}, WITH_ELOPED)


def after_admission(options):
    return stays_of(options, ["2 11:00", "2 12:00"], "study_id")


def label(options):
    return stays_of(options, TWO_ONE, "label")


def just_before_arrival(options):
    return stays_of(options, ["1 09:50", "2 11:00"])


def shared(options):
    overlapping = table("""
        subject_id  stay_id  intime            outtime           disposition
        1           30       2150-01-01 10:00  2150-01-01 20:00  HOME
        1           31       2150-01-01 11:00  2150-01-01 20:00  ADMITTED
    """)
    return stays_of(options, ["1 12:00"], edstays=overlapping)


def complaint_enters(complaint):
    def enters(options):
        # A second stay with a plain complaint, so that the cohort is never empty.
        triage = pd.DataFrame({"stay_id": [30, 31], "chiefcomplaint": [complaint, "Chest pain"]})
        stays, _, _ = cohort(
            options,
            edstays=STAYS,
            triage=triage,
            patients=PATIENTS,
            machine_measurements=ecgs(*TWO_ONE),
        )
        return 30 in stays["stay_id"].tolist()

    return enters


SWITCHES = [
    Switch("2", "count_ecgs", "until_prediction", "whole_stay", n_ecg, [6], [8]),
    Switch("3", "prediction_ecg", "last", 1, prediction_study, [401, 402], [400, 402]),
    Switch("3", "prediction_ecg", "last", 2, prediction_study, [401, 402], [401]),
    Switch("4", "stays_per_patient", "all", "most_ecgs", chosen, [30, 31], [31]),
    Switch("4", "stays_per_patient", "all", "first", chosen, [30, 31], [30]),
    Switch(
        "5", "disposition_filter", "before_choice", "after_choice", chosen_among_eloped, [30], []
    ),
    Switch("9", "after_admission", "keep", "exclude", after_admission, [401], [400]),
    Switch("16", "positive_class", "ADMITTED", "HOME", label, [0, 1], [1, 0]),
    Switch("24", "ecg_tolerance_minutes", 0, 15, just_before_arrival, [31], [30, 31]),
    Switch("24", "shared_ecg", "latest_intime", "every_stay", shared, [31], [30, 31]),
    Switch(
        "44",
        *("unreadable_ecgs", "leave", "count"),
        *(unreadable_prediction_ecg, [400, 402], [401, 402]),
    ),
    Switch("25", "complaint_match", "substring", "word", complaint_enters("CPAP"), True, False),
    Switch("25", "complaint_match", "substring", "word", complaint_enters("R/O CP"), True, True),
    Switch("25", "complaint_sob", False, True, complaint_enters("SOB"), False, True),
    Switch("25", "complaint_sob", False, True, complaint_enters("not sober"), False, False),
]


@each(SWITCHES)
def test_a_switch_gives_the_behaviour_of_its_row(switch):
    assert switch.shown(switch.ours) == switch.expected
    assert switch.shown(switch.old) == switch.expected_old


def test_random_choice_of_a_stay_hangs_on_the_seed_alone():
    def choice(seed):
        stays, _, _ = cohort(
            {"stays_per_patient": "random"},
            seed,
            edstays=STAYS,
            triage=pd.DataFrame({"stay_id": [30, 31], "chiefcomplaint": "Chest pain"}),
            patients=PATIENTS,
            machine_measurements=ecgs(*TWO_ONE),
        )
        return stays["stay_id"].item()

    choices = [choice(seed) for seed in range(4)]
    assert set(choices) == {30, 31}
    assert choice(0) == choices[0]
