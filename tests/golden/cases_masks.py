"""Masks from Embedding(mask_zero) and Masking, and where they flow."""
import numpy as np

from golden_lib import Spec, case


def masked_ids(w, batch=5, steps=7, high=12):
    """Rows with the mask on the right, the left, in the middle, nowhere, and everywhere."""
    ids = w.ints(batch, steps, low=1, high=high)
    ids[0, steps - 3:] = 0
    ids[1, :2] = 0
    ids[2, 2:4] = 0
    if batch > 4:
        ids[4, :] = 0
    return ids


@case("mask_embedding_lstm", save_tf=True, also_weights_h5=True)
def mask_embedding_lstm(w):
    ids = w.Input((None,), dtype="int32", name="ids")
    e = w.L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    return Spec(w.randomise(w.Model(ids, w.L.LSTM(4, name="lstm")(e))), masked_ids(w))
