/* Who may call: apps, officers, administrators, each with its certificates. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdlib.h>
#include <string.h>

enum { URI_MAX = 255, LIST_MAX = UINT16_MAX - 1, CERTIFICATES_MAX = 16 };

/* ---- principals ---- */

/* scheme://path in one canonical form: lower case, no empty or dot segment, no escape, nothing after the last segment.
 */
static bool uri_valid(const char *uri)
{
    const char *path = strstr(uri, "://");
    size_t len = strlen(uri);
    if (!path || path == uri || len > URI_MAX || uri[0] < 'a' || uri[0] > 'z') return false;
    if (strspn(uri, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != (size_t)(path - uri)) return false;
    path += 3;
    if (strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789-._/:@") != strlen(path)) return false;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        if (*at == '/' || *at == '\0' || *at == '.') return false;
    }
    return true;
}

static vault_code check_uri(builder *b, const char *uri)
{
    if (uri_valid(uri)) return VAULT_OK;
    return builder_fail(b, "uri", "'%.60s' is not scheme://a/b of a-z, 0-9, - . _ : @", uri);
}

static bool digest_read(digest *out, const char *hex)
{
    if (strlen(hex) != 2 * DIGEST_LEN || strspn(hex, "0123456789abcdef") != 2 * DIGEST_LEN) return false;
    for (size_t i = 0; i < DIGEST_LEN; i++) {
        unsigned high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];
        high = high <= '9' ? high - '0' : high - 'a' + 10;
        low = low <= '9' ? low - '0' : low - 'a' + 10;
        out->at[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static vault_code read_certificates(builder *b, principal *out, json_t *list)
{
    size_t i, len = strlen(b->at);
    json_t *value;
    out->certificates = b->body->certificates + b->body->certificate_used;
    json_array_foreach(list, i, value)
    {
        certificate *c = &b->body->certificates[b->body->certificate_used++];
        const char *sha256;
        int revoked = 0;
        b->at[len] = '\0';
        builder_into_at(b, "certificates", i);
        VAULT_TRY(builder_shape(b, value, "{s:s, s?b}", "sha256", &sha256, "revoked", &revoked));
        if (!digest_read(&c->sha256, sha256)) {
            return builder_fail(b, "sha256", "not 64 of 0-9, a-f: SHA-256 over the DER of the certificate");
        }
        c->revoked = revoked != 0;
        out->certificate_count++;
    }
    return VAULT_OK;
}

static vault_code read_app(builder *b, principal *out, json_t *value, json_t **certificates)
{
    VAULT_TRY(builder_shape(b, value, "{s:s, s:s, s:s, s:o}", "id", &out->id, "department", &out->department, "uri",
                            &out->uri, "certificates", certificates));
    const department *d = find_department(b->body, out->department);
    if (!d) {
        return builder_fail(b, "department", "unknown department '%.40s': register it under departments",
                            out->department);
    }
    out->department_no = d->number;
    out->consumer.no = (uint16_t)(out - b->body->principals + 1);
    return VAULT_OK;
}

static vault_code read_officer(builder *b, principal *out, json_t *value, json_t **certificates)
{
    out->department = "";
    return builder_shape(b, value, "{s:s, s:s, s:o}", "id", &out->id, "uri", &out->uri, "certificates", certificates);
}

typedef struct principal_kind {
    const char *name, *at;
    role role;
    vault_code (*read)(builder *b, principal *out, json_t *value, json_t **certificates);
} principal_kind;
static const principal_kind kinds[] = {
    {"apps", "principals.apps", ROLE_APP, read_app},
    {"officers", "principals.officers", ROLE_OFFICER, read_officer},
    {"administrators", "principals.administrators", ROLE_ADMINISTRATOR, read_officer},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Where the principal stands in the document: "principals.officers[0]". */
static void at_principal(builder *b, size_t i)
{
    const manifest_body *body = b->body;
    size_t kind = 0, first = 0;
    while (kind + 1 < KINDS && body->principals[i].role != kinds[kind].role) kind++;
    while (body->principals[first].role != kinds[kind].role) first++;
    builder_at(b, kinds[kind].at, i - first);
}

static vault_code read_kind(builder *b, const principal_kind *kind, principal *out, json_t *list)
{
    size_t i;
    json_t *value, *certificates;
    json_array_foreach(list, i, value)
    {
        builder_entry(b, kind->at, i, value);
        out[i].role = kind->role;
        VAULT_TRY(kind->read(b, &out[i], value, &certificates));
        VAULT_TRY(builder_id(b, "id", out[i].id, ""));
        VAULT_TRY(check_uri(b, out[i].uri));
        VAULT_TRY(read_certificates(b, &out[i], certificates));
    }
    return VAULT_OK;
}

/* The certificates of all principals lie in one array, made once: its place must not move. */
static vault_code count_certificates(builder *b, const principal_kind *kind, json_t *list)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        json_t *certificates = json_object_get(value, "certificates");
        if (!certificates) continue; /* told with the shape */
        builder_entry(b, kind->at, i, value);
        VAULT_TRY(builder_list(b, certificates, "certificates", CERTIFICATES_MAX));
        b->body->certificate_count += json_array_size(certificates);
    }
    return VAULT_OK;
}

/* No vault without somebody who watches it and somebody who runs it. */
static vault_code count_principals(builder *b, json_t *lists[KINDS])
{
    for (size_t i = 0; i < KINDS; i++) {
        builder_in(b, "principals");
        VAULT_TRY(builder_list(b, lists[i], kinds[i].name, LIST_MAX));
        size_t count = json_array_size(lists[i]);
        if (count == 0 && kinds[i].role != ROLE_APP) return builder_fail(b, kinds[i].name, "must have at least one");
        b->body->principal_count += count;
        VAULT_TRY(count_certificates(b, &kinds[i], lists[i]));
    }
    b->body->app_count = json_array_size(lists[0]);
    return VAULT_OK;
}

static vault_code read_principals(builder *b, json_t *lists[KINDS])
{
    manifest_body *body = b->body;
    VAULT_TRY(count_principals(b, lists));
    body->principals = memory_array(body->principal_count, sizeof *body->principals);
    body->certificates = memory_array(body->certificate_count, sizeof *body->certificates);
    principal *next = body->principals;
    for (size_t i = 0; i < KINDS; i++) {
        VAULT_TRY(read_kind(b, &kinds[i], next, lists[i]));
        next += json_array_size(lists[i]);
    }
    return VAULT_OK;
}

/* ---- one account, one role ---- */

/* Apps, officers and administrators share one space of names, so that no name stands in two roles. */
static vault_code check_twins(builder *b, const char *key, const char *const *names)
{
    size_t earlier, later;
    if (!find_twins(&earlier, &later, names, b->body->principal_count)) return VAULT_OK;
    at_principal(b, later);
    return builder_fail(b, key, "'%.64s' looks like '%.64s': rename one", names[later], names[earlier]);
}

static vault_code check_names(builder *b)
{
    const manifest_body *body = b->body;
    const char **names = memory_array(body->principal_count, sizeof *names);
    for (size_t i = 0; i < body->principal_count; i++) names[i] = body->principals[i].uri;
    vault_code code = check_twins(b, "uri", names);
    for (size_t i = 0; i < body->principal_count; i++) names[i] = body->principals[i].id;
    if (code == VAULT_OK) code = check_twins(b, "id", names);
    memory_free(names, body->principal_count * sizeof *names);
    return code;
}

static int compare_certificates(const void *a, const void *b)
{
    const certificate *x = *(const certificate *const *)a, *y = *(const certificate *const *)b;
    int by_digest = memcmp(x->sha256.at, y->sha256.at, DIGEST_LEN);
    return by_digest ? by_digest : (x > y) - (x < y);
}

static vault_code certificate_stands_twice(builder *b, const certificate *c)
{
    size_t i = 0;
    while (c >= b->body->principals[i].certificates + b->body->principals[i].certificate_count) i++;
    at_principal(b, i);
    builder_into_at(b, "certificates", (size_t)(c - b->body->principals[i].certificates));
    return builder_fail(b, "sha256", "stands elsewhere too: a certificate is one principal's, once");
}

static vault_code check_certificates(builder *b)
{
    const manifest_body *body = b->body;
    const certificate **sorted = memory_array(body->certificate_count, sizeof *sorted), *twin = NULL;
    for (size_t i = 0; i < body->certificate_count; i++) sorted[i] = &body->certificates[i];
    qsort(sorted, body->certificate_count, sizeof *sorted, compare_certificates);
    for (size_t i = 1; i < body->certificate_count && !twin; i++) {
        if (memcmp(sorted[i - 1]->sha256.at, sorted[i]->sha256.at, DIGEST_LEN) == 0) twin = sorted[i];
    }
    memory_free(sorted, body->certificate_count * sizeof *sorted);
    return twin ? certificate_stands_twice(b, twin) : VAULT_OK;
}

bool principal_can_call(const principal *p, const digest *but)
{
    for (size_t i = 0; i < p->certificate_count; i++) {
        const certificate *one = &p->certificates[i];
        if (!one->revoked && !(but && memcmp(one->sha256.at, but->at, DIGEST_LEN) == 0)) return true;
    }
    return false;
}

static size_t count_callers(const manifest_body *body, role r)
{
    size_t count = 0;
    for (size_t i = 0; i < body->principal_count; i++) {
        count += body->principals[i].role == r && principal_can_call(&body->principals[i], NULL);
    }
    return count;
}

/* An officer and an administrator must be able to call, and as many officers as must approve: otherwise nothing could
 * ever be changed again. */
static vault_code check_callers(builder *b, json_int_t approvals)
{
    builder_in(b, "principals");
    if (approvals < 1 || approvals > APPROVALS_MAX) return builder_fail(b, "approvals", "not 1 to %d", APPROVALS_MAX);
    for (size_t i = 1; i < KINDS; i++) {
        if (count_callers(b->body, kinds[i].role) > 0) continue;
        return builder_fail(b, kinds[i].name, "none could call: give one a certificate that is not revoked");
    }
    size_t officers = count_callers(b->body, ROLE_OFFICER);
    if ((size_t)approvals > officers) {
        return builder_fail(b, "approvals", "more than the %zu officers who can call", officers);
    }
    b->body->m.approvals = (unsigned)approvals;
    return VAULT_OK;
}

static int compare_uris(const void *a, const void *b)
{
    return strcmp((*(const principal *const *)a)->uri, (*(const principal *const *)b)->uri);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const principal *const *)a)->id, (*(const principal *const *)b)->id);
}

static void index_principals(manifest_body *body)
{
    body->by_uri = memory_array(body->principal_count, sizeof *body->by_uri);
    body->apps_by_id = memory_array(body->app_count, sizeof *body->apps_by_id);
    for (size_t i = 0; i < body->principal_count; i++) body->by_uri[i] = &body->principals[i];
    for (size_t i = 0; i < body->app_count; i++) body->apps_by_id[i] = &body->principals[i];
    qsort(body->by_uri, body->principal_count, sizeof *body->by_uri, compare_uris);
    qsort(body->apps_by_id, body->app_count, sizeof *body->apps_by_id, compare_ids);
}

vault_code build_principals(builder *b, json_t *value)
{
    json_t *departments, *roles, *lists[KINDS];
    json_int_t approvals;
    builder_in(b, "principals");
    VAULT_TRY(builder_shape(b, value, "{s:I, s:o, s:o, s:o, s:o, s:o}", "approvals", &approvals, "departments",
                            &departments, "roles", &roles, "apps", &lists[0], "officers", &lists[1], "administrators",
                            &lists[2]));
    VAULT_TRY(build_departments(b, departments));
    VAULT_TRY(build_roles(b, roles));
    VAULT_TRY(read_principals(b, lists));
    VAULT_TRY(check_names(b));
    VAULT_TRY(check_certificates(b));
    index_principals(b->body);
    return check_callers(b, approvals);
}

/* ---- look-ups ---- */

const principal *manifest_principal(const manifest *m, const char *uri)
{
    const manifest_body *body = body_of(m);
    const principal wanted = {.uri = uri}, *key = &wanted;
    const principal **found = bsearch(&key, body->by_uri, body->principal_count, sizeof *body->by_uri, compare_uris);
    return found ? *found : NULL;
}

const certificate *principal_certificate(const principal *p, const digest *sha256)
{
    for (size_t i = 0; i < p->certificate_count; i++) {
        if (memcmp(p->certificates[i].sha256.at, sha256->at, DIGEST_LEN) == 0) return &p->certificates[i];
    }
    return NULL;
}

const principal *manifest_app(const manifest *m, consumer_no no)
{
    const manifest_body *body = body_of(m);
    return no.no >= 1 && no.no <= body->app_count ? &body->principals[no.no - 1] : NULL;
}

consumer_no find_consumer(const manifest_body *b, const char *id)
{
    const principal wanted = {.id = id}, *key = &wanted;
    const principal **found = bsearch(&key, b->apps_by_id, b->app_count, sizeof *b->apps_by_id, compare_ids);
    return found ? (*found)->consumer : (consumer_no){0};
}
