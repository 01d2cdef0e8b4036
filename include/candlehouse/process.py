"""Child processes that end with the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: loading a library between fork and exec may deadlock.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def dying_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that makes the kernel end the child when its parent ends (PR_SET_PDEATHSIG).

    Linux only, elsewhere it does nothing. The kernel ties the signal to the thread that forks, so
    fork from a thread that lives as long as the process.

    Args:
        death_signal: sent to the child when the parent is gone, even after kill -9.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        # The parent may have died before the call, and then no signal would be sent.
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Makes the kernel end this process when its parent ends, kill -9 included.

    Linux only, elsewhere it does nothing.
    """
    parent = os.getppid()
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    # The parent may have died before the call, and then no signal would be sent.
    if os.getppid() != parent:
        os.kill(os.getpid(), death_signal)


def find_process(pid: int) -> psutil.Process | None:
    """The living process with this id; None if no process has it, or only a zombie."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def reap(pid: int) -> None:
    """Reaps a child that has ended; does nothing for any other process."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
