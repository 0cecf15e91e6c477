"""Scores sent to the trackers that people keep: W&B, MLflow and trackio.

A tracker works in a process of its own with a time limit: one that fails or hangs costs a run
nothing but a line.
"""
