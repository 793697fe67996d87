"""Real tokens per second in masked-LM training: packed rows beside rows padded to 128 and beside length buckets.

    python -m benchmarks.packing --data ../shared/data            about 10 minutes on 2 cores, 4 of them to prepare the books
    python -m benchmarks.packing --data ../shared/data --quick    about 3 minutes: 20 books, two rounds

The same model (BERT mini, V = 8,192, mixed bfloat16), the same training step, 4,096 slots in a batch:

- packed: `PretrainingBatches`, 32 rows of 128; several texts in a row, attention inside each text, positions restart.
- padded: one text a row, 32 rows of 128.
- buckets: one text a row, texts of similar length in a batch, padded to the longest of them; as many rows as fit into 4,096
  slots (the boundaries of `batches/buckets.py`).

Two kinds of texts: the sentences of the books, each a text of its own (longer ones are cut), and whole books. For packing the
books are cut between sentences, with short pieces that fill gaps, as it always does; for the others into equal parts of at most
126 tokens, which leaves no padding: the best that they can do. The share of masked tokens is the same in all (told; 15 % of
each text); `padded` and `buckets` have as many masked positions as the row of the batch that needs most, so that no work is
done for nothing beyond the padding itself.

A round is the same 24 batches for each, taken evenly over an epoch (for buckets in the order of length), held in memory; the
first round warms up, then they take turns, A B C, C B A; rounds during which other work kept more than a tenth of a core busy
are repeated (within `--patience`; rows that stay disturbed have a "!"). Tokens counted are those of the texts: [CLS], [SEP] and
padding are not. The limit is the rate of this machine's best matrix product in the same run over the operations per token.

Expected result, in benchmarks/results/packing.json: on sentences packed above 3 times padded and not below buckets; on books,
where nothing is to be gained, not below 0.9 times padded. Seed 0.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoder_cases import Case
from benchmarks.encoder_peer_keras import products
from benchmarks.measure import QUIET, alternate, machine, summary, timed_run, versions
from benchmarks.prepared_books import MINI, about_corpus, all_tokens, mini_model, prepared_books, working_folder
from keras_bert_lab import contract
from keras_bert_lab.batches import MemoryCorpus, PretrainingBatches, TokenRows, as_dataset, open_corpus
from keras_bert_lab.batches.buckets import BOUNDARIES
from keras_bert_lab.batches.masking import Masker
from keras_bert_lab.batches.packed_rows import PackedRows
from keras_bert_lab.batches.pieces import Pieces
from keras_bert_lab.batches.randomness import noise_key
from keras_bert_lab.config import MaskingConfig
from keras_bert_lab.training import AdamW

_LENGTH, _ROWS = 128, 32
_SLOTS = _LENGTH * _ROWS
_STEPS = 24


class OneTextRows:
    """Numbered batches of one text a row.

    Args:
        corpus: a corpus.
        texts: its pieces.
        plan: for each batch the numbers of its texts, and the length that they are padded to.
    """

    def __init__(self, corpus: Any, texts: Pieces, plan: list[tuple[np.ndarray, int]]) -> None:
        self.corpus = corpus
        self.texts = texts
        self.plan = plan
        self.steps_per_epoch = len(plan)
        self.target_shape = (None,)
        self._masker = Masker(corpus.vocabulary, MaskingConfig())
        self._keys = np.array([noise_key(0, purpose) for purpose in range(4)])

    def counts(self, step: int) -> tuple[int, int]:
        """Real tokens and slots of batch `step`."""
        numbers, length = self.plan[step % self.steps_per_epoch]
        return int(self.texts.slots[numbers].sum()), len(numbers) * length

    def batch(self, step: int) -> tuple[Any, ...]:
        """Batch `step`: the contract dict without the keys of packed rows, masked ids, weights."""
        numbers, length = self.plan[step % self.steps_per_epoch]
        count = len(numbers)
        rows = PackedRows(self.texts.texts(numbers, np.uint64(0)), np.arange(count), count, length)
        tokens = rows.tokens(self.corpus)
        places = (numbers.astype(np.uint64) << np.uint64(24))[rows.text] + rows.positions.astype(np.uint64)
        seen, chosen = self._masker.mask(tokens, rows.text, rows.starts, places, rows.row, length, self._keys)
        inputs = rows.inputs(seen, self.corpus.vocabulary)
        del inputs[contract.EXAMPLE_IDS], inputs[contract.POSITIONS]
        most = int(np.bincount(rows.slots[chosen] // length).max())
        inputs[contract.MASKED_POSITIONS], ids, weights = rows.chosen(tokens, chosen, most)
        return inputs, ids, weights


def padded(corpus: Any) -> OneTextRows:
    """32 texts in a batch, each in a row of 128."""
    texts = Pieces(corpus, None, _LENGTH, 0)
    order = np.random.default_rng(0).permutation(len(texts.slots))
    return OneTextRows(corpus, texts, [(order[start : start + _ROWS], _LENGTH) for start in range(0, len(order), _ROWS)])


def buckets(corpus: Any) -> OneTextRows:
    """Texts of one bucket in a batch, as many as fit into the slots; short ones first."""
    texts = Pieces(corpus, None, _LENGTH, 0)
    order = np.random.default_rng(0).permutation(len(texts.slots))
    bucket_of = np.searchsorted(BOUNDARIES, texts.slots[order])
    plan = []
    for bucket in np.unique(bucket_of):
        numbers, count = order[bucket_of == bucket], _SLOTS // BOUNDARIES[bucket]
        parts = [numbers[start : start + count] for start in range(0, len(numbers), count)]
        plan += [(part, int(texts.slots[part].max())) for part in parts]
    return OneTextRows(corpus, texts, plan)


def corpora(path: Path) -> dict[str, tuple[Any, Any]]:
    """Kind of text -> the corpus to pack, and the one for one text a row."""
    books = open_corpus(path)
    ids = all_tokens(books)

    def in_memory(splits: Any) -> MemoryCorpus:
        return MemoryCorpus(TokenRows(ids, np.zeros(0, np.int32), np.asarray(splits)), books.vocabulary)

    sentences = in_memory(books.sentence_splits)
    return {"sentences": (sentences, sentences), "books": (books, in_memory(books.document_splits))}


class Held:
    """Some batches, evenly over an epoch, in memory and endlessly repeated."""

    def __init__(self, batches: Any, vocabulary: Any) -> None:
        steps = np.linspace(0, batches.steps_per_epoch - 1, _STEPS + 2).astype(int)[1:-1]
        self.batches = [batches.batch(int(step)) for step in steps]
        self.steps_per_epoch = _STEPS
        self.target_shape = batches.target_shape
        self.masked = sum(float(weights.sum()) for *_, weights in self.batches)
        ids = [inputs[contract.WORD_IDS] for inputs, *_ in self.batches]
        around = [vocabulary.pad_id, vocabulary.cls_id, vocabulary.sep_id]
        self.tokens = sum(int((~np.isin(each, around)).sum()) for each in ids)
        self.slots = sum(each.size for each in ids)

    def batch(self, step: int) -> tuple[Any, ...]:
        return self.batches[step % _STEPS]

    def counts(self, step: int) -> tuple[int, int]:
        raise NotImplementedError(f"Nobody asks how full batch {step} is.")


def filled(batches: Any) -> float:
    """Share of the slots of an epoch that hold a token of a text, [CLS] or [SEP]."""
    real, slots = np.sum([batches.counts(step) for step in range(batches.steps_per_epoch)], axis=0)
    return float(real / slots)


def run_of(model: Any, held: Held) -> Callable[[], dict[str, Any]]:
    """A round of training steps through what `fit` calls for each step."""
    iterator = iter(as_dataset(held))
    model.make_train_function()

    def steps() -> None:
        for _ in range(_STEPS):
            logs = model.train_function(iterator)
        if not np.isfinite(float(logs["loss"])):
            raise FloatingPointError("The loss is no longer finite.")

    steps()
    return lambda: timed_run(steps, 1)


def measure(kind: str, model: Any, corpora: tuple[Any, Any], rounds: int, patience: float) -> list[dict[str, Any]]:
    """A row for each way to make batches."""
    ways: dict[str, Any] = {
        "packed": PretrainingBatches(corpora[0], _LENGTH, _ROWS),
        "padded": padded(corpora[1]),
        "buckets": buckets(corpora[1]),
    }
    held = {name: Held(batches, corpora[0].vocabulary) for name, batches in ways.items()}
    seconds, others = alternate({name: run_of(model, each) for name, each in held.items()}, rounds, patience)
    rates = {name: np.array([held[name].tokens / each for each in found]) for name, found in seconds.items()}
    rows = []
    for name, batches in ways.items():
        rows.append(
            {
                "texts": kind,
                "mean_tokens_of_a_text": float((ways["padded"].texts.slots - 2).mean()),
                "batches": name,
                "tokens_per_second": summary(list(rates[name])),
                "packed_is_faster_by": summary(list(rates["packed"] / rates[name])),
                "milliseconds_per_step": 1000 * float(np.median(seconds[name])) / _STEPS,
                "slots_filled": filled(batches),
                "tokens_in_slots_of_the_timed_batches": held[name].tokens / held[name].slots,
                "masked_of_tokens": held[name].masked / held[name].tokens,
                "cores_busy_with_other_work": others[name],
                "rounds": seconds[name],
            }
        )
        print(f"{kind} {name}: {rows[-1]['tokens_per_second']['median']:,.0f} tokens/s", flush=True)
    return rows


def print_table(report: dict[str, Any]) -> None:
    """The report, for reading."""
    print("\ntexts      batches  slots filled  masked  ms/step  tokens/s      p10      p90  limit  packed is")
    for row in report["rows"]:
        rate = row["tokens_per_second"]
        print(
            f"{row['texts']:10} {row['batches']:8} {row['slots_filled']:11.1%} {row['masked_of_tokens']:8.1%} "
            f"{row['milliseconds_per_step']:8.0f} {rate['median']:9,.0f} {rate['p10']:8,.0f} {rate['p90']:8,.0f} "
            f"{row['share_of_limit']:6.0%} {row['packed_is_faster_by']['median']:9.2f}x"
            f"{' !' if row['cores_busy_with_other_work'] > QUIET else ''}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with books/")
    parser.add_argument("--work", type=Path, help="folder for the prepared books")
    parser.add_argument("--quick", action="store_true", help="20 books, two rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each row (7; with --quick 2)")
    parser.add_argument("--patience", type=float, default=300, help="seconds to repeat disturbed rounds, for each kind of text")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    default = Path(__file__).parent / "results" / "packing.json"
    output = options.output or (Path(tempfile.gettempdir()) / "packing_quick.json" if options.quick else default)
    rounds = options.rounds or (2 if options.quick else 7)
    folder = prepared_books(options.data, working_folder(options.work, options.quick), "all", options.quick)
    vocabulary = open_corpus(folder)
    model = mini_model(vocabulary, _LENGTH)
    model.compile(AdamW(1e-4))
    best, rows = max(products("bfloat16").values()), []
    for kind, pair in corpora(folder).items():
        rows += measure(kind, model, pair, rounds, options.patience)
    best = max(best, *products("bfloat16").values())
    case = Case(name="mini", **MINI, batch_size=1, predictions=round(0.15 * _LENGTH), vocab_size=len(vocabulary.vocabulary))
    limit = best * case.tokens / case.flops("train")  # every slot a token
    for row in rows:
        row["share_of_limit"] = row["tokens_per_second"]["median"] / limit
    report: dict[str, Any] = {
        "command": "python -m benchmarks.packing --data DATA" + " --quick" * options.quick,
        "options": {"rounds": rounds, "patience": options.patience},
        "corpus": about_corpus(folder),
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow", "numpy"]),
        "best_product_in_operations_per_second": best,
        "limit_in_tokens_per_second": limit,
        "rows": rows,
    }
    print_table(report)
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
