"""Whether transformers loads the tokenizer that is stored.

transformers 5 builds many tokenizers anew from their vocabulary, by the model's family or the
class that the config names, whatever ``tokenizer.json`` says about splitting and decoding. Here a
few texts go through the file's own pipeline and through what transformers loads; where the ids
differ, the engines are given a folder from which the file is loaded as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from evalsuite.checkpoint.fingerprint import combined
from evalsuite.checkpoint.folder import TOKENIZER_FILES, Folder, read_object
from evalsuite.checkpoint.materialise import made_once
from evalsuite.checkpoint.shapes import tokenizer_file
from evalsuite.checkpoint.special_tokens import put_special
from evalsuite.errors import CheckpointError

PROBES: Final = (
    "the cat and old dog",
    "A line, and  two spaces;\nanother\tone (1234567, 3.14): don't!",
    "F\u00fc\u00dfe, na\u00efve \u6771\u4eac",
    " leading and trailing ",
)
"""Texts that tokenizers of different kinds split differently."""
_CLASS: Final = "PreTrainedTokenizerFast"
_OURS: Final = "finding.json"


@dataclass(frozen=True, slots=True)
class TokenizerFinding:
    """What planning found out about a tokenizer.

    Attributes:
        change: What was corrected: ``file`` (loaded as it is), ``bos`` (stated, and put), both
            with a plus; ``None`` for nothing.
        append_eos: Whether the config states an EOS behind every text, and nothing puts it.
        why: In words, for the evidence.
    """

    change: str | None = None
    append_eos: bool = False
    why: str | None = None


def examine(
    folder: Folder, fingerprint: str, cache: Path, *, trusted: bool
) -> tuple[TokenizerFinding, Path | None]:
    """Compare the tokenizer that is stored with the one that transformers loads; remembered.

    Args:
        folder: A loadable folder.
        fingerprint: Of the checkpoint.
        cache: Where findings and corrected tokenizers are kept.
        trusted: Whether its own code may be run.

    Returns:
        The finding, and the folder of the corrected tokenizer where there is one.

    Raises:
        CheckpointError: If the file cannot be loaded as it is either.
    """
    source = tokenizer_file(folder)
    if source is None or _own_code(folder, source.parent):
        return TokenizerFinding(), None
    versions = "/".join(version(name) for name in ("transformers", "tokenizers"))
    key = combined(f"tokenizer:1:{versions}", fingerprint)

    def make(into: Path) -> None:
        finding = _examined(folder, source, into, trusted=trusted)
        (into / _OURS).write_text(json.dumps(asdict(finding)), encoding="utf-8")

    made = made_once(cache, key, make, room="tokenizers")
    finding = TokenizerFinding(**read_object(made / _OURS))
    return finding, made if finding.change else None


def _own_code(folder: Folder, place: Path) -> bool:
    """Whether the tokenizer is a class that the checkpoint brings."""
    stated = read_object(place / "tokenizer_config.json").get("auto_map")
    return bool(stated) or any(folder.files("tokenization*.py"))


def _examined(folder: Folder, source: Path, into: Path, *, trusted: bool) -> TokenizerFinding:
    from tokenizers import Tokenizer

    config = read_object(source.parent / "tokenizer_config.json")
    stored = Tokenizer.from_file(str(source))
    stored.no_truncation()
    stored.no_padding()
    loaded = _loaded(source.parent, trusted)
    if loaded is None:
        return TokenizerFinding()  # the engine says why
    changes, why = [], []
    if (text := _differing(stored, loaded, config)) is not None:
        changes.append("file")
        why.append(
            f"transformers' {type(loaded).__name__} gives other tokens than tokenizer.json for "
            f"{text[:24]!r}: the file is loaded as it is"
        )
    bos, eos = (_stated(config, name, loaded) for name in ("bos", "eos"))
    ids = stored.encode("a").ids if changes else list(loaded("a")["input_ids"])
    if bos is not None and ids[:1] != [bos]:
        put_special(stored, loaded.bos_token, bos, behind=False)
        changes.append("bos")
        why.append("tokenizer_config.json states add_bos_token, which tokenizer.json does not put")
    missing_eos = eos is not None and ids[-1:] != [eos]
    if missing_eos:
        why.append("tokenizer_config.json states add_eos_token, which tokenizer.json does not put")
    if changes:
        _write(folder, source.parent, stored, into)
        _check(into, stored, str(source))
    return TokenizerFinding("+".join(changes) or None, missing_eos, "; ".join(why) or None)


def _loaded(place: Path, trusted: bool) -> Any:
    """What transformers makes of the files; ``None`` where it fails."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return AutoTokenizer.from_pretrained(
            place, trust_remote_code=trusted, local_files_only=True
        )
    # What a damaged file makes a library raise is open.
    except Exception:  # noqa: BLE001 - engines load it again, and say what is wrong
        return None
    finally:
        logging.set_verbosity(verbosity)


def _differing(stored: Any, loaded: Any, config: Mapping[str, Any]) -> str | None:
    """The first text that the two split differently."""
    for text in PROBES:
        # Word pieces are lowered as the config says, by every version of transformers.
        said = text.lower() if "do_lower_case" in config else text
        if stored.encode(said).ids != list(loaded(said)["input_ids"]):
            return said
    return None


def _stated(config: Mapping[str, Any], name: str, loaded: Any) -> int | None:
    """Number of the token that ``add_bos_token`` or ``add_eos_token`` says every text gets."""
    if config.get(f"add_{name}_token") is not True:
        return None
    number = getattr(loaded, f"{name}_token_id", None)
    return number if isinstance(number, int) else None


def _write(folder: Folder, place: Path, stored: Any, into: Path) -> None:
    """Write tokenizer files that transformers loads as they are.

    Beside a config without a model type it takes the class that the tokenizer's config names.
    """
    for path in (*folder.files(*TOKENIZER_FILES), *place.glob("additional_chat_templates/*")):
        if path.suffix in (".json", ".jinja") and path.name != "tokenizer.json":
            target = into / path.relative_to(path.parent if path.parent in folder.parts else place)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    stored.save(str(into / "tokenizer.json"))
    config = read_object(place / "tokenizer_config.json")
    for key in ("add_bos_token", "add_eos_token", "add_prefix_space", "legacy", "auto_map"):
        config.pop(key, None)
    config["tokenizer_class"] = _CLASS
    (into / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (into / "config.json").write_text("{}", encoding="utf-8")


def _check(made: Path, stored: Any, source: str) -> None:
    loaded = _loaded(made, trusted=False)
    text = PROBES[0] if loaded is None else _differing(stored, loaded, {})
    if text is not None:
        raise CheckpointError(
            f"{source} gives other tokens than what transformers makes of it, for {text[:24]!r}, "
            "and cannot be loaded as it is",
            "save the tokenizer with transformers 5, and compare the tokens",
        )
