"""Kinds of problems of files, cells and labels."""

from __future__ import annotations

from keras_bert_lab.data.table_checks.problem_kind import ProblemKind

__all__ = ["TABLE_KINDS"]

_REFUSED = "Training refuses the table; with drop_unusable=True {share} of the rows are left out."
_FILL = "Fill or remove these rows, or leave them out with drop_unusable=True (--drop_unusable)."
_UNREAD = "What cannot be read is missing from training, or the whole file is refused."
_LABELS = "The model learns classes that are none, and their rows ({share}) are missing from the right ones."

TABLE_KINDS = {
    # files
    "unreadable_file": ProblemKind(
        "stops", "file that cannot be read", "Nothing of it can be used.", "Repair or replace the file."
    ),
    "damaged_file": ProblemKind("stops", "damaged file", _UNREAD, "Copy or download the file again."),
    "no_rows": ProblemKind(
        "stops", "no row below the header", "There is nothing to learn from.", "Give the right file or sheet."
    ),
    "wrong_encoding": ProblemKind(
        "stops",
        "bytes that are no text in this encoding",
        _UNREAD,
        "Save the file as UTF-8, or pass its encoding= (--encoding).",
    ),
    "too_many_fields": ProblemKind(
        "stops",
        "rows with more fields than the header",
        _UNREAD,
        "Put double quotes around texts that hold the separator, and double the quotes inside.",
    ),
    "unclosed_quote": ProblemKind(
        "stops",
        "double quote that is never closed",
        "The rest of the file becomes one text.",
        "Close it, double it, or remove it.",
    ),
    "swallowed_rows": ProblemKind(
        "stops",
        "rows inside a text",
        "A stray double quote made several rows one: their labels are lost and become text.",
        "Double the quotes inside of texts, and close each.",
    ),
    "broken_json": ProblemKind(
        "stops", "lines that are no JSON object", _UNREAD, 'Each line must be one object such as {"text": "..."}.'
    ),
    "wrong_separator": ProblemKind(
        "stops", "another separator", "The file is refused: all columns look like one.", "Pass separator= (--separator)."
    ),
    "missing_column": ProblemKind(
        "stops", "column that is not there", "The file is refused.", "Name the column, or rename it in the file."
    ),
    "double_column": ProblemKind("stops", "column that is there twice", "The file is refused.", "Rename all but one."),
    "no_header": ProblemKind(
        "stops", "first row that is data, not names", "Its example is lost, and columns have no names.", "Add a row of names."
    ),
    # cells
    "missing_text": ProblemKind("stops", "missing texts", _REFUSED, _FILL),
    "empty_text": ProblemKind("stops", "empty texts (white space alone counts as empty)", _REFUSED, _FILL),
    "text_not_text": ProblemKind(
        "stops", "texts that are numbers or other values", _REFUSED, "Write them as text, or drop their rows."
    ),
    "invalid_unicode": ProblemKind(
        "stops", "texts with half a character (lone surrogate)", _REFUSED, 'Repair: text.encode("utf-8", "replace").decode().'
    ),
    "formula_without_result": ProblemKind(
        "stops", "formulas without a stored result", _REFUSED, "Open and save the file in Excel, or store values."
    ),
    "missing_label": ProblemKind("stops", "missing labels", _REFUSED, _FILL),
    "label_not_single": ProblemKind("stops", "labels that are lists or objects", _REFUSED, "Give each row one label."),
    "label_not_number": ProblemKind(
        "stops", "labels that are no finite numbers", _REFUSED, "Correct these numbers, or drop their rows."
    ),
    # labels
    "one_class": ProblemKind(
        "stops", "one class only", "There is nothing to tell apart.", "Add texts of another class, or name another column."
    ),
    "constant_number": ProblemKind(
        "stops", "the same number in all rows", "There is nothing to predict.", "Name another label column."
    ),
    "class_only_in_test": ProblemKind(
        "stops",
        "labels that the training table does not have",
        "Evaluation refuses them: no model can answer so.",
        "Correct the label, drop the rows, or add such texts to training.",
    ),
    "label_variants": ProblemKind(
        "stops",
        "one label in several spellings",
        "Training refuses them; kept apart, the model learns one class as several.",
        "Give them one spelling; keep_similar_labels=True (--keep_similar_labels) if they are different.",
    ),
    "label_numbers": ProblemKind(
        "costs",
        "one number in several spellings",
        "The model learns one class as several ({share} of the rows).",
        "Write each number in one way, such as 1 and not 1.0.",
    ),
    "label_typos": ProblemKind("costs", "labels that look misspelt", _LABELS, "Correct them, if they mean the same."),
    "label_types": ProblemKind(
        "costs",
        "labels of mixed types",
        "Labels become text: 1, True and 'yes' are three classes.",
        "Write all labels in the same way.",
    ),
    "label_placeholders": ProblemKind("costs", "placeholders as labels", _LABELS, "Find the label, or drop these rows."),
    "labels_like_numbers": ProblemKind(
        "costs",
        "labels that are numbers with many values",
        "As classes most have hardly a row, and near values are as wrong as far ones.",
        'Predict numbers: label_type="number" here, kind="regression" (--kind regression) in training.',
    ),
    "labels_nearly_unique": ProblemKind(
        "stops", "almost as many labels as rows", "A class of one row cannot be learned.", "Name another label column."
    ),
    "columns_swapped": ProblemKind(
        "stops",
        "labels longer than the texts",
        "The model would predict texts from labels.",
        "Exchange text= and label= (--text, --label).",
    ),
    "rare_classes": ProblemKind(
        "costs",
        "rare classes",
        "They are hardly learned and their figures are chance ({share} of the rows).",
        "Add texts of these classes, join classes, or weigh them in training.",
    ),
    "imbalance": ProblemKind(
        "misleads",
        "one class has most rows",
        "A model that always answers it is right in {share} of the rows.",
        "Look at F1 of each class, not at accuracy; weigh the classes in training.",
        weight=0.5,
    ),
    "class_missing_in_test": ProblemKind(
        "misleads",
        "classes that are not tested",
        "Nobody knows how well they are told apart.",
        "Add rows of these classes to the test.",
    ),
    "other_balance": ProblemKind(
        "misleads",
        "other shares of classes than in training",
        "Figures hold for this mixture only.",
        "Draw both parts from the same rows, or look at the figures of each class.",
    ),
    "sorted_by_label": ProblemKind(
        "look",
        "rows sorted by label",
        "A part cut from the end, or batches in this order, hold one class.",
        "Shuffle the rows once.",
        weight=0.5,
    ),
    "label_leak": ProblemKind(
        "misleads",
        "the label stands in the text",
        "The model learns to read the answer, and fails on texts without it.",
        "Remove the label from the texts, if texts to predict will not have it.",
    ),
}
