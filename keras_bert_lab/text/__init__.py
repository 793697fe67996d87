"""Stage 2: texts -> token ids."""

from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_lab.text.hub_preprocessor import HubPreprocessor
from keras_bert_lab.text.preprocessor import Preprocessor
from keras_bert_lab.text.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_bert_lab.text.text_cleaner import TextCleaner
from keras_bert_lab.text.text_tensor import as_text_tensor
from keras_bert_lab.text.text_windows import TextWindows
from keras_bert_lab.text.train_wordpiece import train_wordpiece
from keras_bert_lab.text.vocabulary import Vocabulary, read_vocabulary
from keras_bert_lab.text.word_tokenizer import WordTokenizer
from keras_bert_lab.text.wordpiece_tokenizer import WordPieceTokenizer

__all__ = [
    "AddedToken",
    "BytePairTokenizer",
    "HubPreprocessor",
    "Preprocessor",
    "SentencePieceTokenizer",
    "TextCleaner",
    "TextWindows",
    "Vocabulary",
    "WordPieceTokenizer",
    "WordTokenizer",
    "as_text_tensor",
    "read_vocabulary",
    "train_wordpiece",
]
