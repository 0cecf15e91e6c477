"""Comparing checkpoints over stored records: never touches a model."""
