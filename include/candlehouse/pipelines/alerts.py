"""Looks whether all is well, and keeps on record what is not."""

from __future__ import annotations

import logging

from candlehouse.core.alerts import Change, Thresholds, decide_all
from candlehouse.storage.completeness.loads import look_at_loads
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
    """Looks how far loads are, measures everything, and raises and clears alerts by it.

    Each is logged once when it is raised (WARNING) and once when it is cleared (INFO).

    Returns:
        What is open now, in order of name and subject.
    """
    with warehouse.write() as connection:
        look_at_loads(connection)
    with warehouse.write() as connection:
        lock_alerts(connection)
        known = [alert.key for alert in select_open(connection)]
        decisions = decide_all(thresholds, measure(connection), known)
        apply_decisions(connection, decisions)
        found = select_open(connection)
    for decision in decisions:
        name = f"{decision.key.metric.value} of {decision.key.subject}"
        if decision.change is Change.RAISED:
            _log.warning("alert: %s: %s", decision.key.metric.value, decision.message)
        elif decision.change is Change.CLEARED:
            _log.info("cleared: %s: %s", name, decision.message)
    return found
