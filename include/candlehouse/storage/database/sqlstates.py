"""What a failure of PostgreSQL means, by the code that the server gives it (SQLSTATE).

The driver's own classes mix what passes with what does not: a statement that was cancelled
is an OperationalError to it like a lost connection, and a server that has become read-only
is an InternalError like a damaged index.
"""

from __future__ import annotations

from enum import Enum


class Failure(Enum):
    """What a failed statement means for whoever sent it."""

    OUTAGE = "no database, or one that takes no writes, until somebody mends that"
    CONFLICT = "another transaction was in the way: the same one may succeed at once"
    CANCELLED = "a person or a time limit ended the statement"
    SCHEMA = "a table, column or function is missing"
    ROWS = "the values are not what the tables can hold"
    REFUSAL = "the server refuses, and would again"
    MISTAKE = "a statement that no server would take"


# By the longest beginning of the code that is listed.
_MEANINGS = {
    "08": Failure.OUTAGE,  # connection
    "53": Failure.OUTAGE,  # too many connections, disk or memory full
    "53400": Failure.REFUSAL,  # a configured limit
    "57P": Failure.OUTAGE,  # shut down, crashed, starting up, in recovery, idle for too long
    "58": Failure.OUTAGE,  # what is below the server failed
    "25006": Failure.OUTAGE,  # read-only: a standby, or a primary no more
    "25P03": Failure.OUTAGE,  # the server ended an idle transaction's connection
    "25P04": Failure.OUTAGE,  # likewise one whose transaction took too long
    "40": Failure.CONFLICT,  # serialization, deadlock
    "40003": Failure.OUTAGE,  # nobody knows whether it was committed
    "57014": Failure.CANCELLED,
    "55P03": Failure.CANCELLED,  # a lock was not had in time
    "3F000": Failure.SCHEMA,
    "42P01": Failure.SCHEMA,  # table
    "42703": Failure.SCHEMA,  # column
    "42704": Failure.SCHEMA,  # type, role or other object
    "42883": Failure.SCHEMA,  # function
    "22": Failure.ROWS,
    "23": Failure.ROWS,
    "42501": Failure.REFUSAL,  # permission
    "0A": Failure.REFUSAL,  # not supported by this server
    "28": Failure.REFUSAL,  # authorisation
    "3D": Failure.REFUSAL,  # no such database
    "54": Failure.REFUSAL,  # a limit of the program
    "55": Failure.REFUSAL,  # an object's state
    "F0": Failure.REFUSAL,  # configuration file
    "XX": Failure.REFUSAL,  # damaged data, inner error
}
_LONGEST = 5


def classify_state(sqlstate: str) -> Failure:
    """What a failure with this code means.

    Args:
        sqlstate: five characters, as PostgreSQL's documentation lists them in appendix A.
    """
    for length in range(_LONGEST, 1, -1):
        meaning = _MEANINGS.get(sqlstate[:length])
        if meaning is not None:
            return meaning
    return Failure.MISTAKE
