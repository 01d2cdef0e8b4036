"""What settings know of the environment that they were read from."""

from __future__ import annotations

import pytest

from candlehouse.settings import URL_VARIABLES, load_settings

USUAL = load_settings({})


@pytest.mark.parametrize("attribute", URL_VARIABLES)
def test_a_url_is_given_where_it_is_not_the_usual_one(attribute: str) -> None:
    scheme = "ws" if attribute == "stream_url" else "http"
    chosen = load_settings({URL_VARIABLES[attribute]: f"{scheme}://127.0.0.1:7001"})
    assert [name for name in URL_VARIABLES if chosen.is_given(name)] == [attribute]


def test_a_variable_that_says_the_usual_url_gives_none() -> None:
    said = {variable: getattr(USUAL, name) + "/" for name, variable in URL_VARIABLES.items()}
    assert load_settings(said) == USUAL
    assert not any(USUAL.is_given(name) for name in URL_VARIABLES)
