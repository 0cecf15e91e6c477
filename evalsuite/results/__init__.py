"""Choosing, comparing and judging stored scores."""
