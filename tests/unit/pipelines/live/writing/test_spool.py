"""Closed candles on disk while no database takes them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from candlehouse.core.live.candle_updates import CandleUpdate
from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
from candlehouse.pipelines.live.writing.spool import Spool, find_spools, read_spool, taking_spool
from support.data.updates import BTC, ETH, make_update


def replay(folder: Path) -> list[CandleUpdate]:
    """Everything that can be taken now."""
    found = []
    for path in find_spools(folder):
        with taking_spool(path) as file:
            if file is not None:
                found += [update for chunk in read_spool(file, CANDLE_SPOOL, 2) for update in chunk]
    return found


def test_what_is_kept_comes_back_exactly_and_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new", CANDLE_SPOOL)
    first = [make_update(slot=slot, closed=True) for slot in range(3)]
    second = [make_update(ETH, closed=True, close="0.00000001")]
    assert spool.append(first) == 3
    assert spool.append(second) == 1
    assert spool.append([]) == 0
    spool.close()

    assert replay(tmp_path / "new") == first + second
    assert find_spools(tmp_path / "new") == []


def test_nothing_is_made_without_a_need(tmp_path: Path) -> None:
    Spool(tmp_path / "new", CANDLE_SPOOL).close()

    assert find_spools(tmp_path / "new") == []
    assert not (tmp_path / "new").exists()


def test_spool_in_use_is_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL)
    spool.append([make_update(closed=True)])

    assert replay(tmp_path) == []
    assert len(find_spools(tmp_path)) == 1
    spool.close()
    assert len(replay(tmp_path)) == 1


def test_spool_of_a_process_that_was_killed_is_replayed(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from candlehouse.pipelines.live.kinds.candle_spool import CANDLE_SPOOL
        from candlehouse.pipelines.live.writing.spool import Spool
        from support.data.updates import make_update

        Spool(Path(sys.argv[1]), CANDLE_SPOOL).append([make_update(closed=True)])
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    path = [entry for entry in sys.path if entry]
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={"PYTHONPATH": ":".join(path)},
        check=False,
    )

    assert replay(tmp_path) == [make_update(closed=True)]


def test_line_that_was_cut_costs_only_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL)
    spool.append([make_update(slot=0, closed=True), make_update(slot=1, closed=True)])
    spool.close()
    [path] = find_spools(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])

    assert replay(tmp_path) == [make_update(slot=0, closed=True)]


def test_full_spool_takes_no_more_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL, most_bytes=500)
    kept = [make_update(slot=slot, closed=True) for slot in range(2)]

    assert spool.append(kept) == 2
    assert spool.append([make_update(slot=2, closed=True)] * 5) == 0
    spool.close()
    assert replay(tmp_path) == kept


def test_spool_stays_when_its_replay_fails(tmp_path: Path) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL)
    spool.append([make_update(BTC, closed=True)])
    spool.close()
    [path] = find_spools(tmp_path)

    def fail_to_replay() -> None:
        with taking_spool(path):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail_to_replay()
    assert len(replay(tmp_path)) == 1


def test_spool_that_somebody_else_has_replayed_is_nothing(tmp_path: Path) -> None:
    with taking_spool(tmp_path / "gone.spool") as file:
        assert file is None


def test_line_that_is_no_text_costs_only_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL)
    spool.append([make_update(slot=0, closed=True)])
    spool.append([make_update(slot=1, closed=True)])
    spool.close()
    [path] = find_spools(tmp_path)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first.replace(b"BTCUSDT", b"BTC\xff\xfeSDT") + b"\x00\x00\n" + second)

    assert replay(tmp_path) == [make_update(slot=1, closed=True)]


def test_disk_that_takes_nothing_more_ends_nothing_and_cuts_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, CANDLE_SPOOL)
    kept = [make_update(slot=slot, closed=True) for slot in range(2)]
    spool.append(kept[:1])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", fail)
        assert spool.append([make_update(slot=7, closed=True)]) == 0
    assert spool.append(kept[1:]) == 1
    spool.close()
    assert replay(tmp_path) == kept


def test_folder_that_cannot_be_made_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert Spool(tmp_path / "file" / "spool", CANDLE_SPOOL).append([make_update(closed=True)]) == 0


def test_spool_has_its_name_only_once_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    lock = "candlehouse.pipelines.live.writing.spool.fcntl.flock"
    monkeypatch.setattr(lock, lambda *_: seen.extend(find_spools(tmp_path)))
    spool = Spool(tmp_path, CANDLE_SPOOL)
    spool.append([make_update(closed=True)])
    spool.close()

    assert seen == []
    assert len(find_spools(tmp_path)) == 1
