"""Adapters from tasks to the harnesses that score them."""
