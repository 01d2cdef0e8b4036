"""The expectation behind every query of ours. Imports the library: import it late."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)

_TABLE = "unexpected_rows_query.table"
# How many there are and what the first of them say, with every value as text: neither the
# driver nor the library may turn a number into one that is only close to it.
_WRAPPER = """
SELECT found.unexpected, told.sample
FROM (
    SELECT count(*) OVER () AS unexpected, unexpected_rows.*
    FROM ({query}) AS unexpected_rows
    LIMIT {samples}
) AS found
CROSS JOIN LATERAL (
    SELECT json_object_agg(item.key, item.value) AS sample
    FROM json_each_text(row_to_json(found)) AS item
    WHERE item.key <> 'unexpected'
) AS told
"""


# The library prints a complaint about a query that does not name its batch. Checks of what a
# preparation has taken from the batch need it no more; asking whether it has a row is free.
_NAMING_BATCH = "SELECT q.* FROM ({query}) AS q WHERE EXISTS (SELECT FROM {batch} AS any_row)"


def tell_rows(query: str, samples: int) -> str:
    """A query for how many rows another one finds, and for the first of them as text."""
    if "{batch}" not in query:
        query = _NAMING_BATCH.replace("{query}", query)
    return _WRAPPER.replace("{query}", query).replace("{samples}", str(samples))


class ExpectNoRows(UnexpectedRowsExpectation):
    """A query finds nothing. It runs once, and not a second time to count what it found."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_TABLE,)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        rows = metrics[_TABLE]
        return {
            "success": not rows,
            "result": {
                "observed_value": rows[0]["unexpected"] if rows else 0,
                "details": {"unexpected_rows": [row["sample"] for row in rows]},
            },
        }
