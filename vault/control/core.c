/* A manifest row: what stands in it, and which rows of documents and rings belong to it. */
#include "vault/control/core.h"
#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[CHANGES] = {"init",   "propose", "approve", "activate", "reject",
                                           "revoke", "rotate",  "destroy", "rekey",    "seal",
                                           "unseal", "open",    "review",  "plant",    "retire"};

const char *change_kind_name(change_kind k)
{
    return (unsigned)k < CHANGES ? kinds[k] : "";
}

void digest_write(digest_hex out, const digest *d)
{
    hex_encode(out, digest_bytes(d));
}

bool digest_same(const digest *a, const digest *b)
{
    return bytes_equal_secret(digest_bytes(a), digest_bytes(b));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_read(digest *out, const char *hex)
{
    if (!hex || strnlen(hex, 2 * DIGEST_LEN + 1) != 2 * DIGEST_LEN) return false;
    for (size_t i = 0; i < DIGEST_LEN; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out->at[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- writing ---- */

static json_t *hex_json(const digest *d)
{
    digest_hex text;
    digest_write(text, d);
    return json_string(text);
}

static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *documents_json(const manifest_core *core)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        json_t *one = json_pack("{s:o, s:I, s:I}", "digest", hex_json(&core->documents[i].digest), "row",
                                (json_int_t)core->documents[i].row, "version", (json_int_t)core->documents[i].version);
        json_object_set_new(all, document_name((document)i), one);
    }
    return all;
}

static json_t *approval_json(const approval *a)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:s, s:I, s:s, s:s, s:I, s:s, s:I}", "approved_by",
                     texts_json(a->approved_by, a->approved_count), "base", hex_json(&a->base), "bound",
                     hex_json(&a->bound), "content", hex_json(&a->content), "created", (json_int_t)a->created_us,
                     "document", document_name(a->document), "expires", (json_int_t)a->expires_us, "name", a->name,
                     "proposer", a->proposer, "size", (json_int_t)a->size, "ticket", a->ticket, "version",
                     (json_int_t)a->version);
}

static json_t *pending_json(const manifest_core *core)
{
    json_t *list = json_array();
    for (size_t i = 0; i < core->pending_count; i++) json_array_append_new(list, approval_json(&core->pending[i]));
    return list;
}

static json_t *record_json(const change_record *r)
{
    return json_pack("{s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:s}", "after", hex_json(&r->after), "approval",
                     r->approval, "before", hex_json(&r->before), "document", r->document, "emergency", r->emergency,
                     "kind", change_kind_name(r->kind), "ticket", r->ticket, "time", (json_int_t)r->time_us, "who",
                     r->who);
}

vault_code core_write(bytes *out, arena *mem, const char *vault, const manifest_core *core, vault_error *err)
{
    VAULT_CLEANUP(json_clear)
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:I}", "change", record_json(&core->record),
                  "documents", documents_json(core), "emergencies", emergencies_json(core), "expired",
                  texts_json(core->expired, core->expired_count), "fixed", hex_json(&core->fixed), "pending",
                  pending_json(core), "previous", hex_json(&core->previous), "rings", hex_json(&core->rings), "turns",
                  (json_int_t)core->turns, "vault", vault, "version", (json_int_t)core->record.version);
    if (!all) return vault_fail(err, VAULT_INVALID, "a text of the change is not UTF-8");
    return document_canonical(out, mem, all, err);
}

/* ---- reading: whatever is not as it is written above was not written by this program ---- */

static bool read_texts(const char **out, size_t *count, json_t *list, size_t most)
{
    size_t i;
    json_t *value;
    *count = json_array_size(list);
    if (!json_is_array(list) || *count > most) return false;
    json_array_foreach(list, i, value)
    {
        out[i] = json_string_value(value);
        if (!out[i]) return false;
    }
    return true;
}

static bool read_documents(manifest_core *core, json_t *all)
{
    if (json_object_size(all) != DOCUMENTS) return false;
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        const char *hex;
        json_int_t row, version;
        json_t *one = json_object_get(all, document_name((document)i));
        if (json_unpack_ex(one, NULL, JSON_STRICT, "{s:s, s:I, s:I}", "digest", &hex, "row", &row, "version",
                           &version) != 0)
            return false;
        core->documents[i].row = row;
        core->documents[i].version = version;
        if (!digest_read(&core->documents[i].digest, hex)) return false;
    }
    return true;
}

/* What may wait for approval: a document that people write, an operation, a call, or a leaked list. */
static bool proposal_named(document *out, const char *name)
{
    for (document d = DOC_OPERATION; d <= DOC_LEAK; d++)
        if (strcmp(name, document_name(d)) == 0) return *out = d, true;
    return document_named(out, name);
}

static bool read_approval(approval *out, json_t *value)
{
    const char *base, *bound, *content, *name, *named;
    json_int_t created, expires, size, version;
    json_t *by;
    size_t count;
    if (json_unpack_ex(value, NULL, JSON_STRICT, "{s:o, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:I, s:s, s:I}",
                       "approved_by", &by, "base", &base, "bound", &bound, "content", &content, "created", &created,
                       "document", &named, "expires", &expires, "name", &name, "proposer", &out->proposer, "size",
                       &size, "ticket", &out->ticket, "version", &version) != 0)
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    out->created_us = created;
    out->expires_us = expires;
    out->version = version;
    out->size = size;
    bool good = strlen(name) == APPROVAL_NAME_LEN && proposal_named(&out->document, named) &&
                digest_read(&out->base, base) && digest_read(&out->content, content) &&
                digest_read(&out->bound, bound) && read_texts(out->approved_by, &count, by, APPROVALS_MAX);
    out->approved_count = good ? (unsigned)count : 0;
    return good;
}

static bool read_pending(manifest_core *core, json_t *list)
{
    size_t i;
    json_t *value;
    if (!json_is_array(list) || json_array_size(list) > PENDING_MAX) return false;
    json_array_foreach(list, i, value)
    {
        if (!read_approval(&core->pending[i], value)) return false;
    }
    core->pending_count = json_array_size(list);
    return true;
}

static bool read_record(change_record *out, json_t *value)
{
    const char *after, *before, *kind;
    json_int_t time;
    if (json_unpack_ex(value, NULL, JSON_STRICT, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "after", &after,
                       "approval", &out->approval, "before", &before, "document", &out->document, "emergency",
                       &out->emergency, "kind", &kind, "ticket", &out->ticket, "time", &time, "who", &out->who) != 0)
        return false;
    out->time_us = time;
    out->kind = 0;
    while (out->kind < CHANGES && strcmp(kinds[out->kind], kind) != 0) out->kind++;
    return out->kind < CHANGES && digest_read(&out->before, before) && digest_read(&out->after, after);
}

static bool read_all(manifest_core *core, const seal_place *at)
{
    const char *vault, *previous, *rings, *fixed;
    json_int_t version, turns;
    json_t *record, *docs, *emergencies, *expired, *pending;
    if (json_unpack_ex(core->text, NULL, JSON_STRICT, "{s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:s, s:I, s:s, s:I}",
                       "change", &record, "documents", &docs, "emergencies", &emergencies, "expired", &expired, "fixed",
                       &fixed, "pending", &pending, "previous", &previous, "rings", &rings, "turns", &turns, "vault",
                       &vault, "version", &version) != 0)
        return false;
    core->record.version = version;
    core->turns = turns;
    return version == at->version && strcmp(vault, at->vault) == 0 && digest_read(&core->previous, previous) &&
           digest_read(&core->rings, rings) && digest_read(&core->fixed, fixed) && read_documents(core, docs) &&
           emergencies_read(core, emergencies) && read_pending(core, pending) &&
           read_texts(core->expired, &core->expired_count, expired, PENDING_MAX) && read_record(&core->record, record);
}

vault_code core_read(manifest_core *out, bytes text, const seal_place *at, vault_error *err)
{
    vault_error ignored = {0};
    *out = (manifest_core){0};
    if (json_read(&out->text, text, "manifest", &ignored) == VAULT_OK && read_all(out, at)) {
        out->record.manifest = sha256(text);
        return VAULT_OK;
    }
    core_clear(out);
    return vault_fail(err, VAULT_INTEGRITY, "manifest %lld is not as this program writes it", (long long)at->version);
}

void core_clear(manifest_core *core)
{
    json_clear(&core->text);
    *core = (manifest_core){0};
}

/* ---- rows ---- */

vault_code core_open(manifest_core *out, arena *mem, const opener *with, const manifest_row *row, vault_error *err)
{
    const seal_place at = {"manifest", with->vault, row->version};
    bytes text;
    VAULT_TRY(control_unseal(&text, mem, with->keys, &at, row->sealed, err));
    return core_read(out, text, &at, err);
}

vault_code document_open(bytes *text, arena *mem, const opener *with, const document_row *row, const digest *wanted,
                         vault_error *err)
{
    const seal_place at = {row->name, with->vault, row->version};
    VAULT_TRY(control_unseal(text, mem, with->keys, &at, row->sealed, err));
    digest found = sha256(*text);
    if (digest_same(&found, wanted)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "control: %.40s %lld is not what the manifest names", row->name,
                      (long long)row->version);
}

size_t core_names(named_row out[NAMED_MAX], const manifest_core *core)
{
    size_t count = 0;
    for (unsigned i = 0; i < DOCUMENTS; i++)
        out[count++] = (named_row){document_name((document)i), core->documents[i].row, &core->documents[i].digest};
    for (size_t i = 0; i < core->pending_count; i++) {
        const approval *a = &core->pending[i];
        out[count++] = (named_row){document_name(a->document), a->version, &a->content};
    }
    return count;
}

/* ---- rings ---- */

static int compare_rings(const void *a, const void *b)
{
    const ring_row *x = a, *y = b;
    int by_name = strcmp(x->name, y->name);
    return by_name ? by_name : (x->version > y->version) - (x->version < y->version);
}

/* A chain of digests, so that no buffer need hold them all. */
static digest chain_ring(const digest *before, const ring_row *row)
{
    uint8_t fixed[40];
    writer w = writer_over(fixed, sizeof fixed);
    put_u32(&w, (uint32_t)strlen(row->name));
    put_u32(&w, (uint32_t)row->version);
    put_u16(&w, (uint16_t)row->suite);
    put_u16(&w, (uint16_t)row->state);
    put_u64(&w, (uint64_t)row->since);
    put_u64(&w, (uint64_t)row->ends_us);
    put_u64(&w, (uint64_t)row->created_us);
    put_u32(&w, (uint32_t)row->wrapped.len);
    const bytes parts[] = {digest_bytes(before), writer_bytes(&w), bytes_of_text(row->name), row->wrapped};
    return sha256_parts(parts, sizeof parts / sizeof *parts);
}

digest ring_rows_digest(ring_row *rows, size_t count)
{
    digest sum = {0};
    if (count > 0) qsort(rows, count, sizeof *rows, compare_rings);
    for (size_t i = 0; i < count; i++) sum = chain_ring(&sum, &rows[i]);
    return sum;
}

ring_row ring_row_of(const ring *r)
{
    return (ring_row){.name = r->name,
                      .version = (int32_t)r->version,
                      .suite = (int16_t)r->suite,
                      .state = (int16_t)r->state,
                      .since = r->since,
                      .ends_us = r->ends_us,
                      .wrapped = bytes_of(r->wrapped, sizeof r->wrapped),
                      .created_us = clock_now_us()};
}

digest vault_row_digest(const vault_row *row)
{
    const int64_t numbers[] = {row->format,
                               row->source,
                               row->generation,
                               row->threshold,
                               row->shares,
                               row->argon2_passes,
                               row->argon2_memory_kib,
                               row->argon2_lanes,
                               (int64_t)row->salt.len,
                               (int64_t)row->checks.len,
                               (int64_t)row->root.len};
    uint8_t fixed[sizeof numbers];
    writer w = writer_over(fixed, sizeof fixed);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) put_u64(&w, (uint64_t)numbers[i]);
    const bytes parts[] = {writer_bytes(&w), row->salt, row->checks, row->root, bytes_of_text(row->name)};
    return sha256_parts(parts, sizeof parts / sizeof *parts);
}

vault_code core_check_rings(const manifest_core *core, ring_row *rows, size_t count, vault_error *err)
{
    digest sum = ring_rows_digest(rows, count);
    if (digest_same(&sum, &core->rings)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the rows of key rings are not those that the manifest names");
}

vault_code core_check_fixed(const manifest_core *core, const digest *fixed, vault_error *err)
{
    if (digest_same(fixed, &core->fixed)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the row of the vault is not the one that the manifest names");
}

/* ---- the root key at rest ---- */

vault_code control_root_seal(root_seal *out, const vault_row *row, vault_error *err)
{
    *out = (root_seal){.source = (root_source)row->source,
                       .generation = (uint32_t)row->generation,
                       .threshold = (uint32_t)row->threshold,
                       .shares = (uint32_t)row->shares,
                       .cost = {.passes = (uint32_t)row->argon2_passes,
                                .memory_kib = (uint32_t)row->argon2_memory_kib,
                                .lanes = (uint32_t)row->argon2_lanes}};
    if (row->salt.len != sizeof out->salt || row->checks.len != sizeof out->checks ||
        row->root.len != sizeof out->wrapped)
        return vault_fail(err, VAULT_INTEGRITY, "the vault's row is not as this program writes it");
    memcpy(out->salt, row->salt.at, sizeof out->salt);
    memcpy(out->checks, row->checks.at, sizeof out->checks);
    memcpy(out->wrapped, row->root.at, sizeof out->wrapped);
    return VAULT_OK;
}

void vault_row_seal(vault_row *inout, const root_seal *s)
{
    inout->source = (int16_t)s->source;
    inout->generation = (int32_t)s->generation;
    inout->threshold = (int32_t)s->threshold;
    inout->shares = (int32_t)s->shares;
    inout->salt = bytes_of(s->salt, sizeof s->salt);
    inout->argon2_passes = (int32_t)s->cost.passes;
    inout->argon2_memory_kib = (int32_t)s->cost.memory_kib;
    inout->argon2_lanes = (int32_t)s->cost.lanes;
    inout->checks = bytes_of(s->checks, sizeof s->checks);
    inout->root = bytes_of(s->wrapped, sizeof s->wrapped);
}
