"""PgBouncer in front of a test's database, as Debian packages it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url

_START_S = 20.0


@contextmanager
def pooled(url: str, pool_mode: str, **options: object) -> Iterator[str]:
    """The URL of a pooler before the database of `url`; skips the test where there is none.

    Args:
        url: of the database itself.
        pool_mode: `session`, `transaction` or `statement`.
        options: further ones of its configuration file.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    behind = make_url(url)
    port = _find_port()
    with TemporaryDirectory(prefix="candlehouse-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder, "pgbouncer.ini")
        file.write_text(
            "[databases]\n"
            f"{behind.database} = host={behind.host} port={behind.port}"
            f" user={behind.username} password={behind.password}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {pool_mode}\n"
            + "".join(f"{name} = {value}\n" for name, value in options.items())
        )
        # It does not run as root.
        account = {"user": "nobody"} if os.getuid() == 0 else {}
        process = subprocess.Popen(
            [program, "--quiet", str(file)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account,
        )  # fmt: skip
        try:
            _await_port(port, process)
            pooler = behind.set(host="127.0.0.1", port=port, username="anybody", password=None)
            yield pooler.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(10)


def _find_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"pgbouncer does not listen on port {port}")
