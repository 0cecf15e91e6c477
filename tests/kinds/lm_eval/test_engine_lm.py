"""Our language model gives lm-eval what lm-eval's own models give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import Generator, ScoreRequest
from evalsuite.errors import UsageError
from evalsuite.prompting.client import Client
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from helpers.recording_engine import RecordingEngine
from helpers.tiny_lm import make_tiny_lm

PAIRS = [
    ("The capital of France is", " Paris"),
    ("Question: what?\nAnswer:", " A"),
    ("Question: what?\nAnswer:", " B"),
    ("trailing space ", "moves over"),
    ("", "no context at all"),
]
PROMPTS = ["The cat", "Once upon a time there was a", "1 2 3"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), positions=128)


@pytest.fixture(scope="module")
def generator(checkpoint: Checkpoint) -> Generator:
    return load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def theirs(checkpoint: Checkpoint) -> Any:
    """lm-eval's own transformers model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=str(checkpoint.path), device="cpu", dtype="float32", batch_size=1, max_length=128
    )


def our_lm(generator: Generator, checkpoint: Checkpoint, log: Path) -> Any:
    from evalsuite.kinds.lm_eval.model import EngineLM

    return EngineLM(Client(generator, Prompter(checkpoint), ResponseLog(log)))


def instances(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type=kind, doc={}, arguments=args, idx=i, metadata=("t", i, 1))
        for i, args in enumerate(arguments)
    ]


def generations(**settings: Any) -> list[Any]:
    plain = {"until": ["zz"], "max_gen_toks": 10, "do_sample": False, **settings}
    return instances("generate_until", [(prompt, dict(plain)) for prompt in PROMPTS])


def test_loglikelihoods_equal_lm_evals(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    asked = instances("loglikelihood", PAIRS)
    ours = our_lm(generator, checkpoint, tmp_path / "r").loglikelihood(asked)
    for mine, reference in zip(ours, theirs.loglikelihood(asked), strict=True):
        assert mine[0] == pytest.approx(reference[0], abs=1e-4)
        assert mine[1] == reference[1]


def test_rolling_loglikelihood_equals_lm_evals_in_one_window(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    asked = instances("loglikelihood_rolling", [("A whole text of its own.",), ("x",)])
    ours = our_lm(generator, checkpoint, tmp_path / "r").loglikelihood_rolling(asked)
    assert ours == pytest.approx(theirs.loglikelihood_rolling(asked), abs=1e-4)


def test_rolling_loglikelihood_covers_texts_longer_than_the_context(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    recording = RecordingEngine(generator)
    text = "long text, " * 40
    lm = our_lm(recording, checkpoint, tmp_path / "r")
    lm.loglikelihood_rolling(instances("loglikelihood_rolling", [(text,)]))
    scored = [r for r in recording.asked if isinstance(r, ScoreRequest)]
    # Each token is predicted once: the windows' continuations are the text, in some order.
    assert sum(len(r.continuation_ids) for r in scored) == len(lm.tok_encode(text))


def test_generations_equal_lm_evals(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    ours = our_lm(generator, checkpoint, tmp_path / "r").generate_until(generations())
    # Special tokens inside an answer stay, as in lm-eval's vLLM model; its transformers model
    # drops them.
    assert [text.replace("<s>", "") for text in ours] == theirs.generate_until(generations())


def test_a_stop_string_cuts_as_in_lm_eval(
    generator: Generator, theirs: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    free = our_lm(generator, checkpoint, tmp_path / "a").generate_until(generations())
    until = [free[0][3]]
    ours = our_lm(generator, checkpoint, tmp_path / "b").generate_until(generations(until=until))
    assert ours == theirs.generate_until(generations(until=until))
    assert ours[0] == free[0][: free[0].find(until[0])]


def test_unknown_generation_settings_are_refused(
    generator: Generator, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="'num_beams' is not supported"):
        our_lm(generator, checkpoint, tmp_path / "r").generate_until(generations(num_beams=4))
