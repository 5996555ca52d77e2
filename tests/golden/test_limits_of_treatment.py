"""When the treatment of an ICU stay was first limited, by its charted code status."""

import pandas as pd
from made_hospital_tables import table

from mimicflow.concepts import opened, sql
from mimicflow.reference import reference

CHARTED = """
    stay_id  charttime         itemid  value
    1        2150-01-01 01:00  223758  Full code
    1        2150-01-02 12:00  223758  DNI (do not intubate)    # would be resuscitated
    2        2150-01-04 12:00  223758  Comfort measures only
    2        2150-01-04 09:30  223758  DNR / DNI                # charted earlier
    2        2150-01-04 23:00  223758  Full code                # lifted: counts all the same
    3        2150-01-02 09:00  229784  DNAR (Do Not Attempt Resuscitation) [DNR]
    4        2150-01-01 09:00  220045  DNR (do not resuscitate)  # of another item
    -        2150-01-01 09:00  223758  DNR (do not resuscitate)  # of no stay
"""


def test_the_first_limit_counts_and_no_intubation_alone_is_none():
    rows = table(CHARTED)
    rows["charttime"] = pd.to_datetime(rows["charttime"])
    rows["itemid"] = rows["itemid"].astype("int64")
    with opened({}, {}, 200) as connection:
        connection.register("chartevents", rows)
        for name in ("code_status_items", "limits_of_treatment"):
            connection.register(name, pd.read_csv(reference(f"{name}.csv"), dtype=str))
        found = connection.execute(sql("limits_of_treatment")).fetchall()
    assert [(int(stay), str(time)) for stay, time in found] == [
        (2, "2150-01-04 09:30:00"),
        (3, "2150-01-02 09:00:00"),
    ]
