"""vaultctl import over the whole path: dirty tables, rejects that are mended, kills at any moment, encodings, dry runs."""

import collections
import csv
import io
import json
import os
import random
import signal
import subprocess
import time

import kit
import pytest

DONE, SOME_REFUSED, USAGE, DENIED, UNAVAILABLE, INVALID, FAILED, STOPPED = 0, 1, 2, 3, 4, 5, 6, 8
PROGRAM = kit.BUILD / "vaultctl"
LABELS = {f["name"]: f["label"] for c in json.loads((kit.ROOT / "deploy/dev/schema.json").read_text())["collections"]
          if c["name"] == "residents" for f in c["fields"]}
OWN = ["_line", "_field", "_reason", "_raw"]


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0])
    it = kit.City(rules=[
        kit.rule("population-put", "put", "population", "population-register", fields),
        kit.rule("eldercare-put", "put", "eldercare", "elder-care", ["id_number", "residence_area", "phone", "marital_status"]),
        kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
        kit.rule("population-reveal", "reveal", "population", "population-register", fields)])
    yield it
    it.close()


class Import:
    """`vaultctl import` in a folder, as the population register or another app."""

    def __init__(self, city, folder, app="population", purpose="population-register"):
        self.city, self.folder, self.app, self.purpose = city, folder, app, purpose

    def environment(self):
        read = lambda part: str(self.city.authority.folder / part)
        return {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")} | {
            "VAULT_SERVER": f"127.0.0.1:{self.city.vaultd.port}", "VAULT_CA": read("ca.crt"), "VAULT_CERT": read(f"{self.app}.crt"),
            "VAULT_KEY": read(f"{self.app}.key"), "VAULT_PURPOSE": self.purpose, "VAULT_TICKET": "import-test"}

    def start(self, *words, **options):
        return subprocess.Popen([str(PROGRAM), "import", *map(str, words)], env=self.environment(), cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def __call__(self, *words, wanted=DONE, stdin=None):
        process = self.start(*words, stdin=subprocess.PIPE)
        out, said = process.communicate(stdin or b"", timeout=300)
        self.said = said.decode()
        assert process.returncode == wanted, (words, process.returncode, out.decode(), self.said)
        return out.decode()

    def json(self, *words, **options):
        return json.loads(self(*words, "--json", **options))


@pytest.fixture
def imports(city, tmp_path):
    return Import(city, tmp_path)


def table(rows, headings=None, encoding="utf-8"):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headings or [LABELS[name] for name in rows[0]])
    writer.writerows(row.values() for row in rows)
    return out.getvalue().encode(encoding)


def line_of(row):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row.values())
    return out.getvalue().encode()


def rejects_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def told(rows):
    return {int(r["_line"]): sorted(zip(r["_field"].split(";"), r["_reason"].split(";"))) for r in rows}


def counted(report):
    return {k: report[k] for k in ("rows", "created", "updated", "unchanged", "rejected", "corrections")}


# ---- a dirty table, by hand ----

def wrong_check_digit(r):
    last = "1" if r["id_number"][-1] != "1" else "2"
    return {**r, "id_number": r["id_number"][:-1] + last}


def change(**values):
    return lambda r: {**r, **values}


FAULTS = [  # what is done to a row, and what is said of it
    (wrong_check_digit, [("id_number", "BAD_CHECK_DIGIT")]),
    (change(id_number=""), [("id_number", "REQUIRED")]),
    (change(residence_area=""), [("residence_area", "REQUIRED")]),
    (change(birth_date="19900231"), [("birth_date", "BAD_DATE")]),
    (change(phone="1380000"), [("phone", "BAD_LENGTH")]),
    (change(residence_address="东门\n后门"), [("residence_address", "CONTROL_CHARACTER")]),
    (change(birth_date="20231301", phone="1380000"), [("birth_date", "BAD_DATE"), ("phone", "BAD_LENGTH")]),
]
BYTES = [  # what is done to its bytes
    (lambda line: b",".join(line.split(b",")[:-2]) + b"\n", "WRONG_COLUMN_COUNT"),
    (lambda line: line.rstrip(b"\n") + b",more\n", "WRONG_COLUMN_COUNT"),
    (lambda line: b'x"' + line, "BROKEN_QUOTE"),
    (lambda line: b'"' + line, "BROKEN_QUOTE"),
    (lambda line: b"\xff" + line, "BAD_ENCODING"),
    (lambda line: b"\0" + line, "CONTROL_CHARACTER"),
    (lambda line: b"x" * 70000 + line, "TOO_LONG"),
]
HARMLESS = [
    lambda r: line_of({**r, "id_number": r["id_number"].replace("X", "x")}),
    lambda r: line_of({**r, "id_number": "".join(chr(ord(c) + 0xFEE0) for c in r["id_number"])}),
    lambda r: line_of({**r, "name": "　" + r["name"] + " "}),
    lambda r: line_of(r).decode().encode("gb18030"),
]


def dirty(count, seed):
    """A table of count rows; the faults planted, by line; and the rows as they should have been."""
    rng = random.Random(seed)
    clean = kit.residents(count, seed=seed)
    out, line, faults, mended = [",".join(LABELS[n] for n in clean[0]).encode() + b"\n"], 2, {}, {}
    for row in clean:
        kind = rng.random()
        text = line_of(row)
        if kind < 0.1:
            edit, faults[line] = rng.choice(FAULTS)
            text = line_of(edit(row))
        elif kind < 0.15:
            edit, reason = rng.choice(BYTES)
            faults[line], text = [("", reason)], edit(text)
        elif kind < 0.3:
            text = rng.choice(HARMLESS)(row)
        if line in faults:
            faults[line] = sorted(faults[line])
            mended[line] = row
        out.append(text)
        line += text.count(b"\n")
    return b"".join(out), faults, mended


def mend(path, mended):
    """Rejects, mended row by row in the file itself."""
    rows = rejects_of(path)
    for row in rows:
        row.update({LABELS[name]: value for name, value in mended[int(row["_line"])].items()})
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def residents_in(city):
    return int(city.database.sql("SELECT count(*) FROM resident"))


def test_a_dirty_table_goes_in_but_for_its_faults_and_mended_rejects_go_in_too(city, imports, tmp_path):
    content, faults, mended = dirty(2000, 1001)
    file, rejects = tmp_path / "dirty.csv", tmp_path / "dirty.csv.rejects.csv"
    file.write_bytes(content)
    before = residents_in(city)
    trial = imports.json(file, "--dry-run", wanted=SOME_REFUSED)
    assert residents_in(city) == before and not rejects.exists() and not (tmp_path / "dirty.csv.import-state").exists()
    dry = rejects_of(tmp_path / "dirty.csv.dry-run.rejects.csv")
    report = imports.json(file, wanted=SOME_REFUSED)
    assert told(rejects_of(rejects)) == faults
    assert rejects_of(rejects) == dry and counted(trial) == counted(report)
    assert report["rows"] == 2000 and report["created"] == 2000 - len(faults) and report["rejected"] == len(faults)
    assert residents_in(city) - before == report["created"]
    assert rejects.stat().st_mode & 0o777 == 0o600 and rejects.read_bytes().startswith(b"\xef\xbb\xbf")
    for row in rejects_of(rejects):
        assert bool(row["_raw"]) == (row["_field"] == "" and row["_reason"] != "TOO_LONG")
    # unmended, not one goes in
    again = imports.json(rejects, wanted=SOME_REFUSED)
    assert again["created"] == 0 and again["rejected"] == len(faults) and residents_in(city) - before == report["created"]
    mend(rejects, mended)
    done = imports.json(rejects)
    assert (done["created"], done["rejected"]) == (len(faults), 0)
    assert residents_in(city) - before == 2000
    # a quality report finds what was planted
    fields = {f["field"]: f for f in trial["quality"]["fields"]}
    reasons = collections.Counter((f, r) for fault in faults.values() for f, r in fault if r != "REQUIRED")
    assert {(f, r): n for f, about in fields.items() for r, n in about["reasons"].items()} == dict(reasons)


def test_the_same_file_twice_changes_nothing(city, imports, tmp_path):
    people = kit.residents(700, seed=1002)
    (tmp_path / "a.csv").write_bytes(table(people))
    first = imports.json("a.csv", "--part", "100")
    assert counted(first) == {"rows": 700, "created": 700, "updated": 0, "unchanged": 0, "rejected": 0, "corrections": 0}
    assert imports.json("a.csv", "--part", "100")["import"] == first["import"] and "imported already" in imports.said
    assert imports.json("a.csv", "--part", "77", "--rejects", "other.csv")["import"] == first["import"]
    log = lambda: city.database.sql("SELECT max(version) FROM resident")
    before = log()
    again = imports.json("a.csv", "--again", "--part", "333")
    assert (again["unchanged"], again["created"], again["updated"]) == (700, 0, 0) and log() == before
    assert not (tmp_path / "a.csv.rejects.csv").exists()
    people[5]["workplace"] = "另一处"
    (tmp_path / "a.csv").write_bytes(table(people))
    assert counted(imports.json("a.csv", "--part", "100"))["updated"] == 1


def stored(city, people):
    app = city.vaultd.app("population", "population-register")
    tokens = [r.token for r in app.issue([p["id_number"] for p in people]).results]
    names = list(people[0])
    reply = app.reveal_batch(tokens, names)
    return [{n: v.text for n, v in zip(names, r.values)} for r in reply.results]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "gbk"])
def test_encodings_are_told_apart(city, imports, tmp_path, encoding):
    people = kit.residents(40, seed=1003 + len(encoding))
    (tmp_path / "e.csv").write_bytes(table(people, encoding=encoding))
    assert imports.json("e.csv")["created"] == 40
    assert [p["name"] for p in stored(city, people)] == [p["name"] for p in people]
    if encoding != "utf-8-sig":
        imports("e.csv", "--encoding", "utf-8", wanted=INVALID)
        assert "headings" in imports.said


def test_json_lines_and_standard_input(city, imports, tmp_path):
    people = kit.residents(30, seed=1040)
    lines = [json.dumps(p, ensure_ascii=False) for p in people]
    lines[3] = json.dumps({**people[3], "phone": 13800000000})
    lines[4] = "{"
    lines[6] = json.dumps(wrong_check_digit(people[6]))
    text = "\n".join(lines).encode()
    imports("-", stdin=text, wanted=USAGE)
    report = imports.json("-", "--rejects", "r.csv", stdin=text, wanted=SOME_REFUSED)
    assert (report["created"], report["rejected"]) == (27, 3)
    rows = rejects_of(tmp_path / "r.csv")
    assert told(rows) == {4: [("phone", "NOT_TEXT")], 5: [("", "BAD_JSON")], 7: [("id_number", "BAD_CHECK_DIGIT")]}
    assert list(rows[0]) == [*people[0], *OWN]


def test_columns_that_fit_nothing_are_told_and_mapped_by_hand(city, imports, tmp_path):
    people = kit.residents(5, seed=1011)
    headings = ["编号" if n == "id_number" else "联系方法" if n == "phone" else LABELS[n] for n in people[0]]
    (tmp_path / "m.csv").write_bytes(table(people, headings))
    imports("m.csv", wanted=INVALID)
    assert '"编号"' in imports.said and "联系方法" in imports.said and "phone" in imports.said
    assert "id_number" in imports.said and not (tmp_path / "m.csv.import-state").exists()
    shown = imports.json("m.csv", "--map", "编号=id_number", "--ignore", "联系方法", "--show-mapping")
    assert {c["column"]: c["field"] for c in shown} == dict(zip(headings, [n if n != "phone" else None for n in people[0]]))
    assert "编号" in imports("m.csv", "--map", "编号=id_number", "--ignore", "联系方法", "--show-mapping")
    (tmp_path / "map.json").write_text(json.dumps({"编号": "id_number", "联系方法": "phone"}))
    assert imports.json("m.csv", "--map-file", "map.json")["created"] == 5
    imports("m.csv", "--collection", "nothing", wanted=USAGE)
    imports("m.csv", "--delimiter", "x", wanted=USAGE)
    imports("m.csv", "--part", "0", wanted=USAGE)
    imports("m.csv", "--rejects", "m.csv.import-state", wanted=USAGE)
    imports("nothing.csv", wanted=INVALID)


def test_a_file_that_was_changed_on_the_way_and_other_settings_are_refused(city, imports, tmp_path):
    people = kit.residents(300, seed=1012)
    file = tmp_path / "c.csv"
    file.write_bytes(table(people))
    city.vaultd.kill()
    try:
        imports("c.csv", "--part", "50", "--patience", "1", wanted=UNAVAILABLE)
    finally:
        city.vaultd.start()
    process = imports.start("c.csv", "--part", "20")
    state = tmp_path / "c.csv.import-state"
    while not state.exists() or json.loads(state.read_text())["parts"] == 0:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    if json.loads(state.read_text())["complete"]:
        pytest.skip("it was too quick to be stopped")
    imports("c.csv", "--part", "30", wanted=INVALID)
    assert '"part"' in imports.said and "--again" in imports.said
    content = file.read_bytes()
    file.write_bytes(content + b"\r\n")
    imports("c.csv", "--part", "20", wanted=INVALID)
    assert "has changed" in imports.said
    state.write_text(state.read_text()[:50])
    imports("c.csv", "--part", "20", wanted=INVALID)
    assert imports.json("c.csv", "--part", "20", "--again")["rows"] == 300


def halted(imports, tmp_path, name, seed, count, part, parts, *words):
    """A vaultctl that stands still in the midst of its import, after so many parts; the machine may be so busy that one is done before."""
    for more in range(20):
        (tmp_path / name).write_bytes(table(kit.residents(count, seed=seed + 1000 * more)))
        process, state = imports.start(name, "--part", part, *words), tmp_path / f"{name}.import-state"
        while not state.exists() or json.loads(state.read_text())["parts"] < parts:
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        if process.poll() is None and not json.loads(state.read_text())["complete"]:
            return process
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
        state.unlink()
    raise AssertionError("no import was met in its midst")


def test_a_signal_ends_it_in_good_order_and_the_same_command_goes_on(city, imports, tmp_path):
    process = halted(imports, tmp_path, "s.csv", 1013, 2500, "25", 3)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STOPPED and "the same command goes on" in said.decode()
    other = imports.json("s.csv", "--part", "25")
    assert other["resumed"] and other["rows"] == 2500 and other["created"] == 2500


def test_one_file_is_imported_by_one_at_a_time(city, imports, tmp_path):
    process = halted(imports, tmp_path, "l.csv", 1014, 3000, "20", 0)
    imports("l.csv", "--part", "20", wanted=FAILED)
    assert "another vaultctl" in imports.said
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)


def test_kills_at_any_moment_double_nothing_and_the_totals_are_right(city, imports, tmp_path):
    content, faults, _ = dirty(10000, 1020)
    file = tmp_path / "k.csv"
    file.write_bytes(content)
    rng, before, kills = random.Random(7), residents_in(city), 0
    while kills < 20:
        process = imports.start("k.csv", "--part", "32", "--json")
        time.sleep(rng.uniform(0.03, 0.2))
        if process.poll() is not None:
            process.communicate()
            break
        if rng.random() < 0.5:
            process.kill()
        else:
            city.vaultd.kill()
            time.sleep(rng.uniform(0, 0.3))
            city.vaultd.start()
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
        kills += 1
        process.communicate()
    report = imports.json("k.csv", "--part", "32", wanted=SOME_REFUSED) if kills == 20 else json.loads(
        (tmp_path / "k.csv.import-state").read_text())["counts"]
    assert kills >= 8
    assert report["rows"] == 10000 and report["rejected"] == len(faults)
    assert report["created"] + report["updated"] + report["unchanged"] == 10000 - len(faults)
    assert told(rejects_of(tmp_path / "k.csv.rejects.csv")) == faults
    assert len(rejects_of(tmp_path / "k.csv.rejects.csv")) == len(faults)
    assert residents_in(city) - before == 10000 - len(faults)


def peak_kib(process):
    """What a child took at most; it is waited for here."""
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == DONE
    process.returncode = 0
    return usage.ru_maxrss


def test_what_another_department_says_otherwise_is_counted_and_goes_in_as_a_correction(city, imports, tmp_path):
    people = kit.residents(50, seed=1060)
    (tmp_path / "p.csv").write_bytes(table(people))
    imports("p.csv")
    theirs = [{n: p[n] for n in ("id_number", "residence_area", "phone", "marital_status")} for p in people]
    elder = Import(city, tmp_path, "eldercare", "elder-care")
    (tmp_path / "s.csv").write_bytes(table(theirs))
    assert elder.json("s.csv")["updated"] == 50  # marital status is civil affairs' own: from now on by its own word
    assert elder.json("s.csv", "--again")["unchanged"] == 50
    for at in (3, 17):
        theirs[at]["phone"] = "13800138000"
    theirs[20]["marital_status"] = "10" if theirs[20]["marital_status"] != "10" else "20"
    theirs[30] = wrong_check_digit(theirs[30])
    (tmp_path / "t.csv").write_bytes(table(theirs + theirs[:1]))
    trial = elder.json("t.csv", "--dry-run", wanted=SOME_REFUSED)
    fields = {f["field"]: f for f in trial["quality"]["fields"]}
    assert fields["phone"]["contradicting"] == 2 and fields["id_number"]["duplicated"] == 1
    assert fields["id_number"]["reasons"] == {"BAD_CHECK_DIGIT": 1}
    report = elder.json("t.csv", wanted=SOME_REFUSED)
    assert counted(report) == counted(trial) and (report["corrections"], report["rejected"], report["updated"]) == (2, 1, 1)
    after = stored(city, people)
    assert after[3]["phone"] == people[3]["phone"] and after[20]["marital_status"] == theirs[20]["marital_status"]


@pytest.mark.skipif(any(f"lib{s}.so".encode() in PROGRAM.read_bytes() for s in ("asan", "tsan")), reason="a sanitizer keeps what is freed")
def test_memory_does_not_grow_with_the_file(city, imports, tmp_path):
    people = kit.residents(4000, seed=1050)
    content = table(people)
    (tmp_path / "small.csv").write_bytes(content)
    (tmp_path / "large.csv").write_bytes(content + content.split(b"\r\n", 1)[1] * 5)
    peaks = {}
    for name in ("small", "large"):
        process = imports.start(f"{name}.csv", "--part", "1024", "--json")
        peaks[name] = peak_kib(process)
        process.communicate()
    assert json.loads((tmp_path / "large.csv.import-state").read_text())["counts"]["unchanged"] == 24000
    assert peaks["large"] < peaks["small"] + 6000, peaks


def test_a_vault_that_goes_away_is_waited_for(city, imports, tmp_path):
    process = halted(imports, tmp_path, "w.csv", 1030, 3000, "100", 2, "--json")
    city.vaultd.kill()
    process.send_signal(signal.SIGCONT)
    time.sleep(1)
    city.vaultd.start()
    out, said = process.communicate(timeout=120)
    assert process.returncode == DONE and "again in" in said.decode()
    assert json.loads(out)["rows"] == 3000
