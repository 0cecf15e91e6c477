"""The claim of the GRIT paper's abstract that caching makes answers faster."""

from __future__ import annotations

from collections.abc import Iterable

from evalsuite.kinds.rag.result import embedded_length, has_latency, latency_result
from evalsuite.results.claims import Claim, ClaimAnswer, reservations
from evalsuite.schema import Record

LONG = 4000
"""Tokens of a long document: the greatest length in the paper's Figure 5."""
FASTER = 0.6
"""Share of the time that caching is claimed to save."""
NOT_MEASURED = "latency was not measured: evalsuite run --suite grit-rag"


def faster_rag(fingerprint: str, records: Iterable[Record]) -> Claim:
    """Whether document caching saves more than 60 % of the time on long documents.

    Args:
        fingerprint: Of the checkpoint that the claim is about.
        records: All that is stored.
    """
    record = latency_of(fingerprint, records)
    answer, measured = _answered(record) if record else ("not decidable", [NOT_MEASURED])
    return Claim(
        title="Faster retrieval-augmented generation",
        paper="speeds up RAG by more than 60 % for long documents",
        test=f"document caching saves more than {100 * FASTER:g} % with documents of {LONG:,} "
        "tokens",
        measured=tuple(measured),
        answer=answer,
    )


def latency_of(fingerprint: str, records: Iterable[Record]) -> Record | None:
    """The newest measured latency of a checkpoint, of those with the most embedded."""
    return max(
        (r for r in records if r.checkpoint.fingerprint == fingerprint and has_latency(r)),
        key=lambda record: (embedded_length(record), record.created),
        default=None,
    )


def _answered(record: Record) -> tuple[ClaimAnswer, list[str]]:
    """The answer that a record gives, and what was measured."""
    latency = latency_result(record)
    saving = latency.saving("doc-cache", "A")
    if saving is None:
        return "not decidable", [NOT_MEASURED]
    longest = latency.longest
    what = f"document of {longest:,} tokens, question of 1: document caching takes"
    bounds = f"95 %: {100 * saving.low:.0f} to {100 * saving.high:.0f} %"
    saved = f"{100 * saving.median:.0f} % less time than plain RAG"
    where = f"{record.signature.device}, {record.signature.dtype}"
    measured = f"{what} {saved} ({bounds}, {saving.n} pairs; {where})"
    against = _against(record, longest)
    if against:
        return "not decidable", [measured, *against]
    if saving.low > FASTER:
        return "holds", [measured]
    return ("does not hold" if saving.high <= FASTER else "not decidable"), [measured]


def _against(record: Record, longest: int) -> list[str]:
    """Why the measurement cannot carry the claim, a line a reason."""
    found = list(reservations([record], limit=False))
    if longest < LONG:
        found.append(f"the claim is about documents of {LONG:,} tokens")
    embedded = embedded_length(record)
    if embedded < longest:
        found.append(
            f"embedded and cached up to {embedded:,} tokens, while plain RAG read all: "
            "measure without --embed-length"
        )
    return found
