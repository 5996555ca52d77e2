"""Make laboratory results: drawn in the emergency department and on the wards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mimicflow.synthetic.draws import vocabulary
from mimicflow.synthetic.population import DAY, HOUR, Chunk
from mimicflow.synthetic.visits import Visits
from mimicflow.synthetic.writing import Columns

_IDS_PER_CHUNK = 1_000_000
_MAX_WARD_DAYS = 14
_TURNAROUND_MINUTES = 27


def labevents(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/labevents``, by specimen; below the limit of a method stands a text."""
    rng = chunk.stream("labevents")
    items = vocabulary("laboratory", ("label",))
    specimens = _specimens(rng, chunk, visits)
    specimen, item = _ordered(rng, specimens, items)
    n = len(specimen)
    charttime = specimens["time"].to_numpy()[specimen]
    wait = (_TURNAROUND_MINUTES * np.exp(0.4 * rng.standard_normal(len(specimens))))[specimen]
    storetime = charttime + (wait * 60).astype(np.int64) // 60 * 60
    hadm = specimens["hadm_id"].to_numpy()[specimen]
    start = chunk.number * _IDS_PER_CHUNK + 1
    return {
        "labevent_id": np.arange(start, start + n),
        "subject_id": specimens["subject_id"].to_numpy()[specimen],
        "hadm_id": pa.array(hadm, mask=hadm == 0),
        "specimen_id": start + specimen,
        "charttime": charttime,
        "storetime": storetime,
        **_results(rng, specimens, items, specimen, item),
    }


def _specimens(rng: np.random.Generator, chunk: Chunk, visits: Visits) -> pd.DataFrame:
    """One row per blood draw: first and repeated ones in the ED, every morning on the ward."""
    stays = chunk.stays[visits.alive]
    arrival, predicted = stays["intime"].to_numpy(), stays["prediction_time"].to_numpy()
    n = len(stays)
    wait = (0.38 + 0.22 * np.exp(0.6 * rng.standard_normal(n))) * HOUR
    length = (stays["outtime"] - stays["intime"]).to_numpy()
    first = arrival + np.minimum(wait, 0.8 * length).astype(np.int64)
    # Serial troponins are drawn together with the serial ECGs, most often shortly before them.
    again = rng.random(n) < np.where(stays["n_ecg"] > 1, 0.55, 0.15)
    serial = predicted - (rng.uniform(19, 62, n) * 60).astype(np.int64)
    later = first + rng.uniform(2.5, 4, n) * HOUR
    repeat = np.where((stays["n_ecg"] > 1) & (serial > first), serial, later).astype(np.int64)
    again &= repeat < stays["outtime"].to_numpy()
    ed = pd.DataFrame(
        {
            "patient": stays["patient"].to_numpy(),
            "illness": chunk.hidden["illness"].to_numpy()[visits.alive],
            "hadm_id": 0,
        }
    )
    ward = _ward_draws(rng, visits.admissions)
    both = pd.concat(
        [ed.assign(time=first, order="order_ed"),
         ed.assign(time=repeat, order="repeat_ed")[again],
         ward.assign(order="inpatient")],
        ignore_index=True,
    )  # fmt: skip
    both["time"] -= both["time"] % 60
    both["subject_id"] = chunk.patients["subject_id"].to_numpy()[both["patient"]]
    both["frailty"] = chunk.patients["frailty"].to_numpy()[both["patient"]]
    both["male"] = (chunk.patients["gender"] == "M").to_numpy()[both["patient"]]
    return both.sort_values(["patient", "time"], kind="stable", ignore_index=True)


def _ward_draws(rng: np.random.Generator, admissions: pd.DataFrame) -> pd.DataFrame:
    start, end = admissions["admittime"].to_numpy(), admissions["dischtime"].to_numpy()
    days = np.minimum((end - start) // DAY + 1, _MAX_WARD_DAYS)
    admission = np.repeat(np.arange(len(admissions)), days)
    day = np.arange(len(admission)) - np.repeat(np.cumsum(days) - days, days)
    morning = (start[admission] // DAY + 1 + day) * DAY + 5 * HOUR
    time = morning + rng.integers(0, 120, len(day)) * 60
    inside = time < end[admission]
    admission = admission[inside]
    recovering = admissions["illness"].to_numpy()[admission] * 0.9 ** day[inside]
    return pd.DataFrame(
        {
            "patient": admissions["patient"].to_numpy()[admission],
            "illness": recovering,
            "hadm_id": admissions["hadm_id"].to_numpy()[admission],
            "time": time[inside],
        }
    )


def _ordered(
    rng: np.random.Generator, specimens: pd.DataFrame, items: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of specimens and items of all results; the sick are tested a little more."""
    kinds = ["order_ed", "repeat_ed", "inpatient"]
    share = items[kinds].to_numpy(np.float32).T
    kind = pd.Categorical(specimens["order"], kinds).codes
    more = np.float32(0.06) * np.tanh(specimens["illness"].to_numpy(np.float32))[:, None]
    chance = share[kind] + more * share[kind]
    specimen, item = np.nonzero(rng.random(chance.shape, dtype=np.float32) < chance)
    return specimen, item


def _results(
    rng: np.random.Generator,
    specimens: pd.DataFrame,
    items: pd.DataFrame,
    specimen: np.ndarray,
    item: np.ndarray,
) -> dict:
    """Values, units, reference ranges and flags of the results."""

    def of(name: str) -> np.ndarray:
        return items[name].to_numpy(float)[item]

    score = of("illness") * specimens["illness"].to_numpy()[specimen]
    score += of("comorbidity") * specimens["frailty"].to_numpy()[specimen]
    score += of("noise") * rng.standard_normal(len(item))
    raw = of("center") + of("spread") * score
    raw = np.where(of("log") == 1, np.exp(np.clip(raw, -8, 12)), np.maximum(raw, 0.1))
    scale = 10.0 ** of("decimals")
    value = np.round(raw * scale) / scale
    below = value < of("limit")  # NaN where the method has no limit of detection
    upper, lower = of("upper"), of("lower")
    abnormal = ((value > upper) | (value < lower)) & ~below
    limits = "<" + items["limit"].map("{:g}".format)
    text = pc.if_else(
        pa.array(below), pa.array(limits.to_numpy(object)).take(pa.array(item)),
        pa.array(value).cast(pa.string()),
    )  # fmt: skip
    unit, units = pd.factorize(items["unit"])
    return {
        "itemid": items["itemid"].to_numpy(np.int64)[item],
        "value": text,
        "valuenum": np.where(below, np.nan, value),
        "valueuom": pa.DictionaryArray.from_arrays(pa.array(unit[item]), pa.array(units)),
        "ref_range_lower": lower,
        "ref_range_upper": upper,
        "flag": pa.DictionaryArray.from_arrays(
            pa.array(abnormal.astype(np.int32)), pa.array(["", "abnormal"])
        ),
        "priority": pa.DictionaryArray.from_arrays(
            pa.array((specimens["order"] != "inpatient").to_numpy(np.int32)[specimen]),
            pa.array(["ROUTINE", "STAT"]),
        ),
    }
