from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from candlehouse.stack.airflow import make_parts, prepare_command, warm_up


def test_scheduler_is_started_after_all_that_its_tasks_need() -> None:
    parts = make_parts({"A": "1"})
    names = [part.name for part in parts]
    assert names == ["api-server", "dag-processor", "scheduler", "triggerer"]
    assert prepare_command(Path("pools.json"))[-1] == "pools.json"


def test_interface_of_tasks_is_asked_for_before_the_first_task_does() -> None:
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.handle_request, daemon=True).start()
        warm_up(server.server_port)
    assert asked == ["/execution/health"]
    # Nobody there: it is left to the first task.
    warm_up(server.server_port)
