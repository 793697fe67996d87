"""While a model learns, its answers to the same gaps are shown."""

import types

import pandas as pd

import keras_bert_lab as kbl
from keras_bert_lab.training import FillMaskExamples
from tests.tasks.small_tasks import TEXTS, encoder, preprocessor


class Oracle:
    def fill_mask(self, texts, top_k):
        rows = [
            (row, mask, f"w{row}{mask}{place}", 0.5 / (place + 1))
            for row in range(len(texts))
            for mask in range(2)
            for place in range(top_k)
        ]
        return pd.DataFrame(rows, columns=["row", "mask", "token", "score"])


def test_what_is_shown(capsys):
    callback = FillMaskExamples(["a [MASK] [MASK]", "the [MASK]"], ["film", "end"], top_k=2)
    callback.set_model(types.SimpleNamespace(fill_mask=Oracle().fill_mask))
    callback.on_epoch_end(0)
    assert capsys.readouterr().out.splitlines() == [
        "  a [MASK] [MASK]   (was: film)",
        "      w000 50%, w001 25%",  # of its first gap
        "  the [MASK]   (was: end)",
        "      w100 50%, w101 25%",
    ]


def test_answers_need_not_be_known_and_another_model_can_answer(capsys):
    FillMaskExamples(["the [MASK]"], top_k=1, task=Oracle()).on_epoch_end(3)
    assert capsys.readouterr().out.splitlines() == ["  the [MASK]", "      w000 50%"]


def test_no_gaps_no_words(capsys):
    FillMaskExamples([], task=Oracle()).on_epoch_end(0)
    assert capsys.readouterr().out == ""


def test_in_fit(capsys):
    model = kbl.MaskedLanguageModel(encoder(), preprocessor())
    model.compile()
    model.fit(TEXTS, epochs=2, verbose=0, sequence_length=13, callbacks=[FillMaskExamples(["a [MASK] film"], top_k=3)])
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == shown[2] == "  a [MASK] film"
    assert shown[1].count("%") == 3
