"""BOS and EOS around what a tokenizer already puts, against ids written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from evalsuite.checkpoint.special_tokens import put_special

IDS = {"a": 0, "b": 1, "<s>": 2, "</s>": 3, "[CLS]": 4, "[SEP]": 5}
FRAME = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 4), ("[SEP]", 5)]
)


def backend(processor: Any) -> Tokenizer:
    core = Tokenizer(models.WordLevel(IDS, unk_token="a"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if processor is not None:
        core.post_processor = processor
    return core


@pytest.mark.parametrize(
    ("processor", "before", "behind"),
    [
        (None, [], []),
        (FRAME, [4], [5]),
        (processors.BertProcessing(("[SEP]", 5), ("[CLS]", 4)), [4], [5]),
        (processors.RobertaProcessing(("[SEP]", 5), ("[CLS]", 4)), [4], [5]),
        (processors.ByteLevel(trim_offsets=False), [], []),
        (processors.Sequence([processors.ByteLevel(), FRAME]), [4], [5]),
    ],
    ids=["nothing", "template", "bert", "roberta", "byte level", "sequence"],
)
def test_tokens_stand_outside_of_what_is_there(
    processor: Any, before: list[int], behind: list[int]
) -> None:
    core = backend(processor)
    put_special(core, "</s>", 3, behind=True)
    assert core.encode("a b").ids == [*before, 0, 1, *behind, 3]
    put_special(core, "<s>", 2, behind=False)
    assert core.encode("a b").ids == [2, *before, 0, 1, *behind, 3]
    assert core.encode("").ids == [2, *before, *behind, 3]
    core.enable_truncation(len(before) + len(behind) + 3)
    assert core.encode("a b a b").ids == [2, *before, 0, *behind, 3]
