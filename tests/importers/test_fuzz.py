"""Result files that anybody may have written: records that can be stored, or one line.

The fuzz target is :func:`attempt`; ``EVALSUITE_FUZZ=10000`` gives it more examples.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalsuite.errors import DataError, UsageError
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.importers.mteb import read_mteb
from evalsuite.registry.load import Registry
from evalsuite.results.signatures import parts
from evalsuite.store import Store

EXAMPLES = int(os.environ.get("EVALSUITE_FUZZ", "120"))
REGISTRY = Registry.load()
KEYS = st.sampled_from(
    ["results", "scores", "test", "gsm8k", "mteb_dataset_name", "task_name", "dataset_revision",
     "hf_subset", "main_score", "cosine_spearman", "cos_sim", "acc,none", "acc_stderr,none",
     "config",
     "model_args", "limit", "n-shot", "n-samples", "effective", "versions", "group_subtasks",
     "alias",
     "exact_match,strict-match", "acc", "sample_len", "gen_kwargs", "dtype", "model", "model_dtype",
     "configs", "generation_kwargs", "task_hashes",
     "chat_template", "mteb_version", "default", "STSBenchmark",
     "pretrained"]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([0.5, "gsm8k", "STSBenchmark", "default", "../x", "a/b", 10**400, -0.0])
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner),
    max_leaves=12,
)
MTEB = st.fixed_dictionaries(
    {
        "task_name": st.sampled_from(["STSBenchmark", "Banking77Classification", "New"]) | ANYTHING,
        "scores": st.dictionaries(st.just("test"), st.lists(st.dictionaries(KEYS, LEAVES)))
        | ANYTHING,
    },
    optional={"mteb_version": ANYTHING, "dataset_revision": ANYTHING},
)
LM_EVAL = st.fixed_dictionaries(
    {"results": st.dictionaries(KEYS, st.dictionaries(KEYS, LEAVES), max_size=4) | ANYTHING},
    optional={
        "config": st.dictionaries(KEYS, ANYTHING, max_size=3) | ANYTHING,
        "group_subtasks": st.dictionaries(KEYS, st.lists(KEYS, max_size=3)) | ANYTHING,
        "n-shot": ANYTHING,
        "n-samples": ANYTHING,
        "versions": ANYTHING,
        "configs": ANYTHING,
        "task_hashes": ANYTHING,
        "system_instruction": ANYTHING,
        "chat_template": ANYTHING,
    },
)


def attempt(kind: Literal["mteb", "lm-eval"], content: bytes, folder: Path) -> bool:
    """Import one file; say whether records came of it.

    Raises:
        Exception: What must not happen.
    """
    try:
        if kind == "mteb":
            (folder / "org__model").mkdir()
            (folder / "org__model" / "STSBenchmark.json").write_bytes(content)
            found = read_mteb(folder, REGISTRY)
        else:
            (folder / "results_1.json").write_bytes(content)
            found = read_lm_eval(folder / "results_1.json", REGISTRY)
    except (DataError, UsageError) as error:
        check_message(error)
        return False
    for line in found.left_out:
        assert len(line.splitlines()) == 1
    store = Store(folder / "store")
    for record, samples in found.records:
        assert record.status in ("scored", "failed")
        assert record.score is None or math.isfinite(record.score)
        assert parts(record.signature)["task"]  # it can be shown
        store.put(record, list(samples))
    assert not store.problems
    assert len(store.records()) == len(found.records)
    return bool(found.records)


def check_message(error: DataError | UsageError) -> None:
    assert len(error.line.splitlines()) == 1
    assert "; " in error.advice


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


SLOW = [HealthCheck.too_slow]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
@given(content=MTEB.map(as_json) | ANYTHING.map(as_json) | st.binary(max_size=60))
def test_mteb(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    attempt("mteb", content, tmp_path_factory.mktemp("mteb"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
@given(content=LM_EVAL.map(as_json) | ANYTHING.map(as_json) | st.binary(max_size=60))
def test_lm_eval(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    attempt("lm-eval", content, tmp_path_factory.mktemp("lm"))


def test_the_target_takes_a_good_file(tmp_path: Path) -> None:
    """It would be easy to refuse everything."""
    scores = {"test": [{"hf_subset": "default", "main_score": 0.5, "cosine_spearman": 0.5}]}
    good = {"task_name": "STSBenchmark", "mteb_version": "2.0.0", "scores": scores}
    assert attempt("mteb", as_json(good), tmp_path)
    (tmp_path / "l").mkdir()
    results = {"gsm8k": {"exact_match,strict-match": 0.5, "exact_match,flexible-extract": 0.6}}
    assert attempt("lm-eval", as_json({"results": results}), tmp_path / "l")
