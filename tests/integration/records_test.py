"""Records by token over the wire, with two departments: what one says otherwise waits for the other, and history tells it."""

import grpc
import kit
import pytest

PENDING, ACCEPTED, DECLINED = 1, 2, 3
CLINIC_FIELDS = ["id_number", "residence_area", "name", "phone", "care_category"]


@pytest.fixture(scope="module")
def city():
    fields = list(kit.residents(1)[0])
    it = kit.City(rules=[
        kit.rule("population-put", "put", "population", "population-register", fields),
        kit.rule("population-issue", "issue", "population", "population-register", ["id_number"], form="nothing"),
        kit.rule("population-reveal", "reveal", "population", "population-register", fields),
        kit.rule("population-export", "export", "population", "population-register", fields),
        kit.rule("clinic-put", "put", "clinic", "family-doctor", CLINIC_FIELDS),
        kit.rule("clinic-issue", "issue", "clinic", "family-doctor", ["id_number"], form="nothing"),
        kit.rule("clinic-reveal", "reveal", "clinic", "family-doctor", ["name", "phone"])])
    it.people = it.put(40)
    yield it
    it.close()


@pytest.fixture(scope="module")
def register(city):
    return city.vaultd.app("population", "population-register")


@pytest.fixture(scope="module")
def clinic(city):
    return city.vaultd.app("clinic", "family-doctor")


def token(app, person):
    return app.issue([person["id_number"]]).results[0].token


def values(record):
    return {v.field: v.value.text for v in record.values}


def refused(code, call, *args, **more):
    with pytest.raises(grpc.RpcError) as why:
        call(*args, **more)
    assert why.value.code() == code, why.value
    return why.value


def test_a_record_is_read_with_its_provenance_and_changed_at_the_version_that_was_read(city, register, clinic):
    person = city.people[0]
    own = token(register, person)
    before = register.get(own, ["name", "workplace"])
    assert before.name == f"records/{own}" and before.collection == "residents" and before.version == 1
    assert values(before)["name"] == person["name"] and before.values[0].department == "public-security"
    result = register.update(own, before.version, {"workplace": "市图书馆"}).result
    assert result.record_version == 2 and not result.unchanged
    assert values(register.get(own, ["workplace"])) == {"workplace": "市图书馆"}
    why = refused(grpc.StatusCode.ABORTED, register.update, own, 1, {"workplace": "市博物馆"})
    assert kit.details(why)["ErrorInfo"].reason == "STALE_VERSION"
    refused(grpc.StatusCode.INVALID_ARGUMENT, register.update, own, 2, {"id_number": person["id_number"]})
    refused(grpc.StatusCode.PERMISSION_DENIED, clinic.get, own, ["name"])  # another's token
    refused(grpc.StatusCode.INVALID_ARGUMENT, register.get, "not-a-token", ["name"])


def test_a_correction_waits_for_the_owner_who_declines_and_then_accepts(city, register, clinic):
    person = city.people[1]
    theirs, own = token(clinic, person), token(register, person)
    for accept in (False, True):
        version = clinic.get(theirs, ["name"]).version
        assert list(clinic.update(theirs, version, {"name": "欧阳修"}).result.corrections) == ["name"]
        one, = [c for c in register.corrections(show_values=True).corrections if c.token == own]
        assert (one.field, one.department, one.state, one.value) == ("name", "health", PENDING, "欧阳修")
        result, = register.decide(accept, [one.name]).results
        assert result.status.code == 0 and result.record_version == version + accept
        result, = register.decide(not accept, [one.name]).results
        assert result.status.code == grpc.StatusCode.ABORTED.value[0]
    now = register.get(own, ["name"])
    assert values(now) == {"name": "欧阳修"} and now.values[0].department == "public-security"
    for app, by in ((register, own), (clinic, theirs)):
        history = app.corrections(by, show_values=True).corrections
        assert sorted(c.state for c in history) == [ACCEPTED, DECLINED]
        assert all(c.decided_by == "public-security" and c.decide_time.seconds and not c.value and c.token == by for c in history)


def test_only_the_owner_sees_and_decides_what_waits(city, register, clinic):
    person = city.people[2]
    theirs = token(clinic, person)
    clinic.update(theirs, clinic.get(theirs, ["name"]).version, {"name": "司马光"})
    one, = [c for c in register.corrections().corrections if c.field == "name"]
    assert not one.value
    refused(grpc.StatusCode.PERMISSION_DENIED, clinic.corrections)  # owns no field that it may put
    unknown, mine = register.decide(True, ["corrections/7", one.name]).results
    assert unknown.status.code == grpc.StatusCode.NOT_FOUND.value[0] and mine.status.code == 0


def test_an_export_holds_all_that_may_leave_and_its_corrections_without_values(city, register):
    person = city.people[1]
    out = register.export(token(register, person))
    assert values(out.record) == {n: v for n, v in {**person, "name": "欧阳修"}.items() if v}
    assert len(out.corrections) == 2 and not any(c.value for c in out.corrections)


def test_pages_hold_each_request_once(city, register, clinic):
    for person in city.people[10:22]:
        theirs = token(clinic, person)
        clinic.update(theirs, clinic.get(theirs, ["name"]).version, {"name": "王安石"})
    seen, page = [], ""
    while True:
        got = register.corrections(page_size=5, page_token=page)
        seen += [c.name for c in got.corrections]
        page = got.next_page_token
        if not page:
            break
    assert len(seen) == len(set(seen)) == 12
    results = register.decide(True, seen).results
    assert all(r.status.code == 0 for r in results)
    assert not register.corrections().corrections


def test_of_many_that_update_one_version_exactly_one_wins(city, register):
    person = city.people[3]
    own = token(register, person)
    apps = [city.vaultd.app("population", "population-register") for _ in range(8)]

    outcomes = []

    def once(at):
        try:
            apps[at].update(own, 1, {"phone": f"1390000010{at}"})
            outcomes.append("won")
        except grpc.RpcError as why:
            outcomes.append(kit.details(why)["ErrorInfo"].reason)

    for thread in kit.in_threads(8, once):
        thread.join()
    assert sorted(outcomes) == ["STALE_VERSION"] * 7 + ["won"]
    now = register.get(own, ["phone"])
    assert now.version == 2 and values(now)["phone"].startswith("1390000010")
