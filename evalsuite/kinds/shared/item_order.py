"""The random order in which the items of a generative task are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalsuite.schema import Signature, digest

if TYPE_CHECKING:
    from evalsuite.kinds.base import Context
    from evalsuite.run.options import Resolved


def random_order(n: int, data: str, seed: int, part: str = "") -> list[int]:
    """A random order of items that is the same for every checkpoint.

    Args:
        n: Number of items.
        data: Hash of the task's data.
        seed: Of the run.
        part: The part of the task that the items are of.

    Returns:
        The indices from 0 to ``n − 1``, each once.
    """
    state = int(digest([data, seed, part]), 16)
    return [int(index) for index in np.random.default_rng(state).permutation(n)]


def random_choice(n: int, limit: int, data: str, seed: int, part: str = "") -> list[int]:
    """Items that a limit keeps: the first of the random order, so that a larger limit keeps them.

    Returns:
        Their indices, sorted.
    """
    return sorted(random_order(n, data, seed, part)[:limit])


def kept_items(context: Context, n: int, data: str, part: str = "") -> list[int]:
    """The items of ``n`` that a limit keeps: their indices, sorted; all without a limit.

    A person's limit chooses at random. One of the task's file is part of its definition: it keeps
    the first rows.

    Args:
        context: Of the job.
        n: Number of items.
        data: Hash of the task's data.
        part: The part of the task that the items are of.
    """
    if context.limit is None or not chooses(context.options):
        return list(range(min(n, context.limit or n)))
    return random_choice(n, context.limit, data, context.seed, part)


def chooses(options: Resolved) -> bool:
    """Whether a person's limit chooses items of generative tasks at random."""
    return options.limit is not None and not options.limit_first


def with_choice(signature: Signature, options: Resolved) -> Signature:
    """A signature that says so where items are chosen at random."""
    return signature.model_copy(update={"chosen": "random"}) if chooses(options) else signature
