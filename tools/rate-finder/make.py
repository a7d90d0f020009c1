"""Curves of a range test with what fastai's rules suggest, computed with NumPy from what the rules say, for tests/OptimSharp.Tests/RateFinding/SuggestionTests.cs.

    python3 tools/rate-finder/make.py tests/fixtures/rate-finder/curves.json

valley: with n the length of the longest falling subsequence and e the point where the first of that length ends, the rate at e - n + floor(n/3) + floor(n/6).
steep: where the difference quotient of the loss by the logarithm of the rate is least. minimum: a tenth of the rate of the least loss.
slide: a window of 15 points goes left from the right end while the gradients at its two ends differ by more than 0.005; the left end's rate, the last time they did."""
import bisect
import json
import sys

import numpy as np


def smoothed(losses, beta):
    averages, value = [], 0.0
    for count, loss in enumerate(losses, 1):
        value = beta * value + (1 - beta) * loss
        averages.append(value / (1 - beta ** count))
    return np.array(averages)


def valley(rates, losses):
    tails, lengths = [], []  # patience sorting: of each length, the highest loss with a sign that a falling sequence ends with
    for loss in -losses:
        place = bisect.bisect_left(tails, loss)
        tails[place:place + 1] = [loss]
        lengths.append(place + 1)
    n = max(lengths)
    e = lengths.index(n)
    return rates[max(0, e - n + n // 3 + n // 6)]


def steep(rates, losses):
    return rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))]


def minimum(rates, losses):
    return rates[np.argmin(losses)] / 10


def slide(rates, losses):
    slopes = np.gradient(losses)
    differ = np.abs(slopes[15:] - slopes[:-15]) > 0.005  # of the windows, from the left
    stay = np.flatnonzero(~differ)
    first = stay[-1] + 1 if len(stay) else 0
    return rates[min(first, len(rates) - 16)]


def curve(name, seed, shape, steps=100, noise=0.05, beta=0.98, start=1e-7, end=10.0):
    rng = np.random.default_rng(seed)
    rates = start * (end / start) ** (np.arange(steps) / (steps - 1))
    losses = shape(np.log10(rates)) + noise * rng.standard_normal(steps)
    averages = smoothed(losses, beta)
    suggested = {rule.__name__: float(rule(rates, averages)) for rule in (valley, steep, minimum, slide)}
    return {"name": name, "rates": rates.tolist(), "losses": losses.tolist(), "smoothing": beta, "smoothed": averages.tolist(), "suggested": suggested}


def classic(x):  # flat, a fall about 1e-3, a steep rise above 0.3
    return 2.3 - 1.8 / (1 + np.exp(-2.5 * (x + 3))) + np.exp(3 * (x + 0.5))


curves = [
    curve("classic", 1, classic),
    curve("classic, noisy", 2, classic, noise=0.4),
    curve("classic, as it is", 3, classic, beta=0.0),
    curve("falls to the end", 4, lambda x: 1.5 - 0.1 * x),
    curve("two valleys", 5, lambda x: 2 - np.exp(-(x + 5) ** 2) - 1.3 * np.exp(-2 * (x + 1.5) ** 2), beta=0.9, noise=0.02),
    curve("below zero", 6, lambda x: -3 - np.tanh(x + 3) + np.exp(2 * x), noise=0.01),
    curve("short", 7, classic, steps=20, beta=0.5),
]
with open(sys.argv[1], "w") as file:
    json.dump(curves, file, indent=0)
    file.write("\n")
