"""The published JSON Schemas (docs/schemas) and the loader agree: both take deploy/dev, both refuse what is bad."""
import copy
import hashlib
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VAULT_BUILD", ROOT / "build")).resolve()
NAMES = ("schema", "principals", "persons", "purposes", "policy", "sharing", "browsing")
GONE = object()

KEY = {"kid": "k1", "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
       "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}  # RFC 7515, A.3
BASIS = {"id": "care-to-clinic", "item": "320411-0081", "from": "eldercare", "to": "clinic", "purpose": "family-doctor", "areas": ["320411"],
         "valid": {"from": "2026-01-01", "until": "2027-12-31"}}
PERMIT = {"id": "check-import", "principal": "officer-wang", "collection": "residents", "area": "320411002", "fields": ["name", "phone"],
          "rows": 200, "reason": "T-2026-77", "until": "2026-12-31"}
PREDICATE = {"name": "turned_90", "number": 254, "label": "90", "field": "birth_date", "test": "age_at_least", "years": 90}
FINDS = {"id": "find-name", "action": "search", "consumer": "eldercare", "purpose": "elder-care", "fields": ["name"], "form": "token",
         "areas": ["320412"], "acting": "app", "results": 10, "valid": {"from": "2026-01-01", "until": "2026-12-31"}}

YEAR = {"from": "2026-01-01", "until": "2026-12-31"}
SETS = {
    "field_sets": [{"id": "contact", "fields": ["phone", "residence_address"]},
                   {"id": "justice", "collection": "residents", "owner": "civil-affairs", "class": "sensitive", "group": "care", "level": 4}],
    "area_sets": [{"id": "east", "areas": ["320411002", "320411003"]}],
    "classes": [{"id": "child", "field": "birth_date", "test": "age_under", "years": 14}, {"id": "in-care", "field": "care_category", "test": "known"},
                {"id": "focus", "field": "floating_focus", "test": "one_of", "values": ["1"]}],
    "aggregations": [{"id": "frail-address", "fields": ["name", "@contact", "care_category"], "level": 5, "per": "person", "days": 30}],
    "withholding": [{"id": "investigation", "title": "案件调查期间暂不告知", "days": 90}, {"id": "audit", "title": "审计", "until": "2027-06-30"}],
    "prohibitions": [{"id": "no-income", "consumers": "any", "purposes": ["elder-care"], "roles": ["grid-worker"], "fields": ["annual_income", "@justice"],
                      "forms": ["plain", "masked"], "areas": ["320411004"], "classes": ["child"], "actions": ["reveal"], "valid": YEAR},
                     {"id": "no-others", "consumers": ["population"], "purposes": "any", "roles": "any", "fields": ["religion"], "forms": "any",
                      "areas": "any"}],
    "budgets": [{"id": "grid-day", "per": "person", "consumers": "any", "purposes": ["elder-care"], "roles": ["grid-worker"], "fields": "any",
                 "period": "day", "residents": 200, "values": 800, "soft": 80},
                {"id": "year", "per": "purpose", "consumers": ["eldercare"], "purposes": "any", "roles": "any", "fields": ["@contact"],
                 "period": "year", "values": 100000}],
    "never": [],
}
EVENINGS = {"id": "evenings", "action": "reveal", "consumer": ["eldercare"], "purpose": ["elder-care"], "below": True, "fields": ["@contact", "name"],
            "form": "plain", "areas": ["@east", "320411004"], "acting": "person", "roles": ["clerk"], "own_area": True, "valid": YEAR,
            "hours": [{"days": ["mon", "sun"], "from": "20:00", "until": "06:00"}, {"days": ["sat"], "from": "00:00", "until": "24:00"}],
            "consent": True, "residents": {"only": ["in-care"], "except": ["child", "focus"]}, "ticket": ["T-####-*", "?-1"], "approval_above": 50,
            "level": 5, "withhold": "investigation"}
FIRE = {"id": "fire", "action": "reveal", "consumer": "eldercare", "purpose": "elder-care", "fields": ["name", "@contact"], "form": "plain",
        "areas": ["320411"], "acting": "person", "roles": ["clerk"], "valid": YEAR, "break_glass": {"hours": 4, "residents": 20, "review_hours": 24}}
RICH, GLASS = ["rules", -3], ["rules", -2]

# Document, path of the value, what it becomes: each is refused by the JSON Schema and by the loader.
BAD = [
    ("principals", ["approvals"], 0), ("principals", ["approvals"], 9), ("principals", ["approvals"], "1"),
    ("principals", ["approvals"], GONE), ("principals", ["comment"], "x"), ("principals", ["officers"], []),
    ("principals", ["administrators"], []), ("principals", ["departments"], {}),
    ("principals", ["departments", 0, "number"], 0), ("principals", ["departments", 0, "number"], 65536),
    ("principals", ["departments", 0, "number"], 1.5), ("principals", ["departments", 0, "name"], ""),
    ("principals", ["departments", 0, "id"], "Public"), ("principals", ["departments", 0, "assertion_keys"], GONE),
    ("principals", ["departments", 1, "assertion_keys", 0, "kty"], "RSA"),
    ("principals", ["departments", 1, "assertion_keys", 0, "crv"], "P-384"),
    ("principals", ["departments", 1, "assertion_keys", 0, "alg"], "none"),
    ("principals", ["departments", 1, "assertion_keys", 0, "d"], "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"),
    ("principals", ["departments", 1, "assertion_keys", 0, "x"], "AA"),
    ("principals", ["departments", 1, "assertion_keys", 0, "kid"], "a b"),
    ("principals", ["departments", 1, "assertion_keys", 0, "until"], "2027-13-01"),
    ("principals", ["departments", 1, "assertion_keys", 0, "revoked"], "yes"),
    ("principals", ["roles", 0, "title"], 7), ("principals", ["roles"], [{"id": f"r{i:c}", "title": "t"} for i in range(97, 162)]),
    ("principals", ["apps", 0, "uri"], "vault://dev//a"), ("principals", ["apps", 0, "uri"], "vault://dev/../a"),
    ("principals", ["apps", 0, "uri"], "Vault://dev/a"), ("principals", ["apps", 0, "uri"], "vault://dev/%61"),
    ("principals", ["apps", 0, "certificates"], GONE), ("principals", ["apps", 0, "certificates", 0, "sha256"], "AB" * 32),
    ("principals", ["apps", 0, "certificates", 0, "sha256"], "ab" * 31), ("principals", ["apps", 0, "certificates", 0, "until"], "2027-01-01"),
    ("principals", ["officers", 0, "certificates", 0, "revoked"], 1), ("principals", ["officers", 0, "department"], "health"),
    ("persons", ["persons"], None), ("persons", ["persons", 0, "id"], "grid zhao"), ("persons", ["persons", 0, "id"], "a" * 65),
    ("persons", ["persons", 0, "name"], GONE), ("persons", ["persons", 0, "name"], "a\u0007"), ("persons", ["persons", 0, "role"], GONE),
    ("persons", ["persons", 0, "role"], ""), ("persons", ["persons", 0, "areas"], ["3"]), ("persons", ["persons", 0, "areas"], ["0320"]),
    ("persons", ["persons", 0, "areas"], ["3204110020030010"]), ("persons", ["persons", 0, "areas"], [320411]),
    ("persons", ["persons", 0, "areas"], "320411"), ("persons", ["persons", 0, "contract"], {"from": "2026-01-01"}),
    ("persons", ["persons", 0, "contract", "until"], "2028-12-32"), ("persons", ["persons", 0, "contract", "until"], "forever"),
    ("persons", ["persons", 0, "contract", "extended"], True), ("persons", ["persons", 0, "suspended"], 0),
    ("persons", ["persons", 0, "suspended"], GONE),
    ("purposes", ["purposes", 0, "id"], "a//b"), ("purposes", ["purposes", 0, "id"], "/a"), ("purposes", ["purposes", 0, "title"], ""),
    ("purposes", ["purposes", 0, "basis"], GONE), ("purposes", ["purposes", 0, "notice"], ""), ("purposes", ["purposes", 0, "notice"], "n" * 1001),
    ("purposes", ["purposes", 0, "assessment"], "PIA-1"), ("purposes", ["purposes", 0, "assessment", "id"], "PIA 1"),
    ("purposes", ["purposes", 0, "assessment", "until"], "2027-00-01"), ("purposes", ["purposes", 0, "assessment", "until"], GONE),
    ("purposes", ["purposes", 0, "consumers"], "eldercare"), ("purposes", ["purposes", 0, "consumers"], ["eldercare", "eldercare"]),
    ("purposes", ["purposes", 0, "consumers"], ["*"]), ("purposes", ["version"], 1),
    ("policy", ["rules", 0, "areas"], []), ("policy", ["rules", 0, "form"], "shown"), ("policy", ["rules", 0, "valid", "from"], "2026-1-1"),
    ("policy", ["rules", 1, "roles"], GONE), ("policy", ["rules", 1, "roles"], []), ("policy", ["rules", 0, "comment"], "x"),
    ("sharing", ["bases", 0, "areas"], []), ("sharing", ["bases", 0, "item"], ""), ("sharing", ["bases", 0, "to"], GONE),
    ("sharing", ["bases", 0, "valid"], "2027"), ("sharing", ["bases", 0, "valid", "until"], "2027-12-3"), ("sharing", ["bases", 0, "reason"], "x"),
    ("schema", ["collections", 0, "name"], "Residents"), ("schema", ["collections", 0, "fields", 0, "mask_strength"], 0),
    ("schema", ["collections", 0, "fields", 0, "number"], 256), ("schema", ["collections", 0, "fields", 0, "retention"], "10Y"),
    ("schema", ["collections", 0, "fields", 0, "level"], 5), ("schema", ["collections", 0, "fields", 0, "index"], GONE),
    ("schema", ["collections", 0, "fields", 0, "term"], True), ("schema", ["collections", 0, "term"], "5Y"), ("schema", ["collections", 0, "term"], 5),
    ("policy", ["rules", -1, "results"], 0), ("policy", ["rules", -1, "results"], 4097), ("policy", ["rules", -1, "results"], "10"),
    ("policy", ["rules", -1, "form"], "count"), ("policy", ["rules", -1, "form"], "plain"), ("policy", ["rules", -1, "action"], "reveal"),
    ("policy", ["rules", -1, "action"], "export"), ("policy", ["rules", -1, "action"], "find"),
    ("schema", ["collections", 0, "fields", 1, "index"], ["prefix"]), ("schema", ["collections", 0, "fields", 1, "index"], ["ngram", "ngram"]),
    ("schema", ["collections", 0, "fields", 1, "index"], "ngram"), ("schema", ["collections", 0, "fields", 1, "unique"], "yes"),
    ("schema", ["collections", 0, "fields", 0, "token"], "ff3"), ("schema", ["collections", 0, "fields", 0, "token"], True),
    ("schema", ["collections", 0, "predicates"], {}), ("schema", ["collections", 0, "predicates", -1, "years"], 0),
    ("schema", ["collections", 0, "predicates", -1, "years"], 151), ("schema", ["collections", 0, "predicates", -1, "years"], GONE),
    ("schema", ["collections", 0, "predicates", -1, "digits"], 6), ("schema", ["collections", 0, "predicates", -1, "test"], "equals"),
    ("schema", ["collections", 0, "predicates", -1, "test"], "older"), ("schema", ["collections", 0, "predicates", -1, "number"], 256),
    ("schema", ["collections", 0, "predicates", -1, "name"], "Turned"), ("schema", ["collections", 0, "predicates", -1, "label"], ""),
    ("schema", ["collections", 0, "predicates", -1, "field"], GONE), ("schema", ["collections", 0, "predicates", -1, "than"], "x"),
    ("browsing", ["permits"], GONE), ("browsing", ["permits"], {}), ("browsing", ["permits", 0, "id"], "A"), ("browsing", ["permits", 0, "id"], GONE),
    ("browsing", ["permits", 0, "principal"], ""), ("browsing", ["permits", 0, "collection"], GONE), ("browsing", ["permits", 0, "area"], "32041100"),
    ("browsing", ["permits", 0, "area"], "0320411002"), ("browsing", ["permits", 0, "area"], ["320411002"]),
    ("browsing", ["permits", 0, "fields"], []), ("browsing", ["permits", 0, "fields"], ["name", "name"]), ("browsing", ["permits", 0, "rows"], 0),
    ("browsing", ["permits", 0, "rows"], 501), ("browsing", ["permits", 0, "rows"], "20"), ("browsing", ["permits", 0, "reason"], ""),
    ("browsing", ["permits", 0, "until"], "2026-12-32"), ("browsing", ["permits", 0, "until"], GONE), ("browsing", ["permits", 0, "form"], "plain"),
    ("browsing", ["version"], 1),
    ("purposes", ["purposes", 0, "forms"], GONE), ("purposes", ["purposes", 0, "forms"], []), ("purposes", ["purposes", 0, "forms"], ["shown"]),
    ("purposes", ["purposes", 0, "forms"], ["plain", "plain"]), ("purposes", ["purposes", 0, "forms"], "plain"),
    ("purposes", ["purposes", 0, "retention"], GONE), ("purposes", ["purposes", 0, "retention"], "P0Y"), ("purposes", ["purposes", 0, "retention"], "3Y"),
    ("purposes", ["purposes", 0, "retention"], "P1201M"), ("purposes", ["purposes", 0, "retention"], 36),
    *(("policy", [key], value) for key in SETS for value in (None, {}, "any")),
    *(("policy", [key, 0, "id"], value) for key in SETS if key != "never" for value in (GONE, "", "A", "a b", 1)),
    *(("policy", [key, 0, "comment"], "x") for key in SETS if key != "never"),
    ("policy", ["field_sets", 0, "fields"], []), ("policy", ["field_sets", 0, "fields"], ["phone", "phone"]), ("policy", ["field_sets", 0, "fields"], ["*"]),
    ("policy", ["field_sets", 0, "fields"], "any"), ("policy", ["field_sets", 0, "level"], 3), ("policy", ["field_sets", 1, "level"], 0),
    ("policy", ["field_sets", 1, "level"], 5), ("policy", ["field_sets", 1, "owner"], ""), ("policy", ["field_sets", 1], {"id": "all"}),
    ("policy", ["area_sets", 0, "areas"], []), ("policy", ["area_sets", 0, "areas"], ["3"]), ("policy", ["area_sets", 0, "areas"], "any"),
    ("policy", ["classes", 0, "years"], 0), ("policy", ["classes", 0, "years"], 151), ("policy", ["classes", 0, "years"], GONE),
    ("policy", ["classes", 0, "values"], ["1"]), ("policy", ["classes", 0, "test"], "older"), ("policy", ["classes", 0, "field"], "Birth"),
    ("policy", ["classes", 1, "years"], 14), ("policy", ["classes", 2, "values"], []), ("policy", ["classes", 2, "values"], GONE),
    ("policy", ["classes", 2, "values"], ["1", "1"]), ("policy", ["classes", 2, "values"], [1]),
    ("policy", ["aggregations", 0, "level"], 0), ("policy", ["aggregations", 0, "level"], 6), ("policy", ["aggregations", 0, "per"], "purpose"),
    ("policy", ["aggregations", 0, "days"], 0), ("policy", ["aggregations", 0, "days"], GONE), ("policy", ["aggregations", 0, "fields"], "any"),
    ("policy", ["withholding", 0, "days"], GONE), ("policy", ["withholding", 0, "until"], "2027-06-30"), ("policy", ["withholding", 0, "days"], 0),
    ("policy", ["withholding", 0, "title"], ""), ("policy", ["withholding", 1, "until"], "never"),
    *(("policy", ["prohibitions", 0, key], value) for key in ("consumers", "purposes", "roles", "fields", "forms", "areas")
      for value in (GONE, [], "all", ["any"], None, {})),
    *(("policy", ["prohibitions", 0, key], value) for key in ("classes", "actions") for value in ([], "all", ["any"], None, {})),
    ("policy", ["prohibitions", 0, "forms"], ["plain", "plain"]), ("policy", ["prohibitions", 0, "valid"], "2026"),
    ("policy", ["prohibitions", 0, "valid", "until"], GONE),
    *(("policy", ["budgets", 0, key], value) for key in ("consumers", "purposes", "roles", "fields") for value in (GONE, [], "all", ["any"], None)),
    *(("policy", ["budgets", 0, key], value) for key in ("residents", "values", "soft") for value in (0, -1, "80", 1.5, None)),
    ("policy", ["budgets", 0, "soft"], 101), ("policy", ["budgets", 0, "per"], "role"), ("policy", ["budgets", 0, "period"], "decade"),
    ("policy", ["budgets", 0, "areas"], "any"), ("policy", ["budgets", 1, "values"], GONE),
    *(("policy", [*RICH, key], value) for key in ("consumer", "purpose", "fields", "areas", "hours", "ticket") for value in ([], None, {}, [""], [1])),
    *(("policy", [*RICH, key], value) for key in ("below", "consent", "own_area") for value in (1, "true", None, [])),
    ("policy", [*RICH, "consumer"], ["eldercare", "eldercare"]), ("policy", [*RICH, "consumer"], "any"), ("policy", [*RICH, "purpose"], "any"),
    ("policy", [*RICH, "fields"], "any"), ("policy", [*RICH, "areas"], "any"), ("policy", [*RICH, "areas"], ["@East"]),
    ("policy", [*RICH, "hours", 0, "days"], []), ("policy", [*RICH, "hours", 0, "days"], ["monday"]), ("policy", [*RICH, "hours", 0, "days"], ["mon", "mon"]),
    ("policy", [*RICH, "hours", 0, "from"], "24:00"), ("policy", [*RICH, "hours", 0, "from"], "8:00"), ("policy", [*RICH, "hours", 0, "until"], "24:01"),
    ("policy", [*RICH, "hours", 0, "until"], GONE), ("policy", [*RICH, "hours", 0, "zone"], "UTC"),
    ("policy", [*RICH, "residents"], {}), ("policy", [*RICH, "residents"], []), ("policy", [*RICH, "residents", "only"], []),
    ("policy", [*RICH, "residents", "except"], "any"), ("policy", [*RICH, "residents", "all"], ["child"]),
    ("policy", [*RICH, "ticket"], ["T-1", "T-1"]), ("policy", [*RICH, "ticket"], ["a**b"]), ("policy", [*RICH, "ticket"], ["a b"]),
    ("policy", [*RICH, "ticket"], ["x" * 65]), ("policy", [*RICH, "approval_above"], 0), ("policy", [*RICH, "approval_above"], "50"),
    ("policy", [*RICH, "level"], 0), ("policy", [*RICH, "level"], 6), ("policy", [*RICH, "withhold"], ""), ("policy", [*RICH, "sharing"], ""),
    ("policy", [*RICH, "action"], "put"), ("policy", [*GLASS, "action"], "export"), ("policy", [*GLASS, "acting"], "app"),
    ("policy", [*GLASS, "break_glass"], True), ("policy", [*GLASS, "break_glass", "hours"], 0), ("policy", [*GLASS, "break_glass", "hours"], 5),
    ("policy", [*GLASS, "break_glass", "residents"], 0), ("policy", [*GLASS, "break_glass", "residents"], GONE),
    ("policy", [*GLASS, "break_glass", "review_hours"], 73), ("policy", [*GLASS, "break_glass", "review_hours"], GONE),
    ("policy", [*GLASS, "break_glass", "export"], True),
]


def schema_of(name):
    return json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text())


def good():
    """tests/support/town with what a script fills in, and one of everything that it leaves empty."""
    documents = {name: json.loads((ROOT / f"tests/support/town/{name}.json").read_text()) for name in NAMES}
    for kind in ("apps", "officers", "administrators"):
        for entry in documents["principals"][kind]:
            entry["certificates"] = [{"sha256": hashlib.sha256(entry["uri"].encode()).hexdigest()}]
    documents["principals"]["departments"][1]["assertion_keys"] = [dict(KEY, alg="ES256", use="sig", until="2027-12-31", revoked=False)]
    documents["sharing"]["bases"] = [copy.deepcopy(BASIS)]
    documents["browsing"]["permits"] = [copy.deepcopy(PERMIT)]
    documents["policy"].update(copy.deepcopy(SETS))
    documents["policy"]["rules"] += copy.deepcopy([EVENINGS, FIRE, FINDS])
    documents["schema"]["collections"][0].setdefault("predicates", []).append(copy.deepcopy(PREDICATE))
    return documents


def changed(name, path, value):
    documents = good()
    at = documents[name]
    for step in path[:-1]:
        at = at[step]
    if value is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return documents


def write(folder, documents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1))
    return str(folder)


def loader(folders):
    """What the loader says of each folder: "ok", or the fault."""
    said = subprocess.run([BUILD / "tests/check_folder", *folders], capture_output=True, text=True, check=True, timeout=120)
    return said.stdout.splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_a_published_schema_is_one_and_takes_the_example(name):
    jsonschema.Draft202012Validator.check_schema(schema_of(name))
    jsonschema.Draft202012Validator(schema_of(name)).validate(json.loads((ROOT / f"deploy/dev/{name}.json").read_text()))
    jsonschema.Draft202012Validator(schema_of(name)).validate(good()[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_property_of_a_published_schema_closes_its_objects(name):
    def walk(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node.get("additionalProperties") is False, node.get("description")
            for below in node.values():
                walk(below)
        elif isinstance(node, list):
            for below in node:
                walk(below)

    schema = schema_of(name)
    assert schema["title"] and schema["description"]
    walk(schema)


def test_the_loader_takes_the_example(tmp_path):
    assert loader([write(tmp_path / "good", good())]) == ["ok"]


def test_what_is_bad_is_refused_by_the_schema_and_by_the_loader(tmp_path):
    folders = [write(tmp_path / str(i), changed(*bad)) for i, bad in enumerate(BAD)]
    wrong = []
    for bad, said in zip(BAD, loader(folders), strict=True):
        name, path, value = bad
        shown = f"{name}: {path} = {'gone' if value is GONE else json.dumps(value)[:60]}"
        if jsonschema.Draft202012Validator(schema_of(name)).is_valid(changed(*bad)[name]):
            wrong.append(f"the schema takes {shown}")
        if not said.startswith(f"{name}.json:"):
            wrong.append(f"the loader says '{said}' of {shown}")
    assert not wrong, "\n".join(wrong)


def test_the_loader_names_line_column_path_and_mend(tmp_path):
    folder = pathlib.Path(write(tmp_path / "one", changed("persons", ["persons", 1, "role"], "plumber")))
    line = 1 + (folder / "persons.json").read_text().split('"plumber"')[0].count("\n")
    assert loader([str(folder)]) == [
        f"persons.json:{line}:12: persons[1].role: police-zhou: unknown role 'plumber': register it in the roles of principals"]
