"""What a test reads off an HTML page, with nothing but the parser of the standard library."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    """An element with its attributes and, once closed, all text inside."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """Return the elements of this tag inside, in order."""
        found = []
        for child in self.children:
            found += [child] if child.tag == tag else []
            found += child.all(tag)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), f"<{tag}> has an attribute twice"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            if self.open[-1].tag not in ("script", "style"):
                element.text += data


def read_page(text: str) -> Element:
    """Parse a page; every element must be closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is never closed"
    return reader.open[0]


def tables(page: Element, caption: str) -> list[Element]:
    """Return the tables with these words in their caption."""
    return [one for one in page.all("table") if caption in one.all("caption")[0].text]


def rows_of(table: Element) -> list[list[str]]:
    """Return the texts of a table's rows, without its heading."""
    body = table.all("tbody")[0]
    return [[cell.text for cell in row.children] for row in body.all("tr")]


def chapter(page: Element, title: str) -> Element:
    """Return the section whose heading of the second level is this."""
    [found] = [
        part
        for part in page.all("section")
        if part.children[0].tag == "h2" and part.children[0].text == title
    ]
    return found


def headings(table: Element) -> list[str]:
    """Return the texts of the head of a table."""
    return [cell.text for cell in table.all("thead")[0].all("th")]


def drawn(html: str, words: str) -> list[dict]:
    """Return the points of the one chart with these words in its description."""
    specs = re.search(r'id="specifications">(.*?)</script>', html).group(1)
    [chart] = [spec for spec in json.loads(specs).values() if words in spec["description"]]
    return max(chart["datasets"].values(), key=len)


def of_model(table: Element, title: str) -> list[list[str]]:
    """Return the rows below the heading that begins with this title."""
    rows = rows_of(table)
    start = next(place for place, row in enumerate(rows) if row[0].startswith(title))
    end = next(
        (place for place, row in enumerate(rows) if place > start and len(row) == 1), len(rows)
    )
    return rows[start + 1 : end]
