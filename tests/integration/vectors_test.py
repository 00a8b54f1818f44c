"""The vectors of tests/vectors are what an implementation in another language, on another library, makes of the documents."""
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"
sys.path.insert(0, str(VECTORS))

import cosignatures  # noqa: E402
import tokens  # noqa: E402


def test_the_written_vectors_are_those_of_the_other_implementation():
    assert (VECTORS / "tokens.inc").read_text().splitlines() == list(tokens.lines())
    assert (VECTORS / "cosignatures.inc").read_text().splitlines() == list(cosignatures.lines())


def test_the_other_implementation_gives_the_samples_of_nist_and_of_bip_350():
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
    assert tokens.ff1(key, 10, b"", 1234, 56789, 5, 5) == (66576, 67009)
    assert tokens.ff1(key, 10, bytes.fromhex("39383736353433323130"), 1234, 56789, 5, 5) == (10016, 23463)
    assert tokens.polymod([ord(c) >> 5 for c in "a"] + [0, 1] + [tokens.ALPHABET.index(c) for c in "lqfn3a"]) == 0x2BC830A3
