"""What tests read of a Markdown file: headings, links, blocks of code, names of files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.places import PROJECT

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`[^`\n]+`")
_LINK = re.compile(
    r"(?<!\\)!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|(?:src|srcset|href)=\"([^\"]+)\""
)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
# Folders of the product are named without `include/candlehouse/` where that is plain.
_PACKAGES = "core|exchange|pipelines|storage|validation|cli|stack"
_PATH = re.compile(
    rf"`((?:include|plugins|dags|tests|docs)/[\w./-]*|(?:{_PACKAGES})/(?:[\w./-]*(?:\.py|\.sql|/))?)`"
)
_IN_PRODUCT = re.compile(rf"(?:{_PACKAGES})/")


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    text: str


def list_documents() -> list[Path]:
    """README, CHANGELOG and every page of `docs/`."""
    return [
        PROJECT / "README.md",
        PROJECT / "CHANGELOG.md",
        *sorted((PROJECT / "docs").rglob("*.md")),
    ]


def read_blocks(text: str) -> list[Block]:
    """Fenced blocks in their order."""
    return [Block(match[2], match[3]) for match in _FENCE.finditer(text)]


def read_prose(text: str) -> str:
    """The text without its blocks of code."""
    return _FENCE.sub("", text)


def read_links(text: str) -> list[str]:
    """Targets of links and pictures, outside code."""
    prose = _SPAN.sub("", read_prose(text))
    return [match[1] or match[2] for match in _LINK.finditer(prose)]


def read_anchors(text: str) -> set[str]:
    """Anchors of headings that GitHub and the site's builder agree on."""
    return {_slug_of_site(title) for title in _HEADING.findall(read_prose(text))} & {
        _slug_of_github(title) for title in _HEADING.findall(read_prose(text))
    }


def read_commands(text: str) -> Iterator[list[str]]:
    """Words of every line of a `sh` block, without comments and leading assignments."""
    for block in read_blocks(text):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while words and _ASSIGNMENT.fullmatch(words[0]):
                    words = words[1:]
                if words:
                    yield words


def read_spans(text: str) -> list[str]:
    """Code spans of the prose."""
    return [span.strip("`") for span in _SPAN.findall(read_prose(text))]


def read_paths(text: str) -> list[str]:
    """Files and folders that the prose names, from the project's own folder on."""
    return [
        f"include/candlehouse/{path}" if _IN_PRODUCT.match(path) else path
        for path in _PATH.findall(read_prose(text))
    ]


def _plain(title: str) -> str:
    """A heading as it is read: links and marks of code left out."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").replace("*", "")


def _slug_of_site(title: str) -> str:
    kept = re.sub(r"[^\w\s-]", "", _plain(title)).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def _slug_of_github(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", _plain(title).strip().lower()).replace(" ", "-")
