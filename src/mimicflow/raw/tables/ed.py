"""MIMIC-IV-ED v2.2."""

from mimicflow.raw.tables.schema import Column, Table

_STAY = (
    Column("subject_id", "integer", nullable=False, used=True),
    Column("stay_id", "integer", nullable=False, used=True),
)
_CHARTTIME = Column("charttime", "timestamp", nullable=False, used=True)
_VITALS_TO_O2SAT = (
    Column("temperature", "number", unit="degF", used=True),
    Column("heartrate", "number", unit="/min", used=True),
    Column("resprate", "number", unit="/min", used=True),
    Column("o2sat", "number", unit="%", used=True),
)
_PRESSURES = (
    Column("sbp", "number", unit="mmHg", used=True),
    Column("dbp", "number", unit="mmHg", used=True),
)
_PAIN = Column("pain", used=True)  # free text
_OF_STAY = (("stay_id", "ed/edstays"),)

ED: tuple[Table, ...] = (
    Table(
        "ed",
        "edstays",
        (
            Column("subject_id", "integer", nullable=False, used=True),
            Column("hadm_id", "integer", used=True),
            Column("stay_id", "integer", nullable=False, used=True),
            Column("intime", "timestamp", nullable=False, used=True),
            Column("outtime", "timestamp", nullable=False, used=True),
            Column("gender", nullable=False, used=True),
            Column("race", used=True),
            Column("arrival_transport", used=True),
            Column("disposition", used=True),
        ),
        key=("stay_id",),
        references=(("subject_id", "hosp/patients"), ("hadm_id", "hosp/admissions")),
    ),
    Table(
        "ed",
        "triage",
        (
            *_STAY,
            *_VITALS_TO_O2SAT,
            *_PRESSURES,
            _PAIN,
            Column("acuity", "number", unit="1-5", used=True),
            Column("chiefcomplaint", used=True),
        ),
        key=("stay_id",),
        references=_OF_STAY,
    ),
    Table(
        "ed",
        "vitalsign",
        (*_STAY, _CHARTTIME, *_VITALS_TO_O2SAT, Column("rhythm"), *_PRESSURES, _PAIN),
        copies=("stay_id", "charttime"),
        references=_OF_STAY,
    ),
    Table(
        "ed",
        "pyxis",
        (
            *_STAY,
            _CHARTTIME,
            Column("med_rn", "integer", used=True),
            Column("name"),
            Column("gsn_rn", "integer", used=True),
            Column("gsn", used=True),
        ),
        copies=("stay_id", "charttime", "med_rn", "gsn_rn"),
        references=_OF_STAY,
    ),
    Table(
        "ed",
        "medrecon",
        (
            *_STAY,
            _CHARTTIME,
            Column("name", used=True),
            Column("gsn", used=True),
            Column("ndc"),
            Column("etc_rn", "integer", used=True),
            Column("etccode", used=True),
            Column("etcdescription", used=True),
        ),
        references=_OF_STAY,
    ),
    Table(
        "ed",
        "diagnosis",
        (
            Column("subject_id", "integer", nullable=False),
            Column("stay_id", "integer", nullable=False),
            Column("seq_num", "integer", nullable=False),
            Column("icd_code", nullable=False),
            Column("icd_version", "integer", nullable=False, values=(9, 10)),
            Column("icd_title"),
        ),
        key=("stay_id", "seq_num"),
        references=_OF_STAY,
    ),
)
"""Tables of the emergency department module."""
