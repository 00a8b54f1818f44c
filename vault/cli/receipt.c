/* Receipts as files: one JSON document, so that they can be kept with the case and checked years later without the
 * vault. */
#include "vault/cli/internal.h"

#include "vault/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIPTS_FORMAT "resident-vault-receipts-1"

/* ---- writing ---- */

static bytes binary(ProtobufCBinaryData b)
{
    return bytes_of(b.data, b.len);
}

static json_t *line_json(const Vault__V1__ReceiptLine *line)
{
    json_t *value = json_pack("{s:o}", "leaf", base64_json(binary(line->leaf)));
    if (line->resident_view.len == 0) return value;
    json_object_set_new(value, "resident_view",
                        json_stringn((const char *)line->resident_view.data, line->resident_view.len));
    json_object_set_new(value, "resident_salt", base64_json(binary(line->resident_salt)));
    return value;
}

json_t *receipt_json(const Vault__V1__Receipt *r)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < r->n_lines; i++) json_array_append_new(lines, line_json(r->lines[i]));
    return json_pack("{s:I, s:o, s:o, s:s}", "first_line", (json_int_t)r->first_line, "lines", lines, "path",
                     hashes_json(r->path, r->n_path), "checkpoint", r->checkpoint);
}

ctl_exit receipts_save(const ctl *c, option_id to, json_t *all)
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *whole = json_pack("{s:s, s:o}", "format", RECEIPTS_FORMAT, "receipts", all);
    char *text = json_dumps(whole, JSON_INDENT(1));
    if (!text) abort();
    vault_code code = file_replace(c->options[to], bytes_of_text(text), &err);
    memory_free(text, strlen(text));
    if (code == VAULT_OK) return CTL_OK;
    say_error(&err);
    return CTL_FAILED;
}

ctl_exit receipts_write(ctl *c, Vault__V1__Receipt *const *receipts, size_t count)
{
    if (!c->options[OPT_RECEIPT]) return CTL_OK;
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(all, receipt_json(receipts[i]));
    return receipts_save(c, OPT_RECEIPT, all);
}

/* ---- reading ---- */

static bool read_binary(arena *mem, ProtobufCBinaryData *out, const char *text)
{
    size_t len = strlen(text);
    out->data = arena_alloc(mem, len + 1);
    return out->data && base64_decode(out->data, len + 1, &out->len, text, len);
}

static bool read_line(arena *mem, Vault__V1__ReceiptLine **out, json_t *value, vault_error *err)
{
    const char *leaf, *view = NULL, *salt = NULL, *officer = NULL, *officer_salt = NULL; /* officer: verify_officers */
    Vault__V1__ReceiptLine *line = arena_alloc(mem, sizeof *line);
    if (!line ||
        json_shape(value, err, "line", "{s:s, s?s, s?s, s?s, s?s}", "leaf", &leaf, "resident_view", &view,
                   "resident_salt", &salt, "officer_view", &officer, "officer_salt", &officer_salt) != VAULT_OK)
        return false;
    vault__v1__receipt_line__init(line);
    *out = line;
    if (!read_binary(mem, &line->leaf, leaf) || !view != !salt) return false;
    if (!view) return true;
    line->resident_view = (ProtobufCBinaryData){.len = strlen(view), .data = (uint8_t *)(uintptr_t)view};
    return read_binary(mem, &line->resident_salt, salt);
}

static bool read_path(arena *mem, Vault__V1__Receipt *out, json_t *path)
{
    out->path = arena_array(mem, json_array_size(path) + 1, sizeof *out->path);
    for (size_t i = 0; out->path && i < json_array_size(path); i++) {
        const char *text = json_string_value(json_array_get(path, i));
        if (!text || !read_binary(mem, &out->path[i], text)) return false;
        out->n_path++;
    }
    return out->path != NULL;
}

/* Texts are borrowed from the document. */
static bool read_receipt(arena *mem, Vault__V1__Receipt *out, json_t *value, vault_error *err)
{
    json_int_t first;
    json_t *lines, *path;
    vault__v1__receipt__init(out);
    if (json_shape(value, err, "receipt", "{s:I, s:o, s:o, s:s}", "first_line", &first, "lines", &lines, "path", &path,
                   "checkpoint", &out->checkpoint) != VAULT_OK ||
        first < 0)
        return false;
    out->first_line = (uint64_t)first;
    out->lines = arena_array(mem, json_array_size(lines) + 1, sizeof *out->lines);
    for (size_t i = 0; out->lines && i < json_array_size(lines); i++) {
        if (!read_line(mem, &out->lines[i], json_array_get(lines, i), err)) return false;
        out->n_lines++;
    }
    return out->lines && read_path(mem, out, path);
}

/* ---- receipt verify ---- */

/* What an officer keeps of a query opens the other hash of the leaf. */
static finding verify_officer(arena *mem, const Vault__V1__ReceiptLine *line, const json_t *value)
{
    Vault__V1__Line as = VAULT__V1__LINE__INIT;
    const char *view = json_string_value(json_object_get(value, "officer_view"));
    const char *salt = json_string_value(json_object_get(value, "officer_salt"));
    if (!view && !salt) return (finding){VERDICT_VALID, ""};
    as.leaf = line->leaf;
    as.officer_view = lent(view ? view : "");
    if (!view || !salt || !read_binary(mem, &as.officer_salt, salt))
        return (finding){VERDICT_INCOMPLETE, "the file does not hold a whole receipt"};
    return line_opens(&as) ? (finding){VERDICT_VALID, ""}
                           : (finding){VERDICT_TAMPERED, "an officer's view does not open its leaf"};
}

static finding verify_officers(arena *mem, const Vault__V1__Receipt *r, json_t *value)
{
    finding f = {VERDICT_VALID, ""};
    const json_t *lines = json_object_get(value, "lines");
    for (size_t i = 0; i < r->n_lines && f.verdict == VERDICT_VALID; i++)
        f = verify_officer(mem, r->lines[i], json_array_get(lines, i));
    return f;
}

static finding verify_one(ctl *c, json_t *value, const note_key *key, Vault__V1__Receipt *out)
{
    vault_error dropped = {0};
    if (!read_receipt(c->mem, out, value, &dropped))
        return (finding){VERDICT_INCOMPLETE, "the file does not hold a whole receipt"};
    finding f = verify_receipt(c->mem, out, key);
    return f.verdict == VERDICT_VALID ? verify_officers(c->mem, out, value) : f;
}

static void show(const ctl *c, const Vault__V1__Receipt *r, finding f)
{
    unsigned long long first = r->first_line, last = first + (r->n_lines ? r->n_lines - 1 : 0);
    if (c->options[OPT_JSON])
        print_json(json_pack("{s:s, s:s, s:I, s:I}", "verdict", verdict_name(f.verdict), "why", f.why, "first_line",
                             (json_int_t)first, "lines", (json_int_t)r->n_lines));
    else
        printf("lines %llu to %llu: %s%s%s\n", first, last, verdict_name(f.verdict), *f.why ? ": " : "", f.why);
}

/* The worst verdict counts: tampered before incomplete before unverifiable. */
static verdict worse(verdict a, verdict b)
{
    if (a == VERDICT_VALID || b == VERDICT_VALID) return a == VERDICT_VALID ? b : a;
    return a < b ? a : b;
}

static ctl_exit verify_all(ctl *c, json_t *receipts, const note_key *key)
{
    verdict all = json_array_size(receipts) ? VERDICT_VALID : VERDICT_INCOMPLETE;
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        Vault__V1__Receipt r;
        finding f = verify_one(c, json_array_get(receipts, i), key, &r);
        show(c, &r, f);
        all = worse(all, f.verdict);
    }
    return verdict_exit(all);
}

bool receipts_load(const char *path, json_t **whole, json_t **receipts)
{
    vault_error err = {0};
    const char *format;
    if (json_read_file(whole, path, &err) == VAULT_OK &&
        json_shape(*whole, &err, "receipts", "{s:s, s:o}", "format", &format, "receipts", receipts) == VAULT_OK &&
        strcmp(format, RECEIPTS_FORMAT) == 0)
        return true;
    fprintf(stderr, "vaultctl: incomplete: %s is not a file of receipts\n", path);
    return false;
}

ctl_exit run_receipt_verify(ctl *c)
{
    VAULT_CLEANUP(json_clear) json_t *whole = NULL;
    note_key key;
    json_t *receipts;
    finding f = log_key(c, &key);
    if (f.verdict != VERDICT_VALID) {
        fprintf(stderr, "vaultctl: unverifiable: %s\n", f.why);
        return verdict_exit(f.verdict);
    }
    if (!receipts_load(c->arguments[0], &whole, &receipts)) return CTL_INCOMPLETE;
    return verify_all(c, receipts, &key);
}
