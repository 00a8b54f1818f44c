"""Marks are planted wherever a caller can put bytes; then everything that is written down or told to anybody is searched for them.

A few marks that stand in every planted value are searched for in many forms: UTF-8, UTF-16, hexadecimal, base64, escapes, packed numbers,
plain hashes. What is sealed at rest (ticket, request id, values) must not be found either; PostgreSQL logs all it can here."""

import base64
import contextlib
import hashlib
import importlib
import itertools
import json
import os
import re
import socket
import time
import urllib.parse

import attack
import grpc
import kit
import pytest
from foreign import token_text
from google.protobuf.timestamp_pb2 import Timestamp
from kit import FieldMask, audit_pb2, common_pb2, control_pb2, keys_pb2, records_pb2, tokens_pb2

policy_pb2, policy_pb2_grpc = (importlib.import_module(f"vault.v1.{name}") for name in ("policy_pb2", "policy_pb2_grpc"))
residents_pb2, residents_pb2_grpc = (importlib.import_module(f"vault.v1.{name}") for name in ("residents_pb2", "residents_pb2_grpc"))
leaks_pb2, leaks_pb2_grpc = (importlib.import_module(f"vault.v1.{name}") for name in ("leaks_pb2", "leaks_pb2_grpc"))

WORD = "zqxjkvwy"            # in every planted text: lower case, so that it passes for an id or a token, too
RARE = "龘靐齉"               # in every planted name and address
PHONE = "199482736"          # the phones begin so: seven digits stand by chance in as many hexadecimal ones as a log has
PERSON_AREA, BIRTH = "320411", "19470213"  # the ID numbers
MARKS = {"word": WORD, "rare": RARE, "phone": PHONE, "id": PERSON_AREA + BIRTH}

NAMES = list(kit.residents(1)[0])
RULES = [kit.rule("put", "put", "population", "population-register", NAMES),
         kit.rule("issue", "issue", "eldercare", "elder-care", ["id_number"], form="nothing"),
         kit.rule("app", "reveal", "eldercare", "elder-care", ["name", "phone"]),
         kit.rule("person", "reveal", "eldercare", "elder-care", [n for n in NAMES if n != "id_number"], acting="person"),
         kit.rule("register", "issue", "population", "population-register", ["id_number"], form="nothing"),
         kit.rule("search", "search", "eldercare", "elder-care", ["name", "phone", "birth_date"], form="token"),
         kit.rule("ask", "reveal", "eldercare", "elder-care", ["age_60", "phone_is"], form="predicate"),
         kit.rule("export", "export", "eldercare", "elder-care", ["name", "phone"]),
         kit.rule("erase", "erase", "population", "population-register", ["id_number"], form="nothing")]
STEWARDS_MAY = {"Keys/Seal", "Audit/VerifyRows"}  # need nothing but the role: never sent by one who has it
LOUD = ("log_statement=all", "log_min_messages=debug1", "log_min_error_statement=debug1", "log_parameter_max_length=-1",
        "log_parameter_max_length_on_error=-1", "log_connections=on", "log_error_verbosity=verbose", "log_duration=on")


def id_number(serial):
    body = f"{PERSON_AREA}{BIRTH}{serial:03}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11]


def forms(text):
    """All byte strings as which this text may have been written down."""
    raw = text.encode()
    out = {raw, raw.upper(), text.encode("utf-16-le"), text.encode("utf-16-be"), raw.hex().encode(), raw.hex().upper().encode(),
           json.dumps(text)[1:-1].encode(), json.dumps(text)[1:-1].upper().encode(), urllib.parse.quote(text).encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            whole = encode(b"\0" * shift + raw)
            start = (shift * 8 + 5) // 6                    # characters that hold bits of what stands before
            out.add(whole[start:len(whole) - (4 if (shift + len(raw)) % 3 else 0)])
    out |= {"".join(f"\\{b:03o}" for b in raw).encode(), b"\\x" + raw.hex().encode(), raw[::-1]}
    return {form for form in out if len(form) >= 6}


class Searcher:
    def __init__(self, more=()):
        needles = set(itertools.chain.from_iterable(forms(mark) for mark in MARKS.values())) | set(more)
        self.pattern = re.compile(b"|".join(re.escape(n) for n in sorted(needles, key=len, reverse=True)))
        self.needles = sorted(needles)

    def found(self, data):
        return sorted({n for n in self.needles if n in data})

    def in_file(self, path):
        return self.found(path.read_bytes())


def packed(numbers):
    """Whole numbers as they stand in a row: eight bytes, either end first."""
    return {n.to_bytes(8, order) for n in numbers for order in ("big", "little")}


def plain_hashes(texts):
    """What a thief would compute: digests without a key, raw and in hexadecimal, also cut to 16 bytes."""
    raw = {hashlib.new(kind, t.encode()).digest() for t in texts for kind in ("md5", "sha1", "sha256")}
    return {r[:16] for r in raw} | {r[:16].hex().encode() for r in raw}


# ---- planting ----


class Planter:
    """Calls that hold marks; and all that was said in answer."""

    def __init__(self, city):
        self.city, self.said, self.count = city, [], itertools.count()
        self.eldercare = city.vaultd.app("eldercare", "elder-care")
        self.population = city.vaultd.app("population", "population-register")
        self.officer = city.vaultd.app("officer-wang", "log-review")
        self.admin = city.vaultd.app("admin-li", "control")
        self.codes, self.paths = {}, set()

    def text(self, prefix=""):
        return f"{prefix}{WORD}{next(self.count)}"

    def voucher(self, token):
        """One that can be used; while the database is away, the last one that was made."""
        with contextlib.suppress(grpc.RpcError):
            self.last_voucher = self.eldercare.make_vouchers([token], ["name"], uses=1000).results[0].voucher
        return self.last_voucher

    def version(self):
        """Of the record that is updated: as it is now, or as it was when the database was there."""
        with contextlib.suppress(grpc.RpcError):
            self.last_version = self.eldercare.get(self.updated, ["name"]).version
        return self.last_version

    def hear(self, error):
        self.codes[error.code().name] = self.codes.get(error.code().name, 0) + 1
        self.said.append((error.details() or "").encode())
        for key, value in [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]:
            self.said.append(key.encode() + b"=" + (value if isinstance(value, bytes) else value.encode()))

    def call(self, method, request, **options):
        """Statuses of items and receipts are searched; the values of a reveal are what the caller asked for."""
        try:
            reply = method(request, timeout=60, **options)
        except grpc.RpcError as error:
            self.hear(error)
            return None
        self.codes["OK"] = self.codes.get("OK", 0) + 1
        for result in getattr(reply, "results", ()):
            if hasattr(result, "status"):
                self.said.append(result.status.SerializeToString())
        for receipt in [*getattr(reply, "receipts", ()), *([reply.receipt] if hasattr(reply, "receipt") else ())]:
            self.said.append(receipt.SerializeToString())
        return reply

    def raw(self, app, path, body, **options):
        with contextlib.suppress(grpc.RpcError):
            try:
                app.channel.unary_unary(path, lambda b: b, lambda b: b)(body, timeout=60, **options)
            except grpc.RpcError as error:
                self.hear(error)
                raise


def resident(serial):
    plain = kit.residents(1, seed=3)[0]
    return {**plain, "id_number": id_number(serial), "birth_date": BIRTH, "name": f"{RARE}一"[: 3 + serial % 2], "former_name": f"丁{RARE}",
            "phone": f"{PHONE}{serial % 100:02}", "occupation": f"{RARE}{WORD}", "workplace": f"{WORD}{RARE}{serial}",
            "registered_address": f"{RARE}{WORD}{serial}", "residence_address": f"甲{RARE}乙{WORD}{serial}",
            "household_number": f"{PHONE}0"}


def fill(message, planter):
    """Every field of a message, down to its leaves, holds a mark."""
    for field in message.DESCRIPTOR.fields:
        repeated = field.label == field.LABEL_REPEATED
        if field.type == field.TYPE_MESSAGE:
            for part in ([getattr(message, field.name).add() for _ in range(2)] if repeated else [getattr(message, field.name)]):
                part.SetInParent()
                fill(part, planter)
        elif field.type in (field.TYPE_STRING, field.TYPE_BYTES):
            values = [planter.text(), f"{RARE}{planter.text()}"]
            values = [v.encode() for v in values] if field.type == field.TYPE_BYTES else values
            getattr(message, field.name).extend(values) if repeated else setattr(message, field.name, values[0])
        elif field.type != field.TYPE_BOOL and not repeated:
            setattr(message, field.name, int(PHONE))
    return message


def leaves(message, path=()):
    """(path of names and numbers, setter) of each text of a message."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        many = field.label == field.LABEL_REPEATED
        if field.type == field.TYPE_MESSAGE:
            for part in value if many else [value] if message.HasField(field.name) else []:
                yield from leaves(part)
        elif field.type == field.TYPE_STRING and many:
            for at in range(len(value)):
                yield lambda text, v=value, i=at: v.__setitem__(i, text)
        elif field.type == field.TYPE_STRING:
            yield lambda text, m=message, n=field.name: setattr(m, n, text)


def honest_calls_of_tokens(p, said, tokens, people):
    mask = FieldMask(paths=["name", "phone"])
    return [
        (p.eldercare, "Tokens/BatchInspect", tokens_pb2.BatchInspectRequest(context=said(p.eldercare), tokens=tokens[:2], want_receipt=True)),
        (p.eldercare, "Tokens/BatchTest", tokens_pb2.BatchTestRequest(
            context=said(p.eldercare), predicate="phone_is", items=[tokens_pb2.TestItem(token=tokens[0], value=people[0]["phone"])], want_receipt=True)),
        (p.eldercare, "Tokens/BatchRestore", tokens_pb2.BatchRestoreRequest(
            context=said(p.eldercare), field="id_number", values=[people[0]["id_number"]], want_receipt=True)),
        (p.eldercare, "Tokens/BatchCreateHandovers", tokens_pb2.BatchCreateHandoversRequest(
            context=said(p.eldercare), tokens=tokens[:2], basis="care-to-clinic", want_receipt=True)),
        (p.eldercare, "Tokens/BatchCreateVouchers", tokens_pb2.BatchCreateVouchersRequest(
            context=said(p.eldercare), tokens=tokens[:2], field_mask=mask, consumer="clinic", want_receipt=True)),
        (p.eldercare, "Tokens/BatchRedeemVouchers", tokens_pb2.BatchRedeemVouchersRequest(
            context=said(p.eldercare), vouchers=[p.voucher(tokens[0])], want_receipt=True)),
        (p.eldercare, "Tokens/BatchRevokeVouchers", tokens_pb2.BatchRevokeVouchersRequest(
            context=said(p.eldercare), vouchers=[p.voucher(tokens[1])], want_receipt=True))]


def honest_calls_of_records(p, said, tokens, people):
    mask, record = FieldMask(paths=["name", "phone"]), f"records/{tokens[0]}"
    conditions = [kit.where("phone", equals=[people[0]["phone"], people[1]["phone"]]), kit.where("name", part=people[0]["name"]),
                  kit.where("birth_date", low=BIRTH, high=BIRTH)]
    return [
        (p.eldercare, "Records/Get", records_pb2.GetRecordRequest(context=said(p.eldercare), name=record, field_mask=mask, want_receipt=True)),
        (p.population, "Records/Update", records_pb2.UpdateRecordRequest(
            context=said(p.population), name=f"records/{p.of_register}", version=p.version(), field_mask=FieldMask(paths=["workplace"]),
            values=[f"{RARE}{p.text()}"], want_receipt=True)),
        (p.eldercare, "Records/Export", records_pb2.ExportRequest(context=said(p.eldercare), name=record, want_receipt=True)),
        (p.eldercare, "Records/Search", records_pb2.SearchRequest(
            context=said(p.eldercare), conditions=conditions, minimum_matches=1, areas=[people[0]["residence_area"]], want_receipt=True)),
        (p.population, "Records/ListCorrections", records_pb2.ListCorrectionsRequest(context=said(p.population))),
        (p.population, "Records/BatchDecideCorrections", records_pb2.BatchDecideCorrectionsRequest(
            context=said(p.population), decisions=[records_pb2.Decision(name="corrections/999999")])),
        (p.officer, "Records/Browse", records_pb2.BrowseRequest(
            context=said(p.officer), collection="residents", area=people[0]["residence_area"], field_mask=mask, page_size=5)),
        (p.officer, "Audit/TraceToken", audit_pb2.TraceTokenRequest(context=said(p.officer), findings=[tokens[0], "rv1" + WORD], lines=5))]


def good_requests(p, tokens, people):
    """An honest request of every method, with the stub that takes it: (app, path, request)."""
    said = lambda app: common_pb2.RequestContext(purpose=app.purpose, ticket=f"{RARE} {p.text()}", request_id=p.text("r."))
    mask = FieldMask(paths=["name", "phone"])
    names = list(people[0])
    return [
        (p.population, "Records/BatchPut", records_pb2.BatchPutRequest(
            context=said(p.population), collection="residents", field_mask=FieldMask(paths=names), want_receipt=True,
            items=[records_pb2.ResidentInput(values=[one[n] for n in names]) for one in people[:2]])),
        (p.eldercare, "Tokens/BatchIssue", tokens_pb2.BatchIssueRequest(context=said(p.eldercare), values=[people[0]["id_number"], id_number(990)], want_receipt=True)),
        (p.eldercare, "Tokens/Reveal", tokens_pb2.RevealRequest(context=said(p.eldercare), token=tokens[0], field_mask=mask, want_receipt=True)),
        (p.eldercare, "Tokens/BatchReveal", tokens_pb2.BatchRevealRequest(context=said(p.eldercare), tokens=tokens[:3], field_mask=mask, want_receipt=True)),
        (p.eldercare, "Audit/GetCheckpoint", audit_pb2.GetCheckpointRequest(context=said(p.eldercare))),
        (p.eldercare, "Audit/GetProof", audit_pb2.GetProofRequest(context=said(p.eldercare), line=0, tree_size=1)),
        (p.eldercare, "Audit/GetEntries", audit_pb2.GetEntriesRequest(context=said(p.eldercare), count=5)),
        (p.officer, "Audit/Query", audit_pb2.QueryRequest(context=said(p.officer), page_size=5)),
        (p.eldercare, "Records/ListCollections", records_pb2.ListCollectionsRequest(context=said(p.eldercare))),
        *honest_calls_of_tokens(p, said, tokens, people), *honest_calls_of_records(p, said, tokens, people),
        (p.officer, "Keys/Status", keys_pb2.StatusRequest(context=said(p.officer))),
        (p.officer, "Control/GetDocument", control_pb2.GetDocumentRequest(context=said(p.officer), document="policy")),
        (p.officer, "Control/ListChanges", control_pb2.ListChangesRequest(context=said(p.officer), page_size=5)),
        (p.officer, "Approvals/List", control_pb2.ListApprovalsRequest(context=said(p.officer)))]


def control_requests(p):
    """Of the methods that an honest caller has no use for here: nothing is proposed, nobody is revoked."""
    context = common_pb2.RequestContext(purpose="control", ticket=f"{RARE} {p.text()}", request_id=p.text("r."))
    approval = "approvals/" + "0" * 32
    return [
        ("Tokens/BatchRedeemHandovers", tokens_pb2.BatchRedeemHandoversRequest(context=context, handovers=["rvh1" + "q" * 32])),
        ("Control/Revoke", control_pb2.RevokeRequest(context=context, person="nobody")),
        ("Control/Revoke", control_pb2.RevokeRequest(context=context, certificate="0" * 64)),
        ("Control/Revoke", control_pb2.RevokeRequest(context=context, assertion_key="civil-affairs/none")),
        ("Control/CheckDocument", control_pb2.CheckDocumentRequest(context=context, document="policy", content=b"{}")),
        ("Approvals/Propose", control_pb2.ProposeRequest(context=context, document="policy", content=b"{}", replaces="0" * 64)),
        ("Approvals/Get", control_pb2.GetApprovalRequest(context=context, name=approval)),
        ("Approvals/Approve", control_pb2.ApproveRequest(context=context, name=approval, digest="0" * 64)),
        ("Approvals/Reject", control_pb2.RejectRequest(context=context, name=approval))]


def keys_requests(p):
    """Of the life of keys and records: approvals, rings, jobs and tokens that there are not, so that nothing comes of any of them."""
    said = lambda app: common_pb2.RequestContext(purpose=app.purpose, ticket=f"{RARE} {p.text()}", request_id=p.text("r."))
    approval, ours = "approvals/" + "0" * 32, said(p.admin)
    root = keys_pb2.RootChoice(passphrase=f"{RARE} {p.text()}")
    documents = [keys_pb2.InitDocument(name=p.text(), content=f'{{"{RARE}": "{p.text()}"}}'.encode()), keys_pb2.InitDocument(name="schema", content=WORD.encode())]
    forged = [token_text(b"\0\0\1\0\1" + WORD.encode() * 2), "rv1" + (WORD * 5)[:40]]
    return [
        (p.eldercare, "Audit/VerifyRows", audit_pb2.VerifyRowsRequest(context=said(p.eldercare))),
        (p.eldercare, "Keys/Seal", keys_pb2.SealRequest(context=said(p.eldercare))),
        (p.population, "Records/Erase", records_pb2.EraseRequest(context=said(p.population), tokens=forged, want_receipt=True)),
        (p.admin, "Keys/Initialise", keys_pb2.InitRequest(context=ours, vault=p.text(), root=root, suite=p.text(), documents=documents)),
        (p.admin, "Keys/Unseal", keys_pb2.UnsealRequest(context=ours, share=p.text())),
        (p.admin, "Keys/Unseal", keys_pb2.UnsealRequest(context=ours, passphrase=f"{RARE} {p.text()}")),
        (p.admin, "Keys/Rekey", keys_pb2.RekeyRequest(context=ours, root=root, approval=approval)),
        (p.admin, "Keys/Rotate", keys_pb2.RotateRequest(context=ours, rings=[p.text(), f"term/{p.text()}"], suite="intl")),
        (p.admin, "Keys/Progress", keys_pb2.ProgressRequest(context=ours, name="jobs/999999")),
        (p.admin, "Keys/ChangeJob", keys_pb2.ChangeJobRequest(context=ours, name="jobs/999999", to="pause")),
        (p.admin, "Keys/Destroy", keys_pb2.DestroyRequest(context=ours, ring=f"term/{p.text()}", version=99, approval=approval)),
        (p.admin, "Keys/GetCertificate", keys_pb2.GetCertificateRequest(context=ours, ring=f"term/{p.text()}", version=99))]


def policies_requests(p):
    """Of drafts, cases, facts, tickets, consents, break-glass and packed requests: nothing that is tried comes into force."""
    said = lambda app: common_pb2.RequestContext(purpose=app.purpose, ticket=f"{RARE} {p.text()}", request_id=p.text("r."))
    emergency, approval = "emergencies/" + "0" * 32, "approvals/" + "0" * 32
    content = json.dumps({"rules": [{"id": p.text(), "ticket": [f"{p.text()}-#"], RARE: p.text()}]}).encode()
    drafts = [policy_pb2.Draft(document="policy", content=content), policy_pb2.Draft(document=p.text(), content=RARE.encode())]
    cases = json.dumps({"cases": [{"id": p.text(), "expect": RARE, "facts": {"ticket": f"{RARE}{p.text()}"}}]}).encode()
    there = policy_pb2.ResidentFacts(area=WORD, of_classes=[p.text()], not_of_classes=[p.text()], completes=[p.text()])
    facts = policy_pb2.Facts(consumer="eldercare", purpose="elder-care", action="reveal", fields=["name", "phone"], form="plain", person="grid-zhao",
                             ticket=f"{RARE} {p.text()}", resident=policy_pb2.ResidentFacts(area="320411"))
    packed = tokens_pb2.RevealRequest(context=said(p.eldercare), token="rv1" + (WORD * 5)[:40], field_mask=FieldMask(paths=[p.text()])).SerializeToString()
    one = lambda make, **more: make(context=said(p.officer), **more)
    return [
        (p.officer, "Policies/Explain", one(policy_pb2.ExplainRequest, facts=facts)),
        (p.officer, "Policies/Explain", one(policy_pb2.ExplainRequest, facts=policy_pb2.Facts(consumer=p.text(), purpose=p.text(), resident=there), drafts=drafts)),
        (p.officer, "Policies/Explain", one(policy_pb2.ExplainRequest, approval=approval)),
        (p.officer, "Policies/Test", one(policy_pb2.TestPolicyRequest, cases=cases)),
        (p.officer, "Policies/Test", one(policy_pb2.TestPolicyRequest, cases=cases, drafts=drafts)),
        (p.officer, "Policies/Diff", one(policy_pb2.DiffPolicyRequest, drafts=drafts)),
        (p.officer, "Policies/WhoCan", one(policy_pb2.WhoCanRequest, field="phone", form="plain", area="320411")),
        (p.officer, "Policies/WhatCan", one(policy_pb2.WhatCanRequest, consumer="eldercare")),
        (p.officer, "Policies/WhatCan", one(policy_pb2.WhatCanRequest, person="grid-zhao")),
        (p.officer, "Policies/Lint", one(policy_pb2.LintRequest, drafts=drafts)),
        (p.officer, "Policies/Simulate", one(policy_pb2.SimulateRequest, drafts=drafts, page_size=5)),
        (p.officer, "Policies/ListBudgets", one(policy_pb2.ListBudgetsRequest, page_size=5)),
        (p.officer, "Policies/RecountBudgets", one(policy_pb2.RecountBudgetsRequest)),
        (p.eldercare, "Consents/BatchRecord", policy_pb2.BatchRecordConsentsRequest(
            context=said(p.eldercare), items=[policy_pb2.ConsentInput(token="rv1" + (WORD * 5)[:40], granted=True)], want_receipt=True)),
        (p.eldercare, "Consents/BatchGet", policy_pb2.BatchGetConsentsRequest(context=said(p.eldercare), tokens=["rv1" + (WORD * 5)[:40]], want_receipt=True)),
        (p.eldercare, "Guardians/BatchRecord", residents_pb2.BatchRecordGuardiansRequest(
            context=said(p.eldercare), items=[residents_pb2.GuardianItem(token="rv1" + (WORD * 5)[:40], guardian_token=p.text("rv1"), kind=p.text())])),
        (p.eldercare, "Guardians/BatchGet", residents_pb2.BatchGetGuardiansRequest(context=said(p.eldercare), tokens=["rv1" + (WORD * 5)[:40]])),
        (p.eldercare, "Audit/AccessHistory", audit_pb2.AccessHistoryRequest(
            context=said(p.eldercare), token="rv1" + (WORD * 5)[:40], guardian_token=p.text("rv1"), page_token=p.text())),
        (p.eldercare, "Emergencies/Open", policy_pb2.OpenEmergencyRequest(context=said(p.eldercare), reason=f"{RARE} {p.text()}")),
        (p.officer, "Emergencies/List", one(policy_pb2.ListEmergenciesRequest)),
        (p.officer, "Leaks/Open", one(leaks_pb2.OpenLeakRequest, seen_time=Timestamp(seconds=int(time.time()) - 60), columns=["name", "token"],
                                      rows=[leaks_pb2.LeakRow(values=[f"{RARE}{p.text()}", WORD])])),
        (p.officer, "Leaks/List", one(leaks_pb2.ListLeaksRequest)),
        (p.officer, "Leaks/Close", one(leaks_pb2.CloseLeakRequest, name="leaks/" + "0" * 32)),
        (p.officer, "Leaks/ListAffected", one(leaks_pb2.ListAffectedRequest, leak=p.text("leaks/"), app=p.text(), purpose=p.text())),
        (p.officer, "Audit/Archive", one(audit_pb2.ArchiveRequest, before_time=Timestamp(seconds=1))),
        (p.officer, "Audit/ListArchives", one(audit_pb2.ListArchivesRequest)),
        (p.officer, "Audit/TraceLeak", one(audit_pb2.TraceLeakRequest, leak=p.text("leaks/"))),
        (p.officer, "Canaries/Create", one(residents_pb2.CreateCanariesRequest, collection=p.text(), area=p.text(), department=p.text(), person=p.text(), count=1)),
        (p.officer, "Canaries/Create", one(residents_pb2.CreateCanariesRequest, collection="residents", area="320411002003", department=p.text(), count=1)),
        (p.officer, "Canaries/List", one(residents_pb2.ListCanariesRequest, show_values=True, show_retired=True)),
        (p.officer, "Canaries/Retire", one(residents_pb2.RetireCanaryRequest, name=p.text("canaries/"))),
        (p.officer, "Audit/Report", one(audit_pb2.ReportRequest, start_time=Timestamp(seconds=1))),
        (p.officer, "Emergencies/Review", one(policy_pb2.ReviewEmergencyRequest, name=emergency, note=f"{RARE} {p.text()}")),
        (p.eldercare, "Approvals/RequestAccess", control_pb2.RequestAccessRequest(
            context=said(p.eldercare), method="/vault.v1.Tokens/Reveal", request=packed))]


def method_of(app, path):
    service, name = path.split("/")
    if service in ("Policies", "Consents", "Emergencies"):
        return getattr(getattr(policy_pb2_grpc, f"{service}Stub")(app.channel), name)
    if service in ("Guardians", "Canaries"):
        return getattr(getattr(residents_pb2_grpc, f"{service}Stub")(app.channel), name)
    if service == "Leaks":
        return getattr(leaks_pb2_grpc.LeaksStub(app.channel), name)
    return getattr({"Records": app.records, "Tokens": app.tokens, "Audit": app.audit, "Keys": app.keys, "Control": app.control,
                    "Approvals": app.approvals}[service], name)


def plant_values(p):
    people = [resident(n) for n in range(100, 140)]
    reply = p.population.put(people)
    bad = [(person["id_number"], r.status) for person, r in zip(people, reply.results) if r.status.code]
    assert not bad, bad[:2]
    tokens = [r.token for r in p.eldercare.issue([one["id_number"] for one in people]).results]
    p.updated, p.of_register = tokens[7], p.population.issue([people[7]["id_number"]]).results[0].token
    assert p.eldercare.reveal(tokens[5], ["name", "phone"], ticket=f"{RARE}{WORD}").values[1].text == people[5]["phone"]
    return people, tokens


def plant_fields(p, tokens, people):
    """Honest requests, wholly planted ones, and honest ones with one text planted, in several ways."""
    good, policies = good_requests(p, tokens, people), policies_requests(p)
    ways = (lambda: f"{p.text()}' OR 1=1 --%s%n", lambda: RARE + p.text(), p.text, lambda: p.text() * 40, lambda: f"{WORD}\n{WORD}\x07", lambda: f"{WORD}\0{RARE}")
    for app, path, request in good + [(p.officer, *one) for one in control_requests(p)] + keys_requests(p) + policies:
        method = method_of(app, path)
        p.paths.add(path)
        assert p.call(method, request) is not None or (app, path, request) not in good, path
        for other in (p.eldercare, p.population, *(() if path in STEWARDS_MAY else (p.officer, p.admin))):
            p.call(method_of(other, path), fill(type(request)(), p))
        for at in range(len(list(leaves(request)))):
            for way in ways[:2] if (app, path, request) in policies else ways:
                changed = type(request)()
                changed.CopyFrom(request)
                list(leaves(changed))[at](way())
                p.call(method, changed)


def plant_imports(p):
    """Rows that go in, rows that are refused, and every text of the messages planted; what comes back names rows, fields and reasons."""
    def call(messages):
        reply = p.call(lambda request, **options: p.population.records.Import(iter(request), **options), messages)
        p.said.append(reply.SerializeToString() if reply else b"")
        return reply

    people = [resident(n) for n in range(200, 220)]
    honest = lambda: list(p.population.import_messages(people, size=5, ticket=f"{RARE} {p.text()}", request_id=p.text("r.")))
    assert call(honest()).created == 20
    texts = [len(list(leaves(m))) for m in honest()[:2]]
    for number, count in enumerate(texts):
        for at in range(count):
            for planted in (p.text(), RARE + p.text(), p.text() * 40, f"{WORD}\0{RARE}"):
                messages = honest()
                list(leaves(messages[number]))[at](planted)
                call(messages)
    for _ in range(3):
        call([fill(records_pb2.ImportRequest(), p) for _ in range(2)])
        call([honest()[0], fill(records_pb2.ImportRequest(), p)])


def plant_bytes(p, tokens):
    """What no message can hold: broken UTF-8, unknown fields, metadata, paths, other services."""
    context = p.eldercare.context().SerializeToString()
    word = WORD.encode()
    for body in (b"\x12" + bytes([len(word) + 2]) + word + b"\xff\xfe", b"\xfa\x07" + bytes([len(word)]) + word, word, b"\x0a" + bytes([len(context)]) + context + word,
                 b"\x0a\x7f" + word):
        for path in ("Tokens/Reveal", "Tokens/BatchReveal", "Records/BatchPut", "Audit/Query"):
            p.raw(p.eldercare, "/vault.v1." + path, body)
    for path in (f"/vault.v1.Tokens/{WORD}", f"/{WORD}/Reveal", f"/{WORD}", f"/vault.v1.Tokens/Reveal/{WORD}", "/grpc.health.v1.Health/Check"):
        p.raw(p.eldercare, path, b"\x0a" + bytes([len(word)]) + word)
    request = tokens_pb2.RevealRequest(context=p.eldercare.context(), token=tokens[0], field_mask=FieldMask(paths=["name"]))
    for metadata in ([(f"x-{WORD}", "1"), ("x-other", WORD), (f"{WORD}-bin", word)], [("user-agent", WORD)], [("grpc-status-details-bin", word)],
                     [("authorization", f"Bearer {WORD}")], [("x-long", WORD * 3000)]):
        p.call(p.eldercare.tokens.Reveal, request, metadata=metadata)
    reflection = importlib.import_module("grpc.reflection.v1.reflection_pb2")
    stub = importlib.import_module("grpc.reflection.v1.reflection_pb2_grpc").ServerReflectionStub(p.city.vaultd.channel("eldercare"))
    asked = reflection.ServerReflectionRequest(host=WORD, file_containing_symbol=WORD)
    for answer in stub.ServerReflectionInfo(iter([asked]), timeout=60):  # echoes the question, as its standard has it
        p.said.append(answer.error_response.error_message.encode())


def plant_tokens(p, tokens):
    pseudonym = WORD.encode() * 2
    for text in (token_text(b"\0\0\1\0\1" + pseudonym), token_text(b"\xff" * 5 + pseudonym), "rv1" + (WORD * 5)[:40], WORD, tokens[0] + WORD, WORD + tokens[0]):
        p.call(p.eldercare.tokens.Reveal, tokens_pb2.RevealRequest(context=p.eldercare.context(), token=text, field_mask=FieldMask(paths=["name"])))
        p.call(p.officer.audit.Query, audit_pb2.QueryRequest(context=p.officer.context(), resident_token=text))


def plant_assertions(p, tokens):
    request = lambda a: tokens_pb2.RevealRequest(context=p.eldercare.context(assertion=a, ticket=p.text(RARE), request_id=p.text()), token=tokens[0],
                                                 field_mask=FieldMask(paths=["residence_address", "workplace"]), want_receipt=True)
    now = int(time.time())
    usual = {"iss": "civil-affairs", "aud": "resident-vault/test", "sub": "grid-zhao", "azp": "eldercare", "purpose": "elder-care", "iat": now, "exp": now + 300}
    make = lambda **claims: p.city.authority.assertion("civil-affairs", **{**usual, "jti": p.text(), **claims})
    good = make()
    assert p.call(p.eldercare.tokens.Reveal, request(good)) is not None
    for one in (good, make(sub=p.text()), make(iss=p.text()), make(aud=p.text()), make(purpose=p.text()), make(azp=p.text()), make(jti=WORD * 30), make(extra=WORD),
                make(exp=WORD), make(jti=RARE), f"{WORD}.{WORD}.{WORD}", good[:-3] + WORD, base64.urlsafe_b64encode(WORD.encode()).decode() + good, WORD * 500):
        p.call(p.eldercare.tokens.Reveal, request(one))
    return good


def plant_strangers(p):
    """Certificates, the metrics port, and rubbish on the port."""
    city = p.city
    city.authority.client(f"vault://dev/apps/{WORD}", WORD)
    city.authority.client(f"vault://dev/apps/{WORD}", f"{WORD}-foreign", "--foreign")
    for name in (WORD, f"{WORD}-foreign"):
        with city.vaultd.channel(name) as channel:
            app = kit.App(channel, "elder-care")
            p.call(app.audit.GetCheckpoint, audit_pb2.GetCheckpointRequest(context=app.context(ticket=WORD)))
    for path in (f"/{WORD}", f"/metrics?{WORD}={WORD}", f"/healthz?{WORD}"):
        p.said.append(attack.page(city.vaultd, path, headers=[("x-mark", WORD), ("host", WORD)])[1].encode())
    for body in (WORD.encode() * 100, f"GET /{WORD} HTTP/1.1\r\nHost: {WORD}\r\n\r\n".encode(), b"\x16\x03\x01\x00\x50" + WORD.encode() * 10):
        with socket.create_connection(("127.0.0.1", city.vaultd.port)) as connection:
            connection.sendall(body)


def plant_troubles(p, tokens, people):
    """The same once more while the database fails in several ways: error paths are where things leak."""
    sql = p.city.database.sql
    few = lambda: [p.call(method_of(app, path), request) for app, path, request in good_requests(p, tokens, people)]
    sql("alter table line add constraint blocked check (idx < 0) not valid")
    few()
    sql("alter table line drop constraint blocked")
    sql("alter table resident add constraint blocked check (id < 0) not valid")
    few()
    sql("alter table resident drop constraint blocked")
    sql("update resident set sealed = overlay(sealed placing '\\x00' from 20) where id = (select min(id) from resident)")
    few()
    p.city.database.stop("immediate")
    few()
    p.city.database.start()
    assert attack.wait_until(lambda: p.call(p.eldercare.tokens.Reveal, tokens_pb2.RevealRequest(
        context=p.eldercare.context(), token=tokens[9], field_mask=FieldMask(paths=["name"]))) is not None), (p.said[-4:], p.city.vaultd.process.poll(), attack.reports(p.city.vaultd))


@pytest.fixture(scope="module")
def planted():
    city = kit.City(RULES, pg=LOUD, log_level="debug")
    try:
        p = Planter(city)
        people, tokens = plant_values(p)
        plant_fields(p, tokens, people)
        plant_imports(p)
        plant_bytes(p, tokens)
        plant_tokens(p, tokens)
        assertion = plant_assertions(p, tokens)
        plant_strangers(p)
        plant_troubles(p, tokens, people)
        p.pages = [attack.page(city.vaultd, path)[1].encode() for path in ("/metrics", "/healthz", "/nothing")]
        city.database.sql("checkpoint")
        time.sleep(1.5)
        few = people[:4]  # a search for each of them takes its time
        p.searcher = Searcher(packed([int(one["phone"]) for one in few] + [int(one["id_number"][:17]) for one in few]) |
                              plain_hashes([one["id_number"] for one in few] + [few[0]["phone"]]) |
                              {t.encode()[11:37] for t in tokens[:4]} | {assertion.rsplit(".", 1)[1].encode()})
        p.people, p.tokens = people, tokens
        yield p
    finally:
        city.close()


# ---- searching ----


def test_the_search_finds_a_mark_in_each_of_its_forms(planted):
    for mark in MARKS.values():
        for shift in range(5):
            text = "x" * shift + mark + "yy"
            for written in (text.encode(), text.encode("utf-16-le"), text.encode().hex().encode(), base64.b64encode(text.encode()), json.dumps(text).encode()):
                assert planted.searcher.found(b"\0\1" + written + b"\xff"), (mark, shift, written)
    assert planted.searcher.found(hashlib.sha256(planted.people[3]["id_number"].encode()).digest())
    assert not planted.searcher.found(os.urandom(1 << 20))
    assert {"OK", "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE", "DATA_LOSS"} <= set(planted.codes) | {"DATA_LOSS"}, planted.codes
    assert sum(planted.codes.values()) > 300, planted.codes


def test_no_error_status_item_or_receipt_tells_what_was_asked(planted):
    assert len(planted.said) > 500
    told = [(text[:200], planted.searcher.found(text)) for text in planted.said]
    assert not [one for one in told if one[1]], [one for one in told if one[1]][:3]


def test_vaultds_log_holds_no_mark_even_at_its_loudest(planted):
    assert len(planted.city.vaultd.events()) > 5
    assert planted.searcher.in_file(planted.city.vaultd.log_path) == []


def test_metrics_and_health_hold_no_mark(planted):
    assert b"vault_calls_total" in planted.pages[0]
    assert planted.searcher.found(b"".join(planted.pages)) == []


def test_no_file_of_postgresql_holds_a_mark(planted):
    """Tables, indexes, WAL, statistics, and its log, in which every statement stands with its parameters."""
    folder = planted.city.database.folder
    files = [f for f in [*(folder / "data").resolve().rglob("*"), folder / "pg.log"] if f.is_file()]
    assert len(files) > 500 and any("pg_wal" in str(f) for f in files)
    assert b"INSERT INTO line" in (folder / "pg.log").read_bytes(), "the log is not as loud as it should be"
    found = [(str(f.relative_to(folder.resolve())) if f.is_relative_to(folder.resolve()) else str(f), hits) for f in files if (hits := planted.searcher.in_file(f))]
    assert found == []


def test_checkpoint_and_config_files_hold_no_mark(planted):
    folder = planted.city.folder
    files = [f for f in folder.rglob("*") if f.is_file() and "pg" not in f.relative_to(folder).parts and "ca" not in f.relative_to(folder).parts]
    assert {"vaultd0.checkpoint", "vaultd0.json", "root.key", "policy.json"} <= {f.name for f in files}
    assert [(f.name, hits) for f in files if (hits := planted.searcher.in_file(f))] == []


def test_every_method_is_planted(planted):
    """From the services' own descriptions, so that a new method cannot be forgotten; streams have their own planting."""
    services = [d.services_by_name.values() for d in (records_pb2.DESCRIPTOR, tokens_pb2.DESCRIPTOR, audit_pb2.DESCRIPTOR, keys_pb2.DESCRIPTOR,
                                                      control_pb2.DESCRIPTOR, policy_pb2.DESCRIPTOR)]
    methods = {f"{service.name}/{method.name}" for some in services for service in some for method in service.methods}
    assert methods - planted.paths == {"Records/Import"}
