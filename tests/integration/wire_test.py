"""What arrives on the wire and is no honest request: garbage, bombs, foreign certificates, gone clients, unknown methods."""

import importlib
import random
import socket
import threading
import time

import grpc
import kit
import pytest
from kit import FieldMask, tokens_pb2

health_pb2 = importlib.import_module("grpc.health.v1.health_pb2")
health_pb2_grpc = importlib.import_module("grpc.health.v1.health_pb2_grpc")

REVEAL, PUT = "/vault.v1.Tokens/Reveal", "/vault.v1.Records/BatchPut"


def raw(app, method, body, timeout=60, **options):
    """The status of a call whose request is these bytes."""
    try:
        app.channel.unary_unary(method, lambda b: b, lambda b: b)(body, timeout=timeout, **options)
    except grpc.RpcError as error:
        return error.code().name, kit.details(error)
    return "OK", {}


def good(app, token, **changes):
    return tokens_pb2.RevealRequest(context=app.context(**changes), token=token, field_mask=FieldMask(paths=["name"])).SerializeToString()


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def still_serves(app, tokens, people):
    assert app.reveal(tokens[0], ["name"]).values[0].text == people[0]["name"]


def test_embedded_nul_bad_utf8_and_wrong_types_are_named_by_their_field(eldercare, tokens, people):
    context = eldercare.context().SerializeToString()
    cases = [(field(1, context) + field(2, b"rv1\0abc"), "token", "TEXT_NUL"), (field(1, context) + field(2, b"\xff\xfe"), "token", "TEXT_UTF8"),
             (field(1, field(1, b"elder-care\0x")), "context.purpose", "TEXT_NUL"),
             (field(1, field(2, b"\xed\xa0\x80")), "context.ticket", "TEXT_UTF8"),
             (field(3, field(1, b"na\0me")), "field_mask.paths[0]", "TEXT_NUL"), (b"\x10\x05", "token", "WIRE_TYPE")]
    for body, name, why in cases:
        status, details = raw(eldercare, REVEAL, body)
        assert status == "INVALID_ARGUMENT"
        found = details["BadRequest"].field_violations[0]
        assert (found.field, found.description) == (name, why)
    still_serves(eldercare, tokens, people)


@pytest.mark.tsan
def test_truncated_and_random_bytes_are_refused_and_harm_nobody(eldercare, tokens, people):
    draw = random.Random(6962)
    whole = good(eldercare, tokens[0])
    for at in range(1, len(whole), 7):
        assert raw(eldercare, REVEAL, whole[:at])[0] in ("INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED")
    for _ in range(300):
        body = bytearray(whole if draw.random() < 0.7 else draw.randbytes(draw.randrange(200)))
        for _ in range(draw.randrange(1, 8)):
            if body:
                body[draw.randrange(len(body))] = draw.randrange(256)
        assert raw(eldercare, draw.choice([REVEAL, PUT, "/vault.v1.Tokens/BatchReveal"]), bytes(body))[0] in (
            "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "OK")
    still_serves(eldercare, tokens, people)


def test_bombs_are_refused(eldercare, tokens, people):
    deep = b""
    for _ in range(5000):
        deep = field(1, deep)
    status = [raw(eldercare, REVEAL, deep)[0], raw(eldercare, "/vault.v1.Tokens/BatchReveal", field(2, b"x") * 100000)[0],
              raw(eldercare, REVEAL, field(2, b"x" * 100000))[0], raw(eldercare, PUT, field(4, field(1, b"")) * 50000)[0],
              raw(eldercare, REVEAL, field(3, field(1, b"name") * 5000))[0]]
    assert all(s in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED") for s in status), status
    still_serves(eldercare, tokens, people)


def test_an_oversized_message_and_oversized_metadata_are_refused(city, eldercare, tokens, people):
    """gRPC core may close the connection that such metadata came on: it is not that of the others."""
    app = city.vaultd.app("eldercare", "elder-care")
    assert raw(app, REVEAL, b"\x12" + varint(20 << 20) + b"x" * (20 << 20))[0] == "RESOURCE_EXHAUSTED"
    assert raw(app, REVEAL, good(app, tokens[0]), metadata=[("x-big", "y" * 200000)])[0] != "OK"
    still_serves(eldercare, tokens, people)


def test_unknown_methods_and_services_are_unimplemented(eldercare):
    for method in ("/vault.v1.Tokens/Nothing", "/vault.v1.Nothing/Reveal", "/x/y", "/vault.v1.Tokens/reveal", "/vault.v1.Tokens/Reveal/",
                   "/grpc.health.v1.Health/Nothing"):
        assert raw(eldercare, method, b"", timeout=60)[0] == "UNIMPLEMENTED", method


@pytest.mark.tsan
def test_a_deadline_that_has_passed_and_a_client_that_goes_leave_no_worker_stuck(eldercare, tokens, people):
    body = tokens_pb2.BatchRevealRequest(context=eldercare.context(), tokens=tokens * 10, field_mask=FieldMask(paths=["name"]))
    for timeout in (0.0001, 0.001, 0.003, 0.01, 0.03):
        with pytest.raises(grpc.RpcError) as late:
            body.context.request_id = f"late-{timeout}"
            while True:  # sooner or later one comes too late
                eldercare.tokens.BatchReveal(body, timeout=timeout)
                timeout /= 2
        assert late.value.code().name == "DEADLINE_EXCEEDED"
    for _ in range(50):
        eldercare.tokens.BatchReveal.future(body, timeout=60).cancel()
    still_serves(eldercare, tokens, people)


@pytest.mark.tsan
def test_many_channels_closed_in_the_midst_of_calls_do_no_harm(city, eldercare, tokens, people):
    def visit(_):
        app = city.vaultd.app("eldercare", "elder-care")
        calls = [app.tokens.BatchReveal.future(tokens_pb2.BatchRevealRequest(
            context=app.context(), tokens=tokens, field_mask=FieldMask(paths=["name"]))) for _ in range(8)]
        time.sleep(0.01)
        app.channel.close()
        return calls

    for thread in kit.in_threads(6, visit):
        thread.join(90)
        assert not thread.is_alive()
    still_serves(eldercare, tokens, people)


# ---- certificates ----


def status_with(city, credentials, target="localhost"):
    channel = grpc.secure_channel(f"127.0.0.1:{city.vaultd.port}", credentials,
                                  [("grpc.ssl_target_name_override", target), ("grpc.use_local_subchannel_pool", 1)])
    with channel:
        try:
            kit.App(channel, "elder-care").audit.GetCheckpoint(kit.audit_pb2.GetCheckpointRequest(), timeout=60)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


@pytest.mark.parametrize("options", ["--expired", "--not-yet", "--foreign"])
def test_certificates_that_are_expired_not_yet_valid_or_of_another_authority_are_refused_at_the_handshake(city, options):
    name = "bad" + options
    city.authority.client("vault://dev/apps/eldercare", name, options)
    assert status_with(city, city.authority.credentials(name)) == "UNAVAILABLE"


def test_a_client_without_a_certificate_is_refused_at_the_handshake(city):
    ca = (city.authority.folder / "ca.crt").read_bytes()
    assert status_with(city, grpc.ssl_channel_credentials(ca)) == "UNAVAILABLE"


def test_the_servers_own_certificate_does_not_make_a_client(city):
    assert status_with(city, city.authority.credentials("server")) in ("UNAVAILABLE", "UNAUTHENTICATED")


def test_plaintext_and_rubbish_on_the_port_are_refused(city, eldercare, tokens, people):
    with grpc.insecure_channel(f"127.0.0.1:{city.vaultd.port}") as channel, pytest.raises(grpc.RpcError) as refused:
        kit.App(channel, "elder-care").audit.GetCheckpoint(kit.audit_pb2.GetCheckpointRequest(), timeout=5)
    assert refused.value.code().name in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    for body in (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 50, b"\x16\x03\x01\xff\xff" + b"\0" * 200):
        with socket.create_connection(("127.0.0.1", city.vaultd.port)) as connection:
            connection.sendall(body)
    still_serves(eldercare, tokens, people)


def test_connections_that_are_opened_and_say_nothing_do_not_stop_the_others(city, eldercare, tokens, people):
    silent = [socket.create_connection(("127.0.0.1", city.vaultd.port)) for _ in range(100)]
    try:
        still_serves(city.vaultd.app("eldercare", "elder-care"), tokens, people)
    finally:
        for connection in silent:
            connection.close()
    still_serves(eldercare, tokens, people)


# ---- health and reflection, as stock tools ask ----


def test_health_answers_for_the_server_and_its_services(eldercare):
    stub = health_pb2_grpc.HealthStub(eldercare.channel)
    assert stub.Check(health_pb2.HealthCheckRequest(), timeout=60).status == health_pb2.HealthCheckResponse.SERVING
    assert stub.Check(health_pb2.HealthCheckRequest(service="vault.v1.Tokens"), timeout=60).status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as refused:
        stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=60)
    assert refused.value.code().name == "NOT_FOUND"


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_services_and_describes_their_files(eldercare, version):
    pb2 = importlib.import_module(f"grpc.reflection.{version}.reflection_pb2")
    stub = importlib.import_module(f"grpc.reflection.{version}.reflection_pb2_grpc").ServerReflectionStub(eldercare.channel)
    asked = [pb2.ServerReflectionRequest(list_services=""), pb2.ServerReflectionRequest(file_containing_symbol="vault.v1.Tokens"),
             pb2.ServerReflectionRequest(file_by_filename="vault/v1/common.proto"), pb2.ServerReflectionRequest(file_containing_symbol="no.Such")]
    services, by_symbol, by_name, missing = stub.ServerReflectionInfo(iter(asked), timeout=60)
    names = {s.name for s in services.list_services_response.service}
    assert {"vault.v1.Records", "vault.v1.Tokens", "vault.v1.Audit", "vault.v1.Keys", "grpc.health.v1.Health"} <= names
    assert by_symbol.file_descriptor_response.file_descriptor_proto and by_name.file_descriptor_response.file_descriptor_proto
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.tsan
def test_threads_of_one_channel_get_their_own_answers(eldercare, people, tokens):
    wrong = []

    def ask(i):
        for at in range(i, 300, 8):
            if eldercare.reveal(tokens[at], ["phone"]).values[0].text != people[at]["phone"]:
                wrong.append(at)

    for thread in kit.in_threads(8, ask):
        thread.join(60)
    assert not wrong and threading.active_count() < 50
