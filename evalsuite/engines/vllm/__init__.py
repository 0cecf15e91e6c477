"""Engines on vLLM."""
