"""Small tokenizers as Hugging Face folders hold them, for the tests that read them or damage them."""

import copy
import json

from keras_bert_lab.text.sentence_piece_model import CONTROL, NORMAL, UNKNOWN, SentencePieceModel

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "my", "dog", "##s", "cafe", "café", "你", "你你"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "Ġ", "ab", "Ġa", "<mask>"]
MERGES = ["a b", "Ġ a"]
ALBERT = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "▁", "▁a", "b", "▁ab", "c", "É"]
SCORES = [0.0, 0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -2.5, -4.1, -2.5, -2.25]


def write(folder, **files):
    """Files of a folder: name with "__" for "." -> text, lines or data."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, list) and path.suffix == ".txt":
            path.write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def template(cls, sep, ids, separators=1, second=1):
    """The post processor of a pair."""

    def items(places):
        return [{"Sequence" if name in "AB" else "SpecialToken": {"id": name, "type_id": kind}} for name, kind in places]

    between = [(sep, 0), (sep, second)][:separators]
    return {
        "type": "TemplateProcessing",
        "single": items([(cls, 0), ("A", 0), (sep, 0)]),
        "pair": items([(cls, 0), ("A", 0), *between, ("B", second), (sep, second)]),
        "special_tokens": {token: {"id": token, "ids": [ids.index(token)], "tokens": [token]} for token in (cls, sep)},
    }


def added(place, content, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": place, "content": content, **plain, **flags}


BERT_JSON = {
    "version": "1.0",
    "truncation": {"max_length": 128, "strategy": "LongestFirst", "stride": 0},
    "padding": None,
    "added_tokens": [added(place, token) for place, token in enumerate(TOKENS[:5])],
    "normalizer": {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": template("[CLS]", "[SEP]", TOKENS),
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        "vocab": {token: place for place, token in enumerate(TOKENS)},
    },
}  # fmt: skip
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
ROBERTA_JSON = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        *(added(place, token, normalized=True) for place, token in enumerate(ROBERTA[:4])),
        added(9, "<mask>", lstrip=True),
    ],
    "normalizer": None,
    "pre_tokenizer": BYTE_LEVEL,
    "post_processor": {
        "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False,
    },
    "decoder": BYTE_LEVEL,
    "model": {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
        "fuse_unk": False, "vocab": {token: place for place, token in enumerate(ROBERTA)}, "merges": MERGES,
    },
}  # fmt: skip
ALBERT_JSON = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [*(added(place, token) for place, token in enumerate(ALBERT[:4])), added(4, "[MASK]", lstrip=True)],
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
            {"type": "Replace", "pattern": {"String": "''"}, "content": '"'},
            {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        ],
    },
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        ],
    },
    "post_processor": template("[CLS]", "[SEP]", ALBERT),
    "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
    "model": {"type": "Unigram", "unk_id": 1, "vocab": [list(pair) for pair in zip(ALBERT, SCORES, strict=True)]},
}  # fmt: skip
JSONS = {"bert": BERT_JSON, "roberta": ROBERTA_JSON, "albert": ALBERT_JSON}
SPIECE = SentencePieceModel(ALBERT, SCORES, [CONTROL, UNKNOWN, *[CONTROL] * 3, *[NORMAL] * (len(ALBERT) - 5)]).serialized()


def changed(kind, path, value):
    """A tokenizer.json with one place changed; value ... removes it."""
    made = copy.deepcopy(JSONS[kind])
    *above, last = path
    place = made
    for key in above:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return made
