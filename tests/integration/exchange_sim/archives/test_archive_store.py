"""Made archive files are kept within bounds and found again."""

from pathlib import Path

import pytest

from exchange_sim.archive_files.store import ArchiveStore
from exchange_sim.archive_files.sums import sums_of


def test_the_least_recently_used_file_goes_first(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path, 100)
    for name in "abc":
        store.write(f"x/{name}.zip", name.encode() * 30)
    assert store.read("x/a.zip") == b"a" * 30
    store.write("x/d.zip", b"d" * 30)
    assert [store.size(f"x/{name}.zip") for name in "abcd"] == [30, None, 30, 30]
    assert sorted(path.name for path in tmp_path.rglob("*.zip")) == ["a.zip", "c.zip", "d.zip"]
    assert len(list(tmp_path.rglob("*.sums"))) == 3
    store.write("x/huge.zip", b"h" * 101)
    assert store.size("x/huge.zip") is None
    store.close()
    again = ArchiveStore(tmp_path, 100)
    assert again.read("x/d.zip") == b"d" * 30


def test_a_temporary_folder_goes_with_the_store() -> None:
    store = ArchiveStore(None, 100)
    store.write("a.zip", b"a")
    folder = store.folder
    assert folder.is_dir()
    store.close()
    assert not folder.exists()


def test_a_file_written_again_counts_once(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path, 100)
    for size in (90, 10, 20):
        store.write("a.zip", b"a" * size)
    store.write("b.zip", b"b" * 80)
    assert (store.size("a.zip"), store.size("b.zip")) == (20, 80)


def test_sums_are_kept_beside_a_file_and_the_file_is_not_read_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ArchiveStore(tmp_path, 100).write("a.zip", b"abc")
    again = ArchiveStore(tmp_path, 100)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
        assert again.sums("a.zip") == sums_of(b"abc")
    assert again.sums("b.zip") is None


@pytest.mark.parametrize("kept", [None, "", "3 1 x y\n", "torn"])
def test_sums_that_are_missing_torn_or_of_another_file_are_made_anew(
    tmp_path: Path, kept: str | None
) -> None:
    ArchiveStore(tmp_path, 100).write("a.zip", b"abc")
    beside = tmp_path / "a.zip.sums"
    line = beside.read_text()
    beside.unlink()
    if kept is not None:
        beside.write_text(line[:-9] if kept == "torn" else kept)
    assert ArchiveStore(tmp_path, 100).sums("a.zip") == sums_of(b"abc")
    assert beside.read_text() == line
