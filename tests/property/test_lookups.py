"""A lookup made of patients' rows is made of training patients' rows."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_hospital_tables import gsn_etc, table

LEARNED = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    9           99       000001  1       00000263  Loop Diuretics
    9           99       000002  1       00005723  Opioids
""")
ROW = st.fixed_dictionaries(
    {
        "subject_id": st.sampled_from([1, 2, 3, 4]),
        "stay_id": st.just(98),
        "gsn": st.sampled_from(["1", "000002", "3", "3 1", "9"]),
        "etc_rn": st.sampled_from([None, 0, 1, 2]),
        "etccode": st.sampled_from(["0", "263", "00005723", "00006450"]),
        "etcdescription": st.sampled_from([None, "", "Another class"]),
    }
)
# Of these only the last trains: one is tested, one validates, one is in no cohort, and one is
# tested by the models of stays with several ECGs.
PARTS = {1: "test", 2: "validation", 3: "none", 4: "train", 9: "train"}
MULTI = {4: "test", 9: "train"}


def dictionary(medrecon: pd.DataFrame) -> bytes:
    with TemporaryDirectory() as folder:
        return gsn_etc(Path(folder), medrecon, PARTS, multi=MULTI).read_bytes()


@settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(ROW, min_size=1, max_size=8))
def test_rows_of_patients_who_do_not_train_change_no_bit_of_the_drug_dictionary(rows):
    """Golden tests show that the drug features are made of this file and their own rows."""
    assert dictionary(pd.concat([LEARNED, pd.DataFrame(rows)])) == dictionary(LEARNED)


def test_rows_of_training_patients_do_change_it():
    assert dictionary(LEARNED) != dictionary(LEARNED.head(1))
