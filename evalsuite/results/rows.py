"""Which records make up a row: one checkpoint under one protocol."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from evalsuite.results.columns import WORLDS
from evalsuite.results.signatures import PER_TASK, Parts, differences, parts, without
from evalsuite.schema import Record, World, digest
from evalsuite.text import natural

SHARED_KEYS = ("limit", "seed", "device", "code")
"""What a run decides for both worlds at once; embedding and generative scores that agree in it
belong into one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The records of one checkpoint in one world under one protocol."""

    world: World
    records: dict[str, Record]
    """Task → its newest record."""
    older: dict[str, tuple[Record, ...]]
    """Task → newest record of each further signature, newest first."""
    first: Record
    """The oldest record: variants are listed in the order in which they were started."""

    @property
    def shared(self) -> tuple[object, ...]:
        """The part of the protocol that both worlds have."""
        protocol = self.first.signature.protocol
        return tuple(protocol.get(key) for key in SHARED_KEYS)

    @property
    def protocol(self) -> Parts:
        """The protocol in short words; the same for all its records."""
        # Whether its set has an entry for a task is a fact about the task.
        signature = self.first.signature.model_copy(update={"outside_set": None})
        return without(
            parts(signature),
            (*PER_TASK, "shots", "fewshot-seed", "split", "splits", "subsets", "harness"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlan:
    """A row before its means are taken."""

    name: str
    fingerprint: str
    variants: dict[World, Variant]
    difference: str = ""
    """How its protocol differs from the checkpoint's other rows."""
    records: dict[str, Record]
    """Task → record, over both worlds."""
    older: dict[str, tuple[Record, ...]]
    """Task → records of other signatures that were not taken, newest first."""
    stand_ins: frozenset[str] = frozenset()
    """Tasks that are means of others, but have a record of their own."""

    @property
    def imported(self) -> bool:
        """Whether any of its scores was measured by somebody else."""
        return any(record.origin for record in self.records.values())


def plan_rows(records: Iterable[Record], means: Container[str] = ()) -> list[RowPlan]:
    """Group records into rows, sorted by name.

    Records of one checkpoint whose protocols differ within a world never share a row.

    Args:
        records: What the table shows.
        means: Tasks that are means of others.
    """
    by_checkpoint: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.created):
        by_checkpoint.setdefault(record.checkpoint.fingerprint, []).append(record)
    names = {print_: found[-1].checkpoint.name for print_, found in by_checkpoint.items()}
    labels = _labels([found[-1] for found in by_checkpoint.values()])
    rows: list[RowPlan] = []
    for fingerprint in sorted(by_checkpoint, key=lambda key: (natural(names[key]), key)):
        label = labels[fingerprint]
        rows.extend(_checkpoint_rows(label, fingerprint, by_checkpoint[fingerprint], means))
    return rows


def _labels(newest: Sequence[Record]) -> dict[str, str]:
    """Fingerprint → what its row is called: the checkpoint's name, with what sets it apart."""
    by_name: dict[str, list[Record]] = {}
    for record in newest:
        by_name.setdefault(record.checkpoint.name, []).append(record)
    found: dict[str, str] = {}
    for name, same in by_name.items():
        revisions = [_apart(record) for record in same]
        for record, revision in zip(same, revisions, strict=True):
            fingerprint = record.checkpoint.fingerprint
            # Revisions say more than fingerprints, but need not differ.
            apart = revision if revisions.count(revision) == 1 else fingerprint[:8]
            found[fingerprint] = f"{name} ({apart})" if len(same) > 1 else name
    return found


def _apart(record: Record) -> str:
    """What distinguishes checkpoints of one name; published rows have no fingerprint."""
    if record.origin is None:
        return record.checkpoint.fingerprint[:8]
    return (record.origin.revision or "revision not stated")[:19]


def _checkpoint_rows(
    name: str, fingerprint: str, records: Sequence[Record], means: Container[str]
) -> list[RowPlan]:
    variants = {world: _variants(world, records) for world in WORLDS}
    apart = {
        world: dict(zip(map(id, found), differences([v.protocol for v in found]), strict=True))
        for world, found in variants.items()
    }
    several = sum(len(found) > 1 for found in variants.values()) > 1
    rows: list[RowPlan] = []
    for pair in _pairs(variants["embedding"], variants["generative"]):
        present = [variant for variant in pair if variant is not None]
        texts = [
            f"{v.world} {apart[v.world][id(v)]}" if several else apart[v.world][id(v)]
            for v in present
            if apart[v.world][id(v)]
        ]
        rows.append(
            RowPlan(
                name=name,
                fingerprint=fingerprint,
                variants={variant.world: variant for variant in present},
                difference="; ".join(texts),
                records={task: r for v in present for task, r in v.records.items()},
                older={task: r for v in present for task, r in v.older.items()},
                stand_ins=frozenset(t for v in present for t in v.records if t in means),
            )
        )
    return rows


def _variants(world: World, records: Sequence[Record]) -> list[Variant]:
    """Variants of one world, in the order in which they were started; ``records`` by age."""
    here = [record for record in records if record.signature.world == world]
    skipped = [record for record in here if record.status == "skipped"]
    groups: dict[str, list[Record]] = {}
    for record in here:
        if record.status != "skipped":
            groups.setdefault(digest(record.signature.protocol), []).append(record)
    if not groups and skipped:
        groups[""] = []
    # A skip is a fact about the checkpoint or the machine, found before any protocol mattered:
    # it fills the gaps of every variant and never makes one.
    return [_variant(world, group, skipped) for group in groups.values()]


def _variant(world: World, group: Sequence[Record], skipped: Sequence[Record]) -> Variant:
    by_task: dict[str, dict[str, Record]] = {}
    for record in group:
        signatures = by_task.setdefault(record.signature.task, {})
        signatures.pop(record.signature.plan_key, None)
        signatures[record.signature.plan_key] = record
    for record in skipped:
        if record.signature.task not in by_task or not group:
            by_task[record.signature.task] = {"": record}
    newest_first = {task: list(found.values())[::-1] for task, found in by_task.items()}
    return Variant(
        world=world,
        records={task: found[0] for task, found in newest_first.items()},
        older={task: tuple(found[1:]) for task, found in newest_first.items() if len(found) > 1},
        first=(group or skipped)[0],
    )


def _pairs(
    embedding: Sequence[Variant], generative: Sequence[Variant]
) -> list[tuple[Variant | None, Variant | None]]:
    """Embedding and generative variants that share a row.

    With one of each there is nothing to choose. Otherwise those pair that agree in what a run
    decides for both worlds, in the order in which they were started.
    """
    if len(embedding) == len(generative) == 1:
        return [(embedding[0], generative[0])]
    left = list(generative)
    pairs: list[tuple[Variant | None, Variant | None]] = []
    for variant in embedding:
        partner = next((other for other in left if other.shared == variant.shared), None)
        if partner is not None:
            left = [other for other in left if other is not partner]
        pairs.append((variant, partner))
    return pairs + [(None, variant) for variant in left]
