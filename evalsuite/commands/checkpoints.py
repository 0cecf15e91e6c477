"""Which checkpoints ``evalsuite run`` was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.checkpoint.several import may_be_adapter, members, steps_in
from evalsuite.errors import CheckpointError, UsageError
from evalsuite.text import listed


@dataclass(frozen=True, slots=True)
class FoundCheckpoints:
    """The checkpoints that were named."""

    checkpoints: tuple[Checkpoint, ...]
    """Each once, whatever it was called."""
    left_out: tuple[str, ...]
    """What folders and patterns also name and cannot be evaluated, and what a training left below
    its last model, a line each with the reason."""


def find_checkpoints(texts: Sequence[str], options: CheckpointOptions) -> FoundCheckpoints:
    """Resolve what was typed after ``--ckpt``.

    A folder that holds checkpoints, and a pattern, stand for all complete checkpoints among them.

    Args:
        texts: Checkpoints, folders that hold checkpoints, and patterns.
        options: What overrides detection.

    Raises:
        CheckpointError: For a checkpoint that cannot be evaluated, or a folder or pattern without
            one that can.
        UsageError: If an option contradicts a checkpoint, or changes nothing.
    """
    named = [(text, members(text)) for text in texts]
    sources = [one for text, inside in named for one in inside or (text,)]
    _refuse_unused_base(sources, options)
    found: dict[str, Checkpoint] = {}
    left_out: list[str] = []
    for text, inside in named:
        refused: list[CheckpointError] = []
        for source in inside or (text,):
            try:
                checkpoint = resolve(source, options)
            except CheckpointError as error:
                if not inside:
                    raise
                refused.append(error)
            else:
                first = found.setdefault(checkpoint.fingerprint, checkpoint)
                if first.path != checkpoint.path:
                    left_out.append(f"left out: {source} has the same bytes as {first.source}")
        if inside and len(refused) == len(inside):
            what = f"none of the {len(inside)} checkpoints of {text!r} can be evaluated"
            raise CheckpointError(f"{what}; the first: {refused[0].message}", refused[0].hint)
        left_out += [f"left out: {error.line}" for error in refused]
    left_out += [line for source in sources if (line := _steps_line(source, sources))]
    return FoundCheckpoints(tuple(found.values()), tuple(left_out))


def _steps_line(source: str, sources: Sequence[str]) -> str | None:
    """Which checkpoints in a training's folder are not evaluated, since it is itself one."""
    steps = [path for path in steps_in(source) if str(path) not in sources]
    if not steps:
        return None
    names = listed([path.name for path in steps])
    return f"left out: in {source} lie {names} as well; for them: --ckpt '{source}/*'"


def _refuse_unused_base(sources: Sequence[str], options: CheckpointOptions) -> None:
    if options.base is not None and not any(map(may_be_adapter, sources)):
        what = "is a full model" if len(sources) == 1 else "are full models"
        raise UsageError(
            f"--base changes nothing: {', '.join(sources[:3])} {what}, not an adapter",
            "leave it out, or pass the adapter's folder (with adapter_config.json) as --ckpt",
        )
