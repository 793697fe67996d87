"""Stage 7: models in folders, ours and other people's."""

from keras_bert_lab.formats.checkpoint import Checkpoint
from keras_bert_lab.formats.manifest import MANIFEST
from keras_bert_lab.formats.new_folder import check_new_folder, new_folder, remove_left_over
from keras_bert_lab.formats.save import save_encoder, save_task
from keras_bert_lab.formats.sources import load_encoder, load_preprocessor, open_source
from keras_bert_lab.formats.task_folder import TaskFolder, write_task

__all__ = [
    "MANIFEST",
    "Checkpoint",
    "TaskFolder",
    "check_new_folder",
    "load_encoder",
    "load_preprocessor",
    "new_folder",
    "open_source",
    "remove_left_over",
    "save_encoder",
    "save_task",
    "write_task",
]
