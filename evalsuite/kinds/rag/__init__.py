"""Retrieval-augmented generation, plain and from caches: section 4 of the GRIT paper."""
