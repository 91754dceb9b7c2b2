"""Spectrograms."""
import numpy as np

from golden_lib import Spec, case


@case("audio_stft", writers=("keras3",))
def audio_stft(w):
    x = w.Input((120, 2), name="x")
    S = w.L.STFTSpectrogram
    outs = [S(mode=m, frame_length=32, name="mode_" + m)(x) for m in ("log", "magnitude", "psd", "real", "imag", "stft")]
    outs += [S(mode="magnitude", frame_length=20, frame_step=7, fft_length=48, window="hamming", periodic=True, scaling="spectrum", padding="same", name="same")(x),
             S(mode="real", frame_length=16, scaling=None, expand_dims=True, name="image")(x), S(mode="stft", frame_length=16, frame_step=16, padding="same", expand_dims=True, name="image_pair")(x)]
    return Spec(w.Model(x, outs), w.normal(2, 120, 2, scale=0.3))


@case("audio_angle", writers=("keras3",), check64=False)
def audio_angle(w):
    x = w.Input((60, 1), name="x")
    return Spec(w.Model(x, w.L.STFTSpectrogram(mode="angle", frame_length=16, name="angle")(x)), w.normal(2, 60, 1))


@case("audio_mel", writers=("keras3",))
def audio_mel(w):
    x = w.Input((500,), name="x")
    M = w.L.MelSpectrogram
    outs = [M(fft_length=64, sequence_stride=40, sampling_rate=8000, num_mel_bins=10, name="plain")(x),
            M(fft_length=100, sequence_length=70, sequence_stride=33, window="hamming", sampling_rate=16000, num_mel_bins=12, min_freq=50.0, max_freq=6000.0, top_db=20.0, ref_power=2.0, name="hamming")(x),
            M(fft_length=64, sequence_stride=64, window=None, sampling_rate=8000, num_mel_bins=8, power_to_db=False, mag_exp=1.0, name="linear")(x)]
    return Spec(w.Model(x, outs), w.normal(2, 500))
