"""The registry that `make_icu` writes: whole, the same every time, and readable."""

import numpy as np
import pandas as pd
import pytest
import wfdb
from same_results import digests

from mimicflow.bedside.registry import read_registry
from mimicflow.errors import ConfigError
from mimicflow.hrv.epochs import measure_epoch
from mimicflow.synthetic.icu import hospital as icu
from mimicflow.synthetic.icu.hospital import make_icu
from mimicflow.synthetic.icu.stays import draw_stays, recorded
from mimicflow.synthetic.icu.vitals import VITALS

N, SEED = 10, 2
EPOCH_S = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("icu")
    make_icu(folder / "registry", folder / "truth.parquet", n_patients=N, seed=SEED, dirt=0)
    return folder


@pytest.fixture(scope="module")
def recordings(made):
    return pd.read_csv(made / "registry/recordings.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def stays():
    return draw_stays(N, SEED, 0, False)


def test_bytes_do_not_depend_on_processes_or_on_the_other_patients(tmp_path, made):
    for processes in (1, 2):
        make_icu(
            tmp_path / f"{processes}/registry", tmp_path / f"{processes}/truth.parquet",
            n_patients=4, seed=SEED, dirt=0, processes=processes,
        )  # fmt: skip
    first = digests(tmp_path / "1")
    assert first == digests(tmp_path / "2")
    whole = digests(made)
    records = {name: content for name, content in first.items() if "/records/" in name}
    assert len(records) > 20 and records.items() <= whole.items()


def test_the_registry_is_one_that_the_reader_takes(made, stays):
    registry = read_registry(made / "registry")
    assert (made / "registry/SYNTHETIC").is_file()
    assert set(registry.stays["stay_id"]) == set(stays["stay_id"])
    assert set(registry.recordings["stay_id"]) == set(stays["stay_id"])
    expected = stays[stays["cpr_h"].notna()]
    times = expected["intime"] + pd.to_timedelta(expected["cpr_h"], "h").dt.round("s")
    assert list(registry.arrests["stay_id"]) == list(expected["stay_id"])
    assert list(registry.arrests["cpr_time"]) == list(times)


def test_some_die_without_resuscitation_and_some_are_limited():
    stays = draw_stays(360, SEED, 0.01, False)
    arrested = stays["cpr_h"].notna()
    died, limited = stays["death_time"].notna(), stays["limits_time"].notna()
    assert 0.03 < died[~arrested].mean() < 0.1 and 0.05 < limited[~arrested].mean() < 0.2
    assert (died & limited & ~arrested).any() and (limited & ~died).any()
    assert 0.3 < died[arrested].mean() < 0.8 and not limited[arrested].any()
    assert (stays.loc[died, "death_time"] == stays.loc[died, "outtime"]).all()
    assert stays.loc[limited, "limits_time"].between(
        stays.loc[limited, "intime"], stays.loc[limited, "outtime"]
    ).all()  # fmt: skip


def test_wfdb_reads_every_record_where_the_registry_says_that_it_is(made, recordings, stays):
    by_id = stays.set_index("stay_id")
    seen, start_known = {}, set()
    for row in recordings.itertuples():
        stay = by_id.loc[row.stay_id]
        header = wfdb.rdheader(str(made / "registry" / row.record))
        start = header.base_datetime
        start_known.add((bool(row.start_time), start is not None))
        if row.start_time and start is not None:
            assert pd.Timestamp(row.start_time) == start
        start = pd.Timestamp(row.start_time or start)
        record = wfdb.rdrecord(str(made / "registry" / row.record))
        assert record.fs == stay["rate"] and stay["lead"] in record.sig_name
        assert row.ecg_lead in ("", stay["lead"])
        found = np.isfinite(record.p_signal[:, record.sig_name.index(stay["lead"])])
        seen.setdefault(row.stay_id, []).append((start, found, record.fs))
    assert start_known <= {(True, True), (True, False), (False, True)} and len(start_known) > 1
    for stay_id, parts in seen.items():
        stay = by_id.loc[stay_id].copy()
        stay["stay_id"] = stay_id
        _, found, rate = parts[0]
        promised = recorded(stay, SEED)
        if stay["layout"] == "variable":
            assert len(parts) == 1
            first, last = promised[0], promised[-1]
            assert len(found) == (last.start + last.seconds - first.start) * rate
            mask = np.zeros(len(found), bool)
            for part in promised:
                from_sample = int((part.start - first.start) * rate)
                mask[from_sample : from_sample + int(part.seconds * rate)] = True
            assert not found[~mask].any() and found[mask].mean() > 0.8
        else:
            assert [(p - stay["intime"]).total_seconds() for p, _, _ in parts] == [
                part.start for part in promised
            ]
            assert [len(f) / r for _, f, r in parts] == [part.seconds for part in promised]
    assert set(stays["layout"]) == {"single", "variable", "fixed"}


def test_the_numbers_go_with_the_beats(made, recordings, stays):
    kinds = stays.set_index("stay_id")["numerics"]
    differences = []
    for row in recordings.drop_duplicates("stay_id").itertuples():
        record = made / "registry" / row.record
        kind = kinds[row.stay_id]
        assert (row.numerics == "") == (kind == "unnamed")
        if kind == "wfdb":
            numerics = wfdb.rdrecord(f"{record}n")
            assert numerics.fs == 0.5 and numerics.base_datetime is not None
            shown = numerics.p_signal[: EPOCH_S // 2, 0]
        else:
            frame = pd.read_parquet(f"{record}.numerics.parquet")
            assert list(frame.columns) == ["time", *VITALS]
            assert frame["time"].is_monotonic_increasing
            shown = frame["hr"].to_numpy()[: EPOCH_S // 2]
        header = wfdb.rdheader(str(record))
        signal = wfdb.rdrecord(str(record), sampto=int(EPOCH_S * header.fs))
        name = row.ecg_lead or next(n for n in signal.sig_name if n in ("I", "II", "V", "MCL1"))
        voltage = signal.p_signal[:, signal.sig_name.index(name)]
        epoch = measure_epoch(voltage, header.fs)
        if epoch.reason == "" and np.isfinite(shown).any():
            differences.append(np.nanmean(shown) - 60 * len(epoch.r_peaks) / EPOCH_S)
    assert len(differences) >= 5 and np.abs(differences).max() < 1.5


def test_the_truth_covers_what_was_recorded_and_nothing_else(made, stays):
    truth = pd.read_parquet(made / "truth.parquet")
    assert list(truth.columns) == ["stay_id", "time", "u", "risk"]
    assert truth["time"].dtype == "datetime64[us]"
    for _, stay in stays.iterrows():
        hours = truth.loc[truth["stay_id"] == stay["stay_id"], "time"] - stay["intime"]
        seconds = hours.dt.total_seconds().to_numpy()
        expected = [
            part.start + offset
            for part in recorded(stay, SEED)
            for offset in range(0, part.seconds, EPOCH_S)
        ]
        assert list(seconds) == expected
    assert truth["risk"].between(0, 1).all()
    order = truth.sort_values("u")
    assert order["risk"].is_monotonic_increasing


def test_the_default_size_fits(made, recordings, stays):
    """Bytes per stay, so that the default number of patients stays below 300 MB."""
    used = sum(path.stat().st_size for path in (made / "registry").rglob("*") if path.is_file())
    assert used / len(stays) * 1.15 * icu.DEFAULT_PATIENTS < 300e6
    assert icu.DEFAULT_PATIENTS >= 120


def test_it_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    make_icu(tmp_path / "registry", tmp_path / "truth.parquet", n_patients=1, seed=1, dirt=0)
    before = digests(tmp_path)

    def fail(stay, folder, **_):
        (folder / "half").touch()
        raise OSError("disk full")

    monkeypatch.setattr(icu, "write_stay", fail)
    for place in ("registry", "another"):
        with pytest.raises(OSError, match="disk full"):
            make_icu(tmp_path / place, tmp_path / "truth.parquet", n_patients=1, seed=3, dirt=0)
    assert digests(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry", "truth.parquet"]
    monkeypatch.undo()
    make_icu(tmp_path / "registry", tmp_path / "truth.parquet", n_patients=1, seed=3, dirt=0)
    assert digests(tmp_path).keys() != before.keys() or digests(tmp_path) != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry", "truth.parquet"]


@pytest.mark.parametrize(
    ("truth", "n_patients", "dirt", "word"),
    [
        ("registry/truth.parquet", 1, 0, "inside its registry"),
        ("truth.parquet", 0, 0, "0 patients"),
        ("truth.parquet", 1, 0.5, "dirt"),
    ],
)
def test_sizes_and_places_that_cannot_be_are_refused(tmp_path, truth, n_patients, dirt, word):
    with pytest.raises(ConfigError, match=word):
        make_icu(tmp_path / "registry", tmp_path / truth, n_patients=n_patients, seed=0, dirt=dirt)
    assert not list(tmp_path.iterdir())
