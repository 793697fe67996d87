"""Stage 7: models in folders."""

from keras_bert_lab.formats.new_folder import MANIFEST, check_new_folder, new_folder
from keras_bert_lab.formats.task_folder import TaskFolder, load_task, read_task_folder, save_task, write_task

__all__ = [
    "MANIFEST",
    "TaskFolder",
    "check_new_folder",
    "load_task",
    "new_folder",
    "read_task_folder",
    "save_task",
    "write_task",
]
