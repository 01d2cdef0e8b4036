from pathlib import Path

import pytest

from candlehouse.core.errors import ConfigurationError
from candlehouse.environment import load_env_file, read_env_file


def test_env_file_is_read_literally_and_loses_to_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# remark\n\nTIMEFRAMES=1h\nexport PASS='a$b#c'\nEMPTY=\nTOP=5 # five\n")
    assert read_env_file(path) == {"TIMEFRAMES": "1h", "PASS": "a$b#c", "EMPTY": "", "TOP": "5"}
    environ = {"TIMEFRAMES": "5m"}
    load_env_file(path, environ)
    assert environ["TIMEFRAMES"] == "5m"
    assert environ["TOP"] == "5"


def test_missing_env_file_sets_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / "nothing") == {}


@pytest.mark.parametrize("line", ["TOP_N_CRYPTOS 50", "SECRET", "X='open"])
def test_broken_line_is_named_without_its_value(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"A=1\n{line}\n")
    with pytest.raises(ConfigurationError, match=r"\.env line 2: .* is not NAME=value"):
        read_env_file(path)


def test_unreadable_env_file_is_a_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(tmp_path / ".env")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_env_file(tmp_path)
