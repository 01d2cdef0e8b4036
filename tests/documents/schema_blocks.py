"""Parts of the reference that come from the comments of a migrated database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from candlehouse.storage.database.engine import connect
from candlehouse.storage.schema.migrate import migrate
from documents.code_blocks import render_table

# Relations that belong together, in the order in which a reader meets them.
_GROUPS = {
    "Candles": "candles candles_1m latest_candles live_candles latest_prices timeframes",
    "Completeness": "coverage coverage_totals coverage_days coverage_series gaps gap_history"
    " gap_checks gap_days series wanted_series loads collector_state",
    "Universe and instruments": "universe universe_refusal monthly_volumes instruments"
    " instrument_lives instrument_returns asset_aliases",
    "Agreement of the sources": "corrections quarantined_candles confirmations reconciliations"
    " agreement unmatched_candles archive_files",
    "Validation": "validation_runs validation_results validated_days validation_coverage"
    " validation_totals",
    "Streams and alerts": "stream_sessions stream_lag stream_lag_histograms stream_control alerts",
    "The exchange and its limits": "exchange_state exchange_gate weight_reservations"
    " connection_attempts",
}
_OTHERS = "Everything else"
_FOR_QUERIES = (
    "resample", "candles_of_asset", "candles_regular", "candles_outliers", "candles_normalized",
    "provenance", "universe_at",
)  # fmt: skip
_ONE_TIMEFRAME = re.compile(r"candles_(\d+[mhd])")
_RELATIONS = text("""
    SELECT c.relname AS name, c.relkind = 'v' AS is_view,
        obj_description(c.oid, 'pg_class') AS says,
        (SELECT string_agg(a.attname, ', ' ORDER BY k.position)
         FROM pg_index AS i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
         JOIN pg_attribute AS a ON a.attnum = k.attnum
         WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid) AS key
    FROM pg_class AS c
    WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p', 'v')
        AND NOT c.relispartition
    ORDER BY c.relname
""")
_COLUMNS = text("""
    SELECT c.relname AS relation, a.attname AS name,
        replace(replace(format_type(a.atttypid, a.atttypmod), 'market.', ''),
            'timestamp with time zone', 'timestamptz') AS type,
        col_description(c.oid, a.attnum) AS says
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = CAST('market' AS regnamespace) AND c.relkind IN ('r', 'p', 'v')
        AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
""")
_FUNCTIONS = text("""
    SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments,
        obj_description(p.oid, 'pg_proc') AS says
    FROM pg_proc AS p
    WHERE p.pronamespace = CAST('market' AS regnamespace) AND p.prokind = 'f'
        AND p.prorettype <> CAST('trigger' AS regtype)
    ORDER BY p.proname, arguments
""")


class Column(NamedTuple):
    """A column as the database describes it."""

    name: str
    type: str
    says: str


class Relation(NamedTuple):
    """A table or a view as the database describes it; `key` is empty for a view."""

    name: str
    is_view: bool
    says: str
    key: str
    columns: tuple[Column, ...]


@contextmanager
def open_migrated() -> Iterator[Connection]:
    """A connection to a new database with the whole schema, on a server of its own."""
    with TemporaryDirectory(prefix="candlehouse-") as folder:
        settings = load_settings(
            {"CANDLEHOUSE_HOME": str(Path(folder, "home")), "CANDLEHOUSE_TIMESCALEDB": "off"}
        )
        url = embedded.start(settings, tied=True).url("owner")
        migrate(url)
        engine = connect(url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
            embedded.stop(settings)


def read_relations(connection: Connection) -> dict[str, Relation]:
    """Every table and view of the schema `market`, partitions left out."""
    columns: dict[str, list[Column]] = {}
    for row in connection.execute(_COLUMNS):
        columns.setdefault(row.relation, []).append(Column(row.name, row.type, row.says or ""))
    return {
        row.name: Relation(
            row.name, row.is_view, row.says or "", row.key or "", tuple(columns[row.name])
        )
        for row in connection.execute(_RELATIONS)
    }


def read_functions(connection: Connection) -> list[Any]:
    """Every function of the schema that a query can call, by name."""
    return list(connection.execute(_FUNCTIONS))


def render_relations(connection: Connection) -> str:
    """Tables and views by group: what each is, its key, its columns."""
    relations = read_relations(connection)
    parts = []
    for title, members in _group(list(relations)):
        parts.append(f"## {title}")
        parts += [_render(relations[name], relations["candles"]) for name in members]
    return "\n" + "\n\n".join(parts) + "\n"


def render_functions(connection: Connection) -> str:
    """A line per function: those that people call first, then those that others call."""
    functions = read_functions(connection)
    parts = []
    for title, wanted in (("For queries", True), ("Behind tables and writing", False)):
        rows = [
            (f"`{row.name}({_shorten(row.arguments)})`", row.says or "")
            for row in functions
            if (row.name in _FOR_QUERIES) is wanted
        ]
        parts.append(f"### {title}\n\n{render_table(('function', 'gives'), rows)}")
    return "\n" + "\n\n".join(parts) + "\n"


def _group(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    left = [name for name in names if not _ONE_TIMEFRAME.fullmatch(name) or name == "candles_1m"]
    for title, members in _GROUPS.items():
        present = [name for name in members.split() if name in left]
        left = [name for name in left if name not in present]
        yield title, present
    if left:
        yield _OTHERS, left


def _render(relation: Relation, candles: Relation) -> str:
    title, says = f"`{relation.name}`", relation.says
    if _ONE_TIMEFRAME.fullmatch(relation.name):
        title = "`candles_1m`, `candles_5m` and the like"
        says = (
            "Closed candles of one timeframe, one row per symbol and open time: a table per"
            " timeframe, of which `candles` is the view"
        )
    kind = "View" if relation.is_view else f"Table, key `({relation.key})`"
    return f"### {title}\n\n{says}. *{kind}.*\n\n{_render_columns(relation, candles)}"


def _render_columns(relation: Relation, candles: Relation) -> str:
    """A line per column, unless they are those of `candles`, which a reader knows by then."""
    if relation is not candles and relation.columns == candles.columns:
        return "It has the columns of `candles`."
    without = tuple(column for column in candles.columns if column.name != "timeframe")
    if relation.columns == without:
        return "It has the columns of `candles` without `timeframe`."
    rows = [(f"`{column.name}`", column.type, column.says) for column in relation.columns]
    return render_table(("column", "type", "meaning"), rows)


def _shorten(arguments: str) -> str:
    """Arguments without what only the catalogue needs."""
    short = arguments.replace("market.", "").replace("timestamp with time zone", "timestamptz")
    return re.sub(r"::(\w+|double precision)", "", short)
