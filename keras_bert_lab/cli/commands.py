"""The commands: what each runs, which of its arguments stand without a name, and examples of its use."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keras_bert_lab.recipes import (
    check_data,
    compare,
    convert,
    evaluate,
    export,
    fill_mask,
    inspect,
    inspect_corpus,
    predict,
    prepare,
    pretrain,
    quickstart,
    train,
)

__all__ = ["COMMANDS", "Command"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        run: the recipe; its arguments are the command's options.
        words: arguments that stand without a name, in this order; the last may take several words.
        takes_many: whether the last of `words` takes several.
        examples: shown below the help.
    """

    run: Callable[..., Any]
    words: tuple[str, ...] = ()
    takes_many: bool = False
    examples: str


COMMANDS = {
    "quickstart": Command(
        run=quickstart,
        examples="""\
  keras-bert-lab quickstart
  keras-bert-lab quickstart --output /tmp/first-try --seed 1 --small""",
    ),
    "prepare": Command(
        run=prepare,
        words=("corpus",),
        takes_many=True,
        examples="""\
  keras-bert-lab prepare books.txt.gz --tokenizer runs/my-bert --output corpora/books
  keras-bert-lab prepare reviews.parquet --text review --output corpora/reviews --vocabulary.size 16000
  keras-bert-lab prepare crawl/*.txt.zst --tokenizer vocab.txt --output corpora/crawl --shard 3/16
  keras-bert-lab prepare books.txt.gz --tokenizer runs/my-bert --output /shared/books --engine ray""",
    ),
    "pretrain": Command(
        run=pretrain,
        words=("corpus",),
        takes_many=True,
        examples="""\
  keras-bert-lab pretrain corpus.txt.gz more/*.txt --output runs/my-bert
  keras-bert-lab pretrain reviews.csv --text review --output runs/my-bert --vocabulary.size 16000 --epochs 5
  keras-bert-lab pretrain corpus.txt --output runs/tiny --encoder.preset bert_tiny --optimizer.learning_rate 5e-4
  keras-bert-lab pretrain --config runs/my-bert/config.yaml --output runs/longer --epochs 10
  keras-bert-lab pretrain new.txt --start runs/my-bert --output runs/my-bert-2""",
    ),
    "check-data": Command(
        run=check_data,
        words=("table",),
        examples="""\
  keras-bert-lab check-data reviews.csv
  keras-bert-lab check-data train.xlsx --test test.xlsx --text Reviews --label Sentiment --output checks/reviews
  keras-bert-lab check-data train.csv --validation dev.csv --test test.csv --encoder sample:encoder --json
  keras-bert-lab check-data pairs.jsonl --text premise --text_pair hypothesis --max_length 128""",
    ),
    "train": Command(
        run=train,
        words=("table",),
        examples="""\
  keras-bert-lab train reviews.csv --text text --label label --encoder runs/my-bert --output runs/my-classifier
  keras-bert-lab train reviews.csv --encoder sample:encoder --output runs/my-classifier
  keras-bert-lab train train.xlsx --validation dev.xlsx --encoder runs/my-bert --output runs/my-classifier --epochs 5
  keras-bert-lab train pairs.jsonl --text premise --text_pair hypothesis --encoder runs/my-bert --output runs/pairs
  keras-bert-lab train reviews.csv --encoder hf://google-bert/bert-base-uncased --output runs/base --trainable "last 2"
  keras-bert-lab train stars.csv --kind regression --label stars --encoder runs/my-bert --output runs/stars""",
    ),
    "evaluate": Command(
        run=evaluate,
        words=("model", "table"),
        examples="""\
  keras-bert-lab evaluate runs/my-classifier test.csv
  keras-bert-lab evaluate runs/my-classifier test.parquet --text review --label sentiment --json""",
    ),
    "predict": Command(
        run=predict,
        words=("model", "texts"),
        takes_many=True,
        examples="""\
  keras-bert-lab predict runs/my-classifier "will see it again" "never again"
  keras-bert-lab predict runs/my-classifier --table in.csv --text text --output out.csv
  keras-bert-lab predict runs/my-classifier --table in.xlsx --output out.xlsx --probabilities""",
    ),
    "compare": Command(
        run=compare,
        words=("runs",),
        takes_many=True,
        examples="""\
  keras-bert-lab compare runs/*
  keras-bert-lab compare runs/base runs/lora --json""",
    ),
    "fill-mask": Command(
        run=fill_mask,
        words=("model", "texts"),
        takes_many=True,
        examples="""\
  keras-bert-lab fill-mask runs/my-bert "the film was absolutely [MASK]"
  keras-bert-lab fill-mask runs/my-bert "a [MASK] of [MASK]" --top_k 3 --json""",
    ),
    "export": Command(
        run=export,
        words=("model", "output"),
        examples="""\
  keras-bert-lab export runs/my-classifier saved_models/my-classifier""",
    ),
    "convert": Command(
        run=convert,
        words=("source", "output"),
        examples="""\
  keras-bert-lab convert runs/my-classifier for-transformers/my-classifier
  keras-bert-lab convert hf://sentence-transformers/all-MiniLM-L6-v2 minilm --format tfhub
  keras-bert-lab convert uncased_L-12_H-768_A-12 bert-base --encoder_only""",
    ),
    "inspect": Command(
        run=inspect,
        words=("source",),
        examples="""\
  keras-bert-lab inspect runs/my-classifier
  keras-bert-lab inspect hf://distilbert/distilbert-base-uncased --json""",
    ),
    "inspect-corpus": Command(
        run=inspect_corpus,
        words=("corpus",),
        examples="""\
  keras-bert-lab inspect-corpus corpora/books
  keras-bert-lab inspect-corpus corpora/books --masked --masking.rate 0.3 --rows 5""",
    ),
}
