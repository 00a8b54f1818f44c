#include "tests/support/vault_fixture.h"

#include "vault/base/clock.h"
#include "vault/base/json.h"
#include "vault/control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char POLICY[] =
    "{\"rules\":["
    "{\"id\":\"eldercare-issue\",\"action\":\"issue\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care\",\"fields\":"
    "[\"id_number\"],"
    "\"form\":\"nothing\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":"
    "\"2099-12-31\"}},"
    "{\"id\":\"eldercare-reveal\",\"action\":\"reveal\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care\","
    "\"fields\":[\"name\",\"phone\",\"residence_address\",\"care_category\"],"
    "\"form\":\"plain\",\"areas\":[\"320411002\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":"
    "\"2099-12-31\"}},"
    "{\"id\":\"eldercare-expired\",\"action\":\"reveal\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care\","
    "\"fields\":[\"workplace\"],"
    "\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2020-"
    "12-31\"}},"
    "{\"id\":\"eldercare-person\",\"action\":\"reveal\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care\","
    "\"fields\":[\"religion\"],"
    "\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"person\",\"valid\":{\"from\":\"2020-01-01\",\"until\":"
    "\"2099-12-31\"}},"
    "{\"id\":\"visit-issue\",\"action\":\"issue\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care/visit\","
    "\"fields\":[\"id_number\"],\"form\":\"nothing\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":"
    "\"2020-01-01\",\"until\":\"2099-12-31\"}},"
    "{\"id\":\"visit-reveal\",\"action\":\"reveal\",\"consumer\":\"eldercare\",\"purpose\":\"elder-care/visit\","
    "\"fields\":[\"name\"],\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":"
    "\"2020-01-01\",\"until\":\"2099-12-31\"}},"
    "{\"id\":\"clinic-issue\",\"action\":\"issue\",\"consumer\":\"clinic\",\"purpose\":\"family-doctor\",\"fields\":["
    "\"id_number\"],"
    "\"form\":\"nothing\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":"
    "\"2099-12-31\"}},"
    "{\"id\":\"clinic-reveal\",\"action\":\"reveal\",\"consumer\":\"clinic\",\"purpose\":\"family-doctor\",\"fields\":["
    "\"name\",\"phone\",\"sex\"],"
    "\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2099-"
    "12-31\"}},"
    "{\"id\":\"population-issue\",\"action\":\"issue\",\"consumer\":\"population\",\"purpose\":\"population-register\","
    "\"fields\":[\"id_number\"],"
    "\"form\":\"nothing\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":"
    "\"2099-12-31\"}},"
    "{\"id\":\"population-%s\",\"action\":\"%s\",\"consumer\":\"population\",\"purpose\":\"population-register\","
    "\"fields\":[%s],"
    "\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2099-"
    "12-31\"}},"
    "{\"id\":\"population-%s\",\"action\":\"%s\",\"consumer\":\"population\",\"purpose\":\"population-register\","
    "\"fields\":[%s],"
    "\"form\":\"plain\",\"areas\":[\"320411\"],\"acting\":\"app\",\"valid\":{\"from\":\"2020-01-01\",\"until\":\"2099-"
    "12-31\"}}"
    "]}";

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

static void write_policy(void)
{
    char fields[1024] = "", text[8192];
    for (unsigned f = 1; f <= GENERATOR_FIELDS; f++) {
        size_t at = strlen(fields);
        snprintf(fields + at, sizeof fields - at, "%s\"%s\"", at ? "," : "", generator_field_name(f));
    }
    int len = snprintf(text, sizeof text, POLICY, "put", "put", fields, "reveal", "reveal", fields);
    write_file("policy.json", text, (size_t)len);
}

static json_t *find_entry(json_t *document, const char *list, const char *id)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, list), i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "id")), id) == 0) return entry;
    }
    return NULL;
}

static void change_nothing(json_t *document)
{
    (void)document;
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

static void register_purpose(json_t *purposes)
{
    json_array_append_new(json_object_get(purposes, "purposes"),
                          json_pack("{s:s, s:s, s:s, s:[]}", "id", "elder-care/visit", "title", "visit", "basis",
                                    "PIPL 13(1)(3)", "consumers"));
}

static void copy_changed(const char *name, void (*change)(json_t *))
{
    char path[256];
    vault_error err = {0};
    json_t *document;
    snprintf(path, sizeof path, "%s/deploy/dev/%s", SOURCE_FOLDER, name);
    must(json_read_file(&document, path, &err), &err, path);
    change(document);
    char *text = json_dumps(document, 0);
    write_file(name, text, strlen(text));
    cjose_get_dealloc()(text);
    json_clear(&document);
}

static void write_folder(void)
{
    copy_changed("schema.json", change_nothing);
    copy_changed("principals.json", register_key);
    copy_changed("purposes.json", register_purpose);
    write_policy();
}

static void init_vault(void)
{
    vault_error err = {0};
    store *s = NULL;
    memset(vault.root, 7, sizeof vault.root);
    const init_options o = {
        .name = "resident-vault/test", .folder = vault.folder, .root = bytes_of(vault.root, sizeof vault.root)};
    must(store_open(&s, pg_conninfo(), &err), &err, "store_open");
    must(control_init(s, &o, &err), &err, "control_init");
    store_close(&s);
}

vault_code fixture_reopen(vault_error *err)
{
    session_close(&vault.session);
    service_close(&vault.service);
    const service_options o = {.database = pg_conninfo(),
                               .root = bytes_of(vault.root, sizeof vault.root),
                               .checkpoint_file = vault.checkpoint};
    VAULT_TRY(service_open(&vault.service, &o, err));
    return session_open(&vault.session, vault.service, err);
}

void fixture_restart(void)
{
    vault_error err = {0};
    must(fixture_reopen(&err), &err, "service_open");
}

static void remove_folder(void)
{
    static const char *const files[] = {"schema.json", "principals.json", "purposes.json", "policy.json", "checkpoint"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", vault.folder, files[i]);
        unlink(path);
    }
    rmdir(vault.folder);
}

void fixture_close(void)
{
    session_close(&vault.session);
    service_close(&vault.service);
    generator_free(&vault.generator);
    arena_free(&vault.mem);
    cjose_jwk_release(vault.key);
    vault.key = NULL;
    remove_folder();
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
arena *fixture_memory(void)
{
    return build(), vault.mem;
}
void fixture_reset(void)
{
    arena_reset(fixture_memory());
}

/* ---- asking ---- */

static const method *method_at(const char *path)
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
    *(Vault__V1__RequestContext **)(void *)((char *)in + f->offset) = context;
}

void ask_many(const asked *a, request **out, size_t count)
{
    build();
    for (size_t i = 0; i < count; i++) {
        const char **uris = arena_array(vault.mem, 3, sizeof *uris);
        request *rq = arena_alloc(vault.mem, sizeof *rq);
        uris[0] = a[i].uri;
        uris[1] = a[i].also;
        set_context(a[i].in, &a[i]);
        *rq = (request){.mem = vault.mem, .uris = uris, .in = a[i].in, .deadline_us = clock_monotonic_us() + 10000000};
        out[i] = rq;
    }
    service_run(vault.session, method_at(a->path), out, count);
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
    in.n_id_numbers = 1;
    in.id_numbers = &number;
    request *rq = ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = uri, .purpose = why, .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *out = (const void *)rq->out;
    assert_int_equal(out->n_results, 1);
    assert_null(out->results[0]->status);
    return out->results[0]->token;
}

Vault__V1__RevealRequest *reveal_of(const char *token, Google__Protobuf__FieldMask *mask)
{
    Vault__V1__RevealRequest *in = arena_alloc(fixture_memory(), sizeof *in);
    vault__v1__reveal_request__init(in);
    in->token = (char *)(uintptr_t)token;
    in->field_mask = mask;
    in->want_receipt = true;
    return in;
}

request *reveal(const char *uri, const char *why, const char *token, Google__Protobuf__FieldMask *mask)
{
    return ask(
        &(asked){.path = "/vault.v1.Tokens/Reveal", .uri = uri, .purpose = why, .in = &reveal_of(token, mask)->base});
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
