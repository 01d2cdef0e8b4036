"""Live data: what streams bring is written within milliseconds, and nothing durable is lost."""
