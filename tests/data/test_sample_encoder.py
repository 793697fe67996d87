"""The encoder that comes with the package: whole, small enough, in half precision, and what its card says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import keras_bert_lab as kbl
from keras_bert_lab import handles
from keras_bert_lab.cli.parser import build_parser, settings_of, words_last
from keras_bert_lab.formats.manifest import check_file, read_manifest
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.recipes.runs import plain

FOLDER = Path(kbl.__file__).parent / "data" / "samples" / "encoder"
TEXTS = ["The old house stood by the river.", "A dreadful film: I slept.", "Yes!"]


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    return dict(read_manifest(FOLDER).about)


@pytest.fixture(scope="module")
def card() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def commands(card: str) -> dict[str, list[str]]:
    """Every command of the card by its name; the first one of each."""
    lines = [
        line for block in re.findall(r"^```sh\n(.*?)^```$", card, flags=re.MULTILINE | re.DOTALL) for line in block.split("\n")
    ]
    found: dict[str, list[str]] = {}
    for line in lines:
        if line:
            found.setdefault(shlex.split(line)[1] + (" --start" if "--start" in line else ""), shlex.split(line)[1:])
    return found


def test_it_is_a_folder_of_the_package() -> None:
    assert kbl.sample_encoder() == FOLDER
    assert isinstance(kbl.sample_encoder(), Path)


def test_it_is_small_and_whole() -> None:
    manifest = read_manifest(FOLDER)
    assert (manifest.layout, manifest.task) == ("huggingface", "MaskedLanguageModel")
    there = {entry.name for entry in FOLDER.iterdir()}
    assert there == {*manifest.files, "keras_bert_lab.json"}
    assert {"config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "README.md"} < there
    for name in manifest.files:
        check_file(FOLDER, manifest, name)
    assert sum(entry.stat().st_size for entry in FOLDER.iterdir()) <= 16 * 2**20


def test_it_is_in_half_precision_and_has_the_promised_size() -> None:
    with safe_open(FOLDER / "model.safetensors", framework="numpy") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118, it is no dict
    config = read_json(FOLDER / "config.json")
    assert (config["dtype"], config["architectures"]) == ("float16", ["BertForMaskedLM"])
    sizes = [config[name] for name in ("num_hidden_layers", "hidden_size", "vocab_size", "max_position_embeddings")]
    assert sizes == [4, 256, 8192, 128]
    assert len((FOLDER / "vocab.txt").read_text(encoding="utf-8").splitlines()) == 8192


def test_it_goes_wherever_a_source_goes() -> None:
    encoder, preprocessor = kbl.load_encoder(kbl.sample_encoder()), kbl.load_preprocessor("sample:encoder")
    assert encoder.config.pooler is False
    hidden = np.asarray(encoder(preprocessor(TEXTS))["sequence_output"])
    assert np.isfinite(hidden).all()
    task = kbl.load_task("sample:encoder")
    assert type(task) is kbl.MaskedLanguageModel
    assert all(map(np.array_equal, task.encoder.get_weights(), encoder.get_weights()))
    assert float(np.abs(np.asarray(task.head.bias)).max()) > 0  # the head is there, and was trained
    found = task.fill_mask("the [MASK] was old .", top_k=3)
    assert found.score.between(0, 1).all()
    classifier = kbl.TextClassifier.from_pretrained("sample:encoder", labels=["neg", "pos"], pooling="mean")
    assert classifier.predict(TEXTS).shape == (3, 1)


def test_the_card_has_the_commands_that_made_it(card: str, about: dict[str, Any]) -> None:
    assert about["command"] == "pretrain"
    parser = build_parser()
    for name, words in commands(card).items():
        namespace = parser.instantiate(parser.parse_args(words_last(words)))
        settings = settings_of(parser, namespace[namespace.command], namespace.command)
        if name == "pretrain":
            found = {key: plain(value) for key, value in settings.items() if key not in ("json", "overwrite", "processes")}
            later = {"schedule": "linear", "layer_decay": None}  # settings that came afterwards, as it was then
            assert found == about["settings"] | {"optimizer": about["settings"]["optimizer"] | later}
        if name == "prepare":
            assert settings["vocabulary"].size == 8192
    assert {"prepare", "pretrain", "train", "pretrain --start"} <= set(commands(card))
    assert [f"keras-bert-lab {shlex.join(commands(card)[name])}" for name in ("prepare", "pretrain")] == about["commands"]


def test_the_card_has_its_figures_and_its_limits(card: str, about: dict[str, Any]) -> None:
    history, flat = about["figures"]["history"], " ".join(card.split())
    loss = history.get("val_masked_lm_loss", history["val_loss"])[-1]
    assert f"| {loss:.3f} |" in card
    assert f"| {history['val_accuracy'][-1]:.1%} |" in card
    assert f"{about['figures']['steps']:,} steps in {about['figures']['seconds'] / 60:.0f} minutes" in flat
    assert f"{kbl.load_encoder(FOLDER).count_params():,} weights" in flat
    for part in ("license: apache-2.0", "public domain", "prejudice", about["machine"]["processor"], "## Limits", "## Licence"):
        assert part in card
    assert not re.search(r"[{}]", card.replace("```", "").split("# The sample encoder")[1])  # every gap was filled


def test_the_code_of_the_card_runs(card: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", card, flags=re.MULTILINE | re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    assert "score" in capsys.readouterr().out


def test_nothing_tells_of_the_machine_that_made_it() -> None:
    for name in ("README.md", "keras_bert_lab.json", "config.json", "tokenizer_config.json"):
        assert not re.search(r"/(work|tmp|home|root|mnt|usr|Users)/", (FOLDER / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize("missing", [["model.safetensors"], ["config.json", "vocab.txt"]])
def test_an_installation_without_it_says_so(missing: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoder").mkdir()
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        if name not in missing:
            (tmp_path / "encoder" / name).touch()
    monkeypatch.setattr(handles, "_SAMPLES", tmp_path)
    message = re.escape(f"sample:encoder is not whole in this installation: {missing} missing in {tmp_path / 'encoder'}.")
    for ask in (kbl.sample_encoder, lambda: kbl.load_encoder("sample:encoder")):
        with pytest.raises(kbl.FormatError, match=message + " Install the package again: pip install"):
            ask()


@pytest.mark.parametrize("handle", ["sample:", "sample:reviews", "sample:encoder/"])
def test_other_samples_are_unknown(handle: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"is sample:encoder. Received: {handle!r}")):
        kbl.load_preprocessor(handle)
