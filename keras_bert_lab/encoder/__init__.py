"""Stage 4: batches of token ids -> hidden states."""

from keras_bert_lab.encoder.adapters import add_adapters
from keras_bert_lab.encoder.embeddings import Embeddings
from keras_bert_lab.encoder.encoder import Encoder
from keras_bert_lab.encoder.encoder_block import EncoderBlock
from keras_bert_lab.encoder.feed_forward import FeedForward
from keras_bert_lab.encoder.hub_encoder import HubEncoder
from keras_bert_lab.encoder.lora import add_lora, merge_lora
from keras_bert_lab.encoder.self_attention import SelfAttention
from keras_bert_lab.encoder.set_trainable import set_trainable

__all__ = [
    "Embeddings",
    "Encoder",
    "EncoderBlock",
    "FeedForward",
    "HubEncoder",
    "SelfAttention",
    "add_adapters",
    "add_lora",
    "merge_lora",
    "set_trainable",
]
