"""The zipped candle files: their names, how they are made and kept."""
