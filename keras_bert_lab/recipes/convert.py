"""A model of one library in, the same model in the format of another out."""

from __future__ import annotations

import pathlib
from typing import Any, Literal

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats import Checkpoint, TaskFolder, check_new_folder, open_source, save_encoder, save_task
from keras_bert_lab.formats.save import check_dtype
from keras_bert_lab.recipes.models import has_task
from keras_bert_lab.tasks import task_of

__all__ = ["convert"]


def _parts(opened: TaskFolder | Checkpoint) -> tuple[Any, Any]:
    """The encoder and its preprocessor."""
    if isinstance(opened, TaskFolder):
        task = opened.load()
        return task.encoder, task.preprocessor
    return opened.encoder(), opened.preprocessor(None)


def convert(
    source: str,
    output: pathlib.Path,
    *,
    format: Literal["huggingface", "tfhub", "keras_bert_lab"] = "huggingface",  # noqa: A002, the word that users know
    encoder_only: bool = False,
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a model in the format of another library.

    Args:
        source: a folder of ours, of Hugging Face, of KerasHub, of the original BERT code, or a TF-Hub encoder; or
            hf://organisation/name, preset:name, sample:encoder, a tfhub.dev or Kaggle address.
        output: new folder.
        format: huggingface (config.json, model.safetensors, tokenizer files), tfhub (an encoder and a preprocessor), or
            keras_bert_lab.
        encoder_only: leave out the head.
        dtype: of the weights in the file; huggingface takes float16 and bfloat16 too, half the size.
        overwrite: replace the results of an earlier run in `output`.

    Returns:
        What was written, as plain data.

    Raises:
        FormatError: nothing known there, or damaged; an output that is there already; a model that the format, or a weight that
            the dtype, cannot hold.
        ValueError: a dtype that the format does not have.
    """
    check_new_folder(output, overwrite)
    check_dtype(dtype, format)
    opened = open_source(source)
    with_head = has_task(opened) and not encoder_only
    if not with_head and format == "keras_bert_lab":
        raise FormatError(
            f"Our own format holds models with a head. Received: {source}, an encoder alone. Its folder can be used as it is; "
            "or convert it with --format huggingface."
        )
    if with_head:
        task = task_of(opened)
        save_task(task, output, overwrite=overwrite, format=format, dtype=dtype)
        name = type(task).__name__
    else:
        encoder, preprocessor = _parts(opened)
        save_encoder(encoder, output, format, preprocessor, overwrite=overwrite, dtype=dtype)
        name = "Encoder"
    print(f"{name} written to {output} ({format}, {dtype})")
    return {"output": str(output), "format": format, "dtype": dtype, "model": name}
