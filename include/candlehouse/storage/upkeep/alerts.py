"""Measurements for alerts, and the table of alerts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from candlehouse.core.alerts import AlertKey, Change, Decision, Measurement, Metric
from candlehouse.storage.database.queries import load_queries

_SQL = load_queries(__file__)
_STATEMENTS = {
    Change.RAISED: "raise_alert",
    Change.STILL_RAISED: "update_alert",
    Change.CLEARED: "clear_alert",
}
# Key of an advisory lock; unique within the warehouse.
_LOCK_KEY = 7_265_007


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that was raised and is not cleared; times are wall time.

    Attributes:
        raised_value: the value that raised it: percent, seconds or a count, depending on the
            metric. None for an alert that was raised by an earlier version.
        raised_message: that value in words.
        value: as last measured.
        message: the last value in words.
        notified_at: when a notification was sent, None before.
    """

    alert_id: int
    name: str
    subject: str
    raised_at: datetime
    raised_value: float | None
    raised_message: str
    last_seen_at: datetime
    value: float
    threshold: float
    message: str
    notified_at: datetime | None

    @property
    def key(self) -> AlertKey:
        """Metric and subject of the alert."""
        return AlertKey(Metric(self.name), self.subject)


def lock_alerts(connection: Connection) -> None:
    """Makes this transaction the only one that evaluates alerts until it ends."""
    connection.execute(_SQL("lock_alerts"), {"lock_key": _LOCK_KEY})


def measure(connection: Connection) -> list[Measurement]:
    """The current measurements of all metrics; at most one per key."""
    found = [
        Measurement(
            AlertKey(Metric.COMPLETENESS, row.timeframe),
            row.percent,
            f"most pending in {row.worst}: {row.worst_pending}" if row.worst_pending else "",
        )
        for row in connection.execute(_SQL("measure_completeness"))
    ]
    found += [
        Measurement(AlertKey(Metric.FRESHNESS, row.timeframe), row.overdue_s, row.worst)
        for row in connection.execute(_SQL("measure_freshness"))
    ]
    found += [
        Measurement(AlertKey(Metric.LOADING, row.timeframe), row.still_s, row.detail)
        for row in connection.execute(_SQL("measure_loading"))
    ]
    found += [
        Measurement(AlertKey(Metric.ERROR_RATE, row.subject), row.percent, row.detail or "")
        for row in connection.execute(_SQL("measure_errors"))
    ]
    found += [
        Measurement(AlertKey(Metric.WEIGHT, "exchange"), row.percent)
        for row in connection.execute(_SQL("measure_weight"))
    ]
    found += [
        Measurement(AlertKey(Metric.CORRECTIONS, "candles"), float(row.candles))
        for row in connection.execute(_SQL("measure_corrections"))
    ]
    found += [
        Measurement(AlertKey(Metric.UNIVERSE, "snapshot"), row.percent, row.reason)
        for row in connection.execute(_SQL("measure_universe"))
    ]
    return found


def select_open(connection: Connection) -> list[OpenAlert]:
    """The alerts that are raised and not cleared, in order of name and subject."""
    rows = connection.execute(_SQL("select_open")).mappings()
    return [OpenAlert(**row) for row in rows]


def apply_decisions(connection: Connection, decisions: Collection[Decision]) -> None:
    """Stores decisions; the caller holds `lock_alerts` and ends the transaction."""
    for decision in decisions:
        measured = decision.measurement
        values = {
            "name": decision.key.metric.value,
            "subject": decision.key.subject,
            "value": None if measured is None else measured.value,
            "threshold": decision.threshold,
            "message": decision.message,
        }
        connection.execute(_SQL(_STATEMENTS[decision.change]), values)


def mark_notified(connection: Connection, alerts: Sequence[OpenAlert]) -> None:
    """Records that a notification about these alerts was sent."""
    connection.execute(_SQL("mark_notified"), {"alert_ids": [one.alert_id for one in alerts]})
