"""ECG paper: true to scale, simultaneous leads, any rate and length."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure

from mimicflow.ecg import paper
from mimicflow.ecg.paper import draw_empty_paper, draw_paper, page
from mimicflow.ecg.records import LEADS
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

PX_PER_MM = 200 / 25.4


MADE = Study(synthetic=True)


@pytest.fixture
def drawn(monkeypatch):
    """Draw, and return the axes that were drawn on."""
    seen = []

    def remembered(figure: Figure):
        seen.append(page(figure))
        return seen[-1]

    monkeypatch.setattr(paper, "page", remembered)

    def draw(path, *arguments, **more):
        draw_paper(*arguments, path, study=Study(), **more)
        return seen[-1]

    return draw


def beats(sampling_rate, seconds=10.0):
    """A spike of 1 mV every second in all leads, at 0.5 s, 1.5 s, ..."""
    n = round(sampling_rate * seconds)
    ecg = np.zeros((12, n))
    ecg[:, (np.arange(0.5, seconds, 1) * sampling_rate).astype(int)] = 1.0
    return ecg


def words(axes):
    return [text.get_text() for text in axes.texts]


def traces(axes):
    """Lines longer than a calibration pulse: three rows of four leads, then the rhythm strip."""
    return [line for line in axes.lines if len(line.get_xdata()) != 6]


def test_one_second_is_25_mm_and_one_millivolt_10_mm_on_the_page(tmp_path, drawn):
    axes = drawn(tmp_path / "ecg.png", beats(100), 100)
    mm = 72 / 25.4 * axes.figure.dpi / 72  # pixels of the figure per mm of the page
    rhythm = traces(axes)[-1]
    pixels = axes.transData.transform(rhythm.get_xydata())
    spikes = pixels[rhythm.get_ydata() == rhythm.get_ydata().max()]
    np.testing.assert_allclose(np.diff(spikes[:, 0]) / mm, 25)
    np.testing.assert_allclose(np.ptp(pixels[:, 1]) / mm, 10)
    assert matplotlib.image.imread(tmp_path / "ecg.png").shape[1] == int(270 * PX_PER_MM)


def test_a_calibration_pulse_of_1_mv_and_200_ms_stands_before_every_row(tmp_path, drawn):
    axes = drawn(tmp_path / "ecg.png", beats(100), 100)
    pulses = [line.get_xydata() for line in axes.lines if len(line.get_xdata()) == 6]
    assert len(pulses) == 4
    for pulse in pulses:
        assert np.ptp(pulse[:, 1]) == 10
        assert pulse[3, 0] - pulse[2, 0] == 5
        assert pulse[:, 0].max() <= paper._START


def test_the_grid_has_lines_every_mm_and_strong_ones_every_5_mm(tmp_path, drawn):
    axes = drawn(tmp_path / "ecg.png", beats(100), 100)
    fine, _, bold, _ = axes.collections[:4]
    for lines, step in ((fine, 1), (bold, 5)):
        x = np.array([path.vertices[0, 0] for path in lines.get_paths()])
        np.testing.assert_allclose(np.diff(x), step)
    assert all((baseline - paper._BOTTOM) % 5 == 0 for baseline in paper._BASELINES)


def test_leads_stand_in_the_standard_places_and_columns_are_simultaneous(tmp_path, drawn):
    ecg = np.zeros((12, 1000))
    ecg[:, 610] = 0.1 * (1 + np.arange(12))  # at 6.1 s: third column only
    axes = drawn(tmp_path / "ecg.png", ecg, 100)
    expected = ["I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6", "II"]
    assert words(axes)[:13] == expected
    for place, (line, lead) in enumerate(zip(traces(axes), expected, strict=True)):
        height = np.ptp(line.get_ydata())
        shown = place % 4 == 2 or place == 12
        assert height == pytest.approx(1 + LEADS.index(lead) if shown else 0, abs=1e-9), lead
        if shown:
            peak = line.get_xdata()[line.get_ydata().argmax()]
            assert peak == pytest.approx(paper._START + 25 * 6.1)


@pytest.mark.parametrize(
    ("sampling_rate", "seconds"), [(50, 10), (500, 10), (360, 6), (128.5, 6.1), (100, 14), (100, 1)]
)
def test_any_rate_and_length(tmp_path, drawn, sampling_rate, seconds):
    ecg = beats(sampling_rate, seconds)
    attribution = np.ones_like(ecg) / sampling_rate
    axes = drawn(tmp_path / "ecg.png", ecg, sampling_rate, attribution=attribution)
    end = max(line.get_xdata().max() for line in traces(axes) if len(line.get_xdata()))
    step = 25 / sampling_rate
    assert end == pytest.approx(paper._START + 25 * min(seconds, 10), abs=1.5 * step)


def test_missing_leads_and_samples(tmp_path, drawn):
    ecg = beats(100)
    ecg[LEADS.index("V3"), 510:520] = np.nan
    axes = drawn(tmp_path / "ecg.png", ecg, 100, lead_mask=np.arange(12) != LEADS.index("II"))
    assert words(axes).count("not recorded") == 2  # in its row and as rhythm strip
    assert len(traces(axes)) == 11


def bars(axes):
    """Extent in mm of each filled shape: (left, bottom, right, top)."""
    shapes = [c for c in axes.collections if isinstance(c, FillBetweenPolyCollection)]
    return np.array([shape.get_datalim(axes.transData).extents for shape in shapes])


def test_attribution_goes_up_toward_admission_and_down_toward_discharge(tmp_path, drawn):
    attribution = np.zeros((12, 1000))
    attribution[LEADS.index("V1"), 600:604] = 0.25  # 40 ms: 1 log-odds
    attribution[LEADS.index("V6"), 790:794] = -0.25
    axes = drawn(tmp_path / "ecg.png", beats(100), 100, attribution=attribution)
    extents = bars(axes)
    height = extents[:, 3] - extents[:, 1]
    first_row, third_row = paper._BASELINES[0], paper._BASELINES[2]
    assert (height > 0).sum() == 2
    up, down = extents[height > 0]
    assert (up[1], up[3]) == pytest.approx((first_row, first_row + paper._TALL))
    assert (down[1], down[3]) == pytest.approx((third_row - paper._TALL, third_row))
    written = [text for text in words(axes) if "log-odds" in text]
    assert written == ["8 mm: 1 log-odds from 40 ms; cut at 12 mm"]


def test_bars_sum_40_ms_at_every_rate():
    for sampling_rate in (50, 100, 500):
        attribution = np.full((12, 10 * sampling_rate), 1 / sampling_rate)  # 1 per second
        found = paper._bars(attribution, sampling_rate, np.ones(12, bool))
        np.testing.assert_allclose(found[-1], 0.04)
        assert len(found[-1]) == 250
        assert found[0].sum() == pytest.approx(2.5)


def test_no_attribution_at_all_draws_no_bar(tmp_path, drawn):
    axes = drawn(tmp_path / "ecg.png", beats(100), 100, attribution=np.zeros((12, 1000)))
    extents = bars(axes)
    np.testing.assert_allclose(extents[:, 1], extents[:, 3])


def test_same_bytes_and_no_paper_without_an_ecg(tmp_path):
    ecg, attribution = beats(100), np.random.default_rng(0).normal(size=(12, 1000))
    for name in "ab":
        draw_paper(
            ecg,
            100,
            tmp_path / name,
            attribution=attribution,
            title="T",
            note="N",
            study=MADE,
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    draw_empty_paper(tmp_path / "none.png", title="T", message="no such stay", study=MADE)
    assert matplotlib.image.imread(tmp_path / "none.png").min() < 0.5  # something is written


@pytest.mark.parametrize(
    ("ecg", "sampling_rate", "attribution", "message"),
    [
        (np.zeros((3, 100)), 100, None, r"shape \(3, 100\) at 100 Hz"),
        (np.zeros((12, 0)), 100, None, "cannot be drawn"),
        (np.zeros((12, 100)), 0, None, "at 0 Hz"),
        (np.zeros((12, 100)), 100, np.zeros((12, 99)), r"attribution has shape \(12, 99\)"),
    ],
)
def test_faulty_signals(tmp_path, ecg, sampling_rate, attribution, message):
    with pytest.raises(InputError, match=message):
        draw_paper(ecg, sampling_rate, tmp_path / "p.png", attribution=attribution, study=Study())
    assert not list(tmp_path.iterdir())
