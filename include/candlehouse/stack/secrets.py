"""Keys and the web password: made once, readable by their owner only."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from candlehouse.core.errors import ConfigurationError
from candlehouse.storage.embedded.bootstrap import write_secret

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What Airflow needs to stay the same from run to run.

    Attributes:
        fernet_key: encrypts connections in the metadata database.
        jwt_secret: signs the tokens of people and tasks.
        api_secret_key: signs web sessions.
        admin_password: of the web user `admin`.
    """

    fernet_key: str
    jwt_secret: str
    api_secret_key: str
    admin_password: str


def ensure_secrets(path: Path) -> Secrets:
    """Reads the file, making it first if there is none.

    Raises:
        ConfigurationError: when it is damaged: made anew, stored connections would be lost.
    """
    if not path.exists():
        made = Secrets(
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_urlsafe(48),
            api_secret_key=secrets.token_urlsafe(48),
            admin_password=secrets.token_urlsafe(12),
        )
        write_secret(path, json.dumps(asdict(made), indent=2))
    try:
        return Secrets(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"{path} is damaged: delete it for new keys (stored connections are lost)"
        ) from None


def write_login(path: Path, password: str) -> None:
    """Writes the file in which Airflow's login looks passwords up."""
    write_secret(path, json.dumps({ADMIN: password}))
