"""Finding and loading the judge that a person chose."""

from __future__ import annotations

import re
from typing import Literal

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import Device, DType
from evalsuite.errors import UsageError
from evalsuite.judging.judge import Judge, JudgeEngine


def load_judge(
    judge: Judge,
    checkpoint: Checkpoint | None,
    *,
    engine: Literal["vllm", "transformers"],
    device: Device,
    dtype: DType,
    weights: bool = True,
    gpu_memory: float | None = None,
    tensor_parallel: int = 1,
) -> JudgeEngine:
    """Make a judge ready.

    Args:
        judge: What was chosen.
        checkpoint: The judge's checkpoint; ``None`` for an endpoint.
        engine: What runs a checkpoint.
        device: Where it runs.
        dtype: Its precision.
        weights: Without them it can only show prompts.
        gpu_memory: Share of the GPU's memory for vLLM; ``None`` for what is free.
        tensor_parallel: GPUs that vLLM splits the model over.

    Raises:
        EngineError: If the model cannot be loaded.
        UsageError: If the environment holds no key that could be sent.
    """
    from evalsuite.judging.prompt import load_prompt

    prompt = load_prompt()
    if checkpoint is None:
        from evalsuite.judging.endpoint import EndpointJudge

        return EndpointJudge(judge, prompt)
    from evalsuite.judging.local import LocalJudge

    if not weights:
        return LocalJudge(None, checkpoint, prompt)
    from evalsuite.engines.load import load_generator

    generator = load_generator(
        checkpoint,
        engine=engine,
        device=device,
        dtype=dtype,
        gpu_memory=gpu_memory,
        tensor_parallel=tensor_parallel,
    )
    return LocalJudge(generator, checkpoint, prompt)


def find_checkpoint(judge: Judge) -> Checkpoint | None:
    """The checkpoint of a local judge; ``None`` for an endpoint.

    Raises:
        CheckpointError: If there is no such checkpoint.
        UsageError: If it cannot chat.
    """
    if judge.url is not None:
        return None
    from evalsuite.checkpoint import resolve

    checkpoint = resolve(judge.model)
    if reason := checkpoint.cannot.get("generative"):
        raise UsageError(f"{checkpoint.name} cannot judge: {reason}", "name another --judge")
    if checkpoint.chat is None or checkpoint.chat.template is None:
        raise UsageError(
            f"{checkpoint.name} cannot judge: it has no chat template", "name another --judge"
        )
    return checkpoint


def describe(judge: Judge, checkpoint: Checkpoint | None) -> str:
    """The judge as it stands in signatures, without anything secret.

    For example ``gpt-4@api.example.com/alpaca_eval_gpt4#1a2b3c/t0/random``.
    """
    from evalsuite.judging.prompt import load_prompt

    prompt = load_prompt()
    who = (
        f"{checkpoint.name}#{checkpoint.fingerprint[:8]}"
        if checkpoint
        else f"{judge.model}@{judge.host}"
    )
    # The short form of a signature separates its parts by bars.
    named = re.sub(r"[|\s]+", "-", who)
    return f"{named}/{prompt.name}#{prompt.hash[:6]}/t{prompt.temperature:g}/{judge.order}"
