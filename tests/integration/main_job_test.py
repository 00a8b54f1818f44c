"""The main job, as an app in another language does it: put, issue, reveal, and a receipt checked with the app's own code."""

import json
import time

import grpc
import kit
import pytest
from foreign import Checkpoint, consistent, leaf_hash, range_root, receipt_stands, sha256, token_bytes, token_text, tree_root
from kit import audit_pb2


@pytest.fixture(scope="module")
def vkey(officer):
    """As the operator would have published it."""
    return published(officer).verifier_key


def published(app):
    return app.audit.GetCheckpoint(audit_pb2.GetCheckpointRequest(context=app.context()), timeout=60)


def wait_for_size(app, vkey, size):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        note = published(app).checkpoint
        head = Checkpoint(note, vkey)
        if head.size >= size:
            return head
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint of {size} lines was published")


def test_a_field_is_revealed_and_its_receipt_checked_with_foreign_code(eldercare, people, tokens, vkey):
    reply = eldercare.reveal(tokens[3], ["phone", "name"], receipt=True)
    assert [v.text for v in reply.values] == [people[3]["phone"], people[3]["name"]]
    assert receipt_stands(reply.receipt, vkey)
    line = reply.receipt.lines[0]
    assert len(line.leaf) == 74 and line.leaf[0] == 1
    assert sha256(line.resident_salt, line.resident_view) == line.leaf[42:]
    view = json.loads(line.resident_view)
    assert people[3]["name"] not in line.resident_view.decode() and "eldercare" not in json.dumps(view)


def test_a_changed_receipt_does_not_stand(eldercare, tokens, vkey):
    receipt = eldercare.reveal(tokens[4], ["name"], receipt=True).receipt
    changes = [lambda r: setattr(r, "first_line", r.first_line ^ 1), lambda r: r.path.pop(),
               lambda r: r.path.append(b"\0" * 32), lambda r: setattr(r.lines[0], "leaf", r.lines[0].leaf[:-1] + b"x")]
    for change in changes:
        changed = type(receipt).FromString(receipt.SerializeToString())
        change(changed)
        assert not receipt_stands(changed, vkey)
    with pytest.raises(ValueError):
        Checkpoint(receipt.checkpoint.replace("\n", "1\n", 2), vkey)


@pytest.mark.tsan
def test_a_batch_has_one_result_an_item_and_receipts_for_all_its_lines(eldercare, people, tokens, vkey):
    reply = eldercare.reveal_batch(tokens, ["name"], receipt=True)
    assert [r.values[0].text for r in reply.results] == [p["name"] for p in people]
    assert sum(len(r.lines) for r in reply.receipts) == len(tokens)
    assert all(receipt_stands(r, vkey) for r in reply.receipts)


def test_tokens_are_the_same_each_time_and_share_nothing_between_consumers(eldercare, population, people, tokens):
    ids = [p["id_number"] for p in people[:50]]
    assert [r.token for r in eldercare.issue(ids).results] == tokens[:50]
    others = [r.token for r in population.issue(ids).results]
    assert not set(others) & set(tokens)
    assert len({token_bytes(t)[:5] for t in others}) == 1 and token_bytes(others[0])[:3] != token_bytes(tokens[0])[:3]
    assert all(token_text(token_bytes(t)) == t for t in tokens)


def test_old_and_full_width_forms_of_an_id_number_lead_to_the_same_token(eldercare, people, tokens):
    wide = people[0]["id_number"].translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})
    reply = eldercare.issue([f" {wide}", people[0]["id_number"].lower()])
    assert [r.token for r in reply.results] == [tokens[0], tokens[0]]


def test_another_purpose_is_refused_and_the_clause_is_named(city, eldercare, tokens):
    with pytest.raises(grpc.RpcError) as refused:
        eldercare.reveal(tokens[0], ["name"], purpose="family-doctor")
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    info = kit.details(refused.value)["ErrorInfo"]
    assert (info.reason, info.domain, dict(info.metadata)) == ("POLICY_DENIED", "resident-vault", {"clause": "consumer"})


def test_unregistered_purposes_fields_not_granted_and_persons_not_named_are_refused_by_their_clause(eldercare, tokens):
    def clause(fields, **context):
        with pytest.raises(grpc.RpcError) as refused:
            eldercare.reveal(tokens[0], fields, **context)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        return kit.details(refused.value)["ErrorInfo"].metadata["clause"]

    assert clause(["name"], purpose="marketing") == "purpose"
    assert clause(["name"], purpose="Elder-Care") == "purpose"
    assert clause(["name"], purpose="elder-care ") == "purpose"
    assert clause(["name", "religion"]) == "fields"
    assert clause(["name", "birth_date"]) in ("acting", "person", "fields")


def test_an_acting_person_opens_more_and_stands_in_the_log(city, eldercare, officer, people, tokens):
    jwt = kit.assertion_for(city, "eldercare", "civil-affairs", "grid-zhao", "elder-care")
    reply = eldercare.reveal(tokens[5], ["birth_date", "care_category"], assertion=jwt, ticket="visit 5", receipt=True)
    assert [v.text for v in reply.values] == [people[5]["birth_date"], people[5]["care_category"]]
    page = officer.audit.Query(audit_pb2.QueryRequest(context=officer.context(), person="grid-zhao", resident_token=tokens[5]))
    view = json.loads(page.lines[-1].officer_view)
    assert page.lines[-1].index == reply.receipt.first_line
    assert (view["person"], view["ticket"], view["purpose"], view["fields"]) == ("grid-zhao", "visit 5", "elder-care", "birth_date,care_category")
    assert page.lines[-1].consistent
    assert sha256(page.lines[-1].officer_salt, page.lines[-1].officer_view.encode()) == page.lines[-1].leaf[10:42]


def test_absent_values_are_told_from_empty_ones(population, eldercare):
    person = kit.residents(1, seed=99)[0]
    person["residence_area"] = "320411004001"
    del person["phone"]
    assert population.put([person]).results[0].status.code == 0
    token = eldercare.issue([person["id_number"]]).results[0].token
    name, phone = eldercare.reveal(token, ["name", "phone"]).values
    assert name.text == person["name"] and not name.absent
    assert phone.absent and phone.text == ""


def test_a_second_put_merges_and_raises_the_record_version(population, eldercare):
    person = kit.residents(1, seed=98)[0]
    person["residence_area"] = "320411004001"
    first = population.put([person]).results[0]
    again = population.put([{"id_number": person["id_number"], "residence_area": "320411004001", "phone": "16000000001"}]).results[0]
    assert first.created and not again.created and again.record_version > first.record_version
    token = eldercare.issue([person["id_number"]]).results[0].token
    reply = eldercare.reveal(token, ["name", "phone"])
    assert [v.text for v in reply.values] == [person["name"], "16000000001"]
    assert reply.record_version == again.record_version


def test_every_line_of_the_log_makes_the_signed_root_and_each_is_proven(officer, vkey, tokens):
    head = wait_for_size(officer, vkey, 300)
    lines, page_token = [], ""
    while len(lines) < head.size:
        page = officer.audit.Query(audit_pb2.QueryRequest(context=officer.context(), page_size=1000, page_token=page_token))
        lines += page.lines
        page_token = page.next_page_token
        if not page_token:
            break
    leaves = [line.leaf for line in lines[:head.size]]
    assert [line.index for line in lines] == list(range(len(lines))) and all(line.consistent for line in lines)
    assert tree_root(leaves) == head.root
    for index in (0, 1, head.size // 2, head.size - 1):
        proof = officer.audit.GetProof(audit_pb2.GetProofRequest(context=officer.context(), line=index, tree_size=head.size))
        assert proof.leaf == leaves[index] and range_root([proof.leaf], index, head.size, proof.path) == head.root


def test_the_log_only_grows(officer, eldercare, tokens, vkey):
    old = wait_for_size(officer, vkey, 300)
    eldercare.reveal_batch(tokens[:20], ["name"])
    new = wait_for_size(officer, vkey, old.size + 20)
    proof = officer.audit.GetProof(audit_pb2.GetProofRequest(context=officer.context(), old_size=old.size, tree_size=new.size))
    assert consistent(old.size, old.root, new.size, new.root, proof.path)
    assert not consistent(old.size, leaf_hash(b""), new.size, new.root, proof.path)
    with pytest.raises(grpc.RpcError) as refused:
        officer.audit.GetProof(audit_pb2.GetProofRequest(context=officer.context(), line=new.size + 100000))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
