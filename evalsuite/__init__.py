"""Evaluate checkpoints on embedding and generative tasks with one command."""
