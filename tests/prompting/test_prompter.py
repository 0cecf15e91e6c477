"""From texts and conversations to token ids: one BOS, and answers that are continued."""

from __future__ import annotations

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.errors import EngineError, UsageError
from evalsuite.prompting.prompter import Prompter
from helpers.tiny_lm import make_tiny_lm


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("chat"), chat=True, positions=128)


def test_exactly_one_bos(chat: Checkpoint) -> None:
    prompter = Prompter(chat)
    rendered = prompter.render([{"role": "user", "content": "Hi"}])
    assert rendered == "<s><|user|>\nHi\n<|assistant|>\n"
    assert prompter.encode(rendered).count(0) == 1
    assert prompter.encode("Hi")[0] == 0
    assert 0 not in prompter.encode("Hi", special_tokens=False)


def test_a_forced_answer_prefix_is_continued(chat: Checkpoint) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Answer:"}]
    # The template ends each message with a line feed; a message to be continued has none.
    rendered = Prompter(chat).render(messages, add_generation_prompt=False)
    assert rendered == "<s><|user|>\nHi\n<|assistant|>\nAnswer:"


def test_two_bos_tokens_are_an_error(chat: Checkpoint) -> None:
    with pytest.raises(EngineError, match="two BOS tokens"):
        Prompter(chat).encode("<s><s>Hi")


def test_a_refusing_template_is_a_usage_error(chat: Checkpoint) -> None:
    refusing = ChatProtocol(template="{{ raise_exception('no system') }}", template_hash="x")
    prompter = Prompter(chat.model_copy(update={"chat": refusing}))
    with pytest.raises(UsageError, match="no system"):
        prompter.render([{"role": "user", "content": "Hi"}])


def test_a_conversation_without_a_template_is_a_usage_error(chat: Checkpoint) -> None:
    prompter = Prompter(chat.model_copy(update={"chat": None}))
    with pytest.raises(UsageError, match="tiny has no chat template; pass one with"):
        prompter.render([{"role": "user", "content": "Hi"}])
