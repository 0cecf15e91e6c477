"""A small suite for the tests of the report room."""

from __future__ import annotations

import pytest

from evalsuite.registry.suites import Column, Section, Suite


@pytest.fixture
def suite() -> Suite:
    """Two embedding columns averaged over tasks, two generative ones over columns."""
    return Suite(
        name="small",
        tasks=("a1", "a2", "a3", "b1", "g1", "g2"),
        sections=(
            Section(
                world="embedding",
                title="Embedding",
                columns=(
                    Column(label="A", tasks=("a1", "a2", "a3")),
                    Column(label="B", category="b"),
                ),
                average="tasks",
            ),
            Section(
                world="generative",
                title="Generative",
                columns=(Column(label="G1", tasks=("g1",)), Column(label="G2", tasks=("g2",))),
            ),
        ),
    )
