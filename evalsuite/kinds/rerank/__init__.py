"""Reranking: a checkpoint reorders, as a generator, what it found by its embeddings.

GRIT paper, section 3.2.

``retrieve`` is the first stage and needs an encoder and mteb; ``harness`` is the adapter with both
stages; everything else is free of engines.
"""
