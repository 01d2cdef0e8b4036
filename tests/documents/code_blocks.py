"""Parts of the reference that come from settings, rules and errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from candlehouse.core import errors
from candlehouse.core.rules import RULES
from candlehouse.variables import Variables, say_allowed
from support.places import PROJECT

_EXAMPLE = PROJECT / ".env.example"


def render_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    escaped = ([re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in line] for line in lines)
    return "\n".join(re.sub(r"  +", " ", f"| {' | '.join(line)} |") for line in escaped)


def render_variables() -> str:
    """A table per section of `.env.example`: name, default, meaning, what is allowed."""
    allowed = read_allowed()
    parts = []
    for title, variables in _read_example():
        rows = [
            (f"`{name}`", f"`{default}`" if default else "", meaning, allowed.get(name, ""))
            for name, default, meaning in variables
        ]
        parts += [f"### {title}", render_table(("variable", "default", "meaning", "allowed"), rows)]
    return "\n" + "\n\n".join(parts) + "\n"


def render_rules() -> str:
    """A line per rule, in the order of `core/rules.py`."""
    rows = [
        (f"`{rule.name}`", rule.says, ", ".join(outcome.value for outcome in rule.outcomes))
        for rule in RULES
    ]
    return render_table(("rule", "what must hold", "else"), rows)


def render_errors() -> str:
    """A line per class of the tree of errors, indented by its place in the tree."""
    rows = [
        (f"{'&emsp;' * depth}`{error.__name__}`", _first_sentence(error), _tried_again(error))
        for depth, error in _walk(errors.CandlehouseError)
    ]
    return render_table(("error", "meaning", "tried again"), rows)


def _walk(error: type[Exception], depth: int = 0) -> Iterator[tuple[int, type[Exception]]]:
    yield depth, error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _walk(child, depth + 1)


def _first_sentence(error: type[Exception]) -> str:
    return " ".join((error.__doc__ or "").partition("\n\n")[0].split())


def _tried_again(error: type[Exception]) -> str:
    # Instances of some decide by what happened.
    if "self.retryable" in inspect.getsource(error):
        return "if any of it can succeed"
    return "yes" if getattr(error, "retryable", False) else "no"


def _read_example() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Sections of `.env.example` with their variables: name, default, meaning."""
    sections: list[tuple[str, list[tuple[str, str, str]]]] = []
    comment = ""
    for line in _EXAMPLE.read_text().splitlines():
        if line.startswith("# --- "):
            sections.append((line.removeprefix("# --- "), []))
        elif line.startswith("# "):
            comment = line.removeprefix("# ")
        elif "=" in line:
            name, _, default = line.partition("=")
            sections[-1][1].append((name, default, comment))
    return sections


def read_allowed() -> dict[str, str]:
    """What each variable may be, in the words with which anything else is refused."""
    return {name.upper(): say_allowed(field) for name, field in Variables.model_fields.items()}
