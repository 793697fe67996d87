"""Stage 12: training, looking and measuring around one model; what of it is kept."""

from keras_bert_lab.lab.compare_runs import compare_runs
from keras_bert_lab.lab.lab import Lab
from keras_bert_lab.lab.model_card import model_card
from keras_bert_lab.lab.run_folder import keep_run, pictures_of, save_pictures
from keras_bert_lab.lab.table_reports import report_on, texts_of

__all__ = ["Lab", "compare_runs", "keep_run", "model_card", "pictures_of", "report_on", "save_pictures", "texts_of"]
