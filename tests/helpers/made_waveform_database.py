"""Folders in the layout of the MIMIC-IV waveform database, and the tables beside them."""

import numpy as np
import pandas as pd
import wfdb

from mimicflow.bedside.mimic_registry import TABLES

ARREST = 225466
FRAMES = "62.4725/999.56"  # per second, and counter ticks per second, as MIMIC-IV writes it


def write_tables(folder, stays, patients, procedures, codes, deaths=(), statuses=()):
    """Write the tables as Parquet, each in two shards.

    Admissions are those of the stays; ``deaths`` gives ``hadm_id`` and time, ``statuses`` rows of
    chartevents.
    """
    stays = pd.DataFrame(stays, columns=TABLES["icu/icustays"])
    admissions = pd.DataFrame({"hadm_id": stays["hadm_id"].unique()})
    admissions["deathtime"] = admissions["hadm_id"].map(dict(deaths))
    frames = {
        "hosp/admissions": admissions,
        "icu/chartevents": pd.DataFrame(statuses, columns=TABLES["icu/chartevents"]),
        "icu/icustays": pd.DataFrame(stays, columns=TABLES["icu/icustays"]),
        "hosp/patients": pd.DataFrame(patients, columns=TABLES["hosp/patients"]),
        "icu/procedureevents": pd.DataFrame(procedures, columns=TABLES["icu/procedureevents"]),
        "hosp/procedures_icd": pd.DataFrame(codes, columns=TABLES["hosp/procedures_icd"]),
    }
    for name, times in {
        "icu/icustays": ("intime", "outtime"),
        "icu/procedureevents": ("starttime",),
        "icu/chartevents": ("charttime",),
        "hosp/admissions": ("deathtime",),
    }.items():
        for column in times:
            parsed = pd.to_datetime(frames[name][column], format="ISO8601")
            frames[name][column] = parsed.astype("datetime64[us]")
    statuses = frames["icu/chartevents"]
    whole = {"stay_id": "Int64", "itemid": "int64", "value": "string"}
    frames["icu/chartevents"] = statuses.astype(whole)
    return {name: write_shards(frame, folder / name) for name, frame in frames.items()}


def write_shards(frame, folder):
    folder.mkdir(parents=True)
    paths = [folder / "0.parquet", folder / "1.parquet"]
    for shard, path in enumerate(paths):
        frame.iloc[shard::2].to_parquet(path, index=False)
    return paths


def write_header(root, subject, record, line, *comments, subject_in_header=None):
    """Write the header of one record of the MIMIC-IV layout."""
    folder = root / f"waves/p{subject // 100_000}/p{subject}/{record}"
    folder.mkdir(parents=True)
    comments = (f"subject_id {subject_in_header or subject}", "hadm_id 20000000", *comments)
    file = folder / f"{record}.hea"
    file.write_text("\n".join([line, "segment_0001 1000", *(f"#{text}" for text in comments)]))
    return file


def write_signal(root, subject, record):
    """Write a whole record of one hour with wfdb."""
    folder = root / f"waves/p{subject // 100_000}/p{subject}/{record}"
    folder.mkdir(parents=True)
    signal = np.sin(np.arange(3600))[:, None]
    wfdb.wrsamp(
        str(record),
        fs=1,
        units=["mV"],
        sig_name=["II"],
        p_signal=signal,
        fmt=["16"],
        base_date=pd.Timestamp("2150-01-01").date(),
        base_time=pd.Timestamp("2150-01-01 10:00:00").time(),
        comments=[f"subject_id {subject}"],
        write_dir=str(folder),
    )
