from __future__ import annotations

import numpy as np
import pytest

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.formats.encoder_weights import encoder_shapes
from keras_bert_lab.formats.huggingface_names import FAMILIES
from keras_bert_lab.formats.names import HeadTable, NameTable
from tests.formats.huggingface_folders import shapes
from tests.samples import config

ENDINGS = {"table": "weight", "kernel": "w", "bias": "b", "gamma": "", "beta": "beta"}
STEMS = {"token": "emb", "block.{i}.query": "layer_{i}/attention/q", "block.{i}.attention_norm": "layer_{i}/norm"}
TABLE = NameTable(STEMS, ENDINGS, separator="/", arrangement="out_in")

# Of each family: an encoder that has every part which the family knows.
WHOLE: dict[str, EncoderConfig] = {
    "bert": config(num_layers=13),
    "ernie": config(),
    "roberta": config(position_offset=2, pad_id=1),
    "albert": config(share_layers=True, embedding_size=7, num_layers=5),
    "distilbert": config(type_vocab_size=0, pooler=False),
    "electra": config(embedding_size=7, pooler=False),
}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("token.table", "emb/weight"),
        ("block.0.query.kernel", "layer_0/attention/q/w"),
        ("block.11.query.bias", "layer_11/attention/q/b"),
        ("block.3.attention_norm.gamma", "layer_3/norm"),  # an empty ending goes with its separator
        ("block.3.attention_norm.beta", "layer_3/norm/beta"),
        ("pooler.kernel", None),
    ],
)
def test_names(ours: str, theirs: str | None) -> None:
    assert TABLE.theirs(ours) == theirs


def test_names_of_a_head() -> None:
    table = HeadTable("x", {"mlm.norm": "head/LayerNorm", "mlm": "head", "next.kernel": "whole/name"})
    assert TABLE.theirs("mlm.norm.beta", table.stems) == "head/LayerNorm/beta"
    assert TABLE.theirs("mlm.bias", table.stems) == "head/b"
    assert TABLE.theirs("next.kernel", table.stems) == "whole/name"
    assert TABLE.theirs("next.bias", table.stems) is None
    assert TABLE.theirs("token.table", table.stems) is None


@pytest.mark.parametrize("family", WHOLE)
def test_each_weight_has_one_name_of_theirs_and_none_is_left_over(family: str) -> None:
    names = FAMILIES[family].names
    ours = encoder_shapes(WHOLE[family])
    theirs = [names.theirs(name) for name in ours]
    assert None not in theirs
    assert len(set(theirs)) == len(theirs)
    used = {pattern.replace("{i}", "0") for pattern in names.stems}
    assert used == {name.rsplit(".", 1)[0] for name in ours if ".0." in name or not name.startswith("block.")}


def test_each_weight_of_theirs_has_one_of_ours() -> None:
    """Read from their side, where the names are written by hand."""
    names = FAMILIES["bert"].names
    ours = config(vocab_size=31, hidden_size=15, num_layers=2, intermediate_size=13, max_positions=19)
    found = {names.theirs(name): names.their_shape(name, shape, ours.num_heads) for name, shape in encoder_shapes(ours).items()}
    assert found == shapes()


@pytest.mark.parametrize("family", FAMILIES)
def test_heads(family: str) -> None:
    """Stems are unique, also among all of a class; what old files hold twice is no stem of another weight."""
    for tables in FAMILIES[family].heads.values():
        stems = [stem for table in tables for stem in table.stems.values()]
        assert len(set(stems)) == len(stems)
        copies = [copy for table in tables for copy in (*table.tied, *table.copies)]
        wanted = {f"{stem}.{ending}" for stem in stems for ending in ("weight", "bias")}
        mlm = {f"{table.stems['mlm']}.weight" for table in tables if table.task == "masked_lm"}
        assert not (wanted - mlm) & set(copies)


@pytest.mark.parametrize(
    ("arrangement", "name", "shape", "theirs"),
    [
        ("in_out", "block.0.output.kernel", (13, 15), (13, 15)),
        ("out_in", "block.0.output.kernel", (13, 15), (15, 13)),
        ("out_in", "token.table", (31, 15), (31, 15)),
        ("out_in", "block.0.output.bias", (15,), (15,)),
        ("heads", "block.0.key.kernel", (15, 15), (15, 3, 5)),
        ("heads", "block.0.value.bias", (15,), (3, 5)),
        ("heads", "block.0.attention_output.kernel", (15, 15), (3, 5, 15)),
        ("heads", "block.0.attention_output.bias", (15,), (15,)),
        ("heads", "pooler.kernel", (15, 15), (15, 15)),
    ],
)
def test_arrangements_go_there_and_back(arrangement: str, name: str, shape: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    table = NameTable({}, {}, arrangement=arrangement)
    values = np.random.default_rng(1).normal(size=shape)
    assert table.their_shape(name, shape, 3) == theirs
    there = table.to_theirs(name, values, 3)
    assert there.shape == theirs
    np.testing.assert_array_equal(table.to_ours(name, there, shape), values)


def test_values_are_where_they_belong() -> None:
    values = np.arange(15 * 15, dtype="float32").reshape(15, 15)
    by_hand = NameTable({}, {}, arrangement="heads").to_theirs("block.0.query.kernel", values, 3)
    assert by_hand[7, 2, 4] == values[7, 2 * 5 + 4]
    assert NameTable({}, {}, arrangement="out_in").to_theirs("pooler.kernel", values, 3)[2, 7] == values[7, 2]
    special = NameTable({}, {}, transposed=frozenset({"next.kernel"}))
    assert special.to_theirs("next.kernel", values, 3)[2, 7] == values[7, 2]
    assert special.to_theirs("pooler.kernel", values, 3)[2, 7] == values[2, 7]
