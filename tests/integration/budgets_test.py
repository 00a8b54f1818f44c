"""Budgets over three nodes: callers race for the last residents, and just as many are granted as are left. What SQL does to the
counters, the log tells."""

import threading

import grpc
import kit
import pytest
from vault.v1 import policy_pb2, policy_pb2_grpc
from vaultctl_test import TAMPERED, Ctl

LIMIT, LEFT, CALLERS, PEOPLE = 30, 10, 64, 90
ELDER, POPULATION = ("eldercare", "elder-care"), ("population", "population-register")
RULES = [
    kit.rule("put", "put", *POPULATION, ["id_number", "residence_area", "name", "phone"]),
    kit.rule("issue", "issue", *ELDER, ["id_number"], form="nothing"),
    kit.rule("see", "reveal", *ELDER, ["name", "phone"]),
]


def budgets(document):
    return {**document, "budgets": [
        {"id": "care-year", "per": "consumer", "consumers": ["eldercare"], "purposes": ["elder-care"], "roles": "any", "fields": "any",
         "period": "year", "residents": LIMIT, "soft": 80},
        {"id": "all-care", "per": "purpose", "consumers": "any", "purposes": ["elder-care"], "roles": "any", "fields": "any",
         "period": "year", "values": 1000},
    ]}


@pytest.fixture(scope="module")
def spent():
    """A city whose budget has LEFT residents left, and tokens of all its people."""
    city = kit.City(RULES, nodes=3, documents={"policy": budgets})
    try:
        names = ("id_number", "residence_area", "name", "phone")
        people = [{name: one[name] or "13900000000" for name in names} for one in kit.residents(PEOPLE, seed=11)]
        city.vaultd.app(*POPULATION).put(people)
        elder = city.vaultd.app(*ELDER)
        tokens = [r.token for r in elder.issue([p["id_number"] for p in people]).results]
        first = elder.reveal_batch(tokens[:LIMIT - LEFT], ["name"])
        assert all(r.status.code == 0 for r in first.results)
        yield city, people, tokens
    finally:
        city.close()


class Caller:
    """Asks one node for residents of its own and for some that the next one asks for, too."""

    def __init__(self, node, tokens):
        self.app, self.tokens, self.granted, self.refused = node.app(*ELDER), tokens, set(), set()

    def run(self, gate):
        gate.wait()
        for token in self.tokens:
            try:
                self.app.reveal(token, ["name"], timeout=60)
                self.granted.add(token)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error
                self.refused.add(token)


def test_64_callers_on_three_nodes_get_just_the_last_ten(spent):
    city, people, tokens = spent
    wanted = tokens[LIMIT - LEFT:]
    callers = [Caller(city.nodes[i % 3], [wanted[(i + k) % len(wanted)] for k in (0, 1, 7)]) for i in range(CALLERS)]
    gate = threading.Barrier(CALLERS)
    threads = kit.in_threads(CALLERS, lambda i: callers[i].run(gate))
    for thread in threads:
        thread.join(120)
    granted = set().union(*(c.granted for c in callers))
    assert len(granted) == LEFT
    assert set().union(*(c.refused for c in callers)) >= set(wanted[:CALLERS]) - granted
    again = city.nodes[2].app(*ELDER).reveal_batch(tokens, ["name"]).results
    assert {t for t, r in zip(tokens, again) if r.status.code == 0} == granted | set(tokens[:LIMIT - LEFT])


def recount(city, node=0):
    app = city.nodes[node].app("officer-wang", "log-review")
    stub, page = policy_pb2_grpc.PoliciesStub(app.channel), ""
    while True:
        answer = stub.RecountBudgets(policy_pb2.RecountBudgetsRequest(context=app.context(), page_token=page), timeout=60)
        page = answer.next_page_token
        if not page:
            return answer


def test_counters_stand_as_the_log_has_them_on_every_node(spent):
    city, people, tokens = spent
    for node in range(3):
        answer = recount(city, node)
        assert not answer.findings and answer.counters == 2
    app = city.nodes[1].app("admin-li", "control")
    uses = policy_pb2_grpc.PoliciesStub(app.channel).ListBudgets(policy_pb2.ListBudgetsRequest(context=app.context()), timeout=60).uses
    assert {(u.budget, u.subject, u.residents, u.residents_limit) for u in uses} == {
        ("care-year", "eldercare", LIMIT, LIMIT), ("all-care", "elder-care", LIMIT, 0)}


def test_the_soft_limit_was_told_once_by_one_node(spent):
    city, people, tokens = spent
    told = [e for node in city.nodes for e in node.events() if e["event"] == "budget.soft"]
    assert len(told) == 1 and "care-year" in told[0]["detail"] and "eldercare" not in told[0]["detail"]


def test_counters_that_sql_has_set_back_are_found(spent, tmp_path):
    city, people, tokens = spent
    officer = Ctl(city, "officer-wang", "log-review", tmp_path)
    assert "as it says" in officer("policy", "recount", "--ticket", "t")
    assert f"{LIMIT} of {LIMIT}" in officer("policy", "budgets", "care-year", "--ticket", "t")
    city.database.sql("delete from budget_count; delete from budget_seen")
    assert city.nodes[1].app(*ELDER).reveal(tokens[-1], ["name"]).values[0].text == people[-1]["name"]  # bought, and found:
    found = officer.json("policy", "recount", "--ticket", "t", wanted=TAMPERED)[0]["findings"]
    mine = [f for f in found if f["counter"]["budget"] == "care-year"]
    assert [(f["counter"]["residents"], f["residents"]) for f in mine] in ([(1, LIMIT + 1)], [(1, LIMIT)])
    assert "not what it says" in officer("policy", "recount", "--ticket", "t", wanted=TAMPERED)
