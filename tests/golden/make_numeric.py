"""Writes tests/golden/numeric/<case>/: linear algebra, transforms, special functions, random numbers, bits and quantisation as
frozen graphs with TensorFlow's answers. The placeholders of matrices and more have unknown dimensions, those of `diagonals`
have known ones, without which TensorFlow does not build them.

    python tests/golden/make_numeric.py [--only pattern]

Singular and eigenvectors are compared by what they multiply to: their signs and phases are not unique.
"""
import argparse
import fnmatch
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import golden_lib as g
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
R = tf.raw_ops
CASES = {}
INF, NAN = np.inf, np.nan


def case(rtol, atol, *inputs):
    def register(fn):
        CASES[fn.__name__] = (rtol, atol, inputs, fn)
        return fn
    return register


def rand(seed, *shape, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def adjoint(x):
    return tf.linalg.adjoint(x)


# ---- linear algebra ----

def linear_algebra(square, tall, wide, rhs, diagonals):
    """square [2, 3, 3], tall [2, 4, 3], wide [3, 4], rhs [2, 3, 2], diagonals [2, 3, 5]"""
    dtype = square.dtype
    spd = tf.matmul(square, square, adjoint_b=True) + tf.eye(3, dtype=dtype)
    out = [tf.linalg.cholesky(spd), tf.linalg.inv(square), tf.linalg.inv(square, adjoint=True), tf.linalg.det(square), tf.linalg.det(square[:, :0, :0])]
    out += list(tf.linalg.slogdet(square)) + list(tf.linalg.slogdet(square[:, :0, :0]))
    out += [tf.linalg.solve(square, rhs), tf.linalg.solve(square, rhs, adjoint=True), tf.linalg.solve(square, rhs[..., :0])]
    for lower in (True, False):
        for adj in (True, False):
            out += [tf.linalg.triangular_solve(square, rhs, lower=lower, adjoint=adj), tf.linalg.triangular_solve(square[:1], rhs, lower=lower, adjoint=adj),
                    tf.linalg.triangular_solve(square[0], rhs, lower=lower, adjoint=adj),
                    tf.linalg.banded_triangular_solve(diagonals[:, :2] + 3, tf.matmul(diagonals, diagonals, adjoint_a=True), lower=lower, adjoint=adj)]
    for fast in (True, False):
        out += [tf.linalg.lstsq(tall, tall[..., :2] + 1, fast=fast), tf.linalg.lstsq(wide, wide[:, :2], l2_regularizer=0.5 if fast and dtype != tf.complex128 else 0.0, fast=fast)]
    for index in (tf.int32, tf.int64):
        out += list(tf.linalg.lu(square, output_idx_type=index))
    for x in (square, tall, wide):
        for full in (True, False):
            out += list(tf.linalg.qr(x, full_matrices=full))
            s, u, v = tf.linalg.svd(x, full_matrices=full)
            k = tf.shape(s)[-1]
            out += [s, tf.matmul(u[..., :k] * tf.cast(s[..., tf.newaxis, :], dtype), v[..., :k], adjoint_b=True), tf.matmul(u, u, adjoint_a=True), tf.matmul(v, v, adjoint_a=True)]
        out += [tf.linalg.svd(x, compute_uv=False)]
    out += [tf.linalg.qr(wide[:, :0], full_matrices=True)[0], tf.linalg.svd(wide[:0], full_matrices=True)[2]]
    hermitian = square + adjoint(square)
    e, v = tf.linalg.eigh(hermitian)
    out += [e, tf.matmul(v * e[..., tf.newaxis, :], v, adjoint_b=True), tf.linalg.eigvalsh(hermitian), tf.linalg.eigh(hermitian[:, :0, :0])[0]]
    e, v = tf.linalg.eig(hermitian)
    out += [tf.sort(tf.math.real(e)), tf.matmul(v * e[..., tf.newaxis, :], tf.linalg.inv(v)), tf.sort(tf.math.abs(tf.linalg.eigvals(square)))]
    root = tf.linalg.sqrtm(spd)
    out += [root] + ([tf.linalg.expm(square)] if dtype == tf.float64 else [])
    if dtype.is_complex:
        out += [tf.linalg.logm(spd)]
    for pivoting in (True, False):
        out += [tf.linalg.tridiagonal_solve(diagonals + tf.constant([[0], [4], [0]], dtype), tf.transpose(diagonals, [0, 2, 1]), partial_pivoting=pivoting)]
    out += [tf.linalg.tridiagonal_solve(diagonals, tf.transpose(diagonals, [0, 2, 1])), 
            tf.linalg.tridiagonal_solve(diagonals[..., :1], diagonals[:, :1, :2]), tf.linalg.tridiagonal_matmul(diagonals, tf.transpose(diagonals, [0, 2, 1]))]
    out += [tf.linalg.trace(square), tf.linalg.matrix_transpose(tall, conjugate=True)]
    if not dtype.is_complex:
        out += [tf.linalg.cross(square, square[:, ::-1]), tf.linalg.tridiagonal_solve(diagonals * 0, diagonals[:, 0]), tf.linalg.triangular_solve(tf.zeros([2, 2], dtype), tf.ones([2, 1], dtype)), R.Cholesky(input=tf.constant([[1, 2], [2, 1]], dtype)) * tf.linalg.diag(tf.ones([2], dtype))]
    return out


def matrices(dtype, seed):
    square = rand(seed, 2, 3, 3, dtype=dtype) + 2 * np.eye(3, dtype=dtype)
    return square, rand(seed + 1, 2, 4, 3, dtype=dtype), rand(seed + 2, 3, 4, dtype=dtype), rand(seed + 3, 2, 3, 2, dtype=dtype), rand(seed + 4, 2, 3, 5, dtype=dtype)


for name, rtol in (("float32", 2e-4), ("float64", 1e-10), ("complex64", 2e-4), ("complex128", 1e-10)):
    CASES["linalg_" + name] = (rtol, rtol, matrices(name, 7), linear_algebra)


@case(0, 0, np.arange(1, 25, dtype="int32").reshape(2, 3, 4), np.arange(1, 25).reshape(2, 3, 4).astype("float32"), np.array([-1, 1], "int32"))
def diagonals(x, y, k):
    out = []
    for align in ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT"):
        for lower, upper in ((0, 0), (-1, 1), (-2, 3), (1, 2), (-2, -1), (3, 3), (-2, -2)):
            part = tf.linalg.diag_part(x, k=(lower, upper), padding_value=-7, align=align)
            out += [part, tf.linalg.set_diag(x, -part, k=(lower, upper), align=align)]
            if lower != upper or lower == 0:
                out += [tf.linalg.diag(part, k=(lower, upper), num_rows=3, num_cols=4, padding_value=9, align=align)]
    out += [tf.linalg.diag_part(y, k=k), tf.linalg.diag(y), tf.linalg.diag(y, k=-2), tf.linalg.diag(y[0, 0], k=2, num_cols=8), tf.linalg.diag(y[0, 0], k=1, num_rows=4)]
    out += [R.MatrixDiag(diagonal=y), R.MatrixDiagPart(input=y), R.MatrixSetDiag(input=y, diagonal=-y[..., 0]), R.MatrixDiagV2(diagonal=y, k=-1, num_rows=-1, num_cols=-1, padding_value=2.0),
            R.MatrixDiagPartV2(input=y, k=k, padding_value=5.0), R.MatrixSetDiagV2(input=y, diagonal=y[:, 0, :3], k=1)]
    out += [R.Diag(diagonal=x), R.Diag(diagonal=x[0, 0]), R.DiagPart(input=R.Diag(diagonal=x)), R.DiagPart(input=R.Diag(diagonal=x[0, 0])), tf.linalg.diag(x[:0]), tf.linalg.diag_part(x[:, :0])]
    return out + [tf.linalg.diag_part(tf.cast(x, d)) for d in (tf.int64, tf.float16, tf.bool, tf.complex64, tf.uint8)]


# ---- transforms ----

@case(1e-5, 2e-5, rand(1, 2, 3, 12, 15, dtype="float32"), rand(2, 2, 3, 4, 17), rand(3, 2, 6, 5, 4, dtype="complex64"), rand(4, 3, 31, dtype="complex128"))
def transforms(x, y, z, w):
    out = [f(z) for f in (tf.signal.fft, tf.signal.ifft, tf.signal.fft2d, tf.signal.ifft2d, tf.signal.fft3d, tf.signal.ifft3d)]
    out += [tf.signal.fft(w), tf.signal.ifft(w), tf.signal.fft(w[:, :0]), tf.signal.fft(w[:, :1])]
    for n in (1, 2, 7, 15, 16, 20, 37):
        out += [tf.signal.rfft(x, [n])[0, 0, 0], tf.signal.irfft(z, [n])[0, 0]]
    out += [tf.signal.rfft(y), tf.signal.irfft(w), tf.signal.rfft2d(x)[0], tf.signal.irfft2d(z), tf.signal.rfft3d(y), tf.signal.irfft3d(z), tf.signal.rfft2d(y, [6, 8]), tf.signal.irfft2d(z, [3, 5])]
    return out


WAVE_FORMAT = b"fmt \x10\x00\x00\x00\x01\x00\x02\x00" + np.uint32(8000).tobytes() + np.uint32(32000).tobytes() + b"\x04\x00\x10\x00"


@case(1e-4, 1e-4, rand(5, 2, 500, dtype="float32"), rand(6, 600, 2, dtype="float32"))
def audio(x, wave):
    stft = tf.signal.stft(x, 64, 24, pad_end=True)
    out = [tf.math.real(stft)[:, :4], tf.math.imag(stft)[:, :4], tf.math.abs(stft)[:, :4], tf.signal.inverse_stft(stft[:, :8], 64, 24), tf.signal.frame(x, 30, 17, pad_end=True)[:, :3]]
    for kind in (1, 2, 3, 4):
        out += [tf.signal.dct(x[:, :20], type=kind), tf.signal.idct(x[:, :20], type=kind)]
    mel = tf.signal.linear_to_mel_weight_matrix(20, 33, 8000, 80.0, 3600.0)
    out += [tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(tf.matmul(tf.math.abs(stft), mel) + 1e-6))[:, :4, :13], tf.signal.overlap_and_add(x[:, :60][:, tf.newaxis] * tf.ones([1, 4, 1]), 15)]
    samples = np.random.default_rng(1).integers(-2**15, 2**15, (40, 2)).astype("<i2")
    file = tf.strings.join([tf.constant(b"RIFF\x00\x00\x00\x00WAVE"), WAVE_FORMAT, tf.constant(b"LIST\x02\x00\x00\x00abdata" + np.uint32(160).tobytes() + samples.tobytes())])
    for channels, count in ((-1, -1), (1, 30), (3, 50)):
        out += list(tf.audio.decode_wav(file, channels, count))
    for squared in (True, False):
        out += [R.AudioSpectrogram(input=wave, window_size=100, stride=60, magnitude_squared=squared)]
    out += [R.AudioSpectrogram(input=wave[:50], window_size=100, stride=60), R.Mfcc(spectrogram=out[-2] ** 2, sample_rate=8000),
            R.Mfcc(spectrogram=out[-2] ** 2, sample_rate=16000, upper_frequency_limit=7000.0, lower_frequency_limit=0.0, filterbank_channel_count=12, dct_coefficient_count=6)]
    return out


# ---- special functions ----

SMALL = np.array([-3.5, -1, -0.9, -0.5, -1e-3, 0, 1e-4, 0.3, 0.5, 0.7, 0.99, 1, 1.5, 2, 3, 5.5, 8, 13, 30, 80, NAN])
POSITIVE = np.array([1e-3, 0.1, 0.4, 0.9, 1, 1.6, 2.5, 4, 7.5, 11, 24, 40, 60])


def special(x, p):
    m = tf.math.special
    out = [tf.math.erfinv(x), tf.math.ndtri(x), m.dawsn(x), m.fresnel_cos(x), m.fresnel_sin(x), m.expint(x), m.spence(x), tf.math.cumulative_logsumexp(p), tf.math.cumulative_logsumexp(p, exclusive=True, reverse=True),
           tf.math.cumulative_logsumexp(tf.reshape(p[:12], [3, 2, 2]), axis=1)]
    out += [f(x) for f in (m.bessel_i0e, m.bessel_i1e, m.bessel_k0, m.bessel_k0e, m.bessel_k1, m.bessel_k1e, m.bessel_j0, m.bessel_j1, m.bessel_y0)]
    out += [m.bessel_y1(tf.where(x == 0, tf.ones_like(x), x))]  # NaN at 0 in float32 alone
    out += [m.bessel_i0(p), m.bessel_i1(p), m.bessel_i0(x[:12]), m.bessel_i1(x[:12])]
    a, b = p[:, tf.newaxis], p[tf.newaxis]
    out += [tf.math.igamma(a, b), tf.math.igammac(a, b), tf.math.zeta(a + 1, b), tf.math.polygamma(tf.cast(tf.range(5), x.dtype)[:, tf.newaxis], b), tf.math.igamma(a, -b[:, :2])]
    out += [tf.math.betainc(a * tf.ones_like(b), b * tf.ones_like(a), tf.constant(q, x.dtype) * tf.ones_like(a * b)) for q in (0.0, 0.02, 0.5, 0.9, 1.0)]
    return out + [tf.math.zeta(tf.constant([2, 3, 2.5, 1, 0.5, 3], x.dtype), tf.constant([-1.5, -2.5, -1.5, 2, 2, -2], x.dtype)), tf.math.erfinv(x[:0]), tf.math.igamma(a[:0], b)]


CASES["special_float64"] = (1e-11, 1e-14, (SMALL, POSITIVE), special)
CASES["special_float32"] = (5e-5, 2e-6, (SMALL.astype("float32"), POSITIVE.astype("float32")), special)


# ---- bits ----

@case(0, 0, np.array([[0, 1, -1, 127], [-128, 5, 77, -9]], "int8"), np.array([[0, 1.5, -2.25, INF], [-0.0, 1e-30, 3e38, -7]], "float32"), rand(8, 2, 8, dtype="complex64"))
def bits(i, x, z):
    types = (tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.uint32, tf.int64, tf.uint64, tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64)
    out = []
    for to in types:
        if to.size <= 4:
            out += [tf.bitcast(i, to) if to.size in (1, 4) else tf.bitcast(tf.reshape(i, [2, 2, 2]), to)]
        out += [tf.bitcast(x, to) if to.size <= 4 else tf.bitcast(tf.reshape(x, [-1, to.size // 4]), to)]
    out = [tf.bitcast(y, tf.uint16) if y.dtype in (tf.float16, tf.bfloat16) else y for y in out]  # no NaN
    for unsigned in (tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.int8, tf.int16, tf.int32, tf.int64):
        out += [R.PopulationCount(x=tf.cast(i, unsigned))]
    out += [tf.math.real(z), tf.math.imag(z), tf.math.conj(z), tf.complex(x, tf.transpose(tf.transpose(x[:1]))), tf.complex(x[:, :1], x[:1]), tf.math.real(z[:0])]
    out += [tf.math.nextafter(x, x[::-1]), tf.math.nextafter(tf.cast(x, tf.float64), tf.constant(0, tf.float64))]
    return out


@case(1e-6, 1e-6, rand(9, 3, 4, dtype="complex64"), rand(10, 3, 4, dtype="complex128"))
def complex_numbers(z, w):
    out = []
    for x in (z, w):
        out += [tf.math.angle(x), tf.math.abs(x), tf.abs(x[:0]), x * tf.math.conj(x), tf.exp(x), tf.cast(tf.math.real(x), x.dtype), tf.matmul(x, x, adjoint_b=True)]
    return out


@case(0, 1e-6, (rand(11, 4, 5, 3, dtype="float32") * 4), np.array([-3.0, -0.1, 0.0], "float32"), np.array([2.0, 6.0, 0.0], "float32"), np.array([-1.0, 1.0, -6.0], "float32"))
def quantisation(x, low, high, lower):
    out = []
    for bits in (2, 4, 8, 16):
        for narrow in (True, False):
            kw = dict(num_bits=bits, narrow_range=narrow)
            out += [tf.quantization.fake_quant_with_min_max_args(x, -1.3, 4.1, **kw), tf.quantization.fake_quant_with_min_max_args(x, 0.0, 6.0, **kw),
                    tf.quantization.fake_quant_with_min_max_vars(x, low[0], high[1], **kw), tf.quantization.fake_quant_with_min_max_vars(x, low[2], high[2], **kw),
                    tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high + 1, **kw), tf.quantization.fake_quant_with_min_max_vars_per_channel(x[0, 0], low, high + 1, **kw)]
    for signed in (True, False):
        for given in (True, False):
            for mode in ("HALF_TO_EVEN", "HALF_UP"):
                for axis in (None,) if given else (None, 0, 2):  # TensorFlow's kernel wants a scalar for a range that is given
                    shape = x[:, 0, 0] if axis == 0 else low
                    lo, hi = (-2.0, 3.0) if axis is None else (tf.zeros_like(shape) - 1.5, tf.zeros_like(shape) + 2.5)
                    out += [tf.quantization.quantize_and_dequantize_v2(x, lo, hi, signed_input=signed, num_bits=6, range_given=given, round_mode=mode, axis=axis, narrow_range=mode == "HALF_UP" and signed)]
    out += [R.QuantizeAndDequantizeV2(input=x, input_min=-1.0, input_max=2.0, range_given=True, num_bits=5), R.QuantizeAndDequantizeV3(input=x, input_min=-1.0, input_max=2.0, num_bits=7),
            R.QuantizeAndDequantizeV3(input=x, input_min=lower, input_max=lower + 9.0, num_bits=8, axis=2), R.QuantizeAndDequantizeV3(input=x, input_min=lower, input_max=lower + 9.0, num_bits=4, axis=2, range_given=False),
            R.QuantizeAndDequantizeV2(input=tf.cast(x, tf.float64), input_min=0.0, input_max=0.0)]
    return out


# ---- random numbers ----

@case(1e-6, 1e-6, np.array([3, -5], "int32"), np.array([2**40 + 1, 17], "int64"), np.array([3, 7], "int32"), rand(12, 3, 6, dtype="float32"))
def stateless(seed, long_seed, shape, logits):
    out = []
    for s in (seed, long_seed):
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            for op in (R.StatelessRandomUniform, R.StatelessRandomNormal, R.StatelessTruncatedNormal):
                out += [tf.cast(op(shape=shape, seed=s, dtype=dtype), tf.float32 if dtype != "float64" else tf.float64)]
        for dtype in ("int32", "int64"):
            out += [R.StatelessRandomUniformInt(shape=shape, seed=s, minval=tf.constant(-3, dtype), maxval=tf.constant(100, dtype)), R.StatelessRandomUniformFullInt(shape=shape, seed=s, dtype=dtype)]
        out += [tf.bitcast(R.StatelessRandomUniformFullInt(shape=shape, seed=s, dtype=d), {4: tf.int32, 8: tf.int64}[d.size]) for d in (tf.uint32, tf.uint64)]
        out += [R.StatelessMultinomial(logits=logits, num_samples=9, seed=s, output_dtype=d) for d in (tf.int32, tf.int64)]
        key, counter = R.StatelessRandomGetKeyCounter(seed=s)
        out += [tf.bitcast(key, tf.int64), tf.bitcast(counter, tf.int64), tf.random.stateless_uniform(shape, s, -2.0, 5.0), tf.random.stateless_normal(shape, s), tf.random.stateless_truncated_normal([4, 130], s, dtype=tf.float64)]
        out += [tf.random.stateless_uniform([0, 3], s), tf.random.stateless_uniform(shape, s, 0, 10, tf.int32), tf.random.stateless_uniform(shape, s, None, None, tf.int64)]
    algorithm = R.StatelessRandomGetAlg()
    return out + [R.StatelessShuffle(value=tf.range(12), key=key, counter=counter, alg=algorithm), R.StatelessShuffle(value=logits, key=key, counter=counter, alg=1), R.StatelessRandomNormalV2(shape=shape, key=key, counter=counter, alg=algorithm), R.StatelessRandomUniformIntV2(shape=shape, key=key, counter=counter, alg=1, minval=0, maxval=5)]


@case(1e-6, 1e-6, np.array([3, 7], "int32"), rand(12, 3, 6, dtype="float32"), np.arange(20, dtype="int32").reshape(10, 2))
def stateful(shape, logits, x):
    out = []
    for seed, seed2 in ((1, 30), (0, 5), (87654321, 0)):
        kw = dict(seed=seed, seed2=seed2)
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            for op in (R.RandomUniform, R.RandomStandardNormal, R.TruncatedNormal):
                out += [tf.cast(op(shape=shape, dtype=dtype, **kw), tf.float32 if dtype != "float64" else tf.float64)]
        out += [R.RandomUniformInt(shape=shape, minval=tf.constant(-5, d), maxval=tf.constant(2**30, d), **kw) for d in ("int32", "int64")]
        out += [tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + R.RandomUniform(shape=shape, dtype="float32", **kw)), [0, tf.zeros(shape)])[1]]
        out += [R.RandomShuffle(value=x, **kw), R.RandomShuffle(value=x[:, 0], **kw), R.RandomShuffle(value=x[:1], **kw), R.Multinomial(logits=logits, num_samples=7, **kw)]
    return out


class Generators(tf.Module):
    """Generators whose state moves on from call to call, one of them inside a loop."""

    def __init__(self):
        self.a = tf.random.Generator.from_seed(7)
        self.b = tf.random.Generator.from_state([2**63 - 5, -1, 3], alg="philox")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        loop = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + self.a.normal(tf.shape(x))), [0, tf.zeros_like(x)])[1]
        return dict(uniform=x + self.a.uniform([5]), loop=loop, normal=self.b.normal([2, 3]), integers=self.b.uniform([4], 0, 100, tf.int32), truncated=self.a.truncated_normal([6]))


def write_generators():
    folder = os.path.join(HERE, "numeric", "generators")
    shutil.rmtree(folder, ignore_errors=True)
    path = os.path.join(folder, "saved_model")
    module = Generators()
    tf.saved_model.save(module, path, signatures=module.__call__)
    shutil.rmtree(os.path.join(path, "debug"), ignore_errors=True)
    signature = tf.saved_model.load(path).signatures["serving_default"]
    arrays, keys = {}, ("", "call1_", "call2_")
    for key in keys:
        answers = {k: v.numpy() for k, v in sorted(signature(x=tf.zeros([5])).items())}
        arrays.update({key + k: v for k, v in answers.items()})
    names = list(answers)
    data = dict(writer="TensorFlow %s" % tf.__version__, inputs=["x"], outputs=names, rtol=1e-6, atol=1e-6, expect="match", oracle="TensorFlow %s" % tf.__version__,
                forms=[dict(kind="savedmodel", model="saved_model", signature="serving_default", inputs=["x"], outputs=names)], then=[dict(inputs=["x"], outputs=[k + n for n in names]) for k in keys[1:]])
    np.savez_compressed(os.path.join(folder, "inputs.npz"), x=np.zeros([5], "float32"))
    np.savez_compressed(os.path.join(folder, "expected.npz"), **arrays)
    g.write_json(os.path.join(folder, "case.json"), data)
    print("generators", len(names), "outputs,", sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs) // 1024, "KB", flush=True)


def shrink(graph_def, keep):
    """Short node names, equal constants once, nothing that no output needs, no private attributes. Gives the new names of
    the tensors `keep`."""
    nodes = {n.name: n for n in graph_def.node}
    short, constants, order = {}, {}, []

    def visit(name):
        if name in short:
            return
        node = nodes[name]
        for x in node.input:
            visit(x.lstrip("^").split(":")[0])
        for key in [k for k in node.attr if k.startswith("_")]:
            del node.attr[key]
        value = node.attr["value"].SerializeToString() if node.op == "Const" else None
        if value is not None and value in constants:
            short[name] = constants[value]
            return
        short[name] = "n%d" % len(order)
        if value is not None:
            constants[value] = short[name]
        order.append(name)

    def renamed(x):
        head, _, port = x.lstrip("^").partition(":")
        return ("^" if x[0] == "^" else "") + short[head] + (":" + port if port else "")

    for x in keep:
        visit(x.split(":")[0])
    small = type(graph_def)()
    small.versions.CopyFrom(graph_def.versions)
    small.library.CopyFrom(graph_def.library)
    for name in order:
        node = small.node.add()
        node.CopyFrom(nodes[name])
        node.name = short[name]
        node.input[:] = [renamed(x) for x in node.input]
    return small, [renamed(x) for x in keep]


def write(name, rtol, atol, inputs, fn):
    folder = os.path.join(HERE, "numeric", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    # Shapes stay known where an operand is one.
    specs = [tf.TensorSpec(x.shape if x.ndim < 2 else [None] * x.ndim if name != "diagonals" else x.shape, x.dtype) for x in inputs]
    concrete = tf.function(lambda *xs: [tf.identity(y) for y in fn(*xs)], autograph=False).get_concrete_function(*specs)
    answers = [[g.storable(y.numpy()) for y in concrete(*[tf.constant(x) for x in inputs])] for _ in range(3 if name == "stateful" else 1)]
    graph, names = shrink(concrete.graph.as_graph_def(), [t.name for t in list(concrete.inputs) + list(concrete.outputs)])
    ins, outs = names[:len(inputs)], names[len(inputs):]
    with open(os.path.join(folder, "graph.pb"), "wb") as f:
        f.write(graph.SerializeToString())
    data = dict(writer="TensorFlow %s" % tf.__version__, inputs=["input_%d" % i for i in range(len(ins))], outputs=["output_%d" % i for i in range(len(outs))], rtol=rtol, atol=atol, expect="match",
                oracle="TensorFlow %s" % tf.__version__, forms=[dict(kind="graphdef", model="graph.pb", inputs=ins, outputs=outs)])
    arrays = {("call%d_" % i if i else "") + key: y for i, call in enumerate(answers) for key, y in zip(data["outputs"], call)}
    if len(answers) > 1:
        data["then"] = [dict(inputs=data["inputs"], outputs=["call%d_%s" % (i, key) for key in data["outputs"]]) for i in range(1, len(answers))]
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **dict(zip(data["inputs"], inputs)))
    np.savez_compressed(os.path.join(folder, "expected.npz"), **arrays)
    g.write_json(os.path.join(folder, "case.json"), data)
    print(name, len(outs), "outputs,", sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1024, "KB", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    args = ap.parse_args()
    for name, (rtol, atol, inputs, fn) in CASES.items():
        if fnmatch.fnmatch(name, args.only):
            write(name, rtol, atol, inputs, fn)
    if fnmatch.fnmatch("generators", args.only):
        write_generators()


if __name__ == "__main__":
    main()
