"""The names that other people's code may rely on: a fixed list, documented, with the designed parameters."""

import dataclasses
import importlib
import inspect

import pytest

import keras_bert_lab as kbl

NAMES = [
    "AdamW",
    "ArchitectureConfig",
    "AutofitResult",
    "BatchPredictor",
    "BytePairTokenizer",
    "Calibration",
    "ClassificationHead",
    "ClassificationReport",
    "CrossValidation",
    "DataError",
    "Distillation",
    "Embeddings",
    "Encoder",
    "EncoderBlock",
    "EncoderConfig",
    "ExportError",
    "ExportedModel",
    "ExtraColumns",
    "FeedForward",
    "FocalLoss",
    "FormatError",
    "GradualUnfreezing",
    "HubEncoder",
    "HubPreprocessor",
    "KerasBertLabError",
    "Lab",
    "LearningCurve",
    "LearningRateSearch",
    "LinearWarmupDecay",
    "MaskedLMHead",
    "MaskedLanguageModel",
    "MaskingConfig",
    "McNemar",
    "MissingPackageError",
    "MultiLabelReport",
    "NextSentenceHead",
    "OneCycle",
    "OptimizerConfig",
    "Pooling",
    "Preprocessor",
    "PretrainingBatches",
    "Progress",
    "RegressionReport",
    "ResumableTraining",
    "ResumeError",
    "SelfAttention",
    "SentencePieceTokenizer",
    "StopSignals",
    "StreamingReport",
    "TableCheck",
    "TableProblem",
    "TemperatureScaling",
    "TextClassifier",
    "TextCleaner",
    "TextWindows",
    "Triangular",
    "Vocabulary",
    "VocabularyConfig",
    "WarmupCosine",
    "WindowPooling",
    "WordPieceTokenizer",
    "WordTokenizer",
    "WordVectors",
    "add_adapters",
    "add_lora",
    "as_text_tensor",
    "autofit",
    "bootstrap_interval",
    "calibrate",
    "calibration",
    "check_known_labels",
    "check_labels",
    "check_table",
    "choose_threshold",
    "classification_report",
    "compare_baselines",
    "compare_runs",
    "cross_validate",
    "export_saved_model",
    "learning_curve",
    "learning_rates_of",
    "load_encoder",
    "load_exported",
    "load_preprocessor",
    "load_task",
    "lr_find",
    "mcnemar",
    "merge_lora",
    "most_uncertain",
    "multi_label_report",
    "open_corpus",
    "plot_calibration",
    "plot_class_counts",
    "plot_confusion_matrix",
    "plot_learning_curves",
    "plot_learning_rate_search",
    "plot_metric_by_threshold",
    "plot_precision_recall",
    "plot_roc",
    "plot_table_problems",
    "plot_text_lengths",
    "plot_training_sizes",
    "prepare_corpus",
    "read_columns",
    "read_corpus",
    "read_table",
    "read_vocabulary",
    "regression_report",
    "sample_data",
    "sample_encoder",
    "save_encoder",
    "save_task",
    "set_trainable",
    "student_of",
    "text_vectors",
    "tfidf_baseline",
    "top_losses",
    "train_wordpiece",
    "write_check_page",
    "write_table",
]

MODULES = ["hub"]

# Name -> its first parameters with their defaults (... = none), in the order of design.md, "Fixed names". More may follow.
SIGNATURES = {
    "Encoder": {"config": ..., "attention": None, "feed_forward": None},
    "WordPieceTokenizer": {"vocabulary": ..., "lowercase": True},
    "train_wordpiece": {"source": ..., "vocab_size": ...},
    "HubEncoder": {"handle": ..., "trainable": False},
    "HubPreprocessor": {"handle": ..., "sequence_length": None},
    "set_trainable": {"layer": ..., "what": ...},
    "Preprocessor": {"tokenizer": ..., "sequence_length": None, "truncate": "round_robin"},
    "as_text_tensor": {"texts": ...},
    "MaskedLanguageModel": {"encoder": ..., "preprocessor": ...},
    "TextClassifier": {"encoder": ..., "preprocessor": ..., "labels": ..., "kind": "auto", "pooling": "cls"},
    "ResumableTraining": {"folder": ...},
    "sample_data": {"name": ...},
    "sample_encoder": {},
    "export_saved_model": {"model": ..., "path": ...},
    "load_exported": {"path": ...},
    "save_task": {"task": ..., "folder": ..., "overwrite": False},
    "load_task": {"source": ...},
    "load_encoder": {"source": ...},
    "load_preprocessor": {"source": ..., "sequence_length": None},
    "save_encoder": {"encoder": ..., "folder": ..., "format": "huggingface"},
    "read_table": {"path": ..., "text": "text", "label": "label", "text_pair": None},
    "BatchPredictor": {"model": ..., "batch_size": 64},
    "add_lora": {"layer": ..., "rank": 8, "alpha": None, "targets": "query, value"},
    "merge_lora": {"layer": ...},
    "add_adapters": {"layer": ..., "size": 64, "activation": "gelu"},
    "check_table": {"table": ..., "test": None},
    "Lab": {"model": ..., "train": ..., "validation": 0.1},
    "read_corpus": {"paths": ...},
    "write_table": {"table": ..., "path": ..., "overwrite": False},
}
METHODS = {
    ("TextClassifier", "predict_text"): {"texts": ...},
    ("EncoderConfig", "preset"): {"name": ...},
    ("Encoder", "copy"): {"dropout": None, "dtype": None},
    ("SelfAttention", "call"): {"query": ..., "value": ..., "attention_mask": None, "training": None},
}
ENCODER_CONFIG = {
    "vocab_size": ..., "hidden_size": ..., "num_layers": ..., "num_heads": ..., "intermediate_size": ..., "max_positions": 512,
    "type_vocab_size": 2, "embedding_size": None, "activation": "gelu", "layer_norm_eps": 1e-12, "dropout": 0.1,
    "attention_dropout": 0.1, "norm_first": False, "share_layers": False, "position_offset": 0, "pad_id": 0, "pooler": True,
}  # fmt: skip


def parameters(function):
    return {
        name: ... if parameter.default is parameter.empty else parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


def assert_starts_with(found, designed):
    assert list(found)[: len(designed)] == list(designed)
    for name, default in designed.items():
        if default is not ...:
            assert found[name] == default, name


def test_all_is_sorted_and_as_listed():
    assert kbl.__all__ == sorted(kbl.__all__)
    assert kbl.__all__ == sorted([*NAMES, *MODULES])
    assert all(inspect.ismodule(getattr(kbl, name)) and getattr(kbl, name).__doc__ for name in MODULES)


def test_nothing_else_is_public():
    """Beside the listed names only submodules, and nothing that a star import would bring along."""
    extra = {name for name, value in vars(kbl).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert extra - set(NAMES) == set()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_has_a_docstring_of_its_own(name):
    value = getattr(kbl, name)
    assert inspect.isclass(value) or inspect.isfunction(value)
    documented = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    assert documented
    assert documented.strip().splitlines()[0].endswith((".", ":", "?")) or documented.strip().count("\n") > 0
    assert not documented.startswith(f"{name}(")  # the one that dataclasses write themselves


@pytest.mark.parametrize("name", NAMES)
def test_each_name_comes_from_a_module_that_lists_it(name):
    module = importlib.import_module(getattr(kbl, name).__module__)
    assert module.__name__.startswith("keras_bert_lab.")
    assert name in module.__all__


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_designed_parameters_come_first_in_order(name):
    value = getattr(kbl, name)
    assert_starts_with(parameters(value.__init__ if inspect.isclass(value) else value), SIGNATURES[name])


@pytest.mark.parametrize(("owner", "method"), sorted(METHODS))
def test_designed_parameters_of_methods(owner, method):
    assert_starts_with(parameters(getattr(getattr(kbl, owner), method)), METHODS[owner, method])


def test_encoder_config_has_the_designed_fields_by_keyword_only():
    assert_starts_with(parameters(kbl.EncoderConfig), ENCODER_CONFIG)
    assert all(field.kw_only for field in dataclasses.fields(kbl.EncoderConfig))


@pytest.mark.parametrize("name", ["Encoder", "EncoderBlock", "SelfAttention", "FeedForward", "WordTokenizer", "MaskedLMHead",
                                  "NextSentenceHead", "ClassificationHead", "Preprocessor", "WordPieceTokenizer",
                                  "HubEncoder", "HubPreprocessor"])  # fmt: skip
def test_layers_take_a_name(name):
    found = parameters(getattr(kbl, name).__init__)
    assert "name" in found or "kwargs" in found


def test_version_is_a_string_of_numbers():
    assert all(part.isdigit() for part in kbl.__version__.split(".")[:2])
