"""The library transformers itself, beside ours: needs `pip install -e '.[bench]'`."""

from __future__ import annotations

import contextlib
import re
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import (
    Encoder,
    FormatError,
    contract,
    load_encoder,
    load_preprocessor,
    sample_encoder,
    save_task,
)
from keras_bert_lab.formats.encoder_weights import encoder_shapes
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.formats.huggingface_names import FAMILIES
from keras_bert_lab.formats.huggingface_writer import write_huggingface
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead
from tests.formats import huggingface_folders as hf
from tests.formats.test_huggingface import differences
from tests.formats.written_models import CLASSES, LABELS, MODELS, make, rows, written
from tests.samples import config, numpy, randomise
from tests.tasks.small_tasks import WORDS, classifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs
EVERY_CLASS = [(family, head) for family in FAMILIES for head in FAMILIES[family].heads]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with torch.no_grad():
        yield


def random_model(family: str, head: str, **changes: Any) -> Any:
    """A model of theirs with large random weights, whose settings are none of the defaults."""
    settings = {"vocab_size": 31, "initializer_range": 0.4, "attn_implementation": "eager"}
    settings["num_labels"] = 5 if "Classification" in head else 2
    settings["max_position_embeddings"] = 19
    activation = "gelu" if family in ("roberta", "electra") else "gelu_new"
    if family == "distilbert":
        settings |= {"dim": 15, "n_layers": 2, "n_heads": 3, "hidden_dim": 13, "activation": activation}
    else:
        settings |= {"hidden_size": 15, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 13}
        settings |= {"hidden_act": activation, "layer_norm_eps": 1e-3}
    if family in ("albert", "electra"):
        settings["embedding_size"] = 7
    word = FAMILIES[family].word
    torch.manual_seed(3)
    config = getattr(transformers, f"{word}Config")(**(settings | changes))
    model = getattr(transformers, word + head)(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases start at 0, and would not be missed
            parameter.add_(torch.randn(parameter.shape) * 0.3)
    return model


def their_outputs(model: Any, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    asked = {"input_ids": inputs["input_word_ids"], "attention_mask": inputs["input_mask"]}
    if model.config.model_type != "distilbert":
        asked["token_type_ids"] = inputs["input_type_ids"]
    tensors = {name: torch.from_numpy(values.astype("int64")) for name, values in asked.items()}
    found = model(**tensors, output_hidden_states=True, output_attentions=True)
    named: dict[str, np.ndarray] = {}
    for name, value in found.items():
        if isinstance(value, tuple):
            named |= {f"{name}.{place}": each.numpy() for place, each in enumerate(value)}
        else:
            named[name] = value.numpy()
    return named


@pytest.mark.parametrize(("family", "head"), EVERY_CLASS)
def test_every_class_of_theirs_is_read(family: str, head: str, tmp_path: Path) -> None:
    model = random_model(family, head)
    model.save_pretrained(tmp_path)
    checkpoint = read_huggingface(tmp_path)

    table = FAMILIES[family]
    ours = {checkpoint.prefix + str(table.names.theirs(name)) for name in encoder_shapes(checkpoint.config)}
    copies = set()
    for each in table.heads[head]:
        ours |= {
            f"{stem}.{ending}"
            for place, stem in each.stems.items()
            for ending in ("weight", "bias")
            if (place, ending) != ("mlm", "weight")
        }
        copies |= {*each.tied, *each.copies}
    named = {name for name in model.state_dict() if not name.endswith("position_ids")}
    assert named - copies == ours
    assert copies <= named | {"lm_head.decoder.bias"}

    inputs = rows("bert" if family == "ernie" else family)
    if family in ("bert", "ernie", "albert", "electra"):
        inputs["input_type_ids"] %= 2
    expected = their_outputs(model, inputs) | inputs
    worst = differences(tmp_path, expected)
    assert len(worst) >= 5
    assert max(worst.values()) < 1e-5, worst


@pytest.mark.parametrize(("family", "task"), MODELS)
def test_what_is_written_is_theirs(family: str, task: str, tmp_path: Path) -> None:
    encoder, heads = written(family, task, tmp_path)
    word = FAMILIES[family.removesuffix("_base")].word
    kind = getattr(transformers, word + CLASSES[task])
    model, report = kind.from_pretrained(tmp_path, output_loading_info=True, attn_implementation="eager")
    assert {name: list(found) for name, found in report.items() if found} == {}
    assert type(transformers.AutoConfig.from_pretrained(tmp_path)) is type(model.config)
    inputs = rows(family)
    theirs = their_outputs(model.eval(), inputs)

    hidden, real = encoder(inputs), inputs["input_mask"] == 1
    states = numpy(hidden[contract.SEQUENCE_OUTPUT])
    assert np.abs(states[real] - theirs[f"hidden_states.{encoder.config.num_layers}"][real]).max() < 1e-5
    if task == "encoder":
        if encoder.config.pooler:
            assert np.abs(numpy(hidden[contract.POOLED_OUTPUT]) - theirs["pooler_output"]).max() < 1e-5
        return
    scores = [value for name, value in theirs.items() if "." not in name]
    assert len(scores) == len(heads)
    for head, logits in zip(heads, scores, strict=True):
        if isinstance(head, MaskedLMHead):
            positions = np.tile(np.arange(states.shape[1]), (len(states), 1))
            ours = numpy(head(hidden[contract.SEQUENCE_OUTPUT], positions))
            assert np.abs(ours[real] - logits[real]).max() < 1e-5
        elif isinstance(head, ClassificationHead):
            _check_classifier(head, model, hidden, logits)
        else:
            assert np.abs(numpy(head(hidden[contract.POOLED_OUTPUT])) - logits).max() < 1e-5


def _check_classifier(head: ClassificationHead, model: Any, hidden: Any, logits: np.ndarray) -> None:
    labels = LABELS[head.kind] or ("LABEL_0",)
    assert model.config.id2label == dict(enumerate(labels))
    assert model.config.num_labels == len(labels)
    kinds = {"multi_label": "multi_label_classification", "regression": "regression"}
    assert model.config.problem_type == kinds.get(head.kind, "single_label_classification")
    if head.kind == "binary":
        theirs = torch.softmax(torch.from_numpy(logits), -1).numpy()[:, 1:]
        assert np.abs(numpy(head(hidden)) - theirs).max() < 1e-5
    else:
        assert np.abs(numpy(head.logits(hidden)) - logits).max() < 1e-5
    dropouts = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert head.dropout in dropouts


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_theirs(dtype: str, tmp_path: Path) -> None:
    """It comes as it was written; put to float32, it computes what ours does with the same rounded weights."""
    encoder, heads = make("bert", "masked_lm")
    write_huggingface(encoder, None, tmp_path, heads, dtype=dtype)
    model, report = transformers.BertForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert {name: list(found) for name, found in report.items() if found} == {}
    assert model.dtype == getattr(torch, dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}
    inputs = rows("bert")
    theirs = their_outputs(model.float().eval(), inputs)[f"hidden_states.{encoder.config.num_layers}"]
    ours = numpy(read_huggingface(tmp_path).encoder()(inputs)[contract.SEQUENCE_OUTPUT])
    real = inputs["input_mask"] == 1
    assert np.abs(ours[real] - theirs[real]).max() < 1e-5
    unrounded = numpy(encoder(inputs)[contract.SEQUENCE_OUTPUT])
    assert np.abs(unrounded[real] - theirs[real]).max() > 1e-4


def test_the_sample_encoder_is_theirs_too() -> None:
    model = transformers.BertForMaskedLM.from_pretrained(sample_encoder()).float().eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(sample_encoder())
    texts = ["The old house stood by the river.", "A dreadful film: I slept."]
    found = tokenizer(texts, padding=True, return_tensors="pt")
    states = model(**found, output_hidden_states=True).hidden_states[-1].numpy()
    inputs = load_preprocessor(sample_encoder())(texts)
    np.testing.assert_array_equal(numpy(inputs[contract.WORD_IDS]), found["input_ids"].numpy())
    ours = numpy(load_encoder(sample_encoder())(inputs)[contract.SEQUENCE_OUTPUT])
    real = found["attention_mask"].numpy() == 1
    assert np.abs(ours[real] - states[real]).max() < 1e-4


@pytest.mark.parametrize("head", ["Model", "ForMaskedLM", "ForSequenceClassification"])
def test_the_table_of_tasks_of_ernie_is_taken_in(head: str, tmp_path: Path) -> None:
    model = random_model("ernie", head, use_task_id=True, task_type_vocab_size=4)
    model.save_pretrained(tmp_path)
    inputs = rows("bert")
    inputs["input_type_ids"] %= 2
    worst = differences(tmp_path, their_outputs(model, inputs) | inputs)
    assert max(worst.values()) < 1e-5, worst
    without = random_model("ernie", head, use_task_id=False)
    plain = dict(without.state_dict())
    assert any("task_type" in name for name in model.state_dict().keys() - plain.keys())


@pytest.mark.parametrize("kind", ["binary", "multi_label"])
def test_a_saved_task_answers_the_same_there(kind: str, tmp_path: Path) -> None:
    labels = ["neg", "pos"] if kind == "binary" else ["a", "b", "c"]
    task = randomise(classifier(labels=labels, kind=kind, encoder=Encoder(config(vocab_size=len(WORDS)))))
    save_task(task, tmp_path / "x", format="huggingface")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "x")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "x").eval()
    texts = ["A good film.", "the BAD play, unseen", "walking"]
    logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    theirs = logits.softmax(-1).numpy()[:, 1:] if kind == "binary" else logits.sigmoid().numpy()
    assert np.abs(task.predict(texts) - theirs).max() < 1e-5
    assert tokenizer.model_max_length == task.preprocessor.row_length


def test_the_line_that_converts_a_pickled_file_works(tmp_path: Path) -> None:
    folder = hf.write_classifier(tmp_path / "it's here", words=True)
    model = transformers.BertForSequenceClassification.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FormatError) as raised:
        read_huggingface(folder)
    program, flag, code = shlex.split(re.search(r"python -c .*", str(raised.value))[0])
    assert (program, flag) == ("python", "-c")
    with contextlib.chdir(tmp_path):
        exec(code, {})
        assert {"tokenizer_config.json", "config.json"} < {entry.name for entry in Path("converted").iterdir()}
    again = read_huggingface(tmp_path / "converted")
    assert again.heads[0].labels == tuple(hf.LABELS.values())
    np.testing.assert_array_equal(
        again.tensors.read("classifier.weight"), hf.tensors("ForSequenceClassification")["classifier.weight"]
    )
