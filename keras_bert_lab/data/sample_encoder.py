"""The pretrained encoder that comes with the package."""

from __future__ import annotations

import pathlib

from keras_bert_lab.handles import local_folder

__all__ = ["sample_encoder"]


def sample_encoder() -> pathlib.Path:
    """The folder of a small pretrained BERT that comes with the package and needs no network.

    4 layers, 256 wide, 8,192 lower-case English word pieces, rows of up to 128 tokens, with its masked LM head; pretrained on
    public-domain books. The folder is in the layout of Hugging Face, in half precision; its README.md tells how it was made,
    how good it is, and where its limits are. It goes wherever a source of a pretrained model goes, in commands under the name
    `sample:encoder`.

    Returns:
        The folder: config.json, model.safetensors, vocab.txt and other files of the tokenizer, README.md.

    Raises:
        FormatError: the files are missing in this installation.

    Example:
        model = kbl.TextClassifier.from_pretrained(kbl.sample_encoder(), labels=["neg", "pos"], pooling="mean")
    """
    return local_folder("sample:encoder")
