"""Pretrain on words and sentence order: python examples/mlm_with_pairs.py corpus.txt my-bert.keras

The corpus is a text file with documents of several sentences between blank lines. Without arguments: the package's sample
corpus, about 2 minutes on 2 cores. With --small: a few seconds.
"""

import sys

import keras

import keras_bert_lab as kbl

small = "--small" in sys.argv
files = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
documents = kbl.read_corpus(files[0]) if files else kbl.sample_data("corpus")
target = files[1] if len(files) > 1 else "my-bert.keras"
documents = documents[-100:] if small else documents  # the longer ones of the sample corpus
epochs, size = (1, 1000) if small else (16, 4000)
keras.utils.set_random_seed(7)

tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(documents, vocab_size=size))
encoder = kbl.Encoder(kbl.EncoderConfig.preset("bert_tiny", vocab_size=len(tokenizer.vocabulary), max_positions=128))
model = kbl.MaskedLanguageModel(encoder, kbl.Preprocessor(tokenizer, max_length=128), next_sentence=True)

held_out, learned = documents[::20], [document for number, document in enumerate(documents) if number % 20]
pairs = {"masking": kbl.MaskingConfig(unit="word"), "sentence_pairs": "order"}  # "next" is the objective of BERT
train = model.batches(learned, batch_size=16, **pairs)
steps = epochs * train.steps_per_epoch
model.compile(kbl.AdamW(kbl.LinearWarmupDecay(1e-3, total_steps=steps, warmup_steps=steps // 10)))
log = keras.callbacks.CSVLogger("pretraining.csv")
model.fit(train, epochs=epochs, validation_data=model.batches(held_out, **pairs), callbacks=[log])
model.save(target)
print(f"Saved {target}.")

sentences = ("The lights went down.", "Then the film began.")
print("in order:", model.predict_next_sentence([sentences, sentences[::-1]]))
