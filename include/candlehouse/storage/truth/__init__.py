"""What stored candles were compared with: files, confirmations, agreement, validation."""
