"""vocab.txt -> a preprocessor, for the sources that keep the case and the accents elsewhere."""

from __future__ import annotations

import pathlib
import re
import unicodedata
from collections.abc import Sequence

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import DataError, FormatError
from keras_bert_lab.formats.tensor_files import regular_file
from keras_bert_lab.text import Preprocessor, WordPieceTokenizer
from keras_bert_lab.text.vocabulary import read_vocabulary

__all__ = ["case_of_names", "is_lowercase", "read_tokens", "wordpiece_preprocessor"]

_LARGEST = 64 * 2**20
# Released with the original code, lower-cased, without saying so in the name: see validate_case_matches_checkpoint there.
_LOWERCASE_NAMES = ("chinese_L-12_H-768_A-12", "multilingual_L-12_H-768_A-12")


def read_tokens(path: pathlib.Path) -> list[str]:
    """The tokens of a vocab.txt.

    Raises:
        FormatError: the file is missing, too large, empty or not UTF-8.
    """
    size = regular_file(path).stat().st_size
    if size > _LARGEST:
        raise FormatError(f"{path} must be at most {_LARGEST} bytes long. Received: {size} bytes")
    try:
        return read_vocabulary(path)
    except DataError as error:
        raise FormatError(f"{error} Copy or download it again.") from error


def wordpiece_preprocessor(
    path: pathlib.Path,
    sequence_length: int | None,
    lowercase: bool,
    strip_accents: bool | None = None,
    config: EncoderConfig | None = None,
) -> Preprocessor:
    """The preprocessor of a vocab.txt.

    Args:
        path: the file.
        sequence_length: as in `Preprocessor`.
        lowercase, strip_accents: as in `WordPieceTokenizer`.
        config: of the encoder that it belongs to, if any.

    Raises:
        FormatError: a damaged file, or one that does not belong to the encoder.
    """
    tokens = read_tokens(path)
    if config is not None and len(tokens) > config.vocab_size:
        raise FormatError(
            f"{path} must have at most as many tokens as the encoder's table has rows, {config.vocab_size}. "
            f"Received: {len(tokens)} tokens. It belongs to another model."
        )
    try:
        tokenizer = WordPieceTokenizer(tokens, lowercase=lowercase, strip_accents=strip_accents)
    except ValueError as error:
        raise FormatError(f"{path} is no vocabulary of a BERT: {error}") from error
    longest = 512 if config is None else max(4, config.max_positions)
    return Preprocessor(tokenizer, sequence_length=sequence_length, max_length=longest)


def case_of_names(names: Sequence[str]) -> bool | None:
    """Whether the names of files and folders say "uncased" (True) or "cased" (False); None where they do not.

    Example:
        >>> case_of_names(["uncased_L-12_H-768_A-12"]), case_of_names(["multi_cased_L-12"]), case_of_names(["model"])
        (True, False, None)
    """
    words = {word for name in names for word in re.split("[^a-z]+", name.lower())}
    uncased = "uncased" in words or any(name in _LOWERCASE_NAMES for name in names)
    cased = "cased" in words
    return uncased if uncased != cased else None


def is_lowercase(tokens: Sequence[str], names: Sequence[str], where: pathlib.Path) -> bool:
    """Whether texts are lower-cased, and their accents taken away, before this vocabulary is looked up.

    A name that says so is believed unless the vocabulary contradicts it. Else the vocabulary decides: pieces with an upper-case
    letter could never be found in lower-cased texts, so it is a cased one; without a single one, upper-case letters would
    all be unknown, so it is an uncased one.

    Args:
        tokens: the vocabulary.
        names: of the folder and the files.
        where: the vocabulary's file, for errors.

    Raises:
        FormatError: the name and the vocabulary contradict each other, or the vocabulary keeps accents but no upper case.

    Example:
        >>> is_lowercase(["[PAD]", "the", "##s"], ["my_model"], pathlib.Path("vocab.txt"))
        True
    """
    pieces = [token for token in tokens if not (token.startswith("[") and token.endswith("]"))]
    upper = [piece for piece in pieces if piece != piece.lower()]
    named = case_of_names(names)
    if named is False and not upper:
        raise FormatError(f"{where} has no token with an upper-case letter, but the name says cased. Received: {list(names)}")
    # Vocabularies hold every letter of their corpus; users add single words of their own.
    if named is True and {chr(code) for code in range(ord("A"), ord("Z") + 1)} <= set(pieces):
        raise FormatError(f"{where} has all upper-case letters, but the name says uncased. Received: {list(names)}")
    if named is not None:
        return named
    signs = {sign for piece in pieces for sign in unicodedata.normalize("NFD", piece)}
    if not upper and any(unicodedata.category(sign) == "Mn" for sign in signs):
        raise FormatError(
            f"{where} has accents but no upper-case letters: it does not show whether accents are taken away from texts. "
            "Make the tokenizer yourself: WordPieceTokenizer.from_file(path, lowercase=True, strip_accents=...)."
        )
    return not upper
