"""What is in files of candles that somebody has: tables, their columns, their cells."""
