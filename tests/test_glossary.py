"""The glossary has each word once, and the package writes none of those that say nothing."""

import re

import pytest

# Texts of published tables, the method of Python's files, and a reader who is to speak.
MEANT = (
    r"\.tell\(|the death told by a later admission|in that admission told by|"
    r"it stays so, tell PhysioNet"
)


@pytest.fixture(scope="module")
def tables(repository):
    """Return the words of each section whose table defines words."""
    text = (repository / "docs/glossary.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    found = {}
    for section in sections:
        head, _, body = section.partition("\n")
        if "| word |" in body:
            found[head] = re.findall(r"^\| (?!word|---)([^|]+?) \|", body, re.M)
    return found


def test_each_word_has_one_meaning_and_the_place_where_it_is_looked_for(tables):
    words = [word for section in tables.values() for word in section]

    assert len(words) > 60
    assert sorted({word for word in words if words.count(word) > 1}) == []
    for head, section in tables.items():
        plain = [word.strip("`").lower() for word in section]
        assert plain == sorted(plain), head


def test_every_row_is_complete(repository):
    text = (repository / "docs/glossary.md").read_text(encoding="utf-8")

    for line in text.splitlines():
        if line.startswith("| "):
            assert all(cell.strip() for cell in line.strip("|").split("|")), line


def test_nothing_in_the_package_or_its_documents_tells(repository):
    files = [repository / "Snakefile", repository / "config.yaml", *repository.glob("*.md")]
    for folder, ending in (
        *(("rules", "smk"), ("docs", "md"), ("src", "py"), ("src", "sql")),
        *(("workflow", "py"), ("workflow", "rst"), ("workflow", "yaml")),
    ):
        some = list((repository / folder).rglob(f"*.{ending}"))
        assert some, (folder, ending)
        files += some
    found = []
    for file in files:
        if file.name == "glossary.md":
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            if re.search(r"\b(tells?|told|telling)\b", re.sub(MEANT, "", line), re.I):
                found.append(f"{file.relative_to(repository)}: {line.strip()}")

    assert found == []
