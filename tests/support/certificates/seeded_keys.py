"""RSA and DSA keys that follow from a label, so that they are the same in each run. For tests only: anyone can derive them."""

import random
from functools import cache
from math import isqrt

from cryptography.hazmat.primitives.asymmetric import dsa, rsa

EXPONENT = 65537
# How far behind its seeded start the modulus of DSA is a prime: finding it takes seconds.
DSA_STEPS = 472
# The same of the primes that nearly every run needs: finding them takes a second. Any other prime is searched for.
DISTANCES = {
    "2048 RSA Root CA p": 166,
    "2048 RSA Root CA q": 212,
    "2048 RSA Line CA p": 402,
    "2048 RSA Line CA q": 24,
    "2048 rsa-sensor p": 376,
    "2048 rsa-sensor q": 6,
    "2048 written p": 2302,
    "2048 written q": 1244,
    "1024 Line 2 CA p": 92,
    "1024 Line 2 CA q": 52,
    "2048 sensor-1 p": 690,
    "2048 sensor-1 q": 424,
    "1024 sensor-1 p": 1494,
    "1024 sensor-1 q": 636,
    "2048 List RSA CA p": 86,
    "2048 List RSA CA q": 532,
    "2048 entra-1 p": 272,
    "2048 entra-1 q": 630,
    "2048 entra-2 p": 1746,
    "2048 entra-2 q": 472,
    "2048 identity provider p": 138,
    "2048 identity provider q": 468,
    "2048 attacker p": 1476,
    "2048 attacker q": 458,
    "1024 entra-weak p": 1420,
    "1024 entra-weak q": 284,
    "1024 written p": 196,
    "1024 written q": 44,
    "4096 written p": 372,
    "4096 written q": 866,
    "DSA q": 378,
}


def _small_primes(limit: int) -> list[int]:
    return [n for n in range(3, limit, 2) if all(n % divisor for divisor in range(3, isqrt(n) + 1, 2))]


SMALL_PRIMES = _small_primes(4000)


@cache
def rsa_key(bits: int, label: str) -> rsa.RSAPrivateKey:
    """Return the RSA key of this size and label."""
    p, q = (_seeded_prime(bits // 2, f"{bits} {label} {name}") for name in "pq")
    exponent = pow(EXPONENT, -1, (p - 1) * (q - 1))
    halves = rsa.rsa_crt_dmp1(exponent, p), rsa.rsa_crt_dmq1(exponent, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, exponent, *halves, rsa.RSAPublicNumbers(EXPONENT, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)  # proving both primes takes a tenth of a second


def dsa_key(label: str) -> dsa.DSAPrivateKey:
    """Return the DSA key of 2048 bits and this label; all share their parameters."""
    q = _seeded_prime(256, "DSA q")
    p = 2 * q * (_seeded(1792, "DSA p") // 2 + DSA_STEPS) + 1
    g = pow(2, (p - 1) // q, p)
    x = _seeded(255, label)
    parameters = dsa.DSAParameterNumbers(p, q, g)
    return dsa.DSAPrivateNumbers(x, dsa.DSAPublicNumbers(pow(g, x, p), parameters)).private_key()


def _seeded(bits: int, seed: str) -> int:
    """Return an odd number of exactly this size, with its two highest bits set."""
    return random.Random(seed).getrandbits(bits) | 3 << (bits - 2) | 1


def _seeded_prime(bits: int, seed: str) -> int:
    return _next_prime(_seeded(bits, seed) + DISTANCES.get(seed, 0))


def _next_prime(number: int) -> int:
    """Return the first prime from this odd number on, as far as Fermat's test shows."""
    rests = [number % prime for prime in SMALL_PRIMES]
    step = 0
    while True:
        found = number + step
        has_no_small_factor = all((rest + step) % prime for rest, prime in zip(rests, SMALL_PRIMES, strict=True))
        if has_no_small_factor and pow(2, found - 1, found) == 1 and found % EXPONENT != 1:
            return found
        step += 2
