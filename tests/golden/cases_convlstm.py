"""Convolutional recurrence of every rank, with states, masks and both directions."""
from golden_lib import Spec, case


@case("conv_lstm_ranks", h5="keras3")
def conv_lstm_ranks(w):
    L = w.L
    one, two, three = w.Input((3, 7, 2), name="one"), w.Input((3, 5, 4, 2), name="two"), w.Input((2, 3, 4, 3, 2), name="three")
    outs = [L.ConvLSTM1D(3, 3, strides=2, return_sequences=True, name="strided")(one), L.ConvLSTM1D(2, 2, dilation_rate=2, padding="same", activation="relu", name="dilated")(one),
            L.ConvLSTM2D(2, (2, 3), dilation_rate=(2, 1), unit_forget_bias=False, name="two_dilated")(two),
            L.ConvLSTM2D(3, (3, 2), strides=(2, 1), padding="same", use_bias=False, recurrent_activation="sigmoid", name="two_strided")(two),
            *L.ConvLSTM2D(2, 2, return_sequences=True, return_state=True, go_backwards=True, dropout=0.2, recurrent_dropout=0.2, name="backwards")(two),
            L.ConvLSTM3D(2, 2, padding="same", return_sequences=True, name="cube")(three), L.ConvLSTM3D(3, (1, 2, 3), name="cube_last")(three)]
    return Spec(w.randomise(w.Model([one, two, three], outs)), [w.normal(3, 3, 7, 2), w.normal(3, 3, 5, 4, 2), w.normal(2, 2, 3, 4, 3, 2)])


@case("conv_lstm_channels_first", run=False)
def conv_lstm_channels_first(w):
    L = w.L

    def build(x, order):
        return [L.ConvLSTM2D(3, 2, data_format=order, return_sequences=True, name="seq")(x), *L.ConvLSTM2D(2, 3, data_format=order, padding="same", return_state=True, name="state")(x)]
    x = w.Input((3, 2, 5, 4), name="x")
    first = w.randomise(w.Model(x, build(x, "channels_first")))
    y = w.Input((3, 2, 5, 4), name="x")
    outs = build(L.Permute((1, 3, 4, 2), name="to_last")(y), "channels_last")
    last = w.Model(y, [L.Permute((1, 4, 2, 3) if len(t.shape) == 5 else (3, 1, 2))(t) for t in outs])
    last.set_weights(first.get_weights())
    return Spec(first, w.normal(2, 3, 2, 5, 4), expected_model=last, oracle=w.oracle + ", channels_last model with the same weights",
                note="channels_first: the writer itself cannot run it on a CPU")


@case("conv_lstm_states")
def conv_lstm_states(w):
    """States from one layer to the next, masks of whole steps, two directions."""
    L = w.L
    x, keep = w.Input((4, 4, 3, 2), name="x"), w.Input((4,), dtype="bool", name="keep")
    y, h, c = L.ConvLSTM2D(3, 2, padding="same", return_sequences=True, return_state=True, name="encoder")(x)
    outs = [L.ConvLSTM2D(3, 2, padding="same", name="decoder")(x, initial_state=[h, c]), L.ConvLSTM2D(2, 2, return_sequences=True, name="masked")(x, mask=keep),
            *L.ConvLSTM2D(2, 2, return_state=True, name="masked_state")(x, mask=keep),
            L.Bidirectional(L.ConvLSTM2D(2, 2, return_sequences=True, name="inner"), name="both")(x), L.Bidirectional(L.ConvLSTM2D(2, 2, name="inner_last"), merge_mode="sum", name="both_last")(x),
            L.Bidirectional(L.ConvLSTM2D(2, 2, return_sequences=True, name="inner_masked"), merge_mode="ave", name="both_masked")(x, mask=keep),
            L.TimeDistributed(L.Dense(2, name="dense"), name="dense_of_steps")(y)]
    mask = w.rng.random((3, 4)) < 0.6
    mask[0] = [False, True, False, True]
    return Spec(w.randomise(w.Model([x, keep], outs)), [w.normal(3, 4, 4, 3, 2), mask])


@case("conv_lstm_stateful", check64=False)
def conv_lstm_stateful(w):
    L = w.L
    x = w.Input(batch_shape=(2, 3, 4, 4, 1), name="x")
    y = L.ConvLSTM2D(2, 2, stateful=True, return_sequences=True, name="seq")(x)
    outs = [L.ConvLSTM2D(2, 3, padding="same", stateful=True, name="last")(y)]
    calls = [[w.normal(2, 3, 4, 4, 1)] for _ in range(2)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 3, 4, 4, 1), calls=calls)


@case("conv_lstm_saved_model", keras3=dict(only=("savedmodel",)), tfkeras=dict(only=("savedmodel",)))
def conv_lstm_saved_model(w):
    L, x = w.L, w.Input((3, 5, 4, 2), name="x")
    return Spec(w.randomise(w.Model(x, L.ConvLSTM2D(2, 2, padding="same", name="lstm")(x))), w.normal(3, 3, 5, 4, 2))
