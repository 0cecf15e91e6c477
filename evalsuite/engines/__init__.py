"""Encoders and generators."""
