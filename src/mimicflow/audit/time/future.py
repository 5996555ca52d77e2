"""Change what was not known at a prediction, in the raw tables of the patients who are predicted.

When a row was known stands in ``audit_tables.csv``, by the columns of the raw tables alone: no code
that makes features has a part in it. What a row had said by the prediction stays as it is, such as
the beginning of an admission that is under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from mimicflow.reference import reference

KINDS = ("added", "changed", "deleted")
Tables = dict[str, pd.DataFrame]

_IDS = {"subject_id", "hadm_id", "stay_id", "labevent_id", "study_id", "seq_num", "pharmacy_id"}
_NEW = 90_000_000
"""Numbers of made-up admissions and stays begin here: MIMIC's end at 40 million."""
_LATER = (1, 600, 86_400, 400 * 86_400)
"""Seconds after the prediction at which something happens."""
_YEAR = pd.Timedelta(days=365)
OUTCOMES = frozenset(
    {
        *("hadm_id", "outtime", "disposition", "label"),  # of the emergency department
        *("dischtime", "dod", "died_later", "died_at", "any_icu_deathtime"),
    }
)
"""Columns of predicted stays that say how it goes on with them."""
OTHER_ENDS = {"HOME": "ADMITTED", "ADMITTED": "HOME"}
# What goes with an admission or a stay that has never been.
_DEPENDENT = {"admissions": "hadm_id", "edstays": "stay_id"}


class Future:
    """What was not known at the predictions of some patients.

    Parameters
    ----------
    system : {"admission", "mortality"}
        Whose rules of time hold.
    tables : mapping of str to pandas.DataFrame
        The raw rows of these patients.
    spine : pandas.DataFrame
        One row per patient: subject_id, stay_id, hadm_id, prediction_time; of admission intime.
    seed : int
        Of what is drawn.
    """

    def __init__(
        self, system: str, tables: Mapping[str, pd.DataFrame], spine: pd.DataFrame, seed: int
    ) -> None:
        rules = pd.read_csv(reference("audit_tables.csv"))
        self.rules = rules[rules["system"] == system].set_index("table")
        self.tables: Tables = {name: _naive(rows) for name, rows in tables.items()}
        self.system, self.spine, self.random = system, spine, np.random.default_rng(seed)
        self.prediction = spine.set_index("subject_id")["prediction_time"]
        self.unknown, self.ahead = {}, {}
        for name in self.rules.index.intersection(list(self.tables)):
            times = self._times(name)
            until = times["prediction_time"]
            self.unknown[name] = ~(times["known"] <= until).to_numpy()
            self.ahead[name] = (times["begun"] > until).to_numpy()

    def attacked(self, table: str, kind: str) -> tuple[Tables, int]:
        """Return the tables in which the future of one is another, and how many rows are touched.

        Parameters
        ----------
        table : str
            One of the raw tables with a rule.
        kind : {"added", "changed", "deleted"}
            What happens to its rows that were not known.
        """
        return {"added": self._added, "changed": self._changed, "deleted": self._deleted}[kind](
            table
        )

    def other_outcomes(self) -> pd.DataFrame:
        """Return the same predictions of stays that go on otherwise after them.

        Who is predicted stands beside what became of him, so that a feature may be made of that
        without a look at any raw table.
        """
        stays, until = self.spine.copy(), self.spine["prediction_time"]
        for column in OUTCOMES.intersection(stays):
            values = stays[column]
            if pd.api.types.is_datetime64_any_dtype(values):
                seconds = pd.to_timedelta(self.random.integers(1, 10_000_000, len(stays)), unit="s")
                # What has no time yet gets one: who has not died does.
                after = values.where(values.notna(), until)
                later = (values > until) | values.isna()
                stays[column] = values.mask(later, (after + seconds).astype(values.dtype))
            elif column == "hadm_id":
                stays[column] = values.fillna(_NEW)
            elif column == "label":
                stays[column] = 1 - values
            else:
                stays[column] = values.replace(OTHER_ENDS)
        return stays

    def _times(self, name: str) -> pd.DataFrame:
        """Return when each row of a table began and was known, and its patient is predicted."""
        rule = self.rules.loc[name]
        raw = self.tables[name].reset_index(names="row")
        joins = ""
        with duckdb.connect() as connection:
            connection.register("raw", raw)
            connection.register("spine", self.spine)
            for alias, other, key in (
                ("admission", "admissions", "hadm_id"),
                ("stay", "edstays", "stay_id"),
            ):
                if f"{alias}." in rule["begun"] + rule["known"]:
                    connection.register(f"{alias}_rows", self.tables[other].drop_duplicates(key))
                    joins += f" LEFT JOIN {alias}_rows AS {alias} ON raw.{key} = {alias}.{key}"
            return connection.sql(
                f"SELECT {rule['begun']} AS begun, {rule['known']} AS known, prediction_time "
                f"FROM raw JOIN spine ON raw.subject_id = spine.subject_id{joins} ORDER BY raw.row"
            ).df()

    def _deleted(self, table: str) -> tuple[Tables, int]:
        gone = self.unknown[table]
        if table in _DEPENDENT:  # that one has begun is known
            gone = gone & self.ahead[table]
        tables = {**self.tables, table: self.tables[table][~gone]}
        if table in _DEPENDENT:
            key = _DEPENDENT[table]
            ids = self.tables[table].loc[gone, key]
            for name, rows in tables.items():
                if name != table and key in rows:
                    tables[name] = rows[~rows[key].isin(ids)]
        return tables, int(gone.sum())

    def _changed(self, table: str) -> tuple[Tables, int]:
        rows, unknown = self.tables[table].copy(), self.unknown[table]
        until = rows["subject_id"].map(self.prediction)
        for column in rows.columns.difference(list(_IDS)):
            if pd.api.types.is_datetime64_any_dtype(rows[column]):
                later = unknown & (rows[column] > until).to_numpy()
                seconds = self.random.integers(1, 10_000_000, int(later.sum()))
                moved = rows.loc[later, column] + pd.to_timedelta(seconds, unit="s")
                rows.loc[later, column] = moved.astype(rows[column].dtype)
            elif unknown.any():
                drawn = self.random.integers(0, len(rows), int(unknown.sum()))
                rows.loc[unknown, column] = rows[column].to_numpy()[drawn]
        return {**self.tables, table: rows}, int(unknown.sum())

    def _added(self, table: str) -> tuple[Tables, int]:
        rows = self.tables[table]
        if rows.empty:
            return self.tables, 0
        drawn = [self._drawn(table, row) for row in self.spine.to_dict("records")]
        new = pd.concat([part for part in drawn if len(part)]).astype(rows.dtypes.to_dict())
        tables = {**self.tables, table: pd.concat([rows, new], ignore_index=True)}
        codes = self.tables.get("diagnoses_icd")
        if table == "admissions" and codes is not None and len(codes):
            tables["diagnoses_icd"] = pd.concat([codes, self._coded(new)], ignore_index=True)
        return tables, len(new)

    def _coded(self, visits: pd.DataFrame) -> pd.DataFrame:
        """Return codes of new admissions: without any, nobody would see that they are believed."""
        codes = self.tables["diagnoses_icd"]
        drawn = self.random.integers(0, len(codes), len(visits))
        whose = visits[["subject_id", "hadm_id"]].to_numpy()
        new = codes.iloc[drawn].reset_index(drop=True)
        return new.assign(subject_id=whose[:, 0], hadm_id=whose[:, 1]).astype(
            codes.dtypes.to_dict()
        )

    def _drawn(self, table: str, stay: Mapping[str, Any]) -> pd.DataFrame:
        """Return new rows of a table for a patient, of which nothing is known at the prediction."""
        rows = self.tables[table]
        new = rows.iloc[self.random.integers(0, len(rows), len(_LATER))].reset_index(drop=True)
        new["subject_id"] = stay["subject_id"]
        later = stay["prediction_time"] + pd.to_timedelta(_LATER, unit="s")
        times = [name for name in new if pd.api.types.is_datetime64_any_dtype(new[name])]
        for place, column in enumerate(times):
            new[column] = later + pd.Timedelta(days=place)
        ids = _NEW + self.random.integers(0, 9_000_000, len(new))
        if table == "edstays" or table == "triage":
            new["stay_id"] = ids
        elif "stay_id" in new:
            new["stay_id"] = stay["stay_id"]
        if table in ("edstays", "admissions"):
            if table == "admissions":
                new["hadm_id"] = ids
            # One ends, it says, a year before the prediction.
            new.iloc[-1, new.columns.get_loc(times[1])] = stay["prediction_time"] - _YEAR
        elif table == "labevents":  # drawn in time, stored too late
            new.iloc[::2, new.columns.get_loc("charttime")] = stay["prediction_time"]
        elif "hadm_id" in new:
            new["hadm_id"] = self._visits(table, stay, len(new))
            if table == "prescriptions" and self.system == "admission":
                # As orders of the admission that follows, dated before arrival: nobody knows of
                # them, since it has not begun.
                early = (new["hadm_id"] != _NEW).to_numpy() & (np.arange(len(new)) % 2 == 0)
                new.loc[early, "starttime"] = stay["intime"] - pd.Timedelta(hours=1)
        if "seq_num" in new:
            new["seq_num"] = np.arange(900, 900 + len(new))
        return new

    def _visits(self, table: str, stay: Mapping[str, Any], n: int) -> np.ndarray:
        """Return admissions of which new rows may be: not begun; dated rows of mortality any."""
        visits = self.tables["admissions"]
        of_patient = (visits["subject_id"] == stay["subject_id"]).to_numpy()
        dated = "chartdate" in self.tables[table] or "starttime" in self.tables[table]
        if not (dated and self.system == "mortality"):
            of_patient &= self.ahead["admissions"]
        known = visits.loc[of_patient, "hadm_id"].to_numpy()
        return self.random.choice(known if len(known) else np.array([_NEW]), n)


def _naive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with dates as times, numbered from 0."""
    rows = rows.reset_index(drop=True)
    if "chartdate" in rows:
        rows = rows.assign(chartdate=pd.to_datetime(rows["chartdate"]).astype("datetime64[us]"))
    return rows
