"""The words by which tables and figures are asked for."""

from __future__ import annotations

from typing import Literal

LayoutName = Literal["table1", "table2", "table3", "table4", "table7", "per-dataset"]
"""``table1``: the embedding columns; ``table2``: the generative columns; ``table3``: without and
with reranking; ``table4``: without and with an example in the instruction; ``table7``: one line for
each way of using retrieved documents (all as in the GRIT paper); ``per-dataset``: one line for each
data set, one column for each checkpoint."""

Convention = Literal["paper", "leaderboard"]
"""Which main metric a table shows where two are in use: the one of the task file, which is the GRIT
paper's, or the one of the MTEB leaderboard."""

TableFigure = Literal["scatter", "bars", "heat", "steps"]
"""``scatter``: embedding against generative average; ``bars``: each column with its interval;
``heat``: checkpoint by column; ``steps``: over training steps."""

FigureKind = Literal["scatter", "bars", "heat", "steps", "forest"]
"""A :data:`TableFigure`, or ``forest``: differences from a baseline with their intervals."""
