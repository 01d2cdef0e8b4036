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
├── UnreadableFile              a file of somebody's is no file of candles
│   └── UnclearName             a file's name does not say which series it is of
├── NothingImported             files of which nothing was stored, now or before
├── WrongExchange               the warehouse belongs to another exchange
├── UniverseEmpty               no symbols to work on
├── UniverseShrunken            an answer lists so few pairs that it cannot be whole
├── StorageError
│   ├── PassingStorageFailure   the same may succeed when it is tried again
│   │   ├── DatabaseUnavailable     down, out of reach, or taking no writes
│   │   ├── TransactionConflict     another transaction was in the way
│   │   └── StatementCancelled      a person or a time limit ended the statement
│   ├── SchemaMissing           the warehouse was not migrated, or not to this version
│   ├── SchemaDrift             a migration that ran is not the one on disk
│   ├── MigrationFailed         a statement in a file of the schema fails; the message names it
│   ├── DependentObjects        a view or function cannot change, as others' objects need it
│   ├── DatabaseRefusal         a permission or a feature is lacking, or data is damaged
│   ├── RowsRefused             values that the tables cannot hold
│   └── UnfitRows               a file's rows, not all of them candles: look at each
├── CollectionIncomplete        some series failed; the message names each
├── ReconciliationIncomplete    some of it could not be compared; the message names each
└── ExpectationsBroken          validation found rows that must not be; the message has the first
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
        wait_s: seconds that it asks to be left alone, None when it says nothing of that.
    """

    retryable = True

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class MalformedPayload(ExchangeError):
    """The answer's body is not what the request must bring; a later one may be."""

    retryable = True


class FileMissing(ExchangeError):
    """A file of candles is not published: not yet, not any more, or without its checksum."""


class RequestRejected(ExchangeError):
    """The exchange refuses the request, and would again."""


class UnknownSymbol(RequestRejected):
    """The exchange does not know the symbol."""


class UnreadableFile(CandlehouseError):
    """A file that was to be imported cannot be read, or is no file of candles."""


class UnclearName(UnreadableFile):
    """The name of a file does not say, as a whole, which series its candles are of."""


class NothingImported(CandlehouseError):
    """Nothing in the files of an import was stored, nor had been stored before."""


class WrongExchange(CandlehouseError):
    """The warehouse holds another exchange's candles."""


class UniverseEmpty(CandlehouseError):
    """There is no symbol to collect: a run over nothing must not look like success."""

    retryable = True


class UniverseShrunken(CandlehouseError):
    """An answer lists so few pairs that it cannot be whole; the last snapshot holds.

    Attributes:
        found: how many there were of what was due.
        due: how many there had to be.
    """

    retryable = True

    def __init__(self, message: str, found: int, due: int) -> None:
        super().__init__(message)
        self.found = found
        self.due = due


class StorageError(CandlehouseError):
    """The warehouse could not do what was asked."""


class PassingStorageFailure(StorageError):
    """The warehouse could not do it now; the same may succeed later."""

    retryable = True


class DatabaseUnavailable(PassingStorageFailure):
    """The database is down, out of reach, or takes no writes, as during a failover."""


class TransactionConflict(PassingStorageFailure):
    """The server rolled a transaction back for another one's sake: a deadlock, say."""


class StatementCancelled(PassingStorageFailure):
    """A person or a time limit ended a statement; its connection is as good as before."""


class SchemaMissing(StorageError):
    """The warehouse was not migrated, or not to this version."""


class SchemaDrift(StorageError):
    """A migration on disk differs from the one that ran."""


class MigrationFailed(StorageError):
    """A statement in a file of the schema fails; nothing of the migration is kept."""


class DependentObjects(StorageError):
    """A view or function must be dropped, but an object outside the project depends on it."""


class DatabaseRefusal(StorageError):
    """The server refuses: a permission or a feature is lacking, a limit is met, data is damaged."""


class RowsRefused(StorageError):
    """Values that the tables cannot hold; the transaction can only be rolled back."""


class UnfitRows(StorageError):
    """Rows that came as they were published, and not all of which are candles of their file."""


class CollectionIncomplete(CandlehouseError):
    """At least one series failed; what the others brought is stored.

    Attributes:
        failures: a reason for each failed series, keyed by "SYMBOL timeframe".
        retryable: whether any of them may succeed later.
    """

    def __init__(self, failures: dict[str, str], retryable: bool = True) -> None:
        lines = "; ".join(f"{series}: {reason}" for series, reason in sorted(failures.items()))
        super().__init__(f"{len(failures)} series failed: {lines}")
        self.failures = failures
        self.retryable = retryable


class ReconciliationIncomplete(CandlehouseError):
    """Something could not be compared; what could is compared and stored.

    Attributes:
        failures: a reason for each series, file or source that failed.
    """

    retryable = True

    def __init__(self, failures: dict[str, str]) -> None:
        lines = "; ".join(f"{what}: {reason}" for what, reason in sorted(failures.items()))
        super().__init__(f"{len(failures)} could not be compared: {lines}")
        self.failures = failures


class ExpectationsBroken(CandlehouseError):
    """What is stored is not as it must be; looking again finds the same.

    Attributes:
        run_id: in `market.validation_runs`, where all of it is on record.
        broken: a sentence for each expectation, with the first rows.
        retryable: when all that went wrong is that expectations could not be evaluated.
    """

    def __init__(self, run_id: int, broken: list[str], retryable: bool = False) -> None:
        lines = "; ".join(broken)
        super().__init__(f"validation {run_id}: {len(broken)} expectations are broken: {lines}")
        self.run_id = run_id
        self.broken = broken
        self.retryable = retryable
