"""Vouchers and handovers over the wire: two vaultd on one database race for them; a node dies, and its answers are had from the other."""

import threading

import grpc
import kit
import pytest

RULES = [
    kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("eldercare-reveal", "reveal", "eldercare", "elder-care", ["name", "phone"]),
    kit.rule("clinic-issue", "issue", "clinic", "family-doctor", ["id_number"], form="nothing"),
    kit.rule("clinic-reveal", "reveal", "clinic", "family-doctor", ["name", "phone"]),
    kit.rule("population-put", "put", "population", "population-register", list(kit.residents(1)[0])),
]
USES, CALLERS, CALLS = 7, 4, 16


@pytest.fixture(scope="module")
def city():
    city = kit.City(RULES, nodes=2)
    city.people = city.put(40)
    yield city
    city.close()


def clinic(city, node):
    return city.nodes[node].app("clinic", "family-doctor")


def eldercare(city, node=0):
    return city.nodes[node].app("eldercare", "elder-care")


@pytest.fixture(scope="module")
def tokens(city):
    return [r.token for r in eldercare(city).issue([p["id_number"] for p in city.people]).results]


def why(status):
    info = kit.details(status).get("ErrorInfo")
    return info and (info.metadata.get("clause") or info.reason)


def until_settled(call):
    """A call that lost a race (ABORTED) is made again; so is one whose node is not there."""
    for _ in range(600):
        try:
            return call()
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE), error
    raise AssertionError("never settled")


def race(work):
    """What came of CALLS calls of each caller."""
    results, lock = [], threading.Lock()

    def run(caller):
        for call in range(CALLS):
            result = until_settled(lambda: work(caller, call))
            with lock:
                results.append(result)

    for thread in kit.in_threads(CALLERS, run):
        thread.join(60)
    assert len(results) == CALLERS * CALLS
    return results


def test_of_a_voucher_on_two_nodes_there_are_so_many_uses_and_no_more(city, tokens):
    voucher = eldercare(city).make_vouchers(tokens[:1], ["phone", "name"], uses=USES, consumer="clinic").results[0].voucher
    apps = [clinic(city, i % 2) for i in range(CALLERS)]
    results = race(lambda caller, call: apps[caller].redeem_vouchers([voucher]).results[0])
    granted = [r for r in results if r.status.code == 0]
    assert sorted(r.uses_left for r in granted) == list(range(USES))
    assert all([(v.field, v.value.text) for v in r.values] == [(n, city.people[0][n]) for n in ("name", "phone")] for r in granted)
    assert {why(r.status) for r in results if r.status.code} == {"VOUCHER_USED"}


def test_of_a_handover_there_is_one_use_and_under_one_request_id_one_answer(city, tokens):
    handovers = [r.handover for r in eldercare(city).hand_over(tokens[:2], "care-to-clinic").results]
    own = [r.token for r in clinic(city, 0).issue([p["id_number"] for p in city.people[:2]]).results]
    apps = [clinic(city, i % 2) for i in range(CALLERS)]
    results = race(lambda caller, call: apps[caller].redeem_handovers(handovers[:1]).results[0])
    assert [r.token for r in results if r.status.code == 0] == own[:1]
    assert {why(r.status) for r in results if r.status.code} == {"HANDOVER_USED"}
    same = race(lambda caller, call: apps[caller].redeem_handovers(handovers[1:], request_id="the-same").results[0])
    assert {r.token for r in same} == {own[1]}


def test_what_was_asked_of_a_node_that_died_is_answered_by_the_other_and_done_once(city, tokens):
    names = list(city.people[0])
    put = lambda node: city.nodes[node].app("population", "population-register").put([{n: p[n] for n in names} for p in fresh], request_id="put-1")
    fresh = kit.residents(3, start=9000)
    made = lambda node: eldercare(city, node).make_vouchers(tokens[2:5], ["name"], uses=2, consumer="clinic", request_id="make-1")
    given = lambda node: eldercare(city, node).hand_over(tokens[2:5], "care-to-clinic", request_id="give-1")
    first = put(0), made(0), given(0)
    vouchers, handovers = [r.voucher for r in first[1].results], [r.handover for r in first[2].results]
    used = lambda node: clinic(city, node).redeem_vouchers(vouchers, request_id="use-1")
    taken = lambda node: clinic(city, node).redeem_handovers(handovers, request_id="take-1")
    first += used(0), taken(0)
    stored = city.database.sql("select count(*) from voucher")
    city.nodes[0].kill()
    again = [call(1) for call in (put, made, given, used, taken)]
    city.nodes[0].start()
    for before, after in zip(first, again):
        assert [str(r) for r in before.results] == [str(r) for r in after.results]
    assert all(r.created and r.record_version == 1 for r in again[0].results)
    assert city.database.sql("select count(*) from voucher") == stored
    assert [r.uses_left for r in clinic(city, 0).redeem_vouchers(vouchers).results] == [0, 0, 0]
    with pytest.raises(grpc.RpcError) as refused:
        clinic(city, 1).redeem_vouchers(vouchers[:1], request_id="use-1")
    assert refused.value.code() == grpc.StatusCode.ABORTED
    assert kit.details(refused.value)["ErrorInfo"].reason == "REQUEST_ID_REUSED"


def test_nobody_but_its_holder_redeems_and_nobody_but_its_maker_revokes(city, tokens):
    maker, holder = eldercare(city), clinic(city, 1)
    voucher = maker.make_vouchers(tokens[5:6], ["name"], uses=3, consumer="clinic").results[0].voucher
    handover = maker.hand_over(tokens[5:6], "care-to-clinic").results[0].handover
    assert why(maker.redeem_vouchers([voucher]).results[0].status) == "resident"
    assert why(maker.redeem_handovers([handover]).results[0].status) == "resident"
    assert why(holder.revoke_vouchers([voucher]).results[0].status) == "resident"
    assert why(holder.redeem_vouchers([handover]).results[0].status) == "TOKEN_MALFORMED"
    assert holder.redeem_vouchers([voucher]).results[0].uses_left == 2
    assert maker.revoke_vouchers([voucher]).results[0].status.code == 0
    assert why(holder.redeem_vouchers([voucher]).results[0].status) == "VOUCHER_REVOKED"


def test_when_the_basis_is_withdrawn_a_handover_is_worth_nothing(city, tokens):
    handover = eldercare(city).hand_over(tokens[6:7], "care-to-clinic").results[0].handover
    city.change("sharing", lambda document: document["bases"].clear())
    assert why(clinic(city, 1).redeem_handovers([handover]).results[0].status) == "sharing"
    assert why(eldercare(city).hand_over(tokens[6:7], "care-to-clinic").results[0].status) == "sharing"
