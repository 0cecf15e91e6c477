from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.engines.vllm.shared_beginnings import Beginning, Tokens, shared_beginnings


def tree(prompts: list[str], block: int, readable: list[int] | None = None) -> object:
    """The tree of prompts whose tokens are characters: ``{beginning: [..., prompts]}``."""
    tokens = [tuple(map(ord, prompt)) for prompt in prompts]
    limits = readable or [len(prompt) - 1 for prompt in prompts]
    root = shared_beginnings(tokens.__getitem__, limits, block)

    def plain(one: Beginning) -> object:
        inner = {
            prompts[longer.prompt][: longer.length]: plain(longer) for longer in one.beginnings
        }
        return (inner, [prompts[index] for index in one.prompts]) if inner else list(one.prompts)

    return plain(root)


def test_prompts_without_a_common_block_stand_alone() -> None:
    assert tree(["abcd", "abxy"], 3) == [0, 1]


def test_examples_then_questions_then_choices() -> None:
    prompts = ["EEEEqqqqA", "EEEEqqqqB", "EEEErrrrA", "EEEErrrrB", "EEEEsssZ", "other"]
    assert tree(prompts, 4) == (
        {"EEEE": ({"EEEEqqqq": [0, 1], "EEEErrrr": [2, 3]}, ["EEEEsssZ"])},
        ["other"],
    )


def test_a_beginning_that_another_goes_through_is_found_whatever_comes_first() -> None:
    longer, shorter = ["aabbX", "aabbY"], ["aaZ"]
    assert tree(longer + shorter, 2) == ({"aa": ({"aabb": [0, 1]}, ["aaZ"])}, [])
    assert tree(shorter + longer, 2) == ({"aa": ({"aabb": [1, 2]}, ["aaZ"])}, [])


def test_what_no_prompt_reads_is_not_run_by_itself() -> None:
    assert tree(["abcd", "abcd"], 2) == ({"ab": [0, 1]}, [])
    assert tree(["abcdX", "abcdY"], 2, [0, 0]) == [0, 1]


def test_a_prompt_that_ends_with_a_block_or_reads_nothing_leaves_blocks_to_others() -> None:
    assert tree(["abcd", "abcdX"], 2) == ({"abcd": [0, 1]}, [])
    assert tree(["abcdX", "abcdY"], 2, [0, 4]) == ({"abcd": [0, 1]}, [])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=12),
    st.integers(min_value=1, max_value=3),
)
def test_each_prompt_stands_behind_all_blocks_that_it_shares(
    prompts: list[str], block: int
) -> None:
    tokens = [tuple(map(ord, prompt)) for prompt in prompts]
    readable = [len(prompt) - 1 for prompt in prompts]
    found: dict[int, Tokens] = {}

    def walk(one: Beginning, above: Tokens) -> None:
        mine = tokens[one.prompt][: one.length]
        assert mine[: len(above)] == above
        assert one.length % block == 0
        assert len(one.prompts) + len(one.beginnings) > 1 or not mine
        for index in one.prompts:
            found[index] = mine
        for longer in one.beginnings:
            assert longer.length > one.length
            walk(longer, mine)

    walk(shared_beginnings(tokens.__getitem__, readable, block), ())
    assert set(found) == set(range(len(prompts)))
    for index, beginning in found.items():
        # By definition: the longest run of whole blocks that it leaves, another leaves too, and
        # one of all that leave it reads.
        best = 0
        for end in range(block, len(tokens[index]) + 1, block):
            leave = [i for i, other in enumerate(tokens) if other[:end] == tokens[index][:end]]
            if len(leave) > 1 and any(readable[i] >= end for i in leave):
                best = end
        assert beginning == tokens[index][:best]
