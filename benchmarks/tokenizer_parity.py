"""How far all our tokenizers of pieces give the tokens of the `tokenizers` and `sentencepiece` libraries, and keras-nlp's too.

    python -m benchmarks.tokenizer_parity --data ../shared/data            about 6 minutes on 2 cores

Texts: the first 5,000 test reviews of IMDB, 5,000 paragraphs of books, the 1,821 test sentences of SST-2, and 5,000 random
texts of awkward characters (seed 7). Vocabularies: bert-base-uncased and -cased under all flags, byte pairs of GPT-2 with the
special tokens of RoBERTa, ALBERT's SentencePiece model. Counted are texts with other tokens, and tokens that an alignment
does not match. Seconds are of one pass in a tf.function over all texts, in batches of 256, and of the library's batch call:
rough. Expected: 0 texts of the first three kinds for all but the lines "model" (rounding of float32) and keras-nlp.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras_nlp
import sentencepiece
import tensorflow as tf
import tokenizers
from tokenizers import normalizers, pre_tokenizers

import keras_bert_lab as kbl
from benchmarks.measure import machine, versions
from benchmarks.wordpiece_parity import differences, read_texts
from keras_bert_lab.text.sentence_piece_model import SentencePieceModel
from tests.text.awkward import awkward_texts, book_lines

BATCH = 256
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
Rows = Callable[[list[str]], list[list[int]]]


def read_all(data: Path) -> dict[str, list[str]]:
    with (data / "sst2" / "test.csv").open(encoding="utf-8", newline="") as lines:
        sentences = [row["text"] for row in csv.DictReader(lines)]
    return {
        "imdb": read_texts(data / "imdb" / "test.csv.gz")[:5_000],
        "books": book_lines(data.parent, 5_000),
        "sst2": sentences,
        "awkward": awkward_texts(5_000),
    }


def in_graph(function: Callable[[Any], Any]) -> Rows:
    graph = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])

    def rows(texts: list[str]) -> list[list[int]]:
        batches = (tf.constant(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH))
        return [row for batch in batches for row in graph(batch).to_list()]

    rows(["a"])
    return rows


def of_library(made: tokenizers.Tokenizer) -> Rows:
    return lambda texts: [encoding.ids for encoding in made.encode_batch(texts)]


def wordpiece(data: Path) -> Iterator[tuple[str, Rows, Rows]]:
    for name, flags in itertools.product(("uncased", "cased"), itertools.product([True, False], repeat=3)):
        lowercase, strip_accents, split_cjk = flags
        if lowercase != (name == "uncased"):
            continue
        path = data / "vocab" / f"bert-base-{name}" / "vocab.txt"
        ours = kbl.WordPieceTokenizer.from_file(path, lowercase, strip_accents=strip_accents, split_cjk=split_cjk)
        ids = ours.vocabulary.ids
        made = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
        made.normalizer = normalizers.BertNormalizer(
            lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=split_cjk
        )
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        settings = f"lowercase={lowercase}, strip_accents={strip_accents}, split_cjk={split_cjk}"
        yield f"WordPiece, {name}, {settings}", in_graph(ours.tokenize), of_library(made)


def byte_pairs(data: Path) -> Iterator[tuple[str, Rows, Rows]]:
    folder = data / "vocab" / "gpt2-bpe"
    ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = [line for line in (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:] if line]
    for prefix in (False, True):
        made = tokenizers.Tokenizer(tokenizers.models.BPE(ids, [tuple(merge.split(" ")) for merge in merges]))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
        ours = kbl.BytePairTokenizer([*sorted(ids, key=ids.get), *SPECIAL], merges, add_prefix_space=prefix)
        yield f"BytePair, add_prefix_space={prefix}", in_graph(ours.tokenize), of_library(made)
        theirs = keras_nlp.tokenizers.BytePairTokenizer(ids, merges, add_prefix_space=prefix)
        yield f"keras-nlp BytePairTokenizer, add_prefix_space={prefix}", in_graph(theirs.tokenize), of_library(made)


def albert(content: bytes, lowercase: bool, strip_accents: bool) -> tokenizers.Tokenizer:
    model = SentencePieceModel.parse(content)
    pieces = list(zip(model.pieces, model.scores_in_texts(), strict=True))
    made = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=1))
    steps = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    steps += [normalizers.NFKD(), normalizers.StripAccents()] * strip_accents + [normalizers.Lowercase()] * lowercase
    made.normalizer = normalizers.Sequence([*steps, normalizers.Precompiled(model.characters_map)])
    blanks = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), blanks])
    return made


def sentence_pieces(data: Path) -> Iterator[tuple[str, Rows, Rows]]:
    content = (data / "vocab" / "albert-base" / "spiece.model").read_bytes()
    for lowercase, strip_accents in itertools.product([True, False], repeat=2):
        ours = kbl.SentencePieceTokenizer(content, lowercase=lowercase, strip_accents=strip_accents)
        name = f"SentencePiece, albert, lowercase={lowercase}, strip_accents={strip_accents}"
        yield name, in_graph(ours.tokenize), of_library(albert(content, lowercase, strip_accents))
    library = sentencepiece.SentencePieceProcessor(model_proto=content)
    ours = kbl.SentencePieceTokenizer(content, rules="model")
    yield "SentencePiece, model", in_graph(ours.tokenize), library.encode
    theirs = keras_nlp.tokenizers.SentencePieceTokenizer(content)
    yield "keras-nlp SentencePieceTokenizer", in_graph(theirs.tokenize), library.encode


def compare(ours: Rows, theirs: Rows, texts: list[str]) -> dict[str, Any]:
    start = time.perf_counter()
    found = ours(texts)
    middle = time.perf_counter()
    wanted = theirs(texts)
    end = time.perf_counter()
    missed = sum(d - c for row, other in zip(found, wanted, strict=True) for _, _, c, d in differences(row, other))
    return {
        "texts": len(texts),
        "tokens": sum(map(len, wanted)),
        "texts_differing": sum(row != other for row, other in zip(found, wanted, strict=True)),
        "tokens_not_matched": missed,
        "seconds": middle - start,
        "seconds_of_library": end - middle,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with imdb/, books/, sst2/ and vocab/")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "tokenizer_parity.json")
    options = parser.parse_args()
    sources = read_all(options.data.resolve())
    rows = []
    for name, ours, theirs in itertools.chain(*(each(options.data) for each in (wordpiece, byte_pairs, sentence_pieces))):
        row = {"tokenizer": name} | {source: compare(ours, theirs, texts) for source, texts in sources.items()}
        rows.append(row)
        counts = ", ".join(
            f"{source} {row[source]['texts_differing']} ({row[source]['tokens_not_matched']})" for source in sources
        )
        print(f"{name:80} texts (tokens) differing: {counts}", flush=True)
    packages = ["keras-bert-lab", "keras", "keras-nlp", "tensorflow", "tensorflow-text", "tokenizers", "sentencepiece"]
    report = {
        "command": "python -m benchmarks.tokenizer_parity",
        "machine": machine(),
        "versions": versions(packages),
        "rows": rows,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
