"""What tests of commands share."""

from __future__ import annotations

import pytest

from candlehouse.cli import main
from support.servers.commands import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command; its exit code, output and remarks."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
