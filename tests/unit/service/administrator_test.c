/* An administrator alone cannot end up revealing anything, by any sequence of calls.
 *
 * The letters below are what an administrator can do, each with the arguments that would help it most: proposals of
 * documents that grant itself everything, consent to them as itself and as everybody whose name it can write down,
 * revocations of those who stand in its way, and every call that gives data or tokens, as itself, as an app that it has
 * proposed, and as an app whose name it borrows. Its certificates are its own and one that it has made; it holds no key
 * of a registered app, and no officer's. Genuine tokens are given to it.
 *
 * The word that is played holds every sequence of so many letters (a de Bruijn sequence), in one vault that is never
 * made anew: each sequence also runs after all that went before. Of four letters it is with VAULT_TEST_LONG (`./check
 * long`, which has no sanitizers: 4,096 letters), else of three. Two honest people give back from time to time what was
 * revoked, so that there is always something to revoke. Within a letter, questions, revocations and
 * proposals of the lesser documents take turns. After each letter nothing has come out, and nothing but a
 * revocation has changed. */
#include "tests/unit/service/steward.h"

#include "vault/control/internal.h"
#include "vault/service/internal.h"

enum { WINDOW_MOST = 4 };

#define SHADOW         "shadow" /* the certificate that it made */
#define SHADOW_APP     "vault://dev/apps/shadow"
#define SHADOW_OFFICER "vault://dev/officers/shadow"

/* ---- what is known beforehand ---- */

static char genuine[64], id_number[64], name[64];
static digest at_first[DOCUMENTS];           /* of each document */
static char stripped[2][2 * DIGEST_LEN + 1]; /* of principals and persons, without what is revoked */
static unsigned long calls_made, refused, granted_control;
static char newest[64], newest_digest[80]; /* the last proposal that stands */

/* ---- nothing comes out ---- */

static bool holds(bytes all, const char *part)
{
    return memmem(all.at, all.len, part, strlen(part)) != NULL;
}

static void expect_nothing_out(const request *rq, const char *path)
{
    calls_made++;
    if (rq->err.code != VAULT_OK) refused++;
    if (!rq->out) return;
    if (!(method_at(path)->roles & ROLE_ADMINISTRATOR) || strcmp(path, "/vault.v1.Approvals/Approve") == 0)
        fail_msg("%s was answered", path);
    size_t len = protobuf_c_message_get_packed_size(rq->out);
    uint8_t *packed = arena_alloc(fixture_memory(), len + 1);
    bytes all = bytes_of(packed, protobuf_c_message_pack(rq->out, packed));
    if (holds(all, id_number) || holds(all, name) || holds(all, genuine)) fail_msg("%s gave data away", path);
}

static request *act(const asked *a)
{
    request *rq = ask(a);
    expect_nothing_out(rq, a->path);
    return rq;
}

/* The same call as itself, as the app that it proposes, as an app whose name it borrows: the certificate in each case
 * is its own. */
static void act_as_each(const char *path, ProtobufCMessage *(*make)(void))
{
    const asked each[] = {
        {.path = path, .uri = ADMINISTRATOR, .purpose = "elder-care"},
        {.path = path, .uri = SHADOW_APP, .purpose = "elder-care", .certificate = SHADOW},
        {.path = path, .uri = ELDERCARE, .purpose = "elder-care", .certificate = SHADOW},
        {.path = path, .uri = ELDERCARE, .also = ADMINISTRATOR, .purpose = "elder-care", .certificate = ADMINISTRATOR}};
    enum { EACH = sizeof each / sizeof *each };
    request *out[EACH];
    asked all[EACH];
    for (size_t i = 0; i < EACH; i++) {
        all[i] = each[i];
        all[i].in = make();
    }
    ask_many(all, out, EACH);
    for (size_t i = 0; i < EACH; i++) {
        expect_nothing_out(out[i], path);
        if (out[i]->err.code == VAULT_OK) fail_msg("%s went through for %s", path, all[i].uri);
    }
}

/* ---- documents that would help ---- */

static json_t *now_standing(const char *which, char **replaces)
{
    request *rq = get_document(NULL, ADMINISTRATOR, which, 0);
    expect_nothing_out(rq, "/vault.v1.Control/GetDocument");
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__GetDocumentResponse *out = (const void *)rq->out;
    json_t *of = json_loadb((const char *)out->content.data, out->content.len, 0, NULL);
    assert_non_null(of);
    *replaces = out->digest;
    return of;
}

/* An app and an officer of its own making, and its certificate for an app that stands. */
static void help_principals(json_t *of)
{
    json_array_append_new(json_object_get(of, "apps"),
                          json_pack("{s:s, s:s, s:s, s:o}", "id", "shadow", "department", "civil-affairs", "uri",
                                    SHADOW_APP, "certificates", json_pack("[o]", fixture_certificate(SHADOW))));
    json_array_append_new(json_object_get(of, "officers"),
                          json_pack("{s:s, s:s, s:[o]}", "id", "shadow-officer", "uri", SHADOW_OFFICER, "certificates",
                                    fixture_certificate("shadow officer")));
    json_array_append_new(json_object_get(entry(of, "apps", "eldercare"), "certificates"),
                          fixture_certificate("shadow eldercare"));
}

static void help_policy(json_t *of)
{
    json_t *rule = json_deep_copy(entry(of, "rules", "population-reveal"));
    json_object_set_new(rule, "id", json_string("shadow-reveal"));
    json_object_set_new(rule, "consumer", json_string("eldercare"));
    json_object_set_new(rule, "purpose", json_string("elder-care"));
    json_t *areas = json_pack("[s]", "33");
    json_object_set_new(rule, "areas", areas);
    json_array_append_new(json_object_get(of, "rules"), rule);
}

static void help_persons(json_t *of)
{
    json_t *one = json_deep_copy(json_array_get(json_object_get(of, "persons"), 0));
    json_object_set_new(one, "id", json_string("shadow-person"));
    json_array_append_new(json_object_get(of, "persons"), one);
}

static void help_purposes(json_t *of)
{
    json_array_append_new(json_object_get(entry(of, "purposes", "control"), "consumers"), json_string("eldercare"));
}

static void help_sharing(json_t *of)
{
    json_array_append_new(json_object_get(of, "bases"),
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:{s:s, s:s}}", "id", "shadow-basis", "item",
                                    "an item", "from", "population", "to", "eldercare", "purpose", "elder-care",
                                    "areas", "320411", "valid", "from", "2026-01-01", "until", "2027-12-31"));
}

/* A permit for itself. */
static void help_browsing(json_t *of)
{
    json_array_append_new(json_object_get(of, "permits"),
                          json_pack("{s:s, s:s, s:s, s:[s, s], s:s, s:i, s:s, s:s}", "id", "shadow-permit", "principal",
                                    "admin-li", "collection", "residents", "fields", "name", "phone", "area",
                                    "320411002", "rows", 500, "until", "2099-12-31", "reason", "a look"));
}

static void help_schema(json_t *of)
{
    json_t *fields = json_object_get(json_array_get(json_object_get(of, "collections"), 0), "fields");
    json_t *first = json_array_get(fields, 0);
    json_int_t strength = json_integer_value(json_object_get(first, "mask_strength"));
    json_object_set_new(first, "mask_strength", json_integer(strength > 1 ? strength - 1 : 2));
}

/* The helpful form of what stands, and the digest of that; kept until that moves. */
typedef struct helpful {
    const char *which;
    edit how;
    char *content, replaces[2 * DIGEST_LEN + 1];
} helpful;

static void read_again(helpful *h)
{
    char *replaces;
    json_t *of = now_standing(h->which, &replaces);
    h->how(of);
    if (h->content) cjose_get_dealloc()(h->content);
    h->content = json_dumps(of, JSON_INDENT(1));
    snprintf(h->replaces, sizeof h->replaces, "%s", replaces);
    json_decref(of);
}

static request *propose_once(const helpful *h)
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    in->document = lend(h->which);
    in->content = (ProtobufCBinaryData){.len = strlen(h->content), .data = (uint8_t *)h->content};
    in->replaces = lend(h->replaces);
    return act(
        &(asked){.path = "/vault.v1.Approvals/Propose", .uri = ADMINISTRATOR, .purpose = "control", .in = &in->base});
}

static void propose_helpful(helpful *h)
{
    if (!h->content) read_again(h);
    request *rq = propose_once(h);
    if (rq->err.code == VAULT_CONFLICT) read_again(h), rq = propose_once(h);
    if (rq->err.code == VAULT_EXHAUSTED) return;
    const Vault__V1__Approval *a = approval_of(rq);
    granted_control++;
    snprintf(newest, sizeof newest, "%s", a->name);
    snprintf(newest_digest, sizeof newest_digest, "%s", a->digest);
}

/* ---- the letters ---- */

static void propose_principals(void)
{
    static helpful h = {.which = "principals", .how = help_principals};
    propose_helpful(&h);
}

static void propose_policy(void)
{
    static helpful h = {.which = "policy", .how = help_policy};
    propose_helpful(&h);
}

static void propose_others(void)
{
    static helpful others[] = {{.which = "persons", .how = help_persons},
                               {.which = "purposes", .how = help_purposes},
                               {.which = "sharing", .how = help_sharing},
                               {.which = "browsing", .how = help_browsing},
                               {.which = "schema", .how = help_schema}};
    static unsigned turn;
    propose_helpful(&others[turn++ % 5]);
}

static void approve_as_one(asked one)
{
    NEW_REQUEST(in, Vault__V1__ApproveRequest, vault__v1__approve_request__init);
    in->name = lend(newest);
    in->digest = lend(newest_digest);
    one.path = "/vault.v1.Approvals/Approve";
    one.purpose = "control";
    one.in = &in->base;
    (void)act(&one);
}

/* As itself and with the other administrator's help; and in turn as those whose certificate it does not have. */
static void approve_newest(void)
{
    static const asked in_turn[] = {{.uri = OFFICER, .certificate = ADMINISTRATOR},
                                    {.uri = SHADOW_OFFICER, .certificate = "shadow officer"},
                                    {.uri = ADMINISTRATOR, .also = OFFICER}};
    static unsigned turn;
    approve_as_one((asked){.uri = ADMINISTRATOR});
    approve_as_one((asked){.uri = ADMINISTRATOR_2});
    approve_as_one(in_turn[turn++ % 3]);
}

/* Takes its own back, so that there is room for more, and tries to be rid of what others propose. */
static void reject_all(void)
{
    NEW_REQUEST(list, Vault__V1__ListApprovalsRequest, vault__v1__list_approvals_request__init);
    request *rq = act(
        &(asked){.path = "/vault.v1.Approvals/List", .uri = ADMINISTRATOR, .purpose = "control", .in = &list->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__ListApprovalsResponse *all = (const void *)rq->out;
    for (size_t i = 0; i < all->n_approvals; i++) {
        NEW_REQUEST(in, Vault__V1__RejectRequest, vault__v1__reject_request__init);
        in->name = all->approvals[i]->name;
        rq = act(&(asked){
            .path = "/vault.v1.Approvals/Reject", .uri = ADMINISTRATOR, .purpose = "control", .in = &in->base});
        bool own = strcmp(all->approvals[i]->proposer, "admin-li") == 0;
        expect_outcome(rq, own ? VAULT_OK : VAULT_DENIED, own ? NULL : "NOT_YOURS");
    }
}

static void revoke_next(void)
{
    static const char *const holders[] = {OFFICER, OFFICER_2, ADMINISTRATOR_2, ELDERCARE, CLINIC};
    NEW_REQUEST(in, Vault__V1__RevokeRequest, vault__v1__revoke_request__init);
    static unsigned turn;
    unsigned i = turn++ % 7;
    in->what_case = i < 5 ? CERTIFICATE : i == 5 ? PERSON : ASSERTION_KEY;
    in->person = lend(i < 5 ? fingerprint(holders[i]) : i == 5 ? "grid-zhao" : "civil-affairs/civil-1");
    request *rq =
        act(&(asked){.path = "/vault.v1.Control/Revoke", .uri = ADMINISTRATOR, .purpose = "control", .in = &in->base});
    if (rq->err.code == VAULT_OK) granted_control++;
}

static void look(void)
{
    static const struct {
        const char *path;
        const ProtobufCMessageDescriptor *type;
    } reads[] = {{"/vault.v1.Control/GetDocument", &vault__v1__get_document_request__descriptor},
                 {"/vault.v1.Control/CheckDocument", &vault__v1__check_document_request__descriptor},
                 {"/vault.v1.Control/ListChanges", &vault__v1__list_changes_request__descriptor},
                 {"/vault.v1.Approvals/Get", &vault__v1__get_approval_request__descriptor},
                 {"/vault.v1.Audit/GetCheckpoint", &vault__v1__get_checkpoint_request__descriptor},
                 {"/vault.v1.Audit/GetProof", &vault__v1__get_proof_request__descriptor},
                 {"/vault.v1.Audit/Query", &vault__v1__query_request__descriptor},
                 {"/vault.v1.Keys/Status", &vault__v1__status_request__descriptor},
                 {"/vault.v1.Records/ListCollections", &vault__v1__list_collections_request__descriptor}};
    static unsigned turn;
    unsigned i = turn++ % (unsigned)(sizeof reads / sizeof *reads);
    ProtobufCMessage *in = arena_alloc(fixture_memory(), reads[i].type->sizeof_message);
    reads[i].type->message_init(in);
    if (i < 2) ((Vault__V1__GetDocumentRequest *)(void *)in)->document = lend(document_name(turn % DOC_DOMAINS));
    if (i == 3) ((Vault__V1__GetApprovalRequest *)(void *)in)->name = lend(newest);
    (void)act(&(asked){.path = reads[i].path, .uri = ADMINISTRATOR, .purpose = "control", .in = in});
}

static ProtobufCMessage *an_issue(void)
{
    NEW_REQUEST(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    in->values = arena_array(fixture_memory(), 1, sizeof *in->values);
    in->values[in->n_values++] = lend(id_number);
    return &in->base;
}

static ProtobufCMessage *a_put(void)
{
    NEW_REQUEST(in, Vault__V1__BatchPutRequest, vault__v1__batch_put_request__init);
    in->collection = lend("residents");
    in->field_mask = MASK("id_number", "residence_area");
    return &in->base;
}

static ProtobufCMessage *an_import(void)
{
    NEW_REQUEST(in, Vault__V1__ImportRequest, vault__v1__import_request__init);
    NEW_REQUEST(header, Vault__V1__ImportHeader, vault__v1__import_header__init);
    header->collection = lend("residents");
    header->field_mask = MASK("id_number", "residence_area");
    in->header = header;
    return &in->base;
}

static ProtobufCMessage *a_reveal(void)
{
    return &reveal_of(lend(genuine), MASK("name"))->base;
}

static ProtobufCMessage *reveals(void)
{
    NEW_REQUEST(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = arena_array(fixture_memory(), 1, sizeof *in->tokens);
    in->tokens[in->n_tokens++] = lend(genuine);
    in->field_mask = MASK("name");
    return &in->base;
}

/* What it may list is masked: neither name nor number stands in it whole (expect_nothing_out). */
static void browse(void)
{
    NEW_REQUEST(in, Vault__V1__BrowseRequest, vault__v1__browse_request__init);
    in->collection = lend("residents");
    in->area = lend("320411002");
    in->field_mask = MASK("id_number", "name");
    (void)act(
        &(asked){.path = "/vault.v1.Records/Browse", .uri = ADMINISTRATOR, .purpose = "log-review", .in = &in->base});
}

/* ---- the other calls of apps, from the method table, with a token wherever a text is asked for ---- */

static const method *at_hand;

static ProtobufCMessage *any_request(void)
{
    ProtobufCMessage *in = arena_alloc(fixture_memory(), at_hand->input->sizeof_message);
    at_hand->input->message_init(in);
    for (unsigned i = 0; i < in->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &in->descriptor->fields[i];
        void *at = (char *)in + f->offset;
        if (f->descriptor == &google__protobuf__field_mask__descriptor)
            *(Google__Protobuf__FieldMask **)at = MASK("name");
        if (f->type != PROTOBUF_C_TYPE_STRING) continue;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            *(char **)at =
                strcmp(f->name, "name") == 0 ? arena_format(fixture_memory(), "records/%s", genuine) : genuine;
            continue;
        }
        char **list = *(char ***)at = arena_array(fixture_memory(), 1, sizeof *list);
        list[0] = genuine;
        *(size_t *)(void *)((char *)in + f->quantifier_offset) = 1;
    }
    return in;
}

static void take_next(void)
{
    static size_t turn;
    size_t count;
    const method *all = service_methods(&count);
    do at_hand = &all[turn++ % count];
    while (at_hand->roles != ROLE_APP || at_hand->stream);
    act_as_each(at_hand->path, any_request);
}

/* Every call that takes or gives data: the main ones each time, the others in turn. */
static void take_data(void)
{
    take_next();
    browse();
    act_as_each("/vault.v1.Tokens/BatchIssue", an_issue);
    act_as_each("/vault.v1.Records/BatchPut", a_put);
    act_as_each("/vault.v1.Records/Import", an_import);
    act_as_each("/vault.v1.Tokens/Reveal", a_reveal);
    act_as_each("/vault.v1.Tokens/BatchReveal", reveals);
}

static void (*const LETTERS[])(void) = {propose_principals, propose_policy, propose_others, approve_newest,
                                        reject_all,         revoke_next,    look,           take_data};
enum { LETTER_COUNT = sizeof LETTERS / sizeof *LETTERS };

/* ---- the word ---- */

static uint8_t word[20000];
static size_t word_len;

/* All Lyndon words whose length divides `window`, in order, one after the other. */
static void write_word(size_t window)
{
    uint8_t w[WINDOW_MOST + 1] = {0};
    size_t len = 1;
    for (;;) {
        if (window % len == 0)
            for (size_t i = 0; i < len; i++) word[word_len++] = w[i];
        for (size_t i = len; i < window; i++) w[i] = w[i % len];
        len = window;
        while (len > 0 && w[len - 1] == LETTER_COUNT - 1) len--;
        if (len == 0) break;
        w[len - 1]++;
    }
    for (size_t i = 0; i + 1 < window; i++) word[word_len++] = word[i];
}

/* ---- what is in force ---- */

static void strip(json_t *of)
{
    const char *key;
    json_t *value;
    void *next;
    size_t i;
    if (json_is_array(of)) json_array_foreach(of, i, value) strip(value);
    if (!json_is_object(of)) return;
    json_object_del(of, "revoked");
    if (json_object_get(of, "suspended")) json_object_set_new(of, "suspended", json_false());
    json_object_foreach_safe(of, next, key, value) strip(value);
}

/* A document as it stands but for what is revoked in it. */
static void read_stripped(char out[2 * DIGEST_LEN + 1], const char *which)
{
    char *replaces;
    json_t *of = now_standing(which, &replaces);
    strip(of);
    char *text = json_dumps(of, JSON_COMPACT | JSON_SORT_KEYS);
    const digest d = sha256(bytes_of_text(text));
    hex_encode(out, digest_bytes(&d));
    cjose_get_dealloc()(text);
    json_decref(of);
}

static const char *const REVOCABLE[] = {"principals", "persons"};

static void expect_only_revoked(size_t at)
{
    char now[2 * DIGEST_LEN + 1];
    for (size_t i = 0; i < 2; i++) {
        read_stripped(now, REVOCABLE[i]);
        if (strcmp(now, stripped[i]) != 0) fail_msg("letter %zu: %s was changed", at, REVOCABLE[i]);
    }
}

static void read_digests(digest out[DOCUMENTS])
{
    const manifest *m = control_acquire(fixture_service()->control);
    for (document d = 0; d < DOCUMENTS; d++) out[d] = body_of(m)->core.documents[d].digest;
    control_release(fixture_service()->control, m);
}

static void expect_unchanged(size_t at)
{
    static digest last[DOCUMENTS];
    digest now[DOCUMENTS];
    read_digests(now);
    for (document d = 0; d < DOCUMENTS; d++) {
        if (d == DOC_PRINCIPALS || d == DOC_PERSONS) continue;
        if (!bytes_same(digest_bytes(&now[d]), digest_bytes(&at_first[d])))
            fail_msg("letter %zu: %s was changed", at, document_name(d));
    }
    bool same = bytes_same(digest_bytes(&now[DOC_PRINCIPALS]), digest_bytes(&last[DOC_PRINCIPALS])) &&
                bytes_same(digest_bytes(&now[DOC_PERSONS]), digest_bytes(&last[DOC_PERSONS]));
    if (!same) expect_only_revoked(at);
    memcpy(last, now, sizeof last);
}

/* ---- two honest people, with certificates of which the administrator does not know ---- */

#define SPARE_OFFICER       "spare officer"
#define SPARE_ADMINISTRATOR "spare administrator"

static void add_spares(json_t *of)
{
    json_array_append_new(json_object_get(entry(of, "officers", "officer-wang"), "certificates"),
                          fixture_certificate(SPARE_OFFICER));
    json_array_append_new(json_object_get(entry(of, "administrators", "admin-sun"), "certificates"),
                          fixture_certificate(SPARE_ADMINISTRATOR));
}

static request *honest(const char *uri, const char *shown, const char *path, ProtobufCMessage *in)
{
    return ask(&(asked){.path = path, .uri = uri, .purpose = "control", .certificate = shown, .in = in});
}

static void give_back_one(const char *which)
{
    NEW_REQUEST(in, Vault__V1__ProposeRequest, vault__v1__propose_request__init);
    NEW_REQUEST(consent, Vault__V1__ApproveRequest, vault__v1__approve_request__init);
    json_t *of = now_standing(which, &in->replaces);
    strip(of);
    bytes content = dumped(of);
    json_decref(of);
    in->document = lend(which);
    in->content = (ProtobufCBinaryData){.len = content.len, .data = (uint8_t *)(uintptr_t)content.at};
    request *rq = honest(ADMINISTRATOR_2, SPARE_ADMINISTRATOR, "/vault.v1.Approvals/Propose", &in->base);
    if (rq->err.reason && strcmp(rq->err.reason, "NOTHING_CHANGES") == 0) return; /* nothing is revoked */
    const Vault__V1__Approval *a = approval_of(rq);
    consent->name = a->name;
    consent->digest = a->digest;
    expect_outcome(honest(OFFICER, SPARE_OFFICER, "/vault.v1.Approvals/Approve", &consent->base), VAULT_OK, NULL);
}

static void give_back(void)
{
    reject_all(); /* room for theirs */
    for (size_t i = 0; i < 2; i++) give_back_one(REVOCABLE[i]);
}

static void given_vault(void)
{
    resident r;
    uint64_t who = resident_in_street(0);
    the_resident(who, &r);
    snprintf(genuine, sizeof genuine, "%s", token_for(ELDERCARE, "elder-care", who));
    snprintf(id_number, sizeof id_number, "%s", arena_text(fixture_memory(), resident_value(&r, FIELD_ID_NUMBER)));
    snprintf(name, sizeof name, "%s", arena_text(fixture_memory(), resident_value(&r, FIELD_NAME)));
    change_document("principals", add_spares);
    (void)proposed(OFFICER, "purposes", help_purposes); /* of somebody else */
    read_digests(at_first);
    for (size_t i = 0; i < 2; i++) read_stripped(stripped[i], REVOCABLE[i]);
}

TEST("by no sequence of calls, out of all an administrator can make, does anything come out or into force")
{
    given_vault();
    write_word(getenv("VAULT_TEST_LONG") ? WINDOW_MOST : WINDOW_MOST - 1);
    for (size_t i = 0; i < word_len; i++) {
        LETTERS[word[i]]();
        expect_unchanged(i);
        if (i % 50 == 49) give_back();
        fixture_reset();
    }
    expect_only_revoked(word_len);
    print_message("# %zu letters, %lu calls, %lu refused, %lu proposals and revocations\n", word_len, calls_made,
                  refused, granted_control);
}
