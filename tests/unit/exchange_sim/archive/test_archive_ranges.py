"""Which bytes a Range asks for, and which conditions name an ETag."""

import pytest

from exchange_sim.archive.reply import has_tag, part_of


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        ("bytes=0-", range(0, 10)),
        ("bytes=4-", range(4, 10)),
        ("bytes=4-6", range(4, 7)),
        ("bytes=9-9", range(9, 10)),
        ("bytes=4-99", range(4, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(0, 10)),
        ("bytes=10-", range(0)),
        ("bytes=10-20", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=6-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,3-4", None),
        ("rows=0-1", None),
        ("", None),
    ],
)
def test_a_range_is_a_part_nothing_or_the_whole(condition: str, part: range | None) -> None:
    assert part_of(condition, 10) == part


def test_an_etag_is_named_alone_in_a_list_weakly_or_by_a_star() -> None:
    for condition in ('"a"', '"b", "a"', 'W/"a"', "*"):
        assert has_tag(condition, '"a"')
    for condition in ("", '"b"', "a"):
        assert not has_tag(condition, '"a"')
