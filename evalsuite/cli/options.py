"""Options that several commands share, and what the commands get from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.registry.load import Registry

Results = Annotated[
    Path, typer.Option("--out", "--results", help="Folder of the store.", show_default=True)
]
TasksDir = Annotated[
    list[Path] | None,
    typer.Option("--tasks-dir", help="Folder with further task files. May be repeated."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="EVALSUITE_DATA",
        help="Folder with datasets in Hugging Face layout; no network is used then.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Test items of each task.")]
Engine = Annotated[
    Literal["auto", "vllm", "transformers"],
    typer.Option(help="Engine; auto: vllm to generate, and to embed on a GPU where it can."),
]
PrefixCaching = Annotated[
    bool,
    typer.Option("--prefix-caching", help="vLLM reuses common beginnings; may change answers."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Device.")]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(help="auto: bfloat16; float32 to embed on a CPU without bfloat16 instructions."),
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Of all that is drawn at random while running.")
]
SuiteName = Annotated[str | None, typer.Option("--suite", help="Suite; the default is smoke.")]


def names(text: str | None) -> tuple[str, ...]:
    """The names in a list separated by commas."""
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))


def registry(folders: list[Path] | None) -> Registry:
    """The shipped tasks and those of further folders."""
    from evalsuite.registry.load import Registry

    return Registry.load(folders or ())


def console(**kwargs: Any) -> Console:
    """Where results are printed."""
    from rich.console import Console

    return Console(**kwargs)
