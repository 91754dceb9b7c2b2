"""Operations of Keras 3 on images and sequences, and layers with rare arguments."""
import numpy as np

from golden_lib import Spec, case


@case("ops_image_quality", writers=("keras3",), only=["keras_v3"])
def ops_image_quality(w):
    ssim = w.keras.ops.image.ssim
    a, b = w.Input((12, 13, 3), name="a"), w.Input((12, 13, 3), name="b")
    outputs = [ssim(a, b), ssim(a, b, filter_size=5, filter_sigma=0.8, k1=0.05, k2=0.1, max_val=2.0)]
    x = w.uniform(3, 12, 13, 3)
    return Spec(w.Model([a, b], outputs), [x, np.clip(x + w.normal(3, 12, 13, 3, scale=0.2) * np.arange(3).reshape(3, 1, 1, 1), 0, 1).astype("float32")])


@case("ops_ctc_decode", writers=("keras3",), only=["keras_v3"], check64=False)
def ops_ctc_decode(w):
    x, n = w.Input((7, 4), name="x"), w.Input((), dtype="int32", name="n")
    decode = w.keras.ops.nn.ctc_decode
    outputs = []
    for more in (dict(), dict(merge_repeated=False, mask_index=3), dict(strategy="beam_search", beam_width=8, top_paths=2), dict(strategy="beam_search", beam_width=5, mask_index=2)):
        outputs += list(decode(x, n, **more))
    return Spec(w.Model([x, n], outputs), [w.normal(5, 7, 4, scale=2.0), np.array([7, 5, 1, 6, 3], "int32")])


@case("mel_spectrogram_window", writers=("keras3",), check64=False)
def mel_spectrogram_window(w):
    x = w.Input((64,), name="x")
    layer = w.L.MelSpectrogram(fft_length=16, sequence_stride=8, sequence_length=12, num_mel_bins=5, sampling_rate=800, window=[0.1, 0.3, 0.5, 0.8, 1.0, 1.0, 0.9, 0.7, 0.6, 0.4, 0.2, 0.1])
    return Spec(w.Model(x, layer(x)), w.normal(2, 64), rtol=1e-3, atol=1e-3)


@case("sparse_categories", check64=False)
def sparse_categories(w):
    x, t = w.Input((4,), dtype="int64", name="numbers"), w.Input((3,), dtype="string", name="words")
    sparse = [w.L.CategoryEncoding(num_tokens=6, output_mode="multi_hot", sparse=True)(x), w.L.StringLookup(vocabulary=["a", "b", "c"], output_mode="count", sparse=True)(t),
              w.L.IntegerLookup(vocabulary=[5, 3], output_mode="multi_hot", sparse=True)(x)]
    outputs = [w.L.Dense(3)(y) for y in sparse]
    return Spec(w.randomise(w.Model([x, t], outputs)), [np.array([[0, 1, 5, 5], [3, 3, 3, 2], [4, 0, 0, 1]], "int64"), np.array([b"a", b"z", b"a", b"b", b"c", b"", b"c", b"c", b"b"], "S").reshape(3, 3)])


@case("tf_functions_more", writers=("tfkeras",), only=["keras_v3"], check64=False)
def tf_functions_more(w):
    import tensorflow as tf
    x, m, t = w.Input((4,), batch_size=3, name="x"), w.Input((3, 3), batch_size=3, name="m"), w.Input((2,), batch_size=3, dtype="string", name="t")
    image = w.Input((5, 5, 2), batch_size=3, name="image")
    number = lambda texts: tf.strings.to_hash_bucket_fast(texts, 1000)
    boxes = tf.image.non_max_suppression(x, x[:, 1], 2, iou_threshold=0.3)
    overlaps = tf.image.non_max_suppression_overlaps(tf.matmul(x, x, transpose_b=True), x[:, 0], 3, overlap_threshold=0.4)
    outputs = [tf.gather(x, boxes), tf.cast(overlaps, "float32"), tf.linalg.tensor_diag(x[:, 2]), tf.math.special.bessel_k0e(tf.abs(x) + 0.5), tf.math.special.bessel_k1e(tf.abs(x) + 0.5),
               tf.nn.dilation2d(image, filters=np.full((2, 2, 2), 0.25, "float32"), strides=[1, 1, 1, 1], padding="SAME", data_format="NHWC", dilations=[1, 1, 1, 1]),
               tf.quantization.quantize_and_dequantize_v2(x, -2.0, 2.0, num_bits=5, range_given=True), number(tf.strings.reduce_join(t, axis=1, separator="-")), tf.strings.to_hash_bucket_strong(t, 11, [3, 5]),
               number(tf.io.encode_base64(t)), number(tf.io.decode_base64(tf.io.encode_base64(t, pad=True))), tf.linalg.band_part(m, 1, 0)]
    texts = np.array([b"a", b"bc", b"", b"xyz", b"\xff", b"q"], "S").reshape(3, 2)
    spec = Spec(w.Model([x, m, t, image], outputs), [w.normal(3, 4), w.normal(3, 3, 3), texts, w.normal(3, 5, 5, 2)])
    return spec


@case("time_distributed_stateful", writers=("keras3",), only=["keras_v3"], check64=False, no_savedmodel="the states of a layer inside TimeDistributed are no part of what Keras exports")
def time_distributed_stateful(w):
    x = w.Input(batch_shape=(2, 3, 4, 3), name="x")
    model = w.Model(x, w.L.TimeDistributed(w.L.LSTM(2, stateful=True))(x))
    for v in model.weights:
        if "kernel" in v.path or "bias" in v.path:
            v.assign(w.normal(*v.shape, scale=0.5))
        elif "seed" not in v.path:
            v.assign(np.zeros(v.shape, "float32"))
    return Spec(model, w.normal(2, 3, 4, 3))
