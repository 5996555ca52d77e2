"""The flow of patients: counts add up, small groups do not show, the drawing is fit for a page."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from mimicflow.errors import InputError
from mimicflow.evaluation.figures.flow import draw_flow, parts, stages
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference

STEPS = pd.read_csv(reference("attrition.csv"))
COUNTS = {
    "ed_stays": (5000, 4000),
    "ecg_in_stay": (3000, 2500),
    "triaged": (2990, 2490),
    "complaining": (2000, 1700),
    "with_patient": (2000, 1700),
    "before_admission": (2000, 1700),
    "with_record": (1960, 1670),
    "readable_ecgs": (1900, 1650),
    "ecg_sequence": (1900, 1650),
    "candidates": (1700, 1500),
    "chosen": (1500, 1500),
    "cohort": (1500, 1500),
}


@pytest.fixture
def attrition(tmp_path):
    def write(**changed):
        counts = {**COUNTS, **changed}
        found = [counts.get(step, (7, 7)) for step in STEPS["step"]]
        table = STEPS.assign(rows=1, stays=[n for n, _ in found], patients=[n for _, n in found])
        table.to_csv(tmp_path / "attrition.csv", index=False)
        return tmp_path / "attrition.csv"

    return write


@pytest.fixture
def spine(tmp_path):
    def write(train=(600, 500), validation=(100, 80), test=(120, 100)):
        groups = [
            (split, label, n)
            for split, sizes in (("train", train), ("validation", validation), ("test", test))
            for label, n in enumerate(sizes)
        ]
        rows = [(split, label) for split, label, n in groups for _ in range(n)]
        stays = pd.DataFrame(rows, columns=["split", "label"])
        stays["disposition"] = stays["label"].map({0: "HOME", 1: "ADMITTED"})
        stays = stays.assign(stay_id=stays.index + 100, subject_id=stays.index)
        stays.to_parquet(tmp_path / "spine.parquet")
        return tmp_path / "spine.parquet"

    return write


def test_boxes_are_steps_and_what_left_between_them_adds_up(attrition):
    found = stages(attrition(), study=Study(synthetic=True))
    assert [stage.title for stage in found] == [
        "Stays in the emergency department",
        "Stays with a 12-lead ECG",
        "Stays with a cardiac complaint",
        "Stays with ECGs to predict from",
        "Cohort",
    ]
    assert [stage.stays for stage in found] == ["5,000", "3,000", "2,000", "1,900", "1,500"]
    assert found[-1].patients == "1,500"
    assert found[2].left_out == (("10", "No triage record"), ("990", "Chief complaint not cardiac"))
    assert found[2].left_out_stays == "1,000"
    assert [n for n, _ in found[3].left_out] == ["40", "60"]  # steps that lose nobody are silent
    counts = [int(stage.stays.replace(",", "")) for stage in found]
    lost = [sum(int(n.replace(",", "")) for n, _ in stage.left_out) for stage in found]
    assert counts == [counts[0] - sum(lost[: i + 1]) for i in range(len(lost))]


def test_facts_counted_beside_the_way_are_no_boxes(attrition):
    text = " ".join(stage.title for stage in stages(attrition(), study=Study(synthetic=True)))
    assert "positive" not in text
    boxed = pd.read_csv(reference("flow.csv"))["step"]
    beside = STEPS.loc[~STEPS["step"].isin(boxed), "step"]
    assert beside.str.startswith(("of_which_", "lost_", "shared_")).all()


def test_a_difference_that_gives_a_few_away_is_not_shown(attrition):
    # Five patients without a readable ECG: their box gives way.
    few = attrition(with_record=(2000, 1700), readable_ecgs=(1994, 1695), ecg_sequence=(1994, 1695))
    found = stages(few, study=Study())
    assert [stage.title for stage in found][-2:] == ["Stays with a cardiac complaint", "Cohort"]
    assert found[-1].left_out[0] == ("<10", "No readable ECG")
    hidden = [n for n, _ in found[-1].left_out]
    assert hidden.count("hidden") == 1  # else the total would give it away
    assert found[-1].left_out_stays == "500"
    assert len(stages(few, study=Study(synthetic=True))) == 5


def test_a_last_loss_of_a_few_moves_into_the_box_before(attrition):
    found = stages(
        attrition(candidates=(1896, 1648), chosen=(1896, 1648), cohort=(1896, 1648)),
        study=Study(),
    )
    assert [stage.stays for stage in found] == ["5,000", "3,000", "2,000", "1,896"]


def test_small_cohorts_read_as_small(attrition):
    small = attrition(**dict.fromkeys(COUNTS, (8, 8)))
    assert {stage.stays for stage in stages(small, study=Study())} == {"<10"}


def test_a_missing_step_is_reported(attrition, tmp_path):
    path = attrition()
    pd.read_csv(path).query("step != 'chosen'").to_csv(path, index=False)
    with pytest.raises(InputError, match="lacks the steps chosen"):
        stages(path, study=Study(synthetic=True))


def test_parts_have_their_outcomes(spine):
    training, validation, test = parts(spine(), study=Study())
    assert (training.title, training.stays, training.patients) == ("Training", "1,100", "1,100")
    assert training.outcomes == (("Home", "600"), ("Admitted", "500"))
    assert validation.title == "Validation"
    assert test.outcomes == (("Home", "120"), ("Admitted", "100"))


def test_small_outcomes_are_hidden_with_another(spine):
    path = spine(validation=(100, 4))
    found = parts(path, study=Study())
    assert found[1].outcomes[1] == ("Admitted", "<10")
    assert found[1].outcomes[0] == ("Home", "hidden")
    assert sum(n == "hidden" for part in found for _, n in part.outcomes) == 3  # a closed ring
    assert parts(path, study=Study(synthetic=True))[1].outcomes[1] == ("Admitted", "4")


def test_folds_take_the_place_of_the_split(spine, tmp_path):
    path = spine()
    stays = pd.read_parquet(path)["stay_id"]
    reported = pd.DataFrame({"stay_id": stays, "fold": np.arange(len(stays)) % 5, "split": "test"})
    inner = reported.head(40).assign(fold=4, split="validation")
    pd.concat([reported, inner]).to_parquet(tmp_path / "predictions.parquet")
    found = parts(path, study=Study(synthetic=True), folds=tmp_path / "predictions.parquet")
    assert [part.title for part in found] == [f"Fold {k}" for k in range(1, 6)]
    assert sum(int(part.stays) for part in found) == len(stays)


@pytest.fixture
def drawing(attrition, spine, tmp_path):
    def draw(synthetic=True):
        paths = [tmp_path / f"flow.{kind}" for kind in ("csv", "svg", "png")]
        draw_flow(attrition(), spine(), *paths, study=Study(synthetic=synthetic))
        return paths

    return draw


def test_the_drawing_is_fit_for_a_page(drawing):
    _, svg, png = drawing()
    text = svg.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    named = {node.get("id"): node.text for node in root.iter() if node.get("id")}
    title, description = (named[name] for name in root.get("aria-labelledby").split())
    assert title == "Flow of patients"
    assert "Cohort: 1,500 stays of 1,500 patients." in description
    assert "Test: 220 stays of 220 patients (Home 120, Admitted 100)." in description
    assert not re.search(r"<style|<!DOCTYPE|<\?xml|<image|<script|@import", text)
    links = re.findall(r'(?:href|src)="([^"]+)"|url\(([^)]+)\)', text)
    assert all((a or b).startswith("#") for a, b in links)
    assert "dc:date" not in text
    assert len(text) < 200_000
    assert imread(png).shape[1] == 1920


def test_nothing_is_cut_off(drawing):
    """The edge of the picture is white."""
    for synthetic in (True, False):
        pixels = imread(drawing(synthetic)[2])[..., :3]
        for edge in (pixels[:8], pixels[-20:], pixels[:, :20], pixels[:, -10:]):
            assert edge.min() > 0.99


def test_the_table_says_what_stands_in_the_drawing(drawing):
    table = pd.read_csv(drawing()[0], dtype=str, keep_default_na=False)
    box = table[table["kind"] == "box"].iloc[-1]
    assert (box["text"], box["stays"], box["patients"]) == ("Cohort", "1,500", "1,500")
    part = table.index[table["kind"] == "part"][-1]
    assert table.loc[part:, "text"].tolist() == ["Test", "Home", "Admitted"]
    assert table.loc[part:, "stays"].tolist() == ["220", "120", "100"]


def test_many_folds_stand_in_rows(attrition, spine, tmp_path):
    path = spine()
    stays = pd.read_parquet(path)["stay_id"]
    folds = pd.DataFrame({"stay_id": stays, "fold": np.arange(len(stays)) % 7, "split": "test"})
    folds.to_parquet(tmp_path / "folds.parquet")
    heights = []
    for given in (None, tmp_path / "folds.parquet"):
        outputs = [tmp_path / f"flow.{kind}" for kind in ("csv", "svg", "png")]
        draw_flow(attrition(), path, *outputs, study=Study(synthetic=True), folds=given)
        heights.append(imread(outputs[2]).shape[0])
    assert heights[1] > heights[0]
    assert "Fold 7: " in (tmp_path / "flow.svg").read_text(encoding="utf-8")


def test_the_same_counts_give_the_same_bytes(drawing):
    first = [path.read_bytes() for path in drawing()]
    assert [path.read_bytes() for path in drawing()] == first
    assert [path.read_bytes() for path in drawing(synthetic=False)] != first


def test_a_step_that_its_table_hides_makes_no_box_and_gives_no_number(attrition):
    table = pd.read_csv(attrition())
    table.loc[table["step"].isin(["triaged", "complaining"]), ["stays", "patients"]] = None
    table.to_csv(path := attrition().with_name("hidden.csv"), index=False)
    found = stages(path, Study())
    assert [stage.stays for stage in found] == ["5,000", "3,000", "1,900", "1,500"]
    assert found[2].left_out_stays == "1,100"
    # Those lost on the way to the hidden steps, and to the one behind, cannot be counted.
    assert found[2].left_out == (
        *(("hidden", "No triage record"), ("hidden", "Chief complaint not cardiac")),
        *(
            ("hidden", "Patient not listed"),
            ("40", "No waveform record"),
            ("60", "No readable ECG"),
        ),
    )
    table[["stays", "patients"]] = None
    table.to_csv(path, index=False)
    assert stages(path, Study()) == []
