"""The processes that ``vllm_overhead.py`` starts.

``requests``: what evalsuite asks an engine. ``evalsuite``: a run of it. ``bare``: the same
requests, handed to a bare ``vllm.LLM``. Started as

    python bench/vllm_sides.py requests|evalsuite|bare WORK

where ``WORK/job.json`` says what to do; each leaves a JSON file with its own name there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.checkpoint import resolve
from evalsuite.engines.protocols import Completion, Ended, GenerationRequest, Score, ScoreRequest
from evalsuite.registry.load import Registry
from evalsuite.run.job import Group
from evalsuite.run.options import Resolved, RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers.events import EngineReady, Event, JobEnded
from evalsuite.run.workers.watch import processor_work

CONTEXT = 8192
"""evalsuite's context length for SmolLM2."""


@dataclass
class Recorder:
    """A generator that notes what it is asked and answers nothing of use."""

    generated: list[GenerationRequest] = field(default_factory=list)
    scored: list[ScoreRequest] = field(default_factory=list)
    version: str = "none"
    max_length: int = CONTEXT
    wave: int = 256

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        """Note prompts to continue."""
        self.generated += requests
        answers = [Completion("", 1, "stop") for _ in requests]
        for index, answer in enumerate(answers):
            if ended:
                ended(index, answer)
        return answers

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Note continuations to score."""
        self.scored += requests
        return [Score(0.0, greedy=True) for _ in requests]

    def close(self) -> None:
        """There is no model."""


@dataclass
class Clock:
    """Hears a run, and notes when its engine was up and when the last record was there.

    Each as seconds of the clock, and of all processors by this process and those below it.
    """

    up: tuple[float, float] = (0.0, 0.0)
    last: tuple[float, float] = (0.0, 0.0)

    def group_started(self, group: Group) -> None:
        """The engine's start is not counted."""

    def on_event(self, group: Group, event: Event) -> None:  # noqa: ARG002 - a listener's
        """Take the time of what counts."""
        if isinstance(event, EngineReady):
            self.up = _now()
        elif isinstance(event, JobEnded):
            self.last = _now()


def _now() -> tuple[float, float]:
    work = processor_work(os.getpid())
    return time.perf_counter(), work[0] if work else 0.0


def requests(job: dict[str, Any], work: Path) -> dict[str, Any]:
    """All requests, in the order in which the engine gets them."""
    from evalsuite.kinds.base import Context
    from evalsuite.kinds.lm_eval.harness import LmEvalHarness

    recorder = Recorder()
    registry = Registry.load()
    for name in job["tasks"]:
        folder = work / "answers" / name
        folder.mkdir(parents=True)
        context = Context(
            checkpoint=resolve(job["checkpoint"]),
            workdir=folder,
            options=Resolved(data_root=Path(job["data"])),
            limit=job["samples"],
        )
        LmEvalHarness().evaluate(registry.task(f"lm_eval:{name}"), recorder, context)
    return {
        "generate": [asdict(request) for request in recorder.generated],
        "score": [asdict(request) for request in recorder.scored],
    }


def evalsuite(job: dict[str, Any], work: Path) -> dict[str, Any]:
    """A run as the command line does it, with its worker process, heard from outside."""
    from evalsuite.run.run import execute
    from evalsuite.run.workers.executor import LocalExecutor
    from evalsuite.store import Store

    registry, store = Registry.load(), Store(work / "store")
    options = RunOptions(limit=job["samples"], dtype=job["dtype"], data_root=Path(job["data"]))
    tasks = [registry.task(f"lm_eval:{name}") for name in job["tasks"]]
    plan = make_plan([resolve(job["checkpoint"])], tasks, options, registry, store)
    clock = Clock()
    result = execute(plan, store, LocalExecutor(), clock)
    if result.failed:
        raise SystemExit(f"not scored: {result.failed[0].reason}")
    answers: dict[str, str] = {}
    for record in result.records:
        path = store.samples_path(record)
        assert path is not None
        answers |= {row["prompt"].rstrip(): row["response"] for row in rows(path)}
    return {
        "seconds": clock.last[0] - clock.up[0],
        "processor": clock.last[1] - clock.up[1],
        "answers": answers,
        "engine": sum(r.timings.engine for r in result.records if r.timings),
    }


def rows(path: Path) -> list[dict[str, Any]]:
    """Samples of a record."""
    import pyarrow.parquet

    found: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return found


def bare(job: dict[str, Any], work: Path) -> dict[str, Any]:
    """``vllm.LLM.generate`` on the same requests, in an engine that is set up as evalsuite's."""
    from evalsuite.engines.generation import cut_at_stop
    from evalsuite.engines.load import load_generator

    asked = json.loads((work / "requests.json").read_text())
    generator = load_generator(resolve(job["checkpoint"]), engine="vllm", dtype=job["dtype"])
    # Not before: OpenMP reads how its threads are to wait, which evalsuite sets, as it is loaded.
    from vllm import SamplingParams

    from evalsuite.engines.vllm.generator import VllmGenerator

    # Built by evalsuite, so that its settings cannot drift apart from evalsuite's; used bare.
    assert isinstance(generator, VllmGenerator)
    llm = generator._engine._llm  # noqa: SLF001
    tokenizer = llm.get_tokenizer()

    processor: list[float] = []

    def run(prompts: list[list[int]], params: list[Any]) -> tuple[float, list[Any]]:
        started, used = time.perf_counter(), time.process_time()
        inputs = [{"prompt_token_ids": ids} for ids in prompts]
        done = llm.generate(inputs, params, use_tqdm=False) if inputs else []
        processor.append(time.process_time() - used)
        return time.perf_counter() - started, done

    def decoded(ids: list[int]) -> str:
        return str(tokenizer.decode(ids)).rstrip()

    generated = asked["generate"]
    settings = [
        SamplingParams(
            max_tokens=one["max_tokens"],
            stop=list(one["stop"]),
            temperature=one["temperature"],
            top_p=one["top_p"],
            top_k=one["top_k"],
            seed=one["seed"],
            skip_special_tokens=False,
            spaces_between_special_tokens=False,
        )
        for one in generated
    ]
    generate, done = run([one["prompt_ids"] for one in generated], settings)
    answers = {
        decoded(one["prompt_ids"]): cut_at_stop(output.outputs[0].text, one["stop"])[0]
        for one, output in zip(generated, done, strict=True)
    }
    questions: dict[tuple[int, ...], list[list[int]]] = {}
    for one in asked["score"]:
        questions.setdefault(tuple(one["context_ids"]), []).append(one["continuation_ids"])
    last = {context: last_tokens(choices) for context, choices in questions.items()}
    once = [
        SamplingParams(
            temperature=0, max_tokens=1, detokenize=False, logprob_token_ids=sorted(tokens)
        )
        for _, tokens in last.values()
    ]
    one_pass, done = run([[*context, *shared] for context, (shared, _) in last.items()], once)
    for (context, (_, tokens)), output in zip(last.items(), done, strict=True):
        table = output.outputs[0].logprobs[0]
        best = max(tokens, key=lambda token: table[token].logprob)
        answers[decoded(list(context))] = tokenizer.decode([best])
    return {
        "generate": generate,
        "one_pass": one_pass,
        "processor": sum(processor),
        "answers": answers,
    }


def last_tokens(choices: list[list[int]]) -> tuple[list[int], list[int]]:
    """What a question's choices begin with, and the one token in which they differ.

    lm-eval moves white space from the end of a context to each continuation: with a chat template
    the choices are a line break and a letter.

    Raises:
        SystemExit: If they differ in more.
    """
    shared = choices[0][:-1]
    if any(choice[:-1] != shared for choice in choices):
        raise SystemExit("choices that differ in more than their last token")
    return shared, [choice[-1] for choice in choices]


def main() -> None:
    """Do one of the three."""
    name, folder = sys.argv[1:]
    work = Path(folder)
    job = json.loads((work / "job.json").read_text())
    found = {"requests": requests, "evalsuite": evalsuite, "bare": bare}[name](job, work)
    (work / f"{name}.json").write_text(json.dumps(found))
    # vLLM's teardown in a living process can hang.
    os._exit(0)


if __name__ == "__main__":
    main()
