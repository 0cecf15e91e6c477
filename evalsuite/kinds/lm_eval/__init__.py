"""Generative tasks of lm-eval, and on own data."""
