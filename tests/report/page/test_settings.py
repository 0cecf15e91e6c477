"""Which settings of two compared rows differ."""

from __future__ import annotations

from evalsuite.report.page.settings import NOT_SAID, WORDS, setting_differences
from evalsuite.results.signatures import PER_TASK, parts
from evalsuite.schema import Record
from helpers.page_store import gathered, make_records


def test_what_differs_is_said_once_with_its_tasks() -> None:
    def other(one: Record) -> Record:
        if one.checkpoint.name == "left" or one.signature.world != "embedding":
            return one
        changes = {"dtype": "bfloat16", "pooling": "last", "dims": 64}
        return one.model_copy(update={"signature": one.signature.model_copy(update=changes)})

    made = [(other(one), flip) for one, flip in make_records()]
    [(pair, found)] = setting_differences(gathered(made)).items()
    assert pair == ("left", "right")
    said = {one.what: (one.first, one.second, len(one.tasks)) for one in found}
    assert said == {
        "precision": ("float32", "bfloat16", 7),
        "pooling": ("mean", "last", 7),
        "dimensions kept": (NOT_SAID, "64", 7),
    }
    assert found[0].where.endswith(" and 2 more")


def test_nothing_is_said_of_equal_settings() -> None:
    assert setting_differences(gathered(make_records())) == {}


def test_every_key_of_a_signature_has_words() -> None:
    keys = {key for one, _ in make_records() for key in parts(one.signature)} - PER_TASK
    assert keys - {"task", "tasks"} <= WORDS.keys()
