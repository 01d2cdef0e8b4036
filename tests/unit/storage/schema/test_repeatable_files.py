"""Files of views and functions: what they make, and the order in which they can be applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from candlehouse.core.errors import SchemaDrift
from candlehouse.storage.schema.migrate import SCHEMA
from candlehouse.storage.schema.repeatables import FOLDERS, read_repeatables

VIEW = "CREATE OR REPLACE VIEW market.{} AS SELECT * FROM market.{};\n"


def write(folder: Path, **texts: str) -> Path:
    (folder / "views").mkdir()
    for name, sql in texts.items():
        (folder / "views" / f"{name}.sql").write_text(sql)
    return folder


def test_a_file_comes_after_those_that_it_depends_on(tmp_path: Path) -> None:
    write(tmp_path, a=VIEW.format("x", "y"), b=VIEW.format("y", "z"), c=VIEW.format("z", "series"))
    assert [one.name for one in read_repeatables(tmp_path)] == ["c", "b", "a"]


def test_a_name_in_a_comment_is_no_dependency(tmp_path: Path) -> None:
    write(tmp_path, a="-- Not market.y.\n" + VIEW.format("x", "series"), b=VIEW.format("y", "x"))
    assert [one.name for one in read_repeatables(tmp_path)] == ["a", "b"]


def test_files_that_depend_on_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a=VIEW.format("x", "y"), b=VIEW.format("y", "x"))
    with pytest.raises(SchemaDrift, match=r"depend on each other: (a, b|b, a)"):
        read_repeatables(tmp_path)


def test_two_files_that_make_the_same_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a=VIEW.format("x", "series"), b=VIEW.format("x", "gaps"))
    with pytest.raises(SchemaDrift, match=r"market\.x is made by both a\.sql and b\.sql"):
        read_repeatables(tmp_path)


@pytest.mark.parametrize("path", sorted(p for f in FOLDERS for p in (SCHEMA / f).rglob("*.sql")))
def test_a_file_makes_what_its_name_says_and_comments_on_it(path: Path) -> None:
    found = {one.name: one for one in read_repeatables(SCHEMA)}[path.stem]
    statements = [
        line for line in path.read_text().splitlines() if line.startswith(("CREATE", "DROP"))
    ]
    assert len(statements) == found.makes.total() > 0
    assert set(found.makes) == {path.stem.removesuffix("_view")}
    assert path.read_text().count("COMMENT ON ") >= len(statements)


def test_no_folder_has_more_than_fifteen_files() -> None:
    for name in FOLDERS:
        for folder in (SCHEMA / name, *(SCHEMA / name).iterdir()):
            assert not folder.is_dir() or len(list(folder.iterdir())) <= 15
