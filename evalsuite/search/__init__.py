"""Exact search in a corpus that is never in memory as a whole."""
