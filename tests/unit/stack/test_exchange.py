import socket
from pathlib import Path

import pytest

from candlehouse.core.errors import ConfigurationError, ExchangeUnavailable
from candlehouse.stack.exchange import make_part, sim_port, wait_until_up


def test_port_of_the_stand_in_stays_the_same_while_it_is_free(tmp_path: Path) -> None:
    port = sim_port(tmp_path)
    assert sim_port(tmp_path) == port
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        assert sim_port(tmp_path) != port


def test_options_are_words_as_in_a_shell(tmp_path: Path) -> None:
    part = make_part(5000, tmp_path, "--folder 'my candles' --frozen", {"A": "b"})
    assert part.command[1:6] == ["-m", "exchange_sim", "--folder", "my candles", "--frozen"]
    assert part.command[6:8] == ["--port", "5000"]
    assert part.environment["A"] == "b"
    with pytest.raises(ConfigurationError, match=r"SIM_OPTIONS=.* is not allowed: No closing"):
        make_part(5000, tmp_path, "--folder 'open", {})


def test_stand_in_that_ends_or_stays_silent_is_said(tmp_path: Path) -> None:
    log = tmp_path / "sim.log"
    log.write_text("starting\nno such folder\n")
    with pytest.raises(ExchangeUnavailable, match="does not start: no such folder"):
        wait_until_up(1, lambda _: None, lambda: True, log)
    with pytest.raises(ExchangeUnavailable, match="does not answer on port 1"):
        wait_until_up(1, lambda _: None, lambda: False, log)
