"""The `.env` file of the working directory, merged into the environment."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from dotenv.parser import parse_stream

from candlehouse.core.errors import ConfigurationError


def read_env_file(path: Path) -> dict[str, str]:
    """Variables of an env file in its order; empty when the file does not exist.

    Values are taken literally, without expansion of `$`.

    Raises:
        ConfigurationError: for the first line that is not NAME=value, or an unreadable file.
    """
    values: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8") as file:
            for binding in parse_stream(file):
                if binding.error or (binding.key is not None and binding.value is None):
                    line = binding.original.string.strip().partition("=")[0][:60]
                    raise ConfigurationError(
                        f"{path} line {binding.original.line}: {line!r} is not NAME=value"
                    )
                if binding.key is not None and binding.value is not None:
                    values[binding.key] = binding.value
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return values


def load_env_file(
    path: Path = Path(".env"), environ: MutableMapping[str, str] | None = None
) -> None:
    """Adds the variables of an env file to the environment, which takes precedence.

    Args:
        path: of the file; it may be missing.
        environ: the environment to change, None for that of the process.

    Raises:
        ConfigurationError: as `read_env_file`.
    """
    target = os.environ if environ is None else environ
    for name, value in read_env_file(path).items():
        target.setdefault(name, value)
