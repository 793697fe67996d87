"""Run in a fresh process: load tasks from their files after the one import, use them, and train on.

    python load_saved_tasks.py FOLDER

FOLDER holds `classifier.keras`, `language_model.keras` and `texts.json`. Nothing else of the package is imported before the
files are loaded, no custom objects are given, and safe mode is on. Results are written to FOLDER as .npz and .json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np

import keras_bert_lab  # noqa: F401  # the one import that registers every task


def main(folder: Path) -> None:
    given = json.loads((folder / "texts.json").read_text())
    texts, labels, gaps = given["texts"], given["labels"], given["gaps"]
    classifier = keras.saving.load_model(folder / "classifier.keras", safe_mode=True)
    language_model = keras.saving.load_model(folder / "language_model.keras", safe_mode=True)
    found = {
        "iterations": [int(classifier.optimizer.iterations), int(language_model.optimizer.iterations)],
        "labels": classifier.labels,
        "kind": classifier.kind,
        "pairs": classifier.pairs,
        "pooling": classifier.pooling,
        "tied": language_model.head._encoder is language_model.encoder,
        "learning_rate": float(classifier.optimizer.learning_rate),
        "evaluation": classifier.evaluate(texts, labels, verbose=0, return_dict=True),
    }
    predictions = classifier.predict(texts)
    scores = language_model.fill_mask(gaps)
    keras.utils.set_random_seed(5)
    classifier.fit(texts, labels, batch_size=3, epochs=2, verbose=0)
    language_model.fit(texts, batch_size=3, sequence_length=13, verbose=0)
    np.savez(folder / "predictions.npz", predictions=predictions, scores=scores.score, tokens=np.array(scores.token.tolist()))
    np.savez(folder / "classifier.npz", *classifier.get_weights())
    np.savez(folder / "language_model.npz", *language_model.get_weights())
    (folder / "found.json").write_text(json.dumps(found))

    from tests.tasks.small_tasks import language_model as new_language_model

    model = new_language_model(dropout=0.3)
    keras.utils.set_random_seed(11)
    model.fit(texts, batch_size=3, sequence_length=13, epochs=2, seed=5, verbose=0)
    np.savez(folder / "new_language_model.npz", *model.get_weights())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
