"""Commands, options, make targets, DAGs and variables in README and docs exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from candlehouse.core.alerts import Metric
from candlehouse.core.model import Verdict
from candlehouse.environment import read_env_file
from documents.command_blocks import check_arguments, find_command
from documents.dag_blocks import read_dags
from documents.markdown_reading import (
    list_documents,
    read_blocks,
    read_commands,
    read_prose,
    read_spans,
)
from support.places import PROJECT

DOCUMENTS = list_documents()
PROGRAM = ["python", "-m", "candlehouse"]
# What a shell has, and the tools of PostgreSQL.
OTHERS = {"source", "export", "psql", "pg_dump", "pg_restore"}
LANGUAGES = {"sh", "sql", "text"}


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def read_targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def read_calls(text: str) -> Iterator[list[str]]:
    """Arguments of every call of the program: in blocks, in substitutions and in prose."""
    for words in read_commands(text):
        if words[:3] == PROGRAM:
            yield words[3:]
        for word in words:
            for inner in re.findall(r"\$\(python -m candlehouse ([^)]*)\)", word):
                yield shlex.split(inner)
    for span in read_spans(text):
        if span.startswith("python -m candlehouse "):
            yield shlex.split(span)[3:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_calls_of_the_program_are_right(document: Path) -> None:
    for arguments in read_calls(document.read_text()):
        command, rest = find_command(arguments)
        if isinstance(command, click.Group):
            assert rest == ["--help"], arguments
        elif command.name == "airflow":
            check_airflow(rest)
        else:
            check_arguments(command, rest)


def check_airflow(arguments: list[str]) -> None:
    ids = {dag_id for dag in read_dags() for dag_id in dag.ids}
    assert arguments[arguments.index("--dag-id") + 1] in ids


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_blocks_of_commands_hold_commands(document: Path) -> None:
    for words in read_commands(document.read_text()):
        if words[0] == "make":
            assert words[1] in read_targets(), words
        elif words[:3] == ["python", "-m", "pytest"]:
            assert all((PROJECT / path).exists() for path in words[3:]), words
        else:
            assert words[:3] == PROGRAM or words[0] in OTHERS, words


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_targets_in_prose_exist(document: Path) -> None:
    for span in read_spans(document.read_text()):
        if span.startswith("make "):
            assert span.split()[1] in read_targets(), span


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_blocks_say_their_language(document: Path) -> None:
    text = document.read_text()
    assert {block.language for block in read_blocks(text)} <= LANGUAGES
    # A block by indentation would be checked by nobody.
    assert re.findall(r"^\n {4,}\S.*$", read_prose(text), re.MULTILINE) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_variables_exist(document: Path) -> None:
    known = set(read_env_file(PROJECT / ".env.example"))
    prefixes = tuple({f"{variable.partition('_')[0]}_" for variable in known if "_" in variable})
    for span in read_spans(document.read_text()):
        variable = span.partition("=")[0]
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", variable) and variable.startswith(prefixes):
            assert variable in known | TEST_VARIABLES, span


# Of tests and of parts that no person configures.
TEST_VARIABLES = {"CANDLEHOUSE_SEED", "CANDLEHOUSE_CASES", "CANDLEHOUSE_METADATA_URL"}


def test_the_readme_lists_every_dag() -> None:
    table = (PROJECT / "README.md").read_text().partition("| DAG | runs | does |")[2]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.+?) \|", table, re.MULTILINE)))
    assert sorted(listed) == sorted(dag_id for dag in read_dags() for dag_id in dag.ids)


def test_every_verdict_is_explained() -> None:
    text = (PROJECT / "docs/reference/verdicts.md").read_text()
    table = text.partition("| verdict | means | evidence |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \| \S.* \| \S.* \|$", table, re.MULTILINE)
    assert listed == [verdict.value for verdict in Verdict]


def test_every_alert_is_explained() -> None:
    text = (PROJECT / "docs/how-to/alerts.md").read_text()
    table = text.partition("| alert | one per | measured |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [metric.value for metric in Metric]


def test_exit_codes_are_those_of_the_command_line() -> None:
    source = (PROJECT / "include/candlehouse/cli/__init__.py").read_text()
    said = next(
        ast.get_docstring(node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    codes = re.findall(r"\b(\d+) [a-z]", said)
    for page in ("command-line", "errors"):
        text = (PROJECT / f"docs/reference/{page}.md").read_text()
        table = text.partition("| exit code | meaning |")[2].partition("\n\n")[0]
        assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == codes
