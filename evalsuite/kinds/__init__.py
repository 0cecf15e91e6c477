"""Kinds of task: one folder each."""
