"""Every RPC x role x area. The methods come from the server's own reflection: one without a row here fails the tests."""

import importlib

import grpc
import kit
import pytest
from google.protobuf import descriptor_pb2
from kit import FieldMask, audit_pb2, control_pb2, keys_pb2, records_pb2, tokens_pb2
from vault.v1 import leaks_pb2, policy_pb2, residents_pb2

reflection_pb2 = importlib.import_module("grpc.reflection.v1.reflection_pb2")
reflection_pb2_grpc = importlib.import_module("grpc.reflection.v1.reflection_pb2_grpc")

OK, DENIED, UNAUTHENTICATED = "OK", "PERMISSION_DENIED", "UNAUTHENTICATED"
NONE_FOUND = "OK, and nobody found"
NOT_ASKED = "not asked, because it would be done"
BASIS = "care-to-clinic"  # of tests/support/town: eldercare hands residents over to the clinic

# Who calls: certificate, purpose. An app is entitled for some methods and areas, another app for none of what it asks here.
ROLES = {
    "population": ("population", "population-register"),
    "eldercare": ("eldercare", "elder-care"),
    "clinic": ("clinic", "family-doctor"),          # one street only
    "borrower": ("clinic", "elder-care"),           # an app that names another's purpose
    "officer": ("officer-wang", "log-review"),
    "officer as app": ("officer-wang", "elder-care"),
    "administrator": ("admin-li", "log-review"),
    "former": ("former", "elder-care"),             # eldercare, by another good certificate than those that are registered
    "stranger": ("stranger", "elder-care"),         # a good certificate, but nobody that is registered
    "nameless": ("nameless", "elder-care"),         # a good certificate without a URI
}
NOBODY = {"stranger": UNAUTHENTICATED, "nameless": UNAUTHENTICATED, "former": UNAUTHENTICATED}
OFFICERS = {"officer": DENIED, "officer as app": DENIED, "administrator": DENIED}


def table(**row):
    """Outcome by role, and by area where a pair (inside the street, outside) is given."""
    return {**NOBODY, **OFFICERS, **{name.replace("_", " "): outcome for name, outcome in row.items()}}


ANYONE = {role: OK for role in ROLES} | NOBODY
APPS = {role: DENIED for role in ("population", "eldercare", "clinic", "borrower")}
STEWARDS = {**NOBODY, **APPS, "officer": OK, "officer as app": OK, "administrator": OK}
# Past the gate, and then: nobody's approval, or what is revoked or refused for want of it.
NONE_THERE = {role: "NOT_FOUND" if outcome == OK else outcome for role, outcome in STEWARDS.items()}
ADMINISTRATOR = {**STEWARDS, "officer": DENIED, "officer as app": DENIED}
OFFICER = {**STEWARDS, "administrator": DENIED}
EXPECTED = {
    "/vault.v1.Policies/Explain": ANYONE | {"population": DENIED, "clinic": DENIED, "borrower": DENIED},
    **{f"/vault.v1.Policies/{name}": STEWARDS for name in ("Diff", "WhoCan", "WhatCan", "Lint", "ListBudgets")},
    "/vault.v1.Policies/Test": STEWARDS,
    "/vault.v1.Policies/Simulate": OFFICER,
    "/vault.v1.Policies/RecountBudgets": OFFICER,
    "/vault.v1.Consents/BatchRecord": table(population=DENIED, eldercare=OK, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Consents/BatchGet": table(population=DENIED, eldercare=OK, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Guardians/BatchRecord": table(population=DENIED, eldercare="FAILED_PRECONDITION", clinic=DENIED, borrower=DENIED),  # one's own
    "/vault.v1.Guardians/BatchGet": table(population=DENIED, eldercare=OK, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Audit/AccessHistory": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Approvals/RequestAccess": {**{app: "INVALID_ARGUMENT" for app in APPS}, **NOBODY, **OFFICERS},  # a method that nobody knows
    "/vault.v1.Emergencies/Open": {**NOBODY, **APPS, **OFFICERS},  # no rule of break-glass
    "/vault.v1.Emergencies/List": STEWARDS,
    "/vault.v1.Leaks/Open": {role: "INVALID_ARGUMENT" if outcome == OK else outcome for role, outcome in OFFICER.items()},  # no list
    "/vault.v1.Leaks/List": OFFICER,
    **{f"/vault.v1.{name}": NONE_THERE | {"administrator": DENIED} for name in ("Leaks/Close", "Leaks/ListAffected", "Audit/TraceLeak")},
    "/vault.v1.Emergencies/Review": NONE_THERE | {"administrator": DENIED},
    "/vault.v1.Canaries/Create": {role: "INVALID_ARGUMENT" if outcome == OK else outcome for role, outcome in OFFICER.items()},  # of no collection
    "/vault.v1.Canaries/List": OFFICER,
    "/vault.v1.Canaries/Retire": NONE_THERE | {"administrator": DENIED},
    "/vault.v1.Audit/Report": STEWARDS,
    "/vault.v1.Audit/Archive": {role: "INVALID_ARGUMENT" if outcome == OK else outcome for role, outcome in OFFICER.items()},  # before no time
    "/vault.v1.Audit/ListArchives": STEWARDS,
    "/vault.v1.Records/BatchPut": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Records/Import": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Records/ListCollections": ANYONE,
    "/vault.v1.Tokens/BatchIssue": table(population=OK, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/Reveal": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchReveal": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchInspect": table(population=OK, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchTest": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchRestore": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Tokens/BatchCreateHandovers": table(population=DENIED, eldercare=OK, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Tokens/BatchRedeemHandovers": table(population=DENIED, eldercare=DENIED, clinic=OK, borrower=DENIED),
    "/vault.v1.Tokens/BatchCreateVouchers": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchRedeemVouchers": table(population=DENIED, eldercare=DENIED, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Tokens/BatchRevokeVouchers": table(population=DENIED, eldercare=OK, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Records/Get": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Records/Update": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Records/Export": table(population=DENIED, eldercare=OK, clinic=(OK, DENIED), borrower=DENIED),
    "/vault.v1.Records/Search": table(population=DENIED, eldercare=OK, clinic=(OK, NONE_FOUND), borrower=DENIED),
    "/vault.v1.Records/Browse": STEWARDS,
    "/vault.v1.Records/ListCorrections": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Records/BatchDecideCorrections": table(population="NOT_FOUND", eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    "/vault.v1.Audit/TraceToken": table(population=DENIED, eldercare=DENIED, clinic=DENIED, borrower=DENIED, officer=OK, officer_as_app=OK),
    "/vault.v1.Audit/GetCheckpoint": ANYONE,
    "/vault.v1.Audit/GetProof": ANYONE,
    "/vault.v1.Audit/GetEntries": ANYONE,
    "/vault.v1.Audit/Query": table(population=DENIED, eldercare=DENIED, clinic=DENIED, borrower=DENIED, officer=OK, officer_as_app=OK),
    "/vault.v1.Keys/Status": table(population=DENIED, eldercare=DENIED, clinic=DENIED, borrower=DENIED, officer=OK, officer_as_app=OK,
                                   administrator=OK),
    "/vault.v1.Control/GetDocument": STEWARDS,
    "/vault.v1.Control/CheckDocument": STEWARDS,
    "/vault.v1.Control/ListChanges": STEWARDS,
    "/vault.v1.Control/Revoke": NONE_THERE,
    "/vault.v1.Approvals/Propose": {role: "ABORTED" if outcome == OK else outcome for role, outcome in STEWARDS.items()},
    "/vault.v1.Approvals/List": STEWARDS,
    "/vault.v1.Approvals/Get": NONE_THERE,
    "/vault.v1.Approvals/Approve": NONE_THERE | {"administrator": DENIED},
    "/vault.v1.Approvals/Reject": NONE_THERE,
    "/vault.v1.Audit/VerifyRows": STEWARDS,
    "/vault.v1.Records/Erase": table(population=OK, eldercare=DENIED, clinic=DENIED, borrower=DENIED),
    # Past the gate: nothing that is malformed, or not there, or is so already.
    "/vault.v1.Keys/Initialise": {role: "FAILED_PRECONDITION" if outcome == OK else outcome for role, outcome in STEWARDS.items()},
    "/vault.v1.Keys/Unseal": {role: "FAILED_PRECONDITION" if outcome == OK else outcome for role, outcome in STEWARDS.items()},
    "/vault.v1.Keys/Seal": {role: NOT_ASKED if outcome == OK else outcome for role, outcome in STEWARDS.items()},
    "/vault.v1.Keys/Rekey": ADMINISTRATOR | {"administrator": "INVALID_ARGUMENT"},
    "/vault.v1.Keys/Rotate": ADMINISTRATOR | {"administrator": "INVALID_ARGUMENT"},
    "/vault.v1.Keys/Progress": STEWARDS,
    "/vault.v1.Keys/ChangeJob": ADMINISTRATOR | {"administrator": "NOT_FOUND"},
    "/vault.v1.Keys/Destroy": ADMINISTRATOR | {"administrator": "INVALID_ARGUMENT"},
    "/vault.v1.Keys/GetCertificate": NONE_THERE,
}
NO_APPROVAL = "approvals/" + "0" * 32


class Subject:
    """A resident of an area, with the tokens that each role would show for them; and what apps have made of it."""

    def __init__(self, person, tokens, apps, spare):
        self.person, self.tokens, self.apps, self.spare = person, tokens, apps, spare

    def spare_token(self, role):
        """Of whoever may erase: a token of somebody else, who is put anew first."""
        if role != "population":
            return self.tokens[role]
        self.apps["population"].put([self.spare])
        return self.apps["population"].issue([self.spare["id_number"]]).results[0].token

    def handover(self):
        return self.apps["eldercare"].hand_over([self.tokens["eldercare"]], BASIS).results[0].handover

    def voucher(self):
        return self.apps["eldercare"].make_vouchers([self.tokens["eldercare"]], ["name"], consumer="clinic").results[0].voucher

    def number(self):
        """Of the register's domain: another valid number."""
        return self.apps["population"].reveal(self.tokens["population"], ["id_number"], form=tokens_pb2.FORM_TOKEN).values[0].text

    def version(self):
        return self.apps["eldercare"].get(self.tokens["eldercare"], ["name"]).version


REQUESTS = {
    "/vault.v1.Policies/Explain": lambda app, s, role: policy_pb2.ExplainRequest(
        context=app.context(), facts=policy_pb2.Facts(consumer="eldercare", purpose="elder-care", action="reveal", fields=["name"])),
    "/vault.v1.Policies/Test": lambda app, s, role: policy_pb2.TestPolicyRequest(context=app.context(), cases=b'{"cases": []}'),
    "/vault.v1.Policies/Diff": lambda app, s, role: policy_pb2.DiffPolicyRequest(context=app.context(), version=1),
    "/vault.v1.Policies/WhoCan": lambda app, s, role: policy_pb2.WhoCanRequest(context=app.context(), field="name"),
    "/vault.v1.Policies/WhatCan": lambda app, s, role: policy_pb2.WhatCanRequest(context=app.context(), consumer="eldercare"),
    "/vault.v1.Policies/Lint": lambda app, s, role: policy_pb2.LintRequest(context=app.context()),
    "/vault.v1.Policies/Simulate": lambda app, s, role: policy_pb2.SimulateRequest(context=app.context()),
    "/vault.v1.Policies/ListBudgets": lambda app, s, role: policy_pb2.ListBudgetsRequest(context=app.context()),
    "/vault.v1.Policies/RecountBudgets": lambda app, s, role: policy_pb2.RecountBudgetsRequest(context=app.context()),
    "/vault.v1.Consents/BatchRecord": lambda app, s, role: policy_pb2.BatchRecordConsentsRequest(
        context=app.context(), items=[policy_pb2.ConsentInput(token=s.tokens[role], granted=True)]),
    "/vault.v1.Consents/BatchGet": lambda app, s, role: policy_pb2.BatchGetConsentsRequest(context=app.context(), tokens=[s.tokens[role]]),
    "/vault.v1.Guardians/BatchRecord": lambda app, s, role: residents_pb2.BatchRecordGuardiansRequest(
        context=app.context(), items=[residents_pb2.GuardianItem(token=s.tokens[role], guardian_token=s.tokens[role], kind="court")]),
    "/vault.v1.Guardians/BatchGet": lambda app, s, role: residents_pb2.BatchGetGuardiansRequest(context=app.context(), tokens=[s.tokens[role]]),
    "/vault.v1.Audit/AccessHistory": lambda app, s, role: audit_pb2.AccessHistoryRequest(context=app.context(), token=s.tokens[role]),
    "/vault.v1.Approvals/RequestAccess": lambda app, s, role: control_pb2.RequestAccessRequest(context=app.context(), method="/vault.v1.Nothing/Nothing"),
    "/vault.v1.Emergencies/Open": lambda app, s, role: policy_pb2.OpenEmergencyRequest(context=app.context(), reason="a fire, and somebody is missing"),
    "/vault.v1.Leaks/Open": lambda app, s, role: leaks_pb2.OpenLeakRequest(context=app.context()),
    "/vault.v1.Leaks/List": lambda app, s, role: leaks_pb2.ListLeaksRequest(context=app.context()),
    "/vault.v1.Leaks/Close": lambda app, s, role: leaks_pb2.CloseLeakRequest(context=app.context(), name="leaks/" + "0" * 32),
    "/vault.v1.Leaks/ListAffected": lambda app, s, role: leaks_pb2.ListAffectedRequest(
        context=app.context(), leak="leaks/" + "0" * 32, app="eldercare", purpose="elder-care"),
    "/vault.v1.Audit/TraceLeak": lambda app, s, role: audit_pb2.TraceLeakRequest(context=app.context(), leak="leaks/" + "0" * 32),
    "/vault.v1.Canaries/Create": lambda app, s, role: residents_pb2.CreateCanariesRequest(context=app.context()),
    "/vault.v1.Canaries/List": lambda app, s, role: residents_pb2.ListCanariesRequest(context=app.context()),
    "/vault.v1.Canaries/Retire": lambda app, s, role: residents_pb2.RetireCanaryRequest(context=app.context(), name="canaries/" + "0" * 32),
    "/vault.v1.Audit/Report": lambda app, s, role: audit_pb2.ReportRequest(context=app.context()),
    "/vault.v1.Audit/Archive": lambda app, s, role: audit_pb2.ArchiveRequest(context=app.context()),
    "/vault.v1.Audit/ListArchives": lambda app, s, role: audit_pb2.ListArchivesRequest(context=app.context()),
    "/vault.v1.Emergencies/List": lambda app, s, role: policy_pb2.ListEmergenciesRequest(context=app.context()),
    "/vault.v1.Emergencies/Review": lambda app, s, role: policy_pb2.ReviewEmergencyRequest(
        context=app.context(), name="emergencies/" + "0" * 32, justified=True, note="looked at"),
    "/vault.v1.Records/BatchPut": lambda app, s, role: records_pb2.BatchPutRequest(
        context=app.context(), collection="residents", field_mask=FieldMask(paths=["id_number", "residence_area"]),
        items=[records_pb2.ResidentInput(values=[s.person["id_number"], s.person["residence_area"]])]),
    "/vault.v1.Records/Import": lambda app, s, role: list(app.import_messages([s.person], names=["id_number", "residence_area"])),
    "/vault.v1.Records/ListCollections": lambda app, s, role: records_pb2.ListCollectionsRequest(context=app.context()),
    "/vault.v1.Tokens/BatchIssue": lambda app, s, role: tokens_pb2.BatchIssueRequest(context=app.context(), values=[s.person["id_number"]]),
    "/vault.v1.Tokens/Reveal": lambda app, s, role: tokens_pb2.RevealRequest(
        context=app.context(), token=s.tokens[role], field_mask=FieldMask(paths=["name"])),
    "/vault.v1.Tokens/BatchReveal": lambda app, s, role: tokens_pb2.BatchRevealRequest(
        context=app.context(), tokens=[s.tokens[role]], field_mask=FieldMask(paths=["name"])),
    "/vault.v1.Tokens/BatchInspect": lambda app, s, role: tokens_pb2.BatchInspectRequest(context=app.context(), tokens=[s.tokens[role]]),
    "/vault.v1.Tokens/BatchTest": lambda app, s, role: tokens_pb2.BatchTestRequest(
        context=app.context(), predicate="age_60", items=[tokens_pb2.TestItem(token=s.tokens[role])]),
    "/vault.v1.Tokens/BatchRestore": lambda app, s, role: tokens_pb2.BatchRestoreRequest(context=app.context(), field="id_number", values=[s.number()]),
    "/vault.v1.Tokens/BatchCreateHandovers": lambda app, s, role: tokens_pb2.BatchCreateHandoversRequest(
        context=app.context(), tokens=[s.tokens[role]], basis=BASIS),
    "/vault.v1.Tokens/BatchRedeemHandovers": lambda app, s, role: tokens_pb2.BatchRedeemHandoversRequest(
        context=app.context(), handovers=[s.handover()]),
    "/vault.v1.Tokens/BatchCreateVouchers": lambda app, s, role: tokens_pb2.BatchCreateVouchersRequest(
        context=app.context(), tokens=[s.tokens[role]], field_mask=FieldMask(paths=["name"])),
    "/vault.v1.Tokens/BatchRedeemVouchers": lambda app, s, role: tokens_pb2.BatchRedeemVouchersRequest(context=app.context(), vouchers=[s.voucher()]),
    "/vault.v1.Tokens/BatchRevokeVouchers": lambda app, s, role: tokens_pb2.BatchRevokeVouchersRequest(context=app.context(), vouchers=[s.voucher()]),
    "/vault.v1.Records/Get": lambda app, s, role: records_pb2.GetRecordRequest(
        context=app.context(), name=f"records/{s.tokens[role]}", field_mask=FieldMask(paths=["name"])),
    "/vault.v1.Records/Update": lambda app, s, role: records_pb2.UpdateRecordRequest(
        context=app.context(), name=f"records/{s.tokens[role]}", version=s.version(), field_mask=FieldMask(paths=["workplace"]), values=["新厂"]),
    "/vault.v1.Records/Export": lambda app, s, role: records_pb2.ExportRequest(context=app.context(), name=f"records/{s.tokens[role]}"),
    "/vault.v1.Records/Search": lambda app, s, role: records_pb2.SearchRequest(
        context=app.context(), conditions=[kit.where("name", equals=s.person["name"])], areas=[s.person["residence_area"]]),
    "/vault.v1.Records/Browse": lambda app, s, role: records_pb2.BrowseRequest(
        context=app.context(), collection="residents", area=s.person["residence_area"], field_mask=FieldMask(paths=["name"])),
    "/vault.v1.Records/ListCorrections": lambda app, s, role: records_pb2.ListCorrectionsRequest(context=app.context()),
    "/vault.v1.Records/BatchDecideCorrections": lambda app, s, role: records_pb2.BatchDecideCorrectionsRequest(
        context=app.context(), decisions=[records_pb2.Decision(name="corrections/999999", accept=True)]),
    "/vault.v1.Audit/TraceToken": lambda app, s, role: audit_pb2.TraceTokenRequest(context=app.context(), findings=[s.tokens[role]]),
    "/vault.v1.Audit/GetCheckpoint": lambda app, s, role: audit_pb2.GetCheckpointRequest(context=app.context()),
    "/vault.v1.Audit/GetProof": lambda app, s, role: audit_pb2.GetProofRequest(context=app.context(), line=0),
    "/vault.v1.Audit/GetEntries": lambda app, s, role: audit_pb2.GetEntriesRequest(context=app.context(), count=5),
    "/vault.v1.Audit/Query": lambda app, s, role: audit_pb2.QueryRequest(context=app.context(), page_size=1),
    "/vault.v1.Keys/Status": lambda app, s, role: keys_pb2.StatusRequest(context=app.context()),
    "/vault.v1.Control/GetDocument": lambda app, s, role: control_pb2.GetDocumentRequest(context=app.context(), document="policy"),
    "/vault.v1.Control/CheckDocument": lambda app, s, role: control_pb2.CheckDocumentRequest(
        context=app.context(), document="policy", content=b'{"rules": []}'),
    "/vault.v1.Control/ListChanges": lambda app, s, role: control_pb2.ListChangesRequest(context=app.context(), page_size=1),
    "/vault.v1.Control/Revoke": lambda app, s, role: control_pb2.RevokeRequest(context=app.context(), certificate="0" * 64),
    "/vault.v1.Approvals/Propose": lambda app, s, role: control_pb2.ProposeRequest(
        context=app.context(), document="sharing", content=b'{"bases": []}', replaces="0" * 64),
    "/vault.v1.Approvals/List": lambda app, s, role: control_pb2.ListApprovalsRequest(context=app.context()),
    "/vault.v1.Approvals/Get": lambda app, s, role: control_pb2.GetApprovalRequest(context=app.context(), name=NO_APPROVAL),
    "/vault.v1.Approvals/Approve": lambda app, s, role: control_pb2.ApproveRequest(context=app.context(), name=NO_APPROVAL, digest="0" * 64),
    "/vault.v1.Approvals/Reject": lambda app, s, role: control_pb2.RejectRequest(context=app.context(), name=NO_APPROVAL),
    "/vault.v1.Audit/VerifyRows": lambda app, s, role: audit_pb2.VerifyRowsRequest(context=app.context()),
    "/vault.v1.Records/Erase": lambda app, s, role: records_pb2.EraseRequest(context=app.context(), tokens=[s.spare_token(role)]),
    "/vault.v1.Keys/Initialise": lambda app, s, role: keys_pb2.InitRequest(context=app.context()),
    "/vault.v1.Keys/Unseal": lambda app, s, role: keys_pb2.UnsealRequest(context=app.context()),
    "/vault.v1.Keys/Seal": lambda app, s, role: keys_pb2.SealRequest(context=app.context()),
    "/vault.v1.Keys/Rekey": lambda app, s, role: keys_pb2.RekeyRequest(context=app.context()),
    "/vault.v1.Keys/Rotate": lambda app, s, role: keys_pb2.RotateRequest(context=app.context()),
    "/vault.v1.Keys/Progress": lambda app, s, role: keys_pb2.ProgressRequest(context=app.context()),
    "/vault.v1.Keys/ChangeJob": lambda app, s, role: keys_pb2.ChangeJobRequest(context=app.context(), name="jobs/999999", to="pause"),
    "/vault.v1.Keys/Destroy": lambda app, s, role: keys_pb2.DestroyRequest(context=app.context(), ring="record", version=99),
    "/vault.v1.Keys/GetCertificate": lambda app, s, role: keys_pb2.GetCertificateRequest(context=app.context(), ring="record", version=99),
}


def reflected(channel):
    """Full method name -> name of the reply's type, of all services of the vault, as the server describes itself."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = lambda **what: next(iter(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**what)]), timeout=60)))
    methods = {}
    for service in ask(list_services="").list_services_response.service:
        files = ask(file_containing_symbol=service.name).file_descriptor_response.file_descriptor_proto
        for raw in files:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            for s in file.service:
                if f"{file.package}.{s.name}" == service.name and file.package.startswith("vault."):
                    methods.update({f"/{service.name}/{m.name}": m.output_type.rsplit(".", 1)[-1] for m in s.method})
    return methods


@pytest.fixture(scope="module")
def apps(city):
    city.authority.client("vault://dev/apps/stranger", "stranger")
    city.authority.client("", "nameless", "--no-uri")
    city.authority.client("vault://dev/apps/eldercare", "former")
    return {role: city.vaultd.app(*who) for role, who in ROLES.items()}


@pytest.fixture(scope="module")
def methods(apps):
    found = reflected(apps["officer"].channel)
    assert len(found) >= 8
    return found


@pytest.fixture(scope="module")
def subjects(apps, people):
    """One resident inside the clinic's street, one outside. Where a role has no token of its own, it shows a stolen one."""
    out = []
    for person, spare in zip((people[20], people[220]), kit.residents(2, seed=77)):
        spare["residence_area"] = person["residence_area"]
        own = {role: apps[role].issue([person["id_number"]]).results[0].token for role in ("population", "eldercare", "clinic")}
        stolen = own["eldercare"]
        out.append(Subject(person, {role: own.get(role) or stolen for role in ROLES}, apps, spare))
    return out


def outcome(app, method, reply_type, request):
    """OK, or the status of the call, or that of its only item."""
    module = next(m for m in (audit_pb2, control_pb2, keys_pb2, policy_pb2, records_pb2, tokens_pb2, residents_pb2, leaks_pb2) if hasattr(m, reply_type))
    parts = lambda m: m.SerializeToString(), getattr(module, reply_type).FromString
    try:
        if isinstance(request, list):
            reply = app.channel.stream_unary(method, *parts)(iter(request), timeout=60)
            return reply.reports[0].fields[0].reason if reply.rejected else OK
        reply = app.channel.unary_unary(method, *parts)(request, timeout=60)
    except grpc.RpcError as error:
        return error.code().name
    if isinstance(reply, records_pb2.SearchResponse):
        return OK if reply.results else NONE_FOUND
    statuses = [] if isinstance(reply, (audit_pb2.TraceTokenResponse, policy_pb2.TestPolicyResponse)) else [r.status.code for r in getattr(reply, "results", [])]
    if isinstance(reply, records_pb2.UpdateRecordResponse):
        statuses = [reply.result.status.code]
    return next(c.name for c in grpc.StatusCode if c.value[0] == statuses[0]) if any(statuses) else OK


def test_every_method_has_its_row_and_every_row_its_method(methods):
    assert set(methods) == set(EXPECTED) == set(REQUESTS)
    assert all(set(row) == set(ROLES) for row in EXPECTED.values())


def test_every_method_answers_every_role_in_every_area_as_its_row_says(methods, apps, subjects):
    wrong = []
    for method, reply_type in sorted(methods.items()):
        for role, app in apps.items():
            for area, subject in enumerate(subjects):
                wanted = EXPECTED[method][role]
                wanted = wanted[area] if isinstance(wanted, tuple) else wanted
                if wanted == NOT_ASKED:
                    continue
                got = outcome(app, method, reply_type, REQUESTS[method](app, subject, role))
                if got != wanted:
                    wrong.append(f"{method} by {role} in area {area}: {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)


def test_no_method_answers_without_a_context(methods, apps):
    for method in methods:
        for role in ("population", "eldercare", "officer"):
            call = apps[role].channel.unary_unary(method, lambda b: b, lambda b: b)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=60)
            assert refused.value.code().name == "INVALID_ARGUMENT", method


def test_every_refusal_of_a_known_caller_is_a_line_of_the_log(apps, subjects, officer):
    app = apps["borrower"]
    request = REQUESTS["/vault.v1.Tokens/Reveal"](app, subjects[0], "borrower")
    assert outcome(app, "/vault.v1.Tokens/Reveal", "RevealResponse", request) == DENIED
    lines, token = [], ""
    while True:
        page = officer.audit.Query(audit_pb2.QueryRequest(context=officer.context(), page_size=1000, page_token=token))
        lines += page.lines
        token = page.next_page_token
        if not token:
            break
    mine = [line for line in lines if request.context.request_id in line.officer_view]
    assert len(mine) == 1 and mine[0].outcome == "refused" and mine[0].action == "reveal"


def test_nobody_is_put_into_an_area_that_is_not_the_callers(apps, people):
    moved = {"id_number": people[30]["id_number"], "residence_area": "110101001001"}
    assert apps["population"].put([moved]).results[0].status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
