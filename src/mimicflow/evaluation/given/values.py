"""Make labels and probabilities of the values of a given file, and refuse what could be neither."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mimicflow.evaluation.given.file import GivenFile
from mimicflow.evaluation.predictions import PredictionsError

TEST, VALIDATION, TRAIN = "test", "validation", "train"
PARTS = {
    **{TEST: TEST, "testing": TEST, "holdout": TEST},
    **{VALIDATION: VALIDATION, "valid": VALIDATION, "val": VALIDATION},
    **{TRAIN: TRAIN, "training": TRAIN, "development": TRAIN},
}
"""What a column of the split may say, and what it means."""
_TRUTH = {"true": 1.0, "false": 0.0}
_SHOWN = 6  # values named in a message


def labels(file: GivenFile, values: pd.Series, positive: str) -> tuple[pd.Series, list[str]]:
    """Return labels of 0 and 1, and what was taken for granted.

    Parameters
    ----------
    file : GivenFile
        For the messages.
    values : pandas.Series
        The column, by line.
    positive : str
        The value that is an event; without it only 0 and 1, or true and false, are understood.

    Raises
    ------
    PredictionsError
        Missing labels, others than 0 and 1, a value that does not occur.
    """
    _refuse_missing(file, values, "label")
    if positive:
        return _of_positive(file, values, positive)
    if is_bool_dtype(values.dtype):
        return values.astype(np.int64), []
    numbers = values.astype(object).map(_number) if not _is_number(values) else values
    wrong = ~numbers.isin([0, 1])
    if not wrong.any():
        return numbers.astype(np.int64), []
    found = _kinds(values)
    remedy = "name the value that is an event with --positive"
    if len(found) > 2 and _is_number(values):
        remedy += "; if this column holds counts or times, name another with --label"
    elif len(found) == 2:
        remedy += f", for instance --positive {sorted(found)[-1]}"
    raise file.fault(
        f"column {values.name} holds other labels than 0 and 1: {_listed(found)}",
        remedy,
        wrong.index[wrong][0],
    )


def _of_positive(file: GivenFile, values: pd.Series, positive: str) -> tuple[pd.Series, list[str]]:
    event = values.astype(str).str.strip() == positive.strip()
    wanted = _number(positive)
    if _is_number(values) and not np.isnan(wanted):
        event = values == wanted
    others = _kinds(values[~event])
    if not event.any():
        raise file.fault(
            f"no label in column {values.name} is {positive}: {_listed(others)}",
            "name one of these with --positive",
        )
    said = [f"{values.name} = {positive} is an event; no event: {_listed(others)}"]
    return event.astype(np.int64), said


def probabilities(file: GivenFile, values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return probabilities, and what was taken for granted.

    Raises
    ------
    PredictionsError
        Missing or infinite probabilities, texts, values outside 0 and 1 (with what they look like).
    """
    _refuse_missing(file, values, "probability")
    numbers, said = _as_numbers(file, values)
    infinite = ~np.isfinite(numbers)
    if infinite.any():
        raise file.fault(
            f"{values.name} has no finite number in {int(infinite.sum())} rows",
            "give every row a probability from 0 to 1",
            infinite.index[infinite][0],
        )
    outside = ~numbers.between(0, 1)
    if outside.any():
        raise _outside(file, values, numbers, outside)
    if numbers.nunique() == 1:
        said.append(
            f"{values.name} is {numbers.iloc[0]:g} in every row: it ranks nobody, and has no slope"
        )
    elif numbers.isin([0, 1]).all():
        said.append(f"{values.name} is 0 or 1 in every row: these look like classes")
    return numbers, said


def _outside(
    file: GivenFile, values: pd.Series, numbers: pd.Series, outside: pd.Series
) -> PredictionsError:
    low, high = numbers.min(), numbers.max()
    if low >= 0 and high <= 100:
        looks, remedy = "per cent", "divide them by 100"
    elif low < 0 and max(abs(low), abs(high)) <= 100:
        looks, remedy = "log odds (logits)", "make probabilities of them: 1 / (1 + exp(-x))"
    else:
        looks = "scores on a scale of their own"
        remedy = "give probabilities from 0 to 1, calibrated on other patients"
    return file.fault(
        f"{int(outside.sum())} of {len(numbers)} values of {values.name} lie outside 0 to 1 "
        f"(from {low:g} to {high:g}); they look like {looks}",
        remedy,
        outside.index[outside][0],
    )


def _as_numbers(file: GivenFile, values: pd.Series) -> tuple[pd.Series, list[str]]:
    if _is_number(values):
        return values.astype(np.float64), []
    texts = values.astype(str).str.strip()
    numbers, said = pd.to_numeric(texts, errors="coerce"), []
    if numbers.isna().any() and texts.str.fullmatch(r"-?\d+(,\d+)?").all():
        numbers = pd.to_numeric(texts.str.replace(",", "."))
        said = [f"{values.name} has decimal commas: {texts.iloc[0]} is read as {numbers.iloc[0]:g}"]
    if numbers.isna().any() or is_bool_dtype(values.dtype):
        wrong = numbers.isna() | is_bool_dtype(values.dtype)
        raise file.fault(
            f"column {values.name} holds {texts[wrong].iloc[0]!r}, which is no probability",
            "give every row a number from 0 to 1, or name another column with --probability",
            wrong.index[wrong][0],
        )
    return numbers.astype(np.float64), said


def parts(file: GivenFile, values: pd.Series, *, guessed: bool) -> tuple[pd.Series, list[str]]:
    """Return ``test``, ``validation`` or ``train`` of each row, and what was taken for granted.

    Raises
    ------
    PredictionsError
        A column that says which rows are train or validation, but of none or not of all that they
        are test; one that was named and says something else.
    """
    plain = values.astype(str).str.strip().str.lower()
    found = plain.map(PARTS)
    unknown = found.isna()
    if not unknown.any() and (found == TEST).any():
        said = [f"only the rows of {values.name} that say test are scored"]
        if (found == VALIDATION).any():
            said.append("those of validation choose thresholds and recalibrate")
        return found, said
    if guessed and unknown.all():
        everyone = pd.Series(TEST, index=values.index)
        return everyone, [f"column {values.name} does not say which rows are test: all are scored"]
    at = unknown.index[unknown][0] if unknown.any() else None
    raise file.fault(
        f"column {values.name} holds {_listed(_kinds(values))}",
        "say test, validation or train in every row, test at least once; or --split none",
        at,
    )


def names(file: GivenFile, values: pd.Series, role: str) -> pd.Series:
    """Return the names of rows, patients or models, none of which may be missing."""
    _refuse_missing(file, values, role)
    return values


def _refuse_missing(file: GivenFile, values: pd.Series, role: str) -> None:
    missing = values.isna()
    if missing.any():
        raise file.fault(
            f"{int(missing.sum())} of {len(values)} rows have no value in column {values.name} "
            f"({role})",
            f"fill in the values or leave these rows out; or name another column with --{role}",
            missing.index[missing][0],
        )


def _is_number(values: pd.Series) -> bool:
    return bool(is_numeric_dtype(values.dtype) and not is_bool_dtype(values.dtype))


def _number(value: object) -> float:
    """Return a value as number, true and false as 1 and 0; NaN where it is neither."""
    text = str(value).strip().lower()
    if text in _TRUTH:
        return _TRUTH[text]
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _kinds(values: pd.Series) -> list[str]:
    unique = pd.unique(values)
    return [f"{value:g}" if isinstance(value, float) else str(value) for value in unique]


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(sorted(found)[:_SHOWN]) + more
