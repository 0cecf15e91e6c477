"""What is said of lm-eval's tasks without running their code, against lm-eval's own files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from evalsuite.commands.doctor import packages
from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval.configs import full_config
from evalsuite.kinds.lm_eval.facts import facts_of
from evalsuite.kinds.lm_eval.names import find
from evalsuite.kinds.lm_eval.needs import datasets_of_name, members
from evalsuite.kinds.lm_eval.packages import lacking_packages, missing_package
from evalsuite.kinds.shared.packages import package_of
from evalsuite.registry.load import Registry
from helpers.grit_world import hub_dataset


def test_data_set_split_and_metrics_with_direction_and_unit() -> None:
    facts = facts_of("lambada_openai")
    assert facts["dataset"] == "EleutherAI/lambada_openai at main"
    assert (facts["splits"], facts["subsets"]) == (["test"], ["default"])
    assert facts["metrics"] == [
        "perplexity: lower is better, unit of its own",
        "acc: higher is better, fraction",
    ]


def test_a_group_shows_its_tasks() -> None:
    facts = facts_of("mmlu")
    assert facts["type"] == "group"
    assert "mmlu_stem" in facts["tasks"]
    assert datasets_of_name("mmlu").keys() == {"cais/mmlu"}


def test_its_size_is_counted_where_the_data_is_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"question": f"{i}", "answer": f"#### {i}"} for i in range(7)]
    hub_dataset(tmp_path, "openai/gsm8k", {("main", "test"): rows, ("main", "train"): rows[:3]})
    assert facts_of("gsm8k_cot", root=tmp_path)["samples"] == {"test": 7}
    assert str(facts_of("arc_easy", root=tmp_path)["samples"]).startswith("not known")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "none"))
    assert str(facts_of("gsm8k_cot")["samples"]).startswith("not known")
    from datasets import load_dataset

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    # As a download from the hub leaves it, under the data set's name.
    load_dataset(str(tmp_path / "openai" / "gsm8k"), "main", cache_dir=str(tmp_path / "local"))
    [converted] = (tmp_path / "local").glob("*/main")
    (tmp_path / "cache").mkdir()
    converted.parent.rename(tmp_path / "cache" / "openai___gsm8k")
    assert facts_of("gsm8k_cot")["samples"] == {"test": 7}


def test_rows_of_which_code_makes_the_samples_are_not_called_samples(tmp_path: Path) -> None:
    """``hellaswag`` has ``process_docs``, which could drop or double rows."""
    row = {"ctx_a": "a", "ctx_b": "b", "activity_label": "c", "endings": ["d"], "label": "0"}
    hub_dataset(tmp_path, "Rowan/hellaswag", {("default", "validation"): [row] * 5})
    facts = facts_of("hellaswag", root=tmp_path)
    assert facts["rows"] == {"validation": 5}
    assert "own code" in facts["samples"]


def test_a_task_that_does_not_exist_names_near_ones() -> None:
    with pytest.raises(UsageError, match=r"no task 'gsm9k'; did you mean .*gsm8k"):
        facts_of("gsm9k")


@pytest.mark.parametrize(
    "name", ["mmlu_anatomy", "gsm8k_cot", "arc_easy", "mmlu_flan_n_shot_loglikelihood_anatomy"]
)
def test_included_files_are_read_as_lm_eval_reads_them(name: str) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    path = find(name).path
    assert path is not None
    mine, theirs = full_config(path), load_yaml(path, resolve_func=False)
    assert mine.keys() == theirs.keys()
    plain = [key for key, value in theirs.items() if isinstance(value, str) and "/" not in value]
    assert plain
    assert {key: mine[key] for key in plain} == {key: theirs[key] for key in plain}


def missing(*modules: str) -> tuple[str, ...]:
    return tuple(sorted(package_of(name) for name in modules if find_spec(name) is None))


def test_packages_that_a_task_imports_by_way_of_other_files() -> None:
    """``ifeval/utils.py`` imports a registry, which imports what needs them."""
    assert lacking_packages("ifeval") == missing("immutabledict", "langdetect", "nltk")
    assert lacking_packages("niah_single_1") == missing("wonderwords", "nltk")
    assert lacking_packages("gsm8k_cot") == ()


def test_all_packages_are_named_in_one_go_whatever_words_the_code_finds() -> None:
    lacking = missing("immutabledict", "langdetect", "nltk")
    error = missing_package("ifeval", None, ModuleNotFoundError("x", name="other.inner"))
    assert error is not None
    assert error.hint.endswith(f"pip install {' '.join(sorted({*lacking, 'other'}))}")
    said = Exception("Please install unitxt via 'pip install unitxt'. For more information …")
    error = missing_package("20_newsgroups", None, said)
    assert (error is None) == (find_spec("unitxt") is not None)
    assert missing_package("20_newsgroups", None, ValueError("another defect")) is None
    assert missing_package("a task on own data", None, ValueError("another defect")) is None


def test_tasks_that_a_group_defines_in_place_are_not_looked_up() -> None:
    """``flan_held_in`` defines its tasks by ``include``, without a data set of their own."""
    assert [entry.name for entry in members("flan_held_in")] == ["flan_held_in"]
    assert "anli_r1_prompt-0" in facts_of("flan_held_in")["tasks"]


def test_the_doctor_names_what_a_suite_lacks(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "mine.yaml").write_text("name: mine\ntasks: [Own, smoke-sts]\n")
    (tmp_path / "own.yaml").write_text("name: Own\nkind: lm_eval\nsource: own_x\n")
    home = tmp_path / "lm_eval"
    home.mkdir()
    (home / "x.yaml").write_text("task: own_x\nprocess_results: !function helper.score\n")
    (home / "helper.py").write_text(
        "import json\nimport not_there\n"
        "try:\n    import nor_this\nexcept ImportError:\n    nor_this = None\n"
    )
    [finding] = packages(Registry.load([tmp_path]), "mine")
    assert finding.line == (
        "fail  packages: not-there is not installed: 1 of 2 tasks need it: Own; "
        "pip install not-there"
    )
    (home / "helper.py").write_text("import json\n")
    [finding] = packages(Registry.load([tmp_path]), "mine")
    assert finding.state == "ok"
