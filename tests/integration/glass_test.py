"""Break-glass and leave for single calls, over two nodes, by vaultctl, with a webhook that listens."""

import http.server
import json
import ssl
import threading
import time

import grpc
import kit
import pytest
from vaultctl_test import DENIED, Ctl, SOME_REFUSED, USAGE

WHY = "三号楼起火，需核对住户家庭情况"
RULES = [
    kit.rule("population-put", "put", "population", "population-register", list(kit.residents(1)[0])),
    kit.rule("eldercare-issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
    kit.rule("eldercare-glass", "reveal", "eldercare", "elder-care", ["education"], acting="person", roles=["grid-worker"],
             break_glass={"hours": 1, "residents": 2, "review_hours": 24}),
    kit.rule("eldercare-person", "reveal", "eldercare", "elder-care", ["name"], acting="person"),
    kit.rule("eldercare-bulk", "reveal", "eldercare", "elder-care", ["phone"], approval_above=2),
]


class Webhook:
    """Takes what is posted, over HTTPS, as the vault's own certificate authority vouches for it."""

    def __init__(self):
        self.posts, hook = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append((self.headers["Authorization"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"https://localhost:{self.server.server_port}/officers"

    def serve(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        end = time.monotonic() + 60
        while len(self.posts) < count and time.monotonic() < end:
            time.sleep(0.05)
        return self.posts


@pytest.fixture(scope="module")
def hook():
    it = Webhook()
    yield it
    it.server.shutdown()


@pytest.fixture(scope="module")
def city(hook, tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhook")
    authority = kit.Authority(folder / "ca")
    hook.serve(authority.folder / "server.crt", authority.folder / "server.key")
    token = folder / "token"
    token.write_text("officers-token\n")
    token.chmod(0o600)
    it = kit.City(rules=RULES, nodes=2, webhook={"url": hook.url, "ca_file": str(authority.folder / "ca.crt"), "token_file": str(token)})
    yield it
    it.close()


@pytest.fixture(scope="module")
def tokens(city):
    people = city.put(6)
    found = city.vaultd.app("eldercare", "elder-care").issue([p["id_number"] for p in people])
    return [one.token for one in found.results]


@pytest.fixture
def says(city, tmp_path):
    """A file with a new assertion of a person."""
    def make(person="grid-zhao"):
        path = tmp_path / f"{person}-{time.monotonic_ns()}.jwt"
        path.write_text(kit.assertion_for(city, "eldercare", "civil-affairs", person, "elder-care"))
        return path
    return make


@pytest.fixture
def elder(city, tmp_path):
    return Ctl(city, "eldercare", "elder-care", tmp_path)


@pytest.fixture
def officer(city, tmp_path):
    return Ctl(city, "officer-wang", folder=tmp_path)


def clause(error):
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    return kit.details(error.value)["ErrorInfo"].metadata["clause"]


def test_the_glass_is_broken_by_vaultctl_holds_on_every_node_is_told_at_once_and_reviewed(city, hook, tokens, says, elder, officer):
    told = len(hook.posts)
    elder("emergency", "open", WHY, "--ticket", "fire-3", wanted=USAGE)  # nobody acts
    elder("emergency", "open", "short", "--ticket", "fire-3", "--assertion", says(), wanted=5)
    opened = elder.json("emergency", "open", WHY, "--ticket", "fire-3", "--assertion", says())[0]
    assert (opened["state"], opened["person"], opened["residents"], opened["reason"]) == ("open", "grid-zhao", 2, WHY)
    far = city.nodes[1].app("eldercare", "elder-care")
    acting = lambda person="grid-zhao": {"assertion": kit.assertion_for(city, "eldercare", "civil-affairs", person, "elder-care")}
    assert far.reveal(tokens[0], ["education"], emergency=opened["name"], **acting()).values[0].text
    for wrong in (acting("grid-qian"), {}):
        with pytest.raises(grpc.RpcError) as refused:
            far.reveal(tokens[0], ["education"], emergency=opened["name"], **wrong)
        assert clause(refused) == "break_glass"
    text = elder("reveal", tokens[1], "--fields", "education", "--emergency", opened["name"], "--ticket", "fire-3", "--assertion", says())
    assert text.strip()
    elder("reveal", tokens[2], "--fields", "education", "--emergency", opened["name"], "--ticket", "fire-3", "--assertion", says(), wanted=DENIED)
    (authorization, notice), = hook.wait(told + 1)[told:]
    assert authorization == "Bearer officers-token"
    assert (notice["event"], notice["name"], notice["person"]) == ("emergency.opened", opened["name"], "grid-zhao")
    assert "三号楼" not in json.dumps(notice, ensure_ascii=False)
    assert opened["name"] in officer("emergency", "list", "--waiting")
    officer("emergency", "review", opened["name"], "--note", "x", "--ticket", "fire-3", wanted=USAGE)
    reviewed = officer.json("emergency", "review", opened["name"], "--justified", "--note", "as the brigade reports", "--ticket", "fire-3")[0]
    assert (reviewed["state"], reviewed["reviewer"]) == ("justified", "officer-wang")
    with pytest.raises(grpc.RpcError) as refused:
        far.reveal(tokens[0], ["education"], emergency=opened["name"], **acting())
    assert clause(refused) == "break_glass"
    assert not officer.json("emergency", "list", "--waiting")[0]


def test_without_need_the_person_is_suspended_on_the_other_node_with_its_next_call(city, says, elder, officer):
    opened = elder.json("emergency", "open", WHY, "--ticket", "fire-4", "--assertion", says("grid-qian"))[0]
    officer("emergency", "review", opened["name"], "--unjustified", "--note", "nothing was on fire", "--ticket", "fire-4")
    with pytest.raises(grpc.RpcError) as refused:
        city.nodes[1].app("eldercare", "elder-care").reveal(
            "rv1", ["name"], assertion=kit.assertion_for(city, "eldercare", "civil-affairs", "grid-qian", "elder-care"))
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert kit.details(refused.value)["ErrorInfo"].reason == "PERSON_SUSPENDED"


def test_approval_is_asked_for_in_the_place_of_the_call_and_the_same_command_then_passes(city, tokens, elder, officer, tmp_path):
    asked = ["reveal", *tokens[:3], "--fields", "phone", "--ticket", "call-list"]
    elder(*asked, wanted=(SOME_REFUSED, DENIED))
    approval = elder.json(*asked, "--ask-approval")[0]
    assert (approval["document"], approval["proposer"], approval["state"]) == ("access", "eldercare", "pending")
    shown = officer("approval", "show", approval["name"])
    assert "eldercare" in shown and "phone" in shown and "3" in shown and tokens[0] not in shown
    officer("approval", "approve", approval["name"], "--digest", approval["digest"], "--ticket", "call-list")
    lines = elder(*asked, "--approval", approval["name"]).splitlines()
    assert len(lines) == 1 + 3  # a heading
    elder("reveal", *tokens[1:4], "--fields", "phone", "--ticket", "call-list", "--approval", approval["name"], wanted=(SOME_REFUSED, DENIED))


def test_sql_extends_no_break_glass_and_gives_no_leave(city, says, elder, officer, tokens):
    opened = elder.json("emergency", "open", WHY, "--ticket", "fire-5", "--assertion", says())[0]
    for table in ("control", "control_document", "notice", "head"):  # nothing of it stands there in the clear
        dump = city.database.sql(f"SELECT string_agg(t::text, ' ') FROM {table} t")
        assert "三号楼" not in dump and WHY.encode().hex() not in dump and "grid-zhao" not in dump
    officer("emergency", "review", opened["name"], "--justified", "--note", "again", "--ticket", "fire-5")
