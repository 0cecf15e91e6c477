"""The claims of the GRIT paper's abstract: published rows, intervals, three answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evalsuite.kinds.rag.report_claim import faster_rag, latency_of
from evalsuite.results.claims import (
    Average,
    ClaimAnswer,
    is_open,
    is_small,
    joined,
    no_loss,
    reservations,
    strength,
)
from evalsuite.results.compare.suite import AverageLine, SuiteComparison
from evalsuite.results.published import published_for
from evalsuite.schema import Record, Suspicion, World, digest
from evalsuite.stats import Difference
from helpers.rag_results import saving, with_latency
from helpers.records import record

M = digest("m")
TABLE_1 = published_for("table1", "grit")
TABLE_2 = published_for("table2", "grit")


def test_the_rows_that_the_claims_are_about() -> None:
    """Table 1: open models of others, E5 Mistral 7B (66.6) the best. Table 2: those up to 8 B."""
    names = {row.name for row in TABLE_1.rows if is_open(row.name)}
    assert "E5 Mistral 7B" in names
    assert not any("GritLM" in name or "OpenAI" in name for name in names)
    small = {row.name for row in TABLE_2.rows if is_small(row.name)}
    assert {"Zephyr 7B β", "Llama 2 7B", "SGPT BE 5.8B"} <= small
    assert not small & {"GPT-4-0613", "Llama 2 70B", "Mixtral 8x7B", "GritLM 7B"}


@pytest.mark.parametrize(
    ("value", "stderr", "answer"),
    [
        (66.8, 0.05, "holds"),
        (66.8, 0.2, "not decidable"),
        (60.0, 0.5, "does not hold"),
        (66.8, None, "not decidable"),
    ],
)
def test_embedding_strength(value: float, stderr: float | None, answer: ClaimAnswer) -> None:
    claim = strength("embedding", Average(value, stderr), TABLE_1)
    assert claim.answer == answer
    assert "best published row: E5 Mistral 7B, 66.6" in claim.measured


def test_without_an_average_or_published_rows_nothing_is_decided() -> None:
    assert strength("embedding", None, TABLE_1).answer == "not decidable"
    claim = strength("generative", Average(90.0, 0.1), None)
    assert claim.answer == "not decidable"
    assert "the claim is about the suite grit" in claim.measured[1]


def test_the_papers_own_figures_hold() -> None:
    """GritLM 7B, as printed, against the rows of its own tables."""
    for world, table in (("embedding", TABLE_1), ("generative", TABLE_2)):
        own = next(row.average for row in table.rows if row.name == "GritLM 7B")
        assert own is not None
        assert strength(world, Average(own, 0.0), table).answer == "holds"  # type: ignore[arg-type]


def compared(world: World, delta: float, stderr: float) -> SuiteComparison:
    line = AverageLine(
        world=world,
        section=world,
        label="Avg",
        first=0.6,
        second=0.6 + delta,
        difference=Difference(delta, stderr, 1000, paired=True),
        equivalent_p=None,
        average=True,
    )
    return SuiteComparison(
        first=f"{world}-only", second="unified", tasks=(), averages=(line,), missing=(), margin=None
    )


@pytest.mark.parametrize(
    ("delta", "stderr", "answer"),
    [
        # One-sided at 5 %: the lower bound is delta - 1.646 stderr.
        (-0.005, 0.0030, "holds"),
        (-0.005, 0.0031, "not decidable"),
        (-0.030, 0.0100, "does not hold"),
        (-0.020, 0.0100, "not decidable"),
        (0.020, 0.0100, "holds"),
    ],
)
def test_no_loss(delta: float, stderr: float, answer: ClaimAnswer) -> None:
    both = {w: compared(w, delta, stderr) for w in ("embedding", "generative")}
    assert no_loss(both, 1.0, {}).answer == answer  # type: ignore[arg-type]


def test_half_of_a_comparison_can_refute_but_not_confirm() -> None:
    fine, bad = compared("embedding", 0.0, 0.001), compared("embedding", -0.1, 0.001)
    assert no_loss({"embedding": fine, "generative": None}, 1.0, {}).answer == "not decidable"
    assert no_loss({"embedding": bad, "generative": None}, 1.0, {}).answer == "does not hold"
    assert joined(["holds", "not decidable", "does not hold"]) == "does not hold"


def latency(low: float, high: float, longest: int = 4000, embedded: int = 8192) -> Record:
    made = record("t", 1.0).model_copy(update={"details": {"embed_length": embedded}})
    saved = saving((low + high) / 2, low, high, 9)
    return with_latency(made, [250, longest], doc_cache_A=saved)


@pytest.mark.parametrize(
    ("low", "high", "longest", "answer"),
    [
        (0.74, 0.86, 4000, "holds"),
        (0.40, 0.55, 4000, "does not hold"),
        (0.55, 0.65, 4000, "not decidable"),
        (0.74, 0.86, 1000, "not decidable"),
    ],
)
def test_faster_rag(low: float, high: float, longest: int, answer: ClaimAnswer) -> None:
    claim = faster_rag(M, [latency(low, high, longest)])
    assert claim.answer == answer
    assert f"{longest:,} tokens" in claim.measured[0]


def test_a_cache_of_part_of_the_document_decides_nothing() -> None:
    """Plain RAG reads all 4,000 tokens, a cache made with --embed-length 512 holds 512."""
    cut, whole = latency(0.8, 0.9, embedded=512), latency(0.1, 0.2)
    claim = faster_rag(M, [cut])
    assert claim.answer == "not decidable"
    assert "up to 512 tokens" in claim.measured[1]
    newest = cut.model_copy(update={"created": whole.created + timedelta(days=1)})
    assert latency_of(M, [whole, newest]) is whole


def test_limited_and_suspect_scores_carry_no_claim() -> None:
    plain = record("t", 0.7)
    short = plain.signature.model_copy(update={"limit": 8})
    limited = plain.model_copy(update={"signature": short})
    (reason,) = reservations([plain, limited], limit=True)
    assert "--limit 8" in reason
    assert not reservations([limited], limit=False)
    held = strength("embedding", Average(70.0, 0.1), TABLE_1, [reason])
    assert held.answer == "not decidable"
    assert reason in held.measured
    doubt = Suspicion(code="collapsed-embeddings", what="alike", next_step="look")
    suspect = plain.model_copy(update={"suspicions": (doubt,)})
    assert plain.signature.task in reservations([suspect], limit=False)[0]
    fine = {w: compared(w, 0.0, 0.001) for w in ("embedding", "generative")}
    said = no_loss(fine, 1.0, {"embedding": ["suspect"]})  # type: ignore[arg-type]
    assert said.answer == "not decidable"
    assert "embedding: suspect" in said.measured
    timed = latency(0.8, 0.9).model_copy(update={"suspicions": (doubt,)})
    assert faster_rag(M, [timed]).answer == "not decidable"


def test_the_newest_latency_of_the_checkpoint_counts() -> None:
    old, other = latency(0.1, 0.2), record("t", 0.5)
    new = latency(0.7, 0.8).model_copy(update={"created": old.created + timedelta(days=1)})
    assert latency_of(M, [new, old, other]) is new
    assert latency_of(digest("x"), [new, old]) is None
    assert faster_rag(M, [other]).answer == "not decidable"
