"""Read the columns of a given file, CSV or Parquet, and say where in it a fault lies."""

from __future__ import annotations

import csv
import gzip
import itertools
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mimicflow.evaluation.predictions import PredictionsError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]
_CSV = "save it as CSV with a line of column names, in UTF-8, or as Parquet"
_HEADS = {
    b"PK": "is a spreadsheet or another archive, neither CSV nor Parquet",
    b"\xff\xfe": "is UTF-16 text, not UTF-8",
    b"\xfe\xff": "is UTF-16 text, not UTF-8",
    b"\x80\x04": "is a pickle, which could run anything and is not opened",
}


@dataclass(frozen=True)
class GivenFile:
    """A file of predictions whose columns are known.

    ``separator`` is empty of a Parquet file.
    """

    path: Path
    columns: tuple[str, ...]
    separator: str

    def fault(self, message: str, remedy: str, index: int | None = None) -> PredictionsError:
        """Return the error for this file, with the line (of Parquet the row) of a frame's index."""
        if index is None:
            return PredictionsError(message, file=self.path, remedy=remedy)
        if self.separator:  # the header is line 1
            return PredictionsError(message, file=self.path, row=int(index) + 2, remedy=remedy)
        return PredictionsError(f"row {int(index) + 1}: {message}", file=self.path, remedy=remedy)

    def read(self, columns: Sequence[str], texts: Collection[str]) -> pd.DataFrame:
        """Return some columns; the index counts the lines after the header from 0.

        Parameters
        ----------
        columns : sequence of str
            Which.
        texts : collection of str
            Those of them that are text as it stands (names of rows and patients).

        Raises
        ------
        PredictionsError
            A file that cannot be read, lines with more fields than the header, no lines, nested
            columns.
        """
        frame = self._read_csv(texts) if self.separator else self._read_parquet(columns)
        frame = frame[list(dict.fromkeys(columns))]
        if frame.empty:
            raise self.fault(
                "has column names and no rows", "give a file with one row per prediction"
            )
        return frame.assign(**{name: _as_text(frame[name]) for name in set(texts) & set(frame)})

    def _read_csv(self, texts: Collection[str]) -> pd.DataFrame:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                # All columns: with a choice of them, pandas would not see that a line has too many.
                frame = pd.read_csv(
                    self.path,
                    sep=self.separator,
                    encoding="utf-8-sig",
                    compression="gzip" if _is_gzip(self.path) else None,
                    dtype=dict.fromkeys(texts, "str"),
                    keep_default_na=False,
                    na_values=MISSING,
                    skip_blank_lines=False,  # or lines could not be counted
                    skipinitialspace=True,
                    index_col=False,
                    low_memory=False,
                )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise self._ragged(str(error)) from error
        except UnicodeDecodeError as error:
            raise self.fault("is not text in UTF-8", _CSV) from error
        except (OSError, ValueError, EOFError) as error:
            raise self.fault(f"cannot be read as CSV ({error})", _CSV) from error
        return frame.dropna(how="all")

    def _ragged(self, said: str) -> PredictionsError:
        """Return the error of a line that has more fields than there are column names."""
        found = re.search(r"line (\d+), saw (\d+)", said)
        remedy = "give every line as many fields as the header has; texts with the separator, and "
        remedy += "decimal commas, need quotes"
        n = len(self.columns)
        if not found:
            return self.fault(f"the lines do not fit the {n} names of the header", remedy)
        line, fields = map(int, found.groups())
        return self.fault(f"{fields} fields, but the header has {n} names", remedy, line - 2)

    def _read_parquet(self, columns: Sequence[str]) -> pd.DataFrame:
        try:
            schema = pq.read_schema(self.path)
            for name in columns:
                kind = schema.field(name).type
                if pa.types.is_nested(kind):
                    raise self.fault(
                        f"column {name} holds {kind}, not one value per row",
                        "give a column with one number or text per row",
                    )
            # Without the notes of pandas, which may name an index; that of pandas counts the rows.
            table = pq.read_table(self.path, columns=list(dict.fromkeys(columns)))
            return table.replace_schema_metadata().to_pandas()
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise self.fault(f"cannot be read as Parquet ({type(error).__name__})", _CSV) from error


def stem_of(path: str | Path) -> str:
    """Return the name of a file without the ending of its format: ``a.b`` of ``a.b.csv.gz``."""
    return re.sub(r"(?i)(?<=.)(\.(csv|tsv|txt|parquet|pq))?(\.gz)?$", "", Path(path).name)


def open_given(path: str | Path) -> GivenFile:
    """Look at the columns of a file of predictions.

    Parameters
    ----------
    path : path-like
        CSV, also with a byte order mark, semicolons, tabs or bars, or gzipped; or Parquet. What it
        is, its first bytes say.

    Raises
    ------
    PredictionsError
        No such file, an empty one, one of another kind, or one without names of columns.
    """
    file = GivenFile(Path(path), (), "")
    if not file.path.is_file():
        what = "is a folder" if file.path.is_dir() else "there is no such file"
        raise file.fault(what, "give the path of a CSV or Parquet file")
    try:
        with file.path.open("rb") as stream:
            head = stream.read(4)
        if head == b"PAR1":
            names, separator = list(pq.read_schema(file.path).names), ""
        else:
            for start, what in _HEADS.items():
                if head.startswith(start):
                    raise file.fault(what, _CSV)
            names, separator = _header(file.path)
    except UnicodeDecodeError as error:
        raise file.fault("is not text in UTF-8", _CSV) from error
    except (OSError, EOFError, csv.Error, pa.ArrowException) as error:
        raise file.fault(f"cannot be read ({error})", _CSV) from error
    if not names:
        raise file.fault("is empty", "give a file with one row per prediction")
    _check_names(file, names)
    return GivenFile(file.path, tuple(names), separator)


def _check_names(file: GivenFile, names: list[str]) -> None:
    if all(_is_number(name) for name in names):
        raise file.fault(
            f"its first line ({', '.join(names[:4])}) holds values, not names of columns",
            "put the names of the columns into the first line",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise file.fault(
            f"several columns are called {', '.join(twice)}", "give each column a name of its own"
        )


def _header(path: Path) -> tuple[list[str], str]:
    """Return the names in the first line of a CSV, and the separator that parts most of them."""
    opened = gzip.open if _is_gzip(path) else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
        lines = list(itertools.islice(stream, 1))
    if not lines or not lines[0].strip():
        return [], ","
    parted = {sign: next(csv.reader(lines, delimiter=sign)) for sign in SEPARATORS}
    separator = max(parted, key=lambda sign: len(parted[sign]))
    # As pandas has them: without the blanks after a separator.
    return [name.lstrip() for name in parted[separator]], separator


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _as_text(values: pd.Series) -> pd.Series:
    """Return values as text; whole numbers without a point, missing ones missing."""
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string").astype(object).where(values.notna())
