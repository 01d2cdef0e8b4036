"""HTTP for the archive: files, their checksums, and the bucket's listing."""

from collections.abc import Iterator
from functools import partial
from typing import get_args
from xml.sax.saxutils import escape

from aiohttp import web

from exchange_sim.archive.lookup import find_zip
from exchange_sim.archive.reply import Stored, stored_reply
from exchange_sim.archive_files.archive_names import (
    ROOT,
    ArchiveFile,
    Tree,
    files,
    folders,
    interval_of,
    parse_key,
)
from exchange_sim.archive_files.store import checksum_of, checksum_size, held_name
from exchange_sim.archive_files.sums import sums_of
from exchange_sim.error_replies import no_such_key, not_found
from exchange_sim.klines.intervals import moment
from exchange_sim.market.hashing import key_of
from exchange_sim.state import Exchange, exchange_of

_CHECKSUM = ".CHECKSUM"
_MOST_KEYS = 1000
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


async def archive_file(request: web.Request) -> web.Response:
    """Answer a zip or its checksum; 404 while it is not published."""
    path = request.path.lstrip("/")
    file = parse_key(path.removesuffix(_CHECKSUM))
    exchange = exchange_of(request)
    found = None if file is None else await find_zip(exchange, file)
    if file is None or found is None:
        return no_such_key()
    if path.endswith(_CHECKSUM):
        line = checksum_of(file, found.sums.sha256)
        stored = Stored(sums_of(line), file.published_ms, "text/plain", lambda: line)
    else:
        read = partial(found.read, exchange.archive)
        stored = Stored(found.sums, file.published_ms, "application/zip", read)
    return stored_reply(request, stored)


def _folder_keys(
    exchange: Exchange, tree: Tree, symbol: str, folder: str, prefix: str, now_ms: int
) -> Iterator[tuple[str, ArchiveFile]]:
    interval = interval_of(folder)
    life = exchange.market.life(symbol, interval)
    if life is None:
        return
    for file in files(tree, symbol, interval, life[0], now_ms):
        if file.start_ms >= life[1]:
            return
        for key in (file.key, file.key + _CHECKSUM):
            if key.startswith(prefix):
                yield key, file


def _entry(exchange: Exchange, key: str, file: ArchiveFile) -> str:
    """Return one ``Contents``.

    A file's size is known once it was made; until then 0 stands there, for making thousands
    of files to list them would take minutes. The ETag is opaque, as the protocol has it.
    """
    size = exchange.archive.size(held_name(exchange.market, file)) or 0
    if key.endswith(_CHECKSUM):
        size = checksum_size(file)
    at = moment(file.published_ms).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    tag = f"{key_of(exchange.market.market_id, key):032x}"
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{at}</LastModified>"
        f"<ETag>&quot;{tag}&quot;</ETag><Size>{size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


async def listing(request: web.Request) -> web.Response:
    """Answer a bucket listing with prefix, delimiter and marker, at most 1000 entries."""
    exchange = exchange_of(request)
    query = request.query
    if "prefix" not in query and "delimiter" not in query:
        return not_found()
    prefix, marker = query.get("prefix", ""), query.get("marker", "")
    delimiter = query.get("delimiter", "")
    most = query.get("max-keys", "")
    limit = min(int(most), _MOST_KEYS) if most.isascii() and most.isdigit() else _MOST_KEYS
    entries: list[tuple[str, str]] = []
    truncated = False
    for name, text in _entries(exchange, prefix, delimiter, marker):
        if len(entries) == limit:
            truncated = True
            break
        entries.append((name, text))
    following = f"<NextMarker>{escape(entries[-1][0])}</NextMarker>" if truncated else ""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{_NAMESPACE}">'
        f"<Name>data.binance.vision</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<Marker>{escape(marker)}</Marker>{following if delimiter else ''}"
        f"<MaxKeys>{limit}</MaxKeys><Delimiter>{escape(delimiter)}</Delimiter>"
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>"
        f"{''.join(text for _, text in entries)}</ListBucketResult>"
    )
    return web.Response(text=body, content_type="application/xml")


def _entries(
    exchange: Exchange, prefix: str, delimiter: str, marker: str
) -> Iterator[tuple[str, str]]:
    """Yield names after the marker with their XML: keys, or folders where the delimiter cuts."""
    previous = ""
    for path, file in _walk(exchange, prefix, delimiter, exchange.clock.now_ms()):
        cut = _cut(path, prefix, delimiter)
        name = path if cut is None else cut
        if name <= marker or name == previous:
            continue
        previous = name
        if cut is None and file is not None:
            yield name, _entry(exchange, path, file)
        else:
            yield name, f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"


def _cut(path: str, prefix: str, delimiter: str) -> str | None:
    """Return the folder that stands for a path in the listing, None if the path itself does."""
    at = path.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else path[: at + len(delimiter)]


def _walk(
    exchange: Exchange, prefix: str, delimiter: str, now_ms: int
) -> Iterator[tuple[str, ArchiveFile | None]]:
    """Yield paths that begin with a prefix, ascending; nothing below a folder that is cut."""
    symbols = sorted(item.symbol for item in exchange.market.instruments(now_ms))
    for tree in sorted(get_args(Tree)):
        top = f"{ROOT}{tree}/klines/"
        if not _touches(prefix, top):
            continue
        if _cut(top, prefix, delimiter) is not None:
            yield top, None
            continue
        for symbol in symbols:
            if _touches(prefix, f"{top}{symbol}/"):
                yield from _symbol_paths(exchange, tree, symbol, prefix, delimiter, now_ms)


def _symbol_paths(
    exchange: Exchange, tree: Tree, symbol: str, prefix: str, delimiter: str, now_ms: int
) -> Iterator[tuple[str, ArchiveFile | None]]:
    top = f"{ROOT}{tree}/klines/{symbol}/"
    for folder in sorted(folders(tree)):
        base = f"{top}{folder}/"
        if not _touches(prefix, base):
            continue
        keys = _folder_keys(exchange, tree, symbol, folder, prefix, now_ms)
        if _cut(base, prefix, delimiter) is None:
            yield from keys
        elif next(keys, None) is not None:
            yield base, None
            if _cut(top, prefix, delimiter) is not None:
                return


def _touches(prefix: str, folder: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)
