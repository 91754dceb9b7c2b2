"""Layers that prepare images."""
import numpy as np

from golden_lib import Spec, case


def image(w, *shape):
    return w.uniform(*shape, low=0, high=255).round().astype("float32")


@case("image_resizing")
def image_resizing(w):
    x = w.Input((7, 9, 2), name="x")
    R = w.L.Resizing
    names = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"] + (["area", "gaussian", "mitchellcubic"] if w.k2 else [])
    outs = [R(5, 12, interpolation=n, name="to_5x12_" + n)(x) for n in names]
    outs += [R(14, 4, crop_to_aspect_ratio=True, name="crop_tall")(x), R(3, 8, interpolation="nearest", crop_to_aspect_ratio=True, name="crop_wide")(x),
             R(7, 9, interpolation="bicubic", name="same")(x)]
    if not w.k2:
        outs += [R(4, 5, interpolation=n, antialias=True, name="smooth_" + n)(x) for n in ("bilinear", "bicubic", "lanczos3")]
        outs += [R(12, 6, pad_to_aspect_ratio=True, fill_value=9.0, name="pad_tall")(x), R(4, 16, pad_to_aspect_ratio=True, name="pad_wide")(x)]
    return Spec(w.Model(x, outs), image(w, 2, 7, 9, 2))


@case("image_unknown_size")
def image_unknown_size(w):
    x = w.Input((None, None, 3), name="x")
    L = w.L
    outs = [L.Resizing(6, 5, name="resized")(x), L.Resizing(4, 6, crop_to_aspect_ratio=True, name="cropped")(x),
            L.CenterCrop(5, 4, name="center")(x)]
    if w.k2:
        outs += [L.CenterCrop(9, 4, name="center_small")(x), L.RandomCrop(4, 5, name="random_crop")(x)]
    else:
        outs += [L.Resizing(6, 9, pad_to_aspect_ratio=True, name="padded")(x)]
    return Spec(w.Model(x, outs), image(w, 2, 8, 7, 3))


@case("image_center_crop")
def image_center_crop(w):
    x = w.Input((8, 7, 2), name="x")
    outs = [w.L.CenterCrop(5, 4, name="odd")(x), w.L.CenterCrop(8, 7, name="all")(x), w.L.CenterCrop(10, 4, name="too_tall")(x),
            w.L.CenterCrop(4, 11, name="too_wide")(x), w.L.RandomCrop(5, 3, name="random")(x) if w.k2 else w.L.RandomCrop(8, 7, name="random")(x)]
    return Spec(w.Model(x, outs), image(w, 3, 8, 7, 2))


@case("image_bytes", check64=False, keras3=dict(no_savedmodel="the exported graph draws random numbers, as in training"))
def image_bytes(w):
    x = w.Input((6, 6, 3), dtype="uint8", name="x")
    L = w.L
    y = [L.Resizing(4, 9, name="bilinear")(x), L.Resizing(9, 4, interpolation="nearest", name="nearest")(x), L.CenterCrop(3, 4, name="center")(x),
         L.RandomFlip(name="flip")(x), L.RandomContrast(0.2, name="contrast")(x), L.RandomBrightness(0.2, name="brightness")(x),
         L.RandomZoom(0.1, name="zoom")(x)]
    if not w.k2:
        y += [L.Resizing(9, 4, interpolation="bicubic", name="bicubic")(x), L.AutoContrast(name="auto_contrast")(x), L.RandomHue(0.1, name="hue")(x)]
    return Spec(w.Model(x, y), w.rng.integers(0, 256, (2, 6, 6, 3)).astype("uint8"))


@case("image_augmentation", check64=False, keras3=dict(no_savedmodel="the exported graph draws random numbers, as in training"))
def image_augmentation(w):
    L = w.L
    x = w.Input((5, 6, 3), name="x")
    y = x
    layers = [L.RandomFlip(), L.RandomRotation(0.2), L.RandomZoom(0.1), L.RandomTranslation(0.1, 0.1), L.RandomContrast(0.1), L.RandomBrightness(0.1)]
    if w.k2:
        layers += [L.RandomHeight(0.1), L.RandomWidth(0.1)]
    else:
        layers += [L.RandomCrop(5, 6), L.RandomHue(0.1), L.RandomSaturation(0.1), L.RandomSharpness(0.1), L.RandomShear(0.1), L.RandomGrayscale(),
                   L.RandomColorJitter(), L.RandomColorDegeneration(0.1), L.RandomErasing(), L.RandomGaussianBlur(), L.RandomInvert(),
                   L.RandomPerspective(), L.RandomPosterization(4), L.RandomElasticTransform(), L.AugMix(), L.RandAugment(),
                   L.Solarization()]
    for layer in layers:
        y = layer(y)
    y = L.Conv2D(2, 3, name="conv")(y)
    return Spec(w.randomise(w.Model(x, y)), image(w, 2, 5, 6, 3) / 64)


@case("image_contrast", writers=("keras3",))
def image_contrast(w):
    L = w.L
    x = w.Input((11, 13, 2), name="x")
    small = w.Input((8, 8, 1), name="small")
    outs = [L.AutoContrast(name="bytes")(x), L.AutoContrast(value_range=(0, 1), name="unit")(small),
            L.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 4), name="tiles")(x),
            L.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0, tile_grid_size=(2, 2), value_range=(0, 1), name="unclipped")(small)]
    return Spec(w.Model([x, small], outs), [image(w, 2, 11, 13, 2), (image(w, 2, 8, 8, 1) / 255).astype("float32")])


@case("image_pipeline", writers=("keras3",))
def image_pipeline(w):
    L = w.L
    x = w.Input((6, 6, 3), name="x")
    p = L.Pipeline([L.RandomFlip(), L.CutMix(), L.MixUp(), L.Equalization(), L.MaxNumBoundingBoxes(3), L.Resizing(4, 4), L.Rescaling(1 / 127.5, offset=-1.0)], name="prepare")
    y = L.Conv2D(2, 3, name="conv")(p(x))
    return Spec(w.randomise(w.Model(x, y)), image(w, 2, 6, 6, 3))
