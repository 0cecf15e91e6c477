"""A Jinja sandbox for templates of other people.

Jinja's own sandbox keeps templates away from Python's internals. In addition, a template may not
define macros, nest loops more than two deep, loop over long ranges, or make a text or number huge.
What these limits do not stop is ended with its process: :mod:`evalsuite.templates.render_process`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_TEXT: Final = 16 << 20
"""Characters of a rendered text."""
MAX_RANGE: Final = 1000
MAX_PADDING: Final = 1000
"""Characters that a text is padded to."""
PADDING: Final = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs"})
"""Methods of texts whose result is as long as a number says."""
MAX_LOOP_DEPTH: Final = 2
NUMBERS: Final = (int, float)


class SafeEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox; raises at the first forbidden access, and limits the size of results."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        self.globals = {"range": short_range}
        self.filters["regex_replace"] = lambda text, pattern, new="": re.sub(pattern, new, text)
        for name in ("random", "center"):
            del self.filters[name]

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:  # noqa: ARG002 - Jinja's
        """Raise at once; Jinja raises only when the value is used.

        Raises:
            SecurityError: Always.
        """
        raise SecurityError(f"{attribute!r} is not for templates")

    def call(self, context: Any, called: Any, /, *given: Any, **named: Any) -> Any:
        """Call what a template calls, unless it would pad a text to any length."""
        if getattr(called, "__name__", None) in PADDING:
            for value in (*given, *named.values()):
                if isinstance(value, int) and value > MAX_PADDING:
                    raise SecurityError(
                        f"{called.__name__!r} to more than {MAX_PADDING} characters"
                    )
        return super().call(context, called, *given, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Numbers only, and small exponents: nothing is repeated or padded."""
        plain = isinstance(left, NUMBERS) and isinstance(right, NUMBERS)
        if not plain or (operator == "**" and (abs(right) > 64 or abs(left) > 10**6)):
            raise SecurityError(f"'{operator}' is only for small numbers")
        return super().call_binop(context, operator, left, right)


def short_range(*arguments: int) -> range:
    """``range`` with at most :data:`MAX_RANGE` numbers.

    Raises:
        SecurityError: If there are more.
    """
    found = range(*arguments)
    if len(found) > MAX_RANGE:
        raise SecurityError(f"a range of more than {MAX_RANGE}")
    return found


ENVIRONMENT: Final = SafeEnvironment()


def compiled(source: str) -> Template:
    """Compile a template.

    Raises:
        TemplateError: If it is not valid, or uses what is not allowed.
    """
    tree = ENVIRONMENT.parse(source)
    if tree.find(nodes.Macro) is not None or tree.find(nodes.CallBlock) is not None:
        raise SecurityError("macros are not for templates here")
    loops = (loop.iter for loop in tree.find_all(nodes.For))
    iterated = {id(call.node) for call in loops if isinstance(call, nodes.Call)}
    for name in tree.find_all(nodes.Name):
        # As a value, `range` looks different in a sandbox: a template could detect it.
        if name.name == "range" and id(name) not in iterated:
            raise SecurityError("'range' is for loops alone")
    _check_depth(tree, 0)
    return ENVIRONMENT.from_string(source)


def _check_depth(node: nodes.Node, depth: int) -> None:
    inside = depth + isinstance(node, nodes.For)
    if inside > MAX_LOOP_DEPTH or (isinstance(node, nodes.For) and node.recursive):
        raise SecurityError(f"loops more than {MAX_LOOP_DEPTH} deep")
    for child in node.iter_child_nodes():
        _check_depth(child, inside)


def rendered(template: Template, values: Mapping[str, Any]) -> str:
    """Render a template. There is no time limit here.

    Raises:
        TemplateError: If it cannot be rendered with the values, or the text is too long.
    """
    parts: list[str] = []
    letters = 0
    try:
        for part in template.generate(dict(values)):
            parts.append(part)
            letters += len(part)
            if letters > MAX_TEXT:
                raise SecurityError(f"it makes more than {MAX_TEXT >> 20} Mi characters")
    except TemplateError:
        raise
    except MemoryError as error:
        raise SecurityError("it needs too much memory") from error
    except Exception as error:
        raise TemplateError(f"{type(error).__name__}: {error}") from error
    return "".join(parts)


def reason(error: Exception) -> str:
    """What is wrong with a template, in one line.

    Args:
        error: What :func:`compiled` or :func:`rendered` raised.
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    return " ".join(str(getattr(error, "message", error)).split())
