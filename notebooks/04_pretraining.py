# %% [markdown]
# # Pretraining: what the model reads, and what it makes of it
#
# BERT learns a language by filling gaps in texts. Here we prepare a small corpus, look at the batches that come out of it,
# train on them, and see what it matters which tokens are hidden.
#
# Nothing is downloaded, and two cores need about four minutes. So little time makes a toy: it learns which words are common,
# and begins to look at the neighbours of a gap. The steps are those of a real pretraining.

# %%
import contextlib
import os
import pathlib
import tempfile

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import keras_bert_lab as kbl
from keras_bert_lab.recipes import inspect_corpus
from keras_bert_lab.training import FillMaskExamples

# The tests set KERAS_BERT_LAB_TINY=1 to run every cell on few texts and for few steps. Only this line reads it.
TINY = os.environ.get("KERAS_BERT_LAB_TINY") == "1"
TEXTS, STEPS, LONGER, PAIR_STEPS = (120, 4, 4, 4) if TINY else (None, 960, 2800, 320)

scratch = tempfile.TemporaryDirectory()
folder = pathlib.Path(scratch.name)

# %% [markdown]
# ## Prepare once
#
# The package comes with 1,600 short reviews of invented films and 149 longer documents about films. We shuffle them and hold
# out every tenth: the model never learns from those, and neither does the vocabulary.

# %%
documents = kbl.sample_data("corpus")
order = np.random.default_rng(7).permutation(len(documents))[:TEXTS]
documents = [documents[number] for number in order]
(folder / "films.txt").write_text("\n\n".join(documents))  # a blank line between documents

numbers = np.arange(len(documents))
learned, held_out = numbers[numbers % 10 > 0], numbers[numbers % 10 == 0]
tokenizer = kbl.WordPieceTokenizer(kbl.train_wordpiece([documents[number] for number in learned], vocab_size=2000))

corpus = kbl.prepare_corpus(folder / "films.txt", tokenizer, folder / "corpus", show_progress=False)
print(f"{corpus.documents:,} documents, {corpus.sentences:,} sentences, {corpus.tokens:,} tokens")
for path in sorted(path for path in (folder / "corpus").rglob("*") if path.is_file()):
    print(f"{path.stat().st_size:>9,} bytes  {path.relative_to(folder)}")

# %% [markdown]
# `prepare_corpus` is the command `keras-bert-lab prepare`. It streams texts of any size, so this would look the same with
# many gigabytes. What it leaves is read by memory mapping: token ids, and where documents and sentences end.
#
# From now on `kbl.open_corpus(folder)` is enough. `inspect_corpus`, the command `inspect-corpus`, checks every byte and
# shows what is inside. In the rows of a batch at the end, `[MASK:word]` stands where the model sees `[MASK]`.

# %%
with contextlib.chdir(folder):
    found = inspect_corpus("corpus", rows=2, row_length=40, tokens=12, masked=True)

# %% [markdown]
# ## One batch
#
# `PretrainingBatches` makes batches of full rows. Most of our texts are shorter than a row of 128 tokens, so several
# share one.

# %%
masking = kbl.MaskingConfig(rate=0.3)  # BERT's own 15 % suit a larger corpus
batches = kbl.PretrainingBatches(corpus, sequence_length=128, batch_size=8, masking=masking, documents=learned)
inputs, targets, weights = batches.batch(0)

for name, values in inputs.items():
    print(f"{name:22} {values.dtype} {values.shape}")
print(f"{'targets, weights':22} {targets.shape} {weights.shape}")

example_ids = inputs["input_example_ids"]
texts = example_ids.max(axis=1).sum()
print(f"\n{texts} texts in {len(example_ids)} rows: {np.mean(example_ids > 0):.1%} of the slots filled in this batch")
print(f"one text a row: {np.sum(example_ids > 0) / (texts * 128):.1%} of the slots of {texts} rows")
print(f"whole epoch: {batches.rows:,} rows, {batches.filled:.1%} of the slots filled")

# %% [markdown]
# A picture of it. On the left each colour is a text, white is padding, and black marks the tokens that are to be predicted.
# On the right, one row: which token may look at which. Each text sees itself alone, as if it had a row of its own.

# %%
row = int(example_ids.max(axis=1).argmax())  # the row with the most texts
same_text = (example_ids[row][:, None] == example_ids[row]) & (example_ids[row] > 0)
hidden_rows, hidden_slots = np.nonzero(weights)[0], inputs["masked_lm_positions"][weights > 0]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.9), layout="constrained", width_ratios=[2.1, 1])
coloured = np.ma.masked_equal(example_ids, 0)
left.imshow(coloured, cmap="Set3", vmin=0.5, vmax=12.5, aspect="auto", interpolation="nearest")
left.scatter(hidden_slots, hidden_rows, s=7, marker="s", color="black")
left.set(xlabel="slot", ylabel="row", title="a batch: one colour for each text of a row")
right.imshow(np.where(same_text, example_ids[row], np.nan), cmap="Set3", vmin=0.5, vmax=12.5, interpolation="nearest")
right.set(xlabel="may look at this slot", ylabel="the token in this slot …", title=f"attention in row {row}")
plt.show()

# %% [markdown]
# ## A pure function
#
# There is no shuffle buffer and no position in a file. Batch number k follows from the seed and k alone. So a training can
# go on from any batch, any number of processes can each take its share of the same batch, and this cell can look into the
# future:

# %%
settings = {"sequence_length": 128, "batch_size": 8, "masking": masking, "documents": learned}
far = batches.batch(12_345)[0]["input_word_ids"]
again = kbl.PretrainingBatches(corpus, **settings).batch(12_345)[0]["input_word_ids"]
halves = [kbl.PretrainingBatches(corpus, **settings, slice=(part, 2)).batch(12_345)[0]["input_word_ids"] for part in (0, 1)]
print("made anew, the same: ", np.array_equal(far, again))
print("rows 0, 2, 4, …:     ", np.array_equal(far[0::2], halves[0]))
print("rows 1, 3, 5, …:     ", np.array_equal(far[1::2], halves[1]))

# %% [markdown]
# ## What is hidden
#
# BERT chose single tokens. Later models chose more: all pieces of a word, one to three words (ALBERT), whole spans of words
# (SpanBERT). Of what is chosen most is hidden, some is replaced by another token, and some is left as it is, but must be
# predicted all the same. We draw all four on one review, in two epochs each.

# %%
KINDS = {"hidden": "#f4a582", "replaced": "#ffe08a", "left as it is": "#b5dfa8"}


def drawn(unit, epoch, document):
    """Tokens of the document, and what happens to each in this epoch: a name of `KINDS`, or None."""
    how = kbl.MaskingConfig(rate=0.3, unit=unit)
    one = kbl.PretrainingBatches(corpus, 64, 1, how, documents=[document])  # a document that fits into one row
    inputs, targets, weights = one.batch(epoch * one.steps_per_epoch)
    real = weights[0] > 0
    seen = inputs["input_word_ids"][0][: inputs["input_mask"][0].sum()].copy()
    original, positions = seen.copy(), inputs["masked_lm_positions"][0][real]
    original[positions] = targets[0][real]
    kinds = np.full(len(seen), None)
    for position in positions:
        same, masked = seen[position] == original[position], seen[position] == corpus.vocabulary.mask_id
        kinds[position] = "hidden" if masked else "left as it is" if same else "replaced"
    return [tokenizer.vocabulary.tokens[index] for index in original], kinds


lengths = np.diff(corpus.document_splits)[learned]
review = int(learned[np.flatnonzero(lengths <= 30)[7 % np.sum(lengths <= 30)]])
lines = [(unit, epoch) for unit in ("token", "word", "ngram", "span") for epoch in (0, 1)]
figure, axes = plt.subplots(figsize=(11.5, 2.9), layout="constrained")
for height, (unit, epoch) in enumerate(reversed(lines)):
    place = 0
    axes.text(-1, height, f"{unit}, epoch {epoch}", ha="right", va="center", fontsize=9)
    for token, kind in zip(*drawn(unit, epoch, review), strict=True):
        box = {"facecolor": KINDS.get(kind, "none"), "edgecolor": "none", "pad": 1.5}
        axes.text(place, height, token, family="monospace", fontsize=8, va="center", bbox=box)
        place += len(token) + 1
axes.set(xlim=(-14, place), ylim=(-0.7, len(lines) - 0.3))
axes.axis("off")
for kind, colour in KINDS.items():
    axes.scatter([], [], marker="s", s=60, color=colour, label=kind)
axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=3, frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# Look for a long word that was cut into pieces. With single tokens one piece may be hidden while its neighbours give it away;
# with whole words that cannot happen. Spans leave larger gaps, and large stretches in between untouched; all tokens of a span
# share one fate.
#
# The two epochs differ: masks are drawn anew each time, so the model meets the same text with other gaps. `dynamic=False`
# keeps the first ones.
#
# ## Does it matter?
#
# We train the same small encoder in four ways: single tokens, words and spans with fresh masks, and single tokens with fixed
# ones. Each begins with the same weights and gets the same number of steps. All are measured in the same way: on the
# held-out documents, with 15 % of single tokens hidden, the same ones each time.
#
# The two tricks for a small corpus are those of the first notebook: larger starting weights, and positions that start as
# sine waves.

# %%
config = kbl.EncoderConfig(
    vocab_size=len(tokenizer.vocabulary),
    hidden_size=128,
    num_layers=2,
    num_heads=4,
    intermediate_size=512,
    max_positions=128,
    dropout=0.0,  # few words and few epochs: what is seen should be learned
    attention_dropout=0.0,
    initializer_range=0.05,
)
preprocessor = kbl.Preprocessor(tokenizer, max_length=128)
angles = np.arange(128)[:, None] / 1000.0 ** (np.arange(0, 128, 2) / 128)
sine_waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(128, 128)


def new_model(next_sentence=False):
    keras.utils.set_random_seed(7)
    encoder = kbl.Encoder(config)
    encoder.embeddings.position.embeddings.assign(0.2 * sine_waves)
    return kbl.MaskedLanguageModel(encoder, preprocessor, next_sentence)


def schedule(steps):
    return kbl.AdamW(kbl.LinearWarmupDecay(2e-3, total_steps=steps, warmup_steps=steps // 10))


measure = kbl.PretrainingBatches(corpus, 128, 32, documents=held_out, seed=1, fill_last_batch=False)  # 15 % of single tokens
ways = {
    "token": kbl.MaskingConfig(rate=0.3),
    "word": kbl.MaskingConfig(rate=0.3, unit="word"),
    "span": kbl.MaskingConfig(rate=0.3, unit="span"),
    "token, fixed": kbl.MaskingConfig(rate=0.3, dynamic=False),
}
rounds = min(STEPS, 8)  # times that each is measured
histories = {}
for name, masking in ways.items():
    train = kbl.PretrainingBatches(corpus, 128, 8, masking, documents=learned)
    model = new_model()
    model.compile(schedule(STEPS))
    fit = model.fit(train, epochs=rounds, steps_per_epoch=STEPS // rounds, validation_data=measure, verbose=0)
    histories[name] = fit.history

tokens = sum(measure.batch(step)[2].sum() for step in range(measure.steps_per_epoch))
print(f"{STEPS} steps are {STEPS / train.steps_per_epoch:.1f} epochs; measured on {tokens:,.0f} hidden tokens")
columns = {"loss": "loss, as trained", "val_loss": "loss, held out", "val_accuracy": "accuracy, held out"}
last = {name: {columns[key]: history[key][-1] for key in columns} for name, history in histories.items()}
pd.DataFrame(last).T.round(3)

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.7), layout="constrained")
steps = np.arange(1, rounds + 1) * (STEPS // rounds)
for (name, history), style in zip(histories.items(), ("C0o-", "C1s-", "C2^-", "C0o--"), strict=True):
    axes.plot(steps, history["val_loss"], style, label=name)
axes.set(xlabel="step", ylabel="loss per hidden token", title="held-out documents, 15 % of single tokens hidden")
axes.grid(alpha=0.3)
axes.legend(title="trained on")
plt.show()

# %% [markdown]
# **Fixed masks** go their own way. After a few epochs the model knows these gaps by heart: its loss in training is the
# lowest of all, while on held-out documents it grows worse again. Fresh masks cost nothing, so there is no reason for fixed
# ones, but to compare with older work.
#
# **Tokens, words and spans** end close together, and their order here says little. The measure hides single tokens, which is
# what only the first model was trained for; it is one seed, a few minutes, and some two thousand tokens. The losses in
# training cannot be compared at all, because the gaps differ: a hidden piece beside the rest of its word is easy to guess,
# the middle of a span is hard. What counts is how well an encoder does in the task that you want it for: fine-tune, and
# compare there.
#
# ## Watched while it learns
#
# A loss says little about what a model can do. `FillMaskExamples` lets it fill the same gaps after each round; the command
# `pretrain` does the same with sentences that were held out. We train once more, from the same weights, for longer and with
# whole words.

# %%
gaps = ["It is one [MASK] the best films.", "I did [MASK] like it.", "The film [MASK] dull.", "I laughed and [MASK]."]
shown = min(LONGER, 4)  # times that the gaps are filled


def print_place(epoch, logs):
    print(f"after {(epoch + 1) * (LONGER // shown):,} steps, loss {logs['loss']:.2f}")


model = new_model()
model.compile(schedule(LONGER))
model.fit(
    kbl.PretrainingBatches(corpus, 128, 8, ways["word"], documents=learned),
    epochs=shown,
    steps_per_epoch=LONGER // shown,
    verbose=0,
    callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=print_place), FillMaskExamples(gaps)],
)
print("held out:", {name: round(value, 3) for name, value in model.evaluate(measure, return_dict=True, verbose=0).items()})

# %% [markdown]
# At first the same tokens stand in every gap, the commonest ones. Then the answers begin to differ from gap to gap: the model
# has begun to look at what is around. Good answers take more text and more time; compare the last held-out loss with those
# above.
#
# ## Two sentences
#
# BERT also learned whether a text follows another one. With `sentence_pairs="next"` each text in a row is a pair,
# `[CLS] first [SEP] second [SEP]`; in half of them the second part comes from another document. `"order"`, ALBERT's way, swaps
# the two parts instead.

# %%
pair_settings = {"sequence_length": 128, "batch_size": 8, "sentence_pairs": "next"}
pairs = kbl.PretrainingBatches(corpus, documents=learned, **pair_settings)
inputs, targets, weights = pairs.batch(0)
print("targets:", {name: values.shape for name, values in targets.items()}, "\n")

whole = inputs["input_word_ids"].copy()  # the texts without gaps, for us
real = weights["masked_lm_ids"] > 0
whole[np.nonzero(real)[0], inputs["masked_lm_positions"][real]] = targets["masked_lm_ids"][real]
for row in range(2):
    for number in range(1, inputs["input_example_ids"][row].max() + 1):
        ids = whole[row][inputs["input_example_ids"][row] == number]
        label, counts = (part["next_sentence_labels"][row, number - 1] for part in (targets, weights))
        kind = ["follows", "from elsewhere"][label] if counts else "a document of one sentence: no pair"
        shown_text = " ".join(tokenizer.vocabulary.tokens[index] for index in ids).replace(" ##", "")
        print(f"{kind}\n    {shown_text}")

# %% [markdown]
# We go on from the encoder that was just trained: a model with `next_sentence=True` has a head for pairs beside the one for
# words, and learns both at once. Its loss is the sum of the two.

# %%
both = kbl.MaskedLanguageModel(model.encoder.copy(), preprocessor, next_sentence=True)
both.head.set_weights(model.head.get_weights())
both.compile(schedule(PAIR_STEPS))
held_out_pairs = kbl.PretrainingBatches(corpus, documents=held_out, seed=1, fill_last_batch=False, **pair_settings)
both.fit(pairs, epochs=1, steps_per_epoch=PAIR_STEPS, verbose=0)
found = both.evaluate(held_out_pairs, return_dict=True, verbose=0)
print({name: round(float(value), 3) for name, value in found.items()})

steps = range(held_out_pairs.steps_per_epoch)
labels, counted = (
    np.concatenate([held_out_pairs.batch(step)[part]["next_sentence_labels"].ravel() for step in steps]) for part in (1, 2)
)
labels = labels[counted > 0]
print(f"{len(labels)} held-out pairs; always the commoner answer: {max(labels.mean(), 1 - labels.mean()):.3f}")

# %% [markdown]
# Better than chance, and by how much differs from run to run: with so few pairs an accuracy is known to some seven points.
# It need not mean that the model understands how sentences follow each other. Our corpus mixes reviews with longer prose, so
# a second part of another kind gives itself away. The topic does the same in any corpus, which is why ALBERT asks for the
# order instead: put `"order"` in place of `"next"` above, and see how much harder that is.
#
# ## What to read next
#
# - [docs/pretraining.md](../docs/pretraining.md): the command `pretrain` with its recipes, growing batches, batches in parts,
#   going on from other people's models, and learning from a teacher.
# - [docs/corpora.md](../docs/corpora.md): corpora of any size, prepared by one process or many.
# - [01_from_scratch](01_from_scratch.ipynb): from such an encoder to a classifier, and its export.
# - [03_plug_in_pretrained](03_plug_in_pretrained.ipynb): encoders that others have pretrained for weeks.

# %%
scratch.cleanup()
