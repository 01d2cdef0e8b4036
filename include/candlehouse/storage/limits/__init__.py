"""The exchange's limits, shared by every process: weight, gate, connection attempts."""
