"""Draw what each ECG shows: the parameters of its waveform, and what the machine made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from mimicflow.synthetic import truth
from mimicflow.synthetic.draws import choose, vocabulary
from mimicflow.synthetic.population import Chunk
from mimicflow.synthetic.visits import Visits
from mimicflow.synthetic.writing import Columns

NOT_MEASURED = 29999
_P_ONSET = 40
_SLOTS = 18


def ecg_parameters(chunk: Chunk, visits: Visits, moments: pd.DataFrame) -> pd.DataFrame:
    """Return one row per ECG, by study: what its waveform shows.

    Returns
    -------
    DataFrame
        study_id, subject_id, time (s), af, irregular, left_block (0/1), rate (/min), rr, qrs, pr,
        qt, qtc (ms), axis, t_axis, p_axis (deg), st_mv, t_mv (mV), voltage, p_amplitude (relative),
        noise (relative), pvc, pac (beats of that kind).
    """
    rng = chunk.stream("ecg parameters")
    of_ecg = (moments["kind"] == "ecg").to_numpy()
    looks = moments[of_ecg].reset_index(drop=True)
    n = len(looks)
    patient = chunk.stays["patient"].to_numpy()[looks["stay"]]
    people = chunk.patients.iloc[patient].reset_index(drop=True)
    rate = np.clip(80 * np.exp(0.22 * looks["heart_rate"]), 34, 190)
    rr = 60_000 / rate
    pr = people["pr"] + 8 * rng.standard_normal(n)
    qtc = 415 + 14 * looks["qrs_duration"] + 16 * rng.standard_normal(n)
    frame = pd.DataFrame(
        {
            "study_id": looks["study_id"],
            "subject_id": people["subject_id"],
            "time": looks["time"],
            "af": truth.in_fibrillation(looks[truth.RHYTHM].to_numpy()).astype(int),
            "irregular": (rng.random(n) < 0.06).astype(int),
            "left_block": people["left_block"],
            "rate": rate,
            "rr": rr,
            "qrs": np.clip(98 * np.exp(0.155 * looks["qrs_duration"]), 62, 190),
            "pr": np.clip(pr, 100, np.minimum(300, 0.3 * rr)),
            "qtc": qtc,
            "qt": np.clip(qtc * np.cbrt(rr / 1000), 240, 0.72 * rr + 60),
            "axis": np.clip(32 - 36 * looks["qrs_axis"], -100, 170),
            "t_axis": np.clip(42 + 40 * looks["t_wave"], -100, 190),
            "p_axis": np.clip(52 + 14 * rng.standard_normal(n), -20, 100),
            "st_mv": np.clip(-0.085 * looks["st_deviation"], -0.35, 0.35),
            "t_mv": np.clip(0.28 - 0.22 * looks["t_wave"], -0.6, 1.0),
            "voltage": people["voltage"] * np.exp(0.05 * rng.standard_normal(n)),
            "p_amplitude": people["p_amplitude"],
            "noise": np.exp(0.5 * rng.standard_normal(n)),
            "pvc": np.where(rng.random(n) < 0.07, rng.integers(1, 4, n), 0),
            "pac": np.where(rng.random(n) < 0.05, rng.integers(1, 3, n), 0),
        }
    )
    happened = frame["time"].to_numpy() < visits.death[patient]
    happened &= visits.alive[looks["stay"]]
    return frame[happened].sort_values("study_id", kind="stable", ignore_index=True)


def record_path(subject_id: pd.Series, study_id: pd.Series) -> pd.Series:
    """Path of a record below the ECG folder, without ending."""
    subject, study = subject_id.astype(str), study_id.astype(str)
    return "files/p" + subject.str[:4] + "/p" + subject + "/s" + study + "/" + study


def record_list(parameters: pd.DataFrame) -> Columns:
    """Rows of ``ecg/record_list``."""
    return {
        "subject_id": parameters["subject_id"].to_numpy(),
        "study_id": parameters["study_id"].to_numpy(),
        "file_name": parameters["study_id"].to_numpy(),
        "ecg_time": parameters["time"].to_numpy(),
        "path": record_path(parameters["subject_id"], parameters["study_id"]).to_numpy(object),
    }


def machine_measurements(chunk: Chunk, parameters: pd.DataFrame, dirt: float) -> Columns:
    """Rows of ``ecg/machine_measurements``: numbers close to the truth, statements from rules."""
    rng = chunk.stream("machine measurements")
    n = len(parameters)

    def measured(center: pd.Series | np.ndarray, error: float) -> np.ndarray:
        return np.round(np.asarray(center) + error * rng.standard_normal(n)).astype(np.int64)

    pr = parameters["pr"].to_numpy()
    qrs_onset = measured(_P_ONSET + pr, 3)
    numbers = {
        "rr_interval": measured(parameters["rr"], 8),
        "p_onset": measured(np.full(n, _P_ONSET), 1),
        "p_end": measured(_P_ONSET + 0.68 * pr, 3),
        "qrs_onset": qrs_onset,
        "qrs_end": qrs_onset + measured(parameters["qrs"], 3),
        "t_end": qrs_onset + measured(parameters["qt"], 8),
        "p_axis": measured(parameters["p_axis"], 4),
        "qrs_axis": measured(parameters["axis"], 3),
        "t_axis": measured(parameters["t_axis"], 4),
    }
    absent = parameters["af"].to_numpy() == 1
    broken = rng.random(n) < dirt
    for name, values in numbers.items():
        unseen = absent if name.startswith("p_") else broken
        numbers[name] = np.where(unseen | broken, NOT_MEASURED, values)
    return {
        "subject_id": parameters["subject_id"].to_numpy(),
        "study_id": parameters["study_id"].to_numpy(),
        "cart_id": 6_840_000 + rng.integers(0, 200, n),
        "ecg_time": parameters["time"].to_numpy(),
        **_statements(rng, parameters),
        "bandwidth": choose(rng, "bandwidth", n),
        "filtering": choose(rng, "filtering", n),
        **numbers,
    }


def _statements(rng: np.random.Generator, parameters: pd.DataFrame) -> Columns:
    """Fill the report slots from the front with the statements whose rules hold."""
    rules = vocabulary("reports", ("statement", "holds"))
    abnormality = (
        (parameters["axis"] <= -25).astype(float)
        + (parameters["qrs"] >= 112)
        + 1.5 * (parameters["st_mv"] < -0.12)
        + (parameters["t_mv"] < 0.05)
        + 1.5 * parameters["af"]
        + 0.6 * (parameters["rate"] >= 100)
        + 0.6 * (parameters["pvc"] > 0)
    )
    seen = parameters.assign(abnormality=abnormality)
    holds = np.column_stack([_within(seen, ranges) for ranges in rules["holds"]])
    holds &= rng.random(holds.shape) < rules["probability"].to_numpy(float)
    row, rule = np.nonzero(holds)
    slot = (np.cumsum(holds, axis=1) - 1)[row, rule]
    text = rules["statement"].to_numpy(object)
    slots = np.full((_SLOTS, len(parameters)), None, object)
    kept = slot < _SLOTS
    slots[slot[kept], row[kept]] = text[rule[kept]]
    return {f"report_{i}": pa.array(slots[i], pa.string()) for i in range(_SLOTS)}


def _within(parameters: pd.DataFrame, ranges: str) -> np.ndarray:
    """Say where all ranges hold; ``name low..high`` is half open, an empty end is unbounded."""
    inside = np.ones(len(parameters), bool)
    for condition in ranges.split("; "):
        name, limits = condition.split()
        low, high = limits.split("..")
        values = parameters[name].to_numpy()
        inside &= (values >= float(low or "-inf")) & (values < float(high or "inf"))
    return inside
