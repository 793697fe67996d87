"""Models into new folders, in our own format or in that of another library."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.lora import merged_lora
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_writer import write_huggingface
from keras_bert_lab.formats.manifest import OWN, write_manifest
from keras_bert_lab.formats.new_folder import new_folder
from keras_bert_lab.formats.task_folder import name_of, write_task
from keras_bert_lab.formats.tfhub_writer import write_tfhub_encoder, write_tfhub_preprocessor
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead
from keras_bert_lab.text import Preprocessor

__all__ = ["check_dtype", "save_encoder", "save_task"]

_ENCODER_FORMATS = ("huggingface", "tfhub")
_TASK_FORMATS = (OWN, "huggingface", "tfhub")
_DTYPES = ("float32", "float16", "bfloat16")


def _check_format(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"format must be one of {list(known)}. Received: format={name!r}")


def check_dtype(dtype: str, format: str) -> None:  # noqa: A002, as below
    """Refuse a precision that a format does not hold.

    Raises:
        ValueError: an unknown one, or half precision for another format than that of Hugging Face.
    """
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be one of {list(_DTYPES)}. Received: dtype={dtype!r}")
    if dtype != "float32" and format != "huggingface":
        raise ValueError(
            f"dtype must be 'float32' for format={format!r}. Received: dtype={dtype!r}. Only format='huggingface' holds it."
        )


def _refuse_cleaner(preprocessor: Preprocessor | None, format: str) -> None:  # noqa: A002, as below
    """Refuse to lose a step between texts and tokens.

    Raises:
        FormatError: the preprocessor cleans texts, which only our own format can say.
    """
    cleaner = getattr(preprocessor, "cleaner", None)
    if cleaner is not None:
        steps = getattr(cleaner, "steps", cleaner)
        raise FormatError(
            f"The preprocessor must have no cleaner for format={format!r}, which has no place for it. Received: a cleaner of "
            f"the steps {steps}. Save the task in our own format; or with preprocessor.with_cleaner(None), and clean the texts "
            "beforehand with TextCleaner."
        )


def _write_tfhub(encoder: Encoder, preprocessor: Preprocessor, folder: pathlib.Path, head: MaskedLMHead | None) -> None:
    for part in ("encoder", "preprocessor"):
        (folder / part).mkdir()
    write_tfhub_encoder(encoder, preprocessor, folder / "encoder", head)
    write_tfhub_preprocessor(preprocessor, folder / "preprocessor")


def save_encoder(
    encoder: Encoder,
    folder: str | pathlib.Path,
    format: str = "huggingface",  # noqa: A002, the word that users know
    preprocessor: Preprocessor | None = None,
    overwrite: bool = False,
    dtype: str = "float32",
) -> pathlib.Path:
    """Write an encoder into a new folder, for other libraries and for `load_encoder`; it appears whole or not at all.

    Args:
        encoder: an Encoder without layers of the user's own and without adapters. Low-rank updates (`add_lora`) are written as
            part of its weights; the encoder itself keeps them.
        folder: the new folder.
        format: "huggingface" (config.json, model.safetensors, the tokenizer's files), or "tfhub" (two SavedModels: `encoder`
            and `preprocessor`).
        preprocessor: whose tokenizer belongs to it; "tfhub" needs one.
        overwrite: whether earlier results in the folder may be replaced.
        dtype: of the weights in the file: "float32"; for "huggingface" also "float16" or "bfloat16", half the size. Weights of
            an encoder that was trained in mixed precision are float32, too.

    Returns:
        The folder.

    Raises:
        FormatError: the folder is there already, or holds something else; or the format has no such encoder, or no place for
            the preprocessor's cleaner; or a weight is too large for `dtype`.
        ValueError: an unknown format, a dtype that it does not have, or no preprocessor where one is needed.
    """
    _check_format(format, _ENCODER_FORMATS)
    check_dtype(dtype, format)
    if not isinstance(encoder, Encoder):
        raise TypeError(f"encoder must be an Encoder. Received: {encoder!r}")
    if format == "tfhub" and preprocessor is None:
        raise ValueError('preprocessor must be given for format="tfhub", which writes it too. Received: preprocessor=None')
    _refuse_cleaner(preprocessor, format)
    with new_folder(folder, overwrite) as fresh, merged_lora(encoder):
        if format == "huggingface" or preprocessor is None:
            write_huggingface(encoder, preprocessor, fresh, dtype=dtype)
        else:
            _write_tfhub(encoder, preprocessor, fresh, None)
        write_manifest(fresh, format, None, {})
    return pathlib.Path(folder)


def save_task(
    task: Any,
    folder: str | pathlib.Path,
    overwrite: bool = False,
    about: Mapping[str, Any] | None = None,
    format: str = OWN,  # noqa: A002, as above
    dtype: str = "float32",
) -> pathlib.Path:
    """Write a task into a new folder, for `load_task`, the command line and other libraries; it appears whole or not at all.

    Args:
        task: a MaskedLanguageModel or a TextClassifier.
        folder: the new folder.
        overwrite: whether earlier results in it may be replaced.
        about: plain data to keep with it.
        format: "keras_bert_lab" keeps everything, low-rank updates and adapters too; in the others low-rank updates become part
            of the weights, and adapters are refused. "huggingface" is for BertFor….from_pretrained and AutoTokenizer of
            transformers; "tfhub" holds the encoder (with its masked LM head) and the preprocessor.
        dtype: of the weights in the file: "float32"; for "huggingface" also "float16" or "bfloat16", half the size.

    Returns:
        The folder.

    Raises:
        FormatError: the folder is there already, or holds something else; or the format has no such model, or no place for its
            threshold or the preprocessor's cleaner; or a weight is too large for `dtype`.
        ValueError: an unknown format, or a dtype that it does not have.
    """
    _check_format(format, _TASK_FORMATS)
    check_dtype(dtype, format)
    if format == "huggingface" and getattr(task, "threshold", None) is not None:
        raise FormatError(
            f"format='huggingface' has no place for a threshold. Received: a task with threshold={task.threshold}. "
            "Use format='keras_bert_lab', or set task.threshold = None and keep the number yourself."
        )
    if format != OWN:
        _refuse_cleaner(task.preprocessor, format)
    with new_folder(folder, overwrite) as fresh:
        if format == OWN:
            write_task(task, fresh, about or {})
            return pathlib.Path(folder)
        with merged_lora(task.encoder):
            if format == "tfhub":
                head = task.head if isinstance(task.head, MaskedLMHead) else None
                _write_tfhub(task.encoder, task.preprocessor, fresh, head)
            else:
                if getattr(task, "windows", None) is not None or getattr(task, "columns", None) is not None:
                    found = f"windows={task.windows}" if task.columns is None else f"columns={task.columns.kinds}"
                    raise FormatError(
                        "transformers has no classifier that reads windows of a text, or columns beside it. "
                        f"Received: {found}. Save the task in our own format, or its encoder alone."
                    )
                heads = [head for head in (task.head, getattr(task, "next_sentence_head", None)) if head is not None]
                labels = task.labels if isinstance(task.head, ClassificationHead) else ()
                write_huggingface(task.encoder, task.preprocessor, fresh, heads, labels, dtype)
        write_manifest(fresh, format, name_of(task), about or {})
    return pathlib.Path(folder)
