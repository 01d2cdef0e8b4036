"""Rewrites the parts of the reference pages that come from the code: `make reference`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from documents.generated_pages import DOCS, PAGES, render_page
from documents.schema_blocks import open_migrated


def main(arguments: Sequence[str]) -> int:
    """Rewrites every page; with `--check` it only names those that are out of date."""
    checking = "--check" in arguments
    stale = []
    with open_migrated() as connection:
        for name in PAGES:
            path = DOCS / name
            before = path.read_text()
            after = render_page(name, before, connection)
            if after != before:
                stale.append(name)
            if after != before and not checking:
                path.write_text(after)
    for name in stale:
        print(f"{name} {'is out of date: run make reference' if checking else 'is rewritten'}")
    return 1 if stale and checking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
