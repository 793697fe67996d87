"""Cleaning of texts as a Keras layer, so that it goes with the model wherever the model goes."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.cleaning_steps import PATTERNS, STEPS, replaced
from keras_bert_lab.text.text_tensor import as_text_tensor

__all__ = ["TextCleaner"]

tf = LazyModule("tensorflow")


def _checked_pair(pattern: str, replacement: str) -> None:
    """Refuse what RE2 cannot read; in a model it would fail, or do nothing, without a word.

    Raises:
        ValueError: a pattern that is none, or a replacement that names a group that is not there.
    """
    with tf.init_scope():
        try:
            tf.strings.regex_replace("", pattern, "")
            # The pattern, or nothing, is found in an empty text once: what comes out shows whether the replacement can be read.
            found = tf.strings.regex_replace("", f"(?:{pattern})?", f"{replacement}.").numpy()
        except tf.errors.InvalidArgumentError as error:
            reason = str(error.message).partition("error: ")[2].partition(" [Op:")[0]
            raise ValueError(
                f"A pattern must be a regular expression of RE2 (no look-around, no back-references). Received: {pattern!r} "
                f"({reason})"
            ) from None
    if not found:
        raise ValueError(
            r"A replacement may hold \0 (the match), \1 ... \9 (its groups, if the pattern has them) and \\ (a backslash). "
            f"Received: {replacement!r} for the pattern {pattern!r}"
        )


def _checked(step: Any) -> str | list[str]:
    if isinstance(step, str):
        if step not in STEPS:
            raise ValueError(f"A step must be one of {list(STEPS)} or a (pattern, replacement) of RE2. Received: step={step!r}")
        return step
    if not isinstance(step, (tuple, list)) or len(step) != 2 or not all(isinstance(part, str) for part in step):
        raise TypeError(f"A step must be a name, one of {list(STEPS)}, or a (pattern, replacement) of RE2. Received: {step!r}")
    _checked_pair(*step)
    return list(step)


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class TextCleaner(keras.layers.Layer):
    r"""Texts -> texts that are cleaned in named steps, one after the other, all of them TensorFlow ops.

    Args:
        steps: names of steps, and (pattern, replacement) pairs of regular expressions in the syntax of RE2, in the order in
            which they are done:

            "html": line breaks and tags of blocks become a blank, other tags and comments go, entities (`&amp;`, `&#39;`) are
                resolved;
            "urls", "emails", "mentions" (`@name`), "numbers" (`1,000.5`), "punctuation" (as BERT has it): become a blank;
            "repeats": more than two of the same character, but digits and blanks, become two ("soooo" -> "soo");
            "lowercase", "accents" (as BERT's uncased models have them);
            "whitespace": runs of white space become one blank, none are left around.

    Call arguments:
        texts: whatever `as_text_tensor` takes, or a symbolic string input.

    Returns:
        String tensor (B,).

    Attributes:
        PATTERNS: what "urls", "emails", "mentions", "numbers" and "punctuation" look for: for something else than a blank in
            their place, give (TextCleaner.PATTERNS["urls"], "some word").

    Raises:
        TypeError: steps that are no list, or a step that is no name and no pair.
        ValueError: no step, an unknown one, a pattern that is not RE2's, or a replacement with a group that is not there.
        DataError: a text that is no string.

    Reference: github.com/google/re2/wiki/Syntax.

    Example:
        >>> clean = TextCleaner(["html", "urls", (r"(\d+) ?km\b", r"\1 kilometres"), "repeats", "whitespace"])
        >>> clean(["Soooo far:<br/><br/>100km &amp; more,   see www.example.org"]).numpy()[0].decode()
        'Soo far: 100 kilometres & more, see'
    """

    PATTERNS: ClassVar[Mapping[str, str]] = types.MappingProxyType(PATTERNS)

    def __init__(self, steps: Sequence[str | tuple[str, str]], name: str | None = "text_cleaner", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        # On other backends it stands before the compiled step, never in it.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        if not isinstance(steps, (list, tuple)):
            raise TypeError(f"steps must be a list of steps. Received: steps={steps!r}")
        if not steps:
            raise ValueError(f"steps must hold at least one of {list(STEPS)}. Received: steps={steps!r}")
        self.steps = [_checked(step) for step in steps]
        self.built = True

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras takes tensors only: lists, Series and arrays become tensors before it sees them.
        column = as_text_tensor(texts)
        if keras.backend.backend() == "tensorflow" or isinstance(column, keras.KerasTensor):
            return super().__call__(column, *args, **kwargs)
        return self.clean(column)  # other backends have no strings

    def clean(self, texts: Any) -> Any:
        """String tensor (B,) -> string tensor (B,)."""
        for step in self.steps:
            texts = STEPS[step](texts) if isinstance(step, str) else replaced(texts, *step)
        return texts

    def call(self, texts: Any) -> Any:
        return self.clean(as_text_tensor(texts))

    def compute_output_spec(self, texts: Any) -> keras.KerasTensor:
        return keras.KerasTensor((texts.shape[0],), dtype="string")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"steps": [step if isinstance(step, str) else list(step) for step in self.steps]}
