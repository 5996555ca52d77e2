"""Texts that are compared are spelled alike in SQL and in Python, whatever was typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicflow.concepts import opened
from mimicflow.raw import code_texts

# Blanks and characters without width of all kinds, what spreadsheets add, and plain letters.
HOSTILE = [*" \t\n\r\x0b\x0c\x1c\x85\u00a0\u1680\u2003\u2009\u200b\u200d\u2028\u202f\u2060\u3000"]
HOSTILE += ["\ufeff", "\u00ad", "\u180e", ".0", ".", ".00", "414.01", "4280", "i25.10", "é", "µ"]
HOSTILE += ["370.0"]
TEXTS = st.one_of(
    st.none(),
    st.lists(st.sampled_from([*HOSTILE, *"0123456789aBeV"]), max_size=8).map("".join),
    # DuckDB and Python disagree on the case of some letters only: those that become two.
    st.text(max_size=12).filter(lambda text: len(text.upper()) == len(text.lower()) == len(text)),
)
MACROS = ("trimmed", "clean_text", "key_text", "code_text", "icd_text", "procedure_text")


@pytest.fixture(scope="module")
def connection():
    with opened({}, {}, 200) as connection:
        yield connection


@settings(deadline=None, derandomize=True, max_examples=200)
@given(texts=st.lists(TEXTS, min_size=1, max_size=30))
def test_sql_and_python_spell_alike(connection, texts):
    macros = ", ".join(f"{macro}(text)" for macro in MACROS)
    found = connection.execute(
        f"SELECT {macros} FROM (SELECT unnest($texts::VARCHAR[]) AS text)", {"texts": texts}
    ).fetchall()
    expected = [tuple(getattr(code_texts, macro)(text) for macro in MACROS) for text in texts]
    assert found == expected


@pytest.mark.parametrize(
    ("written", "diagnosis", "procedure"),
    [
        ("38.0", "380", "380"),
        ("38.93", "3893", "3893"),
        ("370.0", "3700", "370"),  # Of a diagnosis, the dot may be its own.
        ("370.", "370", "370"),
        ("3893.0", "3893", "3893"),
        ("\u00a0370.00 ", "37000", "370"),
        ("5a12012", "5A12012", "5A12012"),
    ],
)
def test_a_dot_and_zero_behind_the_digits_of_a_whole_code_are_a_spreadsheets(
    connection, written, diagnosis, procedure
):
    found = connection.execute("SELECT icd_text($1), procedure_text($1)", [written]).fetchone()
    assert found == (diagnosis, procedure)
    for version in ("9", "10"):
        assert code_texts.visit_code(f"ICD{version}:{written}") == f"ICD{version}:{diagnosis}"
        assert code_texts.visit_code(f"PROC{version}:{written}") == f"PROC{version}:{procedure}"
