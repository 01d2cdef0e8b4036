"""The whole schema as one file to read, `schema.sql`, out of the catalog of a migrated database.

`make schema` writes it: `python -m support.schema_file`. It has no part in migrating.
"""

from __future__ import annotations

import os
import re
import subprocess
from tempfile import TemporaryDirectory

from psycopg2.extensions import parse_dsn

from candlehouse.settings import load_settings
from candlehouse.storage import embedded
from candlehouse.storage.schema.migrate import SCHEMA, migrate

SCHEMA_FILE = SCHEMA / "schema.sql"
_HEADER = """\
-- The schema as all migrations leave it, to be read; `make schema` writes it, nothing runs it.
-- Tables candles_* are partitioned by open_time: in native partitions of a year, which are in
-- the schema market_partitions, or with TimescaleDB as hypertables.

"""
# Settings of the session, the titles that pg_dump gives to each statement, versions, and the
# random key of a dump.
_NOISE = re.compile(
    r"^(?:SET [a-z_]+ = [^\n]*;|SELECT pg_catalog\.set_config\([^\n]*|\\(?:un)?restrict [^\n]*"
    r"|--|-- (?:Name: |PostgreSQL database dump|Dumped )[^\n]*)\n",
    re.MULTILINE,
)
_PARTITIONED = re.compile(r"^\)\nPARTITION BY RANGE \(open_time\);$", re.MULTILINE)
_BLANK = re.compile(r"\n{3,}")
_BETWEEN_LINES = re.compile(r"^((?:COMMENT ON|GRANT) .*;\n)\n(?=COMMENT ON|GRANT)", re.MULTILINE)


def dump_schema(url: str) -> str:
    """The schema `market` of a database as statements, the same on every kind of warehouse.

    Owners, partitions and chunks are left out.

    Args:
        url: libpq URL of a role that may read the whole schema.
    """
    place = parse_dsn(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    command = [embedded.find_installation().program("pg_dump"), "--schema-only", "--no-owner"]
    finished = subprocess.run(
        [*command, "--schema=market", "--dbname", place["dbname"]],
        env=os.environ | {variable: place[name] for name, variable in names.items()},
        capture_output=True,
        check=True,
        text=True,
    )
    return _normalise(finished.stdout)


def _normalise(dump: str) -> str:
    kept = _PARTITIONED.sub(");", _NOISE.sub("", dump))
    spaced = _BLANK.sub("\n\n", kept)
    return _HEADER + _BETWEEN_LINES.sub(r"\1", spaced).strip() + "\n"


def main() -> None:
    """Writes the file from an empty database of a server that is gone afterwards."""
    with TemporaryDirectory(prefix="candlehouse-schema-") as home:
        settings = load_settings({"CANDLEHOUSE_HOME": home, "CANDLEHOUSE_TIMESCALEDB": "off"})
        server = embedded.start(settings, extra={"fsync": "off"}, tied=True)
        try:
            migrate(server.url("owner"))
            SCHEMA_FILE.write_text(dump_schema(server.url("owner")), encoding="utf-8")
        finally:
            embedded.stop(settings)


if __name__ == "__main__":
    main()
