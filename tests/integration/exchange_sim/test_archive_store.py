"""Made archive files are kept within bounds and found again."""

from pathlib import Path

from exchange_sim.archive.store import ArchiveStore


def test_the_least_recently_used_file_goes_first(tmp_path: Path) -> None:
    store = ArchiveStore(tmp_path, 100)
    for name in "abc":
        store.write(f"x/{name}.zip", name.encode() * 30)
    assert store.read("x/a.zip") == b"a" * 30
    store.write("x/d.zip", b"d" * 30)
    assert [store.size(f"x/{name}.zip") for name in "abcd"] == [30, None, 30, 30]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.zip", "c.zip", "d.zip"]
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
