"""What a tokenizer puts around texts, and whether transformers loads the one that is stored."""

from __future__ import annotations

from typing import Any


def append_eos(tokenizer: Any) -> None:
    """Have a tokenizer of transformers put its EOS behind every text, after what it already puts.

    Args:
        tokenizer: With a backend of the tokenizers library, and an EOS.
    """
    from tokenizers import processors

    eos, number = tokenizer.eos_token, tokenizer.eos_token_id
    backend = tokenizer.backend_tokenizer
    behind = processors.TemplateProcessing(
        single=f"$A {eos}", pair=f"$A {eos} $B {eos}", special_tokens=[(eos, number)]
    )
    before = backend.post_processor
    backend.post_processor = behind if before is None else processors.Sequence([before, behind])
