"""The waveform store: what goes in comes out, damaged records are counted, bytes repeat."""

import logging
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mimicflow.ecg.clean import clean_ecg, fit_length, resample
from mimicflow.ecg.records import LEADS, read_record
from mimicflow.ecg.store import WaveformStore, build_ecg_store, collect_ecg_records
from mimicflow.errors import CheckpointError, InputError
from mimicflow.raw.awaited import count_arrivals


class Shards:
    """Builds shards of records 1..9 and gives their paths."""

    def __init__(self, folder: Path, write_record) -> None:
        self.folder, self.ecg = folder, folder / "ecg"
        self.path_of = {number: str(number) for number in range(1, 10)}
        for number in range(1, 10):
            raw = np.random.default_rng(number).integers(-400, 400, (12, 5000))
            raw[:, 4000 if number == 3 else 5000 :] = 0
            write_record(f"{number}", raw[:, : 4000 if number == 3 else 5000])
        raw[2] = 7  # flat lead III in study 9
        write_record("9", raw)
        (self.ecg / "4.dat").unlink()

    def build(self, name: str, studies: list[int], **options) -> tuple[Path, Path, Path]:
        record_list = self.folder / f"list-{name}.parquet"
        pd.DataFrame(
            {
                "subject_id": [100 + study for study in studies],
                "study_id": studies,
                "ecg_time": pd.to_datetime("2150-01-01") + pd.to_timedelta(studies, unit="h"),
                "path": [self.path_of.get(study) for study in studies],
            }
        ).to_parquet(record_list)
        outputs = tuple(self.folder / f"{name}{end}" for end in (".npy", ".parquet", ".x.parquet"))
        build_ecg_store(self.ecg, record_list, *outputs, **{"sampling_rate": 100, **options})
        return outputs


@pytest.fixture
def shards(tmp_path, write_record):
    return Shards(tmp_path, write_record)


def test_round_trip_within_float16(shards):
    a, a_index, _ = shards.build("a", [9, 1, 4, 3])
    b, b_index, _ = shards.build("b", [2, 8])
    store = WaveformStore([a, b], [a_index, b_index])
    np.testing.assert_array_equal(store.study_ids, [1, 2, 3, 8, 9])
    assert np.load(a).dtype == np.float16
    waveforms, lead_mask = store.read([9, 2, 3, 2])
    assert waveforms.dtype == np.float32
    assert waveforms.shape == (4, 12, store.n_samples) == (4, 12, 1000)
    for study, waveform in zip([9, 2, 3, 2], waveforms, strict=True):
        signals = read_record(shards.ecg, str(study)).signals
        expected = fit_length(resample(clean_ecg(signals, 500), 500, 100), 1000)
        np.testing.assert_allclose(waveform, expected, rtol=2**-11, atol=1e-6)
    assert not waveforms[0, 2].any()
    np.testing.assert_array_equal(lead_mask[0], np.array(LEADS) != "III")
    assert lead_mask[1:].all()
    assert not waveforms[2, :, 800:].any()  # 8 s of record, then zeros


def test_index_and_excluded(shards):
    store, index, excluded = shards.build("a", [9, 11, 4, 3])
    read = pd.read_parquet(index)
    assert read[["study_id", "subject_id", "row", "n_samples", "path"]].to_numpy().tolist() == [
        [3, 103, 0, 800, "3"],
        [9, 109, 1, 1000, "9"],
    ]
    assert read["lead_mask"].tolist() == [0b111111111111, 0b111111111011]
    assert read["lead_mask"].dtype == np.int16
    assert read["ecg_time"][0] == pd.Timestamp("2150-01-01 03:00:00")
    left_out = pd.read_parquet(excluded)[["study_id", "subject_id", "path", "reason"]]
    assert left_out.astype(object).where(left_out.notna(), None).to_numpy().tolist() == [
        [4, 104, "4", "signal_missing"],
        [11, 111, None, "path_missing"],
    ]
    assert len(np.load(store)) == 2
    assert not list(shards.folder.glob(".*partial*"))


def test_the_log_counts_records_and_names_none(shards, caplog):
    with caplog.at_level(logging.INFO):
        _, index, excluded = shards.build("a", [9, 11, 4, 3])

    assert [record.message for record in caplog.records] == ["4 of 4 records, 2 left out"]
    with pytest.raises(InputError) as error:
        collect_ecg_records(
            *([index], [excluded], shards.folder / "records.parquet", shards.folder / "x.csv"),
            max_damaged_share=0,
        )
    assert "path_missing 1, signal_missing 1" in str(error.value)
    assert f"({shards.folder} lists the records)" in str(error.value)


def test_same_bytes_whatever_the_order_of_the_list(shards):
    first = [path.read_bytes() for path in shards.build("a", [1, 2, 3, 4])]
    assert first == [path.read_bytes() for path in shards.build("b", [4, 2, 3, 1])]


def test_other_settings_reach_the_waveforms(shards):
    options = {"sampling_rate": 250, "seconds": 2, "cleaning": "notch", "dtype": "float32"}
    store, index, _ = shards.build("a", [1], **options)
    signals = read_record(shards.ecg, "1").signals
    expected = resample(clean_ecg(signals, 500, "notch"), 500, 250)[:, :500]
    np.testing.assert_array_equal(np.load(store)[0], expected.astype(np.float32))
    assert pd.read_parquet(index)["n_samples"][0] == 2500


def test_amplitude_that_float16_cannot_hold_is_damage(shards, write_record):
    write_record("5", scale="1e-6(0)/mV")
    excluded = shards.build("a", [5, 6])[2]
    assert pd.read_parquet(excluded)["reason"].tolist() == ["amplitude_invalid"]


def test_shard_without_a_readable_record(shards):
    empty, empty_index, _ = shards.build("a", [4])
    none, none_index, _ = shards.build("b", [])
    full, full_index, _ = shards.build("c", [1])
    store = WaveformStore([empty, none, full], [empty_index, none_index, full_index])
    np.testing.assert_array_equal(store.study_ids, [1])
    assert store.read([1, 1])[0].any()
    assert store.read([])[0].shape == (0, 12, 1000)


def test_absent_folder_is_fatal(shards):
    shards.ecg = shards.folder / "nowhere"
    with pytest.raises(InputError, match="nowhere"):
        shards.build("a", [1])


def test_unknown_studies_are_counted_not_named(shards):
    store = WaveformStore(*([path] for path in shards.build("a", [1, 3])[:2]))
    for study in (0, 2, 99):
        with pytest.raises(InputError, match="1 of 2 studies are not") as error:
            store.read([1, study])
        assert f"{study}" not in str(error.value).replace("1 of 2", "")


def test_store_made_differently_is_refused(shards):
    fifty, fifty_index, _ = shards.build("a", [1], powerline=50)
    sixty, sixty_index, _ = shards.build("b", [2])
    with pytest.raises(InputError, match="made differently"):
        WaveformStore([fifty, sixty], [fifty_index, sixty_index])
    store = WaveformStore([fifty], [fifty_index])
    store.require({**store.signal})
    assert store.signal["cleaning"] == "neurokit"
    with pytest.raises(CheckpointError, match="powerline: 60 there, 50 here"):
        store.require(WaveformStore([sixty], [sixty_index]).signal)


def test_store_that_does_not_fit_its_index_is_refused(shards):
    one = shards.build("a", [1])
    two = shards.build("b", [1, 2])
    with pytest.raises(InputError, match="does not fit its index"):
        WaveformStore([one[0]], [two[1]])


def test_workers_get_paths_not_waveforms(shards):
    store = WaveformStore(*([path] for path in shards.build("a", [1, 2, 3])[:2]))
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    received = pickle.loads(sent)  # noqa: S301 (our own bytes)
    for ours, theirs in zip(received.read([3, 1]), store.read([3, 1]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_collect_counts_and_lists(shards, caplog):
    a = shards.build("a", [9, 11, 4])
    b = shards.build("b", [2, 8, 1])
    outputs = shards.folder / "records.parquet", shards.folder / "excluded.csv"
    with caplog.at_level(logging.INFO):
        collect_ecg_records([b[1], a[1]], [b[2], a[2]], *outputs, max_damaged_share=2 / 6)
    assert "6 records, 2 left out: path_missing 1, signal_missing 1" in caplog.text
    records = pd.read_parquet(outputs[0])
    assert records["study_id"].tolist() == [1, 2, 8, 9]
    assert list(records) == [
        "study_id", "subject_id", "ecg_time", "path", "lead_mask", "n_samples", "wrong_leads",
    ]  # fmt: skip
    assert pd.read_csv(outputs[1])["reason"].tolist() == ["signal_missing", "path_missing"]


@pytest.mark.parametrize(("studies", "limit"), [([1, 2, 4], 0.3), ([4], 1.0), ([], 0.0)])
def test_collect_stops_when_too_many_are_damaged(shards, studies, limit):
    _, index, excluded = shards.build("a", studies)
    outputs = shards.folder / "records.parquet", shards.folder / "excluded.csv"
    with pytest.raises(InputError, match=f"of {len(studies)} ECG records cannot be used"):
        collect_ecg_records([index], [excluded], *outputs, max_damaged_share=limit)
    assert not any(path.exists() for path in outputs)


def test_what_was_missing_or_damaged_is_awaited(shards):
    awaited = shards.folder / "awaited.parquet"
    samples = shards.ecg / "1.dat"
    whole = samples.read_bytes()
    samples.write_bytes(whole[:-5000])
    shards.build("a", [1, 2, 4, 11], awaited=awaited)
    assert count_arrivals(awaited) == 0
    (shards.ecg / "4.dat").write_bytes(whole)  # of another record
    assert count_arrivals(awaited) == 1
    excluded = shards.build("a", [1, 2, 4, 11], awaited=awaited, arrivals=1)[2]
    assert pd.read_parquet(excluded)["reason"].tolist() == [
        *("signal_truncated", "checksum_wrong", "path_missing"),
    ]
    assert count_arrivals(awaited) == 1
    samples.write_bytes(whole)
    assert count_arrivals(awaited) == 2


def test_leads_that_are_not_as_written_are_counted(shards, caplog):
    content = bytearray((shards.ecg / "1.dat").read_bytes())
    content[0] ^= 1
    (shards.ecg / "1.dat").write_bytes(content)
    index, excluded = shards.build("a", [1, 2])[1:]
    assert pd.read_parquet(index)[["lead_mask", "wrong_leads"]].to_numpy().tolist() == [
        [0b111111111110, 1],
        [0b111111111111, 0],
    ]
    outputs = shards.folder / "records.parquet", shards.folder / "excluded.csv"
    with caplog.at_level(logging.INFO):
        collect_ecg_records([index], [excluded], *outputs, max_damaged_share=0)
    assert "1 leads of 1 records left out: not as their headers say" in caplog.text


def test_links_that_lead_outside_are_reported_as_such(shards):
    (shards.ecg / "5").mkdir()
    (shards.ecg / "5/files").mkdir()
    (shards.ecg / "5/files/p1").symlink_to(shards.folder)
    index, _ = shards.build("b", [1])[1:]
    shards.path_of = {5: "5/files/p1/1"}
    excluded = shards.build("a", [5])[2]
    assert pd.read_parquet(excluded)["reason"].tolist() == ["path_outside"]
    with pytest.raises(InputError, match="may not lead out"):
        collect_ecg_records(
            *([index], [excluded], shards.folder / "records.parquet", shards.folder / "x.csv"),
            max_damaged_share=0,
        )


def test_open_hybrid_folder(shared_data, tmp_path):
    folder = shared_data / "open-ed-hybrid" / "ecg"
    listed = pd.read_csv(folder / "record_list.csv", parse_dates=["ecg_time"])
    listed.to_parquet(tmp_path / "list.parquet")
    outputs = [tmp_path / name for name in ("0.npy", "0.parquet", "0.x.parquet")]
    build_ecg_store(folder, tmp_path / "list.parquet", *outputs, sampling_rate=100)
    store = WaveformStore(outputs[:1], outputs[1:2])
    assert len(store.study_ids) == 146
    assert pd.read_parquet(outputs[2])["study_id"].tolist() == [101779888, 103042653, 104821039]
    waveforms, lead_mask = store.read([109795468, 105445796])
    assert not waveforms[0, LEADS.index("V3")].any()
    assert lead_mask[0].sum() == 11
    assert not waveforms[1, :, 800:].any()
    assert waveforms[1, :, :800].any()


def test_a_link_that_led_outside_is_awaited_until_the_folder_itself_is_there(shards):
    for name in ("far", "ecg/files/p10"):
        (shards.folder / name).mkdir(parents=True)
    for suffix in (".hea", ".dat"):
        (shards.folder / f"far/1{suffix}").write_bytes((shards.ecg / f"1{suffix}").read_bytes())
    patient, awaited = shards.ecg / "files/p10/p1", shards.folder / "awaited.parquet"
    patient.symlink_to(shards.folder / "far")
    shards.path_of = {5: "files/p10/p1/1"}
    shards.build("a", [5], awaited=awaited)
    assert count_arrivals(awaited) == 0

    patient.unlink()
    shutil.copytree(shards.folder / "far", patient)
    assert count_arrivals(awaited) == 1
    index, _ = shards.build("a", [5], awaited=awaited, arrivals=1)[1:]
    assert len(pd.read_parquet(index)) == 1
    assert count_arrivals(awaited) == 1
