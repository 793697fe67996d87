"""What the `tokenizers` library makes of every character, and the files of the package that say so.

python -m tests.text.ask_tokenizers      writes keras_bert_lab/text/{bert,byte_level,albert}_characters.json, some seconds
"""

import json
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf
import tensorflow_text as tf_text
import tokenizers

from keras_bert_lab.text.albert_characters import bare_in_unicode_3_2

FOLDER = Path(__file__).resolve().parents[2] / "keras_bert_lab" / "text"
CHARACTERS = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]


def each(normalizer, separator="|"):
    """Character -> what a normaliser of single characters makes of it; the separator stays, and comes from no other one."""
    characters = [character for character in CHARACTERS if character != separator]
    results = normalizer.normalize_str(separator.join(characters)).split(separator)
    return dict(zip(characters, results, strict=True)) | {separator: separator}


def normalized(lowercase, strip_accents=None, split_cjk=True):
    """Character -> what BERT's normaliser makes of it."""
    return each(
        tokenizers.normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=split_cjk)
    )


def bert_punctuation():
    """The characters that are words of their own, where they come through the normaliser."""
    pieces = tokenizers.pre_tokenizers.BertPreTokenizer().pre_tokenize_str("a".join(["", *CHARACTERS, ""]))
    return {piece for piece, _ in pieces if len(piece) == 1 and piece != "a"}


def split_by_op():
    """The characters at which the WordPiece op splits: "a.a" is three tokens, "axa" one unknown word."""
    op = tf_text.FastWordpieceTokenizer(["[UNK]", "a"], token_out_type=tf.int32)
    counts = op.tokenize(tf.constant([f"a{character}a" for character in CHARACTERS])).row_lengths().numpy()
    return {character for character, count in zip(CHARACTERS, counts, strict=True) if count > 1}


def ranges(characters):
    """Inverse of `bert_characters.points_of`."""
    runs = []
    for point in sorted(map(ord, characters)):
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return " ".join(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in runs)


def is_hangul_syllable(character):
    return 0xAC00 <= ord(character) <= 0xD7A3


def bert_table():
    """The contents of bert_characters.json."""
    plain, bare, lowered = normalized(False, split_cjk=False), normalized(False, True, False), normalized(True, False, False)
    with_blanks = normalized(False)
    chinese = {character for character, result in with_blanks.items() if result == f" {character} "}
    remaining = set().union(*plain.values(), *bare.values(), *lowered.values(), *normalized(True, True, False).values()) - {" "}
    by_bert, by_op = bert_punctuation(), split_by_op()
    assert chinese <= by_op
    kept = {character for character, result in plain.items() if result == character}
    return {
        "from": f"tokenizers {tokenizers.__version__}, tensorflow-text {version('tensorflow-text')}",
        "dropped": ranges(character for character, result in plain.items() if result == ""),
        "blanks": ranges(character for character, result in plain.items() if result == " " != character),
        "split": ranges(remaining & (by_bert - by_op)),
        "hidden": ranges(remaining & (by_op - by_bert - chinese)),
        "chinese": ranges(chinese),
        "marks": ranges(character for character in kept if bare[character] == ""),
        "without_accents": {
            character: bare[character]
            for character in sorted(kept)
            if bare[character] not in ("", character) and not is_hangul_syllable(character)
        },
        "lowered": {character: lowered[character] for character in sorted(kept) if lowered[character] != character},
    }


def byte_level_table():
    """The contents of byte_level_characters.json: the classes by which GPT-2's pattern splits texts."""
    splitter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)

    def goes_with(neighbour):
        """Characters that are in one word with the neighbour before them."""
        words = splitter.pre_tokenize_str("".join(f"\n{neighbour}{character}" for character in CHARACTERS))
        starts = {start for _, (start, _) in words}
        return {character for place, character in enumerate(CHARACTERS) if 3 * place + 2 not in starts}

    letters, numbers, others = goes_with("a"), goes_with("1"), goes_with("!")
    assert len(letters | numbers | others) == len(letters) + len(numbers) + len(others)
    return {
        "from": f"tokenizers {tokenizers.__version__}",
        "letters": ranges(letters),
        "numbers": ranges(numbers),
        "blanks": ranges(set(CHARACTERS) - letters - numbers - others),
    }


def albert_table():
    """The contents of albert_characters.json: what NFKD and StripAccents do that Python's Unicode 3.2 does not say."""
    steps = [tokenizers.normalizers.NFKD(), tokenizers.normalizers.StripAccents()]
    asked = each(tokenizers.normalizers.Sequence(steps), separator="\n")
    differing = {character: result for character, result in asked.items() if result != bare_in_unicode_3_2(character)}
    return {
        "from": f"tokenizers {tokenizers.__version__}",
        "dropped": ranges(character for character, result in differing.items() if result == ""),
        "kept": ranges(character for character, result in differing.items() if result == character),
        "changed": {character: result for character, result in differing.items() if result not in ("", character)},
    }


TABLES = {
    "albert_characters.json": albert_table,
    "bert_characters.json": bert_table,
    "byte_level_characters.json": byte_level_table,
}

if __name__ == "__main__":
    for name, table in TABLES.items():
        (FOLDER / name).write_text(json.dumps(table(), indent=1) + "\n", encoding="utf-8")
