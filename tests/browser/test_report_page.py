"""The report in a real browser, with the network forbidden.

Skipped, visibly, without Chromium, playwright or axe-core (tests/browser/conftest.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_results import write_report_files

from mimicflow.evaluation.study import Study
from mimicflow.report import build_report, sort_files

CHARTS = 48
NARROW = {"viewport": {"width": 400, "height": 800}}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = write_report_files(tmp_path_factory.mktemp("report"))
    systems, shared = sort_files([path for path in results.rglob("*") if path.is_file()], results)
    output = results.parent / "report.html"
    build_report("From door to ward", systems, shared, output, Study(synthetic=True))
    return output


@pytest.fixture
def heard() -> list[str]:
    """Everything that must not happen on the page."""
    return []


@pytest.fixture
def view(browser, report: Path, heard: list[str], request: pytest.FixtureRequest) -> Iterator:
    """The page in a window of a width of 1280 pixels, or of the test's own."""
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


@pytest.fixture
def whole(view):
    """The page as it is printed: all chapters, all open, all charts drawn."""
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    view.wait_for_function("document.querySelectorAll('.chart svg').length === " + str(CHARTS))
    view.wait_for_selector("html[data-drawn=yes]", state="attached")
    return view


def shown(view) -> list[str]:
    """Return the headings of the chapters that are seen."""
    return view.locator("main h2:visible").all_inner_texts()


def test_nothing_is_asked_of_the_network_and_nothing_complains(whole, heard: list[str]):
    whole.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    whole.wait_for_timeout(300)
    assert heard == []


@pytest.mark.parametrize("view", [{}, NARROW], indirect=True, ids=["1280px", "400px"])
def test_the_first_number_is_in_view(view):
    first = view.locator(".card .value").first
    assert first.bounding_box()["y"] < 600
    assert first.inner_text().startswith("0.")


def test_one_chapter_is_seen_at_a_time_and_the_address_says_which(view):
    assert shown(view) == ["At a glance"]
    view.get_by_role("link", name="Cardiac arrest within 24 hours").first.click()
    assert shown(view) == ["Cardiac arrest within 24 hours"]
    assert view.locator("nav a[aria-current=page]").inner_text() == shown(view)[0]
    view.evaluate("location.hash = 'mortality-calibration'")
    view.wait_for_function("document.querySelector('#mortality-calibration').closest('[open]')")
    assert shown(view) == ["Death within a year"]
    assert view.locator("main details.part[open]").count() == 1  # what the address names
    view.go_back()
    view.wait_for_function("location.hash === '#system-arrest'")
    assert shown(view) == ["Cardiac arrest within 24 hours"]


@pytest.mark.parametrize("view", [{}, NARROW], indirect=True, ids=["1280px", "400px"])
def test_what_the_address_names_stays_in_view_while_its_charts_are_drawn(view):
    view.evaluate("location.hash = 'admission-subgroups'")
    view.wait_for_selector("#admission-subgroups:visible")
    view.locator("details:has(> summary > #admission-subgroups) .chart svg").wait_for()
    view.wait_for_selector("html[data-drawn=yes]", state="attached")
    view.wait_for_timeout(100)
    assert 0 < view.locator("#admission-subgroups").bounding_box()["y"] < 200


@pytest.mark.parametrize("view", [{}, NARROW], indirect=True, ids=["1280px", "400px"])
def test_the_search_opens_what_it_finds(view):
    view.locator("#find").fill("lactate, first")  # in a folded table of a folded section
    entry = view.locator(".found a").first
    assert "What the tabular models rely on" in entry.inner_text()
    entry.click()
    marked = view.locator(".marked")
    assert marked.is_visible() and "Lactate, first" in marked.inner_text()
    assert shown(view) == ["Hospital admission"]
    stays_in_view = "document.querySelector('nav').getBoundingClientRect().top === 0"
    view.wait_for_function(stays_in_view)  # once it has scrolled
    counted = view.locator("nav [role=status]")
    view.locator("#find").fill("What the tabular models rely on")
    assert counted.inner_text() == "1 place found"
    view.locator("#find").fill("no such words")
    assert counted.inner_text() == "0 places found"


@pytest.mark.parametrize("view", [{}, NARROW], indirect=True, ids=["1280px", "400px"])
@pytest.mark.parametrize("part", ["summary", "admission-scores", "arrest-alarms"])
def test_axe_finds_no_serious_fault(view, serious_faults, part: str):
    view.evaluate(f"location.hash = '{part}'")  # a chapter, with one of its sections open
    view.wait_for_timeout(300)
    assert serious_faults(view) == []


def test_the_page_forbids_the_network(view, heard: list[str]):
    refused = view.evaluate("fetch('https://example.org').then(() => false, () => true)")
    assert refused
    assert any("Content Security Policy" in text for text in heard)


def test_every_chart_is_drawn(whole):
    marks = whole.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => chart.querySelectorAll(
            'svg .role-mark path, svg .role-mark line').length)""",
    )
    assert len(marks) == CHARTS
    assert min(marks) >= 3  # two lines and the kept epoch
    assert whole.locator("figure.picture img").evaluate_all("all => all.every(i => i.naturalWidth)")


def test_a_chart_fits_its_column_and_is_described(whole):
    charts = whole.eval_on_selector_all(
        ".chart",
        """charts => charts.map(chart => [chart.getAttribute('aria-label'),
            chart.querySelector('svg').getBoundingClientRect().width / chart.clientWidth])""",
    )
    assert all(text and 0.9 < share <= 1.001 for text, share in charts)


@pytest.mark.parametrize(
    ("view", "columns"),
    [({}, 3), (NARROW, 1)],
    indirect=["view"],
    ids=["1280px", "400px"],
)
def test_three_charts_of_a_network_stand_side_by_side_where_there_is_room(whole, columns: int):
    lefts = whole.eval_on_selector_all(
        "figure.small", "all => all.slice(0, 3).map(one => one.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == columns


def test_a_choice_changes_the_chart(whole):
    figure = whole.locator("figure", has=whole.locator("select")).first
    before = figure.locator("svg").inner_html()
    figure.locator("select").select_option(index=1)
    whole.wait_for_timeout(200)
    assert figure.locator("svg").inner_html() != before


def test_a_point_shows_its_value(whole):
    whole.locator("#admission-scores-nested ~ * svg .mark-symbol path").first.hover()
    whole.wait_for_selector("#vg-tooltip-element.visible")
    assert "AUROC" in whole.inner_text("#vg-tooltip-element")


@pytest.mark.parametrize("view", [NARROW], indirect=True, ids=["400px"])
def test_a_narrow_window_needs_no_sideways_scrolling(whole):
    assert whole.evaluate("document.scrollingElement.scrollWidth") <= 400
    right = "svg => svg.getBoundingClientRect().right"
    assert (
        whole.evaluate(f"Math.max(...[...document.querySelectorAll('.chart svg')].map({right}))")
        <= 400
    )


def test_the_keyboard_goes_from_the_skip_link_through_the_contents(view):
    def focused() -> str:
        return view.evaluate("document.activeElement.textContent.trim().slice(0, 40)")

    reached = []
    for _ in range(5):
        view.keyboard.press("Tab")
        reached.append(focused())
    assert reached == [
        "Skip to the content",
        "",  # the field to search in
        "Contents: At a glance",
        "At a glance",
        "Hospital admission",
    ]
    outline = view.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    for _ in range(4):
        view.keyboard.press("Shift+Tab")
    view.keyboard.press("Enter")
    view.keyboard.press("Tab")
    assert focused() == "Hospital admission"
    assert view.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_wide_tables_scroll_by_keyboard(whole):
    at = whole.evaluate(
        """() => {
            const wide = [...document.querySelectorAll('.scroll')];
            return wide.findIndex(part => part.scrollWidth > part.clientWidth + 20);
        }"""
    )
    assert at >= 0
    region = whole.locator(".scroll").nth(at)
    region.focus()
    whole.keyboard.press("ArrowRight")
    whole.wait_for_function("part => part.scrollLeft > 0", arg=region.element_handle())


@pytest.mark.parametrize(
    "view", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True
)
def test_texts_stand_out_from_their_ground(whole):
    worst = whole.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


def test_print_has_pages_and_opens_every_table(view):
    pdf = view.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") > 1
    assert len(shown(view)) == 1
    open_before = view.locator("main details[open]").count()
    view.emulate_media(media="print")
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert view.locator("details:not([open])").count() == 0
    assert len(shown(view)) == 6
    view.wait_for_function("document.querySelectorAll('.chart svg').length === " + str(CHARTS))
    view.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert view.locator("main details[open]").count() == open_before


@pytest.mark.parametrize(
    "view", [{"java_script_enabled": False}], indirect=True, ids=["without JavaScript"]
)
def test_without_javascript_the_tables_say_the_same(view, heard: list[str]):
    assert view.locator(".chart noscript p").count() == CHARTS
    assert view.locator("figure details table").count() == CHARTS
    assert len(shown(view)) == 6
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
