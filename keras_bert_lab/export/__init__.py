"""Stage 10: models -> saved_models/<name>/<version>/."""

from keras_bert_lab.export.batch_predictor import BatchPredictor
from keras_bert_lab.export.exported_model import ExportedModel, load_exported
from keras_bert_lab.export.saved_model import export_saved_model

__all__ = ["BatchPredictor", "ExportedModel", "export_saved_model", "load_exported"]
