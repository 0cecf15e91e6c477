"""Tasks of lm-eval with other examples, split, metric, parts and settings, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval.changes import chosen_parts
from evalsuite.kinds.lm_eval.drawing import fewshot_seed, signed_seed
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.lm_eval.tasks import Changes, LoadedTasks, load_source
from evalsuite.kinds.table import harness_task, kind_of, make_task
from evalsuite.registry.load import Registry

WORDS = ("red", "green", "blue", "black", "white", "grey", "pink", "brown", "gold", "plum")
QUESTION = """\
task: {name}
output_type: generate_until
dataset_path: json
dataset_kwargs: {{data_files: {{train: rows.jsonl, test: rows.jsonl, dev: dev.jsonl}}}}
test_split: test
fewshot_split: train
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
CHOICES = """\
task: colour_choice
output_type: multiple_choice
dataset_path: json
dataset_kwargs: {data_files: {train: rows.jsonl, test: rows.jsonl}}
test_split: test
training_split: train
process_docs: !function mixing.mixed
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{choices.index(answer)}}"
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
MIXING = """\
import random


def mixed(rows):
    def mix(row):
        row["choices"] = random.sample(row["choices"], len(row["choices"]))
        return row

    return rows.map(mix, load_from_cache_file=False)
"""
GROUP = """\
group: colours
task:
  - group: questions
    task: [colour_one, colour_two]
    aggregate_metric_list: [{metric: exact_match, weight_by_size: true}]
  - colour_three
aggregate_metric_list: [{metric: exact_match, weight_by_size: true}]
"""


def _rows(count: int) -> str:
    rows = (
        {"question": f"colour {i}", "answer": WORDS[i], "choices": [WORDS[i - j] for j in range(4)]}
        for i in range(count)
    )
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of colours, and a group of three of them."""
    home = tmp_path_factory.mktemp("tasks") / "lm_eval"
    home.mkdir()
    for name in ("colour_one", "colour_two", "colour_three"):
        (home / f"{name}.yaml").write_text(QUESTION.format(name=name))
    (home / "choice.yaml").write_text(CHOICES)
    (home / "mixing.py").write_text(MIXING)
    (home / "colours.yaml").write_text(GROUP)
    (home / "rows.jsonl").write_text(_rows(10))
    (home / "dev.jsonl").write_text(_rows(4))
    return home


@pytest.fixture(scope="module")
def registry(folder: Path) -> Registry:
    return Registry.load([folder.parent])


def load(folder: Path, name: str, shots: int | None = None, **changes: Any) -> LoadedTasks:
    return load_source(
        name,
        tokenizer=folder,
        data_root=None,
        shots=shots,
        seed=1234,
        folder=folder,
        changes=Changes(**changes),
    )


def prompts(task: Any) -> list[str]:
    task.build_all_requests()
    return [str(one.args[0]) for one in task.instances]


def of_lm_eval(folder: Path, name: str, shots: int) -> list[str]:
    """The prompts that ``lm_eval --tasks NAME --num_fewshot N`` makes."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Silent(LM):  # type: ignore[misc]  # lm-eval's own dummy fetches a tokenizer
        """Answers nothing."""

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            return [(0.0, False)] * len(requests)

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            return [0.0] * len(requests)

        def generate_until(self, requests: list[Any]) -> list[str]:
            return [""] * len(requests)

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = simple_evaluate(
        model=Silent(), tasks=[name], num_fewshot=shots, task_manager=manager, bootstrap_iters=0
    )
    assert found is not None
    samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
    return [str(arguments[0]) for sample in samples for arguments in sample["arguments"]]


@pytest.mark.parametrize(("name", "shots"), [("colour_one", 3), ("colour_choice", 2)])
def test_examples_are_drawn_as_lm_eval_draws_them(
    folder: Path, name: str, shots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)  # plain lm-eval reads data files relative to where it is started
    from evalsuite.kinds.lm_eval.harness import seed_loading

    task = _task(name, shots=shots, folder=folder)
    seed_loading(task, 42)
    loaded = load(folder, name, shots)
    assert fewshot_seed(task, 42) == 1234
    assert prompts(loaded.leaves[name]) == of_lm_eval(folder, name, shots)


def _task(source: str, **keys: Any) -> LmEvalTask:
    made = make_task(name=source, kind="lm_eval", source=source, **keys)
    assert isinstance(made, LmEvalTask)
    return made


def test_the_signature_says_the_seed_where_something_is_drawn(folder: Path) -> None:
    assert signed_seed(_task("arc_challenge", shots=25), 42) == 1234
    assert signed_seed(_task("arc_challenge"), 42) is None, "no examples"
    assert signed_seed(_task("gsm8k_cot"), 42) is None, "the first eight, always"
    assert signed_seed(_task("colour_choice", folder=folder), 42) == 1234, "its code draws"
    assert signed_seed(_task("arc_challenge", shots=25), 7) is None, "drawn by the run's seed"
    assert signed_seed(_task("arc_challenge", shots=25, fewshot_seed=42), 42) is None
    assert signed_seed(_task("grit_gsm8k"), 42) is None, "evalsuite's own"


def test_settings_in_a_name_are_keys_of_a_task_file() -> None:
    name = "lm_eval:gsm8k?metric=exact_match&filter=strict-match&shots=3&max_tokens=64&stop=%0A+Q"
    task = harness_task(name)
    assert isinstance(task, LmEvalTask)
    assert task.model_dump(exclude_defaults=True, exclude={"name", "kind"}) == {
        "source": "gsm8k",
        "shots": 3,
        "main_metric": "exact_match,strict-match",
        "decoding": {"max_tokens": 64, "stop": ("\n", "Q")},
    }
    kind_of(task).check_source(task)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("arc_challenge?metric=acc_nrom", "no metric 'acc_nrom'; did you mean acc_norm"),
        ("gsm8k?metric=exact_match&filter=strict", "no filter 'strict'; did you mean strict-match"),
        ("gsm8k?filter=strict-match", "name the metric too: metric=exact_match&filter="),
        ("arc_challenge?temperature=1", "scores given answers"),
        ("arc_challenge?parts=x", "is one task: it has no parts"),
        ("mmlu?parts=mmlu_anatomi", "no part 'mmlu_anatomi'; did you mean mmlu_anatomy"),
        ("humaneval?shots=3", "is defined without few-shot examples"),
        ("gsm8k?shots=three", "shots: Input should be a valid integer"),
        ("gsm8k?shot=3", "no setting 'shot'; did you mean shots"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(name: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        _planned(f"lm_eval:{name}")
    assert said in refused.value.line


def _planned(name: str) -> None:
    task = harness_task(name)
    assert task is not None
    kind_of(task).check_source(task)


def test_a_part_of_a_group_is_aggregated_as_the_group_is(folder: Path) -> None:
    chosen = chosen_parts("colours", ["questions"], folder)
    assert chosen == {"questions", "colour_one", "colour_two"}
    loaded = load(folder, "colours", parts=chosen_parts("colours", ["*_two", "*_three"], folder))
    assert set(loaded.leaves) == {"colour_two", "colour_three"}
    assert loaded.tasks["groups"]["colours"].aggregate_metric_list[0].metric == "exact_match"
    assert set(load(folder, "colours").leaves) == {"colour_one", "colour_two", "colour_three"}


def test_another_split_is_scored(folder: Path) -> None:
    assert len(list(load(folder, "colour_one").leaves["colour_one"].eval_docs)) == 10
    other = load(folder, "colour_one", split="dev")
    assert len(list(other.leaves["colour_one"].eval_docs)) == 4


def test_settings_take_the_place_of_the_tasks_own(folder: Path) -> None:
    task = harness_task("lm_eval:colour_one?max_tokens=3&temperature=0.5")
    assert isinstance(task, LmEvalTask)
    loaded = load(folder, "colour_one", decoding=task.decoding)
    settings = loaded.leaves["colour_one"].config.generation_kwargs
    expected = {"until": ["\n"], "max_gen_toks": 3, "temperature": 0.5, "do_sample": True}
    assert settings == expected


def test_the_folders_tasks_take_settings_too(registry: Registry) -> None:
    task = registry.task("lm_eval:colours?parts=questions&shots=2")
    assert isinstance(task, LmEvalTask)
    assert task.folder is not None
    kind_of(task).check_source(task)
