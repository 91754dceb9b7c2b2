"""Writes tests/kernels/vectors/special.txt: special functions in 40 digits by mpmath, rounded to float64.

    pip install mpmath && python tests/kernels/make_special.py
"""
import os
import random

import mpmath as mp

mp.mp.dps = 40
HERE = os.path.dirname(os.path.abspath(__file__))
RANDOM = random.Random(1)


def grid(low, high, n=14):
    """Evenly spread and random float64 numbers, small ones too."""
    return [low + (high - low) * i / n for i in range(1, n)] + [RANDOM.uniform(low, high) for _ in range(n)] + [low + (high - low) * 10.0**-k for k in (3, 6, 9)]


def power(low, high, n=24):
    return [10.0 ** RANDOM.uniform(low, high) for _ in range(n)]


def ndtri(p):
    # erfinv loses what 1 - 2p loses: solved on the tail
    p = mp.mpf(p)
    return -mp.sqrt(2) * mp.erfinv(1 - 2 * p)


UNARY = {
    "erfinv": (lambda x: mp.erfinv(mp.mpf(x)), grid(-1, 1) + [1 - 1e-12, -1 + 1e-9, 1e-20]),
    "ndtri": (ndtri, grid(0, 1) + power(-15, -1)),
    "dawsn": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-mp.mpf(x) ** 2) * mp.erfi(mp.mpf(x)), grid(-12, 12) + [1e-12, 1e5]),
    "expint": (lambda x: mp.ei(mp.mpf(x)), grid(0.5, 50) + power(-8, -1) + [100.0, 600.0]),
    "fresnel_cos": (lambda x: mp.fresnelc(mp.mpf(x)), grid(-6, 6) + [30.25, 1e-5]),
    "fresnel_sin": (lambda x: mp.fresnels(mp.mpf(x)), grid(-6, 6) + [30.25, 1e-5]),
    "spence": (lambda x: mp.polylog(2, 1 - mp.mpf(x)).real, [x for x in grid(0, 4) if abs(x - 1) > 1e-3] + power(1, 8)),
    "bessel_i0": (lambda x: mp.besseli(0, x), grid(-60, 60)),
    "bessel_i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(mp.mpf(x))), grid(-60, 60) + [1e4]),
    "bessel_i1": (lambda x: mp.besseli(1, x), grid(-60, 60) + [1e-6]),
    "bessel_i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(mp.mpf(x))), grid(-60, 60) + [1e4]),
    "bessel_k0": (lambda x: mp.besselk(0, x), grid(0, 6) + grid(6, 60)),
    "bessel_k0e": (lambda x: mp.besselk(0, x) * mp.exp(mp.mpf(x)), grid(0, 6) + [1e4]),
    "bessel_k1": (lambda x: mp.besselk(1, x), grid(0, 6) + grid(6, 60)),
    "bessel_k1e": (lambda x: mp.besselk(1, x) * mp.exp(mp.mpf(x)), grid(0, 6) + [1e4]),
    "bessel_j0": (lambda x: mp.besselj(0, x), grid(-20, 20)),
    "bessel_j1": (lambda x: mp.besselj(1, x), grid(-20, 20)),
    "bessel_y0": (lambda x: mp.bessely(0, x), grid(0, 20)),
    "bessel_y1": (lambda x: mp.bessely(1, x), grid(0, 20)),
}
SHAPES = power(-2, 3, 40)
BINARY = {
    "igamma": (lambda a, x: mp.gammainc(mp.mpf(a), 0, mp.mpf(x), regularized=True), [(a, a * 10.0 ** RANDOM.uniform(-0.5, 0.3)) for a in SHAPES]),
    "igammac": (lambda a, x: mp.gammainc(mp.mpf(a), mp.mpf(x), mp.inf, regularized=True), [(a, a * 10.0 ** RANDOM.uniform(-0.3, 0.3)) for a in SHAPES] + [(1e-3, 0.2), (0.3, 1e-4), (2e5, 200500.0)]),
    "zeta": (lambda x, q: mp.zeta(mp.mpf(x), mp.mpf(q)), [(1 + 10.0 ** RANDOM.uniform(-2, 1.2), 10.0 ** RANDOM.uniform(-2, 2)) for _ in range(40)]),
    "polygamma": (lambda n, x: mp.polygamma(int(n), mp.mpf(x)), [(float(RANDOM.randint(1, 9)), 10.0 ** RANDOM.uniform(-2, 2)) for _ in range(40)]),
}
BETAINC = [(10.0 ** RANDOM.uniform(-1, 2), 10.0 ** RANDOM.uniform(-1, 2)) for _ in range(40)]


def main():
    lines = ["# function, arguments, value; made by make_special.py\n"]
    add = lambda name, args, value: lines.append("%s %s %.17g\n" % (name, " ".join("%.17g" % x for x in args), float(value)))
    for name, (f, xs) in UNARY.items():
        for x in xs:
            add(name, [x], f(x))
    for name, (f, pairs) in BINARY.items():
        for pair in pairs:
            add(name, pair, f(*pair))
    for a, b in BETAINC:
        x = min(max(a / (a + b) + RANDOM.uniform(-0.3, 0.3), 0.01), 0.99)
        add("betainc", [a, b, x], mp.betainc(mp.mpf(a), mp.mpf(b), 0, mp.mpf(x), regularized=True))
    with open(os.path.join(HERE, "vectors", "special.txt"), "w") as f:
        f.writelines(lines)
    print(len(lines))


if __name__ == "__main__":
    main()
