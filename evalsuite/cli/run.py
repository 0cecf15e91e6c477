"""``evalsuite run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evalsuite.cli.interrupts import INTERRUPTS
from evalsuite.cli.options import (
    Data,
    Device,
    Engine,
    Limit,
    Precision,
    PrefixCaching,
    Results,
    Seed,
    SuiteName,
    TasksDir,
    console,
    names,
)
from evalsuite.errors import UsageError
from evalsuite.redact import shown

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint
    from evalsuite.judging.judge import Judge


def run(
    ckpt: Annotated[
        list[str],
        typer.Option(
            "--ckpt",
            help="Folder, adapter, GGUF file, hub id, demo:minilm or demo:smollm2. Repeatable.",
        ),
    ],
    suite: SuiteName = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="Tasks instead of a suite: a,mteb:STSBenchmark,lm_eval:NAME."),
    ] = None,
    tasks_dir: TasksDir = None,
    data: Data = None,
    limit: Limit = None,
    seed: Seed = 42,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run tasks as their files say under 'quick'.")
    ] = False,
    embed_length: Annotated[
        int | None,
        typer.Option(min=8, help="Kind rag: tokens after which a text to embed is cut."),
    ] = None,
    retriever: Annotated[
        str | None,
        typer.Option(help="Kind rag: checkpoint that finds the documents, if another."),
    ] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=1, help="Examples in the instruction of embedding tasks.")
    ] = 0,
    out: Results = Path("results"),
    reports: Annotated[Path, typer.Option(help="Folder for the table and the figure.")] = Path(
        "reports"
    ),
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Evaluate again what is already stored.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and each rendered prompt, then stop.")
    ] = False,
    engine: Engine = "auto",
    prefix_caching: PrefixCaching = False,
    judge: Annotated[
        str | None,
        typer.Option(help="Judge of AlpacaEval: a model at --judge-url, or a checkpoint."),
    ] = None,
    judge_url: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible endpoint; the key: EVALSUITE_JUDGE_KEY."),
    ] = None,
    judge_order: Annotated[
        Literal["random", "both"] | None,
        typer.Option(
            help="Order in which the judge sees two answers; random if not given.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    dtype: Precision = "auto",
    kind: Annotated[
        Literal["sentence-transformers", "grit", "causal", "encoder", "generative"] | None,
        typer.Option("--as", help="What the checkpoint is, where detection errs."),
    ] = None,
    base: Annotated[str | None, typer.Option(help="Base of an adapter, if not its own.")] = None,
    protocol: Annotated[
        Literal["grit", "raw-llm", "sentence-transformers"] | None,
        typer.Option(help="Preset for the embedding options below."),
    ] = None,
    instructions: Annotated[
        str | None, typer.Option(help="Instruction set: e5, medi2 …, task, none or a YAML file.")
    ] = None,
    wrapper: Annotated[
        str | None,
        typer.Option(help="gritlm, zephyr, tulu, mistral, raw, or a template with {instruction}."),
    ] = None,
    bare_wrapper: Annotated[
        str | None, typer.Option(help="What the wrapper puts before texts without an instruction.")
    ] = None,
    attention: Annotated[
        Literal["bidirectional", "causal"] | None, typer.Option(help="Attention when embedding.")
    ] = None,
    pooling: Annotated[
        Literal["mean", "weighted_mean", "last", "cls"] | None, typer.Option(help="Pooling.")
    ] = None,
    pool_instruction: Annotated[
        bool | None,
        typer.Option(
            "--pool-instruction/--no-pool-instruction",
            help="Let wrapper and instruction enter the mean.",
        ),
    ] = None,
    normalize: Annotated[
        bool | None, typer.Option("--normalize/--no-normalize", help="L2-normalise embeddings.")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Tokens after which a text to embed is cut.")
    ] = None,
    chat_template: Annotated[
        str | None, typer.Option(help="Jinja file, or none for base-model prompts.")
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Load pickle weights: they can run code.")
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the checkpoint brings.")
    ] = False,
) -> None:
    """Evaluate checkpoints; print the table, draw the figure."""
    INTERRUPTS.line = shown(
        f"interrupted; what is finished is kept in {out}; the same command goes on from there"
    )
    from evalsuite.checkpoint.models import CheckpointOptions
    from evalsuite.commands.run import RunRequest, run_command
    from evalsuite.run.options import RunOptions

    if suite and tasks:
        raise UsageError("--suite and --tasks exclude each other", "give one of them")
    request = RunRequest(
        checkpoints=tuple(ckpt),
        suite=None if tasks else (suite or "smoke"),
        tasks=names(tasks),
        quick=quick,
        tasks_dirs=tuple(tasks_dir or ()),
        results=out,
        reports=reports,
        checkpoint_options=CheckpointOptions(
            kind=kind,
            base=base,
            protocol=protocol,
            wrapper=wrapper,
            bare_wrapper=bare_wrapper,
            instructions=instructions,
            attention=attention,
            pooling=pooling,
            pool_instruction=pool_instruction,
            normalize=normalize,
            max_length=max_length,
            chat_template=chat_template,
            allow_pickle=allow_pickle,
            trust_remote_code=trust_remote_code,
        ),
        options=RunOptions(
            limit=limit,
            device=device,
            dtype=dtype,
            engine=engine,
            prefix_caching=prefix_caching,
            shots=1 if shots else 0,
            data_root=data.resolve() if data else None,
            fresh=fresh,
            seed=seed,
            judge=_judge(judge, judge_url, judge_order),
            embed_length=embed_length,
            retriever=_retriever(retriever),
        ),
    )
    raise typer.Exit(int(run_command(request, console(), dry_run=dry_run)))


def _judge(
    model: str | None, url: str | None, order: Literal["random", "both"] | None
) -> Judge | None:
    from evalsuite.judging.judge import Judge

    if model is not None:
        return Judge(model=model, url=url, order=order or "random")
    if url is not None:
        raise UsageError("--judge-url without --judge", "add --judge MODEL: a model it serves")
    if order is not None:
        raise UsageError("--judge-order without --judge", "add --judge MODEL, or leave it out")
    return None


def _retriever(source: str | None) -> Checkpoint | None:
    if source is None:
        return None
    from evalsuite.checkpoint import resolve

    found = resolve(source)
    if found.embedding is None:
        raise UsageError(f"--retriever {source} cannot embed", "name a checkpoint that can")
    return found
