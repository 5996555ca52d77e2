"""Every recording of the registry gets one row: how it can be used, or why not."""

import shutil

import made_arrest_registry
import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import beats_of, write_annotation

from mimicflow.bedside.registry import shard_of_patient
from mimicflow.bedside.scan import DTYPES, scan_recordings
from mimicflow.errors import ConfigError
from mimicflow.raw.awaited import count_arrivals
from mimicflow.reference import reference

HEADER = {"recordings": made_arrest_registry.RECORDINGS + ",numerics"}
STAYS = [
    "p1,s1,60,F,MICU,2150-01-01 00:00:00,2150-01-09 00:00:00",
    "p2,s2,70,M,SICU,2150-01-01 00:00:00,2150-01-09 00:00:00",
]


@pytest.fixture
def waves(write_record, write_vital, tmp_path):
    ecg = np.sin(np.arange(2500) / 20)
    folder = write_record(
        "timed", [ecg * 60, ecg], names=["ABP", "II"], units=["mmHg", "mV"],
        base_date=pd.Timestamp("2150-01-02").date(), base_time=pd.Timestamp("2150-01-02").time(),
    ).parent  # fmt: skip
    write_record("timedn", [ecg[:5] + 70], rate=0.5, names=["HR"], units=["bpm"])
    write_record("plain", [ecg], rate=125)
    write_record("slow", [ecg], rate=50)
    write_record("pressure", [ecg], names=["ABP"], units=["mmHg"])
    write_record("torn", [ecg])
    (folder / "torn.dat").write_bytes(b"12")
    write_vital("case", {"SNUADC/ECG_II": [{"dt": 1.7e9, "val": ecg.astype(np.float32)}]})
    (folder / "case.numerics.parquet").touch()
    return folder


def scan(tmp_path, waves, lines, shards=1) -> pd.DataFrame:
    registry = made_arrest_registry.write_registry(
        tmp_path / "registry", lines, STAYS, headers=HEADER
    )
    parts = []
    for shard in range(shards):
        output = tmp_path / f"{shard}.parquet"
        scan_recordings(registry, waves, output, shard=shard, shards=shards)
        parts.append(pd.read_parquet(output))
    return pd.concat(parts).sort_values("recording_id", ignore_index=True)


def test_usable_recordings_have_lead_rate_and_times(tmp_path, waves):
    lines = [
        "p1,s1,timed,,,IntelliVue,",
        "p1,s1,timed,2150-01-03 00:00:01,ii,IntelliVue,case.numerics.parquet",
        "p2,s2,case.vital,,ECG_II,,",
        "p2,s2,plain,2150-01-04 00:00:00,,Solar8000M,nowhere",
    ]

    table = scan(tmp_path, waves, lines)

    assert list(table) == list(DTYPES)
    assert table["reason"].tolist() == [""] * 4
    assert table["lead"].tolist() == ["II", "II", "SNUADC/ECG_II", "II"]
    assert table["sampling_rate"].tolist() == [250, 250, 500, 125]
    assert table["n_samples"].tolist() == [2500] * 4
    expected = ["2150-01-02", "2150-01-03 00:00:01", "2023-11-14 22:13:20", "2150-01-04"]
    assert table["start"].tolist() == [pd.Timestamp(time) for time in expected]
    seconds = (table["end"] - table["start"]).dt.total_seconds()
    assert seconds.tolist() == [10, 10, 5, 20]
    assert table["numerics"].tolist() == ["timedn", *["case.numerics.parquet"] * 2, ""]
    assert table["monitor"].tolist() == ["IntelliVue", "IntelliVue", "", "Solar8000M"]


def test_what_cannot_be_used_is_listed_with_its_reason(tmp_path, waves, caplog):
    lines = {
        "p1,s1,plain,,,M,": "no_start_time",
        "p1,s1,timed,,V1,M,": "lead_absent",
        "p1,s1,slow,2150-01-01 00:00:00,,M,": "low_rate",
        "p1,s1,pressure,2150-01-01 00:00:00,,M,": "no_ecg_lead",
        "p1,s1,torn,2150-01-01 00:00:00,,M,": "signal_truncated",
        "p1,s1,none,2150-01-01 00:00:00,,M,": "missing",
        "p1,s1,../waves/timed,2150-01-01 00:00:00,,M,": "outside_folder",
    }

    table = scan(tmp_path, waves, list(lines))

    assert table["reason"].tolist() == list(lines.values())
    assert set(lines.values()) <= set(pd.read_csv(reference("recording_reasons.csv"))["reason"])
    assert table[["sampling_rate", "start", "end"]].isna().all(axis=None)
    assert (table["n_samples"] == 0).all() and (table["lead"] == "").all()
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        f"recording_id {row} left out ({reason})" for row, reason in enumerate(lines.values())
    ]


def write_pieces(write_record, shares):
    """Write the recording ``m``, a segment of 10 s for each; 0: with samples of another record."""
    ecg = np.sin(np.arange(2500) / 20)
    lines = [f"m/{len(shares)} 1 250 {2500 * len(shares)} 00:00:00 02/01/2150"]
    for number, is_right in enumerate(shares):
        folder = write_record(f"m_{number}", [ecg]).parent
        if not is_right:
            (folder / f"m_{number}.dat").write_bytes(np.arange(2500, dtype="<i2").tobytes())
        lines.append(f"m_{number} 2500")
    (folder / "m.hea").write_text("\n".join(lines))
    return folder


def test_segments_that_are_not_as_written_are_left_out_up_to_a_share(tmp_path, write_record):
    waves = write_pieces(write_record, [1, 0, 1])
    (waves / "m_2.dat").unlink()

    def scanned(most):
        registry = made_arrest_registry.write_registry(
            tmp_path / "r", ["p1,s1,m,,,M,"], STAYS, headers=HEADER
        )
        awaited = tmp_path / "awaited.parquet"
        scan_recordings(
            *(registry, waves, tmp_path / "s.parquet"),
            shard=0, shards=1, max_wrong_checksums=most, awaited=awaited,
        )  # fmt: skip
        return pd.read_parquet(tmp_path / "s.parquet").iloc[0], awaited

    kept, _ = scanned(0.5)  # half of what can be read
    assert (kept["reason"], kept["wrong_segments"]) == ("", "1")
    assert kept["lost_share"] == pytest.approx(2 / 3)
    unseen, _ = scanned("none")
    assert (unseen["reason"], unseen["wrong_segments"]) == ("", "")
    assert unseen["lost_share"] == pytest.approx(1 / 3)
    left_out, awaited = scanned(0.4)
    assert left_out["reason"] == "checksum_wrong"

    assert count_arrivals(awaited) == 0
    write_pieces(write_record, [1, 1, 1])
    assert count_arrivals(awaited) == 1
    assert scanned(0)[0]["lost_share"] == 0


@pytest.mark.parametrize("linked", ["folder", "segment", "signal", "numerics"])
def test_links_that_led_outside_are_awaited(tmp_path, waves, linked):
    """The folder of a patient three levels down, or one file of it."""
    record = "p1/p100/p1000/timed"
    whole, patient = tmp_path / "far", waves / "p1/p100/p1000"
    shutil.copytree(waves, whole)
    patient.parent.mkdir(parents=True)
    if linked == "folder":
        patient.symlink_to(whole)
    else:
        shutil.copytree(whole, patient)
        name = {"segment": "timed.hea", "signal": "timed.dat", "numerics": "timedn.hea"}[linked]
        (patient / name).unlink()
        (patient / name).symlink_to(whole / name)
    line = f"p1,s1,{record},2150-01-01 00:00:00,,M,"
    registry = made_arrest_registry.write_registry(tmp_path / "r", [line], STAYS, headers=HEADER)
    awaited, output = tmp_path / "awaited.parquet", tmp_path / "s.parquet"

    def scanned(arrivals):
        scan_recordings(
            *(registry, waves, output), shard=0, shards=1, awaited=awaited, arrivals=arrivals
        )
        return pd.read_parquet(output).iloc[0]

    first = scanned(0)
    assert (first["numerics"] if linked == "numerics" else first["reason"] == "") in ("", False)
    assert count_arrivals(awaited) == 0

    if linked == "folder":
        patient.unlink()
        shutil.copytree(whole, patient)
    else:
        (patient / name).unlink()
        shutil.copy2(whole / name, patient)
    assert count_arrivals(awaited) == 1
    last = scanned(1)
    assert (last["reason"], last["numerics"]) == ("", f"{record}n")
    assert count_arrivals(awaited) == 1


def test_recordings_and_numerics_that_come_later_are_awaited(tmp_path, waves):
    lines = ["p1,s1,plain,2150-01-01 00:00:00,,M,", "p1,s1,gone,2150-01-01 00:00:00,,M,"]
    registry = made_arrest_registry.write_registry(tmp_path / "r", lines, STAYS, headers=HEADER)
    awaited = tmp_path / "awaited.parquet"
    output = tmp_path / "s.parquet"
    scan_recordings(registry, waves, output, shard=0, shards=1, awaited=awaited)
    assert count_arrivals(awaited) == 0
    (waves / "plain.numerics.parquet").touch()
    assert count_arrivals(awaited) == 1
    scan_recordings(registry, waves, output, shard=0, shards=1, awaited=awaited, arrivals=1)
    assert count_arrivals(awaited) == 1
    for suffix in (".hea", ".dat"):
        (waves / f"gone{suffix}").write_bytes((waves / f"plain{suffix}").read_bytes())
    assert count_arrivals(awaited) == 2


def test_groups_hold_each_recording_once_and_patients_whole(tmp_path, waves):
    lines = [f"p{i},t{i},plain{i},2150-01-01 00:00:00,,M," for i in range(20)] * 2

    table = scan(tmp_path, waves, lines, shards=3)

    assert table["recording_id"].tolist() == list(range(40))
    for shard in range(3):
        part = pd.read_parquet(tmp_path / f"{shard}.parquet")
        assert {shard_of_patient(patient, 3) for patient in part["subject_id"]} == {shard}
        assert part["recording_id"].is_monotonic_increasing


def test_a_group_without_patients_has_the_same_columns_and_types(tmp_path, waves):
    registry = made_arrest_registry.write_registry(
        tmp_path / "registry", ["p1,s1,timed,,,M,"], STAYS, headers=HEADER
    )
    empty = next(shard for shard in range(5) if shard != shard_of_patient("p1", 5))
    for name, shard in (("empty", empty), ("full", shard_of_patient("p1", 5))):
        scan_recordings(registry, waves, tmp_path / f"{name}.parquet", shard=shard, shards=5)

    tables = [pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("empty", "full")]

    assert [len(table) for table in tables] == [0, 1]
    assert tables[0].dtypes.to_dict() == tables[1].dtypes.to_dict()


def test_wrong_shards_and_folders_are_reported(tmp_path, waves):
    for shard, shards in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ConfigError, match="shard"):
            scan_recordings(tmp_path, waves, tmp_path / "a", shard=shard, shards=shards)
    with pytest.raises(ConfigError, match=r"data\.waveforms"):
        scan_recordings(tmp_path, tmp_path / "no", tmp_path / "a", shard=0, shards=1)


def test_beats_are_recordings_too(tmp_path, waves):
    beats = beats_of(600)
    write_annotation(waves, "holter.atr", np.rint(beats * 1000).astype(int))
    write_annotation(waves, "timed.qrs", np.rint(beats[:10] * 250).astype(int), rate=250)
    (waves / "rr.csv").write_text("rr_interval_ms\n" + "\n".join(["800"] * 750) + "\n")
    (waves / "rr.numerics.parquet").touch()
    lines = [
        "p1,s1,holter.atr,2150-01-02 00:00:00,II,Holter,",
        "p1,s1,timed.qrs,,,IntelliVue,",
        "p2,s2,rr.csv,2150-01-02 00:00:00,,,",
    ]

    table = scan(tmp_path, waves, lines)

    assert table["reason"].tolist() == [""] * 3
    assert table["lead"].tolist() == [""] * 3
    assert table["sampling_rate"].tolist() == [1000, 250, 1000]
    assert table["n_samples"].tolist() == [round(beats[-1] * 1000) + 1, 2500, 600_001]
    assert table["start"].tolist() == [pd.Timestamp("2150-01-02")] * 3
    assert table["numerics"].tolist() == ["", "timedn", "rr.numerics.parquet"]


def test_beats_that_cannot_be_used_have_a_reason_and_the_log_a_line(tmp_path, waves, caplog):
    write_annotation(waves, "rateless.ecg", np.arange(9) * 800, rate=None)
    (waves / "back.csv").write_text("beat_time_s\n3.1\n2.4")
    lines = {
        "p1,s1,rateless.ecg,2150-01-01 00:00:00,,,": "no_sampling_rate",
        "p1,s1,back.csv,2150-01-01 00:00:00,,,": "wrong_beats",
        "p1,s1,timed.atr,,,,": "missing",
        "p1,s1,../back.csv,,,,": "outside_folder",
    }

    table = scan(tmp_path, waves, list(lines))

    assert table["reason"].tolist() == list(lines.values())
    assert "recording_id 1 left out (wrong_beats, line 3)" in caplog.text
    assert "a table of beats: the last line has no end" in caplog.text
    assert "back.csv" not in caplog.text  # a path may say whose it is


@pytest.mark.parametrize("late", ["late.atr", "late.hea"])
def test_an_annotation_and_the_header_that_it_needs_are_awaited(tmp_path, waves, late):
    files = {
        "late.atr": write_annotation(tmp_path / "far", "late.atr", np.arange(500) * 200, rate=None)
    }
    files["late.hea"] = tmp_path / "far/late.hea"
    files["late.hea"].write_text("late 0 250 99900\n")
    for name in files.keys() - {late}:
        shutil.copy2(files[name], waves)
    line = "p1,s1,late.atr,2150-01-01 00:00:00,,M,"
    registry = made_arrest_registry.write_registry(tmp_path / "r", [line], STAYS, headers=HEADER)
    awaited, output = tmp_path / "awaited.parquet", tmp_path / "s.parquet"

    scan_recordings(registry, waves, output, shard=0, shards=1, awaited=awaited)

    assert pd.read_parquet(output)["reason"][0] in ("missing", "no_sampling_rate")
    assert count_arrivals(awaited) == 0
    shutil.copy2(files[late], waves)
    assert count_arrivals(awaited) == 1
    scan_recordings(registry, waves, output, shard=0, shards=1, awaited=awaited, arrivals=1)
    assert pd.read_parquet(output)["reason"][0] == ""
