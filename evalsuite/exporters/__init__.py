"""Stored scores in the file formats of others: one module a format, listed in ``table``."""
