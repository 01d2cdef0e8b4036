"""Which parts of which pages are generated, and how they are put in.

A generated part stands between `<!-- name -->` and `<!-- /name -->`; everything around it is
written by hand and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from documents import code_blocks, command_blocks, dag_blocks, schema_blocks
from support.places import PROJECT

DOCS = PROJECT / "docs"
_PARTS: Mapping[str, Callable[[], str]] = {
    "variables": code_blocks.render_variables,
    "rules": code_blocks.render_rules,
    "errors": code_blocks.render_errors,
    "commands": command_blocks.render_table,
    "command-help": command_blocks.render_help,
    "dags": dag_blocks.render_table,
    "dag-pages": dag_blocks.render_pages,
}
_SCHEMA_PARTS: Mapping[str, Callable[[Connection], str]] = {
    "relations": schema_blocks.render_relations,
    "functions": schema_blocks.render_functions,
}
PAGES: Mapping[str, tuple[str, ...]] = {
    "reference/configuration.md": ("variables",),
    "reference/command-line.md": ("commands", "command-help"),
    "reference/dags.md": ("dags", "dag-pages"),
    "reference/tables.md": ("relations", "functions"),
    "reference/rules.md": ("rules",),
    "reference/errors.md": ("errors",),
}
# Pages that can be rendered without a database.
CODE_PAGES = tuple(name for name, parts in PAGES.items() if not _SCHEMA_PARTS.keys() & set(parts))


def render_page(name: str, text: str, connection: Connection | None = None) -> str:
    """A page with its generated parts as the code has them now.

    Args:
        name: of the page, below `docs/`.
        text: of the page as it is.
        connection: to a migrated database; only parts about the schema need one.
    """
    for part in PAGES[name]:
        if part in _PARTS:
            text = replace_part(text, part, _PARTS[part]())
        elif connection is not None:
            text = replace_part(text, part, _SCHEMA_PARTS[part](connection))
    return text


def replace_part(text: str, part: str, content: str) -> str:
    """The text with new content between the marks of a part.

    Raises:
        ValueError: when the marks are not there exactly once.
    """
    marks = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    found = marks.findall(text)
    if len(found) != 1:
        raise ValueError(f"the marks of {part!r} are there {len(found)} times, not once")
    return marks.sub(lambda match: f"{match[1]}{content.strip()}\n{match[2]}", text)


def read_part(text: str, part: str) -> str:
    """What stands between the marks of a part."""
    return text.partition(f"<!-- {part} -->")[2].partition(f"<!-- /{part} -->")[0]
