"""`vaultctl audit archive` from outside: what is too young stays, and a vault without a folder archives nothing. (What archiving does:
tests/unit/service/archive_test.c, where years pass.)"""

import pytest

from vaultctl_test import DENIED, INVALID, USAGE, Ctl


@pytest.fixture
def officer(city, tmp_path):
    return Ctl(city, "officer-wang", folder=tmp_path)


def test_what_is_younger_than_the_retention_stays(officer):
    officer("audit", "archive", "--before", "2026-01-01", "--ticket", "too young", wanted=INVALID)
    assert "before_time: RETENTION" in officer.said and "three years at least" in officer.said
    assert "no line is archived" in officer("audit", "archive", "--list")


def test_either_a_time_or_the_list(officer):
    officer("audit", "archive", wanted=USAGE)
    officer("audit", "archive", "--list", "--before", "2020-01-01", wanted=USAGE)
    officer("audit", "archive", "--before", "yesterday", wanted=USAGE)


def test_an_administrator_sees_the_list_and_archives_nothing(city, tmp_path):
    administrator = Ctl(city, "admin-li", folder=tmp_path)
    assert "no line is archived" in administrator("audit", "archive", "--list")
    administrator("audit", "archive", "--before", "2020-01-01", "--ticket", "not mine", wanted=DENIED)
