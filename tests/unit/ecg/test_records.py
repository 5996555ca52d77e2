"""Reading of single records: equal to wfdb, fixed leads, refusals with their reasons."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicflow.ecg.records import LEADS, is_flat, read_record
from mimicflow.ecg.saturation import saturated
from mimicflow.errors import RecordError


def reason_of(folder: Path, path: str | None = "r") -> str:
    with pytest.raises(RecordError) as caught:
        read_record(folder, path)
    return caught.value.reason


def by_wfdb(file: Path) -> np.ndarray:
    record = wfdb.rdrecord(str(file))
    names = [name.upper() for name in record.sig_name]
    return record.p_signal[:, [names.index(lead.upper()) for lead in LEADS]].T


def test_equals_wfdb_on_open_records(shared_data):
    headers = sorted((shared_data / "ecg-12lead").rglob("*.hea"))
    assert len(headers) == 40
    for file in headers:
        path = file.with_suffix("").relative_to(shared_data / "ecg-12lead")
        record = read_record(shared_data / "ecg-12lead", str(path), max_wrong_checksums=0)
        np.testing.assert_array_equal(record.signals, by_wfdb(file.with_suffix("")))
        assert record.sampling_rate == 500


def test_open_hybrid_folder(shared_data):
    folder = shared_data / "open-ed-hybrid" / "ecg"
    records, refused = {}, {}
    for row in pd.read_csv(folder / "record_list.csv").itertuples():
        try:
            records[row.study_id] = read_record(folder, row.path)
        except RecordError as error:
            refused[row.study_id] = error.reason
    assert refused == {
        101779888: "signal_missing",
        104821039: "signal_empty",
        103042653: "header_corrupt",
    }
    flat = records[109795468]
    assert [lead for lead, here in zip(LEADS, flat.lead_mask, strict=True) if not here] == ["V3"]
    with_gaps = records[107293809]
    assert np.isnan(with_gaps.signals[1, 1000:1500]).all()
    assert np.isnan(with_gaps.signals[10, 4800:]).all()
    assert np.isnan(with_gaps.signals).sum() == 700
    assert with_gaps.lead_mask.all()
    assert records[105445796].signals.shape == (12, 4000)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), case=st.sampled_from([str, str.upper, str.lower]))
def test_order_and_case_of_leads_in_the_file_do_not_matter(write_record, tmp_path, order, case):
    raw = np.random.default_rng(1).integers(-400, 400, (12, 600))
    write_record("a", raw)
    write_record("b", raw[order], leads=[case(LEADS[i]) for i in order])
    expected = read_record(tmp_path / "ecg", "a").signals
    np.testing.assert_array_equal(read_record(tmp_path / "ecg", "b").signals, expected)
    np.testing.assert_array_equal(expected, raw / 200)


@pytest.mark.parametrize("scale", ["1000.0(-12)/mV", "0(5)/mV", "200/mV", "4.88e2(3)/mV", "200"])
def test_gain_and_baseline_as_wfdb(write_record, tmp_path, scale):
    raw = np.random.default_rng(2).integers(-3000, 3000, (12, 700))
    raw[3, 100:110] = -32768
    write_record(raw=raw, scale=scale)
    signals = read_record(tmp_path / "ecg", "r").signals
    np.testing.assert_array_equal(signals, by_wfdb(tmp_path / "ecg" / "r"))
    assert np.isnan(signals).sum() == 10


def test_microvolts_become_millivolts(write_record, tmp_path):
    raw = np.random.default_rng(0).integers(-400, 400, (12, 1000))
    for name, scale in (("a", "1(0)/uV"), ("b", "1(0)/µV"), ("c", "1000(0)/mV")):
        write_record(name, raw, scale=scale)
    a, b, c = (read_record(tmp_path / "ecg", name).signals for name in "abc")
    np.testing.assert_allclose(a, c, rtol=1e-12)
    np.testing.assert_array_equal(a, b)


def test_length_may_be_left_to_the_file(write_record, tmp_path):
    write_record(record_line="r 12 500")
    assert read_record(tmp_path / "ecg", "r").signals.shape == (12, 1000)
    write_record(record_line="r 12")  # 250 Hz is the default of WFDB
    assert read_record(tmp_path / "ecg", "r").sampling_rate == 250


@pytest.mark.parametrize("fmt", ["80", "212", "24", "32"])
def test_other_formats_through_wfdb(tmp_path, fmt):
    signals = np.cumsum(np.random.default_rng(3).normal(0, 0.01, (1200, 12)), axis=0)
    names = [lead.upper() for lead in reversed(LEADS)]
    wfdb.wrsamp(
        "r", 300, ["mV"] * 12, names, signals, fmt=[fmt] * 12, adc_gain=[100.0] * 12,
        baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    record = read_record(tmp_path, "r")
    np.testing.assert_array_equal(record.signals, by_wfdb(tmp_path / "r"))
    assert record.sampling_rate == 300


def test_multi_segment_record_through_wfdb(write_record, tmp_path):
    raw = np.random.default_rng(4).integers(-400, 400, (12, 1000))
    write_record("s1", raw[:, :600])
    write_record("s2", raw[:, 600:])
    (tmp_path / "ecg" / "m.hea").write_text("m/2 12 500 1000\ns1 600\ns2 400\n")
    np.testing.assert_array_equal(read_record(tmp_path / "ecg", "m").signals, raw / 200)


@pytest.mark.parametrize("unit", ["}V", "µV"])
def test_units_are_those_of_the_header_whatever_wfdb_makes_of_them(write_record, tmp_path, unit):
    for name in ("s1", "s2"):
        write_record(name, scale="200(0)/mV" if name == "s1" else f"200(0)/{unit}")
    (tmp_path / "ecg" / "r.hea").write_text("r/2 12 500 2000\ns1 1000\ns2 1000\n")
    assert reason_of(tmp_path / "ecg") == "units_unknown"


def flip(file: Path, sample: int) -> None:
    """Turn one bit of a sample of a record of 12 leads in format 16."""
    content = bytearray(file.read_bytes())
    content[2 * sample] ^= 16
    file.write_bytes(content)


@pytest.mark.parametrize("sample", [12 * 500 + 3, 3], ids=["checksum", "first value too"])
def test_a_lead_that_is_not_as_its_header_says_is_left_out(write_record, tmp_path, sample):
    folder = tmp_path / "ecg"
    write_record()
    sound = read_record(folder, "r")
    flip(folder / "r.dat", sample)

    record = read_record(folder, "r")

    assert (sound.n_wrong, record.n_wrong) == (0, 1)
    np.testing.assert_array_equal(record.lead_mask, np.arange(12) != 3)
    np.testing.assert_array_equal(record.signals[record.lead_mask], sound.signals[record.lead_mask])
    assert not record.signals[3].any()
    with pytest.raises(RecordError, match="1 of 12 leads") as caught:
        read_record(folder, "r", max_wrong_checksums=0)
    assert caught.value.reason == "checksum_wrong"
    as_it_is = read_record(folder, "r", max_wrong_checksums="none")
    assert as_it_is.lead_mask.all() and as_it_is.n_wrong == 0


def test_the_samples_of_another_record_are_refused(write_record, tmp_path):
    write_record("a", np.random.default_rng(1).integers(-400, 400, (12, 1000)))
    write_record("b", np.random.default_rng(2).integers(-400, 400, (12, 1000)), dat="a.dat")
    (tmp_path / "ecg" / "a.dat").write_bytes((tmp_path / "ecg" / "b.dat").read_bytes())
    assert reason_of(tmp_path / "ecg", "a") == "checksum_wrong"
    (tmp_path / "ecg" / "m.hea").write_text("m/1 12 500 1000\na 1000\n")
    assert reason_of(tmp_path / "ecg", "m") == "checksum_wrong"


@pytest.mark.parametrize("fmt", ["16", "24", "212"])
def test_first_value_and_checksum_are_each_looked_at_in_every_format(tmp_path, fmt):
    signals = np.cumsum(np.random.default_rng(3).normal(0, 0.01, (1200, 12)), axis=0)
    wfdb.wrsamp(
        "r", 300, ["mV"] * 12, list(LEADS), signals, fmt=[fmt] * 12, adc_gain=[100.0] * 12,
        baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    header = tmp_path / "r.hea"
    lines = header.read_text().splitlines()
    for place, change in ((1, {5: 1}), (2, {6: 1}), (3, {6: 65536})):  # first value, checksum, +-
        fields = lines[place].split(" ", 8)
        for field, by in change.items():
            fields[field] = str(int(fields[field]) + by)
        lines[place] = " ".join(fields)
    lines[4] = " ".join(lines[4].split()[:5]) + "\n"  # a header that says neither, nor a name
    lines = [line for line in lines if "aVR" not in line]
    header.write_text("\n".join(lines) + "\n")

    record = read_record(tmp_path, "r")

    assert record.n_wrong == 2
    assert [lead for lead, here in zip(LEADS, record.lead_mask, strict=True) if not here] == [
        *("I", "II", "aVR"),
    ]


def test_missing_leads_are_zeros_until_half_are_missing(write_record, tmp_path):
    write_record("a", leads=[*LEADS[:3], *LEADS[5:]])
    record = read_record(tmp_path / "ecg", "a")
    np.testing.assert_array_equal(~record.lead_mask, np.isin(LEADS, ["aVR", "aVF"]))
    assert not record.signals[3:5].any()
    write_record("b", leads=LEADS[:6])
    assert read_record(tmp_path / "ecg", "b").lead_mask.sum() == 6
    write_record("c", leads=LEADS[:5])
    assert reason_of(tmp_path / "ecg", "c") == "leads_missing"


def test_other_signals_are_ignored(write_record, tmp_path):
    raw = np.random.default_rng(5).integers(-400, 400, (13, 600))
    write_record(raw=raw, leads=["RESP", *LEADS])
    np.testing.assert_array_equal(read_record(tmp_path / "ecg", "r").signals, raw[1:] / 200)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"record_line": "r twelve 500 1000"}, "header_corrupt"),
        ({"record_line": "r 13 500 1000"}, "header_corrupt"),
        ({"record_line": "r 0 500 1000"}, "header_corrupt"),
        ({"record_line": "r 12 500 -1"}, "header_corrupt"),
        ({"record_line": "r/30 12 500 1000"}, "header_corrupt"),
        ({"fmt": "x16"}, "header_corrupt"),
        ({"fmt": "9999"}, "header_corrupt"),
        ({"scale": "+5(0)/mV"}, "header_corrupt"),
        ({"scale": "200(+5)/mV"}, "header_corrupt"),
        ({"scale": f"200({10**20})/mV"}, "header_corrupt"),
        ({"record_line": "1.5 12 500 1000"}, "header_corrupt"),
        ({"record_line": "٣ 12 500 1000"}, "header_corrupt"),
        ({"scale": "nan(0)/mV"}, "header_corrupt"),
        ({"scale": "mV"}, "header_corrupt"),
        ({"leads": ("I", *LEADS)}, "header_corrupt"),
        ({"record_line": "r 12 nan 1000"}, "header_corrupt"),
        ({"record_line": "r 12 0 1000"}, "rate_invalid"),
        ({"record_line": "r 12 1e9 1000"}, "rate_invalid"),
        ({"scale": "200(0)/mmHg"}, "units_unknown"),
        ({"record_line": "r 12 500 1001"}, "signal_truncated"),
        ({"record_line": "r 12 500 4000000"}, "signal_truncated"),
        ({"record_line": "r 12 500 999999999999"}, "signal_huge"),
        ({"record_line": "r 12 2000 1000"}, "signal_short"),
        ({"fmt": "16+30000"}, "signal_truncated"),
        ({"fmt": "212", "record_line": "r 12 500 40000"}, "signal_unreadable"),
        ({"dat": "other.dat"}, "signal_missing"),
        ({"raw": np.zeros((12, 600))}, "all_flat"),
        ({"raw": np.full((12, 600), -32768)}, "all_flat"),
        ({"raw": np.zeros((12, 0)), "record_line": "r 12 500 600"}, "signal_empty"),
        ({"dat": "../r.dat"}, "path_outside"),
        ({"dat": "/etc/passwd"}, "path_outside"),
        ({"dat": "sub/r.dat"}, "path_outside"),
    ],
)
def test_damaged_records_are_refused_with_a_reason(write_record, tmp_path, arguments, reason):
    write_record(**arguments)
    assert reason_of(tmp_path / "ecg") == reason


def test_long_file_without_length_is_refused_before_it_is_read(write_record, tmp_path):
    write_record(record_line="r 12 500")
    os.truncate(tmp_path / "ecg" / "r.dat", 2 * 60_000_000)  # sparse
    assert reason_of(tmp_path / "ecg") == "signal_huge"


@pytest.mark.parametrize("coding", ["212", "16+4"])
def test_the_signals_of_a_file_have_one_format_and_one_offset(write_record, tmp_path, coding):
    write_record()
    header = tmp_path / "ecg" / "r.hea"
    header.write_text(header.read_text().replace("r.dat 16 ", f"r.dat {coding} ", 1))
    assert reason_of(tmp_path / "ecg") == "header_corrupt"


def test_headers_that_are_no_text(write_record, tmp_path):
    write_record()
    header = tmp_path / "ecg" / "r.hea"
    for content in (b"", b"# only a comment\n", b"\xff\xfe\x00" * 50, b"9" * 2_000_000):
        header.write_bytes(content)
        assert reason_of(tmp_path / "ecg") == "header_corrupt"
    header.unlink()
    assert reason_of(tmp_path / "ecg") == "header_missing"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_header_never_raises_anything_else(write_record, tmp_path, data):
    write_record(raw=np.random.default_rng(0).integers(-400, 400, (12, 600)))
    file = tmp_path / "ecg" / "r.hea"
    header = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        header[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    file.write_bytes(bytes(header))
    try:
        record = read_record(tmp_path / "ecg", "r")
    except RecordError as error:
        assert error.reason
    else:
        assert record.signals.shape[0] == 12
        assert record.signals.dtype == np.float64


@pytest.mark.parametrize("path", [None, "", float("nan")])
def test_no_path(tmp_path, path):
    assert reason_of(tmp_path, path) == "path_missing"


def test_paths_cannot_leave_the_folder(write_record, tmp_path):
    write_record()
    folder = tmp_path / "ecg"
    (folder / "sub").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    for suffix in (".hea", ".dat"):
        (outside / f"r{suffix}").write_bytes((folder / f"r{suffix}").read_bytes())
    (folder / "sub" / "below").mkdir()
    (folder / "sub" / "below" / "link").symlink_to(outside)
    (folder / "l.hea").symlink_to(outside / "r.hea")
    for path in (
        str(folder / "r"),
        "../outside/r",
        "sub/../r",
        "sub/../../outside/r",
        "sub/below/link/r",
        "l",
        "a\0b",
    ):
        assert reason_of(folder, path) == "path_outside", path
    (folder / "r.dat").unlink()
    (folder / "r.dat").symlink_to(outside / "r.dat")
    assert reason_of(folder) == "path_outside"


def test_links_that_lead_to_each_other_are_refused(write_record, tmp_path):
    write_record()
    folder = tmp_path / "ecg"
    for name in ("loop", "a.hea"):
        (folder / name).symlink_to(name)
    (folder / "r.dat").unlink()
    (folder / "r.dat").symlink_to("r.dat")

    reasons = [reason_of(*place) for place in
               ((folder, "a"), (folder, "loop/r"), (folder / "loop", "r"), (folder,))]  # fmt: skip
    assert reasons == ["header_missing", "header_missing", "header_missing", "signal_missing"]


def test_the_folder_and_those_near_its_top_may_be_links(write_record, tmp_path):
    """``files`` on a second disk, ``files/p1000`` on a third; what lies below them stays there."""
    write_record(raw=np.random.default_rng(0).integers(-400, 400, (12, 1000)))
    disks = [tmp_path / "disk1", tmp_path / "disk2" / "files", tmp_path / "disk3" / "p1000"]
    for folder, inside in zip(disks, ("", "p1001/p10010001/s1", "p10000001/s1"), strict=True):
        (folder / inside).mkdir(parents=True)
    (tmp_path / "link").symlink_to(disks[0])
    (disks[0] / "files").symlink_to(disks[1])
    (disks[1] / "p1000").symlink_to(disks[2])
    for suffix in (".hea", ".dat"):
        content = (tmp_path / "ecg" / f"r{suffix}").read_bytes()
        (disks[1] / "p1001/p10010001/s1" / f"r{suffix}").write_bytes(content)
        (disks[2] / "p10000001/s1" / f"r{suffix}").write_bytes(content)

    assert read_record(tmp_path / "link", "files/p1001/p10010001/s1/r").lead_mask.all()
    assert read_record(tmp_path / "link", "files/p1000/p10000001/s1/r").lead_mask.all()

    (disks[2] / "p10000001" / "s2").symlink_to(tmp_path / "ecg")
    for path in ("files/p1000/p10000001/s2/r", "files/../link/files/r", "files/p1000/../r"):
        assert reason_of(tmp_path / "link", path) == "path_outside", path


def test_segments_cannot_leave_the_folder(write_record, tmp_path):
    write_record("s1")
    header = tmp_path / "ecg" / "m.hea"
    header.write_text("m/2 12 500 2000\ns1 1000\n../s1 1000\n")
    assert reason_of(tmp_path / "ecg", "m") == "path_outside"
    write_record("s2", dat="../s2.dat")
    header.write_text("m/2 12 500 2000\ns1 1000\ns2 1000\n")
    assert reason_of(tmp_path / "ecg", "m") == "path_outside"


def test_what_the_system_cannot_read_is_a_damaged_record(tmp_path):
    assert reason_of(tmp_path, "x" * 300) == "file_unreadable"


def test_is_flat():
    gap = np.array([[1, np.nan, 1], [1, np.nan, 2], [np.nan, np.nan, np.inf]])
    np.testing.assert_array_equal(is_flat(gap), [True, False, True])
    np.testing.assert_array_equal(is_flat(np.array([[2.0, 2.0], [2.0, 3.0]])), [True, False])


@pytest.fixture
def short_lead(write_record, tmp_path):
    """A record of which one lead has 100 of 5,000 samples, and another is at the rail for 1.2 s."""
    raw = np.random.default_rng(5).integers(-400, 400, (12, 5000))
    raw[2, 100:] = -32768
    raw[7, 1000:1600] = 4000
    raw[8, 2000] = 4000  # a sample alone is a peak
    write_record("r", raw)
    return tmp_path / "ecg"


def test_a_lead_of_which_hardly_any_sample_is_there_is_left_out(short_lead):
    record = read_record(short_lead, "r")

    np.testing.assert_array_equal(record.lead_mask, np.arange(12) != 2)
    assert read_record(short_lead, "r", min_valid_share=0).lead_mask.all()
    few = read_record(short_lead, "r", min_valid_share=0.95).lead_mask
    np.testing.assert_array_equal(few, ~np.isin(np.arange(12), [2, 7]))


def test_samples_at_the_rail_are_missing(short_lead):
    record, as_it_is = (read_record(short_lead, "r", min_valid_share=x) for x in (0.5, 0))

    missing = np.isnan(record.signals) & ~np.isnan(as_it_is.signals)
    assert missing[7, 1000:1600].all() and missing.sum() == 600


def test_a_rail_that_holds_more_than_half_of_a_lead_is_one():
    """Its median is the rail then: the rest says where the ECG lies."""
    ecg = np.random.default_rng(0).normal(0, 0.1, (1, 5000))
    ecg[0, 1000:3600] = -5.0

    assert saturated(ecg, 500).sum() == 2600
    assert not saturated(np.full((1, 5000), -5.0), 500).any()  # a line is no rail
