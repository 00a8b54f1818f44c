"""Tokens by the documents alone, in another language and on another library: DESIGN.md sections 5 and 7, BIP-350, RFC 5869, SP 800-38G.

python3 tests/vectors/tokens.py >tests/vectors/tokens.inc    writes the vectors; tests/integration/vectors_test.py holds the file against
this, tests/unit/tokenizer/vectors_test.c the vault against the file. A vector never changes: tokens are out there.
"""
import datetime
import hashlib
import hmac
import pathlib
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
FF1_LABEL = b"resident-vault ff1 1"
NUMBERS = ["11010519491231002", "32041120000229001", "65900418500101000", "11010121001231999", "32045119800101001", "91115619990707001"]
MOBILES = ["13800000012", "19999999999", "16000000000"]
RESIDENTS = [1, 42, 13000000, 2**63 - 1]


def ring_key(name, version):
    """Rings are random; these are made up for the vectors."""
    return hashlib.sha256(f"resident-vault vector {name} {version}".encode()).digest()


def aes(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def expand(key, label):
    return hmac.new(key, label + b"\1", hashlib.sha256).digest()


def check_character(body):
    return "10X98765432"[sum(int(d) * w for d, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11]


IDS = [body + check_character(body) for body in NUMBERS]


# --- pseudonyms and their text ---

def pseudonym(key, resident):
    return aes(key, resident.to_bytes(8, "big") + bytes(8))


def polymod(values):
    rest = 1
    for value in values:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= g if top >> i & 1 else 0
    return rest


def text(domain, epoch, block):
    bits = int.from_bytes(domain.to_bytes(3, "big") + epoch.to_bytes(2, "big") + block, "big") << 2
    values = [bits >> 5 * (33 - i) & 31 for i in range(34)]
    check = polymod([ord(c) >> 5 for c in "rv"] + [0] + [ord(c) & 31 for c in "rv"] + values + [0] * 6) ^ 0x2BC830A3
    return "rv1" + "".join(ALPHABET[v] for v in values + [check >> 5 * (5 - i) & 31 for i in range(6)])


# --- format-preserving tokens ---

def ff1(key, radix, tweak, a, b, u, v):
    """Algorithm 7 of SP 800-38G on the numbers of both halves, of u and v digits."""
    size = ((radix**v - 1).bit_length() + 7) // 8
    d = 4 * -(-size // 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256]) + (u + v).to_bytes(4, "big") + len(tweak).to_bytes(4, "big")
    for i in range(10):
        q = tweak + bytes((-len(tweak) - size - 1) % 16) + bytes([i]) + b.to_bytes(size, "big")
        mac = bytes(16)
        for at in range(0, 16 + len(q), 16):
            mac = aes(key, bytes(x ^ y for x, y in zip(mac, (p + q)[at:at + 16])))
        a, b = b, (a + int.from_bytes(mac[:d], "big")) % radix ** (u if i % 2 == 0 else v)
    return a, b


LISTED = [int(c) for c in re.findall(r"\b\d{6}\b(?=,)", (ROOT / "tokenizer/preserve_areas.c").read_text())]
PROVINCES = [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, *range(81, 84)]
OTHERS = sorted({p * 10000 + i for p in PROVINCES for i in range(10000)} | set(range(900000, 1000000))) if LISTED else []
OTHERS = sorted(set(OTHERS) - set(LISTED))
FIRST, DAYS = datetime.date(1850, 1, 1), 91676


def id_token(key, tweak, number):
    listed = int(number[:6]) in LISTED
    areas, radix, digits = (LISTED, 19, 9) if listed else (OTHERS, 23, 10)
    day = datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    rank = (areas.index(int(number[:6])) * DAYS + (day - FIRST).days) * 1000 + int(number[14:17])
    u, v = digits // 2, digits - digits // 2
    while True:
        a, b = ff1(key, radix, tweak, *divmod(rank, radix**v), u, v)
        rank = a * radix**v + b
        if rank < len(areas) * DAYS * 1000:
            break
    body = f"{areas[rank // 1000 // DAYS]}{FIRST + datetime.timedelta(rank // 1000 % DAYS):%Y%m%d}{rank % 1000:03}"
    return body + check_character(body)


def mobile_token(key, tweak, number):
    a, b = ff1(key, 10, tweak + number[:3].encode(), int(number[3:7]), int(number[7:]), 4, 4)
    return f"{number[:3]}{a:04}{b:04}"


# --- the file ---

def lines():
    yield "/* Written by tests/vectors/tokens.py: what the vault's keys make of known values. The rings' keys are made up. Never to be"
    yield " * edited: tokens are out there. */"
    for domain in (1, 2, 0xABCDEF):
        for epoch in (1, 2, 0xFFFF):
            key = ring_key(f"token/{domain}", epoch)
            for resident in RESIDENTS:
                block = pseudonym(key, resident)
                yield f'PSEUDONYM({domain}, {epoch}, "{key.hex()}", {resident}, "{block.hex()}", "{text(domain, epoch, block)}")'
    for domain, epoch in ((1, 1), (1, 2), (2, 1)):
        key = ring_key(f"token/{domain}", epoch)
        derived = expand(key, FF1_LABEL)
        yield f'DERIVED("{key.hex()}", "{FF1_LABEL.decode()}", "{derived.hex()}")'
        for tweak in ("id_number", "guardian_id_number"):
            for number in IDS:
                yield f'PRESERVED("resident_id", "{derived.hex()}", "{tweak}", "{number}", "{id_token(derived, tweak.encode(), number)}")'
        for number in MOBILES:
            yield f'PRESERVED("mobile", "{derived.hex()}", "phone", "{number}", "{mobile_token(derived, b"phone", number)}")'
    key = ring_key("natural", 1)
    for number in IDS:
        yield f'NATURAL("{key.hex()}", "{number}", "{hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:32]}")'


if __name__ == "__main__":
    print("\n".join(lines()))
