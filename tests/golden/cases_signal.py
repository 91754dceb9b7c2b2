"""tf.signal between the layers of a tf-keras model: frames, short-time transforms, cosine transforms, windows."""
from golden_lib import Spec, case


@case("tf_signal", writers=("tfkeras",), check64=False, no_savedmodel="its graph of 60 kB holds the ops of numeric/audio")
def tf_signal(w):
    import tensorflow as tf
    s = tf.signal
    x, v = w.Input((21,), name="x"), w.Input((None,), name="v")
    t, u = w.Input((12, 2), name="t"), w.Input((12,), dtype="int32", name="u")
    parts = lambda z: [tf.math.real(z), tf.math.imag(z)]
    outs = [s.frame(x, 8, 3), s.frame(x, 8, 5, pad_end=True, pad_value=0.5), s.frame(v, 6, 4), s.frame(v, 6, 4, pad_end=True), s.frame(t, 5, 3, axis=1),
            s.frame(u, 4, 3, pad_end=True), s.overlap_and_add(s.frame(x, 8, 3), 3), s.overlap_and_add(s.frame(v, 6, 4), 5), s.overlap_and_add(s.frame(u, 4, 3), 4)]
    short = s.stft(x, 7, 4)
    free = s.stft(v, 6, 3, fft_length=10, pad_end=True)
    outs += parts(short) + parts(free) + parts(s.stft(x, 10, 5, fft_length=6, window_fn=None))
    outs += [s.inverse_stft(short, 7, 4), s.inverse_stft(free, 6, 3, fft_length=10, window_fn=None), s.inverse_stft(free, 12, 4, fft_length=8)]
    for kind in (1, 2, 3, 4):
        outs += [s.dct(x, type=kind), s.idct(v, type=kind)]
        if kind > 1:
            outs += [s.dct(v, type=kind, norm="ortho"), s.idct(x, type=kind, norm="ortho")]
    outs += [s.dct(x, n=9), s.dct(x, n=30, type=3), s.dct(v, n=8), s.mfccs_from_log_mel_spectrograms(x), s.mfccs_from_log_mel_spectrograms(v)]
    cosine = s.mdct(x, 8)
    outs += [cosine, s.mdct(v, 8, norm="ortho", pad_end=True, window_fn=None), s.inverse_mdct(cosine), s.inverse_mdct(cosine, norm="ortho", window_fn=None)]
    outs += [s.fftshift(x), s.ifftshift(t, axes=[1, 2]), s.fftshift(v, axes=1), s.ifftshift(v, axes=1)]
    n, m = tf.shape(v)[1], tf.shape(x)[1]
    for size in (n, m):
        outs += [s.hann_window(size), s.hamming_window(size, periodic=False), s.vorbis_window(size), s.kaiser_window(size), s.kaiser_window(size, beta=4.0), s.kaiser_bessel_derived_window(size)]
    return Spec(w.Model([x, v, t, u], outs), [w.normal(2, 21), w.normal(2, 15), w.normal(2, 12, 2), w.ints(2, 12)], flat_outputs=range(len(outs)))


@case("tf_image_bytes", writers=("tfkeras",), check64=False)
def tf_image_bytes(w):
    """Images of whole numbers, sizes that keep the aspect ratio, what TensorFlow 1 leaves alone."""
    import tensorflow as tf
    i, first = tf.image, tf.compat.v1.image
    u, x, n = w.Input((4, 7, 3), dtype="uint8", name="u"), w.Input((4, 7, 3), name="x"), w.Input((None, None, 2), name="n")
    s = w.Input((4, 7, 3), dtype="int16", name="s")
    outs = []
    for image in (u, s):
        outs += [i.rgb_to_grayscale(image), i.adjust_brightness(image, 0.2), i.adjust_contrast(image, 1.7), i.adjust_gamma(image, 0.5, gain=1.1)]
    outs += [i.resize(x, (9, 9), preserve_aspect_ratio=True), i.resize(n, (5, 20), preserve_aspect_ratio=True), i.resize(u, (2, 20), "nearest", preserve_aspect_ratio=True),
             first.resize(u, (4, 7)), first.resize(u, (5, 7)), first.resize(x, (9, 7), preserve_aspect_ratio=True)]
    byte = w.rng.integers(0, 256, (2, 4, 7, 3)).astype("uint8")
    return Spec(w.Model([u, x, n, s], outs), [byte, w.normal(2, 4, 7, 3), w.normal(2, 3, 8, 2), w.rng.integers(0, 32768, (2, 4, 7, 3)).astype("int16")], flat_outputs=range(len(outs)))
