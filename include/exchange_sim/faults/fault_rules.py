"""The rules of fault injection: which faults there are, and how one is described."""

from collections.abc import Mapping

import msgspec

_ANY = ("*",)
_KLINES = ("/api/v3/klines",)
_ARCHIVE = "/data/*"
_FILES = (_ARCHIVE + ".zip", _ARCHIVE + ".zip.CHECKSUM")
_STREAMS = ("/ws*", "/stream*")
# What lists all pairs or coins.
_LISTS = ("/api/v3/exchangeInfo", "/api/v3/ticker/*", "/coingecko/*", "/bapi/*")

# Every kind of fault, and the paths that it applies to unless the rule names others.
KINDS: Mapping[str, tuple[str, ...]] = {
    "403": _ANY,
    "451": _ANY,
    "418": _ANY,
    "429": _ANY,
    "500": _ANY,
    "503": _ANY,
    "504": _ANY,
    "timeout": _ANY,
    "reset": _ANY,
    "cut": _ANY,
    "delay": _ANY,
    "html": _ANY,
    "empty": _ANY,
    "null": _ANY,
    "broken_json": _ANY,
    "cap": _KLINES,
    "skip": _KLINES,
    "repeat": _KLINES,
    "overlap": _KLINES,
    "hole": _KLINES,
    "stale": _KLINES,
    "malformed_row": _KLINES,
    "part": _LISTS,
    # Purged: REST does not know the symbol any more, whose files are still published.
    "unknown": _KLINES,
    "missing": (_ARCHIVE,),
    "bad_checksum": (_ARCHIVE + ".CHECKSUM",),
    "truncated_zip": (_ARCHIVE + ".zip",),
    "half_file": _FILES,
    "other_row": _FILES,
    "header": _FILES,
    "bad_row": _FILES,
    "double_row": _FILES,
    "outside_row": _FILES,
    "drop": _STREAMS,
    "duplicate": _STREAMS,
    "reorder": _STREAMS,
    "late": _STREAMS,
    "malformed": _STREAMS,
    "silence": _STREAMS,
    "close_1008": _STREAMS,
    "shutdown": _STREAMS,
    "never_closed": _STREAMS,
    "wrong_close": _STREAMS,
}
# Faults inside an archive file that is a valid zip and matches its checksum.
FILE_KINDS = frozenset(
    {"half_file", "other_row", "header", "bad_row", "double_row", "outside_row"}
)  # fmt: skip
# Faults of a candle's final event, which all listening connections see.
EVENT_KINDS = frozenset({"never_closed", "wrong_close"})
# Faults of one message to one connection.
FRAME_KINDS = frozenset(
    {"drop", "duplicate", "reorder", "late", "malformed", "silence", "cut", "close_1008",
     "shutdown"}
)  # fmt: skip
# Faults of a page of klines whose rows are all true, but not those that were requested.
PAGE_KINDS = frozenset({"cap", "skip", "repeat", "overlap"})
# Faults that do not apply to plain requests; `cut` applies to both.
ONLY_STREAMS = (FRAME_KINDS - {"cut"}) | EVENT_KINDS
# Faults of a reply's body, which the reply to a websocket request does not have.
BODY_KINDS = frozenset({"cut", "broken_json"})
_HEADER = ("seconds", "date")
_WAIT_FORMS = {
    "403": _HEADER, "429": (*_HEADER, "nothing"), "503": _HEADER,
    "418": (*_HEADER, "body", "nothing"),
}  # fmt: skip
_CAP_VARIANTS = ("oldest", "newest")
_ROW_VARIANTS = ("short", "text", "negative")
FRAME_VARIANTS = ("truncated", "number_price", "text_time", "missing_field", "high_below_low",
                  "misaligned", "not_json", "binary", "empty")  # fmt: skip


def is_stream(path: str) -> bool:
    """Return whether a path belongs to websockets."""
    return path in ("/ws", "/stream") or path.startswith(("/ws/", "/stream/"))


class FaultError(ValueError):
    """A fault rule is invalid; the text says why."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule: which requests, messages or archive files go wrong, how, and how often.

    The kinds in ``PAGE_KINDS`` change which rows a page of klines has, as misbehaving servers and
    proxies do. Every row of such a page is true:

    - ``cap``: at most ``rows`` rows come, whatever ``limit`` says;
    - ``skip``: the first ``rows`` rows are left out, but never the last row of the page;
    - ``repeat``: the first ``rows`` rows come twice;
    - ``overlap``: ``rows`` rows from before ``startTime`` come as well, in excess of no limit.

    The kinds in ``FILE_KINDS`` change the rows of a file that is a valid zip and matches its
    checksum, like the files that Binance replaced later:

    - ``half_file``: the rows end after half of them, rounded down;
    - ``other_row``: a row has one more trade, of one unit at its close: volume, quote volume
      and count differ, and the row still keeps every rule of a candle;
    - ``header``: the names of the columns come first;
    - ``bad_row``: a row is malformed, see ``variant``;
    - ``double_row``: a row stands twice, the first time as ``other_row`` makes it;
    - ``outside_row``: the last row comes once more, moved to the first slot after the period.

    ``count``, ``skip`` and ``probability`` of these mean files, not requests: the first request
    for a file's zip or checksum while the rule is in force decides for both, and for every
    later request, until the rule is removed. With ``count`` 1 the first file that is asked for
    is wrong as long as the rule is in force, and all others are right. Only files that exist
    count, and, if there are ``from_ms`` or ``to_ms``, only those whose period they touch. The
    ``path`` is compared with the zip's. A file may be wrong and meet another kind of fault on
    its way.

    Attributes:
        kind: a key of ``KINDS``.
        path: shell pattern of the path; None means the kind's own paths.
        symbol, interval: only requests for these (patterns too); None means any. A request for
            a websocket is for no symbol; messages are for that of their stream.
        count: how many requests or messages the fault applies to; None means without limit.
        skip: how many matching requests or messages pass unchanged first.
        probability: chance for each that matches, drawn from ``seed``.
        seconds: length of a delay, timeout or silence (None: without end), how late a message
            is, the time from a shutdown's notice to its close, or the wait that 418 and 429
            demand, and 403 and 503 if it is given.
        wait_in: where 403, 418, 429 and 503 state that wait: ``seconds`` (the default) or
            ``date`` in Retry-After; for 418 also ``body``, with the time at which the ban ends;
            for 418 and 429 also ``nothing``.
        from_ms, to_ms: half-open open times that ``hole``, ``stale`` and ``malformed_row`` touch;
            without them a hole takes the middle third of a page, the others its last row. Of
            an archive file ``other_row``, ``bad_row`` and ``double_row`` touch the rows that
            open in there, by default the middle one.
        variant: of ``cap``: ``oldest`` (the default: the first rows are kept) or ``newest``; of
            ``malformed_row`` and ``bad_row``: ``short`` (the default: eight columns),
            ``text`` (the high is NaN) or ``negative`` (the high is below zero); of
            ``malformed``: one of ``FRAME_VARIANTS``, by default one at random for each message.
        rows: how many rows a kind of ``PAGE_KINDS`` is about, by default 1; how many entries
            ``part`` leaves of a list of pairs or coins, the first ones, by default a third of
            them. Each page of CoinGecko's is a list of its own.
        close_only, forming_only: only messages with a final candle, or with an unfinished one.
    """

    kind: str
    path: str | None = None
    symbol: str | None = None
    interval: str | None = None
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    variant: str | None = None
    rows: int | None = None
    wait_in: str | None = None
    close_only: bool = False
    forming_only: bool = False

    def check(self) -> None:
        """Check values that types do not restrict.

        Raises:
            FaultError: an unknown kind or variant, or a number out of range.
        """
        if self.kind not in KINDS:
            raise FaultError(f"unknown kind {self.kind!r}; one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise FaultError(f"probability {self.probability} is not between 0 and 1")
        if self.count is not None and self.count < 1:
            raise FaultError(f"count {self.count} is not positive")
        if self.skip < 0 or min(self.seconds or 0, self.rows or 0) < 0:
            raise FaultError("skip, seconds and rows must not be negative")
        if self.rows is not None and self.kind not in {"part", *PAGE_KINDS}:
            raise FaultError(f"rows mean a page or a list of which a part comes, not {self.kind}")
        if self.rows == 0 and self.kind in PAGE_KINDS:
            raise FaultError(f"{self.kind} of 0 rows changes nothing")
        variants = {"malformed": FRAME_VARIANTS, "cap": _CAP_VARIANTS}.get(self.kind, _ROW_VARIANTS)
        if self.variant is not None and self.variant not in variants:
            raise FaultError(f"unknown variant {self.variant!r}; one of {', '.join(variants)}")
        self._check_wait_form()
        if self.kind in FILE_KINDS and self.path is not None and self.path.endswith(".CHECKSUM"):
            raise FaultError(f"{self.kind} alters a zip and its checksum alike: name the zip")
        self._check_candles()

    def _check_wait_form(self) -> None:
        if self.wait_in is None:
            return
        ways = _WAIT_FORMS.get(self.kind, ())
        if self.wait_in not in ways:
            raise FaultError(
                f"{self.kind} does not state its wait in {self.wait_in!r}, only in"
                f" {', '.join(ways) or 'no form'}"
            )

    def _check_candles(self) -> None:
        narrowed = self.close_only or self.forming_only
        if narrowed and self.kind not in FRAME_KINDS | EVENT_KINDS:
            raise FaultError(f"close_only and forming_only mean messages, not {self.kind}")
        if self.forming_only and (self.close_only or self.kind in EVENT_KINDS):
            raise FaultError("no candle is both final and unfinished")
        if self.path is not None and self.kind in EVENT_KINDS:
            raise FaultError(f"{self.kind} applies to every connection alike: name no path")


def parse_faults(data: bytes | str) -> list[Fault]:
    """Return the faults in a JSON object or list of objects.

    Raises:
        FaultError: it is not JSON, or not a fault.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        faults = msgspec.json.decode(raw, type=Fault | list[Fault])
    except msgspec.DecodeError as error:
        raise FaultError(str(error)) from error
    listed = faults if isinstance(faults, list) else [faults]
    for fault in listed:
        fault.check()
    return listed
