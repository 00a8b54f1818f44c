"""vaultctl for the administrator's keys: rings listed, rotated, paused, destroyed by two people, with a certificate; residents erased; rows verified."""

import base64
import hashlib

import kit
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vaultctl_test import DENIED, INVALID, SOME_REFUSED, USAGE, Ctl

FAILED, TAMPERED = 6, 7
RULES = [kit.rule("put", "put", "population", "population-register", list(kit.residents(1)[0])),
         kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
         kit.rule("erase", "erase", "population", "population-register", ["id_number"], form="nothing"),
         kit.rule("issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
         kit.rule("reveal", "reveal", "eldercare", "elder-care", ["name", "phone"]),
         kit.rule("search", "search", "eldercare", "elder-care", ["name", "phone"], form="token")]


class House:
    def __init__(self, folder):
        self.city = kit.City(RULES)
        self.people = self.city.put(60)
        self.elder = self.city.vaultd.app("eldercare", "elder-care")
        self.tokens = [r.token for r in self.elder.issue([p["id_number"] for p in self.people]).results]
        self.admin, self.officer = (Ctl(self.city, name, folder=folder) for name in ("admin-li", "officer-wang"))
        self.register = Ctl(self.city, "population", "population-register", folder)
        self.app = Ctl(self.city, "eldercare", "elder-care", folder)
        self.vkey = self.officer.json("audit", "checkpoint")[0]["verifier_key"]

    def all_are_there(self, but=()):
        values = self.elder.reveal_batch(self.tokens, ["name"]).results
        assert all(r.values[0].text == p["name"] for r, p in zip(values, self.people) if p["id_number"] not in but)
        assert self.elder.search_all(kit.where("phone", equals=self.people[7]["phone"]))

    def approve(self, name):
        shown = self.officer("approval", "show", name)
        digest = next(line.split()[1] for line in shown.splitlines() if line.strip().startswith("digest"))
        return self.officer("approval", "approve", name, "--digest", digest, "--ticket", "seen")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    it = House(tmp_path_factory.mktemp("keys"))
    yield it
    it.city.close()


def states(rings, name):
    return {int(r["name"].rsplit("/", 1)[1]): (r["state"], r["suite"]) for r in rings if r["name"].startswith(f"rings/{name}/versions/")}


def verified(note, vkey):
    """A C2SP signed note, as a stranger checks it: its text."""
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id and key[0] == 1
    mine = [base64.b64decode(line.split()[2]) for line in signatures.splitlines() if line.startswith(f"— {name} ")]
    mine = [s for s in mine if s[:4].hex() == key_id]
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(mine[0][4:], text.encode())
    return text


def test_rings_are_shown_to_stewards_and_to_nobody_else(house):
    said = house.admin("keys", "list")
    assert "rings/record/versions/1" in said and "control version" in said
    [status] = house.officer.json("keys", "list")
    assert states(status["rings"], "record") == {1: ("active", "intl")} and status["control_version"] >= 1 and not status["sealed"]
    [mine] = [r for r in status["rings"] if r.get("consumer") == "eldercare"]
    assert mine["name"].startswith("rings/token/") and mine["purpose"] == "elder-care" and "eldercare, elder-care\n" in said
    assert not any("consumer" in r for r in status["rings"] if "/token/" not in r["name"])
    assert not any(line.endswith(" ") for line in said.splitlines())
    assert "term/phone" in house.admin("keys", "show", "term/phone")
    house.admin("keys", "show", "term/nothing", wanted=INVALID)
    house.app("keys", "list", wanted=DENIED)
    house.app("keys", "rotate", "record", "--ticket", "t", wanted=DENIED)
    house.officer("keys", "rotate", "record", "--ticket", "t", wanted=DENIED)
    house.admin("keys", "rotate", "record", wanted=USAGE)


def test_the_record_ring_goes_over_to_a_new_version_and_the_old_one_is_destroyed_by_two_people(house, tmp_path):
    house.admin("keys", "destroy", "record", "1", "--ticket", "too soon", wanted=FAILED)
    assert "RING_ACTIVE" in house.admin.said
    said = house.admin.json("keys", "rotate", "record", "--watch", "--ticket", "yearly")
    jobs = [one for one in said if one["name"].startswith("jobs/")]
    assert jobs and all(job["state"] == "done" and job["done"] >= 60 for job in jobs if job["kind"] == "rewrap"), jobs
    [status] = house.admin.json("keys", "list")
    assert states(status["rings"], "record") == {1: ("retiring", "intl"), 2: ("active", "intl")}
    assert jobs[0]["name"] in house.officer("keys", "progress") and "rewrap" in house.admin("keys", "show", "record")
    house.all_are_there()

    pending = house.admin("keys", "destroy", "record", "1", "--ticket", "yearly").split()[0]
    house.admin("approval", "approve", pending, "--digest", "0" * 64, "--ticket", "alone", wanted=DENIED)
    house.admin("keys", "destroy", "record", "1", "--approval", pending, "--ticket", "alone", wanted=FAILED)
    assert "NOT_APPROVED" in house.admin.said
    house.approve(pending)
    out = tmp_path / "record-1.certificate"
    house.admin("keys", "destroy", "record", "1", "--approval", pending, "--out", out, "--ticket", "yearly")
    text = verified(out.read_text(), house.vkey)
    assert "record" in text and "resident-vault/test" in text
    assert house.officer("keys", "certificate", "record", "1") == out.read_text()
    [status] = house.admin.json("keys", "list")
    assert states(status["rings"], "record") == {1: ("destroyed", "intl"), 2: ("active", "intl")}
    house.admin("keys", "destroy", "record", "1", "--ticket", "again", wanted=FAILED)
    assert "RING_DESTROYED" in house.admin.said
    house.admin("keys", "certificate", "record", "2", wanted=INVALID)
    house.all_are_there()
    lines = house.officer.json("audit", "query", "--of-purpose", "control", "--limit", "200")
    destroyed = [line for line in lines if line["officer_view"].get("change") == "destroy" and line["outcome"] == "granted"]
    assert destroyed and destroyed[-1]["officer_view"]["ticket"] == "yearly"
    said = house.officer("audit", "query", "--of-purpose", "control", "--limit", "200")
    assert "rotate record 2" in said and "destroy record 1" in said


def test_jobs_are_named_and_what_has_ended_is_not_resumed(house):
    job = house.admin.json("keys", "progress")[0]["name"]
    assert house.admin.json("keys", "progress", job.split("/")[1])[0]["name"] == job
    house.admin("keys", "resume", job, "--ticket", "t", wanted=FAILED)
    assert "JOB_STATE" in house.admin.said
    for verb in ("pause", "resume", "cancel"):
        house.admin("keys", verb, "jobs/999999", "--ticket", "t", wanted=INVALID)
        house.officer("keys", verb, job, "--ticket", "t", wanted=DENIED)
    house.admin("keys", "progress", "--watch", wanted=USAGE)


def test_a_new_epoch_gives_other_tokens_and_takes_the_old_ones_until_its_end(house):
    domain = next(r["name"].split("/")[2] for r in house.admin.json("keys", "list")[0]["rings"] if "/token/" in r["name"])
    house.admin("keys", "rotate", f"token/{domain}", "--ticket", "t", wanted=INVALID)
    assert "BAD_END" in house.admin.said
    house.admin("keys", "rotate", f"token/{domain}", "--until", "yesterday", "--ticket", "t", wanted=USAGE)
    rings = [r["name"] for r in house.admin.json("keys", "list")[0]["rings"] if "/token/" in r["name"]]
    names = sorted({name[len("rings/"):name.index("/versions/")] for name in rings})
    house.admin("keys", "rotate", *names, "--until", "2099-01-01", "--ticket", "new epoch")
    again = [r.token for r in house.elder.issue([p["id_number"] for p in house.people[:5]]).results]
    assert not set(again) & set(house.tokens)
    assert house.app("inspect", house.tokens[0], again[0]).split() == ["valid", "valid"]
    assert "2098-12-31" in house.admin("keys", "show", names[0])
    house.all_are_there()


def test_a_ring_goes_over_to_the_other_suite(house):
    house.admin("keys", "rotate", "term/phone", "record", "--suite", "gm", "--watch", "--ticket", "national suite")
    [status] = house.admin.json("keys", "list")
    assert states(status["rings"], "record")[3] == ("active", "gm") and states(status["rings"], "term/phone")[2] == ("active", "gm")
    house.admin("keys", "rotate", "record", "--suite", "sm", "--ticket", "t", wanted=INVALID)
    house.all_are_there()


def test_the_rows_are_verified_and_an_older_one_put_back_is_found(house):
    log_key = ("--log-key", house.vkey, "--rows")
    assert "rows        60 checked" in house.officer("audit", "verify", *log_key)
    sql = house.city.database.sql
    sql("create table before as table resident")
    house.city.vaultd.app("population", "population-register").put([dict(house.people[0], workplace="新厂")])
    assert "verdict     valid" in house.officer("audit", "verify", *log_key)
    resident = sql("select r.id from resident r join before b using (id) where r.version <> b.version")
    assert resident.isdigit()
    sql(f"create table after as select * from resident where id = {resident}")
    put_back = "delete from resident where id = {0}; insert into resident select * from {1} where id = {0}".format
    sql(put_back(resident, "before"))
    house.all_are_there()  # it opens: nothing but the sum can tell
    assert "tampered: the rows" in house.officer("audit", "verify", *log_key, wanted=TAMPERED)
    sql(put_back(resident, "after"))
    assert "verdict     valid" in house.officer("audit", "verify", *log_key)


def test_an_erased_resident_is_nobody(house):
    gone = house.people[40]["id_number"]
    token = house.register("issue", gone).strip()
    house.app("erase", token, "--ticket", "t", wanted=SOME_REFUSED)
    house.register("erase", token, wanted=USAGE)
    assert house.register("erase", token, "--ticket", "request 31").strip() == "erased"
    assert house.app("inspect", house.tokens[40]).strip() == "gone"
    house.app("reveal", house.tokens[40], "--fields", "name", "--ticket", "t", wanted=DENIED)
    assert "clause resident" in house.app.said
    house.register("erase", token, "--ticket", "request 31", wanted=SOME_REFUSED)
    many = house.register("erase", *[token] * 600, "--ticket", "request 31", wanted=SOME_REFUSED)
    assert many.split() == ["-"] * 600 and "item 600: " in house.register.said, "parts of 512"
    house.all_are_there(but=[gone])
    assert "rows        59 checked" in house.officer("audit", "verify", "--log-key", house.vkey, "--rows")
