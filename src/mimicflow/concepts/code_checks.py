"""Find tables whose codes match nothing: lost zeros, other dictionaries, other releases.

One row does not show that ``1882`` was ``01882``, or that a drug code is of another dictionary.
A whole table does: most of its codes are unknown then, or none begins with 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow.concepts import Paths, opened
from mimicflow.concepts.icd_bins import icd_bins
from mimicflow.reference import reference

_LISTS = (reference("race_groups.csv"), reference("arrivals.csv"), reference("careunits.csv"))

FEWEST_ROWS = 20
"""A table with fewer rows is not warned about."""
MANY_ROWS = 1000
"""Of that many laboratory results some are of each group."""
FEWEST_ICD9 = 300
"""With fewer ICD-9 codes, how many begin with 0 is no reason to warn."""
USUALLY_WITH_ZERO = 0.005
"""Share of ICD-9 codes that begin with 0 below which the table is warned about; of the open
demo's diagnoses it is .03, of its procedures .06."""
USUALLY_UNSTORED = 0.01
"""Share of results without storetime above which the table is warned about."""


@dataclass(frozen=True)
class CodeCheck:
    """One column of codes.

    Parameters
    ----------
    table, column : str
        ``module/table``, and where its codes are.
    known_by : str
        Words for what knows the codes.
    known : str
        SQL that is true of a known ``code`` (and ``version``).
    version : str
        Column of the version, or NULL.
    needs : str
        Another table that must have been read, or empty.
    usual : float
        Share of unknown codes above which the table is warned about; it always is from half on.
    """

    table: str
    column: str
    known_by: str
    known: str
    version: str = "NULL::BIGINT"
    needs: str = ""
    usual: float = 0.5


# HCUP lists all codes of both systems; of procedures there is no such list, but they have a form.
CHECKS = (
    CodeCheck(
        *("hosp/diagnoses_icd", "icd_code", "the lists of CCS and CCSR"),
        "(version, icd_text(code)) IN (SELECT (icd_version, icd_code) FROM icd_bins)",
        version="icd_version",
        usual=0.01,
    ),
    CodeCheck(
        *("hosp/procedures_icd", "icd_code", "the form of a procedure code"),
        "regexp_full_match(procedure_text(code), "
        "CASE version WHEN 9 THEN '[0-9]{3,4}' ELSE '[0-9A-HJ-NP-Z]{7}' END)",
        version="icd_version",
        usual=0.01,
    ),
    CodeCheck(
        *("hosp/prescriptions", "gsn", "ed/medrecon"),
        "code IN (SELECT gsn FROM etc_of_gsn('prescriptions'))",
        needs="ed/medrecon",
    ),
    CodeCheck(
        *("ed/pyxis", "gsn", "ed/medrecon"),
        "code IN (SELECT gsn FROM etc_of_gsn('pyxis'))",
        needs="ed/medrecon",
    ),
    CodeCheck(
        *("ed/medrecon", "etccode", "the form of a class"),
        "regexp_full_match(code_text(code), '[0-9]{1,8}')",
    ),
    CodeCheck(
        *("ed/edstays", "race", "race_groups.csv"),
        "key_text(code) IN (SELECT race FROM race_groups)",
    ),
    CodeCheck(
        *("ed/edstays", "arrival_transport", "arrivals.csv"),
        "key_text(code) IN (SELECT arrival_transport FROM arrivals)",
    ),
    CodeCheck(
        *("hosp/admissions", "race", "race_groups.csv"),
        "key_text(code) IN (SELECT race FROM race_groups)",
    ),
    CodeCheck(
        *("icu/icustays", "first_careunit", "careunits.csv"),
        "key_text(code) IN (SELECT key_text(careunit) FROM careunits)",
    ),
)


def check_codes(
    tables: Mapping[str, Paths], memory_mb: int = 1000, threads: int = 1
) -> list[dict[str, Any]]:
    """Count the codes of all tables that match nothing.

    Parameters
    ----------
    tables : mapping of str to path or paths
        ``module/table`` -> its shards; those that are not there are not looked at.
    memory_mb, threads : int
        Of the database.

    Returns
    -------
    list of dict
        Of each column: table, column, known_by, rows (filled), unknown, patients (with an unknown
        one; None in a table without patients), icd9 (rows of ICD-9, of digits only), with_zero
        (those of them that begin with 0), usual.
    """
    views = {name.rpartition("/")[2]: paths for name, paths in tables.items()}
    with opened(views, {}, memory_mb, threads) as connection:
        connection.register("icd_bins", icd_bins())
        for file in _LISTS:
            connection.register(file.stem, pd.read_csv(file, dtype=str))
        if "medrecon" in views:
            connection.execute(
                "CREATE VIEW gsn_etc AS SELECT DISTINCT zero_padded(gsn, 6) AS gsn, "
                "NULL AS etccode, NULL AS etcdescription FROM medrecon "
                "WHERE zero_padded(etccode, 8) IS NOT NULL"
            )
        return [
            _count(connection, check)
            for check in CHECKS
            if check.table in tables and (not check.needs or check.needs in tables)
        ]


def _count(connection: duckdb.DuckDBPyConnection, check: CodeCheck) -> dict[str, Any]:
    """Judge each different code once, then count its rows."""
    [(rows, unknown, patients, icd9, with_zero)] = connection.execute(
        f"""
        WITH coded AS (
            SELECT subject_id, {check.column} AS code, {check.version} AS version
            FROM {check.table.rpartition("/")[2]}
            WHERE trimmed({check.column}) <> ''
        ),
        judged AS (
            SELECT
                code,
                version,
                coalesce({check.known}, false)                                    AS known,
                version = 9 AND regexp_full_match(icd_text(code), '[0-9]+')       AS of_icd9,
                version = 9 AND regexp_full_match(icd_text(code), '0[0-9]*')      AS with_zero
            FROM (SELECT DISTINCT code, version FROM coded)
        )
        SELECT
            count(*),
            count(*) FILTER (WHERE NOT known),
            count(DISTINCT subject_id) FILTER (WHERE NOT known),
            count(*) FILTER (WHERE of_icd9),
            count(*) FILTER (WHERE with_zero)
        FROM coded
        JOIN judged
            ON coded.code = judged.code AND coded.version IS NOT DISTINCT FROM judged.version
        """
    ).fetchall()
    named = {name: getattr(check, name) for name in ("table", "column", "known_by", "usual")}
    counted = {"rows": rows, "unknown": unknown, "patients": patients}
    return {**named, **counted, "icd9": icd9, "with_zero": with_zero}


def check_laboratory(labevents: Paths, memory_mb: int = 1000, threads: int = 1) -> list[str]:
    """Return what a user should know of the results: groups without any, units, missing storetime.

    Parameters
    ----------
    labevents : path or paths
        Shards of ``hosp/labevents``, which hold the items of ``labs.csv`` only.
    memory_mb, threads : int
        Of the database.
    """
    uses = ["lab_items"]
    with opened({"labevents": labevents}, {}, memory_mb, threads, uses) as connection:
        [(rows, unstored)] = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE storetime IS NULL) FROM labevents"
        ).fetchall()
        absent = connection.execute(
            "SELECT DISTINCT lab FROM lab_items WHERE lab NOT IN "
            "(SELECT lab FROM lab_items JOIN labevents USING (itemid)) ORDER BY lab"
        ).fetchall()
        units = connection.execute(
            """
            WITH results AS (
                SELECT lab, unit_text(valueuom) AS unit FROM labevents JOIN lab_items USING (itemid)
            )
            SELECT
                lab, count(*),
                count(*) FILTER (factor IS NULL), mode(unit) FILTER (factor IS NULL)
            FROM results
            LEFT JOIN lab_units USING (lab, unit)
            WHERE unit <> ''
            GROUP BY lab
            ORDER BY lab
            """
        ).fetchall()
    warnings = []
    if rows >= MANY_ROWS and absent:
        warnings.append(f"no result of the laboratory groups {', '.join(lab for (lab,) in absent)}")
    warnings += [
        f"{unknown} of {n} results of {lab} are in units that lab_units.csv does not list, most in "
        f"{unit}: missing (features.lab_units: as_written takes them as the official one)"
        for lab, n, unknown, unit in units
        if n >= FEWEST_ROWS and 2 * unknown >= n
    ]
    if rows >= FEWEST_ROWS and unstored > USUALLY_UNSTORED * rows:
        warnings.append(
            f"{unstored} of {rows} results have no storetime: "
            "features.missing_storetime says when they are known"
        )
    return [f"hosp/labevents: {warning}" for warning in warnings]


def warnings_of(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each column whose codes a user should look at."""
    warnings = []
    for check in checks:
        head = f"{check['table']}: "
        if _is_unusual(check):
            half = ", at least half of them" if _is_half(check) else ""
            warnings.append(
                f"{head}{check['unknown']} of {check['rows']} {check['column']} values are not "
                f"known by {check['known_by']}{half}"
            )
        icd9, with_zero = check["icd9"], check["with_zero"]
        if icd9 >= FEWEST_ICD9 and with_zero < USUALLY_WITH_ZERO * icd9:
            warnings.append(
                f"{head}{with_zero or 'none'} of {icd9} ICD-9 codes begin with 0, where 3 in 100 "
                "usually do: a spreadsheet may have taken the zeros, and made other codes of them"
            )
    return warnings


def _is_unusual(check: Mapping[str, Any]) -> bool:
    enough = check["rows"] >= FEWEST_ROWS
    return enough and (_is_half(check) or check["unknown"] > check["usual"] * check["rows"])


def _is_half(check: Mapping[str, Any]) -> bool:
    return bool(check["rows"] >= FEWEST_ROWS and 2 * check["unknown"] >= check["rows"])


def with_unknown_codes(attrition: pd.DataFrame, manifest: str | Path | None) -> pd.DataFrame:
    """Append to an attrition table a line for each column of which half the codes match nothing.

    Parameters
    ----------
    attrition : pandas.DataFrame
        step, description, and what is counted.
    manifest : path-like or None
        Of `mimicflow.concepts.manifest.build_manifest`; None appends nothing.
    """
    checks = (
        [] if manifest is None else json.loads(Path(manifest).read_text(encoding="utf-8"))["codes"]
    )
    lines = [
        {
            "step": f"unknown_{check['table'].replace('/', '_')}_{check['column']}",
            "description": f"Rows of {check['table']} whose {check['column']} is not known by "
            f"{check['known_by']}: at least half of them",
            "rows": check["unknown"],
            "patients": check["patients"],
        }
        for check in checks
        if _is_half(check)
    ]
    if not lines:
        return attrition
    kept = [name for name in lines[0] if name in attrition]
    table = pd.concat([attrition, pd.DataFrame(lines)[kept]], ignore_index=True)
    counted = [name for name in table if name not in ("step", "description")]
    return table.astype(dict.fromkeys(counted, "Int64"))
