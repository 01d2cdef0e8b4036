"""Evaluates the alert thresholds, and records which alerts are raised and cleared."""

from __future__ import annotations

import logging

from candlehouse.core.alerts import Change, Thresholds, decide_all
from candlehouse.storage.completeness.loads import update_loads
from candlehouse.storage.upkeep.alerts import (
    OpenAlert,
    apply_decisions,
    lock_alerts,
    measure,
    select_open,
)
from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


def evaluate_alerts(warehouse: Warehouse, thresholds: Thresholds) -> list[OpenAlert]:
    """Updates the record of loads, measures every metric, and raises and clears alerts.

    Each alert is logged once when it is raised (WARNING) and once when it is cleared (INFO).

    Args:
        warehouse: to read from and to write to.
        thresholds: limits of each metric, from the ALERT_ variables.

    Returns:
        Alerts that are open now, ordered by name and subject.
    """
    with warehouse.write() as connection:
        update_loads(connection)
    with warehouse.write() as connection:
        lock_alerts(connection)
        known = [alert.key for alert in select_open(connection)]
        decisions = decide_all(thresholds, measure(connection), known)
        apply_decisions(connection, decisions)
        found = select_open(connection)
    for decision in decisions:
        name = f"{decision.key.metric.value} of {decision.key.subject}"
        if decision.change is Change.RAISED:
            _log.warning("alert %s is raised: %s", decision.key.metric.value, decision.message)
        elif decision.change is Change.CLEARED:
            _log.info("alert %s is cleared: %s", name, decision.message)
    return found
