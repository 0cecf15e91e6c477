"""Engines on transformers and sentence-transformers."""
