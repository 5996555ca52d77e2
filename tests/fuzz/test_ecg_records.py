"""Damaged 12-lead records: the same values as wfdb reads, or a reason."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicflow.ecg.records import LEADS, Record, read_record
from mimicflow.errors import RecordError

from .damaged_files import (
    attempt,
    by_wfdb,
    check_against_the_sum,
    damage_bytes,
    damage_encoding,
    damage_words,
    generator,
    is_refused,
    run_cases,
)

TO_MV = {"mv": 1, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3}


def check(folder: Path, record: str) -> None:
    """Compare what is read with wfdb's own reading.

    A lead that is not as its header says is left out: zeros that are no reading.
    """
    found = attempt(read_record, folder, record)
    if is_refused(found):
        assert isinstance(found, RecordError) and found.reason
        return
    assert isinstance(found, Record)
    theirs = by_wfdb(folder, record, found.signals.shape[1])
    lines = (folder / f"{record}.hea").read_text("utf-8", "replace").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    names = [  # wfdb goes over a stray byte, to us it is another name
        (name or "").upper() if "".join(line.split()[8:]).isascii() else ""
        for name, line in zip(theirs.sig_name, lines[1:], strict=True)
    ]
    assert theirs.fs == found.sampling_rate
    assert found.signals.shape == (12, theirs.sig_len)
    left_out = ~found.lead_mask & ~found.signals.any(axis=1)
    assert found.n_wrong <= left_out.sum()
    for lead, values, is_left_out in zip(LEADS, found.signals, left_out, strict=True):
        if lead.upper() not in names or (found.n_wrong and is_left_out):
            assert not values.any()
            continue
        place = names.index(lead.upper())
        expected = theirs.p_signal[:, place] * TO_MV[theirs.units[place].lower()]
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=0, equal_nan=True)


@pytest.fixture
def copied(twelve_leads, tmp_path):
    for file in twelve_leads.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_the_records_are_sound(copied):
    for record in ("r", "c"):
        assert isinstance(read_record(copied, record), Record)
        check(copied, record)


def test_damaged_headers(copied):
    whole = {name: (copied / f"{name}.hea").read_bytes() for name in ("r", "c")}

    def case(draw):
        name = "rrc"[draw.integers(3)]
        match int(draw.integers(5)):
            case 0:
                content = damage_bytes(whole[name], draw)
            case 1:
                content = damage_encoding(whole[name].decode(), draw)
            case _:
                content = damage_words(whole[name], draw)
        (copied / f"{name}.hea").write_bytes(content)
        check(copied, name)

    run_cases("ecg_headers", case)


def test_damaged_signals_never_give_another_value(copied, twelve_leads):
    """Nor do they with the samples of another record, whatever of it can be read."""
    whole = {name: (copied / f"{name}.dat").read_bytes() for name in ("r", "c")}
    sound = {name: read_record(twelve_leads, name).signals for name in ("r", "c")}

    def case(draw):
        name = "rc"[draw.integers(2)]
        (copied / f"{name}.dat").write_bytes(damage_bytes(whole[name], draw))
        check(copied, name)
        found = attempt(read_record, copied, name)
        if is_refused(found):
            return
        gap = {"r": -(2**15), "c": -(2**11)}[name]  # as 16 and 12 bits write it
        for lead in np.flatnonzero(found.lead_mask):
            check_against_the_sum(found.signals[lead], sound[name][lead], gain=200, gap=gap)

    run_cases("ecg_signals", case)


def test_damaged_headers_of_open_records(shared_data, tmp_path):
    headers = sorted((shared_data / "ecg-12lead").rglob("*.hea"))
    for seed in range(60):
        draw = generator("open headers", seed)
        header = headers[draw.integers(len(headers))]
        for old in tmp_path.iterdir():
            old.unlink()
        for file in header.parent.glob(f"{header.stem}.*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        damage = (damage_bytes, damage_words)[draw.integers(2)]
        (tmp_path / header.name).write_bytes(damage(header.read_bytes(), draw))
        check(tmp_path, header.stem)


@settings(
    max_examples=100, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.text(max_size=30))
def test_any_path_in_the_list_of_records(copied, path):
    found = attempt(read_record, copied, path)
    assert is_refused(found) or path.strip("./") in ("r", "c")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (f"r 12 250 {10**12}", "signal_huge"),
        (f"r {10**9} 250 600", "header_corrupt"),
        ("r 12 1e308 600", "rate_invalid"),
        ("r 12 nan 600", "header_corrupt"),
        ("r/99999999999 12 250 600", "header_corrupt"),
    ],
)
def test_a_header_that_claims_too_much_is_refused(copied, claim, reason):
    header = copied / "r.hea"
    _, rest = header.read_text().split("\n", 1)
    header.write_text(f"{claim}\n{rest}")
    with pytest.raises(RecordError) as caught:
        read_record(copied, "r")
    assert caught.value.reason == reason
