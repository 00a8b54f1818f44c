/* A leaked list that an officer brings: it waits for another officer like a proposal, never comes into force, and what
 * it gives leave for ends with it. The list itself lies sealed elsewhere; here is what it is: columns, rows, when it
 * was seen, and a digest with salt that binds the leave to just this list. */
#include "vault/control/staged.h"

#include <string.h>

static vault_code check_room(const draft *d)
{
    unsigned all = 0;
    for (size_t i = 0; i < d->core.pending_count; i++) all += d->core.pending[i].document == DOC_LEAK;
    return all < LEAKS_MAX ? VAULT_OK : vault_refuse(d->err, VAULT_EXHAUSTED, "TOO_MANY_LEAKS", "");
}

static json_t *column_names(const leak_ask *of)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < of->column_count; i++) {
        if (json_array_append_new(list, json_string(of->columns[i])) == 0) continue;
        json_clear(&list);
    }
    return list;
}

static json_t *describe(const draft *d)
{
    const leak_ask *of = d->what->leak;
    digest_hex bound;
    json_t *columns = column_names(of);
    digest_write(bound, &of->bound);
    if (!columns) return NULL;
    return json_pack("{s:o, s:s, s:s, s:I, s:I, s:s, s:I}", "columns", columns, "list", bound, "officer",
                     d->what->who->id, "rows", (json_int_t)of->rows, "seen", (json_int_t)of->seen_us, "ticket",
                     d->core.record.ticket, "total_rows", (json_int_t)of->total_rows);
}

vault_code leak_propose(draft *d)
{
    const digest nothing = {0};
    VAULT_TRY(draft_must_be(d, ROLE_OFFICER));
    VAULT_TRY(check_room(d));
    VAULT_CLEANUP(json_clear) json_t *value = describe(d);
    if (!value) return vault_fail(d->err, VAULT_INVALID, "a text of the list's header is not UTF-8");
    VAULT_TRY(draft_propose(d, DOC_LEAK, value, &nothing));
    d->core.pending[d->core.pending_count - 1].bound = d->what->leak->bound;
    return VAULT_OK;
}

static vault_code read_columns(leak_ask *out, arena *mem, json_t *list, vault_error *err)
{
    size_t i, count = json_array_size(list);
    json_t *one;
    const char **columns = arena_array(mem, count + 1, sizeof *columns);
    if (!columns) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a leak");
    json_array_foreach(list, i, one)
    {
        const char *text = json_string_value(one);
        if (!text) return vault_fail(err, VAULT_INTEGRITY, "a leak does not say its columns");
        if (!(columns[i] = arena_text(mem, bytes_of_text(text))))
            return vault_fail(err, VAULT_EXHAUSTED, "no memory for a leak");
    }
    out->columns = columns;
    out->column_count = count;
    return VAULT_OK;
}

vault_code leak_read(leak_ask *out, arena *mem, bytes content, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    json_int_t rows, seen, total;
    json_t *columns;
    *out = (leak_ask){0};
    VAULT_TRY(json_read(&value, content, "leak", err));
    if (json_unpack(value, "{s:o, s:I, s:I, s:I}", "columns", &columns, "rows", &rows, "seen", &seen, "total_rows",
                    &total) != 0)
        return vault_fail(err, VAULT_INTEGRITY, "a leak does not say what it is");
    out->rows = (uint64_t)rows;
    out->seen_us = seen;
    out->total_rows = (uint64_t)total;
    return read_columns(out, mem, columns, err);
}
