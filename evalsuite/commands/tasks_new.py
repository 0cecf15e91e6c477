"""``evalsuite tasks new``: a task file that runs, with its data, to be changed into one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.paths import shipped_examples
from evalsuite.yaml_file import YamlFile

EXAMPLES: Final = {
    "classification": "ticket-intent",
    "clustering": "ticket-topics",
    "pair_classification": "ticket-duplicates",
    "reranking": "answer-ranking",
    "retrieval": "faq-search",
    "beir": "help-search",
    "sts": "ticket-sts",
    "summarization": "ticket-summaries",
    "multiple_choice": "product-quiz",
    "generate": "price-arithmetic",
    "code": "small-functions",
    "lm_eval": "lm_eval:manual_ppl",
}
"""What a person asks for → the example task that is copied."""


def new_task(type_: str, folder: Path) -> str:
    """Copy an example and its data into a tasks folder.

    Args:
        type_: A key of :data:`EXAMPLES`.
        folder: The tasks folder; made if need be.

    Returns:
        The files that were written, and a command that runs the task.

    Raises:
        UsageError: For an unknown type, a file that is there already, or a folder that cannot be
            written.
    """
    if type_ not in EXAMPLES:
        raise UsageError(
            f"there is no example of type {type_!r} (types: {', '.join(EXAMPLES)})",
            did_you_mean(type_, EXAMPLES),
        )
    name, root = EXAMPLES[type_], shipped_examples()
    files = _files(name, root)
    for file in files:
        if (target := folder / file).exists():
            raise UsageError(f"{target} is there already", "name another folder, or move the file")
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, folder / file)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from None
    embeds = type_ != "lm_eval" and _raw(name, root)["kind"] == "mteb"
    demo = "minilm" if embeds else "smollm2"
    run = f"evalsuite run --ckpt demo:{demo} --tasks-dir {folder} --tasks {name}"
    return "\n".join([*(str(folder / file) for file in files), f"run it: {run}"])


def _files(name: str, root: Path) -> list[Path]:
    """The files of an example, relative to the folder of all examples."""
    if name.startswith("lm_eval:"):
        return [path.relative_to(root) for path in _inside(root / "lm_eval")]
    data = _raw(name, root)["data"]
    named = [data] if isinstance(data, str) else data.values()
    found = [path.relative_to(root) for one in named for path in _inside(root / one)]
    return [Path(f"{name}.yaml"), *found]


def _raw(name: str, root: Path) -> dict[str, Any]:
    return YamlFile(root / f"{name}.yaml").mapping("a task")


def _inside(path: Path) -> list[Path]:
    """A file, or all files below a folder."""
    if path.is_file():
        return [path]
    below = (one for one in path.rglob("*") if "__pycache__" not in one.parts)
    return sorted(one for one in below if one.is_file())
