"""Texts and their continuations become the token ids that lm-eval makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.prompting.prompter import Prompter
from helpers.tiny_lm import make_tiny_lm


@pytest.fixture(scope="module")
def prompter(tmp_path_factory: pytest.TempPathFactory) -> Prompter:
    return Prompter(make_tiny_lm(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def theirs(prompter: Prompter) -> Any:
    """lm-eval's tokenising, over the same tokenizer; it keeps the ids instead of scoring them."""
    from lm_eval.api.model import TemplateLM

    class Ids(TemplateLM):  # type: ignore[misc]
        eot_token_id, prefix_token_id = prompter.end_id, prompter.prefix_id
        loglikelihood_rolling = generate_until = None

        def tok_encode(self, string: str, add_special_tokens: bool | None = None) -> list[int]:
            special = add_special_tokens is not False and not string.startswith("<s>")
            ids: list[int] = prompter.tokenizer(string, add_special_tokens=special).input_ids
            return ids if string else []

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
            return [(context, rest) for _, context, rest in requests]

    return Ids()


@given(
    st.tuples(
        st.text(alphabet="ab \n\t", max_size=6) | st.just("<s>a "),
        st.text(alphabet="ab \n", min_size=1, max_size=4),
    )
    | st.just(("", "<s>b"))
)
def test_pairs_are_tokenised_as_lm_eval_does(
    prompter: Prompter, theirs: Any, pair: tuple[str, str]
) -> None:
    from lm_eval.api.instance import Instance

    asked = Instance("loglikelihood", doc={}, arguments=pair, idx=0)
    [expected] = theirs.loglikelihood([asked], disable_tqdm=True)
    assert prompter.encode_pair(*pair) == expected
