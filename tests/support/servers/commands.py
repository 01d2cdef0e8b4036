"""Commands run inside the test's own process."""

from collections.abc import Callable

# Given a command's arguments: its exit code, output and remarks.
Command = Callable[..., tuple[int, str, str]]
