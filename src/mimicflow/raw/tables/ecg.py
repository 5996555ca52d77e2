"""MIMIC-IV-ECG v1.0: the list of records and the machine's measurements, both plain CSV."""

from mimicflow.raw.tables.schema import Column, Table

_STUDY = (
    Column("subject_id", "integer", nullable=False, used=True),
    Column("study_id", "integer", nullable=False, used=True),
)
_ECG_TIME = Column("ecg_time", "timestamp", nullable=False, used=True)

# 29999 stands for "not measured" in all of these.
_MEASUREMENTS = (
    *(
        Column(name, "integer", unit="ms", used=True)
        for name in ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
    ),
    *(Column(name, "integer", unit="deg", used=True) for name in ("p_axis", "qrs_axis", "t_axis")),
)

ECG: tuple[Table, ...] = (
    Table(
        "ecg",
        "record_list",
        (
            *_STUDY,
            Column("file_name", "integer", optional=True),
            _ECG_TIME,
            Column("path", nullable=False, used=True),  # relative, without extension
        ),
        key=("study_id",),
        references=(("subject_id", "hosp/patients"),),
        compressed=False,
    ),
    Table(
        "ecg",
        "machine_measurements",
        (
            *_STUDY,
            Column("cart_id", "integer"),
            _ECG_TIME,
            *(Column(f"report_{slot}", used=True) for slot in range(18)),
            Column("bandwidth"),
            Column("filtering"),
            *_MEASUREMENTS,
        ),
        key=("study_id",),
        references=(("study_id", "ecg/record_list"),),
        compressed=False,
    ),
)
"""Tables of the ECG module."""
