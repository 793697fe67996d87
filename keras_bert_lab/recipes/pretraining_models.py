"""The model that a pretraining trains: new, an earlier one, or the student of a teacher."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import keras

from keras_bert_lab.config import ArchitectureConfig, VocabularyConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import DataError
from keras_bert_lab.recipes.models import OpenedModel
from keras_bert_lab.recipes.prepare import learn_tokenizer
from keras_bert_lab.recipes.pretraining_data import Documents
from keras_bert_lab.recipes.runs import plain
from keras_bert_lab.tasks import MaskedLanguageModel, student_of
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training.distribution import process_count, text_of_main

__all__ = ["ENCODER", "VOCABULARY", "earlier_model", "new_model", "student"]

VOCABULARY = VocabularyConfig()
ENCODER = ArchitectureConfig()


def new_model(
    documents: Documents, vocabulary: VocabularyConfig, encoder: ArchitectureConfig, length: int, precision: str, pairs: bool
) -> MaskedLanguageModel:
    """A new model, with the tokenizer of the corpus or one that is learned from its texts."""
    if not documents.is_prepared:
        tokenizer = _learned(documents, vocabulary)
    elif vocabulary == VOCABULARY:
        tokenizer = documents.corpus.tokenizer
    else:
        raise ValueError(
            "vocabulary is for a new one, and a prepared corpus brings its own. Received: "
            f"vocabulary={plain(vocabulary)}. Leave it out, or prepare the texts anew."
        )
    tokens = tokenizer.vocabulary
    config = encoder.encoder_config(vocab_size=len(tokens), max_positions=length, pad_id=tokens.pad_id)
    return MaskedLanguageModel(Encoder(config, dtype=precision), Preprocessor(tokenizer, max_length=length), pairs)


def _learned(documents: Documents, vocabulary: VocabularyConfig) -> Any:
    """A tokenizer that is learned from the texts, of several processes in the main one alone."""

    def learn() -> Any:
        return learn_tokenizer(documents.texts(documents.learned), vocabulary)

    if process_count() == 1:
        return learn()
    found = text_of_main(lambda: json.dumps(keras.saving.serialize_keras_object(learn())))
    return keras.saving.deserialize_keras_object(json.loads(found))


def _refuse_ignored(opened: OpenedModel, **given: Any) -> None:
    """Refuse settings of a new model that an earlier one does not have; its own, and the defaults, are no contradiction."""
    defaults = {"vocabulary": VOCABULARY, "encoder": ENCODER}
    for name, value in given.items():
        if value != defaults[name] and plain(value) != opened.settings.get(name):
            raise ValueError(
                f"{name} is for a new model, and start={opened.source} brings its own. Received: {name}={plain(value)}. "
                "Leave out one of them."
            )


def earlier_model(
    opened: OpenedModel, vocabulary: VocabularyConfig, encoder: ArchitectureConfig, length: int, precision: str, pairs: bool
) -> MaskedLanguageModel:
    """A model to go on with, in this precision, with a next-sentence head if pairs are to be learned."""
    _refuse_ignored(opened, vocabulary=vocabulary, encoder=encoder)
    model = opened.load()
    longest = model.encoder.config.max_positions
    if length > longest:
        raise DataError(
            f"sequence_length must be at most {longest}, the positions of {opened.source}. Received: sequence_length={length}"
        )
    return _as(model, precision, pairs)


def _as(model: MaskedLanguageModel, precision: str, pairs: bool) -> MaskedLanguageModel:
    if precision == model.dtype_policy.name and (model.next_sentence or not pairs):
        return model
    same = MaskedLanguageModel(model.encoder.copy(dtype=precision), model.preprocessor, model.next_sentence or pairs)
    for ours, theirs in ((same.head, model.head), (same.next_sentence_head, model.next_sentence_head)):
        if ours is not None and theirs is not None:
            ours.set_weights(theirs.get_weights())
    return same


def student(teacher: MaskedLanguageModel, encoder: ArchitectureConfig, length: int, precision: str) -> MaskedLanguageModel:
    """A model with some of the teacher's layers."""
    if encoder != dataclasses.replace(ENCODER, num_layers=encoder.num_layers):
        raise ValueError(
            "encoder must be left out, but for num_layers: a teacher gives the student its shape. Received: "
            f"encoder={plain(encoder)}"
        )
    longest = teacher.encoder.config.max_positions
    if length > longest:
        raise DataError(f"sequence_length must be at most {longest}, the positions of the teacher. Received: {length}")
    return _as(student_of(teacher, encoder.num_layers), precision, pairs=False)
