"""LSTM, GRU, SimpleRNN, RNN over cells: every argument, states in and out."""
from golden_lib import Spec, case


def _lstm_variants(w, x):
    L = w.L
    return [L.LSTM(4, name="last")(x), L.LSTM(4, return_sequences=True, name="seq")(x),
            L.LSTM(3, use_bias=False, unit_forget_bias=False, name="no_bias")(x),
            L.LSTM(3, go_backwards=True, return_sequences=True, name="backwards_seq")(x),
            L.LSTM(3, go_backwards=True, name="backwards_last")(x),
            *L.LSTM(3, return_state=True, name="state")(x),
            *L.LSTM(3, return_state=True, return_sequences=True, dropout=0.2, recurrent_dropout=0.3, name="seq_state")(x)]


@case("lstm", save_tf=True, also_weights_h5=True)
def lstm(w):
    x = w.Input((None, 5), name="x")
    return Spec(w.randomise(w.Model(x, w.L.LSTM(6, return_sequences=True, name="lstm")(x))), w.normal(3, 7, 5))


@case("lstm_arguments")
def lstm_arguments(w):
    x = w.Input((None, 5), name="x")
    return Spec(w.randomise(w.Model(x, _lstm_variants(w, x))), w.normal(3, 6, 5))


@case("gru", save_tf=True, also_weights_h5=True)
def gru(w):
    x = w.Input((None, 5), name="x")
    return Spec(w.randomise(w.Model(x, w.L.GRU(6, return_sequences=True, name="gru")(x))), w.normal(3, 7, 5))
