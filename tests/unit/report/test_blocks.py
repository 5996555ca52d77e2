import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mimicflow.errors import InputError
from mimicflow.report.blocks import (
    count,
    counted,
    in_sentence,
    number,
    p_value,
    table,
    with_interval,
    with_spread,
)
from mimicflow.report.images import data_uri


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.91, "0.910"), (-0.0251, "−0.025"), (-0.0001, "0.000"), (np.nan, ""), (None, "")),
        *((np.inf, "∞"), (-np.inf, "−∞"), ("hidden", "hidden")),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_intervals_read_well_with_negative_bounds():
    assert with_interval(0.911, 0.9049, 0.9171) == "0.911 (0.905–0.917)"
    assert with_interval(0.01, -0.02, 0.04) == "0.010 (−0.020 to 0.040)"
    assert with_interval(0.911, np.nan, np.nan) == "0.911 (no interval)"
    assert with_interval(np.nan, 0.1, 0.2) == ""


def test_spread_and_p():
    assert with_spread(0.911, 0.0031) == "0.911 ± 0.003"
    assert with_spread(0.911, np.nan) == "0.911"
    assert with_spread(np.nan, np.nan) == ""
    assert [p_value(p) for p in (0.0, 0.00099, 0.001, 0.23, np.nan)] == [
        *("<0.001", "<0.001", "0.001", "0.230", "")
    ]


def test_counts_under_ten_are_masked_only_when_asked():
    assert [count(n, 10) for n in (0, 1, 9, 10)] == ["0", "<10", "<10", "10"]
    assert count(9) == "9"
    assert count(30421) == "30\u202f421"
    assert count(np.nan, 10) == ""


def test_an_abbreviation_stays_large_inside_a_sentence():
    assert in_sentence("Stays with ECGs") == "stays with ECGs"
    assert in_sentence("ECG only") == "ECG only"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="does not fit its 3 columns"):
        table("A table", [("a", False), ("b", True), ("c", True)], [["1", "2"]])


def noise(path: Path, width: int) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (width // 2, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def read_uri(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_small_picture_stays_as_it_is(tmp_path: Path):
    path = noise(tmp_path / "a.png", 40)
    assert base64.b64decode(data_uri(path).partition(",")[2]) == path.read_bytes()


def test_a_large_picture_gets_a_palette_and_fewer_pixels(tmp_path: Path):
    image = read_uri(data_uri(noise(tmp_path / "a.png", 1600), max_bytes=500_000))
    assert image.mode == "P"
    assert image.width == 1000


def test_a_picture_is_never_enlarged_and_the_smallest_is_taken_at_last(tmp_path: Path):
    assert read_uri(data_uri(noise(tmp_path / "a.png", 300), max_bytes=10)).width == 300
    assert read_uri(data_uri(noise(tmp_path / "b.png", 900), max_bytes=10)).width == 700


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_what_is_no_picture_is_refused(content: bytes | None, tmp_path: Path):
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a.png: no picture"):
        data_uri(tmp_path / "a.png")


def test_a_rare_colour_survives_the_palette(tmp_path: Path):
    generator = np.random.default_rng(0)
    pixels = generator.integers(180, 255, (600, 900, 3), dtype=np.uint8)
    pixels[300:304, 400:420] = (0, 114, 178)  # a few bars in blue on paper of many shades
    Image.fromarray(pixels).save(tmp_path / "a.png")

    lighter = read_uri(data_uri(tmp_path / "a.png", max_bytes=700_000)).convert("RGB")

    assert lighter.width == 900
    red, _, blue = lighter.getpixel((410, 302))
    assert blue - red > 100


def test_one_is_singular():
    assert [counted(n, "stays") for n in ("1", "2", "<10")] == ["1 stay", "2 stays", "<10 stays"]
