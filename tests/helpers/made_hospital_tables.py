"""Tiny tables written by hand, and the real functions run on them, readable by a clinician."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mimicflow.admission import drugs
from mimicflow.admission.cohort import build_cohort
from mimicflow.concepts import has
from mimicflow.concepts.catalogue import CONCEPTS
from mimicflow.concepts.extract import extract_concept
from mimicflow.concepts.groups import describe_groups
from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import (
    build_icu_cohort,
    count_competing_icu_stays,
    label_deaths,
)
from mimicflow.raw.tables import TABLES

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
MORTALITY = CONFIG["mortality"]
MADE_UP = Study(synthetic=True)
_OF_VISITS = (
    *("prediction_time", "visits", "late_rows"),
    *("reversed_times", "repeated_codes", "code_names"),
)
PROTOCOLS: dict[str, dict[str, Any]] = {
    name: {key: protocol[key] for key in _OF_VISITS}
    for name, protocol in MORTALITY["protocols"].items()
}
"""What the protocols of mortality say of visits."""
OPTIONS: dict[str, Any] = {
    **CONFIG["cohort"],
    **CONFIG["features"],
    **CONFIG["vitals"],
    "max_visits": MORTALITY["max_visits"],
    **PROTOCOLS["audited"],
}
"""The default options of cohort, features, vitals and visits."""
STATIC = [
    name
    for name, concept in CONCEPTS.items()
    if concept.rows in ("stay", "drug") and name != "home_medications"
]
"""The concepts of one row per stay that make the published static features."""

DTYPES = {
    "integer": "Int64",
    "number": "float64",
    "text": "string",
    "timestamp": "datetime64[us]",
    "date": "datetime64[us]",
}
SCHEMAS = {name.partition("/")[2]: table for name, table in TABLES.items()}

SPINE: dict[str, Any] = {
    "stay_id": 30,
    "subject_id": 1,
    "hadm_id": None,
    "intime": "2150-01-01 10:00",
    "outtime": "2150-01-01 20:00",
    "prediction_time": "2150-01-01 12:00",
    "label": 1,
    "disposition": "ADMITTED",
    "n_ecg": 1,
    "n_ecg_used": 1,
    "study_id": 400,
    "gender": "F",
    "race": "WHITE",
    "arrival_transport": "WALK IN",
    "acuity": 3.0,
    "chiefcomplaint": "Chest pain",
    "age": 60,
}
"""A stay of the cohort; tests name only the columns that matter to them."""


def table(text: str) -> pd.DataFrame:
    """Read a table drawn with blanks: two or more between columns, ``-`` for an empty field."""
    lines = [line.split("#")[0].strip() for line in text.strip().splitlines()]
    rows = "\n".join(re.sub(r"\s{2,}", "\t", line) for line in lines if line)
    return pd.read_csv(io.StringIO(rows), sep="\t", dtype=str, na_values="-", keep_default_na=False)


def spine(*stays: Mapping[str, Any], **columns: Any) -> pd.DataFrame:
    """Return cohort rows: one of the given columns, or one per mapping with them."""
    rows = pd.DataFrame([{**SPINE, **columns, **stay} for stay in (stays or ({},))])
    for column in ("intime", "outtime", "prediction_time"):
        rows[column] = pd.to_datetime(rows[column]).astype("datetime64[us]")
    return rows.astype(
        {"hadm_id": "Int64", "label": "int8", "acuity": "float64", "chiefcomplaint": "string"}
    )


def typed(name: str, rows: pd.DataFrame | None) -> pd.DataFrame:
    """Give a hand-made table the official columns and types of ``name``; absent ones are empty."""
    columns = SCHEMAS[name].used
    rows = pd.DataFrame(columns=[]) if rows is None else rows
    unknown = set(rows.columns) - {column.name for column in columns}
    assert not unknown, f"{name} has no column {unknown}"
    return pd.DataFrame(
        {
            column.name: _convert(rows[column.name], column.type)
            if column.name in rows
            else pd.Series([None] * len(rows), index=rows.index, dtype=DTYPES[column.type])
            for column in columns
        }
    )


def _convert(values: pd.Series, kind: str) -> pd.Series:
    if kind in ("timestamp", "date"):
        return pd.to_datetime(values, format="mixed").astype(DTYPES[kind])
    if kind == "text":
        return values.astype("string")
    return pd.to_numeric(values).astype(DTYPES[kind])


def write(rows: pd.DataFrame, folder: Path, name: str) -> Path:
    """Write a table as Parquet and return its path."""
    path = folder / f"{name}.parquet"
    rows.to_parquet(path, index=False)
    return path


def gsn_etc(
    folder: Path,
    medrecon: pd.DataFrame | None,
    parts: Mapping[int, str] | None = None,
    options: Mapping[str, Any] | None = None,
    multi: Mapping[int, str] | None = None,
) -> Path:
    """Build the drug dictionary from a hand-made medrecon; patients train unless parts say else.

    ``multi`` are the parts of the models of stays with several ECGs.
    """
    rows = typed("medrecon", medrecon)
    patients = rows["subject_id"].dropna().unique()
    split = [(parts or {}).get(patient, "train") for patient in patients]
    spine = pd.DataFrame({"subject_id": patients, "split": split})
    if multi is not None:
        spine["split_multi"] = spine["subject_id"].map(multi).astype("string")
    drugs.build_gsn_etc(
        write(rows, folder, "medrecon"),
        write(spine, folder, "split"),
        {**OPTIONS, **(options or {})},
        folder / "gsn_etc.parquet",
    )
    return folder / "gsn_etc.parquet"


def extract(
    concept: str,
    stays: pd.DataFrame,
    options: Mapping[str, Any] | None = None,
    shard: int = 0,
    shards: int = 1,
    dictionary: pd.DataFrame | None = None,
    parts: Mapping[int, str] | None = None,
    **tables: pd.DataFrame,
) -> pd.DataFrame:
    """Run one concept on hand-made tables; one row per stay (or reading), by stay_id.

    ``dictionary`` is the medrecon from which drug classes are learned, of patients who train
    unless ``parts`` say else.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {
            needed: write(typed(needed, tables.get(needed)), folder, needed)
            for needed in CONCEPTS[concept].table_names
        }
        paths["spine"] = write(stays, folder, "spine")
        output = folder / "features.parquet"
        run = {**OPTIONS, **(options or {})}
        extract_concept(concept, paths, run, output, shard=shard, shards=shards)
        if has(f"{concept}_classes"):  # one row per drug until here
            own = write(stays[stays["subject_id"] % shards == shard], folder, "shard")
            classes = gsn_etc(folder, dictionary, parts, options)
            return drugs.classed_drugs(concept, output, own, classes)
        return pd.read_parquet(output)


def groups(concept: str, stays: pd.DataFrame, **tables: pd.DataFrame) -> pd.DataFrame:
    """Describe hand-made stays in words, by ``stay_groups`` or another concept of its kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {each: write(typed(each, rows), folder, each) for each, rows in tables.items()}
        output = folder / "groups.parquet"
        describe_groups(write(stays, folder, "spine"), paths, output, concept=concept)
        return pd.read_parquet(output)


def cohort(
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    readable: list[int] | None = None,
    study: Study = MADE_UP,
    competing: Path | None = None,
    excluded: Path | None = None,
    **tables: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Build the cohort of hand-made tables: stays, ECGs, attrition (indexed by step).

    ``competing`` is the CSV of competing events and ``excluded`` the Parquet of those left out,
    where they are asked for. Without ``record_list``
    every measured ECG has a record; without ``readable`` all can be read.
    """
    measured = typed("machine_measurements", tables["machine_measurements"])
    if "record_list" not in tables:
        listed = measured[["subject_id", "study_id", "ecg_time"]]
        tables["record_list"] = listed.assign(path="files/" + listed["study_id"].astype(str))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        needed = (
            *("edstays", "triage", "patients", "admissions"),
            *("machine_measurements", "record_list"),
        )
        paths = {each: write(typed(each, tables.get(each)), folder, each) for each in needed}
        studies = measured["study_id"] if readable is None else pd.Series(readable)
        records = write(studies.astype("int64").to_frame("study_id"), folder, "records")
        outputs = {each: folder / f"{each}.out" for each in ("stays", "ecgs", "attrition")}
        run = {**CONFIG["cohort"], **(options or {})}
        competing = competing or folder / "competing.csv"
        outputs |= {"competing": competing, "excluded": excluded}
        build_cohort(paths, records, run, seed, study=study, **outputs)
        return (
            pd.read_parquet(outputs["stays"]),
            pd.read_parquet(outputs["ecgs"]),
            pd.read_csv(outputs["attrition"]).set_index("step"),
        )


def competing_icu_stays(folder: Path, **tables: pd.DataFrame) -> pd.DataFrame:
    """Count the competing events of mortality in hand-made tables, indexed by event."""
    paths = {each: write(typed(each, rows), folder, each) for each, rows in tables.items()}
    sizes = {key: MORTALITY[key] for key in ("min_age", "horizon")}
    build_icu_cohort(paths, sizes, folder / "first.parquet", folder / "steps.parquet")
    count_competing_icu_stays(folder / "first.parquet", folder / "competing.csv", MADE_UP)
    return pd.read_csv(folder / "competing.csv").set_index("event")


ICU_PATIENTS = table("""
    subject_id  gender  anchor_age  anchor_year  dod
    1           F       60          2150         -
    2           M       70          2150         2150-06-01
""")
ICU_ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime         deathtime  race   insurance
    1           21       2150-03-01 08:00  2150-03-10 12:00  -          WHITE  Medicare
    2           22       2150-03-01 08:00  2150-03-10 12:00  -          WHITE  Medicare
""")
ICU_STAYS = table("""
    subject_id  hadm_id  stay_id  intime            outtime
    1           21       31       2150-03-02 08:00  2150-03-04 20:00
    2           22       32       2150-03-02 08:00  2150-03-04 20:00
""")
"""Two patients in intensive care, one of whom dies in the summer after."""


def icu_cohort(
    options: Mapping[str, Any] | None = None,
    protocol: str = "audited",
    study: Study = MADE_UP,
    beside: Sequence[Path] = (),
    excluded: Path | None = None,
    **tables: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build the mortality cohort of hand-made tables: stays, and attrition (indexed by step).

    ``options`` change the protocol, or ``min_age`` and ``horizon``; ``excluded`` is the Parquet of
    those left out, where it is asked for.
    """
    run = {**MORTALITY, **MORTALITY["protocols"][protocol], **(options or {})}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {
            each: write(typed(each, tables.get(each)), folder, each)
            for each in ("patients", "admissions", "icustays")
        }
        first, steps = folder / "first.parquet", folder / "steps.parquet"
        sizes = {key: run[key] for key in ("min_age", "horizon")}
        build_icu_cohort(paths, sizes, first, steps)
        stays, attrition = folder / "stays.parquet", folder / "attrition.csv"
        manifest = run.get("manifest")
        label_deaths(first, steps, run, stays, attrition, study, manifest, beside, excluded)
        return pd.read_parquet(stays), pd.read_csv(attrition).set_index("step")
