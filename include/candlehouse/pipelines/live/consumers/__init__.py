"""Who hears of live data after it was committed, and can never hold up writing it."""
