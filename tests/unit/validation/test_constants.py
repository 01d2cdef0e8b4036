from datetime import UTC, datetime, timedelta

import pytest

from candlehouse.validation.constants import render_constant, write_constants


def test_parameters_become_constants_and_casts_stay() -> None:
    sql = "SELECT :start, CAST(:symbols AS text[]), a::text, '12:30' FROM t WHERE n < :most"
    values = {
        "start": datetime(2024, 3, 1, tzinfo=UTC),
        "symbols": ("BTCUSDT", "O'BRIEN"),
        "most": 5,
    }
    assert write_constants(sql, values) == (
        "SELECT timestamptz '2024-03-01 00:00:00+00:00',"
        " CAST(ARRAY['BTCUSDT', 'O''BRIEN'] AS text[]), a::text, '12:30' FROM t WHERE n < 5"
    )


def test_nothing_and_lengths_have_constants_too() -> None:
    assert render_constant(None) == "NULL"
    assert render_constant(timedelta(minutes=5)) == "interval '300.000000 seconds'"


def test_what_has_no_constant_is_refused() -> None:
    with pytest.raises(LookupError):
        write_constants("SELECT :unknown", {})
    with pytest.raises(TypeError, match="values of type float are not supported"):
        render_constant(1.5)
