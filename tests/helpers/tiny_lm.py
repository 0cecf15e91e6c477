"""A two-layer Llama with random weights and a byte-level tokenizer: small, and quite real."""

from __future__ import annotations

from pathlib import Path

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def make_tiny_lm(path: Path, *, chat: bool = False, positions: int = 512) -> Checkpoint:
    """Write the model to ``path``; the same weights every time."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate(["<s>", "</s>", *alphabet])}
    core = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocab),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=positions,
            bos_token_id=0,
            eos_token_id=1,
            initializer_range=0.3,
        )
    )
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return Checkpoint(
        name="tiny",
        source=str(path),
        path=path,
        fingerprint="0" * 64,
        kind="generative",
        evidence=(),
        embedding=None,
        chat=ChatProtocol(
            template=TEMPLATE if chat else None, template_hash="tiny" if chat else "none"
        ),
        max_positions=positions,
    )
