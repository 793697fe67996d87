"""What the `tokenizers` library makes of every character, and the file of the package that says so.

python -m tests.text.ask_tokenizers      writes keras_bert_lab/text/bert_characters.json, some seconds
"""

import json
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text
import tokenizers

from keras_bert_lab.text.bert_characters import PRIVATE

FILE = Path(__file__).resolve().parents[2] / "keras_bert_lab" / "text" / "bert_characters.json"
CHARACTERS = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
_SEPARATOR = "|"  # stays itself, and keeps the results of neighbours apart


def normalized(lowercase):
    """Character -> what BERT's normaliser makes of it."""
    characters = [character for character in CHARACTERS if character != _SEPARATOR]
    normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    results = normalizer.normalize_str(_SEPARATOR.join(characters)).split(_SEPARATOR)
    return dict(zip(characters, results, strict=True)) | {_SEPARATOR: _SEPARATOR}


def split_by_bert(normal):
    """The characters that are words of their own, where they come through the normaliser: Chinese, punctuation."""
    chinese = {character for character, result in normal.items() if result == f" {character} "}
    pieces = tokenizers.pre_tokenizers.BertPreTokenizer().pre_tokenize_str("a".join(["", *normal, ""]))
    return chinese | {piece for piece, _ in pieces if len(piece) == 1 and piece != "a"}


def split_by_op():
    """The characters at which the WordPiece op splits: "a.a" is three tokens, "axa" one unknown word."""
    op = tf_text.FastWordpieceTokenizer(["[UNK]", "a"], token_out_type=tf.int32)
    counts = op.tokenize(tf.constant([f"a{character}a" for character in CHARACTERS])).row_lengths().numpy()
    return {character for character, count in zip(CHARACTERS, counts, strict=True) if count > 1}


def ranges(characters):
    """Inverse of `bert_characters._points`."""
    runs = []
    for point in sorted(map(ord, characters)):
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return " ".join(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in runs)


def table():
    """The contents of the file."""
    cased, uncased = normalized(False), normalized(True)
    remaining = set().union(*cased.values(), *uncased.values()) - {" "}
    by_bert, by_op = split_by_bert(cased), split_by_op()
    by_both = by_bert & by_op
    hidden = sorted(remaining & (by_op - by_bert))
    spelled = {ord(character): chr(PRIVATE + number) for number, character in enumerate(hidden)}
    dropped = {character for character, result in cased.items() if result == ""}
    changed = {}
    for character, result in uncased.items():
        if result not in ("", cased[character]) and not 0xAC00 <= ord(character) <= 0xD7A3:
            bare = result.strip(" ")  # the op needs no blanks where it splits by itself
            changed[character] = (bare if bare in by_both else result).translate(spelled)
    return {
        "from": f"tokenizers {tokenizers.__version__}, tensorflow-text {version('tensorflow-text')}",
        "dropped": ranges(dropped),
        "blanks": ranges(character for character, result in cased.items() if result == " " != character),
        "split": ranges(remaining & (by_bert - by_op)),
        "hidden": ranges(hidden),
        "uncased": {
            "dropped": ranges({character for character, result in uncased.items() if result == ""} - dropped),
            "changed": changed,
        },
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(), indent=1) + "\n", encoding="utf-8")
