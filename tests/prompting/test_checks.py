"""What a chat template may do to a text, and what it may not."""

from __future__ import annotations

import pytest
from jinja2 import Template

from evalsuite.errors import EngineError
from evalsuite.prompting.checks import KeptPrompts, Message, check_single_bos

EACH = "{% for m in messages %}<|{{ m.role }}|>CONTENT{% endfor %}"
LONG = "a rather long question, " * 20


def kept(template: str) -> KeptPrompts:
    return KeptPrompts("x", lambda messages: Template(template).render(messages=messages))


def talk(*texts: str) -> list[Message]:
    """User and assistant in turn."""
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    "content",
    [
        "{{ m.content }}",
        "{{ m.content | trim }}",
        "{{ m.content | upper }}",
        "{{ m.content | tojson }}",
        # Only what an assistant thought is left out, as some templates do it.
        "{{ m.content if m.role == 'user' else m.content.split('</think>')[-1] }}",
    ],
)
@pytest.mark.parametrize("texts", [("A",), ("  padded \n",), ("one", "<think>…</think>two", "3")])
def test_texts_that_arrive(content: str, texts: tuple[str, ...]) -> None:
    template = EACH.replace("CONTENT", content)
    checks = kept(template)
    for _ in range(2):
        checks.before(talk(*texts))
        checks.after(talk(*texts), Template(template).render(messages=talk(*texts)))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        # All of it; the letter stands in the template, so that looking for it is not enough.
        ("", ("s",)),
        ("{{ m.content[:9] }}", ("a question with an end",)),
        ("{{ m.content[-9:] }}", ("a question with a beginning",)),
        # The examples of a few-shot prompt.
        ("{{ m.content if loop.last else '' }}", ("first", "answer", "second")),
    ],
)
def test_texts_that_do_not(content: str, texts: tuple[str, ...]) -> None:
    with pytest.raises(EngineError, match="prompt-dropped: the chat template of x leaves out"):
        kept(EACH.replace("CONTENT", content)).before(talk(*texts))


def test_a_limit_that_only_later_prompts_reach() -> None:
    template = EACH.replace("CONTENT", "{{ m.content[:100] }}")
    checks = kept(template)
    checks.before(talk("short"))
    with pytest.raises(EngineError, match="message 1 of 1"):
        checks.after(talk(LONG), Template(template).render(messages=talk(LONG)))


def decode(ids: list[int]) -> str:
    return "".join({0: "<s>", 1: " ", 2: "\n"}.get(n, "x") for n in ids)


@pytest.mark.parametrize("ids", [[0, 0, 7], [0, 1, 0, 7], [0, 1, 2, 0]])
def test_two_bos(ids: list[int]) -> None:
    with pytest.raises(EngineError, match="double-bos: a prompt begins with two BOS tokens"):
        check_single_bos(ids, 0, decode)


@pytest.mark.parametrize(
    ("ids", "bos"),
    [
        ([], 0),
        ([0], 0),
        ([0, 7, 8], 0),
        ([7, 0, 0], 0),  # not at the beginning: a separator
        ([0, 7, 0, 7], 0),  # <|im_start|>role …
        ([0, 7, 7, 7, 7, 0], 0),
        ([0, 0], None),
    ],
)
def test_one_bos(ids: list[int], bos: int | None) -> None:
    check_single_bos(ids, bos, decode)
