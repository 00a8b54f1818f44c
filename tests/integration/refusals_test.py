"""Refusals: typed details, and nothing in them that tells one secret reason from another."""

import base64
import json
import os
import time
import uuid

import grpc
import kit
import pytest
from conftest import STREET
from foreign import token_bytes, token_text
from kit import FieldMask, audit_pb2, records_pb2


def refusal(call, *arguments, **named):
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments, **named)
    return refused.value


def code(error):
    return error.code().name


def violation(error):
    found = kit.details(error)["BadRequest"].field_violations[0]
    return found.field, found.description


def test_a_typing_slip_is_told_from_a_forgery(eldercare, tokens):
    for at in (3, 20, 42):
        wrong = tokens[0][:at] + ("q" if tokens[0][at] != "q" else "p") + tokens[0][at + 1:]
        error = refusal(eldercare.reveal, wrong, ["name"])
        assert (code(error), violation(error)) == ("INVALID_ARGUMENT", ("token", "TOKEN_MISTYPED"))
        assert kit.details(error)["ErrorInfo"].reason == "TOKEN_MISTYPED"
    for wrong in ("", "rv1", tokens[0] + "q", "bc1" + tokens[0][3:], tokens[0][:10] + "I" + tokens[0][11:], tokens[0][:5].upper() + tokens[0][5:]):
        error = refusal(eldercare.reveal, wrong, ["name"])
        assert (code(error), violation(error)) == ("INVALID_ARGUMENT", ("token", "TOKEN_MALFORMED"))


def everything_said(error):
    return error.code(), error.details(), [(k, v) for k, v in error.trailing_metadata() if k.startswith("grpc-")]


def forged(token):
    return token_text(token_bytes(token)[:5] + os.urandom(16))


@pytest.fixture(scope="module")
def moved(clinic, population, people):
    """A token of the clinic whose resident has moved out of the clinic's street since; and then back, for the tests of other files."""
    person = dict(people[50])
    token = clinic.issue([person["id_number"]]).results[0].token
    assert clinic.reveal(token, ["name"]).values[0].text == person["name"]
    person["residence_area"] = "320411004001"
    assert population.put([person]).results[0].status.code == 0
    yield token
    assert population.put([people[50]]).results[0].status.code == 0


def test_no_such_resident_not_yours_and_forged_are_one_and_the_same_refusal(clinic, eldercare, tokens, moved):
    cases = [moved, forged(moved), tokens[0], tokens[200], forged(tokens[0]),
             token_text(b"\xff\xff\xfe" + token_bytes(moved)[3:]), token_text(token_bytes(moved)[:3] + b"\0\x63" + token_bytes(moved)[5:])]
    said = [everything_said(refusal(clinic.reveal, token, ["name"])) for token in cases]
    assert all(one == said[0] for one in said), said
    assert said[0][0] == grpc.StatusCode.PERMISSION_DENIED
    assert kit.details(refusal(clinic.reveal, moved, ["name"]))["ErrorInfo"].metadata["clause"] == "resident"


def test_the_same_holds_for_the_items_of_a_batch(clinic, people, tokens, moved):
    good = clinic.issue([people[0]["id_number"]]).results[0].token
    cases = [moved, forged(moved), tokens[0], tokens[200]]
    reply = clinic.reveal_batch([good, *cases], ["name"])
    assert reply.results[0].values[0].text == people[0]["name"]
    said = {r.status.SerializeToString() for r in reply.results[1:]}
    assert len(said) == 1 and not any(r.values for r in reply.results[1:])


def test_an_unknown_id_number_and_one_of_another_area_are_refused_alike(clinic, people):
    unknown = kit.residents(1, seed=555, start=9000)[0]["id_number"]
    reply = clinic.issue([people[0]["id_number"], people[200]["id_number"], unknown])
    assert reply.results[0].token and not reply.results[1].token and not reply.results[2].token
    assert reply.results[1].status.SerializeToString() == reply.results[2].status.SerializeToString()
    assert reply.results[1].status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]


def test_context_fields_that_are_missing_or_malformed_are_named(eldercare, tokens):
    cases = [({"purpose": ""}, "context.purpose"), ({"ticket": ""}, "context.ticket"), ({"ticket": "x" * 129}, "context.ticket"),
             ({"ticket": "a\nb"}, "context.ticket"), ({"request_id": ""}, "context.request_id"),
             ({"request_id": "a b"}, "context.request_id"), ({"request_id": "x" * 65}, "context.request_id")]
    for changes, field in cases:
        error = refusal(eldercare.reveal, tokens[0], ["name"], **changes)
        assert (code(error), violation(error)[0]) == ("INVALID_ARGUMENT", field)
    error = refusal(eldercare.tokens.Reveal, kit.tokens_pb2.RevealRequest(token=tokens[0], field_mask=FieldMask(paths=["name"])))
    assert (code(error), violation(error)) == ("INVALID_ARGUMENT", ("context", "REQUIRED"))


def test_field_masks_are_lists_of_known_names_each_once(eldercare, tokens):
    for fields in ([], ["*"], ["name", "name"], ["Name"], ["name "], ["nobody"], ["name.first"], [""]):
        error = refusal(eldercare.reveal, tokens[0], fields)
        assert code(error) in ("INVALID_ARGUMENT", "PERMISSION_DENIED"), fields
        if code(error) == "INVALID_ARGUMENT":
            assert violation(error)[0].startswith("field_mask")


def test_no_refusal_repeats_what_it_was_given(eldercare, population, tokens):
    canary = "canary-7c1f"
    errors = [refusal(eldercare.reveal, canary, ["name"]), refusal(eldercare.reveal, tokens[0], [canary]),
              refusal(eldercare.reveal, tokens[0], ["name"], purpose=canary), refusal(eldercare.reveal, tokens[0], ["name"], assertion=canary)]
    for error in errors:
        assert canary not in repr(everything_said(error)) and canary.encode() not in b"".join(
            v if isinstance(v, bytes) else v.encode() for _, v in error.trailing_metadata())
    result = population.put([{"id_number": canary, "residence_area": "320411004001"}]).results[0]
    assert result.status.code == 3 and canary.encode() not in result.status.SerializeToString()


# ---- assertions ----


def person_asks(city, eldercare, tokens, jwt, **context):
    return refusal(eldercare.reveal, tokens[9], ["birth_date"], assertion=jwt, **context)


def reason(error):
    assert code(error) == "UNAUTHENTICATED"
    return kit.details(error)["ErrorInfo"].reason


def make(city, **changes):
    """Signed by the department of civil affairs, whatever it claims; None leaves a claim out."""
    now = int(time.time())
    claims = {"iss": "civil-affairs", "aud": "resident-vault/test", "sub": "grid-zhao", "azp": "eldercare", "purpose": "elder-care",
              "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **changes}
    return city.authority.assertion("civil-affairs", **{k: v for k, v in claims.items() if v is not None})


def test_an_assertion_is_used_once(city, eldercare, people, tokens):
    jwt = make(city)
    assert eldercare.reveal(tokens[9], ["birth_date"], assertion=jwt).values[0].text == people[9]["birth_date"]
    assert reason(person_asks(city, eldercare, tokens, jwt)) == "ASSERTION_REPLAYED"
    assert reason(refusal(eldercare.reveal, tokens[0], ["name"], assertion=jwt)) == "ASSERTION_REPLAYED"


def test_an_assertion_of_another_time_app_purpose_person_or_vault_is_refused(city, eldercare, tokens):
    now = int(time.time())
    cases = [({"iat": now - 1200, "exp": now - 600}, "ASSERTION_EXPIRED"), ({"iat": now + 600, "exp": now + 900}, "ASSERTION_NOT_YET"),
             ({"exp": now + 1800}, "ASSERTION_TOO_LONG"), ({"azp": "clinic"}, "ASSERTION_APP"), ({"iss": "health"}, "ASSERTION_APP"),
             ({"purpose": "family-doctor"}, "ASSERTION_PURPOSE"), ({"sub": "doctor-feng"}, "ASSERTION_PERSON"),
             ({"sub": "nobody"}, "ASSERTION_PERSON"), ({"aud": "resident-vault/other"}, "ASSERTION_AUDIENCE"),
             ({"jti": None}, "ASSERTION_MALFORMED"), ({"jti": ""}, "ASSERTION_MALFORMED"), ({"exp": None}, "ASSERTION_MALFORMED"),
             ({"exp": now}, "ASSERTION_MALFORMED"), ({"role": "admin"}, "ASSERTION_MALFORMED")]
    for changes, wanted in cases:
        assert reason(person_asks(city, eldercare, tokens, make(city, **changes))) == wanted, changes


def test_a_forged_signature_another_algorithm_and_another_departments_key_are_refused(city, eldercare, tokens):
    head, claims, signature = make(city).split(".")
    encode = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    other = city.authority.assertion("health", **json.loads(base64.urlsafe_b64decode(claims + "==")))
    cases = [f"{head}.{claims}.{signature[:-4]}AAAA", f"{head}.{claims}.", f"{encode({'alg': 'none', 'kid': 'civil-affairs'})}.{claims}.",
             f"{encode({'alg': 'HS256', 'kid': 'civil-affairs', 'typ': 'JWT'})}.{claims}.{signature}",
             f"{encode({'alg': 'ES256', 'kid': 'nobody', 'typ': 'JWT'})}.{claims}.{signature}", other]
    for jwt in cases:
        assert reason(person_asks(city, eldercare, tokens, jwt)) in ("ASSERTION_SIGNATURE", "ASSERTION_MALFORMED"), jwt
    for jwt in ("x", "a.b", "a.b.c", "." * 10, head, "\u00fc" * 20, "a" * 5000):
        assert reason(person_asks(city, eldercare, tokens, jwt)) == "ASSERTION_MALFORMED"


# ---- batches ----


def test_a_batch_of_4096_with_some_bad_items_answers_each_by_itself(eldercare, tokens):
    items = [tokens[i % 300] for i in range(4096)]
    bad = {0: "", 511: "rubbish", 512: tokens[0][:-1] + ("q" if tokens[0][-1] != "q" else "p"), 2000: forged(tokens[0]), 4095: "x" * 43}
    for at, text in bad.items():
        items[at] = text
    reply = eldercare.reveal_batch(items, ["phone"], timeout=60)
    assert len(reply.results) == 4096
    codes = {at: r.status.code for at, r in enumerate(reply.results) if r.status.code}
    assert codes == {0: 3, 511: 3, 512: 3, 2000: 7, 4095: 3}
    assert all(len(r.values) == (0 if at in bad else 1) for at, r in enumerate(reply.results))
    named = kit.details(reply.results[512].status)["BadRequest"].field_violations[0]
    assert (named.field, named.description) == ("tokens[512]", "TOKEN_MISTYPED")


def test_a_batch_of_4097_and_an_empty_one_are_refused_whole(eldercare, tokens):
    error = refusal(eldercare.reveal_batch, [tokens[0]] * 4097, ["name"])
    assert code(error) in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")
    assert code(refusal(eldercare.reveal_batch, [], ["name"])) == "INVALID_ARGUMENT"
    assert code(refusal(eldercare.issue, [])) == "INVALID_ARGUMENT"


def test_bad_residents_are_refused_by_value_and_the_rest_goes_in(population):
    people = kit.residents(6, seed=41)
    for person in people:
        person["residence_area"] = STREET + "001"
    people[1]["id_number"] = "110105194912310021"
    people[2]["birth_date"] = "20230229"
    people[3]["residence_area"] = "110101001001"  # a district that is not the caller's
    people[4]["name"] = "王\u202e明"
    names = list(people[0])
    results = population.put(people).results
    assert [r.status.code for r in results] == [0, 3, 3, 7, 3, 0]
    for at, field, why in ((1, "id_number", "BAD_CHECK_DIGIT"), (2, "birth_date", "BAD_DATE"), (4, "name", "CONTROL_CHARACTER")):
        found = kit.details(results[at].status)["BadRequest"].field_violations[0]
        assert (found.field, found.description) == (f"items[{at}].values[{names.index(field)}]", why)


def test_residents_with_too_few_values_unknown_fields_or_collections_are_refused(population):
    person = kit.residents(1, seed=42)[0]
    request = lambda **changes: records_pb2.BatchPutRequest(**{
        "context": population.context(), "collection": "residents", "field_mask": FieldMask(paths=list(person)),
        "items": [records_pb2.ResidentInput(values=list(person.values()))], **changes})
    for changes in ({"collection": "houses"}, {"collection": ""}, {"field_mask": FieldMask(paths=["name"])},
                    {"field_mask": FieldMask(paths=["id_number", "residence_area", "shoe_size"])}, {"items": []}):
        assert code(refusal(population.records.BatchPut, request(**changes))) == "INVALID_ARGUMENT", changes
    reply = population.records.BatchPut(request(items=[records_pb2.ResidentInput(values=["x"])]))
    assert reply.results[0].status.code == 3


def test_an_officers_conditions_are_checked(officer, tokens):
    query = lambda **changes: officer.audit.Query(audit_pb2.QueryRequest(context=officer.context(), **changes))
    for nobodys in ({"person": "nobody"}, {"purpose": "nothing"}):  # they may have stood in a former register
        assert not query(**nobodys).lines
    for changes, field in (({"page_size": -1}, "page_size"), ({"page_size": 1001}, "page_size"), ({"page_token": "AAAA"}, "page_token"), ({"resident_token": "x"}, "resident_token")):
        error = refusal(query, **changes)
        assert (code(error), violation(error)[0]) == ("INVALID_ARGUMENT", field)
    first = query(page_size=1, person="grid-zhao")
    assert code(refusal(query, page_size=1, person="grid-qian", page_token=first.next_page_token or "AAAA")) == "INVALID_ARGUMENT"
