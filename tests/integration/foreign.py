"""What a foreign client knows by itself: RFC 6962, C2SP notes, bech32m. Written from the documents, not from the vault's code."""

import base64
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# ---- RFC 6962 ----


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(leaf):
    return sha256(b"\0", leaf)


def node_hash(left, right):
    return sha256(b"\1", left, right)


def tree_root(leaves):
    """MTH of RFC 6962 2.1, by its definition."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def range_root(leaves, first, size, path):
    """The root that neighbouring leaves lead to (Receipt.path); None where the path does not fit."""
    hashes, low, high, last, rest = [leaf_hash(l) for l in leaves], first, first + len(leaves) - 1, size - 1, list(path)
    if not hashes or high > last:
        return None
    while last > 0:
        if low % 2:
            if not rest:
                return None
            hashes.insert(0, rest.pop(0))
            low -= 1
        if high % 2 == 0 and high < last:
            if not rest:
                return None
            hashes.append(rest.pop(0))
            high += 1
        pairs = [node_hash(*hashes[i:i + 2]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + ([hashes[-1]] if len(hashes) % 2 else [])
        low, high, last = low // 2, high // 2, last // 2
    return hashes[0] if not rest else None


def consistent(old_size, old_root, size, root, path):
    """RFC 9162 2.1.4.2."""
    path = list(path)
    if old_size == size:
        return not path and old_root == root
    if not 0 < old_size < size:
        return False
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if not path:
        return False
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


# ---- C2SP signed notes and checkpoints ----


class Checkpoint:
    """A checkpoint whose signature is that of the verifier key; ValueError otherwise."""

    def __init__(self, note, vkey):
        name, key_id, key = vkey.split("+", 2)
        raw = base64.b64decode(key, validate=True)
        if raw[0] != 1 or sha256(name.encode(), b"\n", raw)[:4].hex() != key_id:
            raise ValueError("not a verifier key")
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        for line in signatures.splitlines():
            dash, signer, value = line.split(" ")
            signature = base64.b64decode(value, validate=True)
            if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
                try:
                    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], text.encode())
                except InvalidSignature:
                    raise ValueError("bad signature") from None
                self.origin, size, root = text.splitlines()[:3]
                self.size, self.root = int(size), base64.b64decode(root, validate=True)
                return
        raise ValueError("not signed by this key")


def receipt_stands(receipt, vkey):
    head = Checkpoint(receipt.checkpoint, vkey)
    leaves = [line.leaf for line in receipt.lines]
    return range_root(leaves, receipt.first_line, head.size, receipt.path) == head.root


# ---- bech32m (BIP-350) ----

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _polymod(values):
    rest = 1
    for v in values:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ v
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= g if top >> i & 1 else 0
    return rest


def token_text(data):
    """The text of 21 bytes: domain, epoch, pseudonym."""
    number = int.from_bytes(data, "big") << 2
    values = [number >> 5 * (33 - i) & 31 for i in range(34)]
    expanded = [ord(c) >> 5 for c in "rv"] + [0] + [ord(c) & 31 for c in "rv"]
    check = _polymod(expanded + values + [0] * 6) ^ 0x2BC830A3
    return "rv1" + "".join(ALPHABET[v] for v in values + [check >> 5 * (5 - i) & 31 for i in range(6)])


def token_bytes(text):
    number = 0
    for c in text[3:37]:
        number = number << 5 | ALPHABET.index(c)
    return (number >> 2).to_bytes(21, "big")
