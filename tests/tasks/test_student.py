from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import Encoder, FeedForward, MaskedLanguageModel, student_of
from keras_bert_lab.tasks.student import spread_layers
from tests.samples import config, numpy, randomise
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, encoder, language_model, preprocessor


def teacher_of(next_sentence: bool = False, **changes: Any) -> MaskedLanguageModel:
    return randomise(MaskedLanguageModel(encoder(**changes), preprocessor(), next_sentence))


def assert_same(ours: Any, theirs: Any) -> None:
    assert len(ours.weights) == len(theirs.weights) > 0
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_layers_are_those_of_distilbert() -> None:
    assert spread_layers(12, 6) == [0, 2, 4, 7, 9, 11]
    assert spread_layers(24, 12)[0] == 0
    assert spread_layers(24, 12)[-1] == 23


@pytest.mark.parametrize("layers", [1, 2, 3, 7, 24])
def test_the_layers_are_different_ascending_and_spread_evenly(layers: int) -> None:
    for count in range(1, layers + 1):
        chosen = spread_layers(layers, count)
        assert len(set(chosen)) == count
        assert chosen == sorted(chosen)
        assert chosen[0] == 0
        assert chosen[-1] == (layers - 1 if count > 1 else 0)
        gaps = np.diff(chosen)
        assert not len(gaps) or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(("count", "chosen"), [(None, [0, 2, 4]), (3, [0, 2, 4]), (2, [0, 4]), (1, [0]), (5, [0, 1, 2, 3, 4])])
def test_the_weights_are_the_teachers(count: int | None, chosen: list[int]) -> None:
    teacher = teacher_of(num_layers=5, next_sentence=True)
    before = teacher.get_weights()
    student = student_of(teacher, count)
    assert student.encoder.config == teacher.encoder.config.replace(num_layers=len(chosen))
    for block, place in zip(student.encoder.blocks, chosen, strict=True):
        assert_same(block, teacher.encoder.blocks[place])
    assert_same(student.encoder.embeddings, teacher.encoder.embeddings)
    assert_same(student.encoder.pooler, teacher.encoder.pooler)
    assert_same(student.head, teacher.head)
    assert_same(student.next_sentence_head, teacher.next_sentence_head)
    assert not {id(weight) for weight in student.weights} & {id(weight) for weight in teacher.weights}
    assert all(map(np.array_equal, teacher.get_weights(), before))


def test_half_of_the_layers_rounded_up_by_default() -> None:
    found = [student_of(teacher_of(num_layers=layers)).encoder.config.num_layers for layers in (1, 2, 4)]
    assert found == [1, 1, 2]


def test_with_all_layers_it_answers_as_the_teacher() -> None:
    teacher = teacher_of(num_layers=2, norm_first=True, embedding_size=7, pooler=False)
    inputs = teacher.batches(TEXTS).batch(0)[0]
    student = student_of(teacher, 2)
    assert_same(student.encoder.final_norm, teacher.encoder.final_norm)
    np.testing.assert_array_equal(numpy(student(inputs)), numpy(teacher(inputs)))


def test_shared_layers_are_applied_less_often() -> None:
    teacher = teacher_of(num_layers=4, share_layers=True)
    student = student_of(teacher)
    assert (student.encoder.config.num_layers, len(student.encoder.blocks)) == (2, 1)
    assert_same(student.encoder, teacher.encoder)


def test_layers_of_ones_own_are_kept() -> None:
    sizes = [7, 11, 13]
    own = Encoder(config(vocab_size=len(WORDS), num_layers=3), feed_forward=[FeedForward(size) for size in sizes])
    teacher = randomise(MaskedLanguageModel(own, preprocessor()))
    student = student_of(teacher)
    assert [block.feed_forward.intermediate_size for block in student.encoder.blocks] == [7, 13]
    assert_same(student.encoder.blocks[1], teacher.encoder.blocks[2])


def test_precision_and_dropout_are_the_teachers_and_nothing_is_frozen() -> None:
    teacher = language_model(compiled=False, num_layers=3, dtype="mixed_bfloat16", dropout=0.3)
    teacher.encoder.blocks[2].trainable = False
    student = student_of(teacher)
    assert student.dtype_policy.name == "mixed_bfloat16"
    assert student.encoder.config.dropout == 0.3
    assert all(weight.trainable for weight in student.encoder.weights)
    assert not teacher.encoder.blocks[2].trainable
    teacher.encoder.trainable = False
    assert student_of(teacher).encoder.trainable


@pytest.mark.parametrize("count", [0, 4, 1.5])
def test_an_impossible_number_of_layers_is_refused(count: Any) -> None:
    with pytest.raises(ValueError, match=f"num_layers must be an integer from 1 to 3. Received: num_layers={count}"):
        student_of(teacher_of(num_layers=3), count)


def test_another_model_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("teacher must be a MaskedLanguageModel. Received: <TextClassifier")):
        student_of(classifier(compiled=False))  # type: ignore[arg-type]


def test_it_is_a_model_like_any_other(tmp_path: Any) -> None:
    student = student_of(teacher_of(num_layers=3))
    student.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    student.fit(TEXTS, batch_size=3, sequence_length=13, verbose=0)
    student.save(tmp_path / "student.keras")
    assert_same(keras.saving.load_model(tmp_path / "student.keras"), student)
