"""Why a call is refused, read by a stranger's client: the typed detail, its two languages, and that it tells nothing of residents."""

import json
import os
import re
import subprocess

import kit
import grpc
import pytest
from vault.v1 import policy_pb2, policy_pb2_grpc

PROGRAM = kit.BUILD / "vaultctl"


def refusal(call):
    """Status, explanation and raw status of a call that is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    raw = dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
    return kit.details(refused.value)["PolicyExplanation"], raw


def clauses(explanation):
    return [c.clause for c in explanation.clauses]


def test_a_refusal_says_what_is_missing_in_two_languages(eldercare, clinic, tokens):
    why, _ = refusal(lambda: eldercare.reveal(tokens[0], ["name", "religion"]))
    assert not why.allowed and clauses(why) == ["fields"] and list(why.clauses[0].fields) == ["religion"]
    assert why.clauses[0].text == "elder-care does not include religion"
    assert re.search("[一-鿿]", why.clauses[0].text_zh)
    why, _ = refusal(lambda: eldercare.reveal(tokens[0], ["birth_date"]))
    assert clauses(why) == ["acting"] and why.rule == "eldercare-person" and "grid-worker" in why.clauses[0].names
    why, _ = refusal(lambda: clinic.reveal(tokens[0], ["name"], purpose="elder-care"))
    assert clauses(why) == ["consumer"] and why.rule == ""
    why, _ = refusal(lambda: eldercare.reveal(tokens[0], ["id_number"]))
    assert clauses(why) == ["form"] and list(why.clauses[0].names) == ["token"] == list(why.possible_forms)


def test_what_is_told_of_one_elsewhere_is_what_is_told_of_nobody(clinic, eldercare, people, tokens):
    here = clinic.issue([people[0]["id_number"]]).results[0].token
    elsewhere = clinic.issue([people[200]["id_number"]]).results[0]
    assert elsewhere.status.code == 7
    told, raw = refusal(lambda: clinic.reveal(tokens[200], ["name"]))  # another app's token
    assert clauses(told) == ["resident"] and not told.possible_forms
    forged = here[:-1] + ("a" if here[-1] != "a" else "b")
    replies = [clinic.reveal_batch([token], ["name"]).results[0].status for token in (tokens[0], tokens[200])]
    assert replies[0] == replies[1] and kit.details(replies[0])["PolicyExplanation"] == told
    assert kit.details(elsewhere.status)["PolicyExplanation"].clauses[0].clause == "resident"
    with pytest.raises(grpc.RpcError) as typo:
        clinic.reveal(forged, ["name"])
    assert "PolicyExplanation" not in kit.details(typo.value)


def test_officers_ask_for_any_facts_and_apps_for_their_own(city, eldercare, officer):
    stub = policy_pb2_grpc.PoliciesStub(eldercare.channel)
    facts = {"consumer": "eldercare", "purpose": "elder-care", "action": "reveal", "fields": ["birth_date"]}
    own = eldercare.ask(stub, "Explain", policy_pb2.ExplainRequest, facts=policy_pb2.Facts(**facts))
    assert clauses(own.explanation) == ["acting"] and own.facts.form == "plain" and own.control_version > 0
    with pytest.raises(grpc.RpcError) as other:
        eldercare.ask(stub, "Explain", policy_pb2.ExplainRequest, facts=policy_pb2.Facts(**facts | {"consumer": "clinic"}))
    assert other.value.code() == grpc.StatusCode.PERMISSION_DENIED
    facts |= {"person": "grid-zhao", "resident": policy_pb2.ResidentFacts(area="330105001002")}
    reply = officer.ask(policy_pb2_grpc.PoliciesStub(officer.channel), "Explain", policy_pb2.ExplainRequest, facts=policy_pb2.Facts(**facts))
    assert clauses(reply.explanation) == ["area"] and reply.explanation.rule == "eldercare-person"


class Ctl:
    def __init__(self, city, name, purpose):
        keys = city.authority.folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "VAULT_SERVER": f"127.0.0.1:{city.vaultd.port}",
                            "VAULT_CA": str(keys / "ca.crt"), "VAULT_CERT": str(keys / f"{name}.crt"), "VAULT_KEY": str(keys / f"{name}.key"),
                            "VAULT_PURPOSE": purpose}

    def __call__(self, *words, wanted, **environment):
        done = subprocess.run([PROGRAM, *words], env=self.environment | environment, text=True, capture_output=True, timeout=60)
        assert done.returncode == wanted, (words, done.stdout, done.stderr)
        return done.stdout, done.stderr


def test_vaultctl_says_why_beside_every_refusal(city, tokens):
    ctl = Ctl(city, "eldercare", "elder-care")
    _, said = ctl("reveal", tokens[0], "--fields", "name,religion", "--ticket", "t", wanted=3)
    assert "elder-care does not include religion" in said
    _, said = ctl("reveal", tokens[0], "--fields", "name,religion", "--ticket", "t", wanted=3, LANG="zh_CN.UTF-8")
    assert "不包括" in said and "does not include" not in said
    _, said = ctl("reveal", tokens[0], "--fields", "name,religion", "--ticket", "t", "--json", wanted=3)
    error = json.loads(said)["error"]
    assert error["why"] == "elder-care does not include religion" and "不包括" in error["why_zh"]


def test_vaultctl_explains_facts_and_lines(city, eldercare, officer, tokens):
    ctl = Ctl(city, "officer-wang", "log-review")
    asked = ["consumer=eldercare", "purpose=elder-care", "action=reveal", "fields=name,birth_date", "area=320411004001"]
    out, _ = ctl("policy", "explain", *asked, wanted=1)
    assert out.startswith("refused; nearest is the rule eldercare-person") and "a person must act" in out
    out, _ = ctl("policy", "explain", *asked, "person=grid-zhao", wanted=0)
    assert out == "allowed by the rule eldercare-person\n"
    out, _ = ctl("policy", "explain", *asked, "person=grid-zhao", "--json", wanted=0)
    assert json.loads(out)["explanation"]["rule"] == "eldercare-person"
    line = eldercare.reveal(tokens[3], ["name"], receipt=True).receipt.first_line
    out, _ = ctl("policy", "explain", "--line", str(line), wanted=0)
    assert out == "allowed by the rule eldercare-app\n"
    for wrong in (["fields"], ["fields="], ["colour=red"], ["residents=0"], ["time=noon"], ["approved=maybe"], [*asked, "area=32"], []):
        ctl("policy", "explain", *wrong, wanted=2)
    _, said = ctl("policy", "explain", "consumer=eldercare", "purpose=elder-care", "action=reveal", "fields=nothing_such", wanted=5)
    assert "facts.fields[0]: UNKNOWN_FIELD" in said
