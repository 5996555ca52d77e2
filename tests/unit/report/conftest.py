from pathlib import Path

import pytest
from html_pages import Element, chapter, read_page
from made_results import write_report_files

from mimicflow.evaluation.study import Study
from mimicflow.report import build_report, sort_files


def build(results: Path, synthetic: bool) -> str:
    files = [path for path in results.rglob("*") if path.is_file()]
    systems, shared = sort_files(files, results)
    output = results.parent / "report.html"
    build_report("From door to ward", systems, shared, output, Study(synthetic=synthetic))
    return output.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report_files(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def html(results: Path) -> str:
    return build(results, synthetic=True)


@pytest.fixture(scope="session")
def page(html: str) -> Element:
    return read_page(html)


@pytest.fixture(scope="session")
def real_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    results = write_report_files(tmp_path_factory.mktemp("real"), real=True)
    return build(results, synthetic=False)


@pytest.fixture(scope="session")
def real(real_page: str) -> Element:
    return read_page(real_page)


@pytest.fixture(scope="session")
def mortality(page: Element) -> Element:
    return chapter(page, "Death within a year")


@pytest.fixture(scope="session")
def arrest(page: Element) -> Element:
    return chapter(page, "Cardiac arrest within 24 hours")


@pytest.fixture(scope="session")
def real_arrest(real: Element) -> Element:
    return chapter(real, "Cardiac arrest within 24 hours")
