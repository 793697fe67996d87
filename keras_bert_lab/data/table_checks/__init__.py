"""Looking at tables before a model is trained on them."""

from keras_bert_lab.data.table_checks.check_table import check_table
from keras_bert_lab.data.table_checks.table_check import TableCheck
from keras_bert_lab.data.table_checks.table_problem import TableProblem

__all__ = ["TableCheck", "TableProblem", "check_table"]
