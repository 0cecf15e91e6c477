"""What is done, what is left to do, and what cannot be done: with a real store and real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Wrapper
from evalsuite.data import files_info, local_info
from evalsuite.engines.device import resolve_dtype
from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.kind import LmEvalKind
from evalsuite.kinds.mteb.kind import MtebKind
from evalsuite.kinds.shared import signatures
from evalsuite.registry.load import Registry
from evalsuite.run.job import Job
from evalsuite.run.options import Resolved, RunOptions
from evalsuite.run.plan import Plan, make_plan
from evalsuite.run.run import execute, store_skips
from evalsuite.schema import DataInfo, Record
from evalsuite.store import Store
from helpers.planned import CHECKPOINT, GRIT, OPTIONS, plan_one
from helpers.records import record


def finish(job: Job, store: Store, data: DataInfo | None = None, score: float = 0.5) -> Record:
    """Store a score for a job, computed from its files as they are now."""
    info = data or files_info(job.task.data or {})
    signed = job.signature.model_copy(update={"data": info.hash})
    made = record(job.task, score, checkpoint=job.checkpoint.ref, signature=signed, data=info)
    store.put(made)
    return made


@pytest.mark.parametrize("task", ["mine", "talk"])
def test_what_is_stored_is_not_done_again(registry: Registry, store: Store, task: str) -> None:
    job = plan_one(registry, store, task)
    assert job.todo
    record = finish(job, store)
    again = plan_one(registry, store, task)
    assert not again.todo
    assert again.record == record
    assert Plan((again,), Resolved()).groups == []


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 3},
        {"seed": 1},
        {"dtype": "float16"},
        {"fresh": True},
    ],
    ids=str,
)
def test_another_run_is_to_do(registry: Registry, store: Store, options: dict[str, object]) -> None:
    finish(plan_one(registry, store), store)
    changed = RunOptions.model_validate({**OPTIONS.model_dump(), **options})
    assert plan_one(registry, store, options=changed).todo


@pytest.mark.parametrize(
    "change",
    [
        {"attention": "causal"},
        {"pooling": "last"},
        {"normalize": True},
        {"max_length": 32},
        {"instructions": "none"},
        {"wrapper": Wrapper(template="{instruction} ")},
        {"wrapper": GRIT.wrapper.model_copy(update={"bare": ""})},  # type: ignore[union-attr]
        {"pool_instruction": True},
    ],
    ids=str,
)
def test_another_protocol_is_to_do(
    registry: Registry, store: Store, change: dict[str, object]
) -> None:
    finish(plan_one(registry, store), store)
    protocol = GRIT.model_copy(update=change)
    other = CHECKPOINT.model_copy(update={"embedding": protocol})
    assert plan_one(registry, store, checkpoint=other).todo
    renamed = CHECKPOINT.model_copy(update={"name": "moved", "source": "elsewhere"})
    assert not plan_one(registry, store, checkpoint=renamed).todo, "a name is no protocol"


def test_other_weights_or_another_chat_template_are_to_do(registry: Registry, store: Store) -> None:
    finish(plan_one(registry, store, "talk"), store)
    weights = CHECKPOINT.model_copy(update={"fingerprint": "2" * 64})
    assert plan_one(registry, store, "talk", weights).todo
    chat = ChatProtocol(template="x", template_hash="12345678")
    assert plan_one(registry, store, "talk", CHECKPOINT.model_copy(update={"chat": chat})).todo


def test_changed_data_is_to_do_and_the_old_score_comes_back_with_the_old_data(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    first = finish(plan_one(registry, store), store)
    path = tmp_path / "tasks" / "rows.jsonl"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"1.5", b"1.6"))
    assert plan_one(registry, store).todo
    second = finish(plan_one(registry, store), store, score=0.6)
    assert plan_one(registry, store).record == second
    path.write_bytes(before)
    assert plan_one(registry, store).record == first


def test_a_changed_task_file_is_to_do(registry: Registry, store: Store, tmp_path: Path) -> None:
    finish(plan_one(registry, store, "talk"), store)
    path = tmp_path / "tasks" / "talk.yaml"
    path.write_text(path.read_text() + "description: new words\n")
    reloaded = Registry.load([tmp_path / "tasks"])
    assert not plan_one(reloaded, store, "talk").todo, "a description is no change"
    path.write_text(path.read_text() + "answer_prefix: 'A:'\n")
    assert plan_one(Registry.load([tmp_path / "tasks"]), store, "talk").todo


def test_data_of_a_harness_task_is_checked_where_it_lies(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "hub" / "mteb" / "stsbenchmark-sts"
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text("{}\n")
    local = OPTIONS.model_copy(update={"data_root": tmp_path / "hub"})
    job = plan_one(registry, store, "mteb:STSBenchmark", options=local)
    finish(job, store, local_info({"mteb/stsbenchmark-sts": folder}))
    assert not plan_one(registry, store, "mteb:STSBenchmark", options=local).todo
    assert plan_one(registry, store, "mteb:STSBenchmark").todo, "the hub's data may differ"
    (folder / "test.jsonl").write_text("{}\n{}\n")
    assert plan_one(registry, store, "mteb:STSBenchmark", options=local).todo


def test_what_a_checkpoint_cannot_is_skipped_even_if_stored(
    registry: Registry, store: Store
) -> None:
    finish(plan_one(registry, store), store)
    cannot = CHECKPOINT.model_copy(update={"cannot": {"embedding": "no hidden states"}})
    plan = make_plan([cannot], [registry.task("mine")], OPTIONS, registry, store)
    [job] = plan.jobs
    assert (job.skip, job.record, job.todo) == ("no hidden states", None, False)
    assert plan_one(registry, store, "talk", cannot).todo, "the other world is not concerned"


def test_a_stored_score_counts_where_this_machine_could_not_measure_it(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = finish(plan_one(registry, store), store)
    for kind in (MtebKind, LmEvalKind):
        monkeypatch.setattr(kind, "blocker", lambda self, task: "no sandbox")
    stored, other = plan_one(registry, store), plan_one(registry, store, "talk")
    assert (stored.skip, stored.record, stored.todo) == (None, record, False)
    assert (other.skip, other.record, other.todo) == ("no sandbox", None, False)
    again = plan_one(registry, store, options=OPTIONS.model_copy(update={"fresh": True}))
    assert (again.skip, again.record) == ("no sandbox", None)


@pytest.mark.parametrize("task", ["mine", "talk"])
def test_a_score_takes_the_place_of_an_earlier_skip(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    with monkeypatch.context() as patch:
        for kind in (MtebKind, LmEvalKind):
            patch.setattr(kind, "blocker", lambda self, task: "no sandbox")
        plan = make_plan([CHECKPOINT], [registry.task(task)], OPTIONS, registry, store)
        store_skips(plan, store)
    assert [record.status for record in store.records()] == ["skipped"]
    finish(plan_one(registry, store, task), store)
    assert [record.status for record in store.records()] == ["scored"]
    assert not list(store.root.rglob("*.outcome.json"))


class NoExecutor:
    """Has nothing to do."""

    def run(self, groups: object, options: object, store: object, hear: object) -> None:
        assert groups == []


def test_a_skip_is_stored_with_its_reason(registry: Registry, store: Store) -> None:
    cannot = CHECKPOINT.model_copy(update={"cannot": {"embedding": "no hidden states"}})
    plan = make_plan([cannot], [registry.task("mine")], OPTIONS, registry, store)
    store_skips(plan, store)
    [kept] = store.records()
    assert (kept.status, kept.reason) == ("skipped", "no hidden states")
    result = execute(plan, store, NoExecutor(), listener=None)  # type: ignore[arg-type]
    assert [record.status for record in result.records] == ["skipped"]
    assert result.failed == []


def test_vllm_embeds_where_it_is_asked_for(
    registry: Registry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "engine_version", lambda name: f"{name} 1.0")
    config = {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    mistral = CHECKPOINT.model_copy(update={"path": tmp_path})
    options = OPTIONS.model_copy(update={"engine": "vllm"})

    job = plan_one(registry, store, checkpoint=mistral, options=options)
    assert "engine:vllm-1.0" in job.signature.short()
    assert job.checkpoint.embedding is not None
    assert job.checkpoint.embedding.engine == "vllm"
    for other in ("auto", "transformers"):
        options = OPTIONS.model_copy(update={"engine": other})
        job = plan_one(registry, store, checkpoint=mistral, options=options)
        assert "engine:transformers-1.0" in job.signature.short()
        assert job.checkpoint == mistral


def test_vllm_is_refused_where_it_cannot_embed_and_has_to(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "engine_version", lambda name: f"{name} 1.0")
    own = GRIT.model_copy(update={"engine": "sentence-transformers"})
    checkpoint = CHECKPOINT.model_copy(update={"embedding": own})
    options = OPTIONS.model_copy(update={"engine": "vllm"})
    job = plan_one(registry, store, "talk", checkpoint, options)
    assert "engine:vllm-1.0" in job.signature.short()
    with pytest.raises(UsageError, match="--engine vllm cannot embed with tiny: a sentence-"):
        plan_one(registry, store, "mine", checkpoint, options)


def test_groups_share_an_engine_and_keep_the_order(registry: Registry, store: Store) -> None:
    other = CHECKPOINT.model_copy(update={"name": "other", "fingerprint": "2" * 64})
    tasks = [registry.task(name) for name in ("mine", "talk", "smoke-sts")]
    finish(plan_one(registry, store, "smoke-sts", other), store)
    plan = make_plan([CHECKPOINT, other], tasks, OPTIONS, registry, store)
    found = [
        (group.checkpoint.name, group.world, [job.task.name for job in group.jobs])
        for group in plan.groups
    ]
    assert found == [
        ("tiny", "embedding", ["mine", "smoke-sts"]),
        ("tiny", "generative", ["talk"]),
        ("other", "embedding", ["mine"]),
        ("other", "generative", ["talk"]),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mteb:STSBenchmarc", "STSBenchmark"), ("lm_eval:gsm8k_cott", "gsm8k_cot")],
)
def test_a_harness_task_that_is_not_there(
    registry: Registry, store: Store, name: str, expected: str
) -> None:
    with pytest.raises(UsageError, match=f"did you mean .*{expected}"):
        plan_one(registry, store, name)


def test_each_form_of_the_vectors_is_a_score_of_its_own(registry: Registry, store: Store) -> None:
    tasks = [registry.task("mine"), registry.task("talk")]
    changed = {**OPTIONS.model_dump(), "dims": "full,32,16", "vectors": "float,int8"}
    options = RunOptions.model_validate(changed)
    plan = make_plan([CHECKPOINT], tasks, options, registry, store)
    forms = [(job.task.name, job.signature.dims, job.signature.vectors) for job in plan.jobs]
    sizes, roundings = (None, 32, 16), (None, "int8")
    expected = [("mine", dims, rounding) for dims in sizes for rounding in roundings]
    assert forms == [*expected, ("talk", None, None)]
    assert len({job.key for job in plan.jobs}) == len(plan.jobs)
    whole = plan_one(registry, store)
    assert plan.jobs[0].key == whole.key, "what is whole is the score that it always was"


def test_late_interaction_models_retrieve_and_rerank_alone(
    registry: Registry, store: Store
) -> None:
    protocol = GRIT.model_copy(update={"engine": "sentence-transformers", "similarity": "maxsim"})
    late = CHECKPOINT.model_copy(update={"embedding": protocol})

    def skip(name: str, options: RunOptions = OPTIONS) -> str | None:
        return plan_one(registry, store, name, late, options).skip

    assert skip("mteb:SciFact") is None
    assert skip("mteb:AskUbuntuDupQuestions") is None
    for name in ("mine", "mteb:STSBenchmark", "mteb:Banking77Classification"):
        assert "only retrieval and reranking" in str(skip(name))
    cut = RunOptions.model_validate({**OPTIONS.model_dump(), "dims": (8,)})
    assert "--dims and --vectors are not for late-interaction" in str(skip("mteb:SciFact", cut))


def test_an_unknown_task_is_an_error_for_a_checkpoint_that_cannot_do_it(
    registry: Registry, store: Store
) -> None:
    generates_alone = CHECKPOINT.model_copy(update={"cannot": {"embedding": "it only generates"}})
    with pytest.raises(UsageError, match=r"did you mean .*STSBenchmark"):
        plan_one(registry, store, "mteb:STSBenchmarc", generates_alone)


def test_what_a_score_is_a_mean_over_is_in_its_signature(registry: Registry, store: Store) -> None:
    """The one split that was scored before a score could have several keeps its key."""
    splits = {
        name: plan_one(registry, store, name).signature.splits
        for name in ("mteb:STSBenchmark", "mteb:AFQMC", "mteb:STSB", "MTOPDomainClassification")
    }
    assert splits == {
        "mteb:STSBenchmark": None,
        "mteb:AFQMC": None,
        "mteb:STSB": "validation+test",
        "MTOPDomainClassification": None,
    }
    shipped = registry.task("MTOPDomainClassification")
    before = shipped.model_copy(update={"splits": ()})
    assert (shipped.hash, shipped.splits) == (before.hash, ("test",))


def test_planning_imports_no_mteb() -> None:
    code = (
        "import sys; from evalsuite.kinds.mteb.scope import scope_of;"
        "from evalsuite.kinds.table import make_task;"
        "task = make_task(name='s', kind='mteb', source='STSB');"
        "print(scope_of(task).splits, 'mteb' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == "('validation', 'test') False"


def test_a_file_that_is_not_there(registry: Registry, store: Store, tmp_path: Path) -> None:
    (tmp_path / "tasks" / "rows.jsonl").unlink()
    with pytest.raises(DataError, match=r"mine: there is no file .*rows\.jsonl"):
        plan_one(registry, store)


def test_planning_writes_nothing(registry: Registry, store: Store) -> None:
    plan_one(registry, store)
    assert not store.root.exists()


def test_the_signature_says_how_the_model_was_asked(registry: Registry, store: Store) -> None:
    signature = plan_one(registry, store).signature
    assert signature.instructions == "task"
    assert signature.instruction == "own text"
    assert signature.template == "<|user|>\n{instruction}\n<|embed|>\n"
    assert (signature.attention, signature.pooling) == ("bidirectional", "mean")
    assert signature.dtype == resolve_dtype("auto", "cpu", "embedding")
    assert (signature.max_length, signature.data) == (64, None)
    talk = plan_one(registry, store, "talk").signature
    assert (talk.dtype, talk.max_length, talk.chat_template) == ("bfloat16", 256, "none")
    assert talk.attention is None
    assert talk.instructions is None


def test_prefix_caching_is_recorded_either_way(registry: Registry, store: Store) -> None:
    vllm = OPTIONS.model_copy(update={"engine": "auto"})
    on = plan_one(registry, store, "talk", options=vllm).signature
    without = vllm.model_copy(update={"prefix_caching": False})
    off = plan_one(registry, store, "talk", options=without).signature
    assert (off.prefix_caching, on.prefix_caching) == (False, True)
    assert "prefix-cache:no" in off.short()
    assert "prefix-cache:yes" in on.short()
    assert off.plan_key != on.plan_key
    assert plan_one(registry, store, "mine", options=vllm).signature.prefix_caching is None


@pytest.mark.parametrize(
    ("config", "asked", "said"),
    [
        ({"model_type": "llama"}, True, True),
        ({"model_type": "llama"}, False, False),
        ({"model_type": "mamba"}, True, False),
        ({"model_type": "llama", "rope_scaling": {"rope_type": "dynamic"}}, True, False),
    ],
    ids=str,
)
def test_prefix_caching_of_transformers_depends_on_the_model(
    registry: Registry,
    store: Store,
    tmp_path: Path,
    config: dict[str, object],
    asked: bool,
    said: bool,
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    checkpoint = CHECKPOINT.model_copy(update={"path": tmp_path})
    assert OPTIONS.engine == "transformers"
    options = OPTIONS.model_copy(update={"prefix_caching": asked})
    signature = plan_one(registry, store, "talk", checkpoint, options).signature
    assert signature.prefix_caching is said
