import itertools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_pages import Element, chapter, headings, read_page, rows_of, tables
from made_results import DEFECTS, FEATURES

from mimicflow.admission.price import price_defects
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.study import Study
from mimicflow.report import ProtocolFiles, SharedFiles, SystemFiles, build_report, sort_files


def ids(page: Element) -> list[str]:
    found = [page.attributes["id"]] if page.attributes.get("id") else []
    return found + [name for child in page.children for name in ids(child)]


def build_with(tmp_path: Path, system: SystemFiles, shared: SharedFiles | None = None) -> str:
    output = tmp_path / "page.html"
    build_report("T", {"admission": system}, shared or SharedFiles(), output, Study(synthetic=True))
    return output.read_text(encoding="utf-8")


def test_page_is_small_enough(html: str):
    assert len(html.encode()) < 4_000_000


def test_page_is_well_formed_and_says_its_language(page: Element):
    assert page.all("html")[0].attributes["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1


def test_ids_are_unique_and_every_link_inside_leads_somewhere(page: Element):
    names = ids(page)
    assert len(names) == len(set(names))
    inside = [link.attributes["href"] for link in page.all("a")]
    assert len(inside) > 15
    assert {link[1:] for link in inside if link.startswith("#")} <= set(names)


def test_headings_never_skip_a_level(page: Element):
    def levels(element: Element) -> list[int]:
        own = [int(element.tag[1])] if re.fullmatch(r"h\d", element.tag) else []
        return own + [level for child in element.children for level in levels(child)]

    found = levels(page)
    assert found[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(found))


def test_pictures_have_a_text_and_tables_a_caption_scopes_and_a_region(page: Element):
    assert len(page.all("img")) == 4  # four ECGs
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert all(image.attributes["src"].startswith("data:image/") for image in page.all("img"))
    for table in page.all("table"):
        assert table.children[0].tag == "caption"
        assert table.children[0].text.strip()
        assert all(cell.attributes.get("scope") for cell in table.all("th"))
    regions = [part for part in page.all("div") if part.attributes.get("role") == "region"]
    assert len(regions) == len(page.all("table"))
    assert all(part.attributes["tabindex"] == "0" for part in regions)
    assert all(part.attributes["aria-label"] for part in regions)


def test_every_chart_has_a_caption_a_description_a_specification_and_a_table(
    page: Element, html: str
):
    charts = [figure for figure in page.all("figure") if "paper" in figure.attributes["class"]]
    charts = [figure for figure in charts if not figure.all("img")]
    specifications = json.loads(re.search(r'id="specifications">(.*?)</script>', html).group(1))
    assert len(charts) == len(specifications) == 48
    for figure in charts:
        [place] = [part for part in figure.all("div") if part.attributes.get("class") == "chart"]
        assert specifications[place.attributes["id"]]["description"]
        assert place.attributes["aria-label"]
        assert figure.all("figcaption")[0].text.strip()
        assert rows_of(figure.all("table")[0])


def test_nothing_is_fetched(html: str):
    page = read_page(html)
    policy = page.all("meta")[1].attributes["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe-eval" not in policy
    assert not re.search(r"script-src[^;]*unsafe-inline", policy)
    for tag in ("script", "link", "img", "iframe", "source", "object"):
        for element in page.all(tag):
            for name in ("src", "href", "data"):
                assert (element.attributes.get(name) or "data:").startswith("data:")
    style = page.all("style")[0]
    assert style.text == ""
    assert not re.search(r"url\(|@import", html[html.index("<style>") : html.index("</style>")])
    assert "sourceMappingURL" not in html


def test_every_figure_of_the_scores_is_on_the_page(results: Path, page: Element):
    for protocol in ("nested", "published", "seed"):
        scores = pd.read_csv(results / "admission" / protocol / "scores.csv")
        for name in ("value", "low", "high", "fold_mean", "fold_sd", "published"):
            shown = {f"{value:.3f}".replace("-", "−") for value in scores[name].dropna()}
            missing = [text for text in shown if text not in page.text]
            assert not missing, (protocol, name)


def test_a_score_stands_with_its_model_interval_and_published_value(page: Element):
    [table] = tables(page, "Nested cross-validation, all stays, main scores")
    row = next(row for row in rows_of(table) if row[0] == "ECG, vital signs and static")
    assert row[1:4] == ["0.910 (0.906–0.914)", "0.911 ± 0.003", "0.911"]
    assert "24\u202f610 patients, 30\u202f421 stays, 12\u202f931 events" in table.text
    lightgbm = next(row for row in rows_of(table) if row[0] == "LightGBM")
    assert lightgbm[3] == "–"  # never published


def test_the_protocol_to_judge_by_comes_first(page: Element):
    titles = [heading.text for heading in page.all("h4")]
    assert titles[:3] == [
        *("Nested cross-validation", "Published protocol", "First release of the code"),
    ]
    assert titles[3:5] == ["Audited protocol", "Published protocol"]


JUDGED = ("Nested cross-validation", "Audited protocol")


def test_every_table_of_an_optimistic_protocol_says_so(page: Element):
    captions = [table.all("caption")[0].text for table in page.all("table")]
    of_protocols = {
        title: [text for text in captions if text.startswith(title)]
        for title in (*JUDGED, "Published protocol", "First release of the code")
    }
    assert all(len(found) >= 10 for found in of_protocols.values())
    for title, found in of_protocols.items():
        marked = ["optimistic" in text for text in found]
        assert all(marked) if title not in JUDGED else not any(marked)


def test_differences_that_exclude_zero_are_marked_in_words(page: Element):
    [table] = tables(page, "Nested cross-validation, all stays, differences of AUROC")
    cells = {row[0]: row[3] for row in rows_of(table)}
    assert "interval of the difference excludes 0" in cells["ECG only − Random forest"]
    assert "excludes 0" not in cells["Random forest − LightGBM"]
    assert "● the 95 % interval of the difference excludes 0" in table.all("caption")[0].text


def test_defects_are_in_the_order_of_their_rows(page: Element):
    [table] = tables(page, "AUROC with our rule and with the published one.")
    assert [int(row[0].split(".")[0]) for row in rows_of(table)] == sorted(DEFECTS)


def test_small_groups_are_not_shown(page: Element):
    tables_of_groups = tables(page, "by group of patients")
    hidden = [
        row
        for table in tables_of_groups
        for row in rows_of(table)
        if row[0] == "Arrival: Helicopter"
    ]
    assert len(hidden) == 1 + 3 * 8  # the chart's model, then every model of three protocols
    assert all(row[1:] == ["<10"] * 3 + ["–"] * 4 for row in hidden)


def test_groups_are_scored_at_the_threshold_to_act_by(page: Element):
    first, *_ = tables(page, "sensitivity and PPV at the threshold of Specificity 0.9")
    assert headings(first)[-2:] == ["Sensitivity (95 % CI)", "PPV (95 % CI)"]
    assert all(row[-2].startswith("0.") for row in rows_of(first) if row[1] != "<10")


def test_only_the_leading_features_are_drawn(page: Element):
    [table] = tables(page, "leading features")
    assert {row[2] for row in rows_of(table)} == set(FEATURES[:20])
    assert len(rows_of(table)) == 4 * 20


def test_ecgs_stand_in_the_order_of_the_confusion_table(page: Element):
    captions = [figure.all("figcaption")[0].text for figure in page.all("figure")]
    shown = [text for text in captions if "positive." in text or "negative." in text]
    assert shown == ["True positive.", "False positive.", "True negative.", "False negative."]


def test_table_one_groups_its_levels(page: Element):
    table, _ = tables(page, "Characteristics of the cohort")  # of admission; the other of arrest
    rows = rows_of(table)
    at = rows.index(["Sex, n (%)"])
    assert rows[at + 1][0] == "Female"
    assert rows[at + 1][1] == "13150 (43.2)"
    headings = [cell.text for cell in table.all("thead")[0].all("th")]
    assert headings == [
        *("Characteristic", "Overall", "Discharged", "Admitted"),
        *("Missing", "Standardised difference"),
    ]


def test_synthetic_data_are_called_so(page: Element, real_page: str):
    assert "Synthetic data – not patients." in page.text
    assert "Synthetic data" not in read_page(real_page).text


def test_no_patient_is_on_the_page(html: str):
    assert "40000000" not in html
    assert "10000000" not in html
    assert "files/p" not in html


def test_small_counts_of_real_data_are_hidden(real_page: str):
    page = read_page(real_page)
    [left_out] = tables(page, "ECGs left out")
    # Without a total, from which the hidden count could be worked out.
    assert rows_of(left_out) == [["signal truncated", "31"], ["missing file", "<10"]]
    [flow] = tables(chapter(page, "Hospital admission"), "What is left after each step")
    assert rows_of(flow)[-2:] == [
        # 16 and 11 patients would show that 5 are in one and not in the other
        ["ECGs in more than one stay", "<10", "14", "16"],
        ["ECGs of a patient without a row", "40", "40", "hidden"],
    ]
    [raw] = tables(page, "Rows of each raw table")
    assert all(row[3] == "<10" for row in rows_of(raw))
    assert all(row[2] == "hidden" for row in rows_of(raw))  # rows less those kept are the others
    assert "ed/triage: <10 of 9997 rows" in page.text
    assert "3 of 9997" not in real_page


def test_synthetic_counts_are_shown_with_their_total(page: Element):
    [left_out] = tables(page, "ECGs left out")
    assert rows_of(left_out)[-1] == ["All", "43"]


def test_the_run_is_reported(page: Element):
    [rules] = tables(page, "Work of each rule")
    assert rows_of(rules)[0] == ["train_model", "40", "2460.0", "3530.0", "812"]
    assert "53 jobs of 3 rules" in page.text
    assert "0123456789abcdef" in page.text
    assert "dropout: 0.3" in page.text


def test_a_page_without_files_has_no_sections(tmp_path: Path):
    page = read_page(build_with(tmp_path, SystemFiles()))
    assert page.all("h2") == []
    assert page.all("table") == []
    assert len(page.all("script")) == 2  # specifications and the page's own, no Vega


SECTIONS = {
    "table_one": "Cohort by outcome",
    "price_of_defects": "The price of each defect of the published pipeline",
    "importance": "What the tabular models rely on",
    "ablation": "What each branch adds",
    "attributions": "Static features in the multimodal model",
    "flow": "Flow of patients",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_there_only_with_its_file(name: str, results: Path, tmp_path: Path):
    systems, _ = sort_files([path for path in results.rglob("*") if path.is_file()], results)
    alone = SystemFiles(**{name: getattr(systems["admission"], name)})
    page = read_page(build_with(tmp_path, alone))
    assert [heading.text for heading in page.all("h3")] == [SECTIONS[name]]


def test_a_report_for_which_no_defect_was_priced_is_written(results: Path, tmp_path: Path):
    prices = tmp_path / "price_of_defects.csv"
    price_defects({}, prices, Study(synthetic=True))

    page = read_page(build_with(tmp_path, SystemFiles(price_of_defects=prices)))
    assert "figure" not in page.all("main")[0].text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("scores", "Scores beside the published ones"),
        ("folds", "Folds"),
        ("comparisons", "Pairwise comparisons"),
        ("curves", "Discrimination"),
        ("reliability", "Calibration"),
        ("calibration", "Calibration"),
        ("decision", "Clinical use at a threshold"),
        ("subgroups", "Subgroups"),
    ],
)
def test_a_section_of_a_protocol_is_there_only_with_its_file(
    name: str, title: str, results: Path, tmp_path: Path
):
    files = ProtocolFiles(**{name: results / "admission" / "published" / f"{name}.csv"})
    page = read_page(build_with(tmp_path, SystemFiles(protocols={"published": files})))
    assert [heading.text for heading in page.all("h3")] == [title]
    assert "optimistic" in page.all("main")[0].text


def test_two_builds_give_the_same_bytes(results: Path, html: str, tmp_path: Path):
    systems, shared = sort_files([path for path in results.rglob("*") if path.is_file()], results)
    build_report("From door to ward", systems, shared, tmp_path / "b.html", Study(synthetic=True))
    assert (tmp_path / "b.html").read_text(encoding="utf-8") == html


def test_texts_of_the_data_cannot_become_markup(results: Path, tmp_path: Path):
    scores = pd.read_csv(results / "admission" / "nested" / "scores.csv")
    scores["title"] = scores["title"].replace("LightGBM", "</script><b>x</b>")
    scores.to_csv(tmp_path / "scores.csv", index=False)
    files = ProtocolFiles(scores=tmp_path / "scores.csv")
    html = build_with(tmp_path, SystemFiles(protocols={"nested": files}))
    assert "</script><b>" not in html
    assert "</script><b>x</b>" in read_page(html).all("table")[0].text + read_page(html).text


def test_a_heavy_page_is_reported(tmp_path: Path, monkeypatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr("mimicflow.report.page.LIMIT", 100)
    build_with(tmp_path, SystemFiles())
    assert "above" in caplog.text


def test_a_system_without_words_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"systems.csv.*sepsis"):
        build_report("T", {"sepsis": SystemFiles()}, SharedFiles(), tmp_path / "x", Study())


def test_a_table_without_its_columns_is_refused(tmp_path: Path):
    path = tmp_path / "scores.csv"
    path.write_text("model,title\n")
    files = ProtocolFiles(scores=path)
    with pytest.raises(InputError, match=r"scores.csv: the table lacks the columns stays"):
        build_with(tmp_path, SystemFiles(protocols={"nested": files}))


def test_a_missing_table_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read"):
        build_with(tmp_path, SystemFiles(table_one=tmp_path / "none.csv"))


@pytest.mark.parametrize("content", [None, "no json", "[]"])
def test_a_manifest_that_is_none_is_refused(content: str | None, tmp_path: Path):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"manifest.json"):
        build_with(tmp_path, SystemFiles(), SharedFiles(manifest=tmp_path / "manifest.json"))


def test_a_table_without_rows_has_no_section(results: Path, tmp_path: Path):
    columns = pd.read_csv(results / "admission" / "explanations" / "attributions.csv").columns
    pd.DataFrame(columns=columns).to_csv(tmp_path / "attributions.csv", index=False)
    page = read_page(build_with(tmp_path, SystemFiles(attributions=tmp_path / "attributions.csv")))
    assert page.all("h2") == []


def test_scores_at_several_thresholds_are_not_averaged_over_folds(tmp_path: Path):
    folds = pd.DataFrame({"model": "m", "fold": [0, 0, 0], "score": ["ppv", "ppv", "auroc"]})
    folds["threshold_rule"] = ["youden", "ppv_0.8", None]
    folds.assign(value=[0.2, 0.4, 0.9]).to_csv(tmp_path / "folds.csv", index=False)
    files = ProtocolFiles(folds=tmp_path / "folds.csv")
    page = read_page(build_with(tmp_path, SystemFiles(protocols={"nested": files})))
    [table] = page.all("table")
    assert rows_of(table) == [["m", "AUROC", "0.900", "0.900"]]


def test_the_first_table_shows_the_main_models_even_where_another_scores_higher(
    tmp_path: Path, results: Path
):
    scores = pd.read_csv(results / "admission/nested/scores.csv")
    forest = (scores["model"] == "random_forest_all") & (scores["score"] == "auroc")
    scores.loc[forest, "value"] = 0.999
    folder = tmp_path / "admission/nested"
    folder.mkdir(parents=True)
    scores.to_csv(folder / "scores.csv", index=False)
    system = SystemFiles(protocols={"nested": ProtocolFiles(scores=folder / "scores.csv")})

    page = read_page(build_with(tmp_path, system))

    shown = rows_of(tables(page, "Main result of each system")[0])
    assert [row[0] for row in shown] == [
        "Hospital admission",
        "Hospital admission, stays with ≥ 2 ECGs",
    ]
    assert [row[2] for row in shown] == ["ECG, vital signs and static"] * 2


def test_what_a_table_hides_the_page_calls_hidden(results: Path, tmp_path: Path):
    """Empty sizes of a subset, net benefits of thresholds, stays of a priced defect.

    Of a subset whose sizes are hidden there are no net benefits and no curves.
    """
    folder = tmp_path / "results/admission"
    (folder / "nested").mkdir(parents=True)
    for name, rows, columns in (
        ("nested/scores", "stays == 'multi'", ["patients", "n", "events"]),
        ("nested/decision", "threshold < 0.3 or stays == 'multi'", ["net_benefit", "low", "high"]),
        ("price_of_defects", "row < 5", ["n_published"]),
    ):
        table = pd.read_csv(results / f"admission/{name}.csv")
        table.loc[table.eval(rows), columns] = np.nan
        table.to_csv(folder / f"{name}.csv", index=False)
    curves = pd.read_csv(results / "admission/nested/curves.csv")
    scores = pd.read_csv(folder / "nested/scores.csv")
    multi = curves["model"].isin(scores.query("stays == 'multi'")["model"])
    curves[~multi].to_csv(folder / "nested/curves.csv", index=False)
    output = tmp_path / "report.html"
    systems, shared = sort_files(folder.rglob("*.csv"), tmp_path / "results")
    build_report("From door to ward", systems, shared, output, Study())
    page = read_page(output.read_text(encoding="utf-8"))
    assert "hidden patients, hidden stays, hidden events" in page.text
    benefits = tables(page, "net benefit")
    assert len(benefits) == len(tables(page, "ROC curve")) == 1
    assert all(row[1] in ("", "–") for table in benefits for row in rows_of(table)[:5])
    [prices] = tables(page, "AUROC with our rule and with the published one.")
    assert any("/ hidden" in cell for row in rows_of(prices) for cell in row), rows_of(prices)


def test_the_flow_is_text_from_box_to_box(page: Element):
    [flow] = [one for one in page.all("figure") if one.attributes["class"] == "flow"]
    assert "425,087 stays of 212,543 patients" in flow.text
    assert "Left out: 264,887 stays" in flow.text
    assert len(flow.all("ul")[-1].all("li")) == 5  # the folds
