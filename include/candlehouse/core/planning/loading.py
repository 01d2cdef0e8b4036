"""How long a load of history may take, and may stand still, before it is no excuse any more.

A series loads from the moment that more of its history is wanted until that was brought.
Meanwhile it is not late, and what is heavy waits for it; neither may go on for ever.
"""

from __future__ import annotations

from datetime import timedelta

# A load that brings nothing for so long is at fault.
STALLED_AFTER = timedelta(hours=1)
# What was asked for and has not come by then is not part of the load any more.
SETTLED_AFTER = timedelta(minutes=30)
# Between two looks further apart nobody can say that nothing came: the machine may have slept.
UNWATCHED_AFTER = timedelta(minutes=30)
# What waits for the end of loads waits no longer than this.
LONGEST_WAIT = timedelta(hours=24)
