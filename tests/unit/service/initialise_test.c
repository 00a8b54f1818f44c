/* A vault that is made over the wire, in an empty database, from documents. */
#include "tests/unit/service/lines.h"
#include "tests/unit/service/sealed.h"

__attribute__((constructor)) static void choose_shares(void)
{
    fixture_seal = given_shares;
}

enum { NAMES = 7, TEXT_MOST = 1 << 20 };
static const char *const names[NAMES] = {"schema", "principals", "persons", "purposes",
                                         "policy", "sharing",    "browsing"};
static bytes texts[NAMES];
static node empty;

/* The documents of the fixture's vault, which then makes way for another one. */
static void given_empty(void)
{
    static arena *kept;
    vault_error err = {0};
    if (kept) return;
    kept = arena_new((size_t)NAMES * TEXT_MOST);
    for (size_t i = 0; i < NAMES; i++) {
        const Vault__V1__GetDocumentResponse *now = standing(names[i]);
        texts[i] = arena_copy(kept, bytes_of(now->content.data, now->content.len));
    }
    expect_outcome(seal_vault(NULL, OFFICER), VAULT_OK, NULL);
    pg_empty();
    service_options o = {.database = pg_conninfo(), .keeping = {.source = ROOT_SHARES}};
    fixture_path(empty.checkpoint, sizeof empty.checkpoint, "empty");
    o.checkpoint_file = empty.checkpoint;
    expect_ok(service_open(&empty.service, &o, &err), &err);
    expect_ok(session_open(&empty.session, empty.service, &err), &err);
}

static Vault__V1__InitRequest *init_request(void)
{
    NEW_REQUEST(in, Vault__V1__InitRequest, vault__v1__init_request__init);
    NEW_REQUEST(how, Vault__V1__RootChoice, vault__v1__root_choice__init);
    NEW_REQUEST(many, Vault__V1__ShareChoice, vault__v1__share_choice__init);
    many->threshold = GIVEN_THRESHOLD;
    many->shares = GIVEN_SHARES;
    how->how_case = VAULT__V1__ROOT_CHOICE__HOW_SHARES;
    how->shares = many;
    in->vault = lend("resident-vault/fresh");
    in->root = how;
    in->documents = arena_array(fixture_memory(), NAMES + 1, sizeof *in->documents);
    for (size_t i = 0; i < NAMES; i++) {
        NEW_REQUEST(one, Vault__V1__InitDocument, vault__v1__init_document__init);
        one->name = lend(names[i]);
        one->content = (ProtobufCBinaryData){.len = texts[i].len, .data = (uint8_t *)(uintptr_t)texts[i].at};
        in->documents[in->n_documents++] = one;
    }
    return in;
}

static request *initialise(Vault__V1__InitRequest *in)
{
    return keys_call(empty.session, ADMINISTRATOR, "Initialise", &in->base);
}

static void expect_refused(Vault__V1__InitRequest *in, const char *reason, const char *field)
{
    request *rq = initialise(in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, field);
    assert_false(status_of(empty.session, ADMINISTRATOR)->initialised);
}

TEST("a node without a vault says so, and answers nothing else")
{
    given_empty();
    const Vault__V1__StatusResponse *now = status_of(empty.session, "vault://nobody");
    assert_true(now->sealed && !now->initialised);
    expect_outcome(unseal_with(empty.session, OFFICER, given_share[0]), VAULT_PRECONDITION, "NOT_INITIALISED");
    expect_outcome(get_document(empty.session, OFFICER, "policy", 0), VAULT_UNAVAILABLE, "SEALED");
    assert_false(service_healthy(empty.service));
    fixture_reset();
}

TEST("a vault is not made of documents that are missing, doubled, unknown or wrong, nor with a name that is none")
{
    given_empty();
    Vault__V1__InitRequest *in = init_request();
    in->n_documents--;
    expect_refused(in, "DOCUMENT_MISSING", "documents");
    in = init_request();
    in->documents[in->n_documents++] = in->documents[2];
    expect_refused(in, "DOCUMENT_TWICE", "documents[7]");
    in = init_request();
    in->documents[3]->name = lend("domains");
    expect_refused(in, "DOCUMENT_UNKNOWN", "documents[3]");
    in = init_request();
    in->documents[4]->content.len -= 2;
    expect_refused(in, "DOCUMENT_INVALID", "policy");
    in = init_request();
    in->vault = lend("Resident Vault");
    expect_refused(in, "BAD_NAME", "vault");
    in = init_request();
    in->suite = lend("des");
    expect_refused(in, "SUITE_UNKNOWN", "suite");
    in = init_request();
    in->root = NULL;
    expect_refused(in, "ROOT_CHOICE", "root");
    fixture_reset();
}

TEST(
    "shares and the log's key are told once; the shares open the vault, and the first lines say who made and opened it")
{
    given_empty();
    Vault__V1__InitRequest *in = init_request();
    in->suite = lend("gm");
    request *rq = initialise(in);
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__InitResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_shares, GIVEN_SHARES);
    assert_non_null(strstr(out->verifier_key, "resident-vault/fresh"));
    expect_outcome(initialise(init_request()), VAULT_PRECONDITION, "INITIALISED");
    const Vault__V1__StatusResponse *now = status_of(empty.session, OFFICER);
    assert_true(now->sealed && now->initialised);
    assert_int_equal(now->threshold, GIVEN_THRESHOLD);
    for (size_t i = 1; i < GIVEN_SHARES; i++)
        expect_outcome(unseal_with(empty.session, ADMINISTRATOR, out->shares[i]), VAULT_OK, NULL);
    now = status_of(empty.session, OFFICER);
    assert_false(now->sealed);
    for (size_t i = 0; i < now->n_rings; i++) assert_string_equal(now->rings[i]->suite, "gm");
    NEW_REQUEST(query, Vault__V1__QueryRequest, vault__v1__query_request__init);
    query->page_size = 100;
    rq = ask(&(asked){.path = "/vault.v1.Audit/Query",
                      .uri = OFFICER,
                      .purpose = "log-review",
                      .in = &query->base,
                      .by = empty.session});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *page = (const void *)rq->out;
    assert_true(page->n_lines >= 3);
    assert_non_null(strstr(page->lines[1]->officer_view, "\"change\":\"init\""));
    assert_non_null(strstr(page->lines[1]->officer_view, "\"app\":\"admin-li\""));
    assert_non_null(strstr(page->lines[2]->officer_view, "\"change\":\"unseal\""));
    node_close(&empty);
    fixture_reset();
}

static void open_with_key_file(node *n, const char *key_file, const char *name)
{
    vault_error err = {0};
    service_options o = {.database = pg_conninfo(), .keeping = {.source = ROOT_FILE, .key_file = key_file}};
    fixture_path(n->checkpoint, sizeof n->checkpoint, name);
    o.checkpoint_file = n->checkpoint;
    expect_ok(service_open(&n->service, &o, &err), &err);
    expect_ok(session_open(&n->session, n->service, &err), &err);
}

static bool opens_soon(const node *n)
{
    for (int i = 0; i < 600 && !is_open(n->session); i++) usleep(100000);
    return is_open(n->session);
}

TEST("where the key lies in a file the node that made the vault goes on, and others that waited for it open by "
     "themselves")
{
    char key_file[64];
    vault_error err = {0};
    node waiting = {0};
    given_empty();
    pg_empty();
    fixture_path(key_file, sizeof key_file, "init-key");
    expect_ok(root_key_file_create(key_file, &err), &err);
    open_with_key_file(&empty, key_file, "making");
    open_with_key_file(&waiting, key_file, "waiting");
    assert_false(is_open(waiting.session));
    Vault__V1__InitRequest *in = init_request();
    in->root->how_case = VAULT__V1__ROOT_CHOICE__HOW_FILE;
    in->root->file = true;
    request *rq = initialise(in);
    expect_outcome(rq, VAULT_OK, NULL);
    assert_int_equal(((const Vault__V1__InitResponse *)(const void *)rq->out)->n_shares, 0);
    assert_true(is_open(empty.session));
    assert_true(opens_soon(&waiting));
    node_close(&waiting);
    node_close(&empty);
    unlink(key_file);
    fixture_reset();
}
