"""Files of sentence-transformers folders, written by hand."""

from __future__ import annotations

ST = "sentence_transformers.models"
ROOT_MODULE = {
    "modules.json": [
        {"type": f"{ST}.Transformer", "path": ""},
        {"type": f"{ST}.Pooling", "path": "1_Pooling"},
    ],
    "1_Pooling__config.json": {"pooling_mode_mean_tokens": True},
}
"""A sentence-transformers folder as most are: the transformer at the top, and a mean."""
