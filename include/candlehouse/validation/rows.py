"""The expectation for our own queries. It imports Great Expectations, so import it late."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)

_TABLE = "unexpected_rows_query.table"
# The number of rows and the first of them, with every value as text, so that neither the driver
# nor the library rounds a number.
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


# The library prints a warning about a query that does not refer to its batch. Checks of prepared
# tables do not need the batch; asking whether it has a row costs nothing.
_NAMING_BATCH = "SELECT q.* FROM ({query}) AS q WHERE EXISTS (SELECT FROM {batch} AS any_row)"


def count_and_sample_rows(query: str, samples: int) -> str:
    """A query for the number of rows that `query` finds, and the first `samples` rows as text."""
    if "{batch}" not in query:
        query = _NAMING_BATCH.replace("{query}", query)
    return _WRAPPER.replace("{query}", query).replace("{samples}", str(samples))


class ExpectNoRows(UnexpectedRowsExpectation):
    """Expects that a query finds no rows. The query runs only once, which also counts the rows."""

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
