"""One tree of errors; each knows whether trying again can succeed.

CandlehouseError
├── ConfigurationError          a variable, an option or a form field is wrong
├── ExchangeError
│   ├── RateLimited             429 and 418: wait until the exchange opens again
│   ├── ExchangeUnavailable     network, 5xx, overload: try again
│   ├── MalformedPayload        an answer that is not what was asked for: try again
│   ├── FileMissing             a file that is not published, or has no checksum
│   └── RequestRejected         the exchange refuses this request for good
│       └── UnknownSymbol
├── UnreadableFile              a file to import cannot be read, or is not a file of candles
│   └── UnclearName             the name of a file does not say which series it contains
├── NothingImported             no row of the files was stored, now or before
├── WrongExchange               the warehouse belongs to another exchange
├── UniverseEmpty               no symbols to work on
├── UniverseShrunken            an answer lists too few pairs to be complete
├── StorageError
│   ├── PassingStorageFailure   a retry may succeed
│   │   ├── DatabaseUnavailable     down, out of reach, or taking no writes
│   │   ├── TransactionConflict     another transaction interfered
│   │   └── StatementCancelled      a person or a time limit ended the statement
│   ├── SchemaMissing           the warehouse is not migrated, or not to this version
│   ├── SchemaDrift             a migration that ran is not the one on disk
│   ├── MigrationFailed         a statement in a file of the schema fails; the message names it
│   ├── DependentObjects        a view or function cannot change, as others' objects need it
│   ├── DatabaseRefusal         a permission or a feature is lacking, or data is damaged
│   ├── RowsRefused             values that the tables cannot hold
│   └── UnfitRows               not all rows of a file are candles: parse each row
├── CollectionIncomplete        some series failed; the message names each
├── ReconciliationIncomplete    some series could not be compared; the message names each
└── ExpectationsBroken          validation found invalid rows; the message has the first
"""

from __future__ import annotations


class CandlehouseError(Exception):
    """Base of every error that Candlehouse raises on purpose; its text is for people."""

    retryable = False


class ConfigurationError(CandlehouseError):
    """A setting, an option or a form field has a value that is not allowed."""


class ExchangeError(CandlehouseError):
    """The exchange did not give what was asked for."""


class RateLimited(ExchangeError):
    """The exchange closed its gate (429, 418 for a ban, or a firewall that says for how long).

    Attributes:
        retry_after_s: whole seconds until the next request is allowed.
    """

    retryable = True

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExchangeUnavailable(ExchangeError):
    """The exchange cannot be reached or is failing; the same request may succeed later.

    Attributes:
        wait_s: seconds for which it asks not to be called, None when it does not say.
    """

    retryable = True

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class MalformedPayload(ExchangeError):
    """The body of a response does not have the required form; a later response may."""

    retryable = True


class FileMissing(ExchangeError):
    """A candle file is not published (yet, or any more), or lacks its checksum."""


class RequestRejected(ExchangeError):
    """The exchange refuses the request, and would refuse it again."""


class UnknownSymbol(RequestRejected):
    """The exchange does not know the symbol."""


class UnreadableFile(CandlehouseError):
    """A file to import cannot be read, or is not a file of candles."""


class UnclearName(UnreadableFile):
    """The name of a file does not say, as a whole, which series the file contains."""


class NothingImported(CandlehouseError):
    """No row of the imported files was stored, and none had been stored before."""


class WrongExchange(CandlehouseError):
    """The warehouse holds another exchange's candles."""


class UniverseEmpty(CandlehouseError):
    """There is no symbol to collect: a run over nothing must not look like success."""

    retryable = True


class UniverseShrunken(CandlehouseError):
    """An answer lists too few pairs to be complete; the last snapshot stays valid.

    Attributes:
        found: number of pairs found, of those that were due.
        due: number of pairs that had to be found.
    """

    retryable = True

    def __init__(self, message: str, found: int, due: int) -> None:
        super().__init__(message)
        self.found = found
        self.due = due


class StorageError(CandlehouseError):
    """The warehouse could not do what was asked."""


class PassingStorageFailure(StorageError):
    """The warehouse failed temporarily; the same may succeed later."""

    retryable = True


class DatabaseUnavailable(PassingStorageFailure):
    """The database is down, out of reach, or takes no writes, as during a failover."""


class TransactionConflict(PassingStorageFailure):
    """The server rolled a transaction back in favour of another one, as after a deadlock."""


class StatementCancelled(PassingStorageFailure):
    """A person or a time limit ended a statement; its connection is still usable."""


class SchemaMissing(StorageError):
    """The warehouse is not migrated, or not to this version."""


class SchemaDrift(StorageError):
    """An applied migration differs from its file."""


class MigrationFailed(StorageError):
    """A statement in a file of the schema failed; the migration was rolled back as a whole."""


class DependentObjects(StorageError):
    """A view or function must be dropped, but an object outside the project depends on it."""


class DatabaseRefusal(StorageError):
    """The server refuses: missing permission or feature, a limit, or damaged data."""


class RowsRefused(StorageError):
    """The tables cannot hold the values; the transaction must be rolled back."""


class UnfitRows(StorageError):
    """Unchecked rows of a file, not all of which are candles of that file."""


class CollectionIncomplete(CandlehouseError):
    """At least one series failed; the candles of the other series are stored.

    Attributes:
        failures: a reason per failed series, keyed by "SYMBOL timeframe".
        retryable: whether any of the failed series may succeed later.
    """

    def __init__(self, failures: dict[str, str], retryable: bool = True) -> None:
        lines = "; ".join(f"{series}: {reason}" for series, reason in sorted(failures.items()))
        super().__init__(f"{len(failures)} series failed: {lines}")
        self.failures = failures
        self.retryable = retryable


class ReconciliationIncomplete(CandlehouseError):
    """Some series could not be compared; the results of the others are stored.

    Attributes:
        failures: a reason per failed series, file or source.
    """

    retryable = True

    def __init__(self, failures: dict[str, str]) -> None:
        lines = "; ".join(f"{what}: {reason}" for what, reason in sorted(failures.items()))
        super().__init__(f"{len(failures)} could not be compared: {lines}")
        self.failures = failures


class ExpectationsBroken(CandlehouseError):
    """Stored data breaks expectations; another validation would find the same.

    Attributes:
        run_id: number of the run in `market.validation_runs`, which has all results.
        broken: one sentence per broken expectation, with the first rows.
        retryable: whether all failures are expectations that could not be evaluated.
    """

    def __init__(self, run_id: int, broken: list[str], retryable: bool = False) -> None:
        lines = "; ".join(broken)
        super().__init__(f"validation {run_id}: {len(broken)} expectations are broken: {lines}")
        self.run_id = run_id
        self.broken = broken
        self.retryable = retryable
