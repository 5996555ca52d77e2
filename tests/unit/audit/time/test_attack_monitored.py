"""A measure, a vital feature or a slope that looks beyond the end of its epoch is found."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.slopes import slopes_of
from mimicflow.arrest.vital_features import epoch_medians, features_of, vital_ranges
from mimicflow.audit.time import attack_monitored
from mimicflow.audit.time.attack_monitored import attack_epochs
from mimicflow.bedside.recording import EcgRecording
from mimicflow.hrv.measures import MEASURES

BEGIN, FIVE = pd.Timestamp("2150-01-01"), pd.Timedelta(minutes=5)
RATE, N = 1.0, 300  # Hz; samples of an epoch
VITALS = list(vital_ranges().index)
EPOCHS = pd.DataFrame(
    {"epoch_id": range(9), "subject_id": 1, "stay_id": "S", "recording_id": 7,
     "start": [BEGIN + place * FIVE for place in range(9)],
     "first_sample": [N * place for place in range(9)], "n_samples": N}
)  # fmt: skip
EPOCHS["end"] = EPOCHS["start"] + FIVE
NUMBERS = pd.DataFrame(
    np.random.default_rng(1).uniform(40, 90, (150, len(VITALS))), columns=VITALS
).assign(time=[BEGIN + pd.Timedelta(seconds=20 * place) for place in range(150)])


class Memory(EcgRecording):
    def _fill(self, values, first):
        values[:] = np.arange(first, first + len(values))


def mean(recording, first, n, steps):
    """Stand for the measures: what of the samples is looked at."""
    return SimpleNamespace(measures=np.full(len(MEASURES), recording.read(first, n).mean()))


def beyond(recording, first, n, steps):
    return mean(recording, first, n + 1, steps)


def late_medians(numbers, start, end):
    return epoch_medians(numbers, start + FIVE / 2, end + FIVE / 2)


def late_slopes(values, stay_id, start, end):
    return slopes_of(values.shift(-1), stay_id, start, end)


@pytest.fixture
def attacked(tmp_path, monkeypatch):
    """Return a function: how many features change, by what was recorded later."""

    def run(measure=mean, medians=epoch_medians, slopes=slopes_of):
        recording = Memory(tmp_path, "II", RATE, 10 * N, BEGIN)
        for name, function in (
            ("measure_part", measure),
            ("epoch_medians", medians),
            ("slopes_of", slopes),
            ("open_recording", lambda *file: recording),
            ("read_numerics", lambda *file: NUMBERS),
        ):
            monkeypatch.setattr(attack_monitored, name, function)
        monkeypatch.setattr(Memory, "without", lambda self, segments: self)
        times = EPOCHS["stay_id"], EPOCHS["start"], EPOCHS["end"]
        measures = pd.DataFrame(
            [measure(recording, row.first_sample, N, None).measures for row in EPOCHS.itertuples()],
            columns=list(MEASURES),
        )
        vitals = features_of(medians(NUMBERS, EPOCHS["start"], EPOCHS["end"]), *times)
        values = pd.concat([measures, vitals], axis=1)
        sloping = slopes(values[[*MEASURES, *VITALS]] ** 2, *times)
        both = pd.concat([values[[*MEASURES, *VITALS]] ** 2, sloping], axis=1)
        scanned = pd.DataFrame({"recording_id": [7], "record": "r", "lead": "II",
                                "wrong_segments": "", "numerics": "n"})  # fmt: skip
        ids = EPOCHS[["epoch_id"]]
        paths = {}
        for name, frame in (
            ("plan", EPOCHS),
            ("scanned", scanned),
            ("measured", pd.concat([ids.assign(reason=""), measures], axis=1)),
            ("vitals", pd.concat([ids, vitals], axis=1)),
            ("both", pd.concat([ids, both], axis=1)),
        ):
            paths[name] = tmp_path / f"{name}.parquet"
            frame.to_parquet(paths[name])
        rows = attack_epochs(
            paths.pop("plan"),
            *([path] for path in paths.values()),
            waveforms=tmp_path,
            preprocessing={},
            max_wrong_checksums="none",
            n_epochs=5,
            seed=3,
        )
        return {
            row["what"].partition(",")[0]: row["number"] for row in rows if "changed" in row["what"]
        }

    monkeypatch.setattr(attack_monitored.Preprocessing, "of", lambda options: None)
    return run


def test_nothing_that_is_recorded_later_changes_an_epoch(attacked):
    assert set(attacked().values()) == {0}


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"measure": beyond}, "samples of the ECG"),
        ({"medians": late_medians}, "numbers of the monitor"),
        ({"slopes": late_slopes}, "epochs of the stay"),
    ],
)
def test_what_looks_beyond_the_end_of_an_epoch_is_found(attacked, fault, found):
    changed = attacked(**fault)

    assert {what for what, number in changed.items() if number} == {found}
