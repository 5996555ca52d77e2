"""Tables of benchmarks/quality.py: beats matched, epochs judged, measures compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb.processing

from _quality.made import KINDS, LOST, NOISES, SNR_DB, Epoch, spoil
from mimicflow.ecg.clean import fill_missing, resample
from mimicflow.hrv.clean import clean_lead
from mimicflow.hrv.epochs import EpochMeasures, measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.peaks import METHODS, Detector, find_r_peaks
from mimicflow.hrv.preprocessing import PUBLISHED, Preprocessing

RULES = {"default": Preprocessing(), "published": PUBLISHED}
RATE, EPOCH_S, TOLERANCE_S = 250, 300, 0.15
COMPARED = ("MeanNN", "SDNN", "RMSSD")
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
# Records with reference beats ("atr"), with those of wfdb's xqrs, and without; and the lead.
RECORDS = (
    ("mitdb/100", "MLII", "atr"),
    *((f"mitdb/{number}", "MLII", "xqrs") for number in (106, 121, 202, 223)),
    *((f"cpsc2021/data_{name}", "II", "atr") for name in ("21_8", "21_9", "84_1", "84_2")),
    *((f"cpsc2021/data_{name}", "II", "atr") for name in ("92_19", "92_4")),
    *(("mimicdb/03700181", "MCL1", ""), ("challenge-2015/a103l", "II", "")),
    *(("challenge-2015/v102s", "II", ""), ("multi-segment/s25047/3234460_0016", "II", "")),
    ("multi-segment/s00001/3975656_0005", "MCL1", ""),
    ("multi-segment/s00001/3975656_0006", "MCL1", ""),
)  # fmt: skip


def matched(found: np.ndarray, true: np.ndarray) -> int:
    """Count beats (in s) that are found within 150 ms, each once."""
    if not len(found) or not len(true):
        return 0
    found_ms, true_ms = (np.rint(times * 1000).astype(int) for times in (found, true))
    window = round(TOLERANCE_S * 1000)
    return int(wfdb.processing.compare_annotations(true_ms, found_ms, window).tp)


def f1(counts: np.ndarray) -> float:
    """Harmonic mean of sensitivity and predictive value of (matched, true, found)."""
    return float(2 * counts[0] / max(1, counts[1] + counts[2]))


def judge_made(epochs: Sequence[Epoch], rng: np.random.Generator) -> pd.DataFrame:
    """Judge made epochs without noise and with each kind and size of it, one row per rule."""
    rows = []
    for noise, snr in [("none", np.inf), *((noise, snr) for noise in NOISES for snr in SNR_DB)]:
        for epoch in epochs:
            ecg = epoch.ecg if noise == "none" else epoch.with_noise(rng, noise, snr)
            for rule, steps in RULES.items():
                measured = measure_epoch(ecg, epoch.rate, steps)
                row = {
                    "rule": rule,
                    "noise": noise,
                    "snr": snr,
                    "kind": epoch.kind,
                    "sinus": epoch.sinus,
                }
                rows.append(row | _compared(measured, epoch.beats))
    return pd.DataFrame(rows)


def _compared(measured: EpochMeasures, beats: np.ndarray) -> dict[str, object]:
    """Say whether an epoch is kept, with which beats, and how far its measures are off."""
    row: dict[str, object] = {"kept": measured.reason == "", "found": False}
    if not row["kept"]:
        return row
    found = measured.r_peaks / RATE
    pairs = matched(found, beats)
    row["found"] = pairs >= 0.99 * max(len(beats), len(found))
    inside = beats[(beats >= found[0] - 0.1) & (beats <= found[-1] + 0.1)]
    rr = np.diff(inside) * 1000
    true = (rr.mean(), rr.std(ddof=1), np.sqrt(np.mean(np.diff(rr) ** 2)))
    for name, value in zip(COMPARED, true, strict=True):
        if value:  # a paced rhythm has no spread
            row[name] = abs(measured.measures[MEASURES.index(name)] / value - 1)
    return row


def table_of_noise(judged: pd.DataFrame) -> pd.DataFrame:
    """Kept epochs, kept ones whose beats are right, and errors in sinus rhythm, by noise."""
    rows = []
    whole = judged.assign(noise="all", snr=np.nan)
    for (rule, noise, snr), part in pd.concat([judged, whole]).groupby(
        ["rule", "noise", "snr"], sort=False, dropna=False
    ):
        kept = part[part["kept"]]
        sinus = kept[kept["sinus"]]
        row = {"rule": rule, "noise": noise, "SNR": f"{snr:g}" if np.isfinite(snr) else "–"}
        row |= {"epochs": len(part), "kept": percent(part["kept"].mean())}
        row["beats right"] = percent(kept["found"].mean()) if len(kept) else "–"
        row["sinus, kept"] = len(sinus)
        for name in COMPARED:
            errors = sinus[name].quantile([0.5, 0.95]) * 100
            text = " / ".join(f"{error:.2f}" for error in errors)
            row[f"{name} error, %"] = text if len(sinus) else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def table_of_kinds(judged: pd.DataFrame) -> pd.DataFrame:
    """Kept epochs without noise, by kind of rhythm."""
    clean = judged[judged["noise"] == "none"]
    kept = clean.groupby(["kind", "rule"])["kept"].agg(["mean", "size"]).unstack()
    return pd.DataFrame(
        [
            {
                "rhythm": kind,
                "epochs": int(kept.loc[kind, ("size", "default")]),
                **{rule: percent(kept.loc[kind, ("mean", rule)]) for rule in RULES},
            }
            for kind in KINDS
        ]
    )


def table_of_lost(epochs: Sequence[Epoch], rng: np.random.Generator) -> pd.DataFrame:
    """Epochs of which a part is no signal or has no beats: how many are dropped, and why."""
    rows = []
    for how in LOST:
        spoilt = [(spoil(rng, epoch, how), epoch.rate) for epoch in epochs]
        for rule, steps in RULES.items():
            reasons = pd.Series([measure_epoch(ecg, rate, steps).reason for ecg, rate in spoilt])
            counts = reasons.replace("", "kept").value_counts()
            rows.append(
                {
                    "made": how,
                    "rule": rule,
                    "epochs": len(reasons),
                    "dropped": percent((reasons != "").mean()),
                    "as": ", ".join(f"{name} {n}" for name, n in counts.items()),
                }
            )
    return pd.DataFrame(rows)


def table_of_detectors(epochs: Sequence[Epoch], shared: Path) -> pd.DataFrame:
    """F1 of each detector, on made epochs without noise by rhythm, and on real recordings."""
    detectors = {
        **{f"{name}, 0.2 s": Detector(name, 0.2) for name in METHODS},
        **{f"{name}, 0.3 s": Detector(name, 0.3) for name in METHODS},
    }
    columns: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {kind: [] for kind in KINDS}
    for epoch in epochs:
        columns[epoch.kind].append((cleaned(epoch.ecg, epoch.rate), epoch.beats))
    columns["real, annotated"] = [
        (cleaned(ecg, rate), beats)
        for record, lead, marks in RECORDS
        if marks == "atr"
        for ecg, rate, beats in _epochs_of(shared / "ecg-long" / record, lead, marks)
    ]
    rows = []
    for name, detector in detectors.items():
        row: dict[str, object] = {"detector": name}
        for column, signals in columns.items():
            counts = np.zeros(3)
            for ecg, beats in signals:
                found = find_r_peaks(ecg, RATE, detector) / RATE
                counts += (matched(found, beats), len(beats), len(found))
            row[column] = f"{f1(counts):.4f}"
        rows.append(row)
    return pd.DataFrame(rows)


def table_of_records(shared: Path) -> pd.DataFrame:
    """Real recordings: epochs that each rule keeps, and beats of those that the default keeps."""
    rows = []
    for record, lead, marks in RECORDS:
        counts, kept = np.zeros(3), dict.fromkeys(RULES, 0)
        parts = list(_epochs_of(shared / "ecg-long" / record, lead, marks))
        reasons: list[str] = []
        for ecg, rate, beats in parts:
            for rule, steps in RULES.items():
                measured = measure_epoch(ecg, rate, steps)
                kept[rule] += measured.reason == ""
                if rule == "default":
                    reasons += [measured.reason] if measured.reason else []
                    if marks and not measured.reason:
                        found = measured.r_peaks / RATE
                        counts += (matched(found, beats), len(beats), len(found))
        dropped = pd.Series(reasons, dtype=str).value_counts().items()
        rows.append(
            {
                "record": record.removeprefix("multi-segment/"),
                "lead": lead,
                "epochs": len(parts),
                **{f"kept, {rule}": number for rule, number in kept.items()},
                "dropped as": ", ".join(f"{name} {n}" for name, n in dropped) or "–",
                "beats": {"atr": "reference", "xqrs": "xqrs"}.get(marks, "–"),
                "sensitivity, %": f"{100 * counts[0] / counts[1]:.2f}" if counts[1] else "–",
                "predictive value, %": f"{100 * counts[0] / counts[2]:.2f}" if counts[2] else "–",
            }
        )
    return pd.DataFrame(rows)


def _epochs_of(path: Path, lead: str, marks: str) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Yield mV, Hz and the times of beats in s of each whole epoch of a record."""
    rate = wfdb.rdheader(str(path)).fs
    samples = wfdb.rdrecord(str(path), channel_names=[lead]).p_signal[:, 0]
    beats = np.empty(0)
    if marks:
        annotation = wfdb.rdann(str(path), marks)
        chosen = [marks == "xqrs" or symbol in BEATS for symbol in annotation.symbol]
        beats = annotation.sample[chosen] / rate
    length = int(EPOCH_S * rate)
    for start in range(0, len(samples) - length + 1, length):
        begin = start / rate
        inside = (beats >= begin) & (beats < begin + EPOCH_S)
        yield samples[start : start + length], rate, beats[inside] - begin


def cleaned(ecg: np.ndarray, rate: float) -> np.ndarray:
    """Resample and clean a lead in mV, as before beats are found."""
    return clean_lead(resample(fill_missing(ecg), rate, RATE), RATE)


def percent(share: float) -> str:
    """Write a share as percent."""
    return f"{100 * share:.1f} %"


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown."""
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += table.astype(str).to_numpy().tolist()
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
