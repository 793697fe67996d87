from __future__ import annotations

import numpy as np
import pytest

from keras_bert_lab import Encoder, FormatError
from keras_bert_lab.encoder import FeedForward
from keras_bert_lab.formats.encoder_weights import Slot, encoder_shapes, encoder_slots, fill, number_of_blocks
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead
from tests.samples import VARIANTS, D, F, H, N, V, config, randomise


@pytest.mark.parametrize("variant", VARIANTS)
def test_slots_are_all_weights_and_shapes_foretell_them(variant: str) -> None:
    settings = config(**VARIANTS[variant])
    encoder = Encoder(settings)
    slots = encoder_slots(encoder)
    assert {name: slot.shape for name, slot in slots.items()} == encoder_shapes(settings)
    assert sum(np.prod(slot.shape) for slot in slots.values()) == encoder.count_params()
    assert {id(slot.variable) for slot in slots.values()} == {id(weight) for weight in encoder.weights}
    assert number_of_blocks(settings) == len(encoder.blocks)


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_go_out_and_in(variant: str) -> None:
    settings = config(**VARIANTS[variant])
    one, other = randomise(Encoder(settings), seed=1), randomise(Encoder(settings), seed=2)
    out = {name: slot.read() for name, slot in encoder_slots(one).items()}
    fill(encoder_slots(other), lambda name, values: values.__setitem__(..., out[name]))
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_query_key_and_value_are_thirds_of_one_kernel() -> None:
    encoder = randomise(Encoder(config()))
    slots, kernel = encoder_slots(encoder), np.asarray(encoder.blocks[1].attention.qkv.kernel)
    for place, part in enumerate(("query", "key", "value")):
        np.testing.assert_array_equal(slots[f"block.1.{part}.kernel"].read(), kernel[:, place * H : (place + 1) * H])


def test_some_slots_of_a_variable_leave_the_others() -> None:
    """Only whole variables are filled: a part that is not named would be random memory."""
    slots = encoder_slots(randomise(Encoder(config())))
    parts = {name: slot for name, slot in slots.items() if "pooler" in name or ".0.query" in name or ".0.key" in name}
    before = slots["block.0.value.kernel"].read()
    fill(parts, lambda name, values: values.fill(7.0))
    assert (slots["pooler.bias"].read() == 7).all()
    assert (slots["block.0.key.kernel"].read() == 7).all()
    np.testing.assert_array_equal(slots["block.0.value.kernel"].read(), before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite(value: float) -> None:
    slots = encoder_slots(randomise(Encoder(config())))
    before = slots["pooler.kernel"].read()

    def read_into(name: str, values: np.ndarray) -> None:
        values.fill(1.0)
        values.flat[:2] = (value, -value)

    with pytest.raises(FormatError, match=r"must be finite numbers. Received: 2 that are not, in \['pooler.kernel'\]"):
        fill({"pooler.kernel": slots["pooler.kernel"]}, read_into)
    np.testing.assert_array_equal(slots["pooler.kernel"].read(), before)


def test_half_precision_is_read_as_float32() -> None:
    encoder = randomise(Encoder(config(), dtype="bfloat16"))
    values = encoder_slots(encoder)["pooler.kernel"].read()
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.asarray(encoder.pooler.kernel, np.float32))


def test_layers_of_the_users_own_have_no_names() -> None:
    class Doubled(FeedForward):
        """A layer of somebody's own."""

    encoder = Encoder(config(num_layers=1), feed_forward=Doubled(F))
    with pytest.raises(FormatError, match=r"Received: SelfAttention and Doubled in block_0. Save it as a .keras file"):
        encoder_slots(encoder)


def test_heads() -> None:
    encoder = Encoder(config(embedding_size=7))
    masked, following = MaskedLMHead(encoder), NextSentenceHead()
    following.build((None, H))
    plain, whole = ClassificationHead(5), ClassificationHead(2, "binary", transform="tanh")
    for head in (plain, whole):
        head.build({"sequence_output": (None, None, N * D)})
    found = [{name: slot.shape for name, slot in head_slots(head).items()} for head in (masked, following, plain, whole)]
    assert found == [
        {
            "mlm.transform.kernel": (H, 7),
            "mlm.transform.bias": (7,),
            "mlm.norm.gamma": (7,),
            "mlm.norm.beta": (7,),
            "mlm.bias": (V,),
        },
        {"next.kernel": (H, 2), "next.bias": (2,)},
        {"classifier.classes.kernel": (H, 5), "classifier.classes.bias": (5,)},
        {
            "classifier.transform.kernel": (H, H),
            "classifier.transform.bias": (H,),
            "classifier.classes.kernel": (H, 1),
            "classifier.classes.bias": (1,),
        },
    ]
    for head in (masked, following, plain, whole):
        assert {id(slot.variable) for slot in head_slots(head).values()} == {id(weight) for weight in head.weights}
    with pytest.raises(TypeError, match=r"head must be a MaskedLMHead, a NextSentenceHead or a ClassificationHead"):
        head_slots(encoder.pooler)


def test_a_slot_of_columns() -> None:
    encoder = randomise(Encoder(config()))
    slot = Slot(encoder.pooler.kernel, slice(3, 7))
    assert slot.shape == (H, 4)
    np.testing.assert_array_equal(slot.read(), np.asarray(encoder.pooler.kernel)[:, 3:7])
