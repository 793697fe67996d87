"""The sample data is large, varied and balanced enough to measure models on, and does not change."""

import collections
import hashlib
import importlib.resources
import re

import numpy as np
import pytest

import keras_bert_lab as kbl

# Frozen before any model saw them: whoever changes a file changes what every recorded score means.
FROZEN = {
    "reviews.csv": "52801bad93f147ecce1d3c4550217f76c025eaf94ff576b4959cc5e0e8add258",
    "prose.txt": "094ec1b7fb5f8496c77467cceff3a3253bc06e8b6145c9a3c4c5afd0012b2b7a",
}


def words(text):
    return re.findall(r"[\w']+", text.lower())


def distinct_share(texts, size):
    grams = collections.Counter()
    for text in texts:
        found = words(text)
        grams.update(zip(*(found[start:] for start in range(size)), strict=False))
    return len(grams) / grams.total()


@pytest.fixture(scope="module")
def reviews():
    return kbl.sample_data("reviews")


@pytest.fixture(scope="module")
def corpus():
    return kbl.sample_data("corpus")


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_files_are_frozen(name):
    content = (importlib.resources.files("keras_bert_lab.data") / "samples" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == FROZEN[name]


def test_reviews_are_a_table_of_enough_text(reviews):
    assert list(reviews.columns) == ["text", "label", "split"]
    assert len(reviews) == 1600
    assert sum(len(words(text)) for text in reviews["text"]) >= 20_000
    assert all(isinstance(text, str) and text.strip() == text and words(text) for text in reviews["text"])


def test_reviews_are_split_and_balanced(reviews):
    assert reviews.groupby(["split", "label"]).size().to_dict() == {
        ("train", "neg"): 600,
        ("train", "pos"): 600,
        ("test", "neg"): 200,
        ("test", "pos"): 200,
    }


def test_reviews_stand_in_mixed_order(reviews):
    """A model trained on the first half must see both labels."""
    first_half = reviews["label"][:800]
    assert 0.4 < (first_half == "pos").mean() < 0.6


def test_reviews_hold_no_text_twice(reviews):
    assert len({" ".join(words(text)) for text in reviews["text"]}) == 1600


def test_reviews_are_not_made_from_a_template(reviews):
    assert distinct_share(reviews["text"], 4) >= 0.9


def test_no_two_reviews_are_alike(reviews):
    sets = [set(words(text)) for text in reviews["text"]]
    place = {word: index for index, word in enumerate(sorted(set().union(*sets)))}
    has = np.zeros((len(sets), len(place)), np.float32)
    for row, found in enumerate(sets):
        has[row, [place[word] for word in found]] = 1
    common = has @ has.T  # words that two reviews share: |A and B|
    sizes = has.sum(axis=1)
    jaccard = common / (sizes[:, None] + sizes - common)
    np.fill_diagonal(jaccard, 0)
    assert jaccard.max() <= 0.5


def test_label_is_not_given_away_by_length(reviews):
    lengths = reviews["text"].map(lambda text: len(words(text)))
    means = lengths.groupby(reviews["label"]).mean()
    assert abs(means["pos"] - means["neg"]) < 0.15 * lengths.mean()


def test_corpus_holds_the_reviews_and_as_much_other_prose(reviews, corpus):
    assert isinstance(corpus, list)
    assert corpus[:1600] == list(reviews["text"])
    prose = corpus[1600:]
    count = sum(len(words(text)) for text in reviews["text"])
    assert sum(len(words(document)) for document in prose) >= count
    assert not set(prose) & set(reviews["text"])
    assert distinct_share(prose, 4) >= 0.9


def test_prose_has_one_sentence_a_line(corpus):
    lines = [line for document in corpus[1600:] for line in document.split("\n")]
    assert all(line == line.strip() and words(line) for line in lines)
    ends = [bool(re.search(r"[.!?:;…][\"'”’)]*$", line)) for line in lines]
    assert sum(ends) >= 0.99 * len(lines)
    assert all(document.count("\n") >= 1 for document in corpus[1600:])


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of \['corpus', 'reviews'\]\. Received: name='review'"):
        kbl.sample_data("review")
