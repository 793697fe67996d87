"""Every settings dataclass of the package: frozen, keyword-only, plain data."""

from __future__ import annotations

import dataclasses
import difflib
import math
import pathlib
import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Literal

__all__ = [
    "ArchitectureConfig",
    "EncoderConfig",
    "MaskingConfig",
    "OptimizerConfig",
    "ProcessesConfig",
    "VocabularyConfig",
    "check_integer",
    "check_share",
]

# Sizes of google-research/bert's README ("Smaller BERT Models") and of Devlin et al. 2018, section 3:
# layers, hidden size, heads. The feed-forward part is always four times as wide as the hidden state.
_BERT_SIZES = {
    "bert_tiny": (2, 128, 2),
    "bert_mini": (4, 256, 4),
    "bert_small": (4, 512, 8),
    "bert_medium": (8, 512, 8),
    "bert_base": (12, 768, 12),
    "bert_large": (24, 1024, 16),
}

ACTIVATIONS = ("gelu", "gelu_tanh", "relu")

MASKING_UNITS = ("token", "word", "ngram", "span")

SCHEDULES = ("linear", "cosine", "one_cycle", "triangular", "constant")
"""Names of `OptimizerConfig.schedule`."""


def _nearest(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _refuse_unknown(kind: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"{kind} has no setting {name!r}.{_nearest(name, known)} Known settings: {sorted(known)}")


def check_integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> None:
    """Refuse what is no integer of at least `minimum`, and at most `maximum`.

    Example:
        >>> check_integer("batch_size", 0, 1)
        Traceback (most recent call last):
        ValueError: batch_size must be an integer of at least 1. Received: batch_size=0
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum or (maximum is not None and value > maximum):
        rule = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be an integer {rule}. Received: {name}={value!r}")


def check_share(name: str, value: Any) -> None:
    """Refuse what is no number of at least 0 and below 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number of at least 0 and below 1. Received: {name}={value!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The BERT family as data: what kind of encoder, how large.

    Args:
        vocab_size: V, number of token ids.
        hidden_size: H, width of the hidden state; a multiple of `num_heads`.
        num_layers: L, number of encoder blocks.
        num_heads: N, attention heads in a block.
        intermediate_size: F, width inside the feed-forward part.
        max_positions: longest sequence, in tokens.
        type_vocab_size: number of segment ids; 0 = no segment embedding (DistilBERT).
        embedding_size: width of the token embedding where it differs from H (ALBERT, ELECTRA); None = H.
        activation: of the feed-forward part: "gelu" (exact), "gelu_tanh" (the original TensorFlow code) or "relu".
        layer_norm_eps: added to the variance in layer normalisation; 1e-12 in the released BERT checkpoints.
        dropout: share of hidden states set to 0 in training.
        attention_dropout: share of attention weights set to 0 in training.
        norm_first: normalise before each part of a block (pre-norm) instead of after it.
        share_layers: all blocks share one set of weights (ALBERT).
        position_offset: added to every position (RoBERTa: 2).
        pad_id: id of the padding token.
        pooler: whether a dense + tanh layer makes `pooled_output` from the first state.
        initializer_range: standard deviation of the truncated normal that weights start from.

    Raises:
        ValueError: an impossible value, or an unknown setting or preset.

    Reference: Devlin et al. 2018, "BERT", section 3; sizes as in google-research/bert.

    Example:
        >>> EncoderConfig.preset("bert_mini", vocab_size=8192).hidden_size
        256
    """

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    max_positions: int = 512
    type_vocab_size: int = 2
    embedding_size: int | None = None
    activation: str = "gelu"
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1
    attention_dropout: float = 0.1
    norm_first: bool = False
    share_layers: bool = False
    position_offset: int = 0
    pad_id: int = 0
    pooler: bool = True
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "num_layers", "num_heads", "intermediate_size", "max_positions"):
            check_integer(name, getattr(self, name), 1)
        for name in ("type_vocab_size", "position_offset", "pad_id"):
            check_integer(name, getattr(self, name), 0)
        if self.embedding_size is not None:
            check_integer("embedding_size", self.embedding_size, 1)
        if self.hidden_size % self.num_heads:
            raise ValueError(
                "hidden_size must be divisible by num_heads. "
                f"Received: hidden_size={self.hidden_size}, num_heads={self.num_heads}"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {list(ACTIVATIONS)}. Received: activation={self.activation!r}")
        if self.pad_id >= self.vocab_size:
            raise ValueError(f"pad_id must be below vocab_size. Received: pad_id={self.pad_id}, vocab_size={self.vocab_size}")
        for name in ("layer_norm_eps", "initializer_range"):
            value = getattr(self, name)  # YAML reads 1e-12 as a text: it must be 1.0e-12 there
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"{name} must be a finite number above 0. Received: {name}={value!r}")
        check_share("dropout", self.dropout)
        check_share("attention_dropout", self.attention_dropout)

    @property
    def head_size(self) -> int:
        """D, width of one attention head: hidden_size / num_heads."""
        return self.hidden_size // self.num_heads

    @classmethod
    def preset(cls, name: str, **changes: Any) -> EncoderConfig:
        """One of the released BERT sizes (vocabulary 30,522), with any setting changed.

        Args:
            name: "bert_tiny", "bert_mini", "bert_small", "bert_medium", "bert_base" or "bert_large".
            **changes: settings to change, e.g. `vocab_size=8192`.
        """
        if name not in _BERT_SIZES:
            known = tuple(_BERT_SIZES)
            raise ValueError(f"Unknown preset {name!r}.{_nearest(name, known)} Known presets: {list(known)}")
        num_layers, hidden_size, num_heads = _BERT_SIZES[name]
        settings: dict[str, Any] = {
            "vocab_size": 30522,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_size": 4 * hidden_size,
        }
        return cls.from_dict(settings | changes)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> EncoderConfig:
        """The config with these settings; an unknown one is refused."""
        _refuse_unknown("EncoderConfig", settings, tuple(field.name for field in dataclasses.fields(cls)))
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain data, for `from_dict`."""
        return dataclasses.asdict(self)

    def replace(self, **changes: Any) -> EncoderConfig:
        """A copy with some settings changed."""
        return self.from_dict(self.to_dict() | changes)


def _checked_phrases(phrases: Any) -> tuple[tuple[int, ...], ...]:
    """The phrases as tuples, whatever sequences they were."""
    rule = "phrases must be a list of lists of token ids, e.g. [[17, 23], [5, 7, 11]]."
    if isinstance(phrases, (str, bytes)) or not isinstance(phrases, Iterable):
        raise ValueError(f"{rule} Received: phrases={phrases!r:.100}")
    found = []
    for phrase in phrases:
        if isinstance(phrase, (str, bytes)) or not isinstance(phrase, Iterable):
            raise ValueError(f"{rule} Received among them: {phrase!r:.100}")
        tokens = tuple(phrase)
        if not tokens or not all(
            isinstance(token, Integral) and not isinstance(token, bool) and int(token) >= 0 for token in tokens
        ):
            raise ValueError(f"{rule} Received among them: {tokens!r:.100}")
        found.append(tuple(map(int, tokens)))
    return tuple(found)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """How tokens are masked for the masked language model.

    Args:
        rate: share of a text's tokens that the model must predict.
        mask_share: share of those that become [MASK].
        random_share: share of those that become another, random token; the rest stays as it is.
        unit: what is chosen together: "token"; "word", all pieces of a whole word; "ngram", 1 to 3 whole words, n of them with
            probability ~ 1/n; "span", 1 to 10 whole words, their number geometric (p = 0.2), all of which become [MASK], or
            random tokens, or stay, together.
        phrases: token ids of phrases or names. One that occurs in a text, the longest at each place, counts as one word: it is
            chosen and replaced as a whole, or, with unit "ngram" or "span", is part of one.
        dynamic: choose anew in each epoch; False = the same tokens, and the same pairs of texts, in all epochs.

    Raises:
        ValueError: a share is outside 0..1, the two shares exceed 1 together, an unknown unit, or an impossible phrase.

    Reference: Devlin et al. 2018, "BERT", section 3.1, task 1 (15 %, 80/10/10); words: google-research/bert, 2019; n-grams:
        Lan et al. 2019, "ALBERT", section 3.1; spans: Joshi et al. 2019, "SpanBERT", section 3.1; phrases: Sun et al. 2019,
        "ERNIE", section 3.2; dynamic: Liu et al. 2019, "RoBERTa", section 4.1.

    Example:
        >>> MaskingConfig(unit="span", phrases=[[17, 23], [5, 7, 11]]).phrases
        ((17, 23), (5, 7, 11))
    """

    rate: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1
    unit: Literal["token", "word", "ngram", "span"] = "token"
    phrases: tuple[tuple[int, ...], ...] = ()
    dynamic: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.rate, bool) or not isinstance(self.rate, (int, float)) or not 0 < self.rate < 1:
            raise ValueError(f"rate must be a number above 0 and below 1. Received: rate={self.rate!r}")
        shares = (self.mask_share, self.random_share)
        numbers = all(isinstance(share, (int, float)) and not isinstance(share, bool) for share in shares)
        if not numbers or not (self.mask_share >= 0 and self.random_share >= 0 and sum(shares) <= 1):
            raise ValueError(
                "mask_share and random_share must be at least 0 and together at most 1. "
                f"Received: mask_share={self.mask_share!r}, random_share={self.random_share!r}"
            )
        if self.unit not in MASKING_UNITS:
            raise ValueError(f"unit must be one of {list(MASKING_UNITS)}. Received: unit={self.unit!r}")
        if not isinstance(self.dynamic, bool):
            raise ValueError(f"dynamic must be True or False. Received: dynamic={self.dynamic!r}")
        object.__setattr__(self, "phrases", _checked_phrases(self.phrases))


@dataclasses.dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """How a vocabulary is learned from a corpus.

    Args:
        kind: "wordpiece" (pieces of words) or "words" (whole words; rare ones become [UNK]).
        size: V, number of tokens, special tokens included.
        lowercase: lower the case and strip accents (WordPiece), or lower the case and strip punctuation (words).
        file: a vocab.txt to use instead of learning one (WordPiece only); size is then that of the file.

    Raises:
        ValueError: an unknown kind, or a size that leaves no room for words.
    """

    kind: Literal["wordpiece", "words"] = "wordpiece"
    size: int = 8192
    lowercase: bool = True
    file: pathlib.Path | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("wordpiece", "words"):
            raise ValueError(f"kind must be 'wordpiece' or 'words'. Received: kind={self.kind!r}")
        check_integer("size", self.size, 6)
        if self.file is not None and self.kind != "wordpiece":
            raise ValueError(f"file is for kind='wordpiece'. Received: kind={self.kind!r}, file={str(self.file)!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArchitectureConfig:
    """Size and shape of a new encoder: a preset, and what differs from it.

    Args:
        preset: one of the released BERT sizes, "bert_tiny" (2 x 128) to "bert_large" (24 x 1024).
        num_layers: L, number of encoder blocks.
        hidden_size: H, width of the hidden state.
        num_heads: N; where only `hidden_size` is given, one for every 64 of it or more.
        intermediate_size: F; where only `hidden_size` is given, four times it.
        dropout: share of hidden states and attention weights set to 0 in pretraining; None = the recipe chooses it, or 0.
        activation: "gelu", "gelu_tanh" or "relu".
        norm_first: normalise before each part of a block instead of after it.
        initializer_range: standard deviation of the weights at the start; 0.02 as in BERT. A small encoder learns sooner from
            larger ones (0.05 for H = 128).

    Raises:
        ValueError: see `EncoderConfig`.
    """

    preset: str = "bert_mini"
    num_layers: int | None = None
    hidden_size: int | None = None
    num_heads: int | None = None
    intermediate_size: int | None = None
    dropout: float | None = None
    activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu"
    norm_first: bool = False
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        if self.hidden_size is not None:
            check_integer("hidden_size", self.hidden_size, 1)
        self.encoder_config(vocab_size=1, max_positions=1)

    def encoder_config(self, *, vocab_size: int, max_positions: int, pad_id: int = 0) -> EncoderConfig:
        """The whole config, now that the vocabulary is known."""
        changes: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("num_layers", "hidden_size", "num_heads", "intermediate_size")
            if getattr(self, name) is not None
        }
        if self.hidden_size is not None:
            heads = max(count for count in range(1, max(1, self.hidden_size // 64) + 1) if self.hidden_size % count == 0)
            changes = {"num_heads": heads, "intermediate_size": 4 * self.hidden_size} | changes
        return EncoderConfig.preset(
            self.preset,
            vocab_size=vocab_size,
            max_positions=max_positions,
            pad_id=pad_id,
            dropout=self.dropout or 0.0,
            attention_dropout=self.dropout or 0.0,
            activation=self.activation,
            norm_first=self.norm_first,
            initializer_range=self.initializer_range,
            **changes,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW and its learning rate over the steps of a training.

    Args:
        learning_rate: the highest one; None = the recipe chooses it.
        schedule: "linear" or "cosine": up from 0 in a straight line, then down to 0; "one_cycle": from a tenth of the highest
            rate up to it, and down to nearly 0; "triangular": up and down in each epoch; "constant".
        warmup: of "linear" and "cosine": share of all steps in which the rate rises; None = the recipe chooses it.
        layer_decay: the rate falls by this factor from block to block, from the head down to the embeddings; None = the same
            for all.
        weight_decay: per step and relative to the learning rate; biases and norms are left out.
        clip_norm: longest allowed gradient, over all weights together.

    Raises:
        ValueError: a value out of range.
    """

    learning_rate: float | None = 1e-4
    schedule: Literal["linear", "cosine", "one_cycle", "triangular", "constant"] = "linear"
    warmup: float | None = 0.1
    layer_decay: float | None = None
    weight_decay: float = 0.01
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {list(SCHEDULES)}. Received: schedule={self.schedule!r}")
        if self.warmup is not None:
            check_share("warmup", self.warmup)
        if self.layer_decay is not None and not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, or None. Received: layer_decay={self.layer_decay!r}")
        check_share("weight_decay", self.weight_decay)
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if value is None and name == "learning_rate":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"{name} must be a finite number above 0. Received: {name}={value!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessesConfig:
    """Which of several processes this one is; what is left open is read from the environment.

    Args:
        address: HOST:PORT at which process 0 waits for the others; the port must be free there.
        count: how many processes train together; 1 = this one stands alone, whatever the environment says.
        number: of this process, from 0; process 0 writes the files and shows the progress.

    Raises:
        ValueError: a number out of range, or an address without a port.
    """

    address: str | None = None
    count: int | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        if self.count is not None:
            check_integer("count", self.count, 1)
        if self.number is not None:
            check_integer("number", self.number, 0, None if self.count is None else self.count - 1)
        if self.address is not None and not re.fullmatch(r".+:[0-9]+", self.address):
            raise ValueError(f"address must be HOST:PORT. Received: address={self.address!r}")
