"""A masked language model -> a smaller one with some of its layers."""

from __future__ import annotations

from typing import Any

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.initial_weights import blank_weights
from keras_bert_lab.encoder.lora import merged_lora
from keras_bert_lab.tasks.masked_language_model import MaskedLanguageModel

__all__ = ["check_model", "spread_layers", "student_of"]


def check_model(name: str, model: Any) -> None:
    """Refuse what is no MaskedLanguageModel.

    Raises:
        TypeError: anything else.
    """
    if not isinstance(model, MaskedLanguageModel):
        raise TypeError(f"{name} must be a MaskedLanguageModel. Received: {model!r:.200}")


def spread_layers(layers: int, chosen: int) -> list[int]:
    """Which of so many layers a smaller model begins with: the first, the last, and others as evenly between as whole numbers
    allow; of one layer the first.

    Example:
        >>> spread_layers(12, 6)  # those that the released DistilBERT began with
        [0, 2, 4, 7, 9, 11]
        >>> spread_layers(5, 3), spread_layers(4, 2)
        ([0, 2, 4], [0, 3])
    """
    last, gaps = layers - 1, max(1, chosen - 1)
    return [(2 * number * last + gaps) // (2 * gaps) for number in range(chosen)]


def student_of(teacher: MaskedLanguageModel, num_layers: int | None = None) -> MaskedLanguageModel:
    """A model with some of the layers of another, and all else of it: where a distillation begins.

    The layers are the first, the last, and others evenly between them: of 12 layers 0, 2, 4, 7, 9 and 11, of 4 layers 0 and 3.
    Embeddings, segment embeddings among them, pooler and heads are copied; nothing is shared, nothing is frozen.
    Low-rank updates of the teacher (`add_lora`) are part of the student's weights.

    Args:
        teacher: the larger model; it stays as it is.
        num_layers: L of the student; None = half of the teacher's, rounded up.

    Raises:
        TypeError: no MaskedLanguageModel.
        ValueError: no layer, or more than the teacher has.

    Reference: Sanh et al. 2019, "DistilBERT", section 3; the layers: extract_distilbert.py of the distillation project of
        huggingface/transformers. (Its student has no segment embeddings and no pooler.)
    """
    check_model("teacher", teacher)
    encoder = teacher.encoder
    layers = encoder.config.num_layers
    count = (layers + 1) // 2 if num_layers is None else num_layers
    check_integer("num_layers", count, 1, layers)
    chosen = [0] if encoder.config.share_layers else spread_layers(layers, count)
    with merged_lora(encoder):
        config = encoder.get_config() | {"trainable": True, "frozen": []}
        config["config"] = config["config"] | {"num_layers": count}
        for part in ("attention", "feed_forward"):  # layers of the user's own, one for each block
            if config[part] is not None:
                config[part] = [config[part][place] for place in chosen]
        with blank_weights():
            smaller = Encoder.from_config(config)
            student = MaskedLanguageModel(smaller, teacher.preprocessor, teacher.next_sentence)
        copied: list[tuple[Any, Any]] = [
            (smaller.embeddings, encoder.embeddings),
            *((block, encoder.blocks[place]) for block, place in zip(smaller.blocks, chosen, strict=True)),
            (smaller.final_norm, encoder.final_norm),
            (smaller.pooler, encoder.pooler),
            (student.head, teacher.head),
            (student.next_sentence_head, teacher.next_sentence_head),
        ]
        for ours, theirs in copied:
            if ours is not None and theirs is not None:
                ours.set_weights(theirs.get_weights())
    return student
