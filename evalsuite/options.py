"""Options, declared once: as fields of models, read by the command line and from Python alike.

A field of a pydantic model becomes an option by an :class:`Option` in its annotation::

    limit: Annotated[int | None, Field(ge=1), Option("Test items of each task.")] = None

Type, default and limits are those of the field. Fields that hold another model without being an
option themselves are looked through: their fields are options too.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.settings import DATA

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Option:
    """What a field needs besides type, default and limits to be an option."""

    help: str
    name: str | None = None
    """Name in Python, where it differs from the field's."""
    flags: tuple[str, ...] = ()
    """Names on the command line; without any, ``--`` and the name with dashes."""
    typed: type | None = None
    """Type of what is typed, where the field takes that but holds something else."""
    variable: str | None = None
    """Environment variable that the command line reads where the option is not given."""


_COMMA: Final = re.compile(r",(?![^()]*\))")

RESULTS: Final = Option("Folder of the store.", flags=("--out", "--results"))
TASKS_DIRS: Final = Option(
    "Folder with further task files. May be repeated.", flags=("--tasks-dir",)
)
BASELINES: Final = Option("Folder of the baselines.")
DATA_ROOT: Final = Option(
    "Folder with datasets in Hugging Face layout; no network is used then.",
    name="data",
    variable=DATA,
)


@dataclass(frozen=True, slots=True)
class Declared:
    """An option of a model."""

    name: str
    """Name in Python."""
    path: tuple[str, ...]
    """The field's name, after those of the fields that lead to it."""
    option: Option
    field: FieldInfo
    in_optional_part: bool
    """Whether it belongs to a model that may be absent: then it has no default."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Names on the command line."""
        return self.option.flags or (f"--{self.name.replace('_', '-')}",)


def declared(model: type[BaseModel]) -> tuple[Declared, ...]:
    """All options of a model, in the order of its fields; those that it inherits come last."""
    return tuple(_declared(model, (), in_optional_part=False))


def _declared(
    model: type[BaseModel], path: tuple[str, ...], *, in_optional_part: bool
) -> Iterator[Declared]:
    # A subclass's own options come before those that it shares with others.
    ordered = [name for one in model.__mro__ for name in inspect.get_annotations(one)]
    for name in dict.fromkeys(ordered):
        if (field := model.model_fields.get(name)) is None:
            continue
        option = next((one for one in field.metadata if isinstance(one, Option)), None)
        here = (*path, name)
        if option is not None:
            yield Declared(option.name or name, here, option, field, in_optional_part)
        elif part := _part(field.annotation):
            absent = in_optional_part or field.default is None
            yield from _declared(part, here, in_optional_part=absent)


def _part(annotation: Any) -> type[BaseModel] | None:
    """The model in ``Model`` or ``Model | None``."""
    from pydantic import BaseModel

    members = get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,)
    models = [one for one in members if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if models else None


def from_options(model: type[Model], given: Mapping[str, Any], *, typed: bool = False) -> Model:
    """Make a model from its options.

    Args:
        model: The model.
        given: Name in Python → value; ``None`` for what is not given.
        typed: Whether a person typed them on the command line: errors name the options so.

    Raises:
        UsageError: For a name that is not an option, or a value that is not allowed.
    """
    from pydantic import ValidationError

    known = {one.name: one for one in declared(model)}
    plain: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"there is no option {name!r}", did_you_mean(name, known))
        if value is None:
            continue
        *parts, last = known[name].path
        place = plain
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        for one in known.values():
            if first["loc"][: len(one.path)] == one.path:
                value = given.get(one.name)
                what = f"{one.flags[0]} {value}" if typed else f"{one.name}={value!r}"
                hint = "see evalsuite COMMAND --help" if typed else None
                raise UsageError(f"{what} is not valid: {first['msg']}", hint) from None
        raise


def names(text: Any) -> Any:
    """The names in a list separated by commas; anything but a text is left as it is.

    A comma in parentheses belongs to a name: ``mteb:STS17?subsets=MTEB(eng, v2)``.
    """
    if not isinstance(text, str):
        return text
    return tuple(name for part in _COMMA.split(text) if (name := part.strip()))
