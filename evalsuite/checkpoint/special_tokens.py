"""Special tokens that a tokenizer of transformers puts around every text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

_TEXT: Final[dict[str, list[Any]]] = {
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
}
"""Templates that put nothing around a text, and around a pair."""


def append_eos(tokenizer: Any) -> None:
    """Have a tokenizer of transformers put its EOS behind every text, after what it already puts.

    Args:
        tokenizer: With a backend of the tokenizers library, and an EOS.
    """
    put_special(
        tokenizer.backend_tokenizer, tokenizer.eos_token, tokenizer.eos_token_id, behind=True
    )


def put_special(backend: Any, token: str, number: int, *, behind: bool) -> None:
    """Put a token before or behind what a backend's post-processor already gives.

    The template is changed rather than a second one added: to a second one, the tokens that the
    first one put look like the first text of a pair.

    Args:
        backend: Of the tokenizers library; changed in place.
        token: The token.
        number: Its number.
        behind: Whether it comes last, instead of first.
    """
    before = backend.post_processor
    state = None if before is None else json.loads(before.__getstate__())
    found = list(_templates(state))
    plain: dict[str, Any] = {"type": "TemplateProcessing", **_TEXT, "special_tokens": {}}
    template = found[0] if found else plain
    template["special_tokens"] = {
        **template["special_tokens"], token: {"id": token, "ids": [number], "tokens": [token]}
    }  # fmt: skip
    for form, type_id in (("single", 0), ("pair", 1)):
        piece = {"SpecialToken": {"id": token, "type_id": type_id if behind else 0}}
        template[form] = [*template[form], piece] if behind else [piece, *template[form]]
    if not found:
        state = template if state is None else {"type": "Sequence", "processors": [state, template]}
    backend.post_processor = _processor(state)


def _templates(state: Any) -> Iterator[dict[str, Any]]:
    """Templates in a post-processor's state; older forms are made templates in place."""
    if not isinstance(state, dict):
        return
    if state.get("type") in ("BertProcessing", "RobertaProcessing"):
        sep, cls = state["sep"], state["cls"]
        state.clear()
        pieces = [{"SpecialToken": {"id": one[0], "type_id": 0}} for one in (cls, sep)]
        single = [pieces[0], *_TEXT["single"], pieces[1]]
        state |= {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, *_TEXT["pair"][1:], pieces[1]],
            "special_tokens": {
                word: {"id": word, "ids": [at], "tokens": [word]} for word, at in (cls, sep)
            },
        }
    if state.get("type") == "TemplateProcessing":
        yield state
    for inner in state.get("processors", ()):
        yield from _templates(inner)


def _processor(state: dict[str, Any] | None) -> Any:
    """A post-processor of the tokenizers library from its state."""
    from tokenizers import Tokenizer, models

    whole = json.loads(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str())  # noqa: S106
    return Tokenizer.from_str(json.dumps({**whole, "post_processor": state})).post_processor
