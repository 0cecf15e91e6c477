"""TyDi QA gold passage, 1-shot (open-instruct, ``eval/tydiqa/run_eval.py``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from evalsuite.errors import DataError, UsageError
from evalsuite.kinds.lm_eval.grit.rows import GROUP, ID, Row, generator, table
from evalsuite.kinds.shared.answers import normalize

HUB = "google-research-datasets/tydiqa"
CONFIG = "secondary_task"
CONTEXT_TOKENS = 512
"""Contexts are cut to this many tokens of the evaluated checkpoint's tokenizer."""


@dataclass(frozen=True, slots=True)
class Words:
    """A language's words in the prompt."""

    instruction: str
    passage: str
    question: str
    answer: str


WORDS = {
    "arabic": Words(
        "أجب على السؤال التالي بناءً على المعلومات في المقطع المعطى.",
        "المقطع:",
        "السؤال:",
        "الإجابة:",
    ),
    "bengali": Words(
        "প্রদত্ত অধ্যায়ের তথ্যের উপর ভিত্তি করে নিম্নলিখিত প্রশ্নের উত্তর দিন।",
        "অধ্যায়:",
        "প্রশ্ন:",
        "উত্তর:",
    ),
    "english": Words(
        "Answer the following question based on the information in the given passage.",
        "Passage:",
        "Question:",
        "Answer:",
    ),
    "finnish": Words(
        "Vastaa seuraavaan kysymykseen annetun kappaleen tiedon perusteella.",
        "Kappale:",
        "Kysymys:",
        "Vastaus:",
    ),
    "indonesian": Words(
        "Jawab pertanyaan berikut berdasarkan informasi di bagian yang diberikan.",
        "Bagian:",
        "Pertanyaan:",
        "Jawaban:",
    ),
    "korean": Words(
        "주어진 문단의 정보에 기반하여 다음 질문에 답하십시오.", "문단:", "질문:", "답변:"
    ),
    "russian": Words(
        "Ответьте на следующий вопрос на основе информации в данном отрывке.",
        "Отрывок:",
        "Вопрос:",
        "Ответ:",
    ),
    "swahili": Words(
        "Jibu swali lifuatalo kulingana na habari kwenye kifungu kilichotolewa.",
        "Kifungu:",
        "Swali:",
        "Jibu:",
    ),
    "telugu": Words(
        "ఇచ్చిన పేరాలోని సమాచారం ఆధారంగా కింది ప్రశ్నకు సమాధానం ఇవ్వండి.",
        "పేరా:",
        "ప్రశ్న:",
        "సమాధానం:",
    ),
}
"""The languages of the gold passage task."""


@dataclass(frozen=True, slots=True)
class Picks:
    """Row numbers, by language."""

    test: dict[str, list[int]]
    shot: dict[str, int]


def load(
    *,
    language: str,
    count: int | None = None,
    path: str = HUB,
    revision: str | None = None,
    cache_dir: str | None = None,
    tokenizer: str | None = None,
    pretrained: str | None = None,
    trust_remote_code: bool = False,
    **_: object,
) -> Any:
    """lm-eval's ``custom_dataset`` for one language.

    Args:
        language: One of :data:`WORDS`.
        count: Most items of a language; all of them if absent.
        path: Data set on the hub, or a folder with the same layout.
        revision: Commit on the hub.
        cache_dir: Where ``datasets`` keeps what it converts.
        tokenizer: Whose tokens are counted: evalsuite gives the checkpoint's folder, lm-eval
            what stands in ``--model_args``.
        pretrained: Used where there is no ``tokenizer``.
        trust_remote_code: Whether the tokenizer may run code of its own.

    Returns:
        A ``datasets.DatasetDict`` with the split ``test``.

    Raises:
        UsageError: Without a tokenizer.
        DataError: If the data has no such language, or one that has no words here.
    """
    from datasets import DatasetDict

    if (name := tokenizer or pretrained) is None:
        raise UsageError(
            "TyDi QA cuts passages by the model's tokens and needs its tokenizer",
            "with lm_eval, pass --model_args pretrained=NAME or tokenizer=NAME",
        )
    source = Source(path, revision, cache_dir)
    prepared = _prepared(source, count, str(name), bool(trust_remote_code))
    if language not in prepared:
        raise DataError(f"there is nothing in {language} in {path}", "check the data set")
    return DatasetDict({"test": table(prepared[language])})


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data is read from."""

    path: str
    revision: str | None
    cache_dir: str | None


@cache
def _prepared(
    source: Source, count: int | None, tokenizer: str, trust: bool
) -> dict[str, list[dict[str, Any]]]:
    """The items of all languages: one generator draws them all, so they come together."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    tables = load_dataset(source.path, CONFIG, revision=source.revision, cache_dir=source.cache_dir)
    tokens = AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=trust)
    test, train = tables["validation"], tables["train"]
    chosen = picks(test["id"], train["id"], count)
    cut = cutter(tokens)
    return {
        language: [
            item(test[number], train[chosen.shot[language]], language, cut) for number in numbers
        ]
        for language, numbers in chosen.test.items()
    }


def picks(test_ids: Iterable[str], train_ids: Iterable[str], count: int | None) -> Picks:
    """Draw the items of each language, then one example of each, with one generator.

    Raises:
        DataError: For a language without words, or without training items.
    """
    test, train = _by_language(test_ids), _by_language(train_ids)
    languages = sorted(test)
    for language in languages:
        if language not in WORDS or language not in train:
            raise DataError(f"TyDi QA: {language!r} is no language of its training data")
    rng = generator()
    chosen = {
        language: rng.sample(test[language], count)
        if count is not None and len(test[language]) > count
        else test[language]
        for language in languages
    }
    return Picks(chosen, {language: rng.sample(train[language], 1)[0] for language in languages})


def _by_language(ids: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, name in enumerate(ids):
        found.setdefault(name.split("-")[0], []).append(number)
    return found


def cutter(tokenizer: Any) -> Callable[[str], str]:
    """Cuts a text to 512 tokens, special tokens not counted.

    The authors count the BOS token that their tokenizer adds, and leave it in the text of what
    they cut.
    """

    def cut(text: str) -> str:
        ids = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        if len(ids) <= CONTEXT_TOKENS:
            return text
        return str(tokenizer.decode(ids[:CONTEXT_TOKENS]))

    return cut


def item(row: Row, shot: Row, language: str, cut: Callable[[str], str]) -> dict[str, Any]:
    """One test item, ready to be asked.

    Args:
        row: The item.
        shot: The example in its language.
        language: One of :data:`WORDS`.
        cut: Shortens a passage.
    """
    words = WORDS[language]
    example = f"{_asked(shot, words, cut)}{words.answer} {shot['answers']['text'][0]}"
    return {
        ID: row["id"],
        GROUP: language,
        "prompt": f"{words.instruction}\n\n{example}\n\n{_asked(row, words, cut)}",
        "answer_word": words.answer,
        "answers": list(row["answers"]["text"]),
    }


def _asked(row: Row, words: Words, cut: Callable[[str], str]) -> str:
    return f"{words.passage} {cut(row['context'])}\n{words.question} {row['question']}\n"


def base_prompt(row: Row) -> str:
    """The text that a base model continues."""
    return f"{row['prompt']}{row['answer_word']}"


def f1(answer: str, right: str) -> float:
    """F1 over tokens of SQuAD 1.1; 0 where nothing is common, also of two empty texts."""
    mine, theirs = normalize(answer).split(), normalize(right).split()
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs)) if common else 0.0


class SquadScorer:
    """SQuAD's F1 and exact match, the best over the right answers."""

    def extract(self, response: str) -> str | None:
        """The whole response is the answer."""
        return response.strip() or None

    def __call__(self, row: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
        """Metrics of one item.

        Args:
            row: The item.
            results: The response, alone in a list.
        """
        answer = results[0].strip()
        return {
            "f1": max(f1(answer, right) for right in row["answers"]),
            "exact_match": float(
                any(normalize(answer) == normalize(right) for right in row["answers"])
            ),
            "unparsed": float(not answer),
        }


score = SquadScorer()
