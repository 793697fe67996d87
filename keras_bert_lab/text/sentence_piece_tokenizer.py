"""SentencePiece as TensorFlow ops: the same code in training, prediction and the exported model."""

from __future__ import annotations

import base64
import binascii
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_bert_lab.errors import DataError
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.piece_tokenizer import PieceTokenizer
from keras_bert_lab.text.sentence_piece_model import SentencePieceModel
from keras_bert_lab.text.sentence_piece_ops import AlbertOps, SentencePieceOps
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["SentencePieceTokenizer"]

RULES = ("albert", "model")
_SPELLINGS = {"pad": "<pad>", "unk": "<unk>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class SentencePieceTokenizer(PieceTokenizer, keras.layers.Layer):
    """Texts -> ids of the pieces of a SentencePiece model, the most probable ones, as ALBERT has them.

    Args:
        model: contents of the model's file, as bytes or as their Base64 text; `from_file` reads one.
        special_tokens: spelling of the roles "pad", "unk", "cls", "sep", "mask", where it is not ALBERT's: <pad>, <unk>,
            [CLS], [SEP], [MASK].
        rules: "albert": two quotes become a quotation mark, characters are decomposed, marks taken away, the case lowered,
            then each word is taken apart, token for token as the `tokenizers` library does it; "model": nothing but what the
            model's file says, as the `sentencepiece` library does it.
        lowercase: lower the case (rules="albert").
        strip_accents: decompose characters and take the marks away (rules="albert").
        added_tokens: tokens that are kept whole wherever they stand in a text, strings or AddedTokens; those that are not in
            the model get the ids after it.

    Call arguments:
        texts: whatever `as_text_tensor` takes.

    Returns:
        Ragged int32 (B, tokens), without [CLS] and [SEP]: those are added by `Preprocessor`.

    Raises:
        ValueError: no SentencePiece model, one without a special token, or ALBERT's rules with one that is not unigram.

    Reference: Kudo and Richardson 2018; Lan et al. 2019, "ALBERT".
    """

    def __init__(
        self,
        model: bytes | str,
        special_tokens: Mapping[str, str] | None = None,
        rules: str = "albert",
        lowercase: bool = True,
        strip_accents: bool = True,
        added_tokens: Iterable[str | Mapping[str, Any] | AddedToken] = (),
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._set_up()
        if rules not in RULES:
            raise ValueError(f"rules must be one of {list(RULES)}. Received: rules={rules!r}")
        self.model = _content(model)
        parsed = SentencePieceModel.parse(self.model)
        if rules == "albert" and not (parsed.is_unigram and parsed.escapes_blanks):
            raise ValueError(
                'rules="albert" needs a unigram model that writes blanks as "▁". Received: a model of another kind. '
                'Use rules="model".'
            )
        self.rules = rules
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        spellings = _SPELLINGS | dict(special_tokens or {})
        self.vocabulary = Vocabulary(parsed.pieces, spellings, pieces="sentencepiece", added_tokens=added_tokens)

    @classmethod
    def from_file(cls, path: str | pathlib.Path, **kwargs: Any) -> SentencePieceTokenizer:
        """The tokenizer of a `spiece.model`.

        Raises:
            DataError: there is no such file.
        """
        path = pathlib.Path(path)
        if not path.is_file():
            raise DataError(f"There is no SentencePiece model {path}.")
        return cls(path.read_bytes(), **kwargs)

    def _new_ops(self) -> SentencePieceOps | AlbertOps:
        if self.rules == "model":
            return SentencePieceOps(self.vocabulary, self.model)
        model = SentencePieceModel.parse(self.model)
        return AlbertOps(self.vocabulary, model, bool(self.lowercase), bool(self.strip_accents))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "model": base64.b64encode(self.model).decode(),
            "rules": self.rules,
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            **self._vocabulary_config(),
        }


def _content(model: Any) -> bytes:
    if isinstance(model, str):
        try:
            return base64.b64decode(model, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(
                f"model must hold the contents of a file, as bytes or Base64. Received: {model!r:.80}. "
                "For a file use SentencePieceTokenizer.from_file(path)."
            ) from error
    if not isinstance(model, bytes):
        raise ValueError(f"model must hold the contents of a file, as bytes or Base64. Received: {type(model).__name__}")
    return model
