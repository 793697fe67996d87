# %% [markdown]
# # Composing BERT out of layers
#
# The parts of this package are ordinary Keras layers. Here we connect them to heads of our own, look at what happens inside,
# and change the blocks that BERT is made of: another feed-forward part, a gate, Keras's own attention.
#
# Nothing is downloaded, and two cores need about two minutes.

# %%
import os
import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from keras import ops

import keras_bert_lab as kbl

# The tests set KERAS_BERT_LAB_TINY=1 to run every cell on few texts and for few epochs. Only this line reads it.
TINY = os.environ.get("KERAS_BERT_LAB_TINY") == "1"
TEXTS, PRETRAINING, EPOCHS = (60, 1, 1) if TINY else (None, 16, 4)

keras.utils.set_random_seed(7)

# %% [markdown]
# ## An encoder that has read a little
#
# We start with a small BERT, pretrained as in the first notebook. It has seen no test review, and neither will this notebook.

# %%
reviews = kbl.sample_data("reviews")
held_out = set(reviews[reviews.split == "test"].text)
corpus = [document for document in kbl.sample_data("corpus") if document not in held_out][:TEXTS]

tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece(corpus, vocab_size=1500 if TINY else 3000))
config = kbl.EncoderConfig.preset(
    "bert_tiny",
    vocab_size=len(tokenizer.vocabulary),
    num_heads=4,
    max_positions=128,
    dropout=0.0,
    attention_dropout=0.0,
    initializer_range=0.05,
)
encoder = kbl.Encoder(config)

# The position table starts as sine waves; the first notebook says why.
angles = np.arange(128)[:, None] / 1000.0 ** (np.arange(0, 128, 2) / 128)
encoder.embeddings.position.embeddings.assign(0.2 * np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(128, 128))

language_model = kbl.MaskedLanguageModel(encoder, kbl.Preprocessor(tokenizer, max_length=128))
how = {"batch_size": 16, "sequence_length": 64}
steps = PRETRAINING * language_model.batches(corpus, **how).steps_per_epoch
language_model.compile(kbl.AdamW(kbl.LinearWarmupDecay(2e-3, total_steps=steps, warmup_steps=steps // 10)))
losses = language_model.fit(corpus, epochs=PRETRAINING, masking=kbl.MaskingConfig(rate=0.3), verbose=0, **how)
print("loss, epoch by epoch:", np.round(losses.history["loss"], 2))

# %% [markdown]
# ## Two heads in the functional API
#
# All preprocessors of the package give the same dict, and all encoders take it. They give back a dict as well:

# %%
preprocessor = kbl.Preprocessor(tokenizer, sequence_length=64)
hidden = encoder(preprocessor(["Dull for an hour, then unforgettable."]))
print("pooled_output  ", hidden["pooled_output"].shape, "  one vector for the text, from [CLS]")
print("sequence_output", hidden["sequence_output"].shape, "  one for each token")
print("encoder_outputs", [tuple(states.shape) for states in hidden["encoder_outputs"]], "  the same after each block")

# %% [markdown]
# **Binary: positive or negative.** One sigmoid unit. `as_text_tensor` turns the pandas column into a string tensor, the only
# form of text that a plain `keras.Model` takes in `fit`.

# %%
shuffled = reviews[reviews.split == "train"].sample(frac=1, random_state=7)
validation, train = shuffled[:240][:TEXTS], shuffled[240:][:TEXTS]

# Fine-tuning changes an encoder, so every head gets a copy of its own.
text = keras.Input((), dtype="string", name="text")
hidden = encoder.copy()(preprocessor(text))
x = keras.layers.Dropout(0.1)(hidden["pooled_output"])
binary = keras.Model(text, keras.layers.Dense(1, activation="sigmoid", name="positive")(x), name="binary")

binary.compile(kbl.AdamW(5e-4), loss="binary_crossentropy", metrics=["accuracy"])
_ = binary.fit(
    kbl.as_text_tensor(train.text),
    (train.label == "pos").to_numpy("float32"),
    validation_data=(kbl.as_text_tensor(validation.text), (validation.label == "pos").to_numpy("float32")),
    epochs=EPOCHS,
    verbose=2,
)

# %% [markdown]
# **Three classes: negative review, positive review, or other prose.** The corpus holds prose about films that is no review.
# Two sentences of it are about as long as a review, and give a third class. A softmax over three units replaces the sigmoid.
#
# Passages of one document must not end up on both sides, so whole documents are set aside for validation.

# %%
known = set(reviews.text)
prose = [document.split("\n") for document in kbl.sample_data("corpus") if document not in known]
prose = [prose[index] for index in np.random.default_rng(7).permutation(len(prose))][:TEXTS]


def passages(documents):
    return [" ".join(lines[place : place + 2]) for lines in documents for place in range(0, len(lines) - 1, 2)]


def three_classes(table, documents, seed):
    found = pd.DataFrame({"text": passages(documents), "label": "prose"}).sample(len(table) // 2, random_state=seed)
    return pd.concat([table[["text", "label"]], found]).sample(frac=1, random_state=seed)


names = ["neg", "pos", "prose"]
more_train, more_validation = three_classes(train, prose[30:], 1), three_classes(validation, prose[:30], 2)
print(more_train.label.value_counts().to_dict(), more_validation.label.value_counts().to_dict())

text = keras.Input((), dtype="string", name="text")
hidden = encoder.copy()(preprocessor(text))
x = keras.layers.Dropout(0.1)(hidden["pooled_output"])
three = keras.Model(text, keras.layers.Dense(3, activation="softmax", name="kind")(x), name="three_classes")

three.compile(kbl.AdamW(5e-4), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
three.fit(
    kbl.as_text_tensor(more_train.text),
    more_train.label.map(names.index).to_numpy(),
    validation_data=(kbl.as_text_tensor(more_validation.text), more_validation.label.map(names.index).to_numpy()),
    epochs=EPOCHS,
    verbose=2,
)

answers = three.predict(kbl.as_text_tensor(more_validation.text), verbose=0).argmax(axis=1)
print(kbl.classification_report(more_validation.label, [names[answer] for answer in answers], names))

# %% [markdown]
# Look at the rows: which mistakes are common, and which are rare? And at the epochs: the encoder soon knows its training
# texts by heart. The first notebook fine-tunes with more care.
#
# ## What goes into the first block
#
# The first states are a sum of three embeddings, normalised: which token it is, at which place it stands, and whether it
# belongs to the first or the second text. (BERT calls the last one the type or segment.) `summands` gives the three before
# they are added.

# %%
inputs = preprocessor([("The film was dull.", "I left early.")])
embeddings = encoder.embeddings
summands = embeddings.summands(inputs["input_word_ids"], inputs["input_type_ids"])

length = int(ops.sum(inputs["input_mask"]))
tokens = [tokenizer.vocabulary.tokens[index] for index in inputs["input_word_ids"][0, :length]]
table = {name: ops.convert_to_numpy(values)[0, :length, 0].round(3) for name, values in summands.items()}
print("the first of 128 numbers, for each token:")
print(pd.DataFrame({"": tokens, "type id": inputs["input_type_ids"][0, :length].numpy()} | table).to_string(index=False))

by_hand = embeddings.norm(summands["token"] + summands["position"] + summands["segment"])
by_layer = embeddings(inputs["input_word_ids"], inputs["input_type_ids"])
print("\nlargest difference between LayerNorm(sum) and the layer's output:", float(ops.max(ops.abs(by_hand - by_layer))))

# %% [markdown]
# ## Where a head looks
#
# In each block, every token gathers information from the others. Attention says from which: a row of weights for each token,
# which sum to 1. `attention_maps` gives them for all blocks and heads.
#
# Some heads rest on `[CLS]` or `[SEP]` most of the time, as if they had nothing to do. So we draw the one that looks most
# sharply at the words themselves: whose rows have the largest weights there.

# %%
sentence = "I have never been so bored in a cinema, and I left before the end."
inputs = kbl.Preprocessor(tokenizer)([sentence])
tokens = [tokenizer.vocabulary.tokens[index] for index in inputs["input_word_ids"][0]]

maps = np.concatenate([ops.convert_to_numpy(weights) for weights in encoder.attention_maps(inputs)])  # (L, N, S, S)
sharpness = maps[:, :, 1:-1, 1:-1].max(axis=-1).mean(axis=-1)  # (L, N), without [CLS] and [SEP]
block, head = np.unravel_index(sharpness.argmax(), sharpness.shape)

figure, axes = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = axes.imshow(maps[block, head], cmap="Blues", vmin=0)
axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", rotation_mode="anchor")
axes.set_yticks(range(len(tokens)), tokens)
axes.set_xlabel("… looks at this one")
axes.set_ylabel("this token …")
axes.set_title(f"block {block + 1}, head {head + 1}")
figure.colorbar(image, ax=axes, shrink=0.8, label="attention weight")
plt.show()

# %% [markdown]
# In our run the dark fields lie along the diagonal: this head reads the neighbours of each token, which helps to guess a
# hidden one.
#
# ## Other layers in the blocks
#
# A block is attention and a feed-forward part, each with a residual connection and LayerNorm. Both parts are arguments of
# `Encoder`, so a block is changed by passing a layer and not by copying the block. We pass two of our own.
#
# **A deeper feed-forward part**, with one more dense layer and ReLU in the middle.
#
# **A squeeze-and-excitation gate** behind the attention (Hu, Shen and Sun 2018, "Squeeze-and-Excitation Networks", equations
# 2 to 4). It looks at the mean $z$ of all states $u_i$, and turns each of the $H$ channels up or down:
#
# $$z = \frac{1}{S} \sum_i u_i \qquad s = \sigma(W_2\,\mathrm{relu}(W_1 z)) \qquad \tilde{u}_i = s \odot u_i$$
#
# $W_1$ makes $z$ narrower by a factor $r$, $W_2$ wide again, so the gate has few weights. Padding must not count in the mean.
# The attention layer is given the mask, the feed-forward part is not: that is why the gate goes with the attention.


# %%
@keras.saving.register_keras_serializable(package="compose_layers")
class DeeperFeedForward(keras.layers.Layer):
    """Dense + GELU, dense + ReLU, and a dense layer back to the width of the states."""

    def __init__(self, hidden_size, units, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size, self.units = hidden_size, units
        self.first = keras.layers.Dense(units, activation="gelu")
        self.middle = keras.layers.Dense(units, activation="relu")
        self.last = keras.layers.Dense(hidden_size)

    def build(self, states_shape):
        self.first.build(states_shape)
        self.middle.build((*states_shape[:-1], self.units))
        self.last.build((*states_shape[:-1], self.units))

    def call(self, states):
        return self.last(self.middle(self.first(states)))

    def get_config(self):
        return super().get_config() | {"hidden_size": self.hidden_size, "units": self.units}


@keras.saving.register_keras_serializable(package="compose_layers")
class GatedAttention(keras.layers.Layer):
    """Self-attention with a squeeze-and-excitation gate on its output."""

    def __init__(self, num_heads, key_dim, reduction=4, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.key_dim, self.reduction = num_heads, key_dim, reduction
        hidden_size = num_heads * key_dim
        self.attention = kbl.SelfAttention(num_heads, key_dim)
        self.squeeze = keras.layers.Dense(hidden_size // reduction, activation="relu")
        self.excite = keras.layers.Dense(hidden_size, activation="sigmoid")

    def build(self, query_shape, value_shape=None):
        self.attention.build(query_shape)
        self.squeeze.build(query_shape)
        self.excite.build((*query_shape[:-1], self.squeeze.units))

    def call(self, query, value, attention_mask=None):
        states = self.attention(query, value, attention_mask=attention_mask)  # (B, S, H)
        if attention_mask is None:
            mean = ops.mean(states, axis=1, keepdims=True)
        else:  # (B, 1, S), 1 = a real token: the mean over those alone
            seen = ops.cast(attention_mask, states.dtype)
            mean = ops.matmul(seen, states) / ops.sum(seen, axis=-1, keepdims=True)
        return states * self.excite(self.squeeze(mean))

    def get_config(self):
        settings = {"num_heads": self.num_heads, "key_dim": self.key_dim, "reduction": self.reduction}
        return super().get_config() | settings


gated = kbl.Encoder(
    config,
    attention=GatedAttention(config.num_heads, config.head_size),
    feed_forward=DeeperFeedForward(config.hidden_size, config.intermediate_size),
)

# %% [markdown]
# Each block gets a copy of the layers, with weights of its own. We count them, and compare with what the formulas say.

# %%
H, F, r = config.hidden_size, config.intermediate_size, 4
expected = {"extra dense layer": F * F + F, "gate": (H * H // r + H // r) + (H // r * H + H)}
print(f"before: {encoder.count_params():,} weights")
print(f"after:  {gated.count_params():,}")
print(f"more:   {gated.count_params() - encoder.count_params():,}")
print(f"should: {config.num_layers * sum(expected.values()):,} = {config.num_layers} blocks x {expected}")

# %% [markdown]
# The changed encoder trains like any other. (It starts from random weights here, so expect less of it.) It is saved and
# reloaded like any other as well, because the two classes are registered. And padding makes no difference to it.

# %%
text = keras.Input((), dtype="string", name="text")
hidden = gated(preprocessor(text))
x = keras.layers.Dropout(0.1)(hidden["pooled_output"])
gated_model = keras.Model(text, keras.layers.Dense(1, activation="sigmoid", name="positive")(x), name="gated")
gated_model.compile(kbl.AdamW(5e-4), loss="binary_crossentropy", metrics=["accuracy"])
gated_model.fit(kbl.as_text_tensor(train.text), (train.label == "pos").to_numpy("float32"), epochs=EPOCHS, verbose=2)

some_texts = kbl.as_text_tensor(validation.text[:50])
with tempfile.TemporaryDirectory() as folder:
    gated_model.save(pathlib.Path(folder, "gated.keras"))
    reloaded = keras.models.load_model(pathlib.Path(folder, "gated.keras"))
difference = float(ops.max(ops.abs(reloaded(some_texts) - gated_model(some_texts))))
print(f"largest difference after reloading: {difference:.1g}")

short, long = (gated(kbl.Preprocessor(tokenizer, sequence_length=size)([sentence])) for size in (32, 128))
difference = float(ops.max(ops.abs(short["pooled_output"] - long["pooled_output"])))
print(f"largest difference with 96 more places of padding: {difference:.1g}")

# %% [markdown]
# ## Keras's own attention
#
# `keras.layers.MultiHeadAttention` fits into a block as it is. To see that the result is still BERT, we give it our weights.
# They are the same numbers in another order: we hold query, key and value side by side in one matrix, Keras in three, with a
# separate axis for the heads.

# %%
N, D = config.num_heads, config.head_size
keras_bert = kbl.Encoder(config, attention=keras.layers.MultiHeadAttention(N, D))

keras_bert.embeddings.set_weights(encoder.embeddings.get_weights())
keras_bert.pooler.set_weights(encoder.pooler.get_weights())
for ours, theirs in zip(encoder.blocks, keras_bert.blocks, strict=True):
    for part in ("feed_forward", "attention_norm", "output_norm"):
        getattr(theirs, part).set_weights(getattr(ours, part).get_weights())
    kernel, bias = ours.attention.qkv.get_weights()  # (H, 3 N D), (3 N D,)
    out_kernel, out_bias = ours.attention.output_dense.get_weights()  # (N D, H), (H,)
    weights = []
    for one_kernel, one_bias in zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True):
        weights += [one_kernel.reshape(H, N, D), one_bias.reshape(N, D)]
    theirs.attention.set_weights([*weights, out_kernel.reshape(N, D, H), out_bias])

inputs = kbl.Preprocessor(tokenizer)(validation.text[:50])
real = ops.expand_dims(ops.cast(inputs["input_mask"], "float32"), 2)  # states of padding mean nothing
difference = (encoder(inputs)["sequence_output"] - keras_bert(inputs)["sequence_output"]) * real
print(f"{encoder.count_params():,} and {keras_bert.count_params():,} weights")
print(f"largest difference of a state: {float(ops.max(ops.abs(difference))):.1g}")

# %% [markdown]
# The difference is rounding: sums of 32-bit numbers in another order.
#
# From here on it is your turn. Everything that takes states (B, S, H) and gives states (B, S, H) can be a part of a block.
