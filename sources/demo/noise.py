"""Randomness with random access: the same identity, day and minute give the same number in whatever order they are asked.

Daily shocks come from numpy's counter-based Philox, keyed by identity, so that one symbol's path does not depend on which
others exist. Minutes and contracts are too many for one generator each and come from a vectorised hash (SplitMix64's finaliser:
Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from exposure.greeks import Floats

Words = NDArray[np.uint64]

_SEED = 20180416
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 1.0 / (1 << 53)


def identity(label: str) -> int:
    """A 64-bit number that stands for a label, the same on every machine."""
    return int.from_bytes(blake2b(label.encode(), digest_size=8).digest(), "little")


def normals(label: str, stream: int, count: int) -> Floats:
    """The first `count` standard normals of one stream of a label, shape (count,); a longer draw begins with a shorter one."""
    key = np.array([identity(label), _SEED + stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(count)


def scramble(words: Words) -> Words:
    """A well mixed 64-bit word for each word, same shape."""
    mixed = words + _GOLDEN
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return mixed


def unit(words: Words) -> Floats:
    """Scrambled words as uniform numbers in [0, 1), same shape."""
    return np.asarray((words >> np.uint64(11)) * _TO_UNIT)


def decaying_sum(shocks: Floats, decay: float) -> Floats:
    """y[t] = decay·y[t-1] + shocks[t] along the last axis, y[-1] = 0; 0 < decay < 1.

    A doubling scan: each pass adds the sums of twice as many days, so a dozen vectorised passes replace a loop over days.
    """
    total = shocks.copy()
    reach, factor = 1, decay
    while reach < shocks.shape[-1] and factor > 1e-12:
        total[..., reach:] += factor * total[..., :-reach].copy()
        reach, factor = 2 * reach, factor * factor
    return total


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The most recently used results of a pure function, safe to share between threads.

    Two threads may compute the same result at once; both get equal values, so nothing waits.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = compute()
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return value
