"""Runs suites with Great Expectations on the server, one batch at a time.

The library is imported only when runners are opened, because that takes seconds and 250 MB. It
keeps no files, sends no data anywhere, and receives only rows that failed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event, text

from candlehouse.core.validating.validation_windows import Outcome
from candlehouse.storage.database.engine import prepare_connections
from candlehouse.storage.database.queries import execute_script, load_queries
from candlehouse.validation.constants import write_constants
from candlehouse.validation.suites import Batch, Check

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch as LibraryBatch
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource
    from great_expectations.datasource.fluent.sql_datasource import QueryAsset
    from great_expectations.expectations.expectation import Expectation

# Number of sample rows kept per failed expectation.
SAMPLES = 5
_SQL = load_queries(__file__, "expectations")
_ONLY_WHETHER = {"result_format": "BOOLEAN_ONLY"}
_NAME = "candlehouse"
# The batch that reads a timeframe's own table.
_CANDLES = "candles"


@contextmanager
def open_runners(engine: Engine, count: int) -> Iterator[list[Runner]]:
    """Runners over the database of an engine, each for one thread at a time.

    Each has its own connection, and shares no state with the others.

    Args:
        engine: of the warehouse.
        count: number of runners, at least 1.
    """
    # The library reads this variable on import.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # On import the library logs hundreds of registrations.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # This module logs about a folder for pages that are not used, at any level.
    logging.getLogger(ProgressBarsConfig.__module__).setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    url = write_url(engine)
    with ExitStack() as stack:
        runners = []
        for number in range(count):
            source = context.data_sources.add_postgres(f"warehouse-{number}", connection_string=url)
            runners.append(_make_runner(gx, source, engine))
            stack.callback(_close, source)
        yield runners


def _make_runner(gx: ModuleType, source: PostgresDatasource, engine: Engine) -> Runner:
    library_engine = source.get_execution_engine().engine
    # Connections opened so far, to test the database, are not prepared.
    library_engine.dispose()
    prepare_connections(library_engine)
    event.listen(library_engine, "connect", _give_memory)
    # One asset for all batches, because the library saves its whole configuration per new asset.
    asset = source.add_query_asset(_NAME, "SELECT 1")
    return Runner(gx, asset, asset.add_batch_definition_whole_table(_NAME), engine)


def _close(source: PostgresDatasource) -> None:
    source.get_execution_engine().close()
    source.get_engine().dispose()


def _give_memory(connection: Any, _: object) -> None:
    """Lets windows be grouped in memory; only this connection has the setting."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL.sql("give_memory"))


def write_url(engine: Engine) -> str:
    """The URL of an engine's database in the form that the library accepts.

    The library requires user and host, which the driver can determine itself, and interprets a
    dollar sign as the start of a variable's name.
    """
    with engine.connect() as connection:
        info = connection.connection.driver_connection.info  # type: ignore[union-attr]  # psycopg2
        host, port, user = info.host, info.port, info.user
    url = engine.url.set(username=user, host="localhost", port=port)
    # The library does not accept a socket's folder as host; the query's host takes precedence.
    url = url.update_query_dict({"host": host})
    return url.render_as_string(hide_password=False).replace("$", "%24").replace(" ", "%20")


class Runner:
    """Evaluates suites; see `open_runners`."""

    def __init__(
        self, gx: ModuleType, asset: QueryAsset, definition: BatchDefinition[Any], engine: Engine
    ) -> None:
        self._gx = gx
        self._asset = asset
        self._definition = definition
        self._engine = engine
        event.listen(
            asset.datasource.get_execution_engine().engine,
            "before_cursor_execute",
            self._limit,
            retval=True,
        )

    def run(self, batch: Batch, values: Mapping[str, object]) -> list[Outcome]:
        """The outcome of each check of a batch's suites, in their order.

        Args:
            batch: to be validated.
            values: parameters of its SQL blocks, by name.

        Raises:
            DatabaseUnavailable: when the server cannot be reached.
        """
        bound = {**values, **batch.values}
        timed = batch.timeframe if batch.query == _CANDLES else None
        query = write_constants(_SQL.sql(batch.query, timed), bound)
        with self._engine.connect() as connection:
            checked = connection.execute(text(f"SELECT count(*) FROM ({query}) AS b")).scalar_one()
        self._asset.query = query
        self._prepare(batch, query, bound)
        # The library would reuse the previous batch, which has the same name.
        manager = self._asset.datasource.get_execution_engine().batch_manager
        manager.reset_batch_cache()
        manager.batch_data_cache.clear()
        return self._evaluate(batch, bound, checked)

    def _prepare(self, batch: Batch, query: str, values: Mapping[str, object]) -> None:
        # The library has a single connection, because it runs its queries sequentially.
        with self._asset.datasource.get_execution_engine().engine.begin() as connection:
            for name, timeframe in batch.preparations.items():
                sql = write_constants(_SQL.sql(name, timeframe), values)
                execute_script(connection, sql.replace("{batch}", f"({query})"))

    def _limit(
        self, _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        """Keeps the rows of a batch on the server.

        To determine the columns, the library runs the query of a batch and fetches all rows.
        """
        if statement == self._asset.query:
            statement = f"{statement} LIMIT 0"
        return statement, parameters

    def _evaluate(self, batch: Batch, values: Mapping[str, object], checked: int) -> list[Outcome]:
        library = self._definition.get_batch()
        checks = {
            f"{suite.name}: {check.name}": (suite, check)
            for suite in batch.suites
            for check in suite.checks
        }
        made = {name: self._make(name, check, values) for name, (_, check) in checks.items()}
        # For most checks success is all that matters, and the library checks many at once.
        first = self._validate(library, list(made.values()), _ONLY_WHETHER)
        outcomes = []
        for name, (suite, check) in checks.items():
            outcome = Outcome(suite.name, batch.timeframe, check.name, check.severity, checked)
            result = first[name]
            if not result.success:
                if _find_exception(result) is None:
                    result = self._validate(library, [made[name]], _which(batch))[name]
                outcome = _explain(outcome, result)
            outcomes.append(outcome)
        return outcomes

    def _make(self, name: str, check: Check, values: Mapping[str, object]) -> Expectation:
        common: dict[str, Any] = {
            "description": check.name,
            "meta": {_NAME: name},
            "severity": check.severity.value,
        }
        if check.expectation is not None:
            kind = getattr(self._gx.expectations, check.expectation)
            made: Expectation = kind(**check.arguments, **common)
            return made
        from candlehouse.validation.rows import ExpectNoRows, count_and_sample_rows

        sql = _SQL.sql(check.query, check.query_timeframe)
        query = write_constants(sql, {**values, **check.values})
        return ExpectNoRows(unexpected_rows_query=count_and_sample_rows(query, SAMPLES), **common)

    def _validate(
        self,
        library: LibraryBatch,
        expectations: Sequence[Expectation],
        result_format: dict[str, Any],
    ) -> dict[str, ExpectationValidationResult]:
        """Results by the name of their check, because the library returns them in another order."""
        suite = self._gx.ExpectationSuite(name="suite", expectations=list(expectations))
        results = library.validate(suite, result_format=result_format).results
        return {result.expectation_config.meta[_NAME]: result for result in results}


def _which(batch: Batch) -> dict[str, Any]:
    return {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLES,
        "unexpected_index_column_names": list(batch.key),
    }


def _explain(outcome: Outcome, result: ExpectationValidationResult) -> Outcome:
    exception = _find_exception(result)
    if exception is not None:
        return replace(outcome, exception=exception)
    found = result.result
    if "details" in found:
        return replace(
            outcome,
            unexpected=found["observed_value"],
            samples=tuple(found["details"]["unexpected_rows"]),
        )
    if "unexpected_count" not in found:
        # An expectation about a whole column.
        observed = {"observed": _tell(found["observed_value"])}
        return replace(outcome, unexpected=1, samples=(observed,))
    # For several columns the library returns the values, but not their rows.
    rows = found.get("partial_unexpected_index_list") or [
        value if isinstance(value, dict) else {"value": value}
        for value in found["partial_unexpected_list"]
    ]
    return replace(
        outcome,
        unexpected=found["unexpected_count"],
        samples=tuple({name: _tell(value) for name, value in row.items()} for row in rows),
    )


def _tell(value: object) -> str | None:
    if isinstance(value, Decimal):
        # All digits, without an exponent.
        return f"{value:f}"
    return None if value is None else str(value)


def _find_exception(result: ExpectationValidationResult) -> str | None:
    """The first exception of a result in one line; None without one."""
    info = result.exception_info or {}
    # When metrics failed, there is one entry per metric.
    every = [info] if "raised_exception" in info else list(info.values())
    for one in every:
        if one.get("raised_exception"):
            return " ".join(str(one.get("exception_message")).split())
    return None
