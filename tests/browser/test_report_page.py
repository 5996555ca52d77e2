"""The report in a real browser, with the network forbidden.

Needs Chromium (of the system's packages) and the package playwright, which drives it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_results import write_report_files

from mimicflow.evaluation.study import Study
from mimicflow.report import build_report, sort_files

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
CHARTS = 48


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = write_report_files(tmp_path_factory.mktemp("report"))
    systems, shared = sort_files([path for path in results.rglob("*") if path.is_file()], results)
    output = results.parent / "report.html"
    build_report("From door to ward", systems, shared, output, Study(synthetic=True))
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def heard() -> list[str]:
    """Everything that must not happen on the page."""
    return []


@pytest.fixture
def view(browser, report: Path, heard: list[str], request: pytest.FixtureRequest) -> Iterator:
    """The page in a window of a width of 1280 pixels, or of the test's own, all charts drawn."""
    options = {"viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    page = browser.new_page(**options)
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else heard.append(asked.url),
    )
    page.goto(report.as_uri())
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-drawn=yes]", state="attached")
    yield page
    page.close()


def test_nothing_is_asked_of_the_network_and_nothing_complains(view, heard: list[str]):
    view.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    view.wait_for_timeout(300)
    assert heard == []


def test_the_page_forbids_the_network(view, heard: list[str]):
    refused = view.evaluate("fetch('https://example.org').then(() => false, () => true)")
    assert refused
    assert any("Content Security Policy" in text for text in heard)


def test_every_chart_is_drawn(view):
    marks = view.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => chart.querySelectorAll(
            'svg .role-mark path, svg .role-mark line').length)""",
    )
    assert len(marks) == CHARTS
    assert min(marks) >= 3  # two lines and the kept epoch
    assert view.locator("figure.picture img").evaluate_all("all => all.every(i => i.naturalWidth)")


def test_a_chart_fits_its_column_and_is_described(view):
    charts = view.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => [chart.getAttribute('aria-label'),
            chart.querySelector('svg').getBoundingClientRect().width / chart.clientWidth])""",
    )
    assert all(text and 0.9 < share <= 1.001 for text, share in charts)


@pytest.mark.parametrize(
    ("view", "columns"),
    [({}, 3), ({"viewport": {"width": 400, "height": 800}}, 1)],
    indirect=["view"],
    ids=["1280px", "400px"],
)
def test_three_charts_of_a_network_stand_side_by_side_where_there_is_room(view, columns: int):
    lefts = view.eval_on_selector_all(
        "figure.small", "all => all.slice(0, 3).map(one => one.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == columns


def test_a_choice_changes_the_chart(view):
    figure = view.locator("figure", has=view.locator("select")).first
    before = figure.locator("svg").inner_html()
    figure.locator("select").select_option(index=1)
    view.wait_for_timeout(200)
    assert figure.locator("svg").inner_html() != before


def test_a_point_shows_its_value(view):
    view.locator(".chart").first.locator("svg .mark-symbol path").first.hover()
    view.wait_for_selector("#vg-tooltip-element.visible")
    assert "AUROC" in view.inner_text("#vg-tooltip-element")


@pytest.mark.parametrize(
    "view", [{"viewport": {"width": 400, "height": 800}}], indirect=True, ids=["400px"]
)
def test_a_narrow_window_needs_no_sideways_scrolling(view):
    def width() -> int:
        return view.evaluate("document.scrollingElement.scrollWidth")

    assert width() <= 400
    view.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert width() <= 400
    right = "svg => svg.getBoundingClientRect().right"
    assert (
        view.evaluate(f"Math.max(...[...document.querySelectorAll('.chart svg')].map({right}))")
        <= 400
    )


def test_the_keyboard_goes_from_the_skip_link_through_the_contents(view):
    def focused() -> str:
        return view.evaluate("document.activeElement.textContent.trim().slice(0, 40)")

    reached = []
    for _ in range(5):
        view.keyboard.press("Tab")
        reached.append(focused())
    published = "JMIR Cardio 2025;9:e80569, fold means"  # the link in the head of the page
    assert reached == [
        "Skip to the content",
        published,
        "npj Digital Medicine 2023;6:215",
        "Contents",
        "At a glance",
    ]
    outline = view.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    for _ in range(4):
        view.keyboard.press("Shift+Tab")
    view.keyboard.press("Enter")
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.getAttribute('role')") == "region"


def test_wide_tables_scroll_by_keyboard(view):
    at = view.evaluate(
        """() => {
            document.querySelectorAll('details').forEach(details => { details.open = true; });
            const wide = [...document.querySelectorAll('.scroll')];
            return wide.findIndex(part => part.scrollWidth > part.clientWidth + 20);
        }"""
    )
    assert at >= 0
    region = view.locator(".scroll").nth(at)
    region.focus()
    view.keyboard.press("ArrowRight")
    view.wait_for_function("part => part.scrollLeft > 0", arg=region.element_handle())


@pytest.mark.parametrize(
    "view", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True
)
def test_texts_stand_out_from_their_ground(view):
    worst = view.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


def test_print_has_pages_and_opens_every_table(view):
    pdf = view.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") > 1
    open_before = view.locator("main details[open]").count()
    view.emulate_media(media="print")
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert view.locator("details:not([open])").count() == 0
    view.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert view.locator("main details[open]").count() == open_before


@pytest.mark.parametrize(
    "view", [{"java_script_enabled": False}], indirect=True, ids=["without JavaScript"]
)
def test_without_javascript_the_tables_say_the_same(view, heard: list[str]):
    assert view.locator(".chart noscript p").count() == CHARTS
    assert view.locator("figure details table").count() == CHARTS
    assert heard == []


CONTRAST = """() => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
    const context = canvas.getContext('2d', {willReadFrequently: true});
    const rgb = colour => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = colour => {
        const [r, g, b] = colour.slice(0, 3).map(value => {
            value /= 255;
            return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = rgb(getComputedStyle(element).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    document.querySelectorAll('details').forEach(details => { details.open = true; });
    let worst = {ratio: 99};
    const texts = document.querySelectorAll(
        'h1, h2, h3, p, dt, dd, a, summary, caption span, caption em, th, td, .badge, ' +
        'figcaption, pre, label, select');
    for (const element of texts) {
        const [a, b] = [rgb(getComputedStyle(element).color), ground(element)].map(luminance);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const text = element.textContent.slice(0, 40);
        if (ratio < worst.ratio) worst = {ratio, tag: element.tagName, text};
    }
    return worst;
}"""
