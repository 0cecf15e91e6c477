"""The choices of questions whose answers are scored by their likelihood, to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import Any

from evalsuite.kinds.shared.sample_rows import sample_identity
from evalsuite.sample_texts import SampleTexts, shortened, some_items


def choice_texts(
    logged: Mapping[str, Sequence[Mapping[str, Any]]], filters: Mapping[str, str]
) -> SampleTexts | None:
    """The choices of all samples, in the order of their log-likelihoods.

    Args:
        logged: Task without parts → what lm-eval logs of its samples.
        filters: The same task → the filter whose samples are kept.

    Returns:
        ``None`` where no sample has choices.
    """
    items = [
        {
            "sample": sample_identity(name, example, len(filters))["sample"],
            "choices": [shortened(choice) for choice in choices],
        }
        for name, filter_name in filters.items()
        for example in logged[name]
        if example["filter"] == filter_name and len(choices := _choices(example)) > 1
    ]
    return SampleTexts(items=some_items(items)) if items else None


def _choices(example: Mapping[str, Any]) -> list[str]:
    """What follows the prompt in each request; the prompts' own ends where only these differ."""
    requests = example["arguments"]
    if len(requests) < 2 or any(len(one) < 2 or not isinstance(one[1], str) for one in requests):
        return []  # one request, or one that is answered in words
    # Of mutual information, lm-eval asks once more for each choice, without the prompt.
    asked = [one for one in requests if one[0] or not requests[0][0]]
    followed = [one[1] for one in asked]
    if len(set(followed)) > 1:
        return followed
    contexts = [one[0] for one in asked]
    same = commonprefix(contexts).rfind(" ") + 1  # noqa: RUF071 - of texts
    return [context[same:] for context in contexts]
