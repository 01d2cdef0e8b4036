import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg2
import pytest

from candlehouse.core.errors import ConfigurationError, StorageError
from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.embedded.places import Places


@pytest.fixture
def settings(server_home: Path) -> Iterator[Settings]:
    settings = load_settings({"CANDLEHOUSE_HOME": str(server_home)})
    yield settings
    embedded.stop(settings)


def ask(url: str, statement: str) -> object:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        return row[0] if row else None


def test_start_from_nothing_gives_databases_and_roles_and_keeps_port_and_data(
    settings: Settings,
) -> None:
    server = embedded.start(settings, tied=True)

    assert server.started
    assert ask(server.url("owner"), "SELECT current_user || '@' || current_database()") == (
        "candlehouse@candlehouse"
    )
    assert ask(server.url("airflow"), "SELECT current_user || '@' || current_database()") == (
        "airflow@airflow"
    )
    for name in ("candlehouse", "airflow", "analyst"):
        role = (
            f"SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname='{name}'"
        )
        assert ask(server.url("owner"), role) is False
    assert ask(server.url("owner"), "SHOW synchronous_commit") == "on"
    installed = embedded.find_installation().timescaledb
    extension = "SELECT max(extversion) FROM pg_extension WHERE extname = 'timescaledb'"
    assert ask(server.url("owner"), extension) == installed
    passwords = server.places.passwords
    assert passwords.stat().st_mode & 0o777 == 0o600

    again = embedded.start(settings, tied=True)
    assert (again.pid, again.port, again.started) == (server.pid, server.port, False)

    assert embedded.stop(settings)
    assert not embedded.stop(settings)
    assert embedded.status(settings) is None
    with pytest.raises(psycopg2.OperationalError):
        ask(server.url("owner"), "SELECT 1")
    # Without its password file the server makes new ones instead of locking everybody out.
    passwords.unlink()
    begun = time.monotonic()
    revived = embedded.start(settings, tied=True)
    assert time.monotonic() - begun < 3
    assert revived.port == server.port
    assert ask(revived.url("analyst"), "SELECT current_user") == "analyst"


def test_each_role_can_do_no_more_than_its_own(settings: Settings) -> None:
    server = embedded.start(settings, tied=True)
    dsn = psycopg2.extensions.parse_dsn(server.url("owner"))

    for wrong in (
        {"password": "x"},
        {"user": "postgres"},
        {"user": "analyst", "dbname": "airflow"},
    ):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(**{**dsn, **wrong})
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        ask(server.url("airflow", database="candlehouse"), "SELECT 1")
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        ask(server.url("analyst"), "CREATE TABLE t (x int)")
    assert ask(server.url("analyst"), "SHOW statement_timeout") == "1min"
    for limit in ("SET temp_file_limit = -1", "ALTER ROLE analyst CONNECTION LIMIT -1"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(server.url("analyst"), f"SET TRANSACTION READ WRITE; {limit}")
    connections = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'analyst'"
    assert (
        ask(
            server.url("analyst"),
            f"SET TRANSACTION READ WRITE; ALTER ROLE analyst RESET ALL; {connections}",
        )
        == 20
    )
    assert ask(server.url("analyst"), "SHOW temp_file_limit") == "2GB"
    for harm in ("lo_create(0)", "lo_from_bytea(0, 'x')", "pg_advisory_lock_shared(1)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(server.url("analyst"), f"SET TRANSACTION READ WRITE; SELECT {harm}")
    assert ask(server.url("owner"), "SELECT pg_try_advisory_xact_lock(1)") is True
    assert ask(server.url("analyst"), "SELECT pg_has_role('market_reader', 'MEMBER')") is True
    assert ask(server.url("owner"), "SHOW listen_addresses") == "127.0.0.1"
    hba = "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'"
    places = server.places
    with (
        embedded.superuser(places.sockets, server.port) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(hba)
        assert cursor.fetchone() == (0,)


def test_concurrent_starts_start_one_server(settings: Settings) -> None:
    program = (
        "import sys; from candlehouse.settings import load_settings;"
        "from candlehouse.storage import embedded;"
        "print(embedded.start(load_settings({'CANDLEHOUSE_HOME': sys.argv[1]})).pid)"
    )

    def run(_: int) -> str:
        command = [sys.executable, "-W", "error", "-c", program, str(settings.home)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        return result.stdout.strip()

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(run, range(3)))) == 1


def test_start_after_kill_9_recovers_and_takes_no_stranger_for_the_server(
    settings: Settings,
) -> None:
    server = embedded.start(settings, tied=True)
    pid_file = server.places.data / "postmaster.pid"
    with closing(psycopg2.connect(server.url())) as connection:
        connection.cursor().execute("CREATE TABLE kept AS SELECT 7 AS x")
        connection.commit()
    os.kill(server.pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    assert embedded.status(settings) is None
    # As after a reboot: the id in the file belongs to somebody else by now, here to us.
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert embedded.status(settings) is None

    revived = embedded.start(settings, tied=True)

    assert psutil.pid_exists(os.getpid())
    assert ask(revived.url(), "SELECT x FROM kept") == 7


def test_tied_server_ends_with_a_process_that_is_killed(settings: Settings) -> None:
    program = (
        "import sys, time; from candlehouse.settings import load_settings;"
        "from candlehouse.storage import embedded;"
        "s = embedded.start(load_settings({'CANDLEHOUSE_HOME': sys.argv[1]}), tied=True);"
        "print(s.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(settings.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert embedded.status(settings) is not None
        parent.kill()
    deadline = time.monotonic() + 15
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


def test_port_taken_by_another_program_gives_another_port(settings: Settings) -> None:
    places = Places(settings.home / "postgres")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        places.folder.mkdir(parents=True)
        places.write_port(taken)
        server = embedded.start(settings, tied=True)
    assert server.port != taken
    assert places.read_port() == server.port


def test_long_home_path_still_has_a_socket(settings: Settings) -> None:
    deep = replace(settings, home=settings.home / ("long" * 25))
    server = embedded.start(deep, tied=True)
    try:
        assert len(str(server.places.sockets)) < 60
        assert ask(server.url(), "SELECT 1") == 1
    finally:
        embedded.stop(deep)
        server.places.sockets.rmdir()


def test_what_cannot_work_is_said_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(settings.home / "postgres")
    with pytest.raises(StorageError, match="never started"):
        embedded.url(settings)
    places.data.mkdir(parents=True)
    (places.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StorageError, match=r"made by PostgreSQL 15, this is 18"):
        embedded.start(settings, tied=True)
    (places.data / "PG_VERSION").unlink()
    (places.data / "stray").touch()
    with pytest.raises(StorageError, match="contains files, but no database"):
        embedded.start(settings, tied=True)
    (places.data / "stray").unlink()
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
        with pytest.raises(StorageError, match="only 1 MB are free"):
            embedded.start(settings, tied=True)
    blocked = replace(settings, home=Path("/dev/null/home"))
    with pytest.raises(StorageError, match=r"/dev/null/home/postgres cannot be used: Not a dir"):
        embedded.start(blocked)
    with pytest.raises(ConfigurationError, match="unknown role 'boss': one of owner, airflow"):
        embedded.url(settings, "boss")
    assert embedded.stop(replace(settings, home=Path("/nowhere"))) is False


def test_server_that_does_not_come_up_says_its_own_reason(settings: Settings) -> None:
    with pytest.raises(StorageError, match=r"does not start: configuration file .* errors"):
        embedded.start(settings, extra={"nosuch": "1"})
    assert embedded.status(settings) is None


@pytest.mark.parametrize("timescale", [False, True], ids=["plain", "timescale"])
def test_clones_of_a_database_are_independent(
    empty_database: Callable[..., str], timescale: bool
) -> None:
    first, second = (empty_database(timescale=timescale) for _ in range(2))
    ask(first, "CREATE TABLE t (at timestamptz NOT NULL); SELECT 1")
    assert first != second
    assert ask(second, "SELECT to_regclass('t')") is None
    count = "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"
    assert ask(first, count) == int(timescale)
