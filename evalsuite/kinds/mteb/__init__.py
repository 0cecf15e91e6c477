"""Embedding tasks of mteb, and on own data."""
