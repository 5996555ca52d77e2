"""The documentation is built as a site, strictly: no dead link, no page that nobody finds."""

import re

import pytest
import yaml

pytest.importorskip("mkdocs", reason="not installed: docs/site/requirements.txt")


PAGES = ("index", "start/gallery", "how-to/scenarios", "reference/configuration", "evaluation")


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory):
    """The built site."""
    from mkdocs.commands.build import build  # noqa: PLC0415
    from mkdocs.config import load_config  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(repository / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.fixture(scope="module")
def site(folder):
    """The built pages, by path."""
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in folder.rglob("*.html")
    }


def test_every_page_is_there_and_opens_offline(site, repository):
    pages = {path.relative_to(repository / "docs") for path in repository.glob("docs/**/*.md")}
    pages = {path for path in pages if path.parts[0] != "run"}
    made = {"reference/configuration.html", "reference/files.html", "reference/columns.html"}
    made |= {"reference/commands.html", "changes.html"}

    assert len(pages) > 40
    for path in pages:
        name = path.with_name("index.html") if path.stem == "README" else path.with_suffix(".html")
        assert name.as_posix() in site
    assert made <= site.keys()
    loaded = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\s\">]+)")
    for name, html in site.items():
        assert not [url for url in loaded.findall(html) if "canonical" not in url], name


def test_every_key_of_the_configuration_is_on_its_page(site, repository):
    values = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))

    def keys(part, path):
        for key, value in part.items():
            yield from keys(value, f"{path}.{key}") if isinstance(value, dict) else [(path, key)]

    page = site["reference/configuration.html"]
    named = {cell.rpartition(".")[2] for cell in re.findall(r"<code>([\w.*]+)</code>", page)}
    asked = {key for _, key in keys(values, "")}
    assert len(asked) > 150
    assert asked - named == set()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_no_serious_fault(folder, browser, serious_faults, page, width):
    view = browser.new_page(viewport={"width": width, "height": 900})
    view.goto((folder / f"{page}.html").as_uri())
    assert serious_faults(view) == []
    view.close()
