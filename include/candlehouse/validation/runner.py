"""Runs suites with the validation library on the server, a batch at a time.

The library is imported when a runner is opened, for it takes seconds and 250 MB. It keeps
no files, sends nothing to anybody, and sees of the data only what failed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, text

from candlehouse.core.validation import Outcome
from candlehouse.storage.queries import load_queries
from candlehouse.validation.constants import write_constants
from candlehouse.validation.suites import Check, Suite

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource
    from great_expectations.expectations.expectation import Expectation

# Rows that are kept of what failed.
SAMPLES = 5
_SQL = load_queries("expectations")
_ONLY_WHETHER = {"result_format": "BOOLEAN_ONLY"}
_NAME = "check"
# The batch whose rows are in a timeframe's own table.
_CANDLES = "candles"


@contextmanager
def open_runner(engine: Engine) -> Iterator[Runner]:
    """A runner over the database of an engine; it has a connection of its own.

    Args:
        engine: of the warehouse.
    """
    # Read when the library is imported.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    url = engine.url.update_query_dict({"options": "-c timezone=UTC"})
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=url.render_as_string(hide_password=False)
    )
    try:
        yield Runner(gx, source, engine)
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


class Runner:
    """Evaluates suites; see `open_runner`."""

    def __init__(self, gx: ModuleType, source: PostgresDatasource, engine: Engine) -> None:
        self._gx = gx
        self._source = source
        self._engine = engine
        self._numbers = itertools.count()

    def run(self, suite: Suite, values: Mapping[str, object]) -> list[Outcome]:
        """What becomes of each check, in their order.

        Args:
            suite: to be evaluated.
            values: of the parameters of its blocks, by name.

        Raises:
            DatabaseUnavailable: when the server is out of reach.
        """
        bound = {**values, **suite.values}
        query = write_constants(_block(suite.batch, suite), bound)
        with self._engine.connect() as connection:
            checked = connection.execute(
                text(f"SELECT count(*) FROM ({query}) AS batch")
            ).scalar_one()
        name = f"{suite.name} {next(self._numbers)}"
        batch = (
            self._source.add_query_asset(name, query)
            .add_batch_definition_whole_table(name)
            .get_batch()
        )
        try:
            return self._evaluate(suite, bound, batch, checked)
        finally:
            # The library would keep every batch of the run.
            self._source.delete_asset(name)
            manager = self._source.get_execution_engine().batch_manager
            manager.reset_batch_cache()
            manager.batch_data_cache.clear()

    def _evaluate(
        self, suite: Suite, values: Mapping[str, object], batch: Batch, checked: int
    ) -> list[Outcome]:
        made = {check.name: self._make(check, suite, values) for check in suite.checks}
        # Whether is all that most have to say, and the library asks it of many at once.
        failed = {
            name: result
            for name, result in self._validate(batch, list(made.values()), _ONLY_WHETHER).items()
            if not result.success
        }
        outcomes = []
        for check in suite.checks:
            outcome = Outcome(suite.name, suite.timeframe, check.name, check.severity, checked)
            if check.name in failed:
                result = failed[check.name]
                if _find_exception(result) is None:
                    result = self._validate(batch, [made[check.name]], _which(suite))[check.name]
                outcome = _explain(outcome, result)
            outcomes.append(outcome)
        return outcomes

    def _make(self, check: Check, suite: Suite, values: Mapping[str, object]) -> Expectation:
        common: dict[str, Any] = {
            "description": check.name,
            "meta": {_NAME: check.name},
            "severity": check.severity.value,
        }
        if check.expectation is not None:
            kind = getattr(self._gx.expectations, check.expectation)
            made: Expectation = kind(**check.arguments, **common)
            return made
        from candlehouse.validation.rows import ExpectNoRows, tell_rows

        query = write_constants(_SQL.sql(check.query, check.query_timeframe), values)
        return ExpectNoRows(unexpected_rows_query=tell_rows(query, SAMPLES), **common)

    def _validate(
        self, batch: Batch, expectations: Sequence[Expectation], result_format: dict[str, Any]
    ) -> dict[str, ExpectationValidationResult]:
        """Results by the name of their check: the library gives them in another order."""
        suite = self._gx.ExpectationSuite(name="suite", expectations=list(expectations))
        results = batch.validate(suite, result_format=result_format).results
        return {result.expectation_config.meta[_NAME]: result for result in results}


def _block(name: str, suite: Suite) -> str:
    timed = suite.timeframe if name == _CANDLES else None
    return _SQL.sql(name, timed)


def _which(suite: Suite) -> dict[str, Any]:
    return {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLES,
        "unexpected_index_column_names": list(suite.key),
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
    rows = found["partial_unexpected_index_list"]
    return replace(
        outcome,
        unexpected=found["unexpected_count"],
        samples=tuple({name: _tell(value) for name, value in row.items()} for row in rows),
    )


def _tell(value: object) -> str | None:
    return None if value is None else str(value)


def _find_exception(result: ExpectationValidationResult) -> str | None:
    """The first thing that went wrong, in one line; None when nothing did."""
    info = result.exception_info or {}
    # Of a metric that failed there is one such a metric.
    every = [info] if "raised_exception" in info else list(info.values())
    for one in every:
        if one.get("raised_exception"):
            return " ".join(str(one.get("exception_message")).split())
    return None
