"""Signatures and records: what counts, what is refused, what is printed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from pydantic import ValidationError

from evalsuite.schema import LATER_FIELDS, Record, Signature, digest
from helpers.records import record as make

FULL: dict[str, Any] = {
    "task": "smoke-sts",
    "task_hash": "0123456789abcdef",
    "world": "embedding",
    "harness": "mteb 2.26.24",
    "engine": "transformers 5.19.0",
    "device": "cpu",
    "dtype": "float32",
    "split": "test",
    "splits": "validation+test",
    "subsets": "2 of 3: de, en",
    "limit": 8,
    "chosen": "random",
    "seed": 42,
    "max_length": 512,
    "instructions": "e5",
    "outside_set": True,
    "instruction": "Retrieve semantically similar text.",
    "template": "<|user|>\n{instruction}\n<|embed|>\n",
    "bare": "<|embed|>\n\n",
    "attention": "bidirectional",
    "pooling": "mean",
    "pool_instruction": True,
    "normalize": False,
    "dims": 128,
    "vectors": "int8",
    "similarity": "dot",
    "default_prompt": "query",
    "routed": True,
    "pad_right": True,
    "append_eos": True,
    "queries_only": True,
    "modules": "mean>Dense(8)>Normalize",
    "tokenizer": "file",
    "quantization": "gptq-4bit",
    "conversion": "rope-yarn+bos",
    "chat_template": "none",
    "shots": 0,
    "fewshot_seed": 1234,
    "sampling": "task",
    "prefix_caching": False,
    "batch_invariant": True,
    "judge": "gpt-4@api.example.com/alpaca_eval_gpt4#1a2b3c4d/t0/random",
    "retriever": "transformers-5.19.0/float32/bidirectional/mean/len512/e5#1a2b3c",
    "definition": "version 2, hash 1a2b3c4d",
    "settings": "gen temperature=1, multiturn yes",
    "libraries": "scikit-learn 1.8.0, tokenizers 0.22.1",
    "code": 1,
    "data": "feedfacecafebeef",
}


def test_every_field_is_in_the_example() -> None:
    assert set(FULL) == set(Signature.model_fields)


@pytest.mark.parametrize("field", sorted(set(FULL) - {"data", "modules"}))
def test_a_field_left_out_is_another_job(field: str) -> None:
    if Signature.model_fields[field].is_required() or field in ("seed", "code"):
        return
    assert Signature(**{**FULL, field: None}).plan_key != Signature(**FULL).plan_key


def test_what_was_stored_before_a_field_was_there_keeps_its_key() -> None:
    fields = {key: FULL[key] for key in FULL if key not in ("data", "modules", *LATER_FIELDS)}
    assert Signature(**fields).plan_key == digest(fields)


def test_a_digest_is_the_sha256_of_canonical_json() -> None:
    text = '{"a":[1,"é"],"b":null}'
    assert digest({"b": None, "a": [1, "é"]}) == sha256(text.encode()).hexdigest()


def test_short_is_one_readable_line() -> None:
    assert Signature(**FULL).short() == (
        "task:smoke-sts@012345|instr:e5(task)|attn:bi|pool:mean|pool-instr:yes|"
        "norm:yes(mean>Dense(8)>Normalize)|dims:128|vec:int8|sim:dot|default-prompt:query|routes:query/document|"
        "pad:right|eos:yes|instr-for:queries|tok:file|quant:gptq-4bit|conv:rope-yarn+bos|chat:none|shots:0|fewshot-seed:1234|"
        "len:512|"
        "dtype:float32|engine:transformers-5.19.0|prefix-cache:no|batch-invariant:yes|"
        "judge:gpt-4@api.example.com/alpaca_eval_gpt4#1a2b3c4d/t0/random|"
        "retriever:transformers-5.19.0/float32/bidirectional/mean/len512/e5#1a2b3c(task)|"
        "dev:cpu|harness:mteb-2.26.24|"
        "libs:scikit-learn-1.8.0+tokenizers-0.22.1|splits:validation+test|subsets:2 of 3: de, en|"
        "limit:8|chosen:random|def:version 2, hash 1a2b3c4d|set:gen temperature=1, multiturn yes|"
        "data:feedface"
    )


def test_short_leaves_out_what_does_not_apply() -> None:
    required = {key: FULL[key] for key in FULL if Signature.model_fields[key].is_required()}
    assert Signature(**required).short() == (
        "task:smoke-sts@012345|dtype:float32|engine:transformers-5.19.0|dev:cpu|harness:mteb-2.26.24"
    )


def test_two_tasks_of_one_row_share_their_protocol() -> None:
    per_task = {
        "task": "other",
        "task_hash": "f" * 64,
        "data": None,
        "split": "dev",
        "shots": 5,
        "fewshot_seed": 7,
        "instruction": "x",
        "outside_set": None,
        "harness": "mteb 3",
        "judge": None,
        "retriever": None,
        "modules": None,
        "splits": None,
        "subsets": None,
        "definition": "version 3",
        "libraries": "scikit-learn 1.9.0",
    }
    assert Signature(**{**FULL, **per_task}).protocol == Signature(**FULL).protocol
    for field in sorted(set(FULL) - set(per_task)):
        assert field in Signature(**FULL).protocol


def record(**fields: Any) -> Record:
    good = make("smoke-sts", signature=Signature(**FULL))
    return Record.model_validate({**good.model_dump(), **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"score": None},
        {"status": "failed"},
        {"status": "failed", "reason": "because"},
        {"status": "failed", "score": None},
        {"status": "failed", "score": None, "reason": ""},
        {"status": "skipped", "score": None},
        {"status": "done"},
        {"schema_version": 2},
        {"extra": 1},
        {"created": "yesterday"},
    ],
    ids=str,
)
def test_a_record_that_contradicts_itself_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        record(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"score": 0.0},
        {"score": -0.2},
        {"status": "failed", "score": None, "reason": "because"},
        {"status": "skipped", "score": None, "reason": "because"},
    ],
    ids=str,
)
def test_a_record_survives_json(fields: dict[str, Any]) -> None:
    made = record(**fields)
    assert Record.model_validate_json(made.model_dump_json()) == made


def test_records_do_not_change() -> None:
    with pytest.raises(ValidationError):
        record().score = 1.0  # type: ignore[misc]
