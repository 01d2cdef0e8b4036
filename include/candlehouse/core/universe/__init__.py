"""Which pairs are collected: eligibility, size and membership."""
