"""Long texts become windows with the ids that one finds by counting."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies

import keras_bert_lab as kbl
from keras_bert_lab.text.text_windows import window_starts

WORDS = [f"w{number}" for number in range(40)]
PAD, UNK, CLS, SEP, MASK = range(5)
FIRST = 5  # id of w0


def text_of(count: int) -> str:
    return " ".join(WORDS[:count])


def window(start: int, end: int, padding: int = 0) -> list[int]:
    """[CLS], the words from `start` to before `end`, [SEP]."""
    return [CLS, *range(FIRST + start, FIRST + end), SEP] + [PAD] * padding


@pytest.fixture(scope="module")
def tokenizer() -> kbl.WordPieceTokenizer:
    return kbl.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])


def ids_of(inputs: dict[str, Any]) -> list[list[list[int]]]:
    """The ids, after a look at the other two."""
    ids, mask, types = (inputs[key].numpy() for key in ("input_word_ids", "input_mask", "input_type_ids"))
    assert {array.dtype for array in (ids, mask, types)} == {np.dtype("int32")}
    np.testing.assert_array_equal(mask, ids != PAD)
    assert not types.any()
    return ids.tolist()


# Rows of 9 tokens hold 7 words.
@pytest.mark.parametrize(
    ("words", "stride", "windows", "expected"),
    [
        (0, 5, 3, [(0, 0)]),
        (3, 5, 3, [(0, 3)]),
        (7, 5, 3, [(0, 7)]),  # it just fits
        (8, 5, 3, [(0, 7), (1, 8)]),  # one too many
        (12, 5, 3, [(0, 7), (5, 12)]),  # two windows, as far apart as they may be
        (13, 5, 3, [(0, 7), (3, 10), (6, 13)]),  # first, middle, last
        (17, 5, 3, [(0, 7), (5, 12), (10, 17)]),
        (18, 5, 3, [(0, 7), (5, 12), (11, 18)]),  # four would be needed: three, spread evenly
        (29, 5, 3, [(0, 7), (11, 18), (22, 29)]),  # with gaps
        (18, 5, 5, [(0, 7), (3, 10), (7, 14), (11, 18)]),
        (14, 7, 5, [(0, 7), (7, 14)]),  # no overlap
        (10, 1, 5, [(0, 7), (1, 8), (2, 9), (3, 10)]),
        (29, 5, 1, [(0, 7)]),  # one window is the beginning, as without windows
        (29, 5, 2, [(0, 7), (22, 29)]),
        (12, None, 3, [(0, 7), (5, 12)]),  # three quarters of 7 words are 5
        (13, None, 3, [(0, 7), (3, 10), (6, 13)]),
    ],
)
def test_windows_of_a_text(
    tokenizer: Any, words: int, stride: int | None, windows: int, expected: list[tuple[int, int]]
) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), windows, stride)
    assert ids_of(layer([text_of(words)])) == [[window(*place) for place in expected]]
    ids, types, counts = layer.rows([text_of(words)])
    assert ids.to_list() == [window(*place) for place in expected]
    assert (types.row_lengths().numpy().tolist(), counts.numpy().tolist()) == (
        ids.row_lengths().numpy().tolist(),
        [len(expected)],
    )


def test_texts_of_several_lengths_in_one_batch(tokenizer: Any) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), 3, 5)
    found = ids_of(layer([text_of(2), text_of(13), "", text_of(8)]))
    nothing = [PAD] * 9
    assert found == [
        [window(0, 2, 5), nothing, nothing],
        [window(0, 7), window(3, 10), window(6, 13)],
        [window(0, 0, 7), nothing, nothing],
        [window(0, 7), window(1, 8), nothing],
    ]


def test_short_texts_are_the_rows_of_the_preprocessor(tokenizer: Any) -> None:
    texts = [text_of(2), text_of(5), ""]
    for length in ({"max_length": 9}, {"sequence_length": 9}):
        preprocessor = kbl.Preprocessor(tokenizer, **length)
        windows = kbl.TextWindows(preprocessor, 3)(texts)
        for key, ids in preprocessor(texts).items():
            np.testing.assert_array_equal(windows[key], ids[:, None])


def test_a_window_has_the_fixed_length_of_the_preprocessor(tokenizer: Any) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, sequence_length=11, max_length=5), 2)
    assert ids_of(layer([text_of(4), text_of(10)])) == [
        [window(0, 4, 5), [PAD] * 11],
        [window(0, 9), window(1, 10)],
    ]


def test_separators_are_those_of_the_vocabulary() -> None:
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *WORDS]
    special = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    tokenizer = kbl.WordPieceTokenizer(tokens, special_tokens=special)
    preprocessor = kbl.Preprocessor(tokenizer, max_length=6, pair_separators=2, segment_ids=False)
    found = kbl.TextWindows(preprocessor, 2, 3)(["w1", text_of(6)])
    assert found["input_word_ids"].numpy().tolist() == [
        [[0, 6, 2, 1, 1, 1], [1] * 6],
        [[0, 5, 6, 7, 8, 2], [0, 7, 8, 9, 10, 2]],
    ]
    assert found["input_mask"].numpy().sum(2).tolist() == [[3, 0], [6, 6]]


@settings(derandomize=True, max_examples=150, deadline=None, database=None)
@given(strategies.integers(0, 300), strategies.integers(1, 23), strategies.data(), strategies.integers(1, 11))
def test_what_windows_promise(length: int, room: int, data: Any, windows: int) -> None:
    stride = data.draw(strategies.integers(1, room))
    (starts,) = window_starts([length], room, stride, windows).to_list()
    needed = 1 if length <= room else 2 + (length - room - 1) // stride
    assert len(starts) == min(windows, needed)
    assert starts[0] == 0
    if length > room and windows > 1:
        assert starts[-1] + room == length  # the end of the text is read
        steps = np.diff(starts)
        assert steps.max() - steps.min() <= 1  # evenly spread
        assert steps.max() <= stride or windows < needed


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series([text_of(8), "w1"], index=[5, 3]),
        np.array([text_of(8), "w1"]),
        tf.constant([text_of(8), "w1"]),
        tf.constant([[text_of(8)], ["w1"]]),
    ],
    ids=["series", "array", "tensor", "column"],
)
def test_all_usual_containers(tokenizer: Any, texts: Any) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), 2)
    assert ids_of(layer(texts)) == [[window(0, 7), window(1, 8)], [[CLS, FIRST + 1, SEP] + [PAD] * 6, [PAD] * 9]]


def test_in_a_functional_model_and_from_a_file(tokenizer: Any, tmp_path: Any) -> None:
    text = keras.Input((), dtype="string")
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, sequence_length=9), 3, 2, name="cut")
    symbolic = layer(text)
    assert {key: (value.shape, value.dtype) for key, value in symbolic.items()} == dict.fromkeys(
        ("input_word_ids", "input_mask", "input_type_ids"), ((None, None, 9), "int32")
    )
    keras.Model(text, symbolic).save(tmp_path / "windows.keras")
    again = keras.saving.load_model(tmp_path / "windows.keras")
    texts = tf.constant([text_of(8), text_of(23)])
    assert ids_of(again(texts)) == ids_of(layer(texts))
    copy = again.get_layer("cut")
    assert (copy.windows, copy.stride, copy.preprocessor.row_length) == (3, 2, 9)


def test_in_a_data_set(tokenizer: Any) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), 2)
    (found,) = tf.data.Dataset.from_tensors(tf.constant([text_of(8)])).map(layer)
    assert ids_of(found) == [[window(0, 7), window(1, 8)]]


@pytest.mark.parametrize("texts", [(["w1"], ["w2"]), [("w1", "w2")]])
def test_pairs_are_refused(tokenizer: Any, texts: Any) -> None:
    layer = kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), 2)
    for call in (layer, layer.rows):
        with pytest.raises(ValueError, match="Windows are made of single texts. Received: pairs of texts."):
            call(texts)


@pytest.mark.parametrize("windows", [0, -2, 2.0, True, "3"])
def test_impossible_windows_are_refused(tokenizer: Any, windows: Any) -> None:
    with pytest.raises(ValueError, match=rf"windows must be an integer of at least 1\. Received: windows={windows!r}"):
        kbl.TextWindows(kbl.Preprocessor(tokenizer), windows)


@pytest.mark.parametrize("stride", [0, 8, 3.5, False])
def test_impossible_strides_are_refused(tokenizer: Any, stride: Any) -> None:
    with pytest.raises(ValueError, match=rf"stride must be an integer from 1 to 7\. Received: stride={stride!r}"):
        kbl.TextWindows(kbl.Preprocessor(tokenizer, max_length=9), 3, stride)


def test_a_preprocessor_that_leaves_out_the_middle_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=re.escape("Received: truncate='head_tail', windows=3.")):
        kbl.TextWindows(kbl.Preprocessor(tokenizer, truncate="head_tail"), 3)


def test_another_layer_is_no_preprocessor(tokenizer: Any) -> None:
    with pytest.raises(TypeError, match="preprocessor must be a Preprocessor. Received: <WordPieceTokenizer"):
        kbl.TextWindows(tokenizer, 3)
