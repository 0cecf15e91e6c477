"""Vectors that are kept on the disk, and found again."""
