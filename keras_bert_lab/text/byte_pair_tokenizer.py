"""Byte-level byte-pair encoding as TensorFlow ops: the same code in training, prediction and the exported model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.byte_pair_ops import BytePairOps
from keras_bert_lab.text.piece_tokenizer import PieceTokenizer
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["BytePairTokenizer"]

_SPELLINGS = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
_SHOWN = 5


def _pairs(merges: Sequence[str | Sequence[str]], ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """Merges as pairs of tokens.

    Raises:
        ValueError: no pairs of tokens, or tokens that the vocabulary lacks.
    """
    if isinstance(merges, (str, bytes)):
        raise ValueError(f"merges must be a list of pairs of tokens. Received: {merges!r:.80}")
    pairs = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in merges]
    wrong = [pair for pair in pairs if len(pair) != 2 or not all(isinstance(token, str) and token for token in pair)]
    if wrong:
        raise ValueError(f'merges must be pairs of tokens, such as "Ġ t". Received: {wrong[:_SHOWN]}')
    missing = [pair for pair in pairs if not {pair[0], pair[1], "".join(pair)} <= ids.keys()]
    if missing:
        raise ValueError(
            "vocabulary must hold the tokens of all merges and what they make. "
            f"Received: {len(missing)} merges of other tokens, such as {missing[:_SHOWN]}"
        )
    if len(set(pairs)) != len(pairs):
        raise ValueError(f"merges must hold each pair once. Received: {len(pairs) - len(set(pairs))} pairs again")
    return pairs  # type: ignore[return-value]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class BytePairTokenizer(PieceTokenizer, keras.layers.Layer):
    """Texts -> ids of byte pairs, as RoBERTa has them: case, accents and white space stay, and no text is unknown.

    Args:
        vocabulary: list of tokens, place = id; bytes written as in GPT-2 ("Ġ" is the blank).
        merges: pairs of tokens that become one, in the order in which they are merged; "Ġ t" or ("Ġ", "t").
        special_tokens: spelling of the roles "pad", "unk", "cls", "sep", "mask", where it is not RoBERTa's: <pad>, <unk>, <s>,
            </s>, <mask>.
        add_prefix_space: put a blank before texts that do not begin with one, so that their first word is a word like others.
        added_tokens: tokens that are kept whole wherever they stand in a text, strings or AddedTokens; those that are not in
            the vocabulary get the ids after it.

    Call arguments:
        texts: whatever `as_text_tensor` takes.

    Returns:
        Ragged int32 (B, tokens), without <s> and </s>: those are added by `Preprocessor`.

    Raises:
        ValueError: a vocabulary with duplicates or without a special token; merges of tokens that it lacks.

    The tokens are those of the `tokenizers` library (ByteLevel, BPE), also in a graph and in a saved model. Bytes that the
    vocabulary lacks are dropped.

    Reference: Sennrich et al. 2016; Radford et al. 2019; Liu et al. 2019, "RoBERTa".

    Example:
        >>> tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b", "Ġ", "ab", "Ġa"]
        >>> BytePairTokenizer(tokens, ["a b", "Ġ a"])(["ab a b"]).to_list()
        [[8, 9, 7, 6]]
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Sequence[str | Sequence[str]],
        special_tokens: Mapping[str, str] | None = None,
        add_prefix_space: bool = False,
        added_tokens: Iterable[str | Mapping[str, Any] | AddedToken] = (),
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._set_up()
        spellings = _SPELLINGS | dict(special_tokens or {})
        self.vocabulary = Vocabulary(vocabulary, spellings, pieces="byte_level", added_tokens=added_tokens)
        trained = self.vocabulary.tokens[: self.vocabulary.trained]
        self.merges = tuple(_pairs(merges, {token: place for place, token in enumerate(trained)}))
        self.add_prefix_space = add_prefix_space

    def _new_ops(self) -> BytePairOps:
        return BytePairOps(self.vocabulary, self.merges, self.add_prefix_space)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self.vocabulary.tokens[: self.vocabulary.trained],
            "merges": [" ".join(pair) for pair in self.merges],
            "add_prefix_space": self.add_prefix_space,
            **self._vocabulary_config(),
        }
