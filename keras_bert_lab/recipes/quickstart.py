"""The whole way once, on the sample data: vocabulary, pretraining, fine-tuning, evaluation, export.

Command: keras-bert-lab quickstart
Cost: about 2 minutes on 2 cores; with --small about half a minute.
Result: two sentiment classifiers beside TF-IDF on 400 held-out reviews. The one whose encoder was pretrained here is right on
about 70 to 75 %, about as good as TF-IDF: 1,200 reviews are few, and the encoder has read some 90,000 words, not billions. The
other starts from the encoder that comes with the package, which has read old books; whether their difference is more than
chance explains is printed below the table. The seed is printed.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any

import keras
import numpy as np

from keras_bert_lab.data import sample_data, sample_encoder
from keras_bert_lab.evaluation import classification_report, plot_confusion_matrix, plot_learning_curves, tfidf_baseline
from keras_bert_lab.export import export_saved_model, load_exported
from keras_bert_lab.export.saved_model import next_version
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.recipes.quickstart_lesson import Entry, lesson, table
from keras_bert_lab.recipes.quickstart_models import FineTuned, fine_tune, pretrain_here
from keras_bert_lab.recipes.quickstart_settings import QuickstartSettings
from keras_bert_lab.tasks import MaskedLanguageModel, load_task
from keras_bert_lab.text import WordPieceTokenizer, train_wordpiece

__all__ = ["quickstart"]

figure = LazyModule("matplotlib.figure", install="matplotlib")

_GAPS = ["The acting was [MASK] and the story was dull.", "I laughed and [MASK] and I would see it again."]
_NEW_TEXTS = [
    "A warm, funny film with a wonderful cast. I loved every minute.",
    "Dreadful. The plot made no sense and I was bored within ten minutes.",
    "Dull for an hour, then unforgettable.",
]


def _say(step: int, title: str) -> None:
    print(f"\n[{step}/7] {title}", flush=True)


def _make_folders(output: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Folders of this run that no earlier run has used: the run's own, and that of the exported model."""
    exported = output / "saved_models" / "quickstart"
    taken = (exported, exported.with_name("quickstart-tokens"), output / "runs" / "quickstart")
    version = max(next_version(folder) for folder in taken)
    run = output / "runs" / "quickstart" / str(version)
    run.mkdir(parents=True)
    return run, exported


def _pretrain(documents: list[str], settings: QuickstartSettings, seed: int) -> tuple[MaskedLanguageModel, float]:
    """A language model of these documents, and the seconds that it took."""
    began = time.perf_counter()
    _say(1, "WordPiece vocabulary")
    tokenizer = WordPieceTokenizer(train_wordpiece(documents, settings.vocab_size))
    print(f"{len(tokenizer.vocabulary):,} pieces from {sum(len(document.split()) for document in documents):,} words")
    _say(2, "Pretraining: predict masked words")
    model = pretrain_here(documents, tokenizer, settings, seed)
    return model, time.perf_counter() - began


def _fine_tune(
    here: MaskedLanguageModel,
    sample: MaskedLanguageModel,
    train: Any,
    run: pathlib.Path,
    settings: QuickstartSettings,
    seed: int,
) -> list[FineTuned]:
    _say(3, "Fine-tuning: positive or negative?")
    found = []
    for name, model, rate, epochs in (
        ("from scratch", here, settings.fine_tuning_rate, settings.fine_tuning_epochs),
        ("sample encoder", sample, settings.sample_rate, settings.sample_epochs),
    ):
        print(f"{name}: {model.encoder.config.num_layers} layers, {model.encoder.config.hidden_size} wide", flush=True)
        log = run / f"{name.replace(' ', '_')}.csv"
        found.append(fine_tune(name, model, train, log, rate, epochs, settings, seed))
    return found


def _evaluate(models: list[FineTuned], train: Any, test: Any, pretraining: float) -> list[Entry]:
    """All classifiers on the test reviews, printed as one table with what it teaches."""
    _say(4, f"Evaluation on {len(test)} reviews that no model has seen")
    entries = []
    for model, before in zip(models, (pretraining, None), strict=True):
        answers = model.classifier.predict_text(test.text).label
        report = classification_report(test.label, answers, model.classifier.labels)
        right = np.asarray(answers == test.label)
        entries.append(Entry(model.name, report, right, model.seconds, before, model.validation[0]))
    began = time.perf_counter()
    guessed = tfidf_baseline(train.text, train.label, test.text)
    seconds = time.perf_counter() - began
    report = classification_report(test.label, guessed, models[0].classifier.labels)
    entries.append(Entry("TF-IDF + logistic regression", report, np.asarray(test.label == guessed), seconds))
    print(f"{table(entries)}\n\n{lesson(entries)}")
    return entries


def _fill_gaps(models: list[FineTuned]) -> None:
    _say(5, "Filling gaps")
    answers = [model.language_model.fill_mask(_GAPS) for model in models]
    for row, text in enumerate(_GAPS):
        print(text)
        for model, found in zip(models, answers, strict=True):
            words = ", ".join(f"{each.token} {each.score:.1%}" for each in found[found.row == row].itertuples())
            print(f"    {model.name:14}  {words}")


def _predict(models: list[FineTuned]) -> dict[str, Any]:
    _say(6, "Predicting new reviews")
    answers = {model.name: model.classifier.predict_text(_NEW_TEXTS) for model in models}
    for row, text in enumerate(_NEW_TEXTS):
        print(text)
        for name, found in answers.items():
            print(f"    {name:14}  {found.label[row]} {found.score[row]:.2f}")
    return answers


def _pictures(models: list[FineTuned], best: Entry, run: pathlib.Path) -> None:
    curves = figure.Figure(figsize=(10, 4), layout="constrained")
    for ax, model in zip(curves.subplots(1, len(models), sharey=True), models, strict=True):
        plot_learning_curves(model.history, "accuracy", ax).set_title(model.name)
    curves.savefig(run / "learning_curves.png", dpi=120)
    plot_confusion_matrix(best.report).figure.savefig(run / "confusion_matrix.png", dpi=120)


def quickstart(output: pathlib.Path = pathlib.Path(), seed: int = 7, small: bool = False) -> dict[str, Any]:
    """Train, evaluate and export a small BERT on the sample data that comes with the package.

    Args:
        output: folder in which `saved_models/quickstart/<n>` and `runs/quickstart/<n>` are made; earlier results stay.
        seed: of weights, order, masks and dropout.
        small: a smaller and shorter run, to see that everything works.

    Returns:
        The figures that are printed, as plain data.
    """
    began = time.perf_counter()
    settings = QuickstartSettings.small() if small else QuickstartSettings()
    sample = load_task(sample_encoder())  # first: an installation without it should fail now
    run, exported = _make_folders(pathlib.Path(output))
    keras.utils.set_random_seed(seed)
    reviews = sample_data("reviews")
    train, test = (reviews[reviews.split == part].reset_index(drop=True) for part in ("train", "test"))
    held_out = set(test.text)
    # The reviews that the classifiers are tested on are in the corpus too; no encoder must have read them.
    documents = [document for document in sample_data("corpus") if document not in held_out]

    print(f"keras_bert_lab quickstart: {len(documents):,} documents, {len(train):,} + {len(test):,} reviews, seed {seed}")
    language_model, pretraining = _pretrain(documents, settings, seed)
    models = _fine_tune(language_model, sample, train, run, settings, seed)
    entries = _evaluate(models, train, test, pretraining)
    _fill_gaps(models)
    answers = _predict(models)

    _say(7, "Export of the better one, and a check in fresh processes that it gives the same answers")
    best = max(models, key=lambda model: model.validation)
    held = round(settings.validation_split * len(train))
    print(f"{best.name}: better on the {held} training reviews held out for validation; the test reviews were not asked")
    version = export_saved_model(best.classifier, exported)
    again = load_exported(version).predict_text(_NEW_TEXTS)
    difference = float(np.abs(again.score - answers[best.name].score).max())
    print(f"same answers (largest difference of a score: {difference:.1g})")

    for model in models:
        model.classifier.save(run / f"{model.name.replace(' ', '_')}.keras")
    language_model.save(run / "language_model.keras")
    _pictures(models, entries[models.index(best)], run)
    seconds = time.perf_counter() - began
    names = ("from_scratch", "sample_encoder", "tfidf")
    figures: dict[str, Any] = {
        "seconds": seconds,
        "seed": seed,
        "settings": dataclasses.asdict(settings),
        **{name: entry.to_dict() for name, entry in zip(names, entries, strict=True)},
        "exported": names[models.index(best)],
        "export_difference": difference,
        "saved_model": str(version),
        "run": str(run),
    }
    (run / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    _print_end(version, run, seconds)
    return figures


def _print_end(version: pathlib.Path, run: pathlib.Path, seconds: float) -> None:
    print(f"""
Done in {seconds:.0f} s.
    {version}    the exported model: texts in, labels out
    {version.parent}-tokens/{version.name}    the same for token ids, needs TensorFlow alone
    {run}    Keras models, training logs, learning curves, confusion matrix, figures

Use it from Python:

    import keras_bert_lab as kbl

    model = kbl.load_exported("{version}")
    texts = ["a beautiful film", "a waste of time"]
    table = model.predict_text(texts)
    print(table)
""")
