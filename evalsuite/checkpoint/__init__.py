"""Checkpoints: resolving, fingerprinting, detecting, making loadable."""
