"""Pretrain on a text file, documents between blank lines: python examples/mlm_from_scratch.py corpus.txt my-bert.keras

Without arguments: the package's sample corpus, about 2 minutes on 2 cores. With --small: a few seconds.
"""

import pathlib
import sys

import keras

import keras_bert_lab as kbl

small = "--small" in sys.argv
files = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
documents = pathlib.Path(files[0]).read_text(encoding="utf-8").split("\n\n") if files else kbl.sample_data("corpus")
target = files[1] if len(files) > 1 else "my-bert.keras"
documents = documents[:200] if small else documents
epochs, batch_size = (1, 16) if small else (20, 16)
keras.utils.set_random_seed(7)

tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(documents, vocab_size=1000 if small else 4000))
encoder = kbl.Encoder(kbl.EncoderConfig.preset("bert_tiny", vocab_size=len(tokenizer.vocabulary), max_positions=128))
model = kbl.MaskedLanguageModel(encoder, kbl.Preprocessor(tokenizer, max_length=128))

steps = epochs * model.batches(documents, batch_size).steps_per_epoch
model.compile(kbl.AdamW(kbl.LinearWarmupDecay(1e-3, total_steps=steps, warmup_steps=steps // 10)))
model.fit(documents, epochs=epochs, batch_size=batch_size, callbacks=[keras.callbacks.CSVLogger("pretraining.csv")])

print(model.evaluate(documents[:50], return_dict=True, verbose=0))
print(model.fill_mask("The film was [MASK].")[["token", "score"]])
model.save(target)
print(f"Saved {target}")
