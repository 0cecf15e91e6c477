"""Models that compare two answers."""
