"""Task files of kind ``alpaca_eval``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from evalsuite.kinds.task import Generation, Task


class AlpacaEvalTask(Task, defer_build=False):
    """A task of kind ``alpaca_eval``: AlpacaEval 1.0 on its data set."""

    kind: Literal["alpaca_eval"]
    generation: Generation = Generation()

    @model_validator(mode="after")
    def _names_its_data(self) -> Self:
        if self.source != "alpaca_eval" or len(self.datasets) != 1:
            raise ValueError(
                "kind 'alpaca_eval' needs 'source: alpaca_eval' and its data set under 'datasets'"
            )
        if self.data is not None or self.columns:
            raise ValueError("'source' names a harness task, so 'data' has no meaning")
        return self
