"""Turn pictures into data URIs, small enough that the page stays light."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from mimicflow.errors import InputError

WIDTHS = (1800, 1400, 1000, 700)  # pixels, tried from the largest
COLOURS = 128


def data_uri(path: Path, max_bytes: int = 300_000) -> str:
    """Return a PNG or SVG as data URI.

    A PNG above the limit gets a palette of 128 colours and, while it is still too large, fewer
    pixels. An SVG is text and passes as it is.

    Parameters
    ----------
    path : Path
        ``.png`` or ``.svg``.
    max_bytes : int
        Limit of a PNG; the smallest of the widths is taken even if it is above the limit.

    Raises
    ------
    InputError
        A missing file or one that is no picture.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".svg":
            return _uri("svg+xml", content)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            return _uri("png", _lighter(image, content, max_bytes))
    except (FileNotFoundError, UnidentifiedImageError) as error:
        raise InputError(
            "no picture can be read from this file", file=path, remedy="run its rule again"
        ) from error


def _lighter(image: Image.Image, content: bytes, max_bytes: int) -> bytes:
    if len(content) <= max_bytes:
        return content
    image = image.convert("RGB")
    for width in WIDTHS:
        buffer = io.BytesIO()
        fitted = image.copy()
        fitted.thumbnail((width, image.height), Image.Resampling.LANCZOS)  # never enlarges
        # An octree keeps a rare colour, such as the blue of a few bars; median cut turns it grey.
        reduced = fitted.quantize(
            COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        reduced.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= max_bytes:
            break
    return buffer.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
