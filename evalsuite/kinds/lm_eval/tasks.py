"""Loading lm-eval's own tasks: by name, offline from a local mirror where there is one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from datasets import Dataset, DatasetDict
from lm_eval.tasks import TaskManager
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry, Kind
from lm_eval.tasks._yaml_loader import load_yaml

from evalsuite.data import dataset_folder, hub_info, local_info, rows_hash
from evalsuite.errors import DataError, EvalsuiteError, TaskSkipped, UsageError, first_line
from evalsuite.kinds.lm_eval.code_eval import (
    code_eval_in_sandbox,
    in_sandbox,
    is_marked,
    outside,
)
from evalsuite.kinds.lm_eval.names import (
    IndexEntry,
    find,
    folder_index,
    is_known,
    load_index,
    shipped_index,
)
from evalsuite.kinds.lm_eval.needs import members
from evalsuite.kinds.lm_eval.own_files import local_files
from evalsuite.kinds.lm_eval.packages import missing_package
from evalsuite.kinds.lm_eval.sizes import mirrored
from evalsuite.kinds.lm_eval.task import Decoding
from evalsuite.schema import DataInfo

REVISION = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTasks:
    """Tasks ready for lm-eval, and where their data came from."""

    name: str
    """Name of the task or group that was asked for."""
    tasks: dict[str, Any]
    """lm-eval's ``TaskDict``."""
    data: DataInfo
    multiturn: bool
    """In a chat: few-shot examples as turns of their own (lm-eval's default), or all in one
    message (the GRIT paper's form)."""
    folder: Path | None = None
    """A person's own folder of files in lm-eval's format, if the task is one of them."""
    warnings: tuple[str, ...] = ()

    @property
    def leaves(self) -> dict[str, Any]:
        """The tasks that are evaluated, by name."""
        leaves: dict[str, Any] = self.tasks["tasks"]
        return leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is changed of a task, beside the number of examples."""

    split: str | None = None
    """The split that is scored."""
    parts: frozenset[str] | None = None
    """Of a group or tag: all that is evaluated inside it, by name; ``None`` for everything."""
    decoding: Decoding | None = None

    @property
    def overrides(self) -> dict[str, Any] | None:
        """Keys of lm-eval's task files, for all tasks inside."""
        return {"test_split": self.split} if self.split else None


UNCHANGED: Final = Changes()


def load_source(
    name: str,
    *,
    tokenizer: Path,
    data_root: Path | None,
    shots: int | None,
    seed: int,
    folder: Path | None = None,
    changes: Changes = UNCHANGED,
) -> LoadedTasks:
    """Load a task, group or tag of lm-eval, or one of the shipped task files.

    Args:
        name: lm-eval's name for it.
        tokenizer: Folder of the checkpoint's tokenizer, for tasks that measure text in tokens;
            they get it as lm-eval's command line hands them the model's arguments.
        data_root: Local mirror of the hub; with it nothing is fetched.
        shots: Few-shot examples; ``None`` for what the task says.
        seed: Chooses the few-shot examples where the task draws them at random.
        folder: A person's own folder of files in lm-eval's format.
        changes: What else is changed of it.

    Raises:
        UsageError: If there is no such task, or it cannot have that many shots.
        DataError: If a dataset, a split of it or a package that its loader needs is missing, or
            the loader fails.
        TaskSkipped: If the task would run generated code outside a sandbox.
    """
    wanted = find(name, folder)
    own = folder_index(folder) if folder else {}
    shipped = wanted.name in shipped_index() and wanted.name not in own
    factory = _Factory(
        name, data_root, tokenizer, shipped=shipped, folder=folder, parts=changes.parts
    )
    known = shipped_index() if shipped else load_index() | own
    registry = {entry.name: _entry(entry) for entry in known.values()}
    try:
        built = factory.build(registry[wanted.name], overrides=changes.overrides, registry=registry)
    except EvalsuiteError:
        raise
    except Exception as error:  # loaders and functions of some hundred authors
        raise _not_loaded(name, folder, error) from error
    items = built if isinstance(built, list) else [built]
    loaded: Any = TaskManager(include_defaults=False).load(items)
    for leaf, task in loaded["tasks"].items():
        _set_shots(leaf, task, shots)
        task.set_fewshot_seed(seed)
        if changes.decoding:
            _set_decoding(task, changes.decoding)
    return LoadedTasks(
        name=name,
        tasks=loaded,
        data=_data_info(factory, loaded["tasks"].values()),
        # The examples of the shipped ones are inside the one message.
        multiturn=not shipped,
        folder=folder,
    )


def _not_loaded(name: str, folder: Path | None, error: Exception) -> DataError:
    if lacking := missing_package(name, folder, error):
        return lacking
    unreachable = isinstance(error, ConnectionError)
    return DataError(
        f"the data of lm_eval:{name} cannot be loaded: {_reason(error)}",
        "check the network, or give a folder of local data with --data"
        if unreachable
        else "compare it with the data set on the hub; evalsuite tasks show says which",
    )


def _reason(error: BaseException) -> str:
    """The first line of an error; of a missing key, what it may be the name of."""
    if isinstance(error, KeyError):
        return f"it has no split or column {error}"
    plain = isinstance(error, OSError | ValueError)
    return first_line(error) if plain else f"{type(error).__name__}: {first_line(error)}"


def _entry(known: IndexEntry) -> Entry:
    return Entry(name=known.name, kind=Kind[known.kind], yaml_path=known.path, tags=set(known.tags))


@dataclass
class _Sources:
    """Datasets that were redirected, and those that came from elsewhere."""

    local: dict[str, Path] = field(default_factory=dict)
    hub: dict[str, str] = field(default_factory=dict)
    """Name → the revision that the task file asks for."""
    own: bool = False
    """Whether files were read that belong to the task's folder, and so to its signature."""


class _Factory(TaskFactory):  # type: ignore[misc]
    """Builds tasks with their datasets redirected into a local mirror."""

    def __init__(
        self,
        asked: str,
        data_root: Path | None,
        tokenizer: Path,
        *,
        shipped: bool,
        folder: Path | None,
        parts: frozenset[str] | None,
    ) -> None:
        super().__init__(meta={"tokenizer": str(tokenizer)})
        self._parts = parts
        self._asked = asked
        self._root = data_root
        self._shipped = shipped
        self._folder = folder
        self.sources = _Sources()

    def _load_full_config(
        self, entry: Entry, overrides: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        config = self._read(entry, overrides)
        path = config.get("dataset_path")
        if isinstance(path, str) and not self._own_files(config, entry.yaml_path):
            self._redirect(config, path)
        return config

    def _read(self, entry: Entry, overrides: dict[str, Any] | None) -> dict[str, Any]:
        """What a file says, its functions imported; those of code tasks get the sandbox."""
        path = entry.yaml_path
        marked = path is not None and is_marked(load_yaml(path, resolve_func=False))
        if marked and not in_sandbox(path):
            raise TaskSkipped(outside(entry.name), "use a task of type 'code'")
        with code_eval_in_sandbox() if marked else contextlib.nullcontext():
            config: dict[str, Any] = super()._load_full_config(entry, overrides)
        return config

    def _build_group_members(
        self, member_list: list[Any], group_name: str, overrides: Any, registry: Any
    ) -> list[Any]:
        wanted = [member for member in member_list if self._is_wanted(member)]
        children: list[Any] = super()._build_group_members(wanted, group_name, overrides, registry)
        return children

    def _build_tag(self, entry: Entry, overrides: Any, registry: Any) -> list[Any]:
        if self._parts is not None:
            entry = replace(entry, tags={tag for tag in entry.tags if self._is_wanted(tag)})
        tasks: list[Any] = super()._build_tag(entry, overrides, registry)
        return tasks

    def _is_wanted(self, member: Any) -> bool:
        """Whether a member of a group is among the parts that are evaluated, or holds some."""
        if self._parts is None:
            return True
        if isinstance(member, dict):
            inline = member.get("task")
            if isinstance(inline, list):
                return any(map(self._is_wanted, inline))
            member = inline or member.get("group")
        names = {str(member)}
        if is_known(str(member), self._folder):
            names |= {one.name for one in members(str(member), self._folder)}
        return not names.isdisjoint(self._parts)

    def _own_files(self, config: dict[str, Any], file: Path | None) -> bool:
        """Give a task of one's own the full paths of its data files; whether it has some."""
        kwargs = config.get("dataset_kwargs") or {}
        of_folder = self._folder and file and file.is_relative_to(self._folder)
        if not of_folder or not (files := kwargs.get("data_files")):
            return False
        assert file is not None
        assert self._folder is not None
        found = local_files(files, file.parent, self._folder)
        config["dataset_kwargs"] = kwargs | {"data_files": found}
        self.sources.own = True
        return True

    def _redirect(self, config: dict[str, Any], path: str) -> None:
        kwargs = dict(config.get("dataset_kwargs") or {})
        if self._root is None:
            self.sources.hub[path] = str(kwargs.get("revision", "unknown"))
            return
        revision = kwargs.get("revision")
        folder = dataset_folder(self._root, path, revision)
        if folder is None:
            at = f" (revision {revision})" if revision else ""
            raise DataError(
                f"dataset {path}{at}, needed by lm_eval:{self._asked}, is not in {self._root}",
                f"put it there as {path}, in the layout of a Hugging Face dataset repository",
            )
        kwargs = mirrored(kwargs, folder)
        if "custom_dataset" in config:
            if self._shipped:  # these functions do not get 'dataset_path'
                kwargs["path"] = str(folder)
            else:
                del kwargs["cache_dir"]
        config["dataset_path"] = str(folder)
        config["dataset_kwargs"] = kwargs
        self.sources.local[path] = folder


def _set_shots(name: str, task: Any, shots: int | None) -> None:
    """Set the number of few-shot examples; lm-eval keeps 0 where a task says 0."""
    defined = task.get_config("num_fewshot")
    if shots is None:
        if defined is None:
            task.set_config("num_fewshot", 0)
        return
    if defined == 0 and shots > 0:
        raise UsageError(f"lm_eval:{name} is defined without few-shot examples", "drop 'shots'")
    task.set_config("num_fewshot", shots)


def _set_decoding(task: Any, changed: Decoding) -> None:
    """Give a task that generates other settings, as lm-eval's ``--gen_kwargs`` does."""
    if task.OUTPUT_TYPE != "generate_until":
        return
    settings = {
        "max_gen_toks": changed.max_tokens,
        "until": list(changed.stop) if changed.stop else None,
        "temperature": changed.temperature,
        "top_p": changed.top_p,
        "top_k": changed.top_k,
        "do_sample": None if changed.temperature is None else changed.temperature > 0,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    task.set_config(key="generation_kwargs", value=given, update=True)


def _data_info(factory: _Factory, tasks: Iterable[Any]) -> DataInfo:
    sources = factory.sources
    if sources.local:
        return local_info(sources.local)
    listed = list(tasks)
    if sources.own and not sources.hub:
        return DataInfo(hash=rows_hash(_rows(listed)), source="local")
    revisions = dict(sorted(sources.hub.items()))
    for task in listed:
        if (found := _revision(task.dataset)) and task.DATASET_PATH in revisions:
            revisions[task.DATASET_PATH] = found
    return hub_info(revisions, rows_hash(_rows(listed)))


def _revision(dataset: Any) -> str | None:
    """Commit of a dataset from the hub, from the addresses of its files."""
    tables = dataset.values() if isinstance(dataset, DatasetDict) else [dataset]
    for table in tables:
        checksums = table.info.download_checksums if isinstance(table, Dataset) else None
        for address in checksums or {}:
            if match := REVISION.search(address):
                return match.group(1)
    return None


def _rows(tasks: Iterable[Any]) -> Iterator[Mapping[str, object]]:
    for task in tasks:
        for row in task.eval_docs:
            yield row if isinstance(row, Mapping) else {"row": row}
