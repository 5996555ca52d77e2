"""What comes later in a bedside recording changes no sample before it, whatever its segments."""

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import RecordError

SETTINGS = settings(
    max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
RATE = 125
NAMES = ("I", "II", "ECG II", "ii", "V", "ABP")
# Of a segment: its length, and its signals in the order of its header; without signals it is a gap.
SEGMENT = st.tuples(
    st.integers(1, 400), st.lists(st.sampled_from(NAMES), max_size=3, unique=True).map(tuple)
)


def write(folder, record, segments, layout):
    """Write a record; the signals of a segment depend on its place alone."""
    lines = []
    if layout:
        lines.append(f"{record}_layout 0")
        signals = [f"~ 16 200/mV 16 0 0 0 0 {name}" for name in layout]
        head = f"{record}_layout {len(layout)} {RATE} 0"
        (folder / f"{record}_layout.hea").write_text("\n".join([head, *signals, ""]))
    for place, (n, names) in enumerate(segments):
        own = f"s{place}" if names else "~"
        lines.append(f"{own} {n}")
        draw = np.random.default_rng(place)
        draw.integers(-400, 400, (n, len(names)), dtype="<i2").tofile(folder / f"s{place}.dat")
        signals = [f"s{place}.dat 16 200/mV 16 0 0 0 0 {name}" for name in names]
        if names:
            head = f"s{place} {len(names)} {RATE} {n}"
            (folder / f"s{place}.hea").write_text("\n".join([head, *signals, ""]))
    total = sum(n for n, _ in segments)
    head = f"{record}/{len(lines)} {len(layout) or 1} {RATE} {total}"
    (folder / f"{record}.hea").write_text("\n".join([head, *lines, ""]))


def opened(folder, record, wanted):
    try:
        return open_recording(folder, record, wanted)
    except RecordError as error:
        assert error.reason in ("no_ecg_lead", "lead_absent", "empty"), error
        return None


@SETTINGS
@given(
    segments=st.lists(SEGMENT, min_size=2, max_size=5),
    cut=st.integers(1, 3),
    order=st.permutations(NAMES),
)
def test_a_recording_that_goes_on_is_what_it_was(tmp_path_factory, segments, cut, order):
    """As scanned (by the lead that is wanted) and as measured (by the lead that the scan found)."""
    folder = tmp_path_factory.mktemp("record")
    before = segments[:cut]
    for with_layout in (True, False):
        for record, parts in (("then", before), ("whole", segments)):
            recorded = {name for _, names in parts for name in names if with_layout}
            write(folder, record, parts, [name for name in order if name in recorded])
        n = sum(length for length, _ in before)
        for wanted in ("", "II", "ecg_ii"):
            then, now = (opened(folder, record, wanted) for record in ("then", "whole"))
            if then is None:
                assert now is None or np.isnan(now.read(0, n)).all()
                continue
            assert now is not None
            assert (now.lead, now.sampling_rate) == (then.lead, then.sampling_rate)
            assert now.read(0, n).tobytes() == then.read(0, n).tobytes()
            again = open_recording(folder, "whole", now.lead)
            assert again.read(0, now.n_samples).tobytes() == now.read(0, now.n_samples).tobytes()
