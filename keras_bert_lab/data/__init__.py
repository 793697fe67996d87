"""Stage 1: files -> tables of examples, corpora of documents."""

from keras_bert_lab.data.corpora import read_corpus
from keras_bert_lab.data.label_checks import check_known_labels, check_labels
from keras_bert_lab.data.part_writing import FormCheck, table_writer
from keras_bert_lab.data.sample_data import sample_data
from keras_bert_lab.data.sample_encoder import sample_encoder
from keras_bert_lab.data.table_checks import TableCheck, TableProblem, check_table
from keras_bert_lab.data.table_parts import TableParts
from keras_bert_lab.data.table_scan import TableFacts, scan_texts
from keras_bert_lab.data.table_writing import check_writable, write_table
from keras_bert_lab.data.tables import read_columns, read_table

__all__ = [
    "FormCheck",
    "TableCheck",
    "TableFacts",
    "TableParts",
    "TableProblem",
    "check_known_labels",
    "check_labels",
    "check_table",
    "check_writable",
    "read_columns",
    "read_corpus",
    "read_table",
    "sample_data",
    "sample_encoder",
    "scan_texts",
    "table_writer",
    "write_table",
]
