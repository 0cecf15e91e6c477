"""Checkpoints of a running training: found, held while they are read, and judged in order."""
