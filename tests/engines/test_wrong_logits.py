"""What generators refuse before and after a model has run; nothing is loaded here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from evalsuite.engines.generation import check_ids
from evalsuite.engines.protocols import GenerationRequest, ScoreRequest
from evalsuite.engines.vllm import engine as vllm_common
from evalsuite.engines.vllm import environment as vllm_environment
from evalsuite.engines.vllm.scoring import Scoring
from evalsuite.errors import EngineError


def test_ids_without_an_embedding_are_refused() -> None:
    fits = [GenerationRequest((0, 9), 4), ScoreRequest((1,), (9,)), ScoreRequest((1,), ())]
    check_ids([], 10, "x")
    check_ids(fits, 10, "x")
    for beyond in (
        GenerationRequest((0, 10), 4),
        ScoreRequest((10,), ()),
        ScoreRequest((1,), (10,)),
    ):
        with pytest.raises(
            EngineError, match="vocabulary-mismatch: a prompt has the token 10, but x"
        ):
            check_ids([*fits, beyond], 10, "x")


def scored(*logprobs: float) -> float:
    """The score of a text whose tokens vLLM gives these log-probabilities, -1 to the best ones."""
    scoring = Scoring([ScoreRequest((1,), (2,) * len(logprobs))], dict)
    flat = SimpleNamespace(
        start_indices=[0, *range(0, 2 * len(logprobs), 2)],
        logprobs=[value for own in logprobs for value in (own, -1.0)],
    )
    scoring.on_answer(0, SimpleNamespace(num_cached_tokens=0, prompt_logprobs=flat))
    return scoring.collect()[0].logprob


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_log_probability_that_is_not_finite(value: float) -> None:
    assert scored(-1.0, -2.0) == -3.0
    with pytest.raises(EngineError, match=r"^not-finite: "):
        scored(-1.0, value)


def test_vllm_is_told_to_stop_at_nans_and_what_it_says_is_named() -> None:
    """The words are those of ``raise_if_nan_logits`` in vLLM 0.32."""
    assert vllm_environment.ENVIRONMENT["VLLM_RAISE_ON_LOGIT_NANS"] == "1"
    nans = vllm_common._failure(RuntimeError("NaNs detected in logits: {'0': 49152}"))
    assert nans.line.startswith("not-finite: ")
    other = vllm_common._failure(RuntimeError("out of blocks"))
    assert other.line == "vLLM failed: out of blocks; try --engine transformers"


def test_the_installed_vllm_still_says_so() -> None:
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("vllm")
    if spec is None or spec.origin is None:
        pytest.skip("vLLM is not installed")
    folder = Path(spec.origin).parent
    assert "VLLM_RAISE_ON_LOGIT_NANS" in (folder / "envs.py").read_text()
    assert 'RuntimeError(f"NaNs detected in logits' in (folder / "v1/worker/utils.py").read_text()
