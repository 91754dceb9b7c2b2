"""Normalisation beyond the last axis: groups, unit length, root mean square, renormalised batches, wrapped kernels."""
from golden_lib import Spec, case


@case("group_norm_arguments", h5=True)
def group_norm_arguments(w):
    L = w.L
    x, s, v = w.Input((None, 4, 6), name="x"), w.Input((5, 4), name="s"), w.Input((6,), name="v")
    outs = [L.GroupNormalization(groups=2, name="unknown_rows")(x), L.GroupNormalization(groups=4, axis=-2, name="inner")(x),
            L.GroupNormalization(groups=1, name="one_group")(s), L.GroupNormalization(groups=-1, axis=1, epsilon=0.1, name="instance")(s),
            L.GroupNormalization(groups=2, scale=False, center=False, name="vector")(v)]
    return Spec(w.randomise(w.Model([x, s, v], outs)), [w.normal(3, 3, 4, 6), w.normal(3, 5, 4), w.normal(3, 6)])


@case("unit_and_rms_norm", h5=True)
def unit_and_rms_norm(w):
    """A row of zeros stays zero."""
    L, x = w.L, w.Input((4, 4), name="x")
    outs = [L.UnitNormalization(name="unit")(x), L.UnitNormalization(axis=(1, 2), name="unit_both")(x), L.UnitNormalization(axis=1, name="unit_first")(x)]
    if not w.k2:
        outs += [L.RMSNormalization(name="rms")(x), L.RMSNormalization(axis=[1, 2], epsilon=0.05, name="rms_both")(x), L.RMSNormalization(axis=1, name="rms_first")(x),
                 L.LayerNormalization(rms_scaling=True, name="rms_scaling")(x), L.LayerNormalization(rms_scaling=True, axis=[1, 2], epsilon=0.02, name="rms_scaling_both")(x)]
    data = w.normal(3, 4, 4)
    data[1, 2] = 0
    return Spec(w.randomise(w.Model(x, outs)), data)


def spectral_norm_of_tf_keras():
    """The layer asks tf.keras for InputSpec, which from TensorFlow 2.16 on is that of Keras 3."""
    import tensorflow
    import tf_keras
    from tf_keras.src.layers.normalization import spectral_normalization as module

    class TensorFlow:
        keras = tf_keras

        def __getattr__(self, name):
            return getattr(tensorflow, name)
    module.tf = TensorFlow()


@case("spectral_norm", h5=True)
def spectral_norm(w):
    if w.k2:
        spectral_norm_of_tf_keras()
    L = w.L
    x, s, i = w.Input((6, 6, 2), name="x"), w.Input((5,), name="s"), w.Input((4,), dtype="int32", name="i")
    outs = [L.SpectralNormalization(L.Conv2D(3, 3, activation="tanh", name="conv"), name="sn_conv")(x),
            L.SpectralNormalization(L.Dense(4, use_bias=False, name="dense"), power_iterations=3, name="sn_dense")(s)]
    if w.k2:
        outs.append(L.SpectralNormalization(L.Embedding(7, 3, name="embedding"), name="sn_embedding")(i))
    else:
        outs.append(L.Embedding(7, 3, name="embedding")(i))
    return Spec(w.randomise(w.Model([x, s, i], outs)), [w.normal(3, 6, 6, 2), w.normal(3, 5), w.ints(3, 4, low=0, high=7)])


@case("batchnorm_renorm", h5=True, only=("keras_v3", "keras_h5"))
def batchnorm_renorm(w):
    L, x = w.L, w.Input((4, 3), name="x")
    outs = [L.BatchNormalization(renorm=True, name="renorm")(x), L.BatchNormalization(renorm=True, axis=1, scale=False, renorm_clipping=dict(rmax=3.0, rmin=0.3, dmax=5.0), name="renorm_axis")(x)]
    if w.k2:
        outs += [L.BatchNormalization(axis=[1, 2], name="two_axes")(x), L.experimental.SyncBatchNormalization(name="sync")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 3))


@case("masked_norms")
def masked_norms(w):
    """Masks pass through normalisation and do not change it."""
    L, x = w.L, w.Input((5, 3), name="x")
    m = L.Masking(name="mask")(x)
    outs = [L.LSTM(2, name="behind_batchnorm")(L.BatchNormalization(name="bn")(m)), L.LSTM(2, name="behind_layernorm")(L.LayerNormalization(name="ln")(m)),
            L.LSTM(2, name="behind_unit")(L.UnitNormalization(name="unit")(m))]
    if not w.k2:
        outs.append(L.LSTM(2, name="behind_groups")(L.GroupNormalization(groups=3, name="groups")(m)))
    data = w.normal(3, 5, 3)
    data[0, 3:] = 0
    data[2, 1] = 0
    return Spec(w.randomise(w.Model(x, outs)), data)
