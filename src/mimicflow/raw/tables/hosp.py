"""Hospital module of MIMIC-IV v3.1 (v2.2 and its open demo have the same columns)."""

from mimicflow.raw.tables.schema import Column, Table

_SUBJECT = Column("subject_id", "integer", nullable=False, used=True)
_HADM = Column("hadm_id", "integer", nullable=False, used=True)
_SEQ_NUM = Column("seq_num", "integer", nullable=False, used=True)
_ICD = (
    Column("icd_code", nullable=False, used=True),
    Column("icd_version", "integer", nullable=False, used=True, values=(9, 10)),
)
_OF_ADMISSION = (("subject_id", "hosp/patients"), ("hadm_id", "hosp/admissions"))

HOSP: tuple[Table, ...] = (
    Table(
        "hosp",
        "patients",
        (
            _SUBJECT,
            Column("gender", nullable=False, used=True),
            Column("anchor_age", "integer", unit="years", nullable=False, used=True),
            Column("anchor_year", "integer", nullable=False, used=True),
            Column("anchor_year_group", used=True),
            Column("dod", "date", used=True),
        ),
        key=("subject_id",),
    ),
    Table(
        "hosp",
        "admissions",
        (
            _SUBJECT,
            _HADM,
            Column("admittime", "timestamp", nullable=False, used=True),
            Column("dischtime", "timestamp", used=True),
            Column("deathtime", "timestamp", used=True),
            Column("admission_type"),
            Column("admit_provider_id", optional=True),
            Column("admission_location"),
            Column("discharge_location", used=True),
            Column("insurance", used=True),
            Column("language"),
            Column("marital_status"),
            Column("race", used=True),
            Column("edregtime", "timestamp"),
            Column("edouttime", "timestamp"),
            Column("hospital_expire_flag", "integer", used=True),
        ),
        key=("hadm_id",),
        references=(("subject_id", "hosp/patients"),),
    ),
    Table(
        "hosp",
        "diagnoses_icd",
        (_SUBJECT, _HADM, _SEQ_NUM, *_ICD),
        key=("hadm_id", "seq_num", "icd_code", "icd_version"),
        references=_OF_ADMISSION,
    ),
    Table(
        "hosp",
        "procedures_icd",
        (_SUBJECT, _HADM, _SEQ_NUM, Column("chartdate", "date", used=True), *_ICD),
        key=("hadm_id", "seq_num", "icd_code", "icd_version"),
        references=_OF_ADMISSION,
    ),
    Table(
        "hosp",
        "prescriptions",
        (
            _SUBJECT,
            _HADM,
            # Read to know a copy from a second order of the same drug at the same time.
            Column("pharmacy_id", "integer", used=True, optional=True),
            Column("poe_id"),
            Column("poe_seq", "integer"),
            Column("order_provider_id", optional=True),
            Column("starttime", "timestamp", used=True),
            Column("stoptime", "timestamp"),
            Column("drug_type", used=True, optional=True),
            Column("drug", used=True),
            Column("formulary_drug_cd"),
            Column("gsn", used=True),  # several, separated by blanks
            Column("ndc"),
            Column("prod_strength"),
            Column("form_rx"),
            Column("dose_val_rx"),
            Column("dose_unit_rx"),
            Column("form_val_disp"),
            Column("form_unit_disp"),
            Column("doses_per_24_hrs", "number", unit="/d"),
            Column("route"),
        ),
        copies=("pharmacy_id", "drug_type", "drug"),
        references=_OF_ADMISSION,
    ),
    Table(
        "hosp",
        "labevents",
        (
            # Open reconstructions of the demo leave it empty; the key is then not checked.
            Column("labevent_id", "integer", nullable=False, used=True, optional=True),
            _SUBJECT,
            Column("hadm_id", "integer"),
            Column("specimen_id", "integer"),
            Column("itemid", "integer", nullable=False, used=True),
            Column("order_provider_id", optional=True),
            Column("charttime", "timestamp", nullable=False, used=True),
            Column("storetime", "timestamp", used=True),
            Column("value", used=True),
            Column("valuenum", "number", used=True),
            Column("valueuom", used=True),
            Column("ref_range_lower", "number"),
            Column("ref_range_upper", "number"),
            Column("flag", used=True),
            Column("priority"),
            Column("comments"),
        ),
        key=("labevent_id",),
        references=(("subject_id", "hosp/patients"), ("itemid", "hosp/d_labitems")),
        only_items="labs",
    ),
    Table(
        "hosp",
        "d_labitems",
        (
            Column("itemid", "integer", nullable=False, used=True),
            Column("label", used=True),
            Column("fluid", used=True),
            Column("category", used=True),
        ),
        key=("itemid",),
    ),
    Table(
        "hosp",
        "transfers",
        (
            Column("subject_id", "integer", nullable=False),
            Column("hadm_id", "integer"),
            Column("transfer_id", "integer", nullable=False),
            Column("eventtype"),
            Column("careunit"),
            Column("intime", "timestamp"),
            Column("outtime", "timestamp"),
        ),
        key=("transfer_id",),
        references=(("subject_id", "hosp/patients"),),
    ),
    *(
        Table(
            "hosp",
            name,
            (
                *_ICD,
                Column("long_title", used=True),
            ),
            key=("icd_code", "icd_version"),
        )
        for name in ("d_icd_diagnoses", "d_icd_procedures")
    ),
)
"""Tables of the hospital module."""
