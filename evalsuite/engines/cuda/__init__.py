"""NVIDIA GPUs: what there is, what follows from it, and what is set for it."""
