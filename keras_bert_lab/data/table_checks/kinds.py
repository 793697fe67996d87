"""All kinds of problems that a table can have, by name."""

from __future__ import annotations

from keras_bert_lab.data.table_checks.problem_kind import SEVERITIES, ProblemKind
from keras_bert_lab.data.table_checks.table_kinds import TABLE_KINDS
from keras_bert_lab.data.table_checks.text_kinds import TEXT_KINDS

__all__ = ["KINDS", "SEVERITIES"]

KINDS: dict[str, ProblemKind] = TABLE_KINDS | TEXT_KINDS
"""Name -> kind."""
