#!/usr/bin/python3
"""Cosignatures (c2sp.org/tlog-cosignature) made by another program: cosignatures.inc, for tests/unit/audit/witness_test.c."""
import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
RAW = dict(encoding=serialization.Encoding.Raw, format=serialization.PublicFormat.Raw)


def cosigner(name, seed, kind=4):
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
    public = private.public_key().public_bytes(**RAW)
    key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
    return private, key_id, f"{name}+{key_id.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def cosigned(name, seed, seconds):
    private, key_id, _ = cosigner(name, seed)
    message = f"cosignature/v1\ntime {seconds}\n{TEXT}".encode()
    blob = key_id + seconds.to_bytes(8, "big") + private.sign(message)
    return f"\u2014 {name} {base64.b64encode(blob).decode()}\n"


def signed(name, seed):
    private, key_id, _ = cosigner(name, seed, 1)
    return f"\u2014 {name} {base64.b64encode(key_id + private.sign(TEXT.encode())).decode()}\n"


def literal(name, text):
    escaped = "".join(c if 32 <= ord(c) < 127 else "".join(f"\\{b:03o}" for b in c.encode()) for c in text)
    return f'static const char {name}[] = "{escaped}";'


def lines():
    yield "/* Written by tests/vectors/cosignatures.py: python3 tests/vectors/cosignatures.py >tests/vectors/cosignatures.inc */"
    yield "/* clang-format off */"
    yield literal("LOG_KEY", cosigner("example.com/behind-the-sofa", 9, 1)[2])
    yield literal("W1_KEY", cosigner("witness.example/w1", 1)[2])
    yield literal("W2_KEY", cosigner("witness.example/w2", 2)[2])
    yield literal("TEXT", TEXT)
    yield literal("LOG_LINE", signed("example.com/behind-the-sofa", 9))
    yield literal("W1_LINE", cosigned("witness.example/w1", 1, 1679315147))
    yield literal("W1_LATER", cosigned("witness.example/w1", 1, 1679315999))
    yield literal("W2_LINE", cosigned("witness.example/w2", 2, 1679315200))


if __name__ == "__main__":
    print("\n".join(lines()))
