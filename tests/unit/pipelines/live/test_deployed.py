"""The version of the code on disk."""

import os
from pathlib import Path

import pytest

from candlehouse.pipelines.live.deployed import find_version


def test_version_changes_with_a_file_and_with_nothing_else(tmp_path: Path) -> None:
    code = tmp_path / "deep" / "code.py"
    code.parent.mkdir()
    code.write_text("1")
    os.utime(code, ns=(1, 1))
    before = find_version(tmp_path)
    (tmp_path / "notes.txt").write_text("not code")
    assert find_version(tmp_path) == before
    os.utime(code, ns=(2, 2))
    changed = find_version(tmp_path)
    (tmp_path / "more.sql").touch()
    assert len({before, changed, find_version(tmp_path)}) == 3


def test_file_that_vanishes_meanwhile_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there.py").touch()
    (tmp_path / "gone.py").touch()
    look = os.stat

    def lose(path: str) -> os.stat_result:
        if path.endswith("gone.py"):
            raise FileNotFoundError(path)
        return look(path)

    monkeypatch.setattr("candlehouse.pipelines.live.deployed.os.stat", lose)
    assert find_version(tmp_path)[1] == 1
