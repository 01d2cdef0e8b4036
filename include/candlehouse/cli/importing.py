"""Command `import`: stores candles from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from candlehouse.cli.common import Output, output_options
from candlehouse.core.errors import NothingImported, UnclearName, UnreadableFile
from candlehouse.core.importing.file_names import is_candle_file, series_of_file
from candlehouse.core.model import Series, Source
from candlehouse.core.parsing import parse_symbols
from candlehouse.core.timeframe import Timeframe, parse_timeframe
from candlehouse.exchange.venue import VENUE
from candlehouse.pipelines.importing import CandleFile, Conflict, ImportReport, import_files
from candlehouse.settings import load_settings
from candlehouse.storage.warehouse import open_warehouse

# Imported candles may count as fetched over REST or as published by the exchange.
_SOURCES = (Source.REST.value, Source.ARCHIVE.value)


@click.command("import")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE...",
)
@click.option("--symbol", help="Symbol of all files; default: from their names.")
@click.option(
    "--timeframe",
    type=click.Choice([timeframe.value for timeframe in Timeframe]),
    help="Timeframe of all files; default: from their names.",
)
@click.option(
    "--source",
    type=click.Choice(_SOURCES),
    default=Source.REST.value,
    show_default=True,
    help="Source that the candles count as where stored ones differ.",
)
@output_options
def import_(
    paths: tuple[Path, ...],
    symbol: str | None,
    timeframe: str | None,
    source: str,
    out: Output,
) -> None:
    """Import candles from files, or from folders of them.

    Files are CSV (.csv, .csv.gz, or a zip with one CSV), JSON (.json, .json.gz) or Parquet.
    They have the twelve columns of the exchange, or time, open, high, low, close, volume and
    any of the others. The series follows from names such as BTCUSDT_1h.csv or
    BTCUSDT-1h-2024-01.zip, or from a folder such as BTCUSDT/1h with files named by dates.

    Exits 1 when nothing was stored, unless all candles were stored before with the same values.
    """
    files = _find_files(paths, _parse_symbol(symbol), timeframe, out)
    with open_warehouse(load_settings()) as warehouse:
        report = import_files(warehouse, files, Source(source), warehouse.settings.close_grace)
    _show(report, out)
    _require_stored(report)


def _parse_symbol(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        (symbol,) = parse_symbols(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not one symbol such as BTCUSDT") from None
    return symbol


def _find_files(
    paths: Sequence[Path], symbol: str | None, timeframe: str | None, out: Output
) -> list[CandleFile]:
    files: list[CandleFile] = []
    for path in paths:
        for found in _walk(path):
            try:
                files.append(CandleFile(found, _series_of(found, symbol, timeframe)))
            except UnreadableFile as error:
                if not path.is_dir():
                    raise click.UsageError(f"{error}{_advise(error)}") from None
                out.remark(f"left out: {error}")
    if not files:
        raise click.UsageError("there are no files of candles")
    return files


def _advise(error: UnreadableFile) -> str:
    return "; give --symbol and --timeframe" if isinstance(error, UnclearName) else ""


def _walk(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(
        found for found in path.rglob("*") if is_candle_file(found) and found.is_file()
    )


def _series_of(path: Path, symbol: str | None, timeframe: str | None) -> Series:
    if symbol is not None and timeframe is not None:
        return Series(symbol, parse_timeframe(timeframe))
    named = series_of_file(path.resolve(), VENUE.file_names)
    return Series(
        named.symbol if symbol is None else symbol,
        named.timeframe if timeframe is None else parse_timeframe(timeframe),
    )


def _show(report: ImportReport, out: Output) -> None:
    written, verdicts = report.written, report.judged.verdicts
    equal = sum(written.equal.values())
    missing = {v.value: slots for v, slots in sorted(verdicts.items(), key=str) if slots}
    value = {
        "files": report.files,
        "inserted": written.inserted,
        "corrected": written.corrected,
        "equal": equal,
        "refused": written.refused,
        "quarantined": written.quarantined,
        "missing": missing,
        "columns_left_out": dict(report.left_out),
        "conflicts": [_conflict(one) for one in report.conflicts],
    }
    lines = [
        f"{report.files:,} files: {written.inserted:,} candles inserted,"
        f" {written.corrected:,} corrected, {equal:,} stored before, {written.refused:,} refused,"
        f" {written.quarantined:,} quarantined"
    ]
    if missing:
        counts = ", ".join(f"{slots:,} {verdict}" for verdict, slots in missing.items())
        lines[0] += f"; missing of these series: {counts}"
    if report.left_out:
        names = ", ".join(f"{name} ({files:,} files)" for name, files in report.left_out.items())
        lines.append(f"columns that are not stored: {names}")
    out.result(value, "\n".join([*lines, *map(str, report.conflicts)]))


def _require_stored(report: ImportReport) -> None:
    """Checks that at least one candle of the files is stored now, with the file's values.

    Raises:
        NothingImported: with the reason, as far as it is known.
    """
    if not report.stored_nothing:
        return
    differing = sum(report.written.differing.values())
    why = [f"{differing:,} candles differ from what is stored"] if differing else []
    why += report.problems[:1]
    raise NothingImported("nothing was stored" + "".join(f"; {reason}" for reason in why))


def _conflict(one: Conflict) -> dict[str, object]:
    return {
        "series": str(one.series),
        "files": [str(one.earlier), str(one.later)],
        "candles": one.candles,
        "first": one.first.isoformat(),
    }
