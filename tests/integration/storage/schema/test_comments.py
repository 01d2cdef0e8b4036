"""The schema explains itself: whatever an analyst can list says what it is."""

from __future__ import annotations

from sqlalchemy import text

from candlehouse.core.universe.past_universe import BACKFILLED
from candlehouse.pipelines.universe.sizing import SOURCES
from candlehouse.storage.database.engine import connect

MUTE_RELATIONS = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND obj_description(c.oid, 'pg_class') IS NULL
"""
MUTE_COLUMNS = """
SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid
WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
"""
MUTE_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc AS p
WHERE p.pronamespace = 'market'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
"""
SPOKEN = "SELECT col_description('live_candles'::regclass, attnum) FROM pg_attribute"


def test_everything_that_is_listed_says_what_it_is(analyst_url: str) -> None:
    engine = connect(analyst_url)
    with engine.connect() as connection:
        for query in (MUTE_RELATIONS, MUTE_COLUMNS, MUTE_FUNCTIONS):
            assert connection.execute(text(query)).scalars().all() == []
        spoken = f"{SPOKEN} WHERE attrelid = 'live_candles'::regclass AND attname = 'is_closed'"
        assert "last state" in connection.execute(text(spoken)).scalar_one()
    engine.dispose()


def test_the_source_of_a_rank_is_explained_for_every_value_that_is_stored(analyst_url: str) -> None:
    engine = connect(analyst_url)
    with engine.connect() as connection:
        spoken = SPOKEN.replace("live_candles", "universe")
        said = {
            name: connection.execute(
                text(f"{spoken} WHERE attrelid = 'universe'::regclass AND attname = :name"),
                {"name": name},
            ).scalar_one()
            for name in ("source", "rank")
        }
        assert all(f"{source} " in said["source"] for source in (*SOURCES, BACKFILLED))
        assert "quote volume where source is volume or volume_backfill" in said["rank"]
        gone = "SELECT count(*) FROM pg_description WHERE description LIKE '%may_replace%'"
        assert connection.execute(text(gone)).scalar() == 0
    engine.dispose()
