"""One round of what ./bench rotation-faults does ten times with 200,000 residents: the record ring is rotated under callers while a node is killed."""

import pytest
from kit import grpc, keys_pb2
from rotation_faults import Rotations

PEOPLE, CALLERS = 3000, 16


@pytest.fixture(scope="module")
def place():
    it = Rotations(PEOPLE, CALLERS, seed=7)
    yield it
    it.close()


def test_a_rotation_goes_on_over_a_kill_and_no_reveal_fails_but_at_the_killed_node(place):
    out = place.round(0)
    assert out["reveals"] > 200, out
    assert place.everybody() == PEOPLE


def test_a_rotation_that_is_paused_waits_and_both_versions_stay_good(place):
    app = place.keys("admin-li", place.city.nodes[1])
    version = place.rotate()
    [job] = app.ask(app.keys, "Progress", keys_pb2.ProgressRequest).jobs[:1]
    try:
        app.ask(app.keys, "ChangeJob", keys_pb2.ChangeJobRequest, name=job.name, to="pause")
    except grpc.RpcError as error:  # it was over already
        assert error.code().name == "FAILED_PRECONDITION"
    place.everybody()
    [job] = app.ask(app.keys, "Progress", keys_pb2.ProgressRequest, name=job.name).jobs
    assert job.state in ("paused", "done") and job.done <= job.total
    if job.state == "paused":
        assert job.rows_per_second == 0 and not job.HasField("estimated_end_time")
        app.ask(app.keys, "ChangeJob", keys_pb2.ChangeJobRequest, name=job.name, to="resume")
    assert place.wait_for_job(2)[0] == 4
    place.check_counts(version - 1, version)
    assert place.everybody() == PEOPLE
    place.check_log()


def test_vouchers_and_kept_answers_come_along(place):
    clinic = place.city.vaultd.app("clinic", "family-doctor")
    assert place.number("SELECT count(*) FROM request") > 0  # those of the puts
    version = place.rotate()
    assert place.wait_for_job(2)[0] == 4
    place.check_counts(version - 1, version)
    assert place.number("SELECT count(DISTINCT substr(answer, 1, 4)) FROM request") == 1
    assert clinic.reveal(place.tokens[5], ["name"]).values[0].text == place.people[5]["name"]
