"""Losses of pretraining beside those of transformers and PyTorch: needs `pip install -e '.[bench]'`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import MaskedLanguageModel
from keras_bert_lab.tasks.distillation import cosine_distance, soft_divergence
from tests.formats import huggingface_folders as hf
from tests.samples import numpy, states

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs

HOW: dict[str, Any] = {"batch_size": 5, "sequence_length": 19, "seed": 3}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with torch.no_grad():
        yield


def documents() -> list[str]:
    """Of 1 to 5 sentences."""
    rng = np.random.default_rng(5)
    return [
        " ".join(" ".join(rng.choice(hf.WORDS[5:], 3)).capitalize() + "." for _ in range(1 + number % 5))
        for number in range(13)
    ]


def unpacked(batch: tuple[Any, ...]) -> dict[str, Any]:
    """Each text of the packed rows in a row of its own, as transformers takes it; -100 = no target."""
    inputs, targets, weights = batch
    found: dict[str, list[np.ndarray]] = {"input_ids": [], "token_type_ids": [], "attention_mask": [], "labels": []}
    classes = []
    length = inputs["input_word_ids"].shape[1]
    for row, ids in enumerate(inputs["input_word_ids"]):
        labels = np.full(length, -100)
        real = weights["masked_lm_ids"][row] == 1
        labels[inputs["masked_lm_positions"][row][real]] = targets["masked_lm_ids"][row][real]
        for number in range(inputs["input_example_ids"][row].max()):
            slots = inputs["input_example_ids"][row] == number + 1
            missing = length - slots.sum()
            columns = (ids[slots], inputs["input_type_ids"][row][slots], np.ones(slots.sum(), int), labels[slots])
            for (name, values), filler in zip(zip(found, columns, strict=True), (0, 0, 0, -100), strict=True):
                found[name].append(np.pad(values, (0, missing), constant_values=filler))
            known = weights["next_sentence_labels"][row, number] == 1
            classes.append(targets["next_sentence_labels"][row, number] if known else -100)
    tensors = {name: torch.tensor(np.array(values)).long() for name, values in found.items()}
    return tensors | {"next_sentence_label": torch.tensor(np.array(classes)).long()}


@pytest.mark.parametrize("kind", ["next", "order"])
def test_the_loss_is_that_of_bert_for_pretraining(kind: Any, tmp_path: Path) -> None:
    config = hf.BERT | {"architectures": ["BertForPreTraining"]}
    folder = hf.write(tmp_path, config, hf.tensors("ForPreTraining"), words=True)
    ours = MaskedLanguageModel.from_pretrained(folder)
    theirs = transformers.BertForPreTraining.from_pretrained(folder, attn_implementation="eager").eval()
    batches = ours.batches(documents(), sentence_pairs=kind, **HOW)
    seen: set[int] = set()
    for step in range(batches.steps_per_epoch):
        inputs, targets, weights = batch = batches.batch(step)
        asked = unpacked(batch)
        seen |= set(asked["next_sentence_label"].tolist())
        assert len(asked["input_ids"]) > len(inputs["input_word_ids"])  # several texts a row
        expected = theirs(**asked)
        found = float(ours.compute_loss(inputs, targets, ours(inputs), weights))
        assert found == pytest.approx(float(expected.loss), rel=1e-5)
        chosen = numpy(ours(inputs)["next_sentence_labels"])[weights["next_sentence_labels"] == 1]
        same = expected.seq_relationship_logits.numpy()[asked["next_sentence_label"].numpy() != -100]
        np.testing.assert_allclose(chosen, same, atol=1e-5)
    assert seen == {-100, 0, 1}


def test_the_parts_of_a_distillation_are_those_of_pytorch() -> None:
    taught, logits = states(7, 31, seed=3) * 3, states(7, 31, seed=5)
    temperature = 2.5
    divergence = torch.nn.KLDivLoss(reduction="batchmean")(
        torch.log_softmax(torch.tensor(logits) / temperature, -1), torch.softmax(torch.tensor(taught) / temperature, -1)
    )
    found = numpy(soft_divergence(taught, logits, temperature)).mean()
    assert found == pytest.approx(float(divergence) * temperature**2, rel=1e-5)
    distance = torch.nn.CosineEmbeddingLoss()(torch.tensor(logits), torch.tensor(taught), torch.ones(7))
    assert numpy(cosine_distance(taught, logits)).mean() == pytest.approx(float(distance), rel=1e-5)
