"""Made-up data for any text task of mteb, in the layout that its loader reads.

``Hub`` stands in for the Hugging Face hub: mteb's loaders ask it for data sets by the functions of
``datasets``, and it answers with rows drawn by a seed. The columns of a data set are found out: the
task's loader is run, and what it misses is added. Where a loader cannot be followed in that way,
``as_loaded`` gives the data in the form that loaders leave behind.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import datasets
from datasets import Dataset, DatasetDict
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification
from mteb.abstasks.regression import AbsTaskRegression
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
from mteb.abstasks.text.summarization import AbsTaskSummarization

from made_up_rows import TABLES, Rows, retrieval_table, split_data

ATTEMPTS = 40
"""What is added to a layout at most."""
ROWS = 36
OWN_VALUES: dict[str, list[Any]] = {"CExaPPC": ["other", "paraphrase"]}
"""Labels that a loader looks for by name."""
VALUES = ((0, 1), (1, 2), ("0", "1"), ("a", "b", "c"))
"""Labels that are tried where others do not fit."""
SPLITS = frozenset({"train", "test", "validation", "dev", "val", "eval", "full"})


@dataclass
class Layout:
    """What a raw data set holds."""

    columns: dict[str, str]
    """Column → what is in it: ``text``, ``label``, ``score``, ``labels``, ``texts`` …"""
    splits: list[str]
    renamed: dict[str, str] = field(default_factory=dict)
    """Raw column → the column that the loader makes of it."""
    values: list[Any] = field(default_factory=lambda: [0, 1, 2])
    """The labels."""
    languages: list[str] = field(default_factory=list)
    """The values of a column that names the subset."""


def table(layout: Layout, key: tuple[str, ...], rows: int = ROWS) -> Dataset:
    """Rows with the columns of a layout; texts follow the labels."""
    if "lang" in layout.columns.values():
        rows *= len(layout.languages)
    topics = Rows(*key, "topics").topics(rows, len(layout.values))
    columns = {
        name: _column(kind, Rows(*key, name), topics, layout)
        for name, kind in layout.columns.items()
    }
    return Dataset.from_dict(columns)


def _column(kind: str, draw: Rows, topics: list[int], layout: Layout) -> list[Any]:
    if kind == "label":
        return [layout.values[t] for t in topics]
    if kind == "labels":
        return [
            [layout.values[t], layout.values[(t + i) % len(layout.values)]][: 1 + i % 2]
            for i, t in enumerate(topics)
        ]
    if kind == "score":
        return draw.numbers(len(topics), 5.0)
    if kind == "texts":
        return [[draw.text(j % len(layout.values)) for j in range(12)] for _ in topics]
    if kind == "set_labels":
        return [[layout.values[j % len(layout.values)] for j in range(12)] for _ in topics]
    if kind == "scores":
        return [draw.numbers(12, 5.0) for _ in topics]
    if kind == "lang":
        return [layout.languages[i % len(layout.languages)] for i in range(len(topics))]
    return [draw.text(t) for t in topics]


def final_columns(task: Any) -> dict[str, str]:
    """The columns that mteb evaluates → their kind."""
    if isinstance(task, AbsTaskRegression):
        return {task.input_column_name: "text", task.label_column_name: "score"}
    if isinstance(task, AbsTaskMultilabelClassification):
        return {task.input_column_name: "text", task.label_column_name: "labels"}
    if isinstance(task, AbsTaskClusteringLegacy):
        return {task.input_column_name: "texts", task.label_column_name: "set_labels"}
    if isinstance(task, AbsTaskSTS):
        return {**dict.fromkeys(task.column_names, "text"), "score": "score"}
    if isinstance(task, AbsTaskSummarization):
        return {
            task.text_column_name: "text",
            task.human_summaries_column_name: "texts",
            task.machine_summaries_column_name: "texts",
            task.relevancy_column_name: "scores",
        }
    if isinstance(task, AbsTaskBitextMining):
        pairs = task._get_pairs(task.parallel_subsets)  # noqa: SLF001 - mteb has no other way
        return {column: "text" for pair in pairs for column in pair}
    if task.metadata.type == "PairClassification":
        return {
            task.input1_column_name: "text",
            task.input2_column_name: "text",
            task.label_column_name: "label",
        }
    return {task.input_column_name: "text", task.label_column_name: "label"}


def first_layout(task: Any) -> Layout:
    """The layout to begin with: the columns that are evaluated, before their renaming."""
    final, splits = final_columns(task), list(task.metadata.eval_splits)
    if isinstance(task, AbsTaskClassification) and task.train_split not in splits:
        splits.append(task.train_split)
    renamed = _renamings(type(task))
    back = {new: old for old, new in renamed.items()}
    columns = {back.get(name, name): kind for name, kind in final.items()}
    pairs = task.metadata.type == "PairClassification"
    own = "dataset_transform" in vars(type(task))
    values: list[Any] = [0, 1] if pairs and not own else [0, 1, 2]
    return Layout(columns, splits, renamed, OWN_VALUES.get(task.metadata.name, values))


def _renamings(kind: type[Any]) -> dict[str, str]:
    """Old → new name of the columns that the class of a task renames."""
    found: dict[str, str] = {}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return found
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        with contextlib.suppress(ValueError):
            if node.func.attr == "rename_column" and len(node.args) == 2:
                found[ast.literal_eval(node.args[0])] = ast.literal_eval(node.args[1])
            if node.func.attr == "rename_columns" and node.args:
                found.update(ast.literal_eval(node.args[0]))
    return {str(old): str(new) for old, new in found.items()}


class Hub:
    """Stands in for the hub while one task is loaded."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.layout = (
            first_layout(task) if not isinstance(task, AbsTaskRetrieval) else Layout({}, [])
        )
        self.layout.languages = list(task.hf_subsets)
        self._values = [list(values) for values in VALUES if [*values] != self.layout.values]
        self.retrieval = isinstance(task, AbsTaskRetrieval)

    def load_dataset(
        self, path: str, name: str | None = None, split: str | None = None, **_: Any
    ) -> Any:
        """Rows of a configuration, drawn anew in the same way at every call."""
        if self.retrieval:
            return self._retrieval(name or "default", split)
        if own := OWN.get(self.task.metadata.name):
            return DatasetDict({s: own(str(name), s) for s in self.layout.splits})
        splits = {s: table(self.layout, (path, str(name), s)) for s in self.layout.splits}
        return DatasetDict(splits) if split is None else splits[split]

    def config_names(self, *_: Any, **__: Any) -> list[str]:
        """The configurations of a retrieval data set."""
        kinds = ["corpus", "queries", "qrels"]
        kinds += ["qrel_diff"] if self.task.metadata.main_score == "p-MRR" else []
        kinds += ["top_ranked"] if "eranking" in self.task.metadata.type else []
        kinds += ["instruction"] if "Instruction" in self.task.metadata.type else []
        subsets = self.task.metadata.hf_subsets
        named = [f"{subset}-{kind}" for subset in subsets for kind in kinds]
        return [*named, "default", *kinds]

    def split_names(self, *_: Any, **__: Any) -> list[str]:
        """The splits of every configuration."""
        return list(self.task.metadata.eval_splits)

    def _retrieval(self, config: str, split: str | None) -> Any:
        names = [part for part in TABLES if part in config]
        kind = names[0] if names else "qrels"
        subset = config.replace(kind, "").strip("-")
        if split is None:
            made = {s: retrieval_table(self.task, kind, subset, s) for s in self.split_names()}
            return DatasetDict(made | {kind: made[self.split_names()[0]]})
        return retrieval_table(self.task, kind, subset, split)

    def follow(self, make: Callable[[], Any]) -> Hub:
        """Find the layout out by letting new objects of the task load; the hub."""
        with served(self):
            for _ in range(ATTEMPTS):
                try:
                    make().load_data()
                    break
                except Exception as error:
                    if not self.learn(error):
                        raise
        return self

    def learn(self, error: Exception) -> bool:
        """Change the layout so that a loader may get further; whether there was a way."""
        text, layout = str(error), self.layout
        if self.retrieval:
            return False
        if found := re.search(r"New column name (\S+) already in the dataset", text):
            return layout.columns.pop(found[1], None) is not None
        names = _missing(text)
        if not names and isinstance(error, KeyError) and isinstance(error.args[0], str):
            name = error.args[0]
            if name in SPLITS or name in self.task.metadata.eval_splits:
                layout.splits += [name] if name not in layout.splits else []
                return name not in layout.splits[:-1]
            names = [name] if " " not in name else []
        new = {name: _guess(name, layout) for name in names if name not in layout.columns}
        layout.columns |= new
        return bool(new) or self._other_values()

    def _other_values(self) -> bool:
        """Try the next labels; whether there were any."""
        if not self._values:
            return False
        self.layout.values = self._values.pop(0)
        return True


def _missing(text: str) -> list[str]:
    """The columns that an error of ``datasets``, polars or mteb names as missing."""
    for pattern in (
        r"[Cc]olumn names? (\{.*?\}|\[.*?\]|\S+) not in the dataset",
        r"Column to remove (\[.*?\]) not in the dataset",
        r"Missing required columns in dataset: (\{.*?\})",
        r"unable to find column (\S+);",
        r"Column (\S+) (?:not in|doesn't exist)",
    ):
        if found := re.search(pattern, text):
            return re.findall(r"[^\s'\"{}\[\],][^'\"{}\[\],]*", found[1])
    return []


def _guess(column: str, layout: Layout) -> str:
    target = layout.renamed.get(column, column).lower()
    if target == "lang":
        return "lang"
    if target in ("score", "value") or "sim" in target:
        return "score"
    words = ("label", "class", "category", "topic", "intent", "sentiment", "target")
    return "label" if any(word in target for word in words) else "text"


def _bucc(subset: str, split: str) -> Dataset:
    draw = Rows("BUCC", subset, split)
    first = [draw.text(i % 8) for i in range(30)]
    second = [draw.text(i % 8) for i in range(40)]
    gold = [[i + 1, i + 3] for i in range(20)]
    return Dataset.from_dict({"sentence1": [first], "sentence2": [second], "gold": [gold]})


def _arrangements(subset: str, split: str) -> Dataset:
    draw = Rows("arrangements", subset, split)
    rounds = [{"round_id": f"r{i}", "texts": [draw.text(j) for j in range(9)]} for i in range(4)]
    return Dataset.from_list(
        [{**one, "x": draw.numbers(9, 5), "y": draw.numbers(9, 7)} for one in rounds]
    )


OWN: dict[str, Callable[[str, str], Dataset]] = {
    "BUCC": _bucc,
    "StakeholderGrounding": _arrangements,
}
"""Tasks whose data has a form of its own."""


def as_loaded(task: Any) -> Any:
    """Data in the form that a task's loader leaves in ``task.dataset``."""
    splits = list(task.metadata.eval_splits)
    if isinstance(task, AbsTaskRetrieval):
        return {
            subset: {split: split_data(task, subset, split) for split in splits}
            for subset in task.hf_subsets
        }
    layout = Layout(final_columns(task), first_layout(task).splits)
    if task.metadata.type == "PairClassification":
        layout.values = [0, 1]
    several = task.metadata.is_multilingual and not getattr(task, "parallel_subsets", False)
    subsets = task.hf_subsets if several else ["default"]
    made = {
        subset: DatasetDict(
            {s: table(layout, (task.metadata.name, subset, s)) for s in layout.splits}
        )
        for subset in subsets
    }
    return made if several else made["default"]


@contextlib.contextmanager
def served(hub: Hub) -> Iterator[None]:
    """Let mteb's loaders ask ``hub`` instead of the network."""
    answers: dict[str, Callable[..., Any]] = {
        "load_dataset": hub.load_dataset,
        "get_dataset_config_names": hub.config_names,
        "get_dataset_split_names": hub.split_names,
    }
    modules = [datasets, *(m for n, m in list(sys.modules.items()) if n.startswith("mteb."))]
    before = [
        (module, name, vars(module)[name])
        for module in modules
        for name in answers
        if name in vars(module)
    ]
    for module, name, _ in before:
        setattr(module, name, answers[name])
    try:
        yield
    finally:
        for module, name, original in before:
            setattr(module, name, original)


@contextlib.contextmanager
def loads(kind: type[Any]) -> Iterator[None]:
    """Let a task's class take its data from :func:`as_loaded`."""

    def load_data(self: Any, *_: Any, **__: Any) -> None:
        self.dataset = as_loaded(self)
        self.data_loaded = True

    own = vars(kind).get("load_data")
    kind.load_data = load_data
    try:
        yield
    finally:
        if own is None:
            del kind.load_data
        else:
            kind.load_data = own
