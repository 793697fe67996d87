from __future__ import annotations

import pandas as pd

from keras_bert_lab import compare_baselines, tfidf_baseline
from tests.tasks.small_tasks import classifier

TEXTS = ["a good film", "good and warm", "so good", "a bad film", "bad and cold", "so bad", "so dull"]
LABELS = ["pos", "pos", "pos", "neg", "neg", "neg", "neg"]


def test_it_learns_which_words_tell() -> None:
    assert tfidf_baseline(TEXTS, LABELS, ["good", "a bad play", "very good"]) == ["pos", "neg", "pos"]


def test_it_takes_pairs_of_words_into_account() -> None:
    texts = ["not good", "very bad", "not bad", "very good"] * 5
    labels = ["neg", "neg", "pos", "pos"] * 5
    assert tfidf_baseline(texts, labels, ["not good", "not bad"]) == ["neg", "pos"]


def test_it_takes_columns_of_a_table_with_labels_that_are_numbers() -> None:
    table = pd.DataFrame({"text": TEXTS, "label": [1, 1, 1, 0, 0, 0, 0]}, index=[5, 3, 2, 11, 7, 0, 1])
    assert tfidf_baseline(table.text, table.label, pd.Series(["good"], index=[3])) == ["1"]


def test_a_table_of_all_of_them() -> None:
    labels = ["pos", "neg", "neg"] * 7
    texts = [{"pos": "my dog is cute", "neg": "he likes playing"}[label] for label in labels]
    train = pd.DataFrame({"text": texts, "label": labels}, index=range(3, 24))
    test = pd.DataFrame({"text": ["my dog", "he likes", "dog is cute", "playing"], "label": ["pos", "neg", "pos", "pos"]})
    model = classifier()
    model.fit(train.text, train.label, epochs=2, verbose=0)
    found = compare_baselines(train, test, pretrained=classifier(), fine_tuned=model, fine_tuned_seconds=12.5)
    names = ["always the commonest label", "TF-IDF + logistic regression", "word vectors + logistic regression"]
    assert found.model.tolist() == [*names, "frozen encoder + logistic regression", "fine-tuned encoder"]
    # "neg" is right once; by words all but the last are right
    assert found.accuracy.tolist()[:2] == [0.25, 0.75]
    assert found.accuracy.iloc[-1] == model.evaluate(test.text, test.label, return_dict=True, verbose=0)["accuracy"]
    assert found.macro_f1.iloc[0] == 0.2  # F1 of "neg" 2 / (4 + 1) = 0.4, of "pos" 0
    assert found.training_seconds.iloc[-1] == 12.5
    assert (found.low <= found.accuracy).all()
    assert (found.accuracy <= found.high).all()
    assert found.megabytes.iloc[-1] == sum(weight.size for weight in model.get_weights()) * 4 / 1e6
    assert found.notna().all(axis=None)


def test_pairs_and_no_encoder() -> None:
    table = pd.DataFrame({"text": TEXTS, "text_pair": TEXTS[::-1], "label": [1, 1, 1, 0, 0, 0, 0]})
    assert len(compare_baselines(table, table)) == 3
