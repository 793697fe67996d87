"""How far WordPieceTokenizer gives the tokens of the `tokenizers` library, and how fast, beside the plain op and that library.

    python -m benchmarks.wordpiece_parity --data ../shared/data            about 5 minutes on 2 cores

Texts: the 25,000 test reviews of IMDB; vocabularies: bert-base-uncased and bert-base-cased; without [CLS] and [SEP]. A share
is the number of tokens that an alignment matches, divided by the larger number of tokens. "plain" is FastBertTokenizer of
TensorFlow Text as it comes, "normalised" is our tokenizer. The characters in a stretch of differing tokens tell its kind, and
stretches are counted. Times are of the first 5,000 texts, in batches of 256, in a tf.function; rounds in turn. Expected:
normalised exactly 1, plain above 0.9998. No seed.
"""

from __future__ import annotations

import argparse
import collections
import csv
import difflib
import gzip
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
import tokenizers

import keras_bert_lab as kbl
from benchmarks.measure import alternate, machine, summary, timed_run, versions

BATCH = 256
TIMED = 5_000
EXAMPLES = 5


def read_texts(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [row["text"] for row in csv.DictReader(lines)]


def bert(vocabulary: list[str], lowercase: bool) -> tokenizers.Tokenizer:
    """BERT's tokenizer, of the parts of the `tokenizers` library."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return made


def differences(found: list[int], wanted: list[int]) -> list[tuple[int, int, int, int]]:
    """Stretches in which two rows of ids differ: found[a:b] stands in the place of wanted[c:d]."""
    if found == wanted:
        return []
    codes = difflib.SequenceMatcher(None, found, wanted, autojunk=False).get_opcodes()
    return [places for tag, *places in codes if tag != "equal"]


def kind(character: str, normalizer: tokenizers.normalizers.Normalizer) -> str | None:
    """Why the plain op treats a character otherwise; None where it does not."""
    result = normalizer.normalize_str(character)
    if result == "" and unicodedata.category(character) in ("Cc", "Cf", "Co", "So"):
        return "dropped character: the plain op puts a blank"
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    if normalizer.lowercase and normalizer.normalize_str(folded) != result:
        return "compatibility character: the plain op folds it (NFKC)"
    return None


def compare(rows: list[list[int]], encodings: list[Any], texts: list[str], tokens: list[str], normalizer: Any) -> dict:
    """Share of equal tokens, and the kinds of what differs."""
    equal, kinds, characters, examples = 0, collections.Counter(), collections.defaultdict(collections.Counter), {}
    differing = 0
    for found, encoding, text in zip(rows, encodings, texts, strict=True):
        wanted = encoding.ids
        stretches = differences(found, wanted)
        differing += bool(stretches)
        equal += len(wanted) - sum(d - c for _, _, c, d in stretches)
        for a, b, c, d in stretches:
            begin = encoding.offsets[max(c - 1, 0)][0] if c == d else encoding.offsets[c][0]
            end = encoding.offsets[min(d, len(wanted) - 1)][1] if c == d else encoding.offsets[d - 1][1]
            while begin > 0 and normalizer.normalize_str(text[begin - 1]) != " ":
                begin -= 1
            while end < len(text) and normalizer.normalize_str(text[end]) != " ":
                end += 1
            here = {character: kind(character, normalizer) for character in text[begin:end]}
            names = sorted({name for name in here.values() if name}) or [
                "word of more than 100 bytes" if max(len(word.encode()) for word in text[begin:end].split()) > 100 else "other"
            ]
            name = " and ".join(names)
            kinds[name] += 1
            characters[name].update(f"U+{ord(character):04X}" for character, why in here.items() if why)
            if len(examples.setdefault(name, [])) < EXAMPLES:
                example = {"text": text[begin:end][:80], "found": [tokens[i] for i in found[a:b]][:12]}
                examples[name].append(example | {"tokenizers": [tokens[i] for i in wanted[c:d]][:12]})
    largest = max(sum(map(len, rows)), sum(len(encoding.ids) for encoding in encodings))
    return {
        "share": equal / largest,
        "tokens_not_matched": largest - equal,
        "texts_differing": differing,
        "kinds": [
            {"kind": name, "count": count, "characters": dict(characters[name].most_common(30)), "examples": examples[name]}
            for name, count in kinds.most_common()
        ],
    }


def measure(folder: Path, lowercase: bool, texts: list[str], rounds: int, patience: float) -> dict[str, Any]:
    vocabulary = kbl.text.read_vocabulary(folder / "vocab.txt")
    theirs = bert(vocabulary, lowercase)
    ours = kbl.WordPieceTokenizer(vocabulary, lowercase=lowercase)
    plain = tf_text.FastBertTokenizer(vocabulary, token_out_type=tf.int32, lower_case_nfd_strip_accents=lowercase)
    some = texts[:TIMED]

    def batches(texts: list[str]) -> list[Any]:
        return [tf.constant(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]

    def graph(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])

    functions = {"plain": graph(plain.tokenize), "normalised": graph(ours.tokenize)}
    with_offsets = graph(ours.tokenize_with_offsets)
    encodings = theirs.encode_batch(texts)
    row = {"vocabulary": folder.name, "texts": len(texts), "tokens": sum(len(encoding.ids) for encoding in encodings)}
    for name, function in functions.items():
        ids = [row for batch in batches(texts) for row in function(batch).to_list()]
        row[name] = compare(ids, encodings, texts, vocabulary, theirs.normalizer)
        share, differing = row[name]["share"], row[name]["texts_differing"]
        print(f"{folder.name:18} {name:25} {share:.7f} of the tokens, {differing} texts differ", flush=True)
    del encodings

    def timed(function: Callable[[Any], Any], inputs: list[Any]) -> Callable[[], dict[str, Any]]:
        function(inputs[0])
        return lambda: timed_run(lambda: [function(batch) for batch in inputs], 1)

    runs = {name: timed(function, batches(some)) for name, function in functions.items()}
    runs["normalised, with offsets"] = timed(with_offsets, batches(some))
    runs["tokenizers"] = timed(theirs.encode_batch_fast, [some])
    runs["tokenizers, with offsets"] = timed(theirs.encode_batch, [some])
    seconds, others = alternate(runs, rounds, patience)
    row["seconds"] = {name: summary(values) for name, values in seconds.items()}
    row["texts_per_second"] = {name: len(some) / float(np.median(values)) for name, values in seconds.items()}
    row["seconds_beside_plain"] = {
        name: summary(list(np.array(values) / np.array(seconds["plain"]))) for name, values in seconds.items()
    }
    row["cores_kept_busy_by_others"] = others
    row["rounds"] = seconds
    for name, speed in row["texts_per_second"].items():
        print(f"{folder.name:18} {name:25} {speed:9.0f} texts/s, {row['seconds_beside_plain'][name]['median']:5.2f}x plain")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with imdb/test.csv.gz and vocab/bert-base-*/vocab.txt")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patience", type=float, default=240.0, help="seconds to wait for a quiet machine, each vocabulary")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "wordpiece_parity.json")
    options = parser.parse_args()
    texts = read_texts(options.data / "imdb" / "test.csv.gz")
    rows = [
        measure(options.data / "vocab" / f"bert-base-{name}", name == "uncased", texts, options.rounds, options.patience)
        for name in ("uncased", "cased")
    ]
    report = {
        "command": f"python -m benchmarks.wordpiece_parity --rounds {options.rounds} --patience {options.patience:g}",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "tensorflow-text", "tokenizers"]),
        "rows": rows,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
