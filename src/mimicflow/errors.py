"""Errors that a user can act on: each names the place and says what to do.

Everything that can go wrong with input, configuration or a fitted file ends in one of these;
any other exception that escapes the package is a bug in the package.
"""

from __future__ import annotations

from pathlib import Path


class MimicflowError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    file : path-like, optional
        The file in which it was found.
    row : int, optional
        The line of the file, counted from 1 with the header as line 1.
    remedy : str, optional
        What the user can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message, self.file, self.row, self.remedy = message, file, row, remedy
        place = "" if file is None else str(file) if row is None else f"{file}, line {row}"
        text = f"{place}: {message}" if place else message
        super().__init__(f"{text}\n  What to do: {remedy}" if remedy else text)


class ConfigError(MimicflowError):
    """A configuration value that cannot be used."""


class InputError(MimicflowError):
    """A raw file that is missing, unreadable or not what it claims to be."""


class TableError(InputError):
    """A raw table that breaks its schema: columns, types, keys, too many rejected rows."""


class RecordError(InputError):
    """One waveform record that cannot be used; ``reason`` is the word counted in the exclusions."""

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        file: str | Path | None = None,
        row: int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, file=file, row=row, remedy=remedy)
        self.reason = reason


class StorageError(MimicflowError):
    """A file that cannot be written or read, for a reason that lies in the disk or in rights."""


class CohortError(MimicflowError):
    """A cohort on which nothing can be fitted (empty, or a single class)."""


class CheckpointError(MimicflowError):
    """A saved model that cannot be read or does not fit the model in use."""


class DivergenceError(MimicflowError):
    """A training whose loss or predictions are no longer finite: its settings do not work."""
