"""Fine-tune on a table with the columns text and label: python examples/fine_tune.py my-bert.keras reviews.csv

Without arguments: a new encoder and the package's sample reviews, about half a minute on 2 cores. With --small: a few seconds.
"""

import sys

import keras
import pandas as pd

import keras_bert_lab as kbl

small = "--small" in sys.argv
files = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
table = pd.read_csv(files[1], keep_default_na=False) if len(files) > 1 else kbl.sample_data("reviews")
table = table.sample(frac=0.1 if small else 1.0, random_state=7)
test = table.iloc[: len(table) // 5]
train = table.iloc[len(table) // 5 :]
keras.utils.set_random_seed(7)

if files:
    pretrained = keras.models.load_model(files[0])
    encoder, preprocessor = pretrained.encoder, pretrained.preprocessor
else:
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(list(train.text), vocab_size=2000))
    encoder = kbl.Encoder(kbl.EncoderConfig.preset("bert_tiny", vocab_size=len(tokenizer.vocabulary), max_positions=128))
    preprocessor = kbl.Preprocessor(tokenizer, max_length=128)

model = kbl.TextClassifier(encoder, preprocessor, labels=train.label, pooling="mean")
model.compile(kbl.AdamW(5e-4))
stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=2, restore_best_weights=True)
model.fit(train.text, train.label, epochs=2 if small else 8, validation_split=0.15, callbacks=[stop])

print(kbl.classification_report(test.label, model.predict_text(test.text).label, model.labels))
print(kbl.export_saved_model(model, "saved_models/fine_tuned"))
