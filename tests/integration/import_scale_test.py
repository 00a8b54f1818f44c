"""A large dirty table, in one story: dry run, twenty kills, rejects that are mended, the same again, another department.
What must stand afterwards is worked out from the generator's list alone. VAULT_SCALE residents (20,000; `./check scale`: 200,000);
what took how long stands in import_scale.txt of the build folder."""

import collections
import csv
import io
import json
import os
import random
import subprocess
import time

import kit
import pytest
from import_test import DONE, LABELS, SOME_REFUSED, UNAVAILABLE, Import, counted, rejects_of, told

ROWS = int(os.environ.get("VAULT_SCALE", 20000))
SHARE, SEED, KILLS = 0.1, 2026, 20
NAMES = list(kit.residents(1)[0])
FIELD_NUMBERS = {f["name"]: f["number"] for c in json.loads((kit.ROOT / "deploy/dev/schema.json").read_text())["collections"]
                 if c["name"] == "residents" for f in c["fields"]}
PUBLIC_SECURITY, CIVIL_AFFAIRS = 1, 2
THEIRS = ["id_number", "residence_area", "phone", "marital_status"]  # the last is theirs to say


def generate(folder, name, count, encoding, start=0):
    """A dirty file, its planted faults, and the residents as they are."""
    common = ["--seed", SEED, "--count", count, "--from", start]
    with (folder / name).open("wb") as out:
        subprocess.run(list(map(str, [kit.BUILD / "tests/generator/vault-generate", *common, "--dirty", SHARE, "--faults",
                                      folder / f"{name}.faults", "--headings", "labels", "--encoding", encoding])), stdout=out, check=True)
    planted = [json.loads(line) for line in (folder / f"{name}.faults").read_text().splitlines()]
    return folder / name, planted, kit.residents(count, seed=SEED, start=start)


def text_of(line):
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("gb18030").removeprefix("\ufeff")


def records(path):
    """The records of a file: the line that each begins in, and its cells. Every line is decoded by itself, unless the file is
    in GB18030 as a whole (a line of it may be UTF-8 by chance)."""
    content = path.read_bytes()
    whole = not content.startswith(b"\xef\xbb\xbf") and LABELS["id_number"].encode() not in content
    lines = [line.decode("gb18030").removeprefix("\ufeff") if whole else text_of(line) for line in content.splitlines(keepends=True)]
    reader, begins = csv.reader(lines), 1
    for cells in reader:
        yield begins, cells
        begins = reader.line_num + 1


class Model:
    """What must stand: the residents, by ID number, with the number of their record version; what is rejected, by line."""

    def __init__(self, path, planted, clean):
        self.effects, self.faults, self.mended = {}, collections.defaultdict(list), {}
        self.values, self.version, self.differing, self.rows = {}, {}, set(), 0
        self.missing, self.repeats = collections.Counter(), collections.Counter()
        for one in planted:
            self.effects[one["line"]] = one["effect"]
            if one["effect"] == "rejected":
                self.faults[one["line"]].append((one["field"], one["reason"]))
        self.faults = {line: sorted(found) for line, found in self.faults.items()}
        self.repeated = sum(one["effect"] in ("unchanged", "merged") for one in planted)
        self.take(path, iter(clean))

    def take(self, path, clean):
        rows = records(path)
        next(rows)
        for line, cells in rows:
            self.rows += 1
            effect = self.effects.get(line)
            if len(cells) == len(NAMES):
                self.missing.update(n for n, cell in zip(NAMES, cells) if not cell.strip())
            if effect in ("unchanged", "merged"):
                self.again(dict(zip(NAMES, cells)), effect)
                continue
            one = next(clean)
            if effect == "rejected":
                self.mended[line] = one
            else:
                self.values[one["id_number"]], self.version[one["id_number"]] = one, 1
        assert next(clean, None) is None

    def again(self, row, effect):
        self.repeats[row["id_number"]] += 1
        if effect == "merged":
            self.values[row["id_number"]] = row
            self.version[row["id_number"]] += 1
            self.differing.add(row["id_number"])

    def mend(self):
        for one in self.mended.values():
            self.values[one["id_number"]], self.version[one["id_number"]] = one, 1

    def quality(self):
        reasons = collections.Counter(one for found in self.faults.values() for one in found if one[1] != "REQUIRED")
        malformed = collections.Counter()
        for (field, _), count in reasons.items():
            malformed[field] += count
        return dict(reasons), dict(malformed)


class Watch:
    def __init__(self):
        self.told, self.at = [], time.monotonic()

    def lap(self, what=None):
        """The time since the last one was for this; None: for nothing that is told."""
        now = time.monotonic()
        self.told += [f"{what} {now - self.at:.1f} s"] if what else []
        self.at = now


def sql_number(city, query):
    return int(city.database.sql(query) or 0)


def standing(city):
    """Everything that stands of residents and corrections, as one digest."""
    rows = "SELECT coalesce(md5(string_agg(md5(r::text), '' ORDER BY {})), '') FROM {} r"
    return [city.database.sql(rows.format(*which)) for which in (("id", "resident"), ("id", "resident_key"),
                                                                 ("(resident, field, department)", "correction"))]


def versions(city):
    rows = city.database.sql("SELECT version, count(*) FROM resident GROUP BY 1").splitlines()
    return {int(v): int(n) for v, n in (row.split("|") for row in rows)}


def expect_standing(city, model):
    """Not one row too many, every value as the model has it, and each record as often written as it was changed."""
    assert sql_number(city, "SELECT count(*) FROM resident") == sql_number(city, "SELECT count(*) FROM resident_key") == len(model.values)
    assert versions(city) == dict(collections.Counter(model.version.values()))
    app = city.vaultd.app("population", "population-register")
    ids = list(model.values)
    for at in range(0, len(ids), 1000):
        some = ids[at:at + 1000]
        issued = app.issue(some, timeout=120).results
        assert all(r.status.code == 0 for r in issued)
        for id_number, result in zip(some, app.reveal_batch([r.token for r in issued], NAMES, timeout=120).results):
            assert result.status.code == 0 and [v.text for v in result.values] == [model.values[id_number][n] for n in NAMES]


@pytest.fixture(scope="module")
def scale(tmp_path_factory):
    rules = [kit.rule("population-put", "put", "population", "population-register", NAMES),
             kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
             kit.rule("population-reveal", "reveal", "population", "population-register", NAMES),
             kit.rule("eldercare-put", "put", "eldercare", "elder-care", THEIRS)]
    folder, city, watch = tmp_path_factory.mktemp("scale"), kit.City(rules=rules), Watch()
    path, planted, clean = generate(folder, "dirty.csv", ROWS, "mixed")
    model = Model(path, planted, clean)
    watch.lap("generated and modelled in")
    yield collections.namedtuple("Scale", "city folder path planted clean model imports watch")(
        city, folder, path, planted, clean, model, Import(city, folder), watch)
    (kit.BUILD / "import_scale.txt").write_text(f"{ROWS} residents, {model.rows} rows, {len(model.faults)} of them rejected: "
                                                + "; ".join(watch.told) + "\n")
    city.close()


def test_the_dry_run_tells_exactly_what_was_planted_and_writes_nothing(scale):
    before = standing(scale.city)
    report = scale.imports.json(scale.path, "--dry-run", wanted=SOME_REFUSED)
    scale.watch.lap("dry run")
    assert standing(scale.city) == before and sql_number(scale.city, "SELECT count(*) FROM resident") == 0
    assert (report["rows"], report["rejected"]) == (scale.model.rows, len(scale.model.faults))
    rows = rejects_of(scale.folder / "dirty.csv.dry-run.rejects.csv")
    assert len(rows) == len(scale.model.faults) and told(rows) == scale.model.faults
    reasons, malformed = scale.model.quality()
    fields = {f["field"]: f for f in report["quality"]["fields"]}
    assert {(f, r): n for f, about in fields.items() for r, n in about["reasons"].items()} == reasons
    assert {f: about["malformed"] for f, about in fields.items() if about["malformed"]} == malformed
    assert {f: about["missing"] for f, about in fields.items() if about["missing"]} == dict(scale.model.missing)
    assert {f: about["duplicated"] for f, about in fields.items() if about["duplicated"]} == {"id_number": scale.model.repeated}
    assert not any(about["contradicting"] for about in fields.values())


def one_kill(city, process, rng):
    """vaultctl, vaultd, or both are killed; True while vaultctl lives on and waits."""
    which = rng.choice(("vaultctl", "vaultd", "both"))
    if which != "vaultctl":
        city.vaultd.kill()
    if which == "both":
        process.kill()
        process.communicate()
    if which != "vaultctl":
        city.vaultd.start()
        return which == "vaultd"
    process.kill()
    process.communicate()
    return False


def test_twenty_kills_double_nothing(scale):
    rng, kills, process = random.Random(20), 0, None
    part = str(max(32, ROWS // 400))
    start = lambda: scale.imports.start(scale.path, "--part", part, "--json")
    state = scale.folder / "dirty.csv.import-state"
    acknowledged = lambda: json.loads(state.read_text())["counts"]["rows"] if state.exists() else 0
    while kills < KILLS:
        process = process if process and process.poll() is None else start()
        goal = 0.85 * scale.model.rows * (kills + rng.random()) / KILLS
        while acknowledged() < goal and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.02))
        if process.poll() not in (None, UNAVAILABLE):  # a vaultd that is not there at the very beginning is not waited for
            pytest.fail(f"vaultctl ended with {process.returncode} after {kills} kills: {process.communicate()[1].decode()[-1500:]}")
        if not one_kill(scale.city, process, rng):
            process = None
        kills += 1
    if process is None or process.wait(600) == UNAVAILABLE:
        process = start()
    report = json.loads(process.communicate(timeout=600)[0])
    scale.watch.lap(f"import with {kills} kills")
    assert report["complete"] and (report["rows"], report["rejected"], report["corrections"]) == (scale.model.rows, len(scale.model.faults), 0)
    assert report["created"] + report["updated"] + report["unchanged"] == scale.model.rows - len(scale.model.faults)
    rows = rejects_of(scale.folder / "dirty.csv.rejects.csv")
    assert len(rows) == len(scale.model.faults) and told(rows) == scale.model.faults
    assert sql_number(scale.city, "SELECT count(*) FROM correction") == 0
    expect_standing(scale.city, scale.model)
    scale.watch.lap("every value compared")


def test_mended_rejects_go_in_and_then_everything_stands(scale):
    rejects = scale.folder / "dirty.csv.rejects.csv"
    rows = rejects_of(rejects)
    for row in rows:
        row.update({LABELS[name]: value for name, value in scale.model.mended[int(row["_line"])].items()})
    with rejects.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    report = scale.imports.json(rejects)
    assert counted(report) == {"rows": len(rows), "created": len(rows), "updated": 0, "unchanged": 0, "rejected": 0, "corrections": 0}
    scale.model.mend()
    scale.watch.lap("mended rejects")
    assert len(scale.model.values) == ROWS
    expect_standing(scale.city, scale.model)
    scale.watch.lap("every value compared again")


def test_the_same_file_twice_changes_nothing(scale):
    before = standing(scale.city)
    scale.imports(scale.path, "--part", str(max(32, ROWS // 400)))
    assert "imported already" in scale.imports.said and standing(scale.city) == before
    # rows that contradict each other within the file would be told in turn again: all the others change nothing
    lines, once = scale.path.read_bytes().splitlines(keepends=True), scale.folder / "once.csv"
    out, drop, begins = [], False, dict(records(scale.path))
    for number, line in enumerate(lines, 1):
        if number in begins:
            drop = begins[number][0] in scale.model.differing or number in scale.model.faults
        out += [] if drop else [line]
    once.write_bytes(b"".join(out))
    for _ in range(2):
        scale.watch.lap()
        report = scale.imports.json(once, "--again")
        scale.watch.lap("the same again")
        assert report["unchanged"] == report["rows"] == scale.model.rows - len(scale.model.faults) - 2 * len(scale.model.differing)
        assert standing(scale.city) == before


def contradicted(people, rng):
    """Rows of the civil affairs, and the planted contradictions: other phones (not theirs to say), other marital states."""
    phones, states, rows = set(), set(), []
    for person in people:
        row = {name: person[name] for name in THEIRS}
        kind = rng.random()
        if kind < 0.05 and row["phone"]:
            row["phone"] = "1390000%04d" % rng.randrange(10000)
            phones.add(row["id_number"])
        elif kind < 0.1:
            row["marital_status"] = "10" if row["marital_status"] != "10" else "30"
            states.add(row["id_number"])
        rows.append(row)
    return rows, phones, states


def write_table(path, rows):
    out = io.StringIO()
    csv.writer(out).writerows([[LABELS[n] for n in rows[0]], *(row.values() for row in rows)])
    path.write_bytes(out.getvalue().encode("gb18030"))


def corrections(city):
    rows = city.database.sql("SELECT field, department, count(*) FROM correction GROUP BY 1, 2").splitlines()
    return {(int(f), int(d)): int(n) for f, d, n in (row.split("|") for row in rows)}


def test_two_departments_that_contradict_each_other_leave_exactly_the_corrections_planted(scale):
    model, rng = scale.model, random.Random(2)
    people = [p for p in model.values.values() if p["marital_status"]][::4]
    rows, phones, states = contradicted(people, rng)
    write_table(scale.folder / "civil.csv", rows)
    civil = Import(scale.city, scale.folder, "eldercare", "elder-care")
    trial = civil.json("civil.csv", "--dry-run")
    fields = {f["field"]: f["contradicting"] for f in trial["quality"]["fields"] if f["contradicting"]}
    assert fields == {"phone": len(phones)}, fields
    report = civil.json("civil.csv")
    scale.watch.lap("another department")
    # what its owner says again becomes the owner's: a record version, though nothing else changes
    assert counted(report) == {"rows": len(rows), "created": 0, "updated": len(rows), "unchanged": 0, "rejected": 0, "corrections": len(phones)}
    assert corrections(scale.city) == {(FIELD_NUMBERS["phone"], CIVIL_AFFAIRS): len(phones)}
    for row in rows:
        model.version[row["id_number"]] += 1
        if row["id_number"] in states:
            model.values[row["id_number"]] = {**model.values[row["id_number"]], "marital_status": row["marital_status"]}
    expect_standing(scale.city, model)
    before = standing(scale.city)
    again = civil.json("civil.csv", "--again")
    assert (again["updated"], again["corrections"]) == (0, len(phones)) and standing(scale.city) == before
    # and the register, which says what it said: other marital states are corrections now, and nothing else is
    scale.watch.lap()
    report = scale.imports.json("once.csv", "--again")
    told_again = states - {one["id_number"] for one in model.mended.values()} - model.differing
    wanted = {(FIELD_NUMBERS["phone"], CIVIL_AFFAIRS): len(phones), (FIELD_NUMBERS["marital_status"], PUBLIC_SECURITY): len(told_again)}
    assert corrections(scale.city) == wanted and report["updated"] == 0
    assert report["corrections"] == sum(1 + model.repeats[one] for one in told_again)
    assert versions(scale.city) == dict(collections.Counter(model.version.values()))
    scale.watch.lap("the register again")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-bom", "gb18030", "gb18030-bom"])
def test_files_in_every_encoding_are_what_they_are(scale, encoding):
    count = min(2000, ROWS // 10)
    start = ROWS + 100000 + 10000 * len(encoding) + (50000 if "bom" in encoding else 0)
    path, planted, clean = generate(scale.folder, f"{encoding}.csv", count, encoding, start)
    model = Model(path, planted, clean)
    before = sql_number(scale.city, "SELECT count(*) FROM resident")
    report = scale.imports.json(path, wanted=SOME_REFUSED if model.faults else DONE)
    assert told(rejects_of(scale.folder / f"{encoding}.csv.rejects.csv")) == model.faults
    assert report["created"] == len(model.values) == sql_number(scale.city, "SELECT count(*) FROM resident") - before
    app = scale.city.vaultd.app("population", "population-register")
    some = list(model.values)[:1000]
    tokens = [r.token for r in app.issue(some).results]
    for id_number, result in zip(some, app.reveal_batch(tokens, NAMES).results):
        assert [v.text for v in result.values] == [model.values[id_number][n] for n in NAMES]
