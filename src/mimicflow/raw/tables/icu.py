"""ICU module of MIMIC-IV v3.1 (v2.2 and its open demo have the same columns)."""

from mimicflow.raw.tables.schema import Column, Table

_STAY = (
    Column("subject_id", "integer", nullable=False, used=True),
    Column("hadm_id", "integer", nullable=False, used=True),
    Column("stay_id", "integer", nullable=False, used=True),
)

ICU: tuple[Table, ...] = (
    Table(
        "icu",
        "icustays",
        (
            *_STAY,
            Column("first_careunit", used=True),
            Column("last_careunit"),
            Column("intime", "timestamp", nullable=False, used=True),
            Column("outtime", "timestamp", used=True),  # empty in a few stays of the release
            Column("los", "number", unit="d"),
        ),
        key=("stay_id",),
        references=(("subject_id", "hosp/patients"), ("hadm_id", "hosp/admissions")),
    ),
    Table(
        "icu",
        "procedureevents",
        (
            *_STAY,
            Column("caregiver_id", "integer", optional=True),
            Column("starttime", "timestamp", nullable=False, used=True),
            Column("endtime", "timestamp"),
            Column("storetime", "timestamp", used=True),
            Column("itemid", "integer", nullable=False, used=True),
            Column("value", "number"),
            Column("valueuom"),
            Column("location"),
            Column("locationcategory"),
            Column("orderid", "integer", nullable=False, used=True),
            Column("linkorderid", "integer"),
            Column("ordercategoryname"),
            Column("ordercategorydescription"),
            Column("patientweight", "number", unit="kg"),
            Column("isopenbag", "integer"),
            Column("continueinnextdept", "integer"),
            Column("statusdescription"),
            Column("originalamount", "number"),
            Column("originalrate", "number"),
        ),
        key=("orderid",),
        references=(("stay_id", "icu/icustays"), ("itemid", "icu/d_items")),
    ),
    Table(
        "icu",
        "chartevents",
        (
            Column("subject_id", "integer", nullable=False, used=True),
            Column("hadm_id", "integer"),
            Column("stay_id", "integer", used=True),
            Column("caregiver_id", "integer", optional=True),
            Column("charttime", "timestamp", nullable=False, used=True),
            Column("storetime", "timestamp"),
            Column("itemid", "integer", nullable=False, used=True),
            Column("value", used=True),
            Column("valuenum", "number"),
            Column("valueuom"),
            Column("warning", "integer"),
        ),
        references=(("stay_id", "icu/icustays"), ("itemid", "icu/d_items")),
        only_items="code_status",  # of hundreds of millions of rows
    ),
    Table(
        "icu",
        "d_items",
        (
            Column("itemid", "integer", nullable=False, used=True),
            Column("label", used=True),
            Column("abbreviation"),
            Column("linksto"),
            Column("category"),
            Column("unitname"),
            Column("param_type"),
            Column("lownormalvalue", "number"),
            Column("highnormalvalue", "number"),
        ),
        key=("itemid",),
    ),
)
"""Tables of the ICU module."""
