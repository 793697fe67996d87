"""Stage 10: models -> saved_models/<name>/<version>/."""

from keras_bert_lab.export.exported_model import ExportedModel, load_exported
from keras_bert_lab.export.saved_model import export_saved_model

__all__ = ["ExportedModel", "export_saved_model", "load_exported"]
