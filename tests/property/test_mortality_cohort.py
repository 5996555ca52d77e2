"""Who is predicted by the audited protocol: nobody who died in the index admission, by any sign.

Nor anybody whose index stay has times that cannot be; clear cases only, of hours and of years.
"""

from itertools import product

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_hospital_tables import icu_cohort

BEGIN = pd.Timestamp("2150-03-01 08:00")
HOUR = pd.Timedelta(hours=1)
YEAR = pd.Timedelta(days=365)
TIMES = ["admittime", "intime", "outtime", "dischtime"]
SIGNS = ["deathtime", "hospital_expire_flag", "discharge_location", "dod"]
# Column, and by how much it is moved: to times that cannot be, and to others that can.
SLIPS = [
    *(("dischtime", -12 * HOUR), ("outtime", -12 * HOUR), ("intime", 12 * HOUR)),
    *(("dischtime", -YEAR), ("outtime", -YEAR), ("outtime", YEAR)),
    *(("intime", -YEAR), ("intime", YEAR), ("admittime", YEAR)),
]
# Begin and end of the ICU stay, discharge: in hours after the admission.
IMPOSSIBLE = [(-20, -15, 10), (-20, 1, -10)]
IN_ORDER = [("dischtime", 0 * HOUR), ("dischtime", YEAR), ("admittime", -YEAR)]
SETTINGS = settings(
    max_examples=3, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


@st.composite
def stays(draw, number, hours_afterwards):
    """Index stays with times in order: ICU stays of 1 to 6 hours, and so long in hospital after."""
    hours = st.tuples(st.integers(0, 500), st.integers(1, 6), st.integers(0, hours_afterwards))
    drawn = draw(st.lists(hours, min_size=number, max_size=number))
    table = pd.DataFrame(drawn, columns=TIMES[1:]).assign(admittime=0)[TIMES].cumsum(axis=1)
    table = BEGIN + table.apply(pd.to_timedelta, unit="h")
    table.insert(0, "subject_id", range(1, number + 1))
    return table.assign(hadm_id=table["subject_id"] + 20, stay_id=table["subject_id"] + 30)


def predicted(table):
    """Return which patients of a table of index stays are in the cohort, whatever its clock."""
    patients = table[["subject_id"]].assign(gender="F", anchor_age=60, anchor_year=2149)
    admissions = table.drop(columns=["stay_id", "intime", "outtime", "dod"], errors="ignore")
    tables = {
        "patients": patients.assign(dod=table.get("dod")),
        "admissions": admissions,
        "icustays": table[["subject_id", "hadm_id", "stay_id", "intime", "outtime"]],
    }
    discharge, icu_out = (
        icu_cohort({"prediction_time": clock, "label_clock": clock}, **tables)[0]["subject_id"]
        for clock in ("hospital_discharge", "icu_out")
    )
    assert discharge.equals(icu_out)
    return discharge.tolist()


@SETTINGS
@given(
    table=stays(2 ** len(SIGNS), hours_afterwards=500),
    before=st.integers(0, 20),
    afterwards=st.one_of(st.none(), st.integers(1, 500)),
    location=st.sampled_from(["DIED", "Died ", " died"]),
)
def test_who_died_in_the_admission_by_any_signs_is_not_predicted_and_all_others_are(
    table, before, afterwards, location
):
    found = pd.DataFrame(product([False, True], repeat=len(SIGNS)), columns=SIGNS)
    discharge = table["dischtime"]
    later = None if afterwards is None else discharge + pd.Timedelta(days=afterwards)
    table = table.assign(
        deathtime=discharge.where(found["deathtime"]),
        hospital_expire_flag=found["hospital_expire_flag"].astype(int),
        discharge_location=found["discharge_location"].map({True: location, False: "HOME"}),
        dod=(discharge - pd.Timedelta(days=before)).where(found["dod"], later).dt.normalize(),
    )

    assert predicted(table) == table["subject_id"][~found.any(axis=1)].tolist()


@SETTINGS
@given(
    table=stays(len(SLIPS + IMPOSSIBLE + IN_ORDER) + 2, hours_afterwards=5),
    overhang=st.integers(1, 6),
)
def test_an_index_stay_is_predicted_if_its_times_are_in_order_and_only_then(table, overhang):
    for row, (column, slip) in enumerate(IN_ORDER + SLIPS):
        table.loc[row, column] += slip
    for row, hours in enumerate(IMPOSSIBLE, start=len(IN_ORDER + SLIPS)):
        table.loc[row, TIMES[1:]] = [table.loc[row, "admittime"] + hour * HOUR for hour in hours]
    # Clocks differ by hours: an ICU stay may reach out of its admission on either side.
    reaching = table.index[-2:]
    table.loc[reaching[0], "intime"] = table.loc[reaching[0], "admittime"] - overhang * HOUR
    table.loc[reaching[1], "outtime"] = table.loc[reaching[1], "dischtime"] + overhang * HOUR

    in_order = [*table.index[: len(IN_ORDER)], *reaching]
    assert predicted(table) == table.loc[in_order, "subject_id"].tolist()
