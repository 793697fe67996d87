"""Low-rank adaptation of an encoder."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterator, Sequence

import keras
from keras import ops

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder.added_layers import add_layers, train_added_layers
from keras_bert_lab.encoder.encoder import Encoder
from keras_bert_lab.encoder.late_layers import begin_anew
from keras_bert_lab.encoder.lora_sites import LoraSite, lora_sites, updates_of
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate, check_alpha
from keras_bert_lab.encoder.set_trainable import TrainableCounts, own_encoder_in

__all__ = ["add_lora", "merge_lora", "merged_lora"]


def _named(name: str, pattern: str) -> bool:
    """Whether a pattern names a product, a layer that holds it, or the last parts of either.

    Example:
        >>> [_named("block_0/attention/query", it) for it in ("query", "attention", "block_0", "block_1", "*/query")]
        [True, True, True, False, True]
    """
    parts = name.split("/")
    runs = [parts[start:stop] for start in range(len(parts)) for stop in range(start + 1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase("/".join(run), pattern) for run in runs)


def _chosen(sites: list[LoraSite], targets: str | Sequence[str]) -> list[LoraSite]:
    patterns = targets.split(",") if isinstance(targets, str) else targets if isinstance(targets, (list, tuple)) else None
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"targets must be names separated by commas, or a list of names. Received: targets={targets!r}")
    patterns = ["*" if pattern.strip() == "all" else pattern.strip() for pattern in patterns]
    for pattern in patterns:
        if not any(_named(site.name, pattern) for site in sites):
            known = (
                ", ".join(site.name for site in sites if site.name.startswith("block_0/")) or "none: its layers are your own"
            )
            raise ValueError(
                f'targets must name products of the blocks: "query, value", "attention", "all", or patterns. Received: '
                f"{pattern!r}, which names none. Those of the first block are {known}."
            )
    return [site for site in sites if any(_named(site.name, pattern) for pattern in patterns)]


def add_lora(
    layer: keras.layers.Layer, rank: int = 8, alpha: float | None = None, targets: str | Sequence[str] = "query, value"
) -> TrainableCounts:
    """Freeze an encoder, and train small matrices beside its own instead.

        x W  becomes  x W + (alpha / rank) * x A B

    B starts from zeros: outputs are what they were until the first step of training. Heads beside the encoder are left as they
    are. Files, copies and `ResumableTraining` keep the matrices.

    Args:
        layer: the model that is to be trained, or its Encoder. Give the model if it is compiled or has predicted: it is
            compiled again with the same settings, and its optimizer begins anew.
        rank: width of A and height of B, at least 1. One update of a product with an (in, out) matrix has
            rank * (in + out) numbers.
        alpha: strength of the updates, above 0; None = `rank`, a factor of 1.
        targets: which products, as names separated by commas or as a list: "query", "key", "value"; "attention" (these and
            its output); "feed_forward"; "all"; or patterns of full names such as "block_1*/attention/query". The names end in
            `attention/query`, `attention/key`, `attention/value`, `attention/output_dense`, `feed_forward/intermediate` and
            `feed_forward/output_dense`.

    Returns:
        The numbers of trained and frozen weights of `layer`.

    Raises:
        TypeError: `targets` is no text; a HubEncoder, which is sealed.
        ValueError: no encoder or several; an impossible rank or alpha; targets that name nothing; an encoder that has updates
            already, or is quantised.

    Reference: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models". They update query and value, too.

    Example:
        >>> from keras_bert_lab.config import EncoderConfig
        >>> encoder = Encoder(EncoderConfig.preset("bert_tiny", vocab_size=100))
        >>> print(add_lora(encoder, rank=4))  # 2 blocks * 2 products * 4 * (128 + 128)
        4,096 of 496,000 parameters are trained (8 of 39 weights)
    """
    encoder = own_encoder_in(layer)
    check_integer("rank", rank, 1)
    check_alpha(alpha)
    sites = lora_sites(encoder.blocks)
    chosen = _chosen(sites, targets)
    present = [site.name for site in sites if site.update is not None]
    if present:
        raise ValueError(
            f"layer must have no low-rank updates yet. Received: {encoder.name!r} with those of {', '.join(present)}. "
            "Use merge_lora first, or choose what is trained with set_trainable."
        )
    for site in chosen:
        reason = site.refuse()
        if reason is not None:
            raise ValueError(
                f"layer must hold plain dense layers. Received: {encoder.name!r}, of which {site.name} {reason}. "
                "Add the updates to the encoder as it was loaded; quantise it after merge_lora."
            )
    names = [site.name for site in chosen]
    add_layers(encoder, lora={"rank": rank, "alpha": float(rank if alpha is None else alpha), "targets": names})
    train_added_layers(encoder)
    begin_anew(layer)
    return TrainableCounts.of(layer)


def merge_lora(layer: keras.layers.Layer) -> TrainableCounts:
    """Add the low-rank updates of an encoder to its weights, and take them away: it is as fast and as small as before.

    Outputs stay the same but for rounding: 1e-6 in float32, that of the format in half precision. What was frozen stays so:
    `set_trainable` changes that.

    Args:
        layer: the model, or its Encoder. Give the model if it is compiled or has predicted, as for `add_lora`.

    Returns:
        The numbers of trained and frozen weights of `layer`.

    Raises:
        TypeError: a HubEncoder, which is sealed.
        ValueError: no encoder or several; an encoder without updates, or one that was quantised with them.

    Example:
        >>> from keras_bert_lab.config import EncoderConfig
        >>> encoder = Encoder(EncoderConfig.preset("bert_tiny", vocab_size=100))
        >>> _ = add_lora(encoder, rank=1, targets="all")
        >>> print(merge_lora(encoder))
        0 of 491,904 parameters are trained (0 of 31 weights)
    """
    encoder = own_encoder_in(layer)
    updates = updates_of(encoder.blocks)
    if not updates:
        raise ValueError(f"layer must have low-rank updates. Received: {encoder.name!r} without. Use add_lora first.")
    _refuse_quantised(updates)
    for site, update in updates:
        site.merge(update)
        update.b.assign(ops.zeros(update.b.shape))  # graphs that were traced before still add it
        site.detach()
    begin_anew(layer)
    return TrainableCounts.of(layer)


@contextlib.contextmanager
def merged_lora(layer: keras.layers.Layer) -> Iterator[None]:
    """Inside, the low-rank updates of all encoders in a layer are part of their weights; afterwards all is as before, exactly.

    For what writes models in forms that have no place for the updates.

    Args:
        layer: an Encoder or a model; without updates, nothing happens.

    Raises:
        ValueError: an encoder that was quantised with its updates.
    """
    encoders = [part for part in layer._flatten_layers() if isinstance(part, Encoder)]
    updates = [pair for encoder in encoders for pair in updates_of(encoder.blocks)]
    _refuse_quantised(updates)
    kernels = {id(site.dense): (site.dense.kernel, ops.convert_to_numpy(site.dense.kernel).copy()) for site, _ in updates}
    try:
        for site, update in updates:
            site.merge(update)
            site.detach()
        yield
    finally:
        for kernel, values in kernels.values():
            kernel.assign(values)
        for site, update in updates:
            if site.update is None:
                site.attach(update)


def _refuse_quantised(updates: list[tuple[LoraSite, LowRankUpdate]]) -> None:
    for site, _ in updates:
        if site.dense.quantization_mode is not None:
            raise ValueError(
                f"layer must not be quantised before its updates are merged. Received: {site.name}, which {site.refuse()}. "
                "Use merge_lora first, then quantise."
            )
