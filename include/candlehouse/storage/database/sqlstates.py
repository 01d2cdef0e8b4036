"""Classifies failures of PostgreSQL by their SQLSTATE.

The driver's own classes mix passing and permanent failures: a cancelled statement is an
OperationalError like a lost connection, and a server that has become read-only raises an
InternalError like a damaged index.
"""

from __future__ import annotations

from enum import Enum


class Failure(Enum):
    """What a failed statement means for the caller."""

    OUTAGE = "the database is down or read-only until it is repaired"
    CONFLICT = "another transaction interfered: a retry may succeed at once"
    CANCELLED = "a person or a time limit ended the statement"
    SCHEMA = "a table, column or function is missing"
    ROWS = "the tables cannot hold the values"
    REFUSAL = "the server refuses, and would refuse again"
    MISTAKE = "the statement is wrong"


# Keyed by prefix of the SQLSTATE; the longest matching prefix counts.
_MEANINGS = {
    "08": Failure.OUTAGE,  # connection
    "53": Failure.OUTAGE,  # too many connections, disk or memory full
    "53400": Failure.REFUSAL,  # a configured limit
    "57P": Failure.OUTAGE,  # shut down, crashed, starting up, in recovery, idle for too long
    "58": Failure.OUTAGE,  # the operating system failed
    "25006": Failure.OUTAGE,  # read-only: a standby, or a demoted primary
    "25P03": Failure.OUTAGE,  # the server ended an idle transaction's connection
    "25P04": Failure.OUTAGE,  # likewise one whose transaction took too long
    "40": Failure.CONFLICT,  # serialization, deadlock
    "40003": Failure.OUTAGE,  # unknown whether it was committed
    "57014": Failure.CANCELLED,
    "55P03": Failure.CANCELLED,  # a lock was not available in time
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
    """What a failure with this SQLSTATE means.

    Args:
        sqlstate: five characters, as listed in appendix A of PostgreSQL's documentation.
    """
    for length in range(_LONGEST, 1, -1):
        meaning = _MEANINGS.get(sqlstate[:length])
        if meaning is not None:
            return meaning
    return Failure.MISTAKE
