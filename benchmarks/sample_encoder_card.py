"""The model card of the encoder that comes with the package, filled with what its manifest says."""

from __future__ import annotations

import datetime
import re
import textwrap
from collections.abc import Mapping
from typing import Any

__all__ = ["card"]

_CARD = """\
---
language: en
license: apache-2.0
library_name: keras_bert_lab
pipeline_tag: fill-mask
---

# The sample encoder of keras_bert_lab

A small BERT that comes with the package, so that one can try fine-tuning of a pretrained encoder, and see what pretraining is
worth, without a network: {layers} layers, {hidden} wide, {heads} heads, {positions} positions, {vocabulary:,} lower-case word
pieces, {weights:,} weights and a masked LM head, in half precision (float16). It has no pooler: use mean pooling.

```python
import keras_bert_lab as kbl

source = kbl.sample_encoder()
print(kbl.load_task(source).fill_mask("{gap}"))
classifier = kbl.TextClassifier.from_pretrained(source, labels=["neg", "pos"], pooling="mean")
```

```sh
keras-bert-lab train reviews.csv --encoder sample:encoder --output runs/reviews
keras-bert-lab pretrain more.txt --start sample:encoder --output runs/more
```

The folder is in the layout of Hugging Face: `BertForMaskedLM.from_pretrained` and `AutoTokenizer.from_pretrained` of
transformers read it too.

## How it was made

{documents} books in English from the public domain, mostly novels, stories and essays of the 19th and early 20th century,
some of them translations: {tokens:,} tokens. {held_out}

```sh
{prepare}
{pretrain}
```

{steps:,} steps in {minutes:.0f} minutes on {day}, on {cores} cores of {processor} ({memory:.0f} GiB of memory; keras_bert_lab
{ours}, Keras {keras}, TensorFlow {tensorflow}), then rounded to half precision. {sources} `keras_bert_lab.json` holds all
settings and the whole course of the training.

## How good it is

| held out | |
|---|---|
| loss for each masked token | {loss:.3f} |
| masked tokens predicted right | {accuracy:.1%} |
| perplexity | {perplexity:.1f} |

Masks are drawn as in its training. Its hidden states in float32 differ by at most {hidden_difference:.2g}
from those before rounding, whose standard deviation is {deviation:.2g}, on 200 texts; the probabilities of words by
{probability_difference:.2g}.

{examples}

## Limits

- Old books: it knows their English, their themes and their opinions. Words and things of today are foreign to it, and so are
  other languages.
- Such books say much about women, peoples, religions and classes that is prejudice; an encoder that predicts their words has
  learned it. Do not decide about people with it, and look at what a model made of it answers for different groups.
- It is small and was trained for {minutes:.0f} minutes on one processor; published encoders have read thousands of times as
  much. Use it to learn, to test, and as a start for small tasks; for real work compare it with a published one.
- It reads {positions} tokens; the rest of a longer text is cut off.

## Licence

Apache-2.0, as the repository that it is part of. The books are in the public domain; the folder holds none of their texts,
only weights and word pieces.
"""


def _held_out(documents: int, held_out: int) -> str:
    if not held_out:
        return f"All {documents} were learned from."
    books = "book was" if held_out == 1 else "books were"
    return f"{held_out} {books} held out by the command and not learned from."


def _sources(sources: list[Mapping[str, Any]]) -> str:
    shown = "; ".join(f"`{each['name']}`, {each['bytes']:,} bytes, SHA-256 `{each['sha256']}`" for each in sources)
    return f"The texts: {shown}."


def _examples(found: Mapping[str, list[tuple[str, float]]]) -> str:
    rows = [
        f"| {text} | {', '.join(f'{token} {score:.0%}' for token, score in candidates)} |" for text, candidates in found.items()
    ]
    return "\n".join(["| gap | likeliest words |", "|---|---|", *rows])


def _wrapped(text: str) -> str:
    """Text with lines of one width; code, tables, lists and headings stay as they are."""
    blocks = re.split(r"(```.*?```|\n\n)", text, flags=re.DOTALL)
    return "".join(
        textwrap.fill(" ".join(block.split()), 120, break_long_words=False, break_on_hyphens=False)
        if re.match(r"[A-Z0-9]", block)
        else block
        for block in blocks
    )


def card(about: Mapping[str, Any], encoder: Any, examples: Mapping[str, list[tuple[str, float]]]) -> str:
    """The text of README.md.

    Args:
        about: of the folder's manifest, see make_sample_encoder.py.
        encoder: of the folder.
        examples: text with a gap -> the likeliest words and their probabilities.
    """
    figures, machine, difference = about["figures"], about["machine"], about["largest_difference_to_the_run"]
    last = {name: values[-1] for name, values in figures["history"].items()}
    prepare, pretrain = about["commands"]
    config = encoder.config
    filled = _CARD.format(
        layers=config.num_layers,
        hidden=config.hidden_size,
        heads=config.num_heads,
        positions=config.max_positions,
        vocabulary=config.vocab_size,
        weights=encoder.count_params(),
        gap=next(iter(examples)),
        documents=about["corpus"]["documents"],
        tokens=about["corpus"]["tokens"],
        held_out=_held_out(figures["documents"], figures["held_out_documents"]),
        prepare=prepare,
        pretrain=pretrain,
        steps=figures["steps"],
        minutes=figures["seconds"] / 60,
        day=datetime.datetime.fromisoformat(about["date"]).date().isoformat(),
        cores=machine["cores"],
        processor=machine["processor"],
        memory=machine["memory_gib"],
        ours=about["versions"]["keras_bert_lab"],
        keras=about["versions"]["keras"],
        tensorflow=about["versions"]["tensorflow"],
        sources=_sources(about["corpus"]["sources"]),
        loss=last.get("val_masked_lm_loss", last["val_loss"]),
        accuracy=last["val_accuracy"],
        perplexity=last["val_perplexity"],
        hidden_difference=difference["hidden_states"],
        deviation=difference["their_standard_deviation"],
        probability_difference=difference["probabilities"],
        examples=_examples(examples),
    )
    head, title, body = filled.partition("# The sample encoder")
    return head + title + _wrapped(body).rstrip() + "\n"
