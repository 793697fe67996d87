"""The heads' weights under names of their own, as in `HeadTable`.

| our name | of | shape |
|---|---|---|
| mlm.transform.kernel, .bias; mlm.norm.gamma, .beta; mlm.bias | MaskedLMHead | (H, E), (E,); (E,); (V,) |
| next.kernel, .bias | NextSentenceHead | (H, 2), (2,) |
| classifier.transform, classifier.classes: .kernel, .bias | ClassificationHead | (H, H), (H,); (H, C), (C,) |

H hidden, E width of the token table, V vocabulary, C classes.
"""

from __future__ import annotations

import keras

from keras_bert_lab.formats.encoder_weights import Slot, layer_slots
from keras_bert_lab.heads import ClassificationHead, MaskedLMHead, NextSentenceHead

__all__ = ["head_slots"]


def head_slots(head: keras.layers.Layer) -> dict[str, Slot]:
    """Names and places of the weights of a head.

    Raises:
        TypeError: a layer that is none of the heads.
    """
    if isinstance(head, MaskedLMHead):
        slots = layer_slots("mlm.transform", head.transform) | layer_slots("mlm.norm", head.norm)
        return slots | {"mlm.bias": Slot(head.bias)}
    if isinstance(head, NextSentenceHead):
        return layer_slots("next", head.classes)
    if isinstance(head, ClassificationHead):
        slots = {} if head.transform_layer is None else layer_slots("classifier.transform", head.transform_layer)
        return slots | layer_slots("classifier.classes", head.classes)
    raise TypeError(f"head must be a MaskedLMHead, a NextSentenceHead or a ClassificationHead. Received: {head!r}")
