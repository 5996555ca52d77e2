"""One small hospital with its waveforms, made once."""

from pathlib import Path

import pandas as pd
import pytest

from mimicflow.synthetic import make_hospital

N_PATIENTS = 2400
SEED = 3


@pytest.fixture(scope="session")
def hospital(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hospital")
    make_hospital(folder, N_PATIENTS, SEED, dirt=0.01)
    return folder


class Tables:
    """Raw tables by name, times parsed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            ending = ".csv" if name.startswith("ecg/") else ".csv.gz"
            frame = pd.read_csv(
                self.folder / f"{name}{ending}",
                dtype={"gsn": str, "etccode": str, "icd_code": str, "resprate": str, "pain": str},
                low_memory=False,
            )
            for column in frame.columns:
                if column.endswith("time") or column in ("dod", "chartdate"):
                    frame[column] = pd.to_datetime(frame[column])
            self._read[name] = frame
        return self._read[name]


@pytest.fixture(scope="session")
def tables(hospital) -> Tables:
    return Tables(hospital)


@pytest.fixture(scope="session")
def truth(hospital) -> pd.DataFrame:
    return pd.read_parquet(hospital / "truth.parquet")


@pytest.fixture(scope="session")
def cohort(tables) -> pd.DataFrame:
    """Stays with a cardiac complaint, an ECG, and HOME or ADMITTED, at their prediction ECG."""
    words = "chest|dyspnea|cardiac|c/p|cp|syncope"
    triage = tables["ed/triage"]
    named = triage[triage["chiefcomplaint"].fillna("").str.contains(words, case=False)]
    stays = tables["ed/edstays"].merge(named.drop(columns="subject_id"), on="stay_id")
    ecgs = tables["ecg/machine_measurements"]
    both = stays.merge(ecgs, on="subject_id")
    both = both[both["ecg_time"].between(both["intime"], both["outtime"])]
    both = both.sort_values(["stay_id", "ecg_time"])
    both["n_ecg"] = both.groupby("stay_id")["stay_id"].transform("size")
    position = both.groupby("stay_id").cumcount() + 1
    last = both[position == both["n_ecg"].clip(upper=6)]
    return last[last["disposition"].isin(["HOME", "ADMITTED"])].reset_index(drop=True)
