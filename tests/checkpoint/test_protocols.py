"""Default protocols, wrappers (against the protocol's own strings) and overrides."""

from __future__ import annotations

import hashlib

import pytest

from evalsuite.checkpoint import CheckpointOptions, EmbeddingProtocol, resolve
from evalsuite.checkpoint.protocols import WRAPPERS, parse_wrapper, unusual_bare
from evalsuite.errors import UsageError
from helpers.st_folder import ROOT_MODULE

LLAMA = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
BERT = {"architectures": ["BertModel"], "max_position_embeddings": 256}
PROMPTS = {
    **ROOT_MODULE,
    "config_sentence_transformers.json": {"prompts": {"query": "query: "}},
}


@pytest.fixture
def protocol(write_folder, cache):
    def make(config, files=None, **options):
        folder = write_folder("m", config, **(files or {}))
        checkpoint = resolve(str(folder), CheckpointOptions(**options), cache=cache)
        assert checkpoint.embedding is not None
        return checkpoint.embedding

    return make


def facts(protocol: EmbeddingProtocol) -> tuple[object, ...]:
    wrapped = protocol.wrapper is not None
    return (
        protocol.engine,
        wrapped,
        protocol.instructions,
        protocol.attention,
        protocol.pooling,
        protocol.normalize,
        protocol.max_length,
    )


@pytest.mark.parametrize(
    ("config", "files", "options", "expected"),
    [
        # GRIT paper, Appendix E: e5 instructions, bidirectional, mean, not normalised, 512.
        (LLAMA, {}, {"kind": "grit"}, ("transformers", True, "e5", "bidirectional", "mean")),
        # Table 1's caption and App. E: plain LLMs, weighted mean, no instruction, causal.
        (LLAMA, {}, {}, ("transformers", False, "none", "causal", "weighted_mean")),
        (LLAMA, {}, {"protocol": "grit"}, ("transformers", True, "e5", "bidirectional", "mean")),
        (
            LLAMA,
            {},
            {"kind": "grit", "protocol": "raw-llm"},
            ("transformers", False, "none", "causal", "weighted_mean"),
        ),
    ],
)
def test_defaults_of_language_models(protocol, config, files, options, expected):
    assert facts(protocol(config, files, **options)) == (*expected, False, 512)


def test_defaults_of_an_encoder(protocol):
    expected = ("transformers", False, "none", None, "mean", False, 256)
    assert facts(protocol(BERT)) == expected


@pytest.mark.parametrize(
    ("stored", "instructions", "kept"),
    [
        ({"prompts": {"query": "query: "}}, "model", {"query": "query: "}),
        ({"prompts": {"query": "", "document": ""}}, "none", {}),
        ({}, "none", {}),
    ],
)
def test_defaults_of_sentence_transformers(protocol, stored, instructions, kept):
    made = protocol(BERT, {**ROOT_MODULE, "config_sentence_transformers.json": stored})
    expected = ("sentence-transformers", False, instructions, None, "model", False, None)
    assert facts(made) == expected
    assert made.prompts == kept


@pytest.mark.parametrize(
    ("wrapper", "instruction", "expected"),
    [
        ("gritlm", "Find it: \n", "<|user|>\nFind it\n<|embed|>\n"),
        ("gritlm", "", "<|embed|>\n"),
        ("gritlm", " :\n", "<|embed|>\n"),
        ("zephyr", "Find it", "<|user|>\nFind it</s>\n<|assistant|>\n"),
        ("tulu", "Find it", "<|user|>\nFind it\n<|assistant|>\n"),
        ("mistral", "Find it: ", "[INST] Find it [/INST] "),
        ("raw", "Represent this sentence: ", "Represent this sentence: "),
        ("raw", "", ""),
        ("qwen3", "Find it:", "Instruct: Find it:\nQuery:"),
        ("e5-instruct", "Find it", "Instruct: Find it\nQuery: "),
        ("qwen3", "", ""),
        (r"Instruct: {instruction}\nQuery: ", "Find it", "Instruct: Find it\nQuery: "),
        (r"Instruct: {instruction}\nQuery: ", "", ""),
    ],
)
def test_prefixes_are_the_protocols_strings(wrapper, instruction, expected):
    made = EmbeddingProtocol(engine="transformers", wrapper=parse_wrapper(wrapper))
    assert made.prefix(instruction) == expected


def test_an_instruction_may_hold_braces():
    made = EmbeddingProtocol(engine="transformers", wrapper=WRAPPERS["gritlm"])
    assert made.prefix("a {b} {instruction}") == "<|user|>\na {b} {instruction}\n<|embed|>\n"


def test_overrides_change_only_their_part(protocol):
    made = protocol(
        LLAMA,
        kind="grit",
        attention="causal",
        pooling="last",
        normalize=True,
        max_length=99,
        instructions="medi2",
    )
    assert facts(made) == ("transformers", True, "medi2", "causal", "last", True, 99)
    assert made.wrapper == WRAPPERS["gritlm"]


def test_a_wrapper_alone_uses_the_tasks_instructions(protocol):
    assert facts(protocol(LLAMA, wrapper="zephyr"))[1:3] == (True, "task")


@pytest.mark.parametrize("wrapper", ["tulu", "{instruction}: "])
def test_a_wrapper_alone_leaves_the_set_of_a_preset_that_has_one(protocol, wrapper):
    made = protocol(LLAMA, protocol="grit", wrapper=wrapper)
    assert facts(made) == ("transformers", True, "e5", "bidirectional", "mean", False, 512)
    assert made.wrapper == parse_wrapper(wrapper)


@pytest.mark.parametrize(
    ("wrapper", "only"), [("qwen3", True), (r"Instruct: {instruction}", False)]
)
def test_a_named_wrapper_says_which_texts_it_is_for(protocol, wrapper, only):
    made = protocol(LLAMA, wrapper=wrapper)
    assert (made.queries_only, made.traits["queries_only"]) == (only, only or None)
    assert ("queries_only" in made.facts) is only, "hashes from before there was a choice stay"


def test_the_built_in_wrapper_can_be_written_as_a_template(protocol):
    written = {"wrapper": r"<|user|>\n{instruction}\n<|embed|>\n", "bare_wrapper": r"<|embed|>\n"}
    made = protocol(LLAMA, **written, instructions="e5")
    assert made.wrapper == WRAPPERS["gritlm"]
    assert unusual_bare(made.wrapper) is None
    assert unusual_bare(parse_wrapper(written["wrapper"])) == "", "the template alone is another"


def test_a_bare_wrapper_changes_only_texts_without_an_instruction(protocol):
    made = protocol(LLAMA, kind="grit", bare_wrapper="embed: ")
    assert (made.prefix(""), made.prefix("x")) == ("embed: ", "<|user|>\nx\n<|embed|>\n")
    assert made.instructions == "e5"
    assert unusual_bare(made.wrapper) == "embed: "


def test_a_template_of_nothing_else_is_raw():
    assert parse_wrapper("{instruction}") == WRAPPERS["raw"]


def test_the_instruction_may_enter_the_mean(protocol):
    made = protocol(LLAMA, kind="grit", pool_instruction=True)
    assert made.pool_instruction
    usual = made.model_copy(update={"pool_instruction": False})
    assert made.facts == {**usual.facts, "pool_instruction": True}
    assert "pool_instruction" not in usual.facts, "what was hashed before keeps its hash"


def test_a_wrapper_with_a_set(protocol):
    made = protocol(LLAMA, wrapper="mistral", instructions="e5")
    assert (made.wrapper, made.instructions) == (WRAPPERS["mistral"], "e5")


def test_grit_without_instructions_keeps_the_bare_prefix(protocol):
    assert protocol(LLAMA, kind="grit", instructions="none").prefix("") == "<|embed|>\n"


def test_sentence_transformers_preset_of_another_kind_yields_to_overrides(protocol):
    options = {"kind": "grit", "protocol": "sentence-transformers"}
    made = protocol(LLAMA, ROOT_MODULE, **options, attention="causal")
    assert facts(made) == ("transformers", True, "e5", "causal", "mean", False, 512)


@pytest.mark.parametrize(
    ("config", "files", "options", "message"),
    [
        (LLAMA, {}, {"wrapper": "gritml"}, "unknown wrapper 'gritml'.*did you mean gritlm"),
        (LLAMA, {}, {"instructions": "e5"}, "--instructions e5 needs a wrapper.*gritlm"),
        (LLAMA, {}, {"instructions": "model"}, "brings no prompts"),
        (LLAMA, {}, {"protocol": "sentence-transformers"}, "needs modules.json"),
        (BERT, ROOT_MODULE, {"pooling": "cls"}, "--pooling cannot be changed.*--as grit, causal"),
        (BERT, ROOT_MODULE, {"attention": "causal"}, "--attention cannot be changed"),
        (BERT, ROOT_MODULE, {"pool_instruction": True}, "--pool-instruction cannot be changed"),
        (LLAMA, {}, {"pool_instruction": True}, "only a mean leaves an instruction out"),
        (LLAMA, {}, {"kind": "grit", "pooling": "last", "pool_instruction": True}, "only a mean"),
        (LLAMA, {}, {"bare_wrapper": "x"}, "--bare-wrapper needs a wrapper"),
        (BERT, PROMPTS, {"wrapper": "tulu"}, "prompts that this checkpoint brings are used as"),
        (LLAMA, {}, {"chat_template": "/no/file"}, "--chat-template /no/file is not a readable"),
    ],
)
def test_usage_errors(protocol, config, files, options, message):
    with pytest.raises(UsageError, match=message):
        protocol(config, files, **options)


JINJA = "{{ messages }}"
NAMED = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]


@pytest.mark.parametrize(
    ("files", "template"),
    [
        ({"chat_template.jinja": JINJA}, JINJA),
        ({"tokenizer_config.json": {"chat_template": "S"}}, "S"),
        ({"tokenizer_config.json": {"chat_template": NAMED}}, "D"),
        ({"tokenizer_config.json": {"chat_template": "S"}, "chat_template.jinja": JINJA}, JINJA),
        ({"chat_template.json": {"chat_template": "P"}}, "P"),
        ({}, None),
    ],
)
def test_chat_template(write_folder, cache, files, template):
    checkpoint = resolve(str(write_folder("m", LLAMA, **files)), cache=cache)
    assert checkpoint.chat is not None
    assert checkpoint.chat.template == template
    wanted = hashlib.sha256(template.encode()).hexdigest()[:8] if template else "none"
    assert checkpoint.chat.template_hash == wanted
    noted = any("no chat template" in remark for remark in checkpoint.evidence)
    assert noted == (template is None)


def test_chosen_chat_templates(write_folder, cache, tmp_path):
    folder = str(write_folder("m", LLAMA, **{"chat_template.jinja": JINJA}))
    file = tmp_path / "mine.jinja"
    file.write_text("mine")
    mine = resolve(folder, CheckpointOptions(chat_template=str(file)), cache=cache).chat
    none = resolve(folder, CheckpointOptions(chat_template="none"), cache=cache).chat
    assert mine is not None
    assert none is not None
    assert (mine.template, none.template, none.template_hash) == ("mine", None, "none")
    file.write_text(" \n")
    with pytest.raises(UsageError, match="is empty; pass none"):
        resolve(folder, CheckpointOptions(chat_template=str(file)), cache=cache)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"wrapper": "{instruction} {text}"}, "has {text}, which nothing is put in place of"),
        ({"wrapper": "{query}: {instruction}"}, "has {query}"),
        ({"wrapper": "raw", "bare_wrapper": "{text}"}, "--bare-wrapper '{text}' has {text}"),
        ({"wrapper": "raw", "bare_wrapper": "{instruction}"}, "used where there is none"),
    ],
)
def test_a_wrapper_with_an_unknown_field_is_refused(write_folder, cache, options, line):
    with pytest.raises(UsageError) as refused:
        resolve(str(write_folder("m", LLAMA)), CheckpointOptions(**options), cache=cache)
    assert line in refused.value.line
