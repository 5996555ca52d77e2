"""Visits and embeddings from tables as large as MIMIC-IV's, by the real workflow.

``python benchmarks/visits.py [--share 0.1 1.0]``: raw tables with so large a share of the 546,028
admissions, 6.4 million diagnosis, 0.9 million procedure and 20.3 million prescription rows of
MIMIC-IV 3.1 are made up, then Snakemake builds ``sequences.npz`` of both protocols on 2 cores,
ingestion included, with the embedding and the shards of ``presets/mimic-iv.yaml``. Every patient
has an ICU stay in the last admission, so that every admission is a visit of a sequence: more work
than MIMIC-IV asks for. With several shares, the growth of the time is printed.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from pathlib import Path

import duckdb
import yaml
from _runs import Run, copy_repository, show, snakemake, verdict

ADMISSIONS, DIAGNOSES, PROCEDURES, PRESCRIPTIONS = 546_028, 6_364_488, 859_655, 20_292_611
PATIENTS = 223_452  # with an admission
BARS = {"minutes": 15.0, "memory_gib": 6.0, "growth": 1.15}

# Codes are drawn by rank with falling frequency, as codes are; times are by admission.
TABLES = {
    "hosp/patients": """
        SELECT 10000000 + i AS subject_id, ['F', 'M'][1 + (hash(i) % 2)::INT] AS gender,
            60 AS anchor_age, 2140 AS anchor_year, '2011 - 2013' AS anchor_year_group,
            CASE WHEN hash(i * 3) % 5 = 0
                THEN CAST(TIMESTAMP '2150-01-10' + to_minutes({admissions} * 4) AS DATE)
                    + (hash(i * 5) % 300)::INT END AS dod
        FROM range({patients}) t(i)""",
    "hosp/admissions": """
        SELECT 10000000 + {patient} AS subject_id, 20000000 + i AS hadm_id,
            {start} AS admittime, {start} + INTERVAL 5 DAY AS dischtime,
            NULL::TIMESTAMP AS deathtime, 'URGENT' AS admission_type, NULL AS admit_provider_id,
            'EMERGENCY ROOM' AS admission_location, 'HOME' AS discharge_location,
            'Medicare' AS insurance, 'ENGLISH' AS language, 'MARRIED' AS marital_status,
            'WHITE' AS race, NULL::TIMESTAMP AS edregtime, NULL::TIMESTAMP AS edouttime,
            0 AS hospital_expire_flag
        FROM range({admissions}) t(i)""",
    "hosp/diagnoses_icd": """
        SELECT 10000000 + {patient} AS subject_id, 20000000 + i AS hadm_id,
            j // {admissions} + 1 AS seq_num,
            printf('%04d', {code} + 1000) AS icd_code, 9 + (hash(j) % 2)::INT AS icd_version
        FROM (SELECT j, j % {admissions} AS i FROM range({diagnoses}) t(j))""",
    "hosp/procedures_icd": """
        SELECT 10000000 + {patient} AS subject_id, 20000000 + i AS hadm_id,
            j // {admissions} + 1 AS seq_num,
            CAST({start} AS DATE) AS chartdate,
            printf('%04d', {code} + 1000) AS icd_code, 9 + (hash(j) % 2)::INT AS icd_version
        FROM (SELECT j, j % {admissions} AS i FROM range({procedures}) t(j))""",
    "hosp/prescriptions": """
        SELECT 10000000 + {patient} AS subject_id, 20000000 + i AS hadm_id, 1 + j AS pharmacy_id,
            NULL AS poe_id, NULL AS poe_seq, NULL AS order_provider_id,
            {start} + to_hours((hash(j) % 100)::BIGINT) AS starttime,
            {start} + INTERVAL 5 DAY AS stoptime, 'MAIN' AS drug_type,
            'Sodium Drug ' || {code} AS drug, NULL AS formulary_drug_cd,
            '001210' AS gsn, '0' AS ndc,
            NULL AS prod_strength, NULL AS form_rx, '10' AS dose_val_rx, 'mg' AS dose_unit_rx,
            NULL AS form_val_disp, NULL AS form_unit_disp, 2.0 AS doses_per_24_hrs, 'IV' AS route
        FROM (SELECT j, j % {admissions} AS i FROM range({prescriptions}) t(j))""",
    "icu/icustays": """
        SELECT 10000000 + {patient} AS subject_id, 20000000 + max(i) AS hadm_id,
            30000000 + max(i) AS stay_id, 'MICU' AS first_careunit, 'MICU' AS last_careunit,
            max({start}) + INTERVAL 1 DAY AS intime,
            max({start}) + INTERVAL 3 DAY AS outtime, 2.0 AS los
        FROM range({admissions}) t(i) GROUP BY ALL""",
}
WORDS = {
    # A few patients have many admissions, most have one or two.
    "patient": "CAST(floor({patients} * pow((hash(i) % 1000003) / 1000003.0, 1.6)) AS BIGINT)",
    "start": "TIMESTAMP '2150-01-01' + to_minutes((i * 4)::BIGINT)",
    "code": "CAST(floor(8000 * pow((hash(j * 11) % 1000003) / 1000003.0, 3)) AS BIGINT)",
}


def generate(share: float, folder: Path) -> None:
    """Write the raw tables of a share of MIMIC-IV."""
    sizes = {
        "patients": int(PATIENTS * share),
        "admissions": int(ADMISSIONS * share),
        "diagnoses": int(DIAGNOSES * share),
        "procedures": int(PROCEDURES * share),
        "prescriptions": int(PRESCRIPTIONS * share),
    }
    words = {name: text.format(**sizes) for name, text in WORDS.items()}
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        for table, query in TABLES.items():
            file = folder / f"{table}.csv.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"COPY ({query.format(**sizes, **words)}) TO '{file}' "
                "(HEADER, DELIMITER ',', COMPRESSION gzip, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')"
            )


def build(share: float, folder: Path) -> Run:
    """Build the sequences of both protocols from nothing; return time and memory."""
    generate(share, folder / "raw")
    checkout = folder / "checkout"
    copy_repository(checkout)
    overlay = {"data": {"hosp": str(folder / "raw/hosp"), "icu": str(folder / "raw/icu")}}
    (checkout / "large.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    run = snakemake(
        checkout,
        *("--configfile", "presets/mimic-iv.yaml", "large.yaml", "--"),
        *(f"results/mortality/{name}/sequences.npz" for name in ("audited", "published")),
    )
    show(f"share {share:g}", run.took, 2, f"no other side; {run.memory_gib:.2f} GiB")
    return run


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, nargs="+", default=[0.1, 1.0])
    parser.add_argument("--folder", type=Path, default=None, help="where the tables are made")
    options = parser.parse_args()
    runs = {}
    for share in sorted(options.share):
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            runs[share] = build(share, folder)
        finally:
            shutil.rmtree(folder)
    least, most = min(runs), max(runs)
    met = [
        verdict("largest share, wall", runs[most].took.wall / 60, BARS["minutes"], "min"),
        verdict("most memory at once", runs[most].memory_gib, BARS["memory_gib"], "GiB"),
    ]
    if most > least:
        growth = math.log(runs[most].took.wall / runs[least].took.wall) / math.log(most / least)
        met.append(verdict("exponent of the time (1 is linear)", growth, BARS["growth"]))
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
