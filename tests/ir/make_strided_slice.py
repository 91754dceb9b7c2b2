"""Writes strided_slice.txt: random strided slices and what TensorFlow makes of them.

One case a line: input shape | begin | end | strides | five masks (begin, end, ellipsis, new axis, shrink) |
the elements of the result of slicing 0, 1, 2, ..., behind its shape, or "error".
"""
import os
import random

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf


def case(rng):
    rank = rng.randint(0, 4)
    shape = [rng.choice([0, 1, 2, 3, 4, 5]) if rng.random() < 0.2 else rng.randint(2, 5)
             for _ in range(rank)]
    n = rng.randint(0, rank + 2)
    begin = [rng.randint(-7, 7) for _ in range(n)]
    end = [rng.randint(-7, 7) for _ in range(n)]
    strides = [rng.choice([1, 1, 1, 2, 3, -1, -1, -2, -3]) for _ in range(n)]
    if n and rng.random() < 0.02:
        strides[rng.randrange(n)] = 0
    mask = lambda p: sum(1 << i for i in range(n) if rng.random() < p)
    ellipsis = 1 << rng.randrange(n) if n and rng.random() < 0.4 else 0
    if rng.random() < 0.03:
        ellipsis = mask(0.6)
    masks = [mask(0.3), mask(0.3), ellipsis, mask(0.2), mask(0.15)]
    x = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    try:
        y = tf.raw_ops.StridedSlice(
            input=x, begin=np.array(begin, np.int64), end=np.array(end, np.int64),
            strides=np.array(strides, np.int64), begin_mask=masks[0], end_mask=masks[1],
            ellipsis_mask=masks[2], new_axis_mask=masks[3], shrink_axis_mask=masks[4]).numpy()
        result = " ".join(map(str, y.shape)) + " : " + " ".join(map(str, y.flatten()))
    except tf.errors.InvalidArgumentError:
        result = "error"
    lists = [shape, begin, end, strides, masks]
    return " | ".join(" ".join(map(str, values)) for values in lists) + " | " + result


def main():
    rng = random.Random(5)
    lines = [case(rng) for _ in range(1500)]
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "strided_slice.txt"), "w") as out:
        out.write("\n".join(lines) + "\n")
    print(len(lines), "cases,", sum(line.endswith("error") for line in lines), "errors")


main()
