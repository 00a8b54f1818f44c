"""vaultctl from outside: what it prints, its exit codes, and the four verdicts."""

import json
import os
import pathlib
import subprocess

import kit
import pytest

DONE, SOME_REFUSED, USAGE, DENIED, UNAVAILABLE, INVALID, FAILED, TAMPERED, INCOMPLETE, UNVERIFIABLE = range(10)
PROGRAM = kit.BUILD / "vaultctl"


class Ctl:
    """vaultctl as one principal."""

    def __init__(self, city, name, purpose=None, folder=None):
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("VAULT_")} | {
            "VAULT_SERVER": f"127.0.0.1:{city.vaultd.port}", "VAULT_CA": str(city.authority.folder / "ca.crt"),
            "VAULT_CERT": str(city.authority.folder / f"{name}.crt"), "VAULT_KEY": str(city.authority.folder / f"{name}.key"),
            "HOME": str(folder or "/nonexistent"), **({"VAULT_PURPOSE": purpose} if purpose else {})}

    def __call__(self, *words, wanted=DONE, stdin=None, **environment):
        done = subprocess.run([str(PROGRAM), *map(str, words)], env=self.environment | environment, text=True, input=stdin,
                              capture_output=True, cwd=self.folder, timeout=60)
        assert done.returncode in (wanted if isinstance(wanted, tuple) else (wanted,)), (words, done.returncode, done.stdout, done.stderr)
        self.said = done.stderr
        return done.stdout

    def json(self, *words, **options):
        return [json.loads(line) for line in self(*words, "--json", **options).splitlines()]


@pytest.fixture
def elder(city, tmp_path):
    return Ctl(city, "eldercare", "elder-care", tmp_path)


@pytest.fixture
def officer_ctl(city, tmp_path):
    ctl = Ctl(city, "officer-wang", folder=tmp_path)
    key = ctl.json("audit", "checkpoint")[0]["verifier_key"]
    (tmp_path / "log.vkey").write_text(key + "\n")
    return ctl


def test_help_names_every_command_and_each_command_explains_itself_with_an_example(elder):
    text = elder("--help")
    commands = [line.split("  ")[1].removeprefix("vaultctl ") for line in text.splitlines() if line.startswith("  vaultctl ")]
    assert len(commands) >= 40
    for line in commands:
        words = [w for w in line.split() if w.islower()]
        about = elder(*words, "--help")
        assert f"  vaultctl {' '.join(words)}" in about and "Exit codes" in about


def test_a_group_of_commands_is_listed_where_its_word_stands_alone(elder):
    listed = elder("keys", "--help")
    assert "  vaultctl keys rotate RING" in listed and "vaultctl put" not in listed
    elder("keys", "lst", wanted=USAGE)
    assert all(line in elder.said for line in listed.splitlines())
    elder("key", "--help", wanted=USAGE)


def test_wrong_usage_is_said_and_is_exit_code_2(elder):
    for words in ((), ("nothing",), ("audit",), ("issue",), ("issue", "--wrong", "1"), ("reveal", "rv1"), ("put",), ("issue", "--file"),
                  ("reveal", "rv1", "--fields", "name"), ("audit", "proof"), ("audit", "proof", "x"), ("audit", "proof", "1", "2"),
                  ("receipt", "verify"), ("search",), ("test",), ("voucher", "create", "rv1", "--ticket", "t"), ("update", "rv1"), ("issue", "1", "--timeout", "soon"), ("put", "--file", "/nonexistent"), ("assertion", "make")):
        elder(*words, wanted=USAGE)
        assert "--help" in elder.said or "No such file" in elder.said
    elder("health", "--cert", "/nonexistent", wanted=USAGE)


def test_an_output_that_is_cut_short_by_a_full_disk_is_no_success(elder):
    with open("/dev/full", "w") as full:
        for words in (("--help",), ("health",), ("audit", "checkpoint", "--json")):
            done = subprocess.run([str(PROGRAM), *words], env=elder.environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            assert done.returncode == FAILED and "not all could be written" in done.stderr, (words, done)


def test_put_reads_json_lines_and_names_the_lines_that_are_refused(city, tmp_path):
    put = Ctl(city, "population", "population-register", tmp_path)
    lines = kit.residents(1100, seed=77)
    lines[6]["id_number"] = "110105194912310021"
    file = tmp_path / "residents.jsonl"
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in lines))
    assert put("put", "--file", file, wanted=SOME_REFUSED) == "1099 accepted (1099 new, 0 known), 1 refused\n"
    assert "line 7: INVALID_ARGUMENT" in put.said and "items[6].values[0]: BAD_CHECK_DIGIT" in put.said
    assert "110105194912310021" not in put.said
    assert put.json("put", "--file", "-", stdin=file.read_text().splitlines()[0]) == [{"accepted": 1, "created": 0, "refused": 0}]
    for bad in ("[1]", '{"id_number": 5}', "{", '{"a":"1","a":"2"}', "{}"):
        put("put", "--file", "-", stdin=bad, wanted=USAGE)
        assert "line 1" in put.said


def test_issue_and_reveal_by_argument_and_by_file(elder, people, tokens, tmp_path):
    (tmp_path / "ids.txt").write_text("\n".join(p["id_number"] for p in people[:5]) + "\n\nrubbish\n")
    assert elder("issue", "--file", "ids.txt", wanted=SOME_REFUSED).split() == [*tokens[:5], "-"]
    assert "item 6: INVALID_ARGUMENT" in elder.said
    assert elder.json("issue", people[0]["id_number"]) == [{"token": tokens[0]}]
    table = elder("reveal", tokens[0], "--fields", "name,phone", "--ticket", "t").splitlines()
    assert table[0].split() == ["FIELD", "VALUE"] and table[1].split() == ["name", people[0]["name"]]
    many = elder.json("reveal", *tokens[:3], "--fields", "name", "--ticket", "t")
    assert [m["values"]["name"] for m in many] == [p["name"] for p in people[:3]]
    wrong = tokens[0][:-1] + ("q" if tokens[0][-1] != "q" else "p")
    elder("reveal", wrong, "--fields", "name", "--ticket", "t", wanted=INVALID)
    assert "token: TOKEN_MISTYPED" in elder.said
    elder("reveal", tokens[0], wrong, "--fields", "name", "--ticket", "t", wanted=SOME_REFUSED)


def test_a_refusal_names_its_clause_and_an_absent_server_is_exit_code_4(elder, tokens):
    elder("reveal", tokens[0], "--fields", "religion", "--ticket", "t", wanted=DENIED)
    assert "clause fields" in elder.said
    elder("reveal", tokens[0], "--fields", "religion", "--ticket", "t", "--json", wanted=DENIED)
    assert json.loads(elder.said)["error"]["clause"] == "fields"
    elder("keys", "list", wanted=DENIED)
    elder("health", "--server", "127.0.0.1:1", wanted=UNAVAILABLE)
    assert elder("health") == "SERVING\n"


@pytest.mark.parametrize("file", ["civil-affairs.private.jwk", "civil-affairs.jwk.key"])
def test_an_assertion_made_here_is_accepted_once(city, elder, people, tokens, tmp_path, file):
    jwt = elder("assertion", "make", "--key", city.authority.folder / file, "--person", "grid-zhao", "--app", "eldercare",
                "--department", "civil-affairs", "--audience", "resident-vault/test", "--purpose", "elder-care")
    (tmp_path / "a.jwt").write_text(jwt)
    reveal = ("reveal", tokens[1], "--fields", "birth_date", "--ticket", "visit", "--assertion", "a.jwt")
    assert people[1]["birth_date"] in elder(*reveal)
    elder(*reveal, wanted=DENIED)
    assert "ASSERTION_REPLAYED" in elder.said
    assert people[2]["birth_date"] in elder("reveal", tokens[2], "--fields", "birth_date", "--ticket", "visit", "--assertion", "-", stdin=elder(
        "assertion", "make", "--key", city.authority.folder / file, "--person", "grid-zhao", "--app", "eldercare",
        "--department", "civil-affairs", "--audience", "resident-vault/test", "--purpose", "elder-care"))


def test_receipts_are_verified_offline_with_four_verdicts(elder, officer_ctl, tokens, tmp_path):
    elder("reveal", *tokens[:30], "--fields", "name", "--ticket", "t", "--receipt", "receipt.json")
    verify = lambda wanted, *key: officer_ctl("receipt", "verify", "receipt.json", *key, wanted=wanted, VAULT_SERVER="127.0.0.1:1")
    key = ("--log-key", "log.vkey")
    assert "valid" in verify(DONE, *key)
    verify(DONE, "--log-key", (tmp_path / "log.vkey").read_text().strip())
    verify(UNVERIFIABLE)
    verify(UNVERIFIABLE, "--log-key", "rubbish")
    whole = (tmp_path / "receipt.json").read_text()

    def after(change, wanted):
        document = json.loads(whole)
        change(document, document["receipts"][0])
        (tmp_path / "receipt.json").write_text(json.dumps(document))
        verify(wanted, *key)

    after(lambda d, r: r.update(first_line=r["first_line"] + 1), TAMPERED)
    after(lambda d, r: r["path"].pop(), TAMPERED)
    after(lambda d, r: r["path"].append(r["path"][0]), TAMPERED)
    after(lambda d, r: r["lines"].reverse(), TAMPERED)
    after(lambda d, r: r["lines"][0].update(resident_view=r["lines"][0]["resident_view"].replace("elder", "older")), TAMPERED)
    note = json.loads(whole)["receipts"][0]["checkpoint"]
    flip = lambda line: line[:-40] + ("A" if line[-40] != "A" else "B") + line[-39:]  # after a rotation there are two signatures
    flipped = "\n".join(flip(line) if line.startswith("\u2014 ") else line for line in note.split("\n"))
    after(lambda d, r: r.update(checkpoint=flipped), TAMPERED)
    after(lambda d, r: r.update(checkpoint=note.replace("\n", "9\n", 2)), TAMPERED)
    after(lambda d, r: r.update(checkpoint=note.replace("\u2014 resident-vault/test", "\u2014 resident-vault/other")), UNVERIFIABLE)
    after(lambda d, r: r.update(lines=[]), INCOMPLETE)
    after(lambda d, r: r.update(checkpoint=""), INCOMPLETE)
    after(lambda d, r: d.update(receipts=[]), INCOMPLETE)
    after(lambda d, r: d.update(format="other"), INCOMPLETE)
    after(lambda d, r: r.pop("path"), INCOMPLETE)
    (tmp_path / "receipt.json").write_text(whole[:200])
    verify(INCOMPLETE, *key)


def test_verify_remembers_the_log_and_finds_one_that_is_not_its_continuation(city, officer_ctl, eldercare, tokens, tmp_path):
    verify = lambda *words, **options: officer_ctl("audit", "verify", *words, **options)
    assert "first visit" in verify("--log-key", "log.vkey")
    kept = tmp_path / ".local/state/vaultctl/checkpoint"
    first = kept.read_text()
    eldercare.reveal_batch(tokens[:5], ["name"])
    assert "consistent" in verify("--log-key", "log.vkey")
    report = officer_ctl.json("audit", "verify", "--lines", "--log-key", "log.vkey")[0]
    assert report["verdict"] == "valid" and report["lines"] == report["size"] > 0
    verify(wanted=UNVERIFIABLE)
    kept.write_text("another log\n1\nAAAA\n")
    verify("--log-key", "log.vkey", wanted=UNVERIFIABLE)
    assert kept.read_text().startswith("another")
    kept.write_text(first)
    verify("--log-key", "log.vkey")


def test_queries_and_proofs_are_shown(officer_ctl, elder, tokens):
    elder("reveal", tokens[7], "--fields", "name", "--ticket", "asked-for-by-7")
    lines = officer_ctl.json("audit", "query", "--token", tokens[7], "--of-purpose", "elder-care", "--limit", "1000")
    mine = [line for line in lines if line["officer_view"].get("ticket") == "asked-for-by-7"]
    assert len(mine) == 1 and mine[0]["opens"] and mine[0]["consistent"]
    assert "asked-for-by-7" in officer_ctl("audit", "query", "--token", tokens[7], "--limit", "1000")
    assert officer_ctl("audit", "query", "--since", "2000-01-01", "--until", "2000-01-02") == ""
    officer_ctl("audit", "query", "--since", "yesterday", wanted=USAGE)
    proof = officer_ctl("audit", "proof", "1").splitlines()
    assert proof[0] == "c2sp.org/tlog-proof@v1" and proof[1].startswith("extra ") and proof[2] == "index 1"
    assert "resident-vault/test" in proof
    officer_ctl("audit", "proof", "99999999", wanted=INVALID)
    assert "rings/log/versions/1" in officer_ctl("keys", "list")


def test_text_from_the_vault_cannot_steer_the_terminal(city, tmp_path):
    assert not any(ord(c) < 32 for line in Ctl(city, "officer-wang", folder=tmp_path)("audit", "query").splitlines() for c in line)


def test_the_program_needs_neither_database_nor_cjose():
    linked = subprocess.run(["ldd", str(PROGRAM)], text=True, capture_output=True, check=True).stdout
    assert not [lib for lib in ("libpq", "libcjose", "libmicrohttpd") if lib in linked]
    assert pathlib.Path(PROGRAM).stat().st_mode & 0o111
