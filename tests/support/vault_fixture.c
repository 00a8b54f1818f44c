#include "tests/support/vault_fixture.h"

#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Rules of the fixture's policy. `fields` NULL: every field of a resident. `more`: what a rule for persons says
 * besides. */
static const struct {
    const char *id, *action, *app, *purpose, *fields, *form, *area, *more, *until;
} RULES[] = {
#define ID     "[\"id_number\"]"
#define GRID   "\"acting\": \"person\", \"roles\": [\"grid-worker\"]"
#define ALONE  "\"acting\": \"app\""
#define NO_END "2099-12-31"
    {"eldercare-issue", "issue", "eldercare", "elder-care", ID, "nothing", "320411", ALONE, NO_END},
    {"eldercare-reveal", "reveal", "eldercare", "elder-care",
     "[\"name\", \"phone\", \"residence_address\", \"care_category\"]", "plain", "320411002", ALONE, NO_END},
    {"eldercare-expired", "reveal", "eldercare", "elder-care", "[\"workplace\"]", "plain", "320411", ALONE,
     "2020-12-31"},
    {"eldercare-person", "reveal", "eldercare", "elder-care", "[\"religion\"]", "plain", "320411", GRID, NO_END},
    {"eldercare-own", "reveal", "eldercare", "elder-care", "[\"ethnicity\"]", "plain", "320411",
     GRID ", \"own_area\": true", NO_END},
    {"eldercare-own-put", "put", "eldercare", "elder-care", "[\"id_number\", \"residence_area\", \"grid\", \"phone\"]",
     "plain", "320411", GRID ", \"own_area\": true", NO_END},
    {"visit-issue", "issue", "eldercare", "elder-care/visit", ID, "nothing", "320411", ALONE, NO_END},
    {"visit-reveal", "reveal", "eldercare", "elder-care/visit", "[\"name\"]", "plain", "320411", ALONE, NO_END},
    {"clinic-issue", "issue", "clinic", "family-doctor", ID, "nothing", "320411", ALONE, NO_END},
    {"clinic-reveal", "reveal", "clinic", "family-doctor", "[\"name\", \"phone\", \"sex\"]", "plain", "320411", ALONE,
     NO_END},
    {"clinic-masked", "reveal", "clinic", "family-doctor", "[\"id_number\", \"birth_date\"]", "masked", "320411", ALONE,
     NO_END},
    {"clinic-put", "put", "clinic", "family-doctor",
     "[\"id_number\", \"residence_area\", \"name\", \"phone\", \"education\", \"care_category\"]", "plain", "320411",
     ALONE, NO_END},
    {"population-issue", "issue", "population", "population-register", ID, "nothing", "320411", ALONE, NO_END},
    {"population-put", "put", "population", "population-register", NULL, "plain", "320411", ALONE, NO_END},
    {"population-reveal", "reveal", "population", "population-register", NULL, "plain", "320411", ALONE, NO_END},
#define HOUSE "[\"house_number\", \"house_area\", \"house_address\", \"house_owner_name\"]"
    {"houses-put", "put", "population", "population-register", HOUSE, "plain", "320411", ALONE, NO_END},
    {"houses-issue", "issue", "population", "population-register", "[\"house_number\"]", "nothing", "320411", ALONE,
     NO_END},
    {"population-erase", "erase", "population", "population-register", ID, "nothing", "320411", ALONE, NO_END},
    {"eldercare-erase", "erase", "eldercare", "elder-care", ID, "nothing", "320411002", ALONE, NO_END},
    {"houses-erase", "erase", "population", "population-register", "[\"house_number\"]", "nothing", "320411", ALONE,
     NO_END},
    {"houses-reveal", "reveal", "population", "population-register", HOUSE, "plain", "320411", ALONE, NO_END},
};

static struct {
    service *service;
    session *session;
    generator *generator;
    arena *mem;
    cjose_jwk_t *key;
    char folder[64], checkpoint[96];
    uint8_t root[32];
} vault;

static void must(vault_code code, vault_error *err, const char *what)
{
    if (code == VAULT_OK) return;
    fprintf(stderr, "fixture: %s: %s at %s: %s %s\n", what, vault_code_name(code), err->where,
            err->reason ? err->reason : "", err->detail);
    exit(1);
}

static void write_file(const char *name, const char *text, size_t len)
{
    char path[160];
    vault_error err = {0};
    snprintf(path, sizeof path, "%s/%s", vault.folder, name);
    must(file_replace(path, bytes_of(text, len), &err), &err, path);
}

static void all_fields(char *out, size_t room)
{
    size_t at = (size_t)snprintf(out, room, "[");
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++)
        at += (size_t)snprintf(out + at, room - at, "%s\"%s\"", f > 1 ? "," : "", generator_field_name(f));
    snprintf(out + at, room - at, ",\"grid\"]");
}

void (*fixture_edit)(const char *file, json_t *document);

static void write_document(const char *file, json_t *doc)
{
    if (fixture_edit) fixture_edit(file, doc);
    char *text = json_dumps(doc, 0);
    write_file(file, text, strlen(text));
    cjose_get_dealloc()(text);
    json_clear(&doc);
}

static void write_policy(void)
{
    char fields[1024], text[8192];
    all_fields(fields, sizeof fields);
    size_t at = (size_t)snprintf(text, sizeof text, "{\"rules\":[");
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "%s\n{\"id\": \"%s\", \"action\": \"%s\", \"consumer\": \"%s\", \"purpose\": \"%s\", "
                               "\"fields\": %s, \"form\": \"%s\", \"areas\": [\"%s\"], %s, "
                               "\"valid\": {\"from\": \"2020-01-01\", \"until\": \"%s\"}}",
                               i ? "," : "", RULES[i].id, RULES[i].action, RULES[i].app, RULES[i].purpose,
                               RULES[i].fields ? RULES[i].fields : fields, RULES[i].form, RULES[i].area, RULES[i].more,
                               RULES[i].until);
    at += (size_t)snprintf(text + at, sizeof text - at, "]}");
    json_t *doc;
    vault_error err = {0};
    must(json_read(&doc, bytes_of(text, at), "policy.json", &err), &err, "policy.json");
    write_document("policy.json", doc);
}

static json_t *find_entry(json_t *doc, const char *list, const char *id)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(doc, list), i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "id")), id) == 0) return entry;
    }
    return NULL;
}

static void change_nothing(json_t *doc)
{
    (void)doc;
}

static void register_key(json_t *principals)
{
    cjose_err error;
    vault.key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    char *text = cjose_jwk_to_json(vault.key, false, &error);
    json_t *jwk = json_loads(text, 0, NULL), *department = find_entry(principals, "departments", "civil-affairs");
    json_object_set_new(jwk, "kid", json_string("civil-1"));
    json_array_append_new(json_object_get(department, "assertion_keys"), jwk);
    cjose_get_dealloc()(text);
}

json_t *fixture_certificate(const char *of)
{
    char hex[2 * DIGEST_LEN + 1];
    const digest d = sha256(bytes_of_text(of));
    hex_encode(hex, digest_bytes(&d));
    return json_pack("{s:s}", "sha256", hex);
}

/* Everybody has one certificate, whose digest is that of the URI's text. */
static void give_certificates(json_t *principals)
{
    static const char *const lists[] = {"apps", "officers", "administrators"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t at;
        json_t *entry;
        json_array_foreach(json_object_get(principals, lists[i]), at, entry)
        {
            json_t *one = fixture_certificate(json_string_value(json_object_get(entry, "uri")));
            json_object_set_new(entry, "certificates", json_pack("[o]", one));
        }
    }
}

static void ensure_principal(json_t *principals, const char *list, const char *id, const char *uri)
{
    if (find_entry(principals, list, id)) return;
    json_array_append_new(json_object_get(principals, list), json_pack("{s:s, s:s}", "id", id, "uri", uri));
}

static void register_principals(json_t *principals)
{
    register_key(principals);
    ensure_principal(principals, "officers", "officer-zhao", OFFICER_2);
    ensure_principal(principals, "administrators", "admin-sun", ADMINISTRATOR_2);
    give_certificates(principals);
}

/* One whose own area is a single grid. */
static void register_person(json_t *persons)
{
    json_t *areas = json_pack("[s]", "320411002003001");
    json_array_append_new(json_object_get(persons, "persons"),
                          json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:b}", "id", "grid-own", "name", "王一",
                                    "department", "civil-affairs", "role", "grid-worker", "areas", areas, "contract",
                                    "from", "2020-01-01", "until", "2099-12-31", "suspended", 0));
}

static void register_purpose(json_t *purposes)
{
    static const char *const fresh[] = {"elder-care/visit", "control"};
    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++) {
        if (find_entry(purposes, "purposes", fresh[i])) continue;
        json_array_append_new(json_object_get(purposes, "purposes"),
                              json_pack("{s:s, s:s, s:s, s:s, s:[s,s,s,s], s:s, s:{s:s, s:s}, s:[]}", "id", fresh[i],
                                        "title", "visit", "basis", "PIPL 13(1)(3)", "notice", "a visit", "forms",
                                        "plain", "masked", "token", "nothing", "retention", "P3Y", "assessment", "id",
                                        "PIA-1", "until", "2099-12-31", "consumers"));
    }
}

static void copy_changed(const char *name, void (*edit)(json_t *))
{
    char path[256];
    vault_error err = {0};
    json_t *doc;
    snprintf(path, sizeof path, "%s/tests/support/town/%s", SOURCE_FOLDER, name);
    must(json_read_file(&doc, path, &err), &err, path);
    edit(doc);
    write_document(name, doc);
}

static void write_folder(void)
{
    copy_changed("schema.json", change_nothing);
    copy_changed("principals.json", register_principals);
    copy_changed("persons.json", register_person);
    copy_changed("sharing.json", change_nothing);
    copy_changed("browsing.json", change_nothing);
    copy_changed("purposes.json", register_purpose);
    write_policy();
}

void (*fixture_seal)(root_seal *out, const char *vault, bytes root);
const char *fixture_archives;

static void init_vault(void)
{
    vault_error err = {0};
    store *s = NULL;
    memset(vault.root, 7, sizeof vault.root);
    root_seal seal = {.source = ROOT_FILE, .generation = 1};
    if (fixture_seal) fixture_seal(&seal, "resident-vault/test", bytes_of(vault.root, sizeof vault.root));
    const init_options o = {.name = "resident-vault/test",
                            .folder = vault.folder,
                            .root = bytes_of(vault.root, sizeof vault.root),
                            .seal = &seal,
                            .suite = SUITE_INTL};
    must(store_open(&s, pg_conninfo(), &err), &err, "store_open");
    must(control_init(s, &o, &err), &err, "control_init");
    store_close(&s);
}

service_options fixture_options(void)
{
    return (service_options){.database = pg_conninfo(),
                             .root = bytes_of(vault.root, sizeof vault.root),
                             .checkpoint_file = vault.checkpoint,
                             .archive_folder = fixture_archives};
}

vault_code fixture_reopen(vault_error *err)
{
    session_close(&vault.session);
    service_close(&vault.service);
    const service_options o = fixture_options();
    VAULT_TRY(service_open(&vault.service, &o, err));
    return session_open(&vault.session, vault.service, err);
}

void fixture_restart(void)
{
    vault_error err = {0};
    must(fixture_reopen(&err), &err, "service_open");
}

void fixture_close(void)
{
    session_close(&vault.session);
    service_close(&vault.service);
    generator_free(&vault.generator);
    arena_free(&vault.mem);
    cjose_jwk_release(vault.key);
    vault.key = NULL;
    empty_folder(vault.folder);
    rmdir(vault.folder);
}

static void build(void)
{
    static bool built;
    if (built) return;
    built = true;
    snprintf(vault.folder, sizeof vault.folder, "/tmp/vault-fixture-XXXXXX");
    if (!mkdtemp(vault.folder)) exit(1);
    snprintf(vault.checkpoint, sizeof vault.checkpoint, "%s/checkpoint", vault.folder);
    vault.mem = arena_new(256 << 20);
    vault.generator = generator_new(1);
    write_folder();
    init_vault();
    fixture_restart();
    atexit(fixture_close);
    for (uint64_t from = 0; from < FIXTURE_RESIDENTS; from += 100)
        expect_outcome(put_residents(from, 100), VAULT_OK, NULL);
}

cjose_jwk_t *fixture_key(void)
{
    return build(), vault.key;
}
service *fixture_service(void)
{
    return build(), vault.service;
}
session *fixture_session(void)
{
    return build(), vault.session;
}
const generator *fixture_generator(void)
{
    return build(), vault.generator;
}
const char *fixture_checkpoint_file(void)
{
    return build(), vault.checkpoint;
}
void fixture_path(char *out, size_t room, const char *name)
{
    build();
    snprintf(out, room, "%s/%s", vault.folder, name);
}
arena *fixture_memory(void)
{
    return build(), vault.mem;
}
void fixture_reset(void)
{
    arena_reset(fixture_memory());
}

/* ---- asking ---- */

const method *method_at(const char *path)
{
    size_t count;
    const method *rows = service_methods(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].path, path) == 0) return &rows[i];
    fprintf(stderr, "no method %s\n", path);
    exit(1);
}

static void set_context(ProtobufCMessage *in, const asked *a)
{
    static unsigned serial;
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(in->descriptor, "context");
    Vault__V1__RequestContext *context = arena_alloc(vault.mem, sizeof *context);
    vault__v1__request_context__init(context);
    context->purpose = arena_text(vault.mem, bytes_of_text(a->purpose));
    context->ticket = arena_text(vault.mem, bytes_of_text(a->ticket ? a->ticket : "case 2026-1122"));
    context->request_id = arena_format(vault.mem, "test-%u", ++serial);
    if (a->assertion) context->assertion = arena_text(vault.mem, bytes_of_text(a->assertion));
    if (a->approval) context->approval = arena_text(vault.mem, bytes_of_text(a->approval));
    if (a->emergency) context->emergency = arena_text(vault.mem, bytes_of_text(a->emergency));
    *(Vault__V1__RequestContext **)(void *)((char *)in + f->offset) = context;
}

request *make_request(const asked *a)
{
    const char **uris = arena_array(vault.mem, 3, sizeof *uris);
    request *rq = arena_alloc(vault.mem, sizeof *rq);
    const char *shown = a->certificate ? a->certificate : a->uri ? a->uri : "";
    uris[0] = a->uri;
    uris[1] = a->also;
    if (a->in && a->purpose) set_context(a->in, a);
    *rq = (request){.mem = vault.mem,
                    .kept = vault.mem,
                    .uris = uris,
                    .certificate = sha256(bytes_of_text(shown)),
                    .in = a->in,
                    .deadline_us = clock_monotonic_us() + INT64_C(120000000)}; /* a busy machine is no refusal */
    return rq;
}

void ask_many(const asked *a, request **out, size_t count)
{
    build();
    for (size_t i = 0; i < count; i++) out[i] = make_request(&a[i]);
    service_run(a->by ? a->by : vault.session, method_at(a->path), out, count);
}

request *ask(const asked *a)
{
    request *rq;
    ask_many(a, &rq, 1);
    return rq;
}

Google__Protobuf__FieldMask *mask_of(const char *const *names, size_t count)
{
    Google__Protobuf__FieldMask *out = arena_alloc(fixture_memory(), sizeof *out);
    google__protobuf__field_mask__init(out);
    out->paths = arena_array(vault.mem, count, sizeof *out->paths);
    for (size_t i = 0; i < count; i++) out->paths[out->n_paths++] = (char *)(uintptr_t)names[i];
    return out;
}

/* ---- the main job in words ---- */

void the_resident(uint64_t index, resident *out)
{
    generator_resident(fixture_generator(), index, out);
}

static uint64_t find_resident(uint64_t from, bool in_street)
{
    resident r;
    for (uint64_t i = from; i < FIXTURE_RESIDENTS; i++) {
        the_resident(i, &r);
        if ((strncmp(resident_text(&r, FIELD_RESIDENCE_AREA), "320411002", 9) == 0) == in_street) return i;
    }
    exit(1);
}

uint64_t resident_in_street(uint64_t from)
{
    return find_resident(from, true);
}
uint64_t resident_elsewhere(uint64_t from)
{
    return find_resident(from, false);
}

const char *token_for(const char *uri, const char *why, uint64_t index)
{
    resident r;
    Vault__V1__BatchIssueRequest in = VAULT__V1__BATCH_ISSUE_REQUEST__INIT;
    the_resident(index, &r);
    char *number = arena_text(vault.mem, resident_value(&r, FIELD_ID_NUMBER));
    in.n_values = 1;
    in.values = &number;
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = uri, .purpose = why, .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, 1);
    assert_null(out->results[0]->status);
    return out->results[0]->token;
}

Vault__V1__RevealRequest *reveal_of(const char *token, Google__Protobuf__FieldMask *fields)
{
    Vault__V1__RevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__reveal_request__init(in);
    in->token = (char *)(uintptr_t)token;
    in->field_mask = fields;
    in->want_receipt = true;
    return in;
}

request *reveal(const char *uri, const char *why, const char *token, Google__Protobuf__FieldMask *fields)
{
    return ask(
        &(asked){.path = "/vault.v1.Tokens/Reveal", .uri = uri, .purpose = why, .in = &reveal_of(token, fields)->base});
}

const char *revealed(const request *rq, size_t at)
{
    if (!rq->out) return NULL;
    const Vault__V1__RevealResponse *out = (const void *)rq->out;
    return at < out->n_values && !out->values[at]->absent ? out->values[at]->text : NULL;
}

request *put_residents(uint64_t from, size_t count)
{
    Vault__V1__BatchPutRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    const char *names[GENERATOR_FIELDS];
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) names[f - 1] = generator_field_name(f);
    vault__v1__batch_put_request__init(in);
    in->collection = (char *)(uintptr_t) "residents";
    in->field_mask = mask_of(names, GENERATOR_FIELDS);
    in->items = arena_array(vault.mem, count, sizeof *in->items);
    in->want_receipt = true;
    for (size_t i = 0; i < count; i++) {
        resident r;
        Vault__V1__ResidentInput *item = arena_alloc(vault.mem, sizeof *item);
        vault__v1__resident_input__init(item);
        the_resident(from + i, &r);
        item->values = arena_array(vault.mem, GENERATOR_FIELDS, sizeof *item->values);
        for (unsigned f = 1; f <= GENERATOR_FIELDS; f++)
            item->values[item->n_values++] = arena_text(vault.mem, resident_value(&r, f));
        in->items[in->n_items++] = item;
    }
    return ask(&(asked){
        .path = "/vault.v1.Records/BatchPut", .uri = POPULATION, .purpose = "population-register", .in = &in->base});
}

void expect_outcome(const request *rq, vault_code code, const char *reason)
{
    vault_error err = rq->err;
    harness_expect_code(rq->err.code, code, &err, "outcome of the call", __FILE__, __LINE__);
    if (reason) assert_string_equal(rq->err.reason ? rq->err.reason : "", reason);
}

int64_t lines_in_log(void)
{
    return strtoll(pg_sql("select size from head"), NULL, 10);
}
