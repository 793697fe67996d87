"""Our tokenizers -> the files that transformers reads, with the same tokens."""

from __future__ import annotations

import base64
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_tokenizer_files import PAIRS
from keras_bert_lab.formats.huggingface_tokenizer_settings import SPELLINGS, kind_of
from keras_bert_lab.text import WordPieceTokenizer
from keras_bert_lab.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_lab.text.sentence_piece_model import CONTROL, UNKNOWN, SentencePieceModel
from keras_bert_lab.text.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_bert_lab.text.vocabulary import LONGEST_WORD, Vocabulary

__all__ = ["write_tokenizer"]

_ANY_CLASS = "PreTrainedTokenizerFast"  # the class of transformers that takes tokenizer.json as it is
_BYTE_LEVEL = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}


def _write_json(path: pathlib.Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _wordpiece(tokenizer: WordPieceTokenizer, folder: pathlib.Path, tokens: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    wrong = [token for token in tokens if not token or "\n" in token or "\r" in token]
    if wrong:
        raise FormatError(f"vocab.txt has a line for each token. Received: {wrong[:5]!r}, which are no lines.")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8", newline="\n")
    flags = {"strip_accents": tokenizer.strip_accents, "lowercase": tokenizer.lowercase}
    parts = {
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": tokenizer.split_cjk, **flags},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": tokenizer.vocabulary.special_tokens["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": {token: place for place, token in enumerate(tokens)},
        },
    }
    return parts, {
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_cjk,
    }


def _byte_pairs(tokenizer: BytePairTokenizer, folder: pathlib.Path, tokens: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    ids = {token: place for place, token in enumerate(tokens)}
    merges = [" ".join(pair) for pair in tokenizer.merges]
    _write_json(folder / "vocab.json", ids)
    lines = "".join(f"{merge}\n" for merge in ["#version: 0.2", *merges])
    (folder / "merges.txt").write_text(lines, encoding="utf-8", newline="\n")
    prefix = {"add_prefix_space": tokenizer.add_prefix_space}
    parts = {
        "normalizer": None,
        "pre_tokenizer": _BYTE_LEVEL | prefix,
        "decoder": _BYTE_LEVEL | {"add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": ids,
            "merges": merges,
        },
    }
    return parts, prefix


def _sentence_pieces(
    tokenizer: SentencePieceTokenizer, folder: pathlib.Path, tokens: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    if tokenizer.rules != "albert":
        raise FormatError(
            f"transformers reads SentencePiece models with ALBERT's rules. Received: rules={tokenizer.rules!r}. "
            'Use SentencePieceTokenizer(model, rules="albert").'
        )
    (folder / "spiece.model").write_bytes(tokenizer.model)
    model = SentencePieceModel.parse(tokenizer.model)
    scores, least = model.scores_in_texts(), min(model.scores)
    # Their model has no pieces that texts never have: those get the worst score.
    scores = [least if kind == CONTROL else score for score, kind in zip(scores, model.kinds, strict=True)]
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
        {"type": "Replace", "pattern": {"String": "''"}, "content": '"'},
    ]
    steps += [{"type": "NFKD"}, {"type": "StripAccents"}] * tokenizer.strip_accents
    steps += [{"type": "Lowercase"}] * tokenizer.lowercase
    if model.characters_map:
        steps.append({"type": "Precompiled", "precompiled_charsmap": base64.b64encode(model.characters_map).decode()})
    blanks = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    parts = {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blanks]},
        "decoder": blanks,
        "model": {
            "type": "Unigram",
            "unk_id": list(model.kinds).index(UNKNOWN),
            "vocab": [list(entry) for entry in zip(tokens, scores, strict=True)],
            "byte_fallback": False,
        },
    }
    return parts, {"do_lower_case": tokenizer.lowercase, "keep_accents": not tokenizer.strip_accents}


def _template(vocabulary: Vocabulary, kind: str) -> dict[str, Any]:
    """The special tokens of texts and pairs."""
    cls, sep = vocabulary.special_tokens["cls"], vocabulary.special_tokens["sep"]
    second = int(PAIRS[kind]["segment_ids"])
    between = [(sep, 0), *[(sep, second)] * (PAIRS[kind]["pair_separators"] - 1)]

    def items(places: list[tuple[str, int]]) -> list[dict[str, Any]]:
        return [
            {"Sequence" if name in ("A", "B") else "SpecialToken": {"id": name, "type_id": type_id}} for name, type_id in places
        ]

    return {
        "type": "TemplateProcessing",
        "single": items([(cls, 0), ("A", 0), (sep, 0)]),
        "pair": items([(cls, 0), ("A", 0), *between, ("B", second), (sep, second)]),
        "special_tokens": {token: {"id": token, "ids": [vocabulary.ids[token]], "tokens": [token]} for token in (cls, sep)},
    }


def _added(vocabulary: Vocabulary) -> dict[int, dict[str, Any]]:
    """Id -> the token as transformers writes it, of special and added tokens."""
    special = set(vocabulary.special_tokens.values())
    how = {token: {"content": token, "normalized": False, "lstrip": False, "rstrip": False} for token in special}
    how |= {token.content: token.as_data() for token in vocabulary.added_tokens}
    found = {vocabulary.ids[token]: flags | {"single_word": False, "special": token in special} for token, flags in how.items()}
    return dict(sorted(found.items()))


def _class_name(tokenizer: keras.layers.Layer, kind: str) -> str:
    """The tokenizer class of the family where it makes the same tokens; else the one that takes any file."""
    spellings = tokenizer.vocabulary.special_tokens
    if isinstance(tokenizer, WordPieceTokenizer) and kind == "bert":
        return "BertTokenizer"
    if isinstance(tokenizer, BytePairTokenizer) and kind == "roberta":
        return "RobertaTokenizer"
    # AlbertTokenizer expects the unknown token at 1, and [CLS] and [SEP].
    usual = tokenizer.vocabulary.unk_id == 1 and spellings == SPELLINGS["albert"]
    return "AlbertTokenizer" if isinstance(tokenizer, SentencePieceTokenizer) and kind == "albert" and usual else _ANY_CLASS


def write_tokenizer(tokenizer: keras.layers.Layer, folder: pathlib.Path, model_type: str, max_length: int) -> None:
    """Write a tokenizer's files into a folder that is there, for `transformers.AutoTokenizer` and for `read_tokenizer`.

    They are tokenizer.json and tokenizer_config.json, and, for tools that know only older layouts, vocab.txt, or vocab.json and
    merges.txt, or spiece.model.

    Args:
        tokenizer: a WordPieceTokenizer, BytePairTokenizer or SentencePieceTokenizer.
        folder: where to.
        model_type: of the model, as in config.json; pairs are written as its family writes them.
        max_length: the most tokens in a row.

    Raises:
        FormatError: a tokenizer that transformers does not have.
    """
    kind = kind_of({"model_type": model_type})
    if kind is None:
        raise FormatError(f"model_type must be one of the BERT family. Received: model_type={model_type!r}")
    writers: Mapping[type, Any] = {
        WordPieceTokenizer: _wordpiece,
        BytePairTokenizer: _byte_pairs,
        SentencePieceTokenizer: _sentence_pieces,
    }
    if type(tokenizer) not in writers:
        raise FormatError(
            f"transformers has no tokenizer that does what {type(tokenizer).__name__} does. "
            "Save the task in our own format, or its encoder without the preprocessor."
        )
    vocabulary = tokenizer.vocabulary
    parts, settings = writers[type(tokenizer)](tokenizer, folder, vocabulary.tokens[: vocabulary.trained])
    added = _added(vocabulary)
    head = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": place, **token} for place, token in added.items()],
    }
    _write_json(folder / "tokenizer.json", head | parts | {"post_processor": _template(vocabulary, kind)})
    spellings = {f"{role}_token": token for role, token in vocabulary.special_tokens.items()}
    if kind != "bert":
        spellings |= {"bos_token": spellings["cls_token"], "eos_token": spellings["sep_token"]}
    if model_type == "distilbert" or not PAIRS[kind]["segment_ids"]:
        settings["model_input_names"] = ["input_ids", "attention_mask"]
    else:
        settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": _class_name(tokenizer, kind),
            "model_max_length": max_length,
            **settings,
            **spellings,
            "added_tokens_decoder": {str(place): token for place, token in added.items()},
            "clean_up_tokenization_spaces": False,
        },
    )
