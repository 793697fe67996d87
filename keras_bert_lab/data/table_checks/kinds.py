"""The kinds of problems that a table can have: how grave each is, what it costs, and the cure."""

from __future__ import annotations

import dataclasses

__all__ = ["KINDS", "SEVERITIES", "ProblemKind"]

SEVERITIES = {
    "stops": "training or evaluation stops, or means nothing",
    "misleads": "figures would say something that is not so",
    "costs": "the model would be worse than it could be",
    "look": "may be as it should: look at it",
}
"""From grave to harmless; problems are ordered by it."""


@dataclasses.dataclass(frozen=True)
class ProblemKind:
    """What all problems of one kind have in common.

    Attributes:
        severity: one of `SEVERITIES`.
        title: what it is, in a few words.
        cost: what it would cost; may hold {share}, the share of rows.
        cure: what to do about it.
    """

    severity: str
    title: str
    cost: str
    cure: str


_REFUSED = "Training refuses the table; with drop_unusable=True {share} of the rows are left out."
_FILL = "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
_UNREAD = "What cannot be read is missing from training, or the whole file is refused."
_NOISE = "Marks that mean nothing take the place of words: {share} of the texts carry them."
_EMPTY_OF_WORDS = "{share} of the texts tell nothing about their label, and the model learns to guess by them."
_LABELS = "The model learns classes that are none, and their rows ({share}) are missing from the right ones."

KINDS = {
    # files
    "unreadable_file": ProblemKind("stops", "file that cannot be read", "Nothing of it can be used.", "Repair or replace the file."),
    "damaged_file": ProblemKind("stops", "damaged file", _UNREAD, "Copy or download the file again."),
    "no_rows": ProblemKind("stops", "no row below the header", "There is nothing to learn from.", "Give the right file or sheet."),
    "wrong_encoding": ProblemKind(
        "stops", "bytes that are no text in this encoding", _UNREAD, "Save the file as UTF-8, or pass its encoding= (--encoding)."
    ),
    "too_many_fields": ProblemKind(
        "stops",
        "rows with more fields than the header",
        _UNREAD,
        "Put double quotes around texts that hold the separator, and double the quotes inside.",
    ),
    "unclosed_quote": ProblemKind(
        "stops", "double quote that is never closed", "The rest of the file becomes one text.", "Close it, double it, or remove it."
    ),
    "swallowed_rows": ProblemKind(
        "stops",
        "rows inside a text",
        "A stray double quote made several rows one: their labels are lost and become text.",
        "Double the quotes inside of texts, and close each.",
    ),
    "broken_json": ProblemKind("stops", "lines that are no JSON object", _UNREAD, 'Each line must be one object such as {"text": "..."}.'),
    "wrong_separator": ProblemKind(
        "stops", "another separator", "The file is refused: all columns look like one.", "Pass separator= (--separator)."
    ),
    "missing_column": ProblemKind("stops", "column that is not there", "The file is refused.", "Name the column, or rename it in the file."),
    "double_column": ProblemKind("stops", "column that is there twice", "The file is refused.", "Rename all but one."),
    "no_header": ProblemKind(
        "stops", "first row that is data, not names", "Its example is lost, and columns have no names.", "Add a row of names."
    ),
    # cells
    "missing_text": ProblemKind("stops", "missing texts", _REFUSED, _FILL),
    "empty_text": ProblemKind("stops", "empty texts (white space alone counts as empty)", _REFUSED, _FILL),
    "text_not_text": ProblemKind("stops", "texts that are numbers or other values", _REFUSED, "Write them as text, or drop their rows."),
    "invalid_unicode": ProblemKind(
        "stops", "texts with half a character (lone surrogate)", _REFUSED, 'Repair: text.encode("utf-8", "replace").decode().'
    ),
    "formula_without_result": ProblemKind(
        "stops", "formulas without a stored result", _REFUSED, "Open and save the file in Excel, or store values."
    ),
    "missing_label": ProblemKind("stops", "missing labels", _REFUSED, _FILL),
    "label_not_single": ProblemKind("stops", "labels that are lists or objects", _REFUSED, "Give each row one label."),
    "label_not_number": ProblemKind("stops", "labels that are no finite numbers", _REFUSED, "Correct these numbers, or drop their rows."),
    # labels
    "one_class": ProblemKind("stops", "one class only", "There is nothing to tell apart.", "Add texts of another class, or name another column."),
    "constant_number": ProblemKind("stops", "the same number in all rows", "There is nothing to predict.", "Name another label column."),
    "class_only_in_test": ProblemKind(
        "stops", "labels that the training table does not have", "Evaluation refuses them: no model can answer so.",
        "Correct the label, drop the rows, or add such texts to training.",
    ),
    "label_variants": ProblemKind(
        "stops", "one label in several spellings", "Training refuses them; kept apart, the model learns one class as several.",
        "Give them one spelling; keep_similar_labels=True (--keep_similar_labels) if they are different.",
    ),
    "label_numbers": ProblemKind(
        "costs", "one number in several spellings", "The model learns one class as several ({share} of the rows).",
        "Write each number in one way, such as 1 and not 1.0.",
    ),
    "label_typos": ProblemKind("costs", "labels that look misspelt", _LABELS, "Correct them, if they mean the same."),
    "label_types": ProblemKind(
        "costs", "labels of mixed types", "Labels become text: 1, True and 'yes' are three classes.", "Write all labels in the same way."
    ),
    "label_placeholders": ProblemKind("costs", "placeholders as labels", _LABELS, "Find the label, or drop these rows."),
    "labels_like_numbers": ProblemKind(
        "costs", "labels that are numbers with many values", "As classes most have hardly a row, and near values are as wrong as far ones.",
        'Predict numbers: label_type="number" here, kind="regression" (--kind regression) in training.',
    ),
    "labels_nearly_unique": ProblemKind(
        "stops", "almost as many labels as rows", "A class of one row cannot be learned.", "Name another label column."
    ),
    "columns_swapped": ProblemKind(
        "stops", "labels longer than the texts", "The model would predict texts from labels.", "Exchange text= and label= (--text, --label)."
    ),
    "rare_classes": ProblemKind(
        "costs", "rare classes", "They are hardly learned and their figures are chance ({share} of the rows).",
        "Add texts of these classes, join classes, or weigh them in training.",
    ),
    "imbalance": ProblemKind(
        "misleads", "one class has most rows", "A model that always answers it is right in {share} of the rows.",
        "Look at F1 of each class, not at accuracy; weigh the classes in training.",
    ),
    "class_missing_in_test": ProblemKind(
        "misleads", "classes that are not tested", "Nobody knows how well they are told apart.", "Add rows of these classes to the test."
    ),
    "other_balance": ProblemKind(
        "misleads", "other shares of classes than in training", "Figures hold for this mixture only.",
        "Draw both parts from the same rows, or look at the figures of each class.",
    ),
    "sorted_by_label": ProblemKind(
        "look", "rows sorted by label", "A part cut from the end, or batches in this order, hold one class.", "Shuffle the rows once."
    ),
    "label_leak": ProblemKind(
        "misleads", "the label stands in the text", "The model learns to read the answer, and fails on texts without it.",
        "Remove the label from the texts, if texts to predict will not have it.",
    ),
    # repeated rows
    "shared_texts": ProblemKind(
        "misleads", "texts that are in training, too", "Up to {share} of this part measures memory.", "Remove them from one of the two."
    ),
    "shared_near_duplicates": ProblemKind(
        "misleads", "texts that are almost the same in training", "Up to {share} of this part measures memory.",
        "Remove them from one of the two.",
    ),
    "conflicting_labels": ProblemKind(
        "costs", "the same text with different labels", "No model can be right in all of these rows ({share}).", "Decide for one label, or drop them."
    ),
    "conflicting_parts": ProblemKind(
        "misleads", "the same text as in training with another label", "The model has learned that these rows ({share}) have another label.",
        "Decide for one label.",
    ),
    "duplicate_texts": ProblemKind(
        "costs", "texts that occur twice or more",
        "They count more than others, and a random validation split ({share} of the rows) sees texts that were learned.", "Keep one of each.",
    ),
    "near_duplicates": ProblemKind(
        "look", "texts that are almost the same", "As duplicates, in {share} of the rows.", "Keep one of each, if they come from one source.",
    ),
    # texts
    "truncated": ProblemKind(
        "costs", "texts longer than the model reads", "Of {share} of the texts only a part is read.",
        "Give a larger max_length, cut the middle (--truncate head_tail), or split long texts.",
    ),
    "unknown_tokens": ProblemKind(
        "costs", "texts with many unknown tokens", "The model sees [UNK] in place of words in {share} of the texts.",
        "Take an encoder whose vocabulary fits the language, or clean the texts.",
    ),
    "html_tags": ProblemKind("costs", "HTML tags", _NOISE, "Replace them by a blank, in training and prediction alike."),
    "html_entities": ProblemKind("costs", "HTML entities", _NOISE, "html.unescape(text), in training and prediction alike."),
    "mojibake": ProblemKind(
        "costs", "characters read in the wrong encoding", _NOISE, "Read the original as UTF-8: text.encode('cp1252').decode('utf-8')."
    ),
    "windows_characters": ProblemKind(
        "look", "Windows quotes and dashes as control characters", "Tokenizers delete them: {share} of the texts lose quotes, dashes or dots.",
        "text.encode('latin-1').decode('cp1252') of the parts concerned.",
    ),
    "replacement_characters": ProblemKind(
        "costs", "replacement characters (U+FFFD)", "What stood there is lost, in {share} of the texts.", "Read the original in its encoding."
    ),
    "control_characters": ProblemKind("costs", "control characters", _NOISE, "Remove them."),
    "invisible_characters": ProblemKind(
        "costs", "invisible characters", "They cut words into pieces that nobody sees, in {share} of the texts.", "Remove them."
    ),
    "escaped_characters": ProblemKind("costs", "escapes as text (\\n, \\u00e9)", _NOISE, "Undo the escapes where the file was made."),
    "bytes_as_text": ProblemKind("costs", "Python bytes as text (b'...')", _NOISE, "Decode them where the file was made: value.decode()."),
    "formula_texts": ProblemKind("costs", "formulas as text", _EMPTY_OF_WORDS, "Store the value in place of the formula."),
    "header_repeated": ProblemKind(
        "costs", "the header again, as a row", "A class that is none.", "Remove these rows: files were joined with their headers."
    ),
    "placeholders": ProblemKind("costs", "placeholders as text", _EMPTY_OF_WORDS, "Find the text, or drop these rows."),
    "only_url": ProblemKind("costs", "nothing but an address", _EMPTY_OF_WORDS, "Fetch what it points to, or drop these rows."),
    "only_number": ProblemKind("costs", "nothing but numbers", _EMPTY_OF_WORDS, "Drop these rows, or name another text column."),
    "only_punctuation": ProblemKind("costs", "no letter and no digit", _EMPTY_OF_WORDS, "Drop these rows."),
    "other_script": ProblemKind(
        "costs", "texts in another script than most", "{share} of the texts are in a script that the model hardly knows.",
        "Drop them, or take a multilingual encoder.",
    ),
    "mixed_scripts": ProblemKind(
        "look", "several scripts", "An encoder of one language reads the others as [UNK] or as single letters.", "Take a multilingual encoder."
    ),
    "mixed_letters": ProblemKind(
        "costs", "words that mix letters of several scripts", "They look like known words and are none, in {share} of the texts.",
        "Replace the foreign letters by those they look like.",
    ),
    "same_in_both": ProblemKind("costs", "the same text twice in a pair", "A pair of equal texts teaches nothing.", "Check how the pairs were made."),
    "very_short": ProblemKind("look", "very short texts among long ones", "Hardly anything to judge by, in {share} of the texts.", "Look at them."),
    "very_long": ProblemKind("look", "extremely long texts", "They may be several texts in one, and all but their beginning is cut off.", "Look at them."),
    "long_words": ProblemKind("look", "words of more than 100 characters", "WordPiece makes each one [UNK].", "Look at them: blanks may be missing."),
    "cut_texts": ProblemKind(
        "costs", "many texts of exactly the greatest length", "They were cut off when they were stored ({share} of the texts).",
        "Export them again without the limit.",
    ),
    "few_rows": ProblemKind("look", "few rows", "Figures on so few rows are mostly chance.", "Label more texts."),
}
