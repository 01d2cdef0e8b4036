"""The generated parts of the reference say what the code says now."""

from __future__ import annotations

import click
import pytest

from documents.code_blocks import read_allowed, render_table
from documents.command_blocks import check_arguments, find_command, walk_commands
from documents.generated_pages import CODE_PAGES, DOCS, read_part, render_page, replace_part


@pytest.mark.parametrize("name", CODE_PAGES)
def test_page_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text()
    assert render_page(name, text) == text, "run make reference"


def test_what_is_allowed_is_said_of_every_variable() -> None:
    text = read_part((DOCS / "reference/configuration.md").read_text(), "variables")
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if "| `" in line]
    for name, allowed in read_allowed().items():
        (row,) = [row for row in cells if row[0] == f"`{name}`"]
        assert row[-1] == allowed != ""


def test_a_part_is_replaced_between_its_marks_alone() -> None:
    text = "before\n<!-- part -->\nold\n<!-- /part -->\nafter\n"
    assert replace_part(text, "part", "\nnew\\1\n\n") == (
        "before\n<!-- part -->\nnew\\1\n<!-- /part -->\nafter\n"
    )


@pytest.mark.parametrize("text", ["", "<!-- part -->\n<!-- /part -->\n" * 2])
def test_marks_that_are_not_there_once_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="'part' are there"):
        replace_part(text, "part", "new")


def test_bars_in_cells_do_not_end_them() -> None:
    assert render_table(("a",), [("`x|y`",)]).splitlines()[2] == r"| `x\|y` |"


def test_every_command_is_found_by_its_words() -> None:
    words = [words for words, _ in walk_commands()]
    assert "db start" in words
    assert all(find_command(each.split())[1] == [] for each in words)
    with pytest.raises(LookupError):
        find_command(["db", "begin"])


def test_options_that_do_not_exist_are_found() -> None:
    command, rest = find_command(["collect", "gaps", "--pretend"])
    with pytest.raises(click.UsageError):
        check_arguments(command, rest)
