from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from same_results import digests

from mimicflow.synthetic import make_hospital, make_waveforms
from mimicflow.synthetic.cardiology import ecg_parameters
from mimicflow.synthetic.courses import draw_moments, drift
from mimicflow.synthetic.electrocardiogram import LEADS
from mimicflow.synthetic.population import draw_chunk
from mimicflow.synthetic.truth import terms
from mimicflow.synthetic.visits import draw_visits
from mimicflow.synthetic.waveforms import DEFECTS, RAIL, draw_defects

N, SEED, DIRT = 60, 4, 0.2


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waveforms")
    written = make_waveforms(folder, N, SEED, dirt=DIRT)
    chunk = draw_chunk(SEED, 0, N)
    shown = ecg_parameters(chunk, draw_visits(chunk), draw_moments(chunk))
    assert written == len(shown)
    shown["defect"] = draw_defects(shown["study_id"].to_numpy(), SEED, DIRT)
    headers = {int(path.stem): path.with_suffix("") for path in folder.rglob("*.hea")}
    shown["path"] = shown["study_id"].map(headers).astype(str)
    return shown


def read(record):
    return wfdb.rdrecord(str(record.path))


def test_wfdb_reads_the_record_and_its_checksums_are_right(records):
    record = records[records["defect"] == ""].iloc[0]
    signal = wfdb.rdrecord(record.path, physical=False)
    assert tuple(signal.sig_name) == LEADS
    assert (signal.fs, signal.sig_len, signal.n_sig) == (500, 5000, 12)
    assert signal.fmt == ["16"] * 12 and signal.adc_gain == [200.0] * 12
    assert signal.checksum == signal.calc_checksum()
    assert signal.init_value == list(signal.d_signal[0])
    assert signal.base_datetime == pd.Timestamp(record.time, unit="s")


def test_limb_leads_obey_einthoven(records):
    voltage = read(records[records["defect"] == ""].iloc[1]).p_signal
    i, ii, iii, avr = (voltage[:, LEADS.index(lead)] for lead in ("I", "II", "III", "aVR"))
    assert np.abs(ii - i - iii).max() <= 0.011  # rounding to 5 µV
    assert np.abs(avr + (i + ii) / 2).max() <= 0.011


def test_the_waveform_shows_rate_axis_and_repolarisation(records):
    clean = records[(records["defect"] == "") & (records["pvc"] == 0) & (records["noise"] < 2)]
    seen = pd.DataFrame([measure(read(record), record) for record in clean.itertuples()])
    regular = (clean["af"] == 0).to_numpy()
    for name in ("rate", "axis", "t_mv", "st_mv"):
        truth = clean[name].to_numpy()[regular]
        least = 0.7 if name == "st_mv" else 0.9  # wander hides the ST segment best
        assert np.corrcoef(seen[name].to_numpy()[regular], truth)[0, 1] > least, name
    spread = seen["irregularity"].groupby(clean["af"].to_numpy()).median()
    assert spread[1] > 4 * spread[0]


def measure(signal, record):
    voltage = pd.DataFrame(signal.p_signal, columns=signal.sig_name)
    voltage -= voltage.median()
    # Beats where the chest leads move fastest.
    steep = np.abs(np.diff(voltage[["V2", "V3", "V4", "V5"]].to_numpy(), axis=0)).sum(1)
    steep = np.convolve(steep, np.ones(20), "same")
    peaks, last = [], -10_000
    for sample in np.flatnonzero(steep > 0.5 * np.quantile(steep, 0.995)):
        if sample - last > 125:
            peaks.append(sample + int(np.argmax(steep[sample : sample + 60])))
        last = sample
    peaks = np.array([peak for peak in peaks if 100 < peak < 4600])
    beats = np.stack([voltage.to_numpy()[peak - 75 : peak + 250] for peak in peaks])
    beat = np.median(beats, axis=0) - np.median(beats[:, :10], axis=(0, 1))
    lead = signal.sig_name.index
    area = beat[45:115].sum(axis=0)
    t_peak = 75 + int(0.31 * record.qt / 2) * 2 - int(0.225 * record.qrs)
    return {
        "rate": 30_000 / np.median(np.diff(peaks)),
        "irregularity": np.std(np.diff(peaks)) / np.mean(np.diff(peaks)),
        "axis": np.rad2deg(np.arctan2((2 * area[lead("II")] - area[0]) / np.sqrt(3), area[0])),
        "t_mv": beat[t_peak : t_peak + 20, lead("V3")].mean(),
        "st_mv": beat[75 + int(0.35 * record.qrs) : t_peak - 25, lead("V6")].mean()
        - 0.3 * beat[t_peak : t_peak + 20, lead("V6")].mean(),
    }


def test_every_defect_is_there(records):
    assert set(records["defect"]) == {"", *DEFECTS}
    for defect, group in records[records["defect"] != ""].groupby("defect"):
        record = group.iloc[0]
        header = wfdb.rdheader(record.path)
        file = Path(record.path + ".dat")
        if defect == "absent":
            assert not file.exists()
        elif defect == "truncated":
            assert file.stat().st_size < 120_000
        elif defect == "missing_lead":
            assert header.n_sig == 11 and len(set(header.sig_name)) == 11
        elif defect == "flat_lead":
            assert (wfdb.rdrecord(record.path).p_signal == 0).all(axis=0).sum() == 1
        elif defect == "nan_samples":
            assert np.isnan(wfdb.rdrecord(record.path).p_signal).sum() == 500
        elif defect == "saturated":
            assert (
                (wfdb.rdrecord(record.path).p_signal == RAIL / 200).sum(axis=0) >= 1000
            ).sum() == 1
        else:
            wrong = {"wrong_sample": 1, "other_header": 12}[defect]
            signal = wfdb.rdrecord(record.path, physical=False)
            assert np.sum(np.array(signal.checksum) != signal.calc_checksum()) == wrong


def test_bytes_do_not_depend_on_processes(tmp_path):
    make_waveforms(tmp_path / "whole", 12, SEED)
    make_waveforms(tmp_path / "parts", 12, SEED, processes=2)
    assert digests(tmp_path / "whole") == digests(tmp_path / "parts")


def test_records_are_those_of_the_list(tmp_path):
    make_hospital(tmp_path, 15, SEED, permute_labels=True)
    make_waveforms(tmp_path, 15, SEED, permute_labels=True)
    listed = pd.read_csv(tmp_path / "ecg" / "record_list.csv")
    made = {str(path.relative_to(tmp_path / "ecg"))[:-4] for path in tmp_path.rglob("*.hea")}
    assert set(listed["path"]) == made
    assert listed["ecg_time"].is_unique


def test_terms_drift_away_from_the_prediction_with_time():
    rng = np.random.default_rng(0)
    anchor = pd.DataFrame(rng.standard_normal((4000, len(terms()))), columns=terms().index)
    stay = np.repeat(np.arange(4000), 3)
    lag = np.tile([-8 * 3600, -3600, 0], 4000)
    course = drift(rng, anchor, stay, lag)["heart_rate"].to_numpy().reshape(-1, 3)
    truth = anchor["heart_rate"]
    assert (course[:, 2] == truth).all()
    for column, hours in ((0, 8), (1, 1)):
        expected = np.exp(-hours / terms().loc["heart_rate", "persistence_h"])
        assert np.corrcoef(course[:, column], truth)[0, 1] == pytest.approx(expected, abs=0.03)
