"""Kinds of problems of texts, one by one and beside others."""

from __future__ import annotations

from keras_bert_lab.data.table_checks.problem_kind import ProblemKind

__all__ = ["TEXT_KINDS"]

_NOISE = "Marks that mean nothing take the place of words: {share} of the texts carry them."
_EMPTY_OF_WORDS = "{share} of the texts tell nothing about their label, and the model learns to guess by them."

TEXT_KINDS = {
    # repeated rows
    "shared_texts": ProblemKind(
        "misleads",
        "texts that are in training, too",
        "Up to {share} of this part measures memory.",
        "Remove them from one of the two.",
    ),
    "shared_near_duplicates": ProblemKind(
        "misleads",
        "texts that are almost the same in training",
        "Up to {share} of this part measures memory.",
        "Remove them from one of the two.",
    ),
    "conflicting_labels": ProblemKind(
        "costs",
        "the same text with different labels",
        "No model can be right in all of these rows ({share}).",
        "Decide for one label, or drop them.",
    ),
    "conflicting_parts": ProblemKind(
        "misleads",
        "the same text as in training with another label",
        "The model has learned that these rows ({share}) have another label.",
        "Decide for one label.",
    ),
    "duplicate_texts": ProblemKind(
        "costs",
        "texts that occur twice or more",
        "They count more than others, and a random validation split ({share} of the rows) sees texts that were learned.",
        "Keep one of each.",
        weight=0.5,
    ),
    "near_duplicates": ProblemKind(
        "look",
        "texts that are almost the same",
        "As duplicates, in {share} of the rows.",
        "Keep one of each, if they come from one source.",
        weight=0.3,
    ),
    # texts
    "truncated": ProblemKind(
        "costs",
        "texts longer than the model reads",
        "Of {share} of the texts only a part is read.",
        "Give a larger max_length, cut the middle (--truncate head_tail), or split long texts.",
        weight=0.5,
    ),
    "unknown_tokens": ProblemKind(
        "costs",
        "texts with many unknown tokens",
        "The model sees [UNK] in place of words in {share} of the texts.",
        "Take an encoder whose vocabulary fits the language, or clean the texts.",
    ),
    "html_tags": ProblemKind(
        "costs", "HTML tags", _NOISE, "Replace them by a blank, in training and prediction alike.", weight=0.1
    ),
    "html_entities": ProblemKind(
        "costs", "HTML entities", _NOISE, "html.unescape(text), in training and prediction alike.", weight=0.1
    ),
    "mojibake": ProblemKind(
        "costs",
        "characters read in the wrong encoding",
        _NOISE,
        "Read the original as UTF-8: text.encode('cp1252').decode('utf-8').",
        weight=0.5,
    ),
    "windows_characters": ProblemKind(
        "look",
        "Windows quotes and dashes as control characters",
        "Tokenizers delete them: {share} of the texts lose quotes, dashes or dots.",
        "text.encode('latin-1').decode('cp1252') of the parts concerned.",
        weight=0.2,
    ),
    "replacement_characters": ProblemKind(
        "costs",
        "replacement characters (U+FFFD)",
        "What stood there is lost, in {share} of the texts.",
        "Read the original in its encoding.",
        weight=0.5,
    ),
    "control_characters": ProblemKind("costs", "control characters", _NOISE, "Remove them.", weight=0.2),
    "invisible_characters": ProblemKind(
        "costs",
        "invisible characters",
        "They cut words into pieces that nobody sees, in {share} of the texts.",
        "Remove them.",
        weight=0.5,
    ),
    "escaped_characters": ProblemKind(
        "costs", "escapes as text (\\n, \\u00e9)", _NOISE, "Undo the escapes where the file was made.", weight=0.2
    ),
    "bytes_as_text": ProblemKind(
        "costs", "Python bytes as text (b'...')", _NOISE, "Decode them where the file was made: value.decode()."
    ),
    "formula_texts": ProblemKind("costs", "formulas as text", _EMPTY_OF_WORDS, "Store the value in place of the formula."),
    "header_repeated": ProblemKind(
        "costs",
        "the header again, as a row",
        "A class that is none.",
        "Remove these rows: files were joined with their headers.",
    ),
    "placeholders": ProblemKind("costs", "placeholders as text", _EMPTY_OF_WORDS, "Find the text, or drop these rows."),
    "only_url": ProblemKind("costs", "nothing but an address", _EMPTY_OF_WORDS, "Fetch what it points to, or drop these rows."),
    "only_number": ProblemKind(
        "costs", "nothing but numbers", _EMPTY_OF_WORDS, "Drop these rows, or name another text column."
    ),
    "only_punctuation": ProblemKind("costs", "no letter and no digit", _EMPTY_OF_WORDS, "Drop these rows."),
    "other_script": ProblemKind(
        "costs",
        "texts in another script than most",
        "{share} of the texts are in a script that the model hardly knows.",
        "Drop them, or take a multilingual encoder.",
    ),
    "mixed_scripts": ProblemKind(
        "look",
        "several scripts",
        "An encoder of one language reads the others as [UNK] or as single letters.",
        "Take a multilingual encoder.",
    ),
    "mixed_letters": ProblemKind(
        "costs",
        "words that mix letters of several scripts",
        "They look like known words and are none, in {share} of the texts.",
        "Replace the foreign letters by those they look like.",
    ),
    "same_in_both": ProblemKind(
        "costs", "the same text twice in a pair", "A pair of equal texts teaches nothing.", "Check how the pairs were made."
    ),
    "very_short": ProblemKind(
        "look", "very short texts among long ones", "Hardly anything to judge by, in {share} of the texts.", "Look at them."
    ),
    "very_long": ProblemKind(
        "look",
        "extremely long texts",
        "They may be several texts in one, and all but their beginning is cut off.",
        "Look at them.",
    ),
    "long_words": ProblemKind(
        "look", "words of more than 100 characters", "WordPiece makes each one [UNK].", "Look at them: blanks may be missing."
    ),
    "cut_texts": ProblemKind(
        "costs",
        "many texts of exactly the greatest length",
        "They were cut off when they were stored ({share} of the texts).",
        "Export them again without the limit.",
    ),
    "few_rows": ProblemKind("look", "few rows", "Figures on so few rows are mostly chance.", "Label more texts.", weight=0.5),
}
