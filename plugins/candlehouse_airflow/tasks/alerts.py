"""The task that evaluates alerts, and how new alerts are sent to a notifier."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, cast

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.bases.notifier import BaseNotifier

from candlehouse.core.errors import ConfigurationError
from candlehouse_airflow.dag_parts.forms import read_form
from candlehouse_airflow.runtime.failures import airflow_failures
from candlehouse_airflow.runtime.resources import load_task_settings, open_warehouse

if TYPE_CHECKING:
    from candlehouse.storage.upkeep.alerts import OpenAlert
    from candlehouse.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)


class LogNotifier(BaseNotifier):
    """Writes an alert to the task's log: the notifier when CANDLEHOUSE_NOTIFIER is empty.

    Args:
        message: text of the alert.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Context) -> None:
        """Logs the message as a warning."""
        _log.warning("%s", self.message)


Notifier = Callable[..., Callable[[Context], None]]


@task
def watch() -> None:
    """Evaluates every threshold, and sends alerts that were not sent yet to the notifier."""
    from candlehouse.pipelines.alerts import evaluate_alerts

    with airflow_failures():
        read_form(get_current_context())
        settings = load_task_settings()
        notifier = find_notifier(settings.notifier)
        with open_warehouse(settings) as warehouse:
            found = evaluate_alerts(warehouse, settings.alerts)
            _log.info("%s alerts are open", len(found))
            notify(warehouse, notifier, [one for one in found if one.notified_at is None])


def find_notifier(path: str) -> Notifier:
    """The notifier class at a dotted path; `LogNotifier` for an empty path.

    Raises:
        ConfigurationError: when there is no class at that path.
    """
    if not path:
        return LogNotifier
    module, _, name = path.rpartition(".")
    try:
        return cast("Notifier", getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"CANDLEHOUSE_NOTIFIER={path!r} is no class: {error}") from None


def notify(warehouse: Warehouse, notifier: Notifier, alerts: Sequence[OpenAlert]) -> None:
    """Calls the notifier once per alert, and records when.

    An alert whose notification fails is logged and left to the next run.
    """
    from candlehouse.storage.upkeep.alerts import mark_notified

    context = get_current_context()
    name = getattr(notifier, "__qualname__", type(notifier).__qualname__)
    for alert in alerts:
        try:
            notifier(message=f"candlehouse: {alert.name}: {alert.message}")(context)
        except Exception:
            # A notifier is foreign code: its failure must not fail the run.
            _log.exception("the notifier %s failed, the next run tries again", name)
            continue
        with warehouse.write() as connection:
            mark_notified(connection, [alert])
