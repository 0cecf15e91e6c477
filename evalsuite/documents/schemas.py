"""JSON Schema of every document, by name."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from evalsuite.documents.base import VERSION, ErrorDocument
from evalsuite.documents.checks import (
    BaselineDocument,
    BaselinesDocument,
    CheckDocument,
    DoctorDocument,
)
from evalsuite.documents.events import RunLine
from evalsuite.documents.stored import (
    ImportDocument,
    ResultsDocument,
    TaskDocument,
    TasksDocument,
)
from evalsuite.documents.tables import CompareDocument, TableDocument
from evalsuite.errors import UsageError, did_you_mean

SCHEMAS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "table": (TableDocument, "evalsuite table"),
    "compare": (CompareDocument, "evalsuite compare"),
    "check": (CheckDocument, "evalsuite check"),
    "run": (RunLine, "evalsuite run, each line of it"),
    "results": (ResultsDocument, "evalsuite results ls"),
    "import": (ImportDocument, "evalsuite import"),
    "tasks": (TasksDocument, "evalsuite tasks list"),
    "task": (TaskDocument, "evalsuite tasks show"),
    "baselines": (BaselinesDocument, "evalsuite baseline list, baseline set"),
    "baseline": (BaselineDocument, "evalsuite baseline show"),
    "doctor": (DoctorDocument, "evalsuite doctor"),
    "error": (ErrorDocument, "any of them, where it ends without a result"),
}
"""Name → model, and the command that prints it."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a document, draft 2020-12.

    Raises:
        UsageError: If no document has that name.
    """
    if name not in SCHEMAS:
        raise UsageError(f"no document is called {name!r}", did_you_mean(name, SCHEMAS))
    model, _ = SCHEMAS[name]
    schema = model.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:evalsuite:{name}:{VERSION}",
        **schema,
    }


def names_and_commands() -> list[str]:
    """The names that :func:`json_schema` takes, a line each with the command."""
    width = max(map(len, SCHEMAS))
    return [f"{name:<{width}}  {command}" for name, (_, command) in SCHEMAS.items()]
