"""What the samples of lm-eval have in common, whether evaluated here or read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalsuite.kinds.lm_eval.grit.rows import GROUP, ID

PLAIN_FILTER = "none"
"""lm-eval's name for the filter that leaves a response as it is."""

INVALID = "[invalid]"
"""What lm-eval's extraction filters give where they find nothing."""


def sample_identity(name: str, example: Mapping[str, Any], leaves: int) -> dict[str, Any]:
    """A sample's id and what it belongs to.

    Shipped tasks give their items names that are the same in every variant; others are counted
    within their task. Items of a task that has parts belong to their part.

    Args:
        name: The task without parts that the sample is of.
        example: What lm-eval logs of it.
        leaves: Number of tasks without parts that the score is over.
    """
    doc = example.get("doc")
    row = doc if isinstance(doc, Mapping) else {}
    return {
        "sample": str(row.get(ID, f"{name}/{example.get('doc_id')}")),
        "group": str(row.get(GROUP, name if leaves > 1 else "")),
    }


def stated_identity(row: Mapping[str, Any]) -> dict[str, str]:
    """What an item's own data must say for :func:`sample_identity` to give a sample its names."""
    return {ID: str(row["sample"]), GROUP: str(row.get("group") or "")}
