"""Links, pictures and names of files in README and docs lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from documents.markdown_reading import (
    list_documents,
    read_anchors,
    read_blocks,
    read_links,
    read_paths,
)
from support.places import PROJECT

DOCS = PROJECT / "docs"
DOCUMENTS = list_documents()
PICTURES = sorted(DOCS.rglob("*.svg"))


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in read_links(document.read_text()):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), link
        if anchor:
            assert anchor in read_anchors(path.read_text()), link


@pytest.mark.parametrize("document", sorted(DOCS.rglob("*.md")), ids=name)
def test_pages_link_to_nothing_outside_the_site(document: Path) -> None:
    for link in read_links(document.read_text()):
        if not link.startswith(("https://", "#")):
            assert (document.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document: Path) -> None:
    for path in read_paths(document.read_text()):
        assert (PROJECT / path).exists(), path


def test_every_page_is_in_the_navigation_once() -> None:
    text = (PROJECT / "mkdocs.yml").read_text()
    listed = re.findall(r"([\w/-]+\.md)", str(yaml.safe_load(text)["nav"]))
    assert sorted(listed) == sorted(
        page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")
    )


def test_the_readme_leads_to_every_page() -> None:
    links = read_links((PROJECT / "README.md").read_text())
    pages = {f"docs/{page.relative_to(DOCS).as_posix()}" for page in DOCS.rglob("*.md")}
    assert pages - set(links) == {"docs/index.md"}


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 200


def test_the_site_loads_nothing_from_elsewhere() -> None:
    settings = yaml.safe_load((PROJECT / "mkdocs.yml").read_text())
    assert settings["strict"] is True
    assert settings["theme"]["font"] is False
    assert settings["plugins"] == ["search"]
    for document in DOCUMENTS:
        # Drawings of this kind are made by a script that the reader's browser would load.
        assert "mermaid" not in {block.language for block in read_blocks(document.read_text())}


@pytest.mark.parametrize("picture", PICTURES, ids=name)
def test_pictures_explain_themselves_in_light_and_dark(picture: Path) -> None:
    text = picture.read_text()
    root = ElementTree.fromstring(text)
    space = {"svg": "http://www.w3.org/2000/svg"}
    for part in ("title", "desc"):
        found = root.find(f"svg:{part}", space)
        assert found is not None
        assert found.text
    assert "@media (prefers-color-scheme: dark)" in text
    # Text lies on a ground of the picture's own, whatever the page's is.
    ground = root.find("svg:rect", space)
    assert ground is not None
    assert ground.get("class") == "card"
    assert re.findall(r"(?:href|url)\s*[=(]\s*[\"']?(?!#)\S*//", text) == []


def test_every_picture_is_shown() -> None:
    shown = {
        (document.parent / link).resolve()
        for document in DOCUMENTS
        for link in read_links(document.read_text())
        if link.endswith(".svg")
    }
    assert shown == set(PICTURES)


def test_semantics_keep_their_numbers() -> None:
    text = (DOCS / "semantics.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\*\*(\d+)\. ", text, re.MULTILINE)]
    assert numbers == list(range(1, 31))
