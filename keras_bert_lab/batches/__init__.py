"""Stage 3: token ids -> batches."""

from keras_bert_lab.batches.dataset import Batches, as_dataset
from keras_bert_lab.batches.example_batches import ExampleBatches
from keras_bert_lab.batches.masked_batches import MaskedBatches
from keras_bert_lab.batches.masking import mask_tokens
from keras_bert_lab.batches.token_rows import TokenRows, tokenize_rows

__all__ = ["Batches", "ExampleBatches", "MaskedBatches", "TokenRows", "as_dataset", "mask_tokens", "tokenize_rows"]
