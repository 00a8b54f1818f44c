"""A stranger's reader of ID numbers, python3-stdnum, takes the format-preserving tokens of every number that it takes itself."""
import datetime
import os
import pathlib
import random
import re
import subprocess

import stdnum.cn
from stdnum.cn import ric

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VAULT_BUILD", ROOT / "build")).resolve()
AREAS = re.findall(r"^(\d{6}) ", (pathlib.Path(stdnum.cn.__file__).parent / "loc.dat").read_text(encoding="utf-8"), re.M)


def tokens(way, values, kind="resident_id"):
    done = subprocess.run([BUILD / "tests/preserve_tokens", way, kind], input="".join(v + "\n" for v in values), capture_output=True, text=True,
                          check=True)
    return done.stdout.split()


def number(draw, area):
    day = datetime.date(1850, 1, 1) + datetime.timedelta(draw.randrange(91676))
    body = f"{area}{day:%Y%m%d}{draw.randrange(1000):03}"
    return body + ric.calc_check_digit(body + "0")


def test_stdnum_accepts_the_token_of_every_number_that_it_accepts():
    draw = random.Random(1)
    numbers = [number(draw, area) for area in set(AREAS)]
    assert len(numbers) > 3300 and all(map(ric.is_valid, numbers))
    sealed = tokens("seal", numbers)
    assert [t for t in sealed if not ric.is_valid(t)] == []
    assert len(set(sealed)) == len(set(numbers)) and not set(sealed) & set(numbers)
    assert tokens("open", sealed) == numbers
    assert {ric.get_birth_date(t).year // 50 for t in sealed} == {37, 38, 39, 40, 41, 42}  # spread over the range


def test_a_number_whose_area_stdnum_does_not_know_stays_one_and_keeps_its_form():
    draw = random.Random(2)
    numbers = [number(draw, area) for area in ("320451", "110000", "810000", "440524", "911156") for _ in range(40)]
    sealed = tokens("seal", numbers)
    for token in sealed:
        assert len(token) == 18 and ric.calc_check_digit(token) == token[-1] and ric.get_birth_date(token)
        assert token[:6] not in AREAS
    assert tokens("open", sealed) == numbers


def test_mobile_numbers_keep_their_first_three_digits():
    draw = random.Random(3)
    numbers = [f"1{draw.randrange(3, 10)}{draw.randrange(10**9):09}" for _ in range(500)]
    sealed = tokens("seal", numbers, "mobile")
    assert all(re.fullmatch(r"1[3-9]\d{9}", t) and t[:3] == n[:3] and t != n for t, n in zip(sealed, numbers))
    assert tokens("open", sealed, "mobile") == numbers
