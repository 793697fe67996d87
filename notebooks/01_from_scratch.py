# %% [markdown]
# # BERT from scratch
#
# In this notebook we build a small BERT out of Keras layers, pretrain it on prose about films, and teach it to tell good
# reviews from bad ones. We do it with whole words as tokens first, because they are easy to read, and then with WordPiece. At
# the end one model takes raw text, is saved, exported, and measured against much simpler methods.
#
# Nothing is downloaded, and two cores need about three minutes.

# %%
import os
import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

import keras_bert_lab as kbl

# The tests set KERAS_BERT_LAB_TINY=1 to run every cell on few texts and for few epochs. Only this line reads it.
TINY = os.environ.get("KERAS_BERT_LAB_TINY") == "1"
TEXTS, PRETRAINING, FROZEN, UNFROZEN = (60, 1, 1, 1) if TINY else (None, 16, 3, 8)

keras.utils.set_random_seed(7)

# %% [markdown]
# ## The texts
#
# The package comes with 1,600 short reviews of invented films and with other prose about them. Each review is marked as
# training or test. We make our choices on reviews set aside from the training part, and open the test part once, at the end.
#
# Pretraining needs no labels, so it may read the training reviews and the prose. It must not read the test reviews: they
# should be new to the model in every respect.

# %%
reviews = kbl.sample_data("reviews")
test = reviews[reviews.split == "test"]
shuffled = reviews[reviews.split == "train"].sample(frac=1, random_state=7)
validation, train = shuffled[:240][:TEXTS], shuffled[240:][:TEXTS]

held_out = set(test.text)
corpus = [document for document in kbl.sample_data("corpus") if document not in held_out][:TEXTS]

print(f"{len(train)} reviews to learn from, {len(validation)} to choose with, {len(test)} to test on")
print(f"{len(corpus):,} documents with {sum(len(document.split()) for document in corpus):,} words to pretrain on")
pd.set_option("display.max_colwidth", 100)
train[["label", "text"]].head(4)

# %% [markdown]
# ## Whole words as tokens
#
# `WordTokenizer` is Keras's `TextVectorization` with the special tokens that BERT needs. `adapt` counts the words; the most
# frequent ones get an id, all others become `[UNK]`.

# %%
words = kbl.WordTokenizer()
words.adapt(corpus, vocab_size=3000)

print("special tokens:", words.vocabulary.tokens[:5])
print("then the words:", words.vocabulary.tokens[5:17])

all_ids = words(corpus).flat_values.numpy()
print(f"unknown: {np.mean(all_ids == words.vocabulary.unk_id):.1%} of all words in the corpus")

# %% [markdown]
# `Preprocessor` frames each text as `[CLS] … [SEP]`, pads the shorter ones, and gives the three inputs of every BERT: the
# ids, a mask with 0 for padding, and a type (0 for the first text; 1 is for the second one, where texts come in pairs).

# %%
preprocessor = kbl.Preprocessor(words, max_length=64)
inputs = preprocessor(["A fine film!", "Not a film I would recommend to an elephant."])
for name, values in inputs.items():
    print(name, values[:, :12].numpy().tolist(), "…")
print([words.vocabulary.tokens[index] for index in inputs["input_word_ids"][1, :12]])

# %% [markdown]
# ## Encoder and masked language model
#
# The encoder turns ids into one vector for each token. It is a `keras.Model`; its settings are plain data. Ours has two
# blocks of width 128, BERT base has twelve of width 768. We take the mean over a text's vectors later, so we leave out the
# pooler, the dense layer that BERT puts on `[CLS]`.
#
# One trick for so small a corpus: the position table starts as sine waves, those of Vaswani et al. 2017 (section 3.5),
# instead of random numbers. Then "the word before" and "the word after" are easy to find from the first step on.


# %%
def sine_waves(length, width):
    angles = np.arange(length)[:, None] / 1000.0 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width)


def small_encoder(vocab_size):
    config = kbl.EncoderConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        num_layers=2,
        num_heads=4,
        intermediate_size=512,
        max_positions=128,
        dropout=0.0,  # few words and few epochs: what is seen should be learned
        attention_dropout=0.0,
        pooler=False,
        initializer_range=0.05,
    )
    encoder = kbl.Encoder(config)
    encoder.embeddings.position.embeddings.assign(0.2 * sine_waves(128, 128))
    return encoder


encoder = small_encoder(len(words.vocabulary))
language_model = kbl.MaskedLanguageModel(encoder, preprocessor)
print(f"{encoder.count_params():,} weights in the encoder, {language_model.count_params():,} with the head that predicts words")

# %% [markdown]
# ## Pretraining, watched
#
# The model sees texts in which some words are hidden, and learns to predict them. `fit` takes the documents as they are: it
# tokenises, packs several texts into one row, and hides other words in every epoch.
#
# A callback of ten lines lets us look over its shoulder. Before it has learned anything, it answers at random. Then it finds
# out which words are common. Later it starts to look at the neighbours of the gap.


# %%
class WatchGaps(keras.callbacks.Callback):
    """Print the loss and the best words for some gaps, every few epochs."""

    def __init__(self, texts, every):
        super().__init__()
        self.texts, self.every = texts, every

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        print(f"epoch {epoch + 1:2}, loss {logs['loss']:.2f}")
        for row, candidates in self.model.fill_mask(self.texts, top_k=5).groupby("row"):
            print(f"    {self.texts[row]:36} {', '.join(candidates.token)}")


gaps = ["the film was [MASK]", "at the end [MASK] the film", "there [MASK] a scene in the middle", "i have never [MASK] a film"]
masking = kbl.MaskingConfig(rate=0.3)  # BERT's own 15 % suit a larger corpus


def pretrain(language_model, watch):
    steps = PRETRAINING * language_model.batches(corpus, batch_size=16, sequence_length=64).steps_per_epoch
    language_model.compile(kbl.AdamW(kbl.LinearWarmupDecay(2e-3, total_steps=steps, warmup_steps=steps // 10)))
    language_model.fit(
        corpus,
        epochs=PRETRAINING,
        batch_size=16,
        sequence_length=64,
        masking=masking,
        verbose=0,
        callbacks=[watch],
    )


pretrain(language_model, WatchGaps(gaps, every=max(1, PRETRAINING // 4)))

# %% [markdown]
# At first it gives the commonest words for every gap. Later the answers depend on the neighbours, and more of them are of the
# right kind, such as a preposition or a verb where one belongs. Meaning is out of reach for a model that has read no more
# than one novel holds. BERT itself read 3,300 million words.
#
# ## Fine-tuning in two phases
#
# Now a classifier: a copy of the encoder, the mean over the tokens that are not padding, dropout, and one sigmoid unit. This
# is the functional API, as with any other Keras layers. It takes token ids, so the texts are tokenised once and not in every
# epoch.

# %%
tuned = encoder.copy(dropout=0.1)  # the language model keeps its own; dropout helps where the same texts are read again
pooling = kbl.Pooling("mean")
dropout = keras.layers.Dropout(0.1)
is_positive = keras.layers.Dense(1, activation="sigmoid", name="positive")

ids = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
hidden = tuned(ids)
classifier = keras.Model(ids, is_positive(dropout(pooling(hidden, ids["input_mask"]))), name="classifier")


def targets(table):
    return (table.label == "pos").to_numpy("float32")


train_data = (preprocessor(train.text), targets(train))
validation_data = (preprocessor(validation.text), targets(validation))

# %% [markdown]
# **Phase one: the encoder is frozen.** Only the new unit learns. It starts at random, and its first, clumsy gradients should
# not shake what pretraining has built.

# %%
tuned.trainable = False
classifier.compile(kbl.AdamW(5e-3), loss="binary_crossentropy", metrics=["accuracy"])
frozen = classifier.fit(*train_data, validation_data=validation_data, epochs=FROZEN, verbose=2)

# %% [markdown]
# **Phase two: everything learns,** at a lower rate. Keras notices a change of `trainable` only when the model is compiled
# again. We keep the weights of the epoch with the best validation accuracy.

# %%
tuned.trainable = True
classifier.compile(kbl.AdamW(2e-4), loss="binary_crossentropy", metrics=["accuracy"])
keep_best = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=3, restore_best_weights=True)
unfrozen = classifier.fit(*train_data, validation_data=validation_data, epochs=UNFROZEN, verbose=2, callbacks=[keep_best])

# %%
history = {name: frozen.history[name] + unfrozen.history[name] for name in ("accuracy", "val_accuracy")}
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
kbl.plot_learning_curves(history, "accuracy", ax=axes)
axes.axvline(FROZEN + 0.5, color="gray", linestyle=":")
axes.set_title("left of the dotted line: encoder frozen")
plt.show()

# %% [markdown]
# The frozen encoder alone is not worth much: its vectors say little about praise and blame yet. Unfrozen, it soon knows the
# training reviews by heart, while the validation accuracy stops rising. That gap is what too little text looks like.
#
# ## One model from raw text to answer
#
# The trained layers can be connected again, this time behind the preprocessor. The result takes strings. Nothing is copied
# and nothing is trained: both models share their weights.

# %%
text = keras.Input((), dtype="string", name="text")
ids = preprocessor(text)
end_to_end = keras.Model(text, is_positive(dropout(pooling(tuned(ids), ids["input_mask"]))), name="raw_text_classifier")

new_texts = [
    "A warm, funny film with a wonderful cast. I loved every minute.",
    "Dreadful. The plot made no sense and I was bored within ten minutes.",
    "Dull for an hour, then unforgettable.",
]
answers = end_to_end.predict(kbl.as_text_tensor(new_texts), verbose=0)[:, 0]
for answer, new_text in zip(answers, new_texts, strict=True):
    print(f"{answer:.2f}  {new_text}")

# %% [markdown]
# Do not be surprised by wrong answers, even to plain texts: the validation accuracy above says how many to expect.
#
# ## Save, reload, export
#
# A `.keras` file holds layers, weights and vocabulary. It loads wherever `keras_bert_lab` is imported.

# %%
scratch = tempfile.TemporaryDirectory()  # a real project writes to saved_models/ in its own folder
folder = pathlib.Path(scratch.name)

end_to_end.save(folder / "words.keras")
reloaded = keras.models.load_model(folder / "words.keras")
again = reloaded.predict(kbl.as_text_tensor(new_texts), verbose=0)[:, 0]
print(f"largest difference after reloading: {np.abs(again - answers).max():.1g}")

# %% [markdown]
# For serving there is the SavedModel, which needs neither Keras nor this package. `export_saved_model` writes two: one takes
# strings, its twin `…-tokens` takes token ids. Both are started in fresh processes and compared with the original before they
# get their names; that is why the cell takes some seconds.

# %%
version = kbl.export_saved_model(end_to_end, folder / "saved_models" / "words")
for path in sorted((folder / "saved_models").glob("*/*")):
    print(path.relative_to(folder))

# %% [markdown]
# `load_exported` takes lists of texts, as everything in this package does. `tf.saved_model.load` is TensorFlow's own way, and
# what a server does.

# %%
exported = kbl.load_exported(folder / "saved_models" / "words")
print("load_exported:       ", exported(new_texts)["positive"][:, 0].round(2))

served = tf.saved_model.load(str(version)).signatures["serving_default"]
print("tf.saved_model.load: ", served(text=tf.constant(new_texts))["positive"].numpy()[:, 0].round(2))

# %% [markdown]
# ## The same with WordPiece
#
# A word model is blind to every word it has not counted. WordPiece cuts such words into pieces that it knows; `##` marks a
# piece that continues a word.

# %%
pieces = kbl.WordPieceTokenizer(kbl.train_wordpiece(corpus, vocab_size=1500 if TINY else 4000))


def tokens_of(tokenizer, new_text):
    return " ".join(tokenizer.vocabulary.tokens[index] for index in tokenizer([new_text])[0])


for new_text in ("An unforgettably overacted melodrama.", "The zookeeper's film was underwhelming."):
    print("words:    ", tokens_of(words, new_text))
    print("WordPiece:", tokens_of(pieces, new_text), "\n")

# %% [markdown]
# Above we built every part by hand. The second time we let `TextClassifier` do it: the same pooling, dropout and sigmoid
# unit, with texts and label names instead of arrays. It sorts texts of similar length into batches, so less padding is
# computed.

# %%
piece_encoder = small_encoder(len(pieces.vocabulary))
piece_model = kbl.MaskedLanguageModel(piece_encoder, kbl.Preprocessor(pieces, max_length=128))
pretrain(piece_model, WatchGaps(gaps, every=PRETRAINING))

# %%
tuned = piece_encoder.copy(dropout=0.1)
piece_classifier = kbl.TextClassifier(tuned, piece_model.preprocessor, labels=["neg", "pos"], pooling="mean")
choices = (validation.text, validation.label)

tuned.trainable = False
piece_classifier.compile(kbl.AdamW(5e-3))
piece_classifier.fit(train.text, train.label, validation_data=choices, epochs=FROZEN, verbose=0)

tuned.trainable = True
piece_classifier.compile(kbl.AdamW(2e-4))
piece_history = piece_classifier.fit(
    train.text, train.label, validation_data=choices, epochs=UNFROZEN, verbose=0, callbacks=[keep_best]
)
print("validation accuracy:", np.round(piece_history.history["val_accuracy"], 3))
piece_classifier.predict_text(new_texts)[["label", "score"]].assign(text=new_texts)

# %% [markdown]
# ## Is it any good?
#
# Now, and only now, the test reviews. Beside the two BERTs stand two methods without any neural network: always giving the
# commonest label, and TF-IDF with logistic regression, which counts words and pairs of words. TF-IDF had nothing to choose,
# so it learns from the validation reviews as well.

# %%
labeled = pd.concat([train, validation])
scores = end_to_end.predict(kbl.as_text_tensor(test.text), verbose=0)[:, 0]
answers = {
    "always the commonest label": [labeled.label.mode()[0]] * len(test),
    "TF-IDF + logistic regression": kbl.tfidf_baseline(labeled.text, labeled.label, test.text),
    "BERT, whole words": np.where(scores > 0.5, "pos", "neg"),
    "BERT, WordPiece": piece_classifier.predict_text(test.text).label,
}
reports = {name: kbl.classification_report(test.label, given, ["neg", "pos"]) for name, given in answers.items()}

print(f"accuracy on {len(test)} reviews\n")
for name, report in reports.items():
    low, high = report.interval
    print(f"{name:30} {report.accuracy:.3f}   95 % interval {low:.3f} to {high:.3f}")

# %%
print(reports["BERT, WordPiece"])

# %% [markdown]
# Read the intervals first: on 400 reviews, differences of a few points mean nothing. What they do say:
#
# - Both BERTs have learned something; they are clearly better than guessing.
# - **TF-IDF is as good or better,** and it takes a second. With 1,200 labelled reviews and some 90,000 words to read,
#   counting words is hard to beat. If your data look like this, use TF-IDF.
# - What makes BERT strong is pretraining on a thousand times more text. The way from here is the same code with more of
#   everything: more text, more blocks, more hours.
#
# The next notebook, `02_compose_layers`, takes the encoder apart.

# %%
scratch.cleanup()
