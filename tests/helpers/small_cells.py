"""An attacker who reads all tables of a folder, adds and subtracts: plain pandas, no mimicflow.

``python tests/helpers/small_cells.py results`` attacks the tables of a whole run.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

COUNTS = (
    *("n", "events", "patients", "stays", "rows", "admissions", "recordings", "dropped"),
    *("epochs", "stays_with", "event_stays", "tn", "fp", "fn", "tp", "support"),
    *("n_ours", "n_published", "n_audited", "n_both", "visits"),
)
CLASS = {"sensitivity": "events", "recall": "events", "specificity": "nonevents"}
TEXTS = {"table_one.csv", "errors.csv", "visits.csv"}


def small(value: float, smallest: int = 10) -> bool:
    return 0 < value < smallest


def attack(
    folder: Path, smallest: int = 10, kept: Callable[[str], bool] = lambda path: True
) -> list[str]:
    """Return what is read or worked out of all tables below a folder: counts under the smallest.

    ``kept`` says of a path below the folder whether its table is for readers.
    """
    found = []
    paths = [path for path in folder.rglob("*.csv") if kept(path.relative_to(folder).as_posix())]
    for path in sorted(paths):
        table = pd.read_csv(path)
        if {"n", "events"} <= set(table):
            table["nonevents"] = table["n"] - table["events"]
        for what, value in [*_read(path.name, table), *_subtracted(path, table)]:
            if small(abs(round(value, 6)), smallest):
                found.append(f"{path.relative_to(folder)}: {what} = {value:g}")
    return found


def _read(name: str, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield every count that stands in a table."""
    for column in table.columns.intersection([*COUNTS, "nonevents"]):
        numbers = pd.to_numeric(table[column], errors="coerce")
        yield from ((f"{column} of row {row}", n) for row, n in numbers.dropna().items())
    if name in TEXTS:
        for column in table:
            begins = table[column].astype(str).str.extract(r"^(\d+)(?: \(\d+\.\d\))?$")[0]
            rows = (
                begins.dropna().astype(int).items() if column not in ("level", "n_visits") else ()
            )
            yield from ((f"{column} of row {row}", n) for row, n in rows)


def _subtracted(path: Path, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield every count that a table, or two, let work out."""
    if path.name == "attrition.csv":
        yield from _steps(path, table)
    if path.name == "epochs.csv":
        return
    if path.name == "scores.csv":
        yield from _between(table.drop_duplicates("model").set_index("stays"), "subsets")
        yield from _decisions(table)
        yield from _solved(path.parent, table)
    if path.name == "decision.csv":
        yield from _net_benefits(path, table)
    if path.name in ("metrics.csv", "gaps.csv") and "horizon_h" in table:
        yield from _epochs_decided(table)
    if path.name == "monitors.csv":
        for score in table.columns.intersection([*CLASS]):
            yield from _epochs_decided(table.assign(score=score, value=table[score]))
    if path.name == "confusion.csv" and "threshold_rule" in table:
        yield from _thresholds(table)
    if path.name == "subgroups.csv":
        yield from _subgroups(path, table)
    if path.name == "classification_report.csv":
        of_class = table[~table["class"].str.contains("average")]
        for row in of_class.itertuples():
            yield f"recall of {row[3]}, {row.threshold_rule}", row.recall * row.support
            yield f"missed of {row[3]}, {row.threshold_rule}", (1 - row.recall) * row.support


def _steps(path: Path, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    beside = table["step"].str.match("lost_|of_which_|shared_|unknown_")
    for column in table.columns.intersection(["stays", "patients"]):
        steps = table[~beside].dropna(subset=[column]).set_index("step")[column]
        for (a, first), (b, then) in itertools.combinations(steps.items(), 2):
            yield f"{column} between {a} and {b}", first - then
        if "cohort" in steps:
            of_which = table[table["step"].str.startswith("of_which_")].dropna(subset=[column])
            for row in of_which.itertuples():
                yield (
                    f"{column} of the cohort but {row.step}",
                    steps["cohort"] - getattr(row, column),
                )
    reasons = path.parent / "exclusions.csv"
    if reasons.exists():
        known = pd.read_csv(reasons)
        known = known.set_index("reason")["stays"].dropna()
        steps = table.dropna(subset=["stays"])["stays"]
        for (_, first), (_, then) in itertools.combinations(steps.items(), 2):
            for reason, n in known.items():
                if 0 < n <= first - then:
                    yield f"stays lost, but {reason}", first - then - n


def _between(sizes: pd.DataFrame, what: str) -> Iterator[tuple[str, float]]:
    """Yield differences of rows of which one is taken to hold the other."""
    for column in ("patients", "n", "events", "nonevents"):
        known = sizes[column].dropna()
        for (a, first), (b, then) in itertools.combinations(known.items(), 2):
            yield f"{column} of {what} {a} and {b}", first - then


def _epochs_decided(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield how many epochs of each class exceed the threshold of a horizon, and how many not."""
    table = table[table["score"].isin(CLASS)].dropna(subset=["value"])
    for row in table.itertuples():
        size = getattr(row, CLASS[row.score])
        yield f"{row.score} of {row.model} within {row.horizon_h} h", row.value * size
        yield f"1 - {row.score} of {row.model} within {row.horizon_h} h", (1 - row.value) * size


def _solved(folder: Path, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield how far hidden sizes, worked out of shares and sums, are from shown ones."""
    sizes = table.drop_duplicates("model").set_index("model")
    for model in sizes.index[sizes["n"].isna()]:
        own = table[(table["model"] == model) & table["value"].notna()].set_index("score")["value"]
        found = [
            (size, f"{score} of {model}", _denominator(own.loc[[score]]))
            for score, size in CLASS.items()
            if score in own.index
        ]
        for name, of in (("curves", "x"), ("folds", "n"), ("reliability", "n")):
            rows = _of_model(folder / f"{name}.csv", model)
            if name == "curves" and len(rows):
                roc = rows[rows["curve"] == "roc"]
                found.append(("nonevents", name, _denominator(roc["x"])))
                found.append(("events", name, _denominator(roc["y"])))
            elif len(rows):
                found += [(size, name, rows[size].sum()) for size in (of, "events")]
        decided = _of_model(folder / "decision.csv", "treat_all")
        for row in decided[decided.get("stays") == sizes.loc[model, "stays"]].head(1).itertuples():
            share = row.net_benefit * (1 - row.threshold) + row.threshold
            found.append(("n", "treat_all", _denominator(pd.Series([share]))))
        for size, where, worked_out in found:
            for other, known in sizes[size].dropna().items():
                if worked_out:
                    yield f"{size} of {model} by {where} less {other}", known - worked_out


def _of_model(path: Path, model: str) -> pd.DataFrame:
    """Return the rows of a model, of one score and as it is, where there is such a table."""
    if not path.exists():
        return pd.DataFrame()
    rows = pd.read_csv(path)
    rows = rows[rows["model"] == model]
    for column in rows.columns.intersection(["score", "recalibration"]):
        rows = rows[rows[column] == rows[column].iloc[:1].squeeze()]
    return rows


def _denominator(shares: pd.Series, most: int = 2000) -> int:
    """Return the fewest rows of which all these can be shares; 0 where no number will do.

    Shares of three digits can be of any number, so nothing follows from them.
    """
    shares = shares.dropna().to_numpy()
    if not len(shares) or (shares == shares.round(3)).all():
        return 0
    for rows in range(1, most):
        if (abs(shares * rows - (shares * rows).round()) < 1e-7 * rows).all():
            return rows
    return 0


def _decisions(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield what shares of known classes say, and their differences between thresholds."""
    table = table[table["score"].isin(CLASS) & table["threshold_rule"].notna()]
    for (model, score), part in table.dropna(subset=["value"]).groupby(["model", "score"]):
        of = part[CLASS[score]]
        yes = (part["value"] * of).round(6)
        for rule, found, rest in zip(part["threshold_rule"], yes, of - yes, strict=True):
            yield f"{score} of {model}, {rule}", found
            yield f"1 - {score} of {model}, {rule}", rest
        for a, b in itertools.combinations(yes.dropna(), 2):
            yield f"{score} of {model} between two rules", a - b


def _net_benefits(path: Path, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield true and false positives, and who is left, where the net benefit says both."""
    scores = path.parent / "scores.csv"
    sizes = pd.read_csv(scores).drop_duplicates("model").set_index("model")[["n", "events"]]
    for model, part in table.dropna(subset=["net_benefit"]).groupby("model"):
        if model not in sizes.index or sizes.loc[model].isna().any():
            continue
        n, events = sizes.loc[model].astype(int)
        before = None
        for row in part.itertuples():
            tp = np.arange(events + 1)
            fp = (tp - row.net_benefit * n) * (1 - row.threshold) / row.threshold
            fits = (abs(fp - fp.round()) < 1e-6) & (fp > -0.5) & (fp < n - events + 0.5)
            if fits.sum() != 1:
                continue
            found = {"tp": tp[fits][0], "fp": fp[fits][0].round()}
            found |= {"fn": events - found["tp"], "tn": n - events - found["fp"]}
            for cell, value in found.items():
                yield f"{cell} of {model} at {row.threshold:g}", value
                if before is not None:
                    yield f"{cell} of {model} before {row.threshold:g}", value - before[cell]
            before = found


def _thresholds(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    for column in ("tp", "fp", "fn", "tn"):
        for a, b in itertools.combinations(table[column].dropna(), 2):
            yield f"{column} between two thresholds", a - b


def _subgroups(path: Path, table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    first = table.drop_duplicates(["model", "group", "level"])
    for (group, level), part in first.groupby(["group", "level"]):
        yield from _between(part.set_index("model"), f"{group} {level},")
    yield from _flagged(table)
    scores = path.parent / "scores.csv"
    if not scores.exists():
        return
    totals = pd.read_csv(scores).drop_duplicates("model").set_index("model")
    for (model, group), part in first.groupby(["model", "group"]):
        if part["n"].isna().any():
            for column in ("n", "events"):
                left = totals.loc[model, column] - part[column].sum()
                yield f"{column} of hidden levels of {group}, {model}", left


def _flagged(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield who is flagged in each level, and who is not, as sensitivity and PPV say."""
    if "ppv" not in set(table["score"]):
        return
    names = ["model", "group", "level"]
    acting = table[table["score"].isin(["sensitivity", "ppv"])]
    values = acting.pivot(index=names, columns="score", values="value").dropna()
    sizes = table.drop_duplicates(names).set_index(names).loc[values.index]
    found = values["sensitivity"] * sizes["events"]
    flagged = found / values["ppv"]
    cells = {"found": found, "missed": sizes["events"] - found, "false": flagged - found}
    cells["passed"] = sizes["n"] - sizes["events"] - cells["false"]
    for cell, counts in cells.items():
        for (model, group, level), n in counts.items():
            yield f"{cell} of {group} {level}, {model}", n


def main() -> None:
    """Attack the tables of a run that are for readers."""
    from mimicflow.running.privacy import kind_of  # noqa: PLC0415 (which tables are for readers)

    found = attack(Path(sys.argv[1]), kept=lambda path: kind_of(path) == "aggregate")
    print(*found, sep="\n")
    sys.exit(len(found) > 0)


if __name__ == "__main__":
    main()
