"""Spell codes and other texts that are compared: the same here and in ``macros.sql``.

Spreadsheets and other tools change codes on their way: they add ``.0``, dots, blanks of all kinds
and characters without width, and lose capitals. What they lose of the digits, no reader can mend.
"""

from __future__ import annotations

import re

# Of macros.sql, character by character; a property test compares both.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_BLANKS = re.compile(
    "[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)
_WHOLE_NUMBER = re.compile(r"([0-9]+)\.0*")
# The dot of a diagnosis stands behind three digits, that of a procedure behind two: behind more, a
# spreadsheet wrote it.
_DIAGNOSIS_NUMBER = re.compile(r"([0-9]{4,})\.0*")
_PROCEDURE_NUMBER = re.compile(r"([0-9]{3,})\.0*")
_VISIT_CODE = re.compile(r"(ICD9|ICD10|PROC9|PROC10|DRUG)\s*:(.*)", re.IGNORECASE | re.DOTALL)


def trimmed(text: str | None) -> str:
    """Return the text with single plain blanks only, none of them at its ends; "" for none.

    Blanks are those of Unicode and control characters; what has no width (zero-width space, byte
    order mark, soft hyphen) goes.
    """
    return _BLANKS.sub(" ", _INVISIBLE.sub("", text or "")).strip(" ")


def clean_text(text: str | None) -> str:
    """Return the trimmed text in lower case: names of drugs, findings, units."""
    return trimmed(text).lower()


def key_text(text: str | None) -> str | None:
    """Return the trimmed text in upper case, None for none: categories such as race or sex."""
    return trimmed(text).upper() or None


def code_text(text: str | None) -> str | None:
    """Return a numeric code without the ``.0`` that spreadsheets add; None for none."""
    code = trimmed(text)
    whole = _WHOLE_NUMBER.fullmatch(code)
    return (whole[1] if whole else code) or None


def icd_text(text: str | None) -> str | None:
    """Return an ICD diagnosis as MIMIC-IV writes it: upper case, no dot, no blanks; None for none.

    ``414.01`` is ``41401``, ``i25.10`` is ``I2510``. After four digits ``.0`` can only be a
    number's. After three it may be the code's own: ``250.0`` is read as ``2500``, and so is
    ``486.0`` as ``4860``, though it was ``486``; only a list of all codes could say which it is.
    """
    return _undotted(text, _DIAGNOSIS_NUMBER)


def procedure_text(text: str | None) -> str | None:
    """Return an ICD procedure as `icd_text` returns a diagnosis.

    ``38.93`` is ``3893``, ``38.0`` is ``380``. After three digits ``.0`` can only be a number's:
    ``370.0`` is ``370``.
    """
    return _undotted(text, _PROCEDURE_NUMBER)


def _undotted(text: str | None, number: re.Pattern[str]) -> str | None:
    code = trimmed(text).upper().replace(" ", "")
    whole = number.fullmatch(code)
    return (whole[1] if whole else code.replace(".", "")) or None


def is_visit_code(text: str) -> bool:
    """Return whether the text says what kind of code it is, as `visit_code` spells it."""
    known = _VISIT_CODE.fullmatch(text)
    return known is not None and bool(trimmed(known[2]))


def visit_code(text: str) -> str:
    """Return a code of a visit as the vocabulary of the mortality system spells it.

    Parameters
    ----------
    text : str
        ``ICD9:``, ``ICD10:``, ``PROC9:`` or ``PROC10:`` and an ICD code, or ``DRUG:`` and a name.
        Without one of these it is only trimmed: whether it is a code or a drug is not known.
    """
    known = _VISIT_CODE.fullmatch(trimmed(text))
    if known is None:
        return trimmed(text)
    prefix = known[1].upper()
    spelled = {"DRUG": clean_text, "PROC9": procedure_text, "PROC10": procedure_text}
    return f"{prefix}:{spelled.get(prefix, icd_text)(known[2]) or ''}"
