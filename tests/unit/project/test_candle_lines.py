"""One module puts lines of candles together and takes them apart; nobody else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from candlehouse.core.candles.candle_rows import COLUMNS
from candlehouse.core.candles.published_rows import PUBLISHED_COLUMNS
from candlehouse.storage.candles import staging
from candlehouse.storage.database.queries import load_queries
from candlehouse.storage.live import closed_candles, forming_candles
from support.places import INCLUDE

CODE = INCLUDE / "candlehouse"
OWNER = CODE / "core/candles/candle_rows.py"
# What else has tabs in it, and why.
EXCEPTIONS = {
    "core/live/price_updates.py": "lines of prices",
    "exchange/files/tables.py": "tables that people bring may be separated by tabs",
}
# Functions that cut text or count in it; rows are only to be asked.
CUTTING = {
    "split", "rsplit", "splitlines", "partition", "rpartition", "count", "index", "find", "rfind",
}  # fmt: skip


def find_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(CODE.rglob("*.py")):
        if path != OWNER:
            yield str(path.relative_to(CODE)), ast.parse(path.read_text("utf-8"))


def has_tab(tree: ast.AST) -> bool:
    """Whether any literal of a module has a tab in it, f-strings and bytes included."""
    literals = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return any(
        "\t" in value if isinstance(value, str) else isinstance(value, bytes) and b"\t" in value
        for value in literals
    )


def names_lines(text: ast.expr) -> bool:
    """Whether an expression is the text of rows or the line of an update."""
    if not isinstance(text, ast.Attribute) or text.attr not in ("text", "line"):
        return False
    whose = text.value
    name = whose.attr if isinstance(whose, ast.Attribute) else getattr(whose, "id", "")
    return name in ("rows", "update")


def cuts_rows(tree: ast.AST) -> bool:
    """Whether the text of rows, or the line of an update, is cut or counted in, or indexed."""
    for node in ast.walk(tree):
        cuts = isinstance(node, ast.Attribute) and node.attr in CUTTING
        if (cuts or isinstance(node, ast.Subscript)) and names_lines(node.value):
            return True
    return False


def test_nobody_else_writes_the_separator_of_lines() -> None:
    assert {name for name, tree in find_modules() if has_tab(tree)} == set(EXCEPTIONS)


def test_nobody_else_cuts_the_text_of_rows() -> None:
    assert [name for name, tree in find_modules() if cuts_rows(tree)] == []


def test_the_search_finds_what_it_looks_for() -> None:
    for found in (r'a = "\t"', r"a = f'{b}\t{c}'", r'a.split(b"\t")'):
        assert has_tab(ast.parse(found))
    for found in ("page.rows.text.split(x)", "update.line[0]", "len(self.rows.text.splitlines())"):
        assert cuts_rows(ast.parse(found))
    assert not cuts_rows(ast.parse("lines = io.StringIO(page.rows.text)"))


def test_tabs_in_sql_are_where_streamed_lines_are_cut() -> None:
    found = {path.stem for path in CODE.rglob("*.sql") if r"E'\t'" in path.read_text("utf-8")}
    # Prices come in lines of their own.
    assert found == {"closed_candles", "forming_candles", "latest_prices"}


def test_staging_has_the_columns_of_published_rows_in_their_order() -> None:
    create = load_queries(staging.__file__).blocks["create_staging"]
    published, _, _ = create.partition("staging_candles")
    found = re.findall(r"^    (\w+) +(?:bigint|numeric|text)\b", published, re.MULTILINE)
    renamed = {"open_time": "open_raw", "close_time": "close_raw"}
    assert found == [renamed.get(column, column) for column in PUBLISHED_COLUMNS]


def test_closed_candles_are_cut_into_the_columns_of_lines_in_their_order() -> None:
    statement = load_queries(closed_candles.__file__).blocks["insert_closed"]
    cells = re.findall(r"s\.cell\[(\d+)\](?:::[a-z ]+)?(?: / 1000\))? AS (\w+)", statement)
    found = {name: int(at) for at, name in cells}
    assert found.pop("open_ms") == found["open_time"]
    assert found.pop("close_ms") == found["close_time"]
    assert found == {column: at for at, column in enumerate(COLUMNS, 1)}


def test_forming_candles_are_cut_likewise_behind_three_columns_of_their_own() -> None:
    statement = load_queries(forming_candles.__file__).blocks["write_forming"]
    insert, _, select = statement.partition("SELECT s.cell")
    columns = re.findall(r"\w+", insert.rpartition("(")[2])
    cells = re.findall(r"(?:s\.cell)?\[(\d+)\]", select.partition("FROM")[0])
    # When a row was changed is not said by a line.
    found = dict(zip([one for one in columns if one != "updated_at"], map(int, cells), strict=True))
    own = [found.pop(name) for name in ("timeframe", "event_time", "is_closed")]
    assert own == [1, 2, 3]
    assert found == {column: at for at, column in enumerate(COLUMNS, 4)}
