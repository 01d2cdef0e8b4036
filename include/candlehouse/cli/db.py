"""Commands `db ...` and `migrate`."""

from __future__ import annotations

import click

from candlehouse.cli.common import Output, output_options
from candlehouse.core.errors import ConfigurationError
from candlehouse.settings import Settings, load_settings
from candlehouse.storage import embedded
from candlehouse.storage.database.database_url import parse_database_url
from candlehouse.storage.schema.migrate import migrate as run_migrations
from candlehouse.storage.warehouse import find_owner_url


@click.group()
def db() -> None:
    """The embedded database server."""


@db.command()
@output_options
def start(out: Output) -> None:
    """Start the server, unless it is running already."""
    server = embedded.start(_embedded_settings())
    verb = "started" if server.started else "already running"
    out.result(_describe(server), f"{verb} on 127.0.0.1:{server.port} (process {server.pid})")


@db.command()
@output_options
def stop(out: Output) -> None:
    """Stop the server; its data stays."""
    stopped = embedded.stop(_embedded_settings())
    out.result({"stopped": stopped}, "stopped" if stopped else "was not running")


@db.command()
@output_options
@click.pass_context
def status(ctx: click.Context, out: Output) -> None:
    """Show whether the server runs; exits 1 if it does not."""
    server = embedded.status(_embedded_settings())
    if server is None:
        out.result({"running": False}, "not running")
        ctx.exit(1)
    extension = f"TimescaleDB {server.timescaledb}" if server.timescaledb else "no TimescaleDB"
    text = f"running on 127.0.0.1:{server.port} (process {server.pid}, {extension})"
    out.result(_describe(server), text)


@db.command()
@click.option("--role", default="owner", show_default=True, help="owner, analyst or airflow.")
@output_options
def url(role: str, out: Output) -> None:
    """Print the URL to connect with, and nothing else."""
    settings = load_settings()
    if settings.database_url is None:
        text = embedded.url(settings, role)
    elif role == "owner":
        parsed = parse_database_url(settings.database_url)
        text = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    else:
        raise ConfigurationError(
            f"CANDLEHOUSE_DATABASE_URL names another server: its URL for {role} is not known here"
        )
    out.result({"url": text, "role": role}, text)


@click.command()
@output_options
def migrate(out: Output) -> None:
    """Bring the schema up to date; safe to run again."""
    ran = run_migrations(find_owner_url(load_settings()))
    out.result({"migrations": ran}, "\n".join(ran) or "up to date")


def _embedded_settings() -> Settings:
    settings = load_settings()
    if settings.database_url is not None:
        raise ConfigurationError(
            "CANDLEHOUSE_DATABASE_URL names another server: there is no embedded one to manage"
        )
    return settings


def _describe(server: embedded.Server) -> dict[str, object]:
    return {
        "running": True,
        "started": server.started,
        "pid": server.pid,
        "port": server.port,
        "timescaledb": server.timescaledb,
    }
