"""What is not known at the prediction changes no feature; nor do row order and shards.

Two futures are drawn and put to one past, see made_histories.py; another kind of row that must
change nothing is drawn in ``unknown``, ``begun_admissions`` or ``own_admissions`` there. Lookups
have a property of their own in test_lookups.py, the arrest system in test_arrest.py, the cohorts in
test_cohort.py, test_mortality_cohort.py and test_mortality_in_time.py.
"""

import functools

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_histories import (
    AHEAD,
    INDEX,
    LATER_STAY,
    NOON,
    NUMBER,
    OWN,
    UNKNOWN,
    arrival,
    events,
    histories,
    outcomes,
    own_admissions,
    together,
    unknown,
)
from made_hospital_tables import PROTOCOLS, extract, groups, spine, table

from mimicflow.concepts.catalogue import CONCEPTS

DICTIONARY = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    9           99       000001  1       00000263  Loop Diuretics
    9           99       000002  1       00005723  Opioids
    9           99       000003  1       00006450  Vitamins
""")
TABLES = {
    **{name: concept.table_names for name, concept in CONCEPTS.items()},
    "stay_groups": ("admissions",),
}
# No shrinking: an example takes seconds, and the failing table is named by the comparison.
SETTINGS = settings(
    max_examples=5, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


def as_read(concept, tables, cohort):
    """Return tables and cohort as the concept's system has them."""
    if concept == "stay_groups":
        # Who was in hospital at arrival had given his insurance then; codes come at the end.
        visits = tables["admissions"]
        in_hospital = (visits["hadm_id"] >= AHEAD) & (
            visits["admittime"] < arrival(visits["subject_id"])
        )
        return tables | {"admissions": visits[~in_hospital]}, cohort
    if concept != "visit_codes":
        return tables, cohort
    # Mortality's stays are in the admission that ends at noon.
    of_others = {
        name: rows[~rows["hadm_id"].between(OWN, OWN + 99).fillna(False)]
        for name, rows in tables.items()
        if "hadm_id" in rows
    }
    return tables | of_others, cohort.assign(hadm_id=cohort["subject_id"] + INDEX)


def features(tables, cohort, shards=1, options=None, concepts=tuple(TABLES)):
    """Extract every concept, for the stays predicted at noon."""
    run = functools.partial(extract, options=options, dictionary=DICTIONARY, shards=shards)
    found = {}
    for concept in concepts:
        given, stays = as_read(concept, tables, cohort)
        inputs = {name: given[name] for name in TABLES[concept]}
        if concept == "stay_groups":
            parts = [groups(concept, stays, **inputs)]
        else:
            parts = [run(concept, stays, shard=shard, **inputs) for shard in range(shards)]
        all_stays = pd.concat(parts).sort_values("stay_id", kind="stable", ignore_index=True)
        if "codes" in all_stays:
            all_stays["codes"] = all_stays["codes"].map(tuple)
        found[concept] = all_stays[all_stays["stay_id"] != LATER_STAY].reset_index(drop=True)
    return found


def assert_identical(found, expected):
    for concept, frame in expected.items():
        pd.testing.assert_frame_equal(found[concept], frame, check_exact=True, obj=concept)


@SETTINGS
@given(
    known=histories(),
    futures=st.tuples(unknown(), unknown()),
    cohorts=st.tuples(outcomes(), outcomes()),
    own=st.tuples(own_admissions(), own_admissions()),
)
def test_what_is_not_known_changes_nothing(known, futures, cohorts, own):
    one, other = (
        features(together(known, future, cohort, admissions), cohort)
        for future, cohort, admissions in zip(futures, cohorts, own, strict=True)
    )
    assert_identical(one, other)


@settings(SETTINGS, max_examples=3)
@given(
    known=histories(),
    heartrate=NUMBER,
    acuity=st.integers(1, 5),
    cohort=outcomes(),
)
def test_triage_changes_nothing_before_its_delay_is_over(known, heartrate, acuity, cohort):
    """Of the stay that began an hour before noon."""
    run = functools.partial(
        features, options={"triage_delay_minutes": 61}, concepts=["ed_stay", "vitalsigns"]
    )
    expected = run(together(known, {}, cohort), cohort)
    first = known["triage"]["stay_id"] == 31
    known["triage"].loc[first, ["heartrate", "pain"]] = heartrate, str(heartrate)
    graded = cohort.assign(acuity=cohort["acuity"].where(cohort["stay_id"] != 31, acuity))
    assert_identical(run(together(known, {}, graded), graded), expected)


@settings(SETTINGS, max_examples=3)
@given(known=histories(), future=unknown(), cohort=outcomes(), seed=st.integers(0, 99))
def test_row_order_and_shards_change_nothing(known, future, cohort, seed):
    tables = together(known, future, cohort)
    expected = features(tables, cohort)
    shuffled = {
        name: rows.sample(frac=1, random_state=seed, ignore_index=True)
        for name, rows in tables.items()
    }
    reordered = cohort.sample(frac=1, random_state=seed, ignore_index=True)
    assert_identical(features(shuffled, reordered, shards=2), expected)


@SETTINGS
@given(
    known=histories(),
    future=events(UNKNOWN, False),
    cohort=outcomes(),
    prediction_time=st.sampled_from(["hospital_discharge", "icu_out"]),
)
def test_later_visits_change_the_published_sequences_and_no_others(
    known, future, cohort, prediction_time
):
    """So that the comparison of both protocols is what it claims to be."""
    tables = [together(known, {}, cohort), together(known, future, cohort)]
    audited = {**PROTOCOLS["audited"], "prediction_time": prediction_time}

    without, with_future = (
        features(each, cohort, options=audited, concepts=["visit_codes"]) for each in tables
    )
    assert_identical(with_future, without)

    without, with_future = (
        features(each, cohort, options=PROTOCOLS["published"], concepts=["visit_codes"])
        for each in tables
    )
    n_later = len(future["admissions"])
    assert len(with_future["visit_codes"]) == len(without["visit_codes"]) + n_later


def test_what_was_known_does_change_features():
    """The property above would hold of functions that read nothing."""
    known = {
        "labevents": pd.DataFrame(
            {
                "subject_id": [1],
                "itemid": [51003],
                "charttime": [NOON - pd.Timedelta(minutes=9)],
                "storetime": [NOON],
                "valuenum": [0.4],
            }
        )
    }
    cohort = spine(stay_id=31, prediction_time=NOON)
    assert extract("ed_labs", cohort, **known)["tropT_first"].item() == 0.4
    known["labevents"]["storetime"] += pd.Timedelta(seconds=1)
    assert extract("ed_labs", cohort, **known)["tropT_missing"].item() == 1
