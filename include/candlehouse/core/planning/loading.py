"""Time limits of an initial load of history.

A series is loading from the moment that more of its history is wanted until that was fetched.
Meanwhile it does not count as late, and expensive jobs wait for it; both end at these limits.
"""

from __future__ import annotations

from datetime import timedelta

# A load that stores nothing for this long has stalled, which raises an alert.
STALLED_AFTER = timedelta(hours=1)
# A range that was asked for this long ago and did not come is no longer part of the load.
SETTLED_AFTER = timedelta(minutes=30)
# Two measurements further apart than this prove no stall: the machine may have been suspended.
UNWATCHED_AFTER = timedelta(minutes=30)
# Jobs that wait for the end of a load wait no longer than this.
LONGEST_WAIT = timedelta(hours=24)
