"""Environments of their own for peers that the project itself does not depend on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_INSTALL_S = 600


class NotInstalled(Exception):
    """A peer cannot be had here; the text says why."""


def ensure_environment(folder: Path, requirement: str) -> str:
    """The interpreter of an environment that has `requirement`, made if it is missing.

    Raises:
        NotInstalled: when it cannot be made.
    """
    home = folder / requirement.replace("==", "-")
    python, done = home / "bin" / "python", home / "installed"
    if not done.exists():
        pip = [str(python), "-m", "pip", "install", "--quiet", requirement]
        for command in ([sys.executable, "-m", "venv", "--clear", str(home)], pip):
            _run(command)
        done.touch()
    return str(python)


def _run(command: list[str]) -> None:
    # What the benchmark itself imports is not the peer's.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_INSTALL_S, env=environ
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NotInstalled(reason[0]) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from None
