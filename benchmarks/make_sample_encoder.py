"""Makes the encoder that comes with the package: a finished pretraining in half precision, with its model card.

    keras-bert-lab prepare ../shared/data/books/books.txt.gz --output corpora/books
    keras-bert-lab pretrain corpora/books --output runs/books ...
    python -m benchmarks.make_sample_encoder runs/books --texts ../shared/data/books/books.txt.gz        about 2 minutes

To be run on the machine that pretrained: the card names it. What the run's manifest says (settings, figures, versions) goes
into the card; the two commands in it are made from the settings, and read again by the command line's own parser: they must
give these settings. With `--texts` the vocabulary is learned from them once more, to prove that the command `prepare` gives it.

The folder is written beside its place, loaded, and compared with the run: the same tokens, and hidden states and probabilities
in float32 that differ by no more than half precision explains. Only then does it get its name. A folder that is there already
is never replaced. Expected: keras_bert_lab/data/samples/encoder/, 11 MB. No seed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import keras_bert_lab as kbl
from benchmarks.measure import machine
from benchmarks.sample_encoder_card import card
from benchmarks.sample_encoder_commands import prepare_command, pretrain_command, shown_settings
from keras_bert_lab import contract
from keras_bert_lab.batches.corpus_files import CORPUS_MANIFEST
from keras_bert_lab.config import VocabularyConfig
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.formats import MANIFEST, new_folder
from keras_bert_lab.formats.manifest import write_manifest
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.recipes.prepare import learn_tokenizer

OUTPUT = Path(kbl.__file__).parent / "data" / "samples" / "encoder"
LARGEST = 16 * 2**20
_LARGEST_DIFFERENCE = 0.05  # of hidden states, in their standard deviations: half precision rounds to 0.0005 of each weight
_LARGEST_PROBABILITY = 0.02
_GAPS = (
    "she opened the [MASK] and looked into the garden .",
    "the old man was very [MASK] .",
    "he had not slept for three [MASK] .",
)
_TEXTS = 200
_KEPT = ("documents", "held_out_documents", "weights", "tokens", "learning_rate", "steps", "slots_filled", "seconds", "history")


def refuse(reason: str) -> None:
    """Leave, with the reason."""
    raise SystemExit(f"make_sample_encoder: {reason}")


def check_run(run: dict[str, Any]) -> None:
    """Refuse a run that is no finished pretraining from nothing."""
    about = run["about"]
    if about.get("command") != "pretrain" or run["task"] != "MaskedLanguageModel":
        refuse(f"the folder must be that of a pretraining. Received: {about.get('command')}, {run['task']}")
    if about["figures"]["interrupted_by"]:
        refuse(f"the pretraining must have come to its end. Received: interrupted by {about['figures']['interrupted_by']}")
    if not about["figures"]["history"].get("val_loss"):
        refuse("the pretraining must have been validated. Received: no val_loss in its history")
    earlier = {name: about["settings"][name] for name in ("start", "teacher") if about["settings"][name] is not None}
    if earlier or len(about["settings"]["corpus"]) != 1:
        refuse(f"the pretraining must be one from nothing on one corpus. Received: {earlier}, {about['settings']['corpus']}")


def check_texts(texts: Path, corpus: dict[str, Any], tokens: tuple[str, ...], lowercase: bool) -> None:
    """Learn the vocabulary once more, as `prepare` does."""
    stream = DocumentStream([texts])
    config = VocabularyConfig(size=corpus["made_from"]["tokens"], lowercase=lowercase)
    again = tuple(learn_tokenizer(stream, config).vocabulary.tokens)
    if again != tokens:
        refuse(f"{texts} gives another vocabulary: {sum(a != b for a, b in zip(again, tokens, strict=False))} tokens differ")
    print(f"the vocabulary is the one that prepare learns from {texts}")


def differences(ours: Any, folder: Path) -> dict[str, float]:
    """How far the folder's model is from the run's, in float32, on texts that neither has seen."""
    theirs = kbl.load_task(folder)
    texts = list(kbl.sample_data("reviews").text[:_TEXTS])
    inputs, again = ours.preprocessor(texts), theirs.preprocessor(texts)
    if any(not np.array_equal(inputs[key], again[key]) for key in inputs):
        refuse("the tokens of the folder's preprocessor must be those of the run's. Received: others")
    real = np.asarray(inputs[contract.MASK]) == 1
    one, other = (
        np.asarray(encoder(inputs)[contract.SEQUENCE_OUTPUT])[real]
        for encoder in (ours.encoder.copy(dtype="float32"), theirs.encoder)
    )
    full = kbl.MaskedLanguageModel(ours.encoder.copy(dtype="float32"), ours.preprocessor)
    full.head.set_weights(ours.head.get_weights())
    size = len(ours.preprocessor.tokenizer.vocabulary)
    scores = [
        model.fill_mask(list(_GAPS), top_k=size).sort_values(["row", "token"]).score.to_numpy() for model in (full, theirs)
    ]
    found = {
        "hidden_states": float(np.abs(one - other).max()),
        "their_standard_deviation": float(one.std()),
        "probabilities": float(np.abs(scores[0] - scores[1]).max()),
    }
    print(
        f"largest difference to the run: hidden states {found['hidden_states']:.2g} (standard deviation "
        f"{found['their_standard_deviation']:.2g}), probabilities of words {found['probabilities']:.2g}"
    )
    if not found["hidden_states"] <= _LARGEST_DIFFERENCE * found["their_standard_deviation"]:
        refuse(f"the hidden states differ by more than {_LARGEST_DIFFERENCE} standard deviations")
    if not found["probabilities"] <= _LARGEST_PROBABILITY:
        refuse(f"the probabilities differ by more than {_LARGEST_PROBABILITY}")
    return found


def examples(model: Any) -> dict[str, list[tuple[str, float]]]:
    """The three likeliest words for each gap."""
    found = model.fill_mask(list(_GAPS), top_k=3)
    return {_GAPS[row]: list(zip(of_gap.token, of_gap.score, strict=True)) for row, of_gap in found.groupby("row")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of `keras-bert-lab pretrain`")
    parser.add_argument("--corpus", type=Path, help="folder of the prepared corpus, if it is no longer where the run found it")
    parser.add_argument("--texts", type=Path, help="what the corpus was prepared from, to learn the vocabulary once more")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if options.output.exists() and any(options.output.iterdir()):
        refuse(f"{options.output} is there already. Move it away first: it is never replaced.")
    run = read_json(options.run / MANIFEST)
    check_run(run)
    corpus = read_json((options.corpus or Path(run["about"]["settings"]["corpus"][0])) / CORPUS_MANIFEST)
    if run["about"]["figures"]["documents"] + run["about"]["figures"]["held_out_documents"] != corpus["totals"]["documents"]:
        refuse("the corpus must be the one of the run. Received: another number of documents")
    model = kbl.load_task(options.run)
    tokenizer = model.preprocessor.tokenizer
    settings = shown_settings(run["about"]["settings"])
    commands = [prepare_command(corpus["made_from"], tokenizer.lowercase), pretrain_command(settings)]
    if options.texts is not None:
        check_texts(options.texts, corpus, tuple(tokenizer.vocabulary.tokens), tokenizer.lowercase)
    with new_folder(options.output) as fresh:
        kbl.save_task(model, fresh, format="huggingface", dtype="float16")
        about = run["about"] | {
            "settings": settings,
            "figures": {name: run["about"]["figures"][name] for name in _KEPT},
            "versions": run["versions"],
            "machine": machine(),
            "commands": commands,
            "corpus": {"sources": corpus["made_from"]["sources"]} | corpus["totals"],
            "largest_difference_to_the_run": differences(model, fresh),
        }
        half = kbl.load_task(fresh)
        text = card(about, half.encoder, examples(half))
        (fresh / "README.md").write_text(text, encoding="utf-8")
        write_manifest(fresh, "huggingface", "MaskedLanguageModel", about)
        size = sum(entry.stat().st_size for entry in fresh.iterdir())
        if size > LARGEST:
            refuse(f"the folder must have at most {LARGEST} bytes. Received: {size}")
    print("\n".join(commands))
    print(f"Written: {options.output}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
