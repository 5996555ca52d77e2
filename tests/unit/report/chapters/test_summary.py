"""What is read first: one number per system, and what the page does not have."""

from pathlib import Path

import pandas as pd
from html_pages import Element, chapter, read_page

from mimicflow.evaluation.study import Study
from mimicflow.report import ProtocolFiles, SharedFiles, SystemFiles, build_report


def cards(part: Element) -> list[Element]:
    return [one for one in part.all("div") if one.attributes.get("class") == "card"]


def value(card: Element) -> str:
    [found] = [one.text for one in card.all("p") if one.attributes["class"] == "value"]
    return found


def single(tmp_path: Path, scores: Path) -> Element:
    systems = {"admission": SystemFiles(protocols={"single": ProtocolFiles(scores=scores)})}
    build_report("T", systems, SharedFiles(), tmp_path / "page.html", Study(synthetic=True))
    return read_page((tmp_path / "page.html").read_text(encoding="utf-8"))


def test_each_system_has_a_number_its_question_and_a_way_to_the_rest(page: Element):
    first = chapter(page, "At a glance")
    found = cards(first)
    links = [card.all("a")[0].attributes["href"] for card in found]
    assert links == ["#system-admission", "#system-mortality", "#system-arrest"]
    assert all(value(card).startswith("0.") for card in found)
    assert "Will this patient be admitted" in found[0].text
    assert "At the threshold by Youden's index: sensitivity 0." in found[0].text
    [own] = cards(chapter(page, "Hospital admission"))
    assert value(own) == value(found[0])
    assert "make report-full" not in page.text


def test_a_page_of_the_single_split_says_what_the_full_one_has(results: Path, tmp_path: Path):
    scores = pd.read_csv(results / "admission/nested/scores.csv")
    scores.assign(optimistic=False).to_csv(tmp_path / "scores.csv", index=False)
    page = single(tmp_path, tmp_path / "scores.csv")
    assert "make report-full" in chapter(page, "At a glance").text
    assert "optimistic" not in page.all("main")[0].text


def test_a_protocol_whose_scores_say_so_is_optimistic(results: Path, tmp_path: Path):
    scores = pd.read_csv(results / "admission/nested/scores.csv")
    scores.assign(optimistic=True).to_csv(tmp_path / "scores.csv", index=False)
    assert "Single split (optimistic)" in single(tmp_path, tmp_path / "scores.csv").text
