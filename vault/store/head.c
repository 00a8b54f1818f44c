/* The head, the append that moves it, and the published checkpoint. */
#include "vault/store/internal.h"

#include <string.h>

static void arg_head(store *s, const head_row *head)
{
    arg_int8(s, head->size);
    arg_int8(s, head->time);
    arg_int8(s, head->control_version);
    arg_bytes(s, digest_bytes(&head->control_digest));
    arg_int4(s, head->log_version);
    arg_int8(s, head->erased);
    arg_bytes(s, digest_bytes(&head->erasure));
    arg_bytes(s, bytes_of(head->row_sum, ROW_SUM_LEN));
    arg_bytes(s, bytes_of(head->frontier, head->frontier_len));
    arg_bytes(s, bytes_of(head->mac, HEAD_MAC_LEN));
}

static vault_code read_head(store *s, statement_id id, head_row *out, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, id);
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return vault_fail(err, VAULT_NOT_FOUND, "the log has no head");
    bytes frontier = col_bytes(r, 0, 8);
    *out = (head_row){.size = col_int8(r, 0, 0),
                      .time = col_int8(r, 0, 1),
                      .control_version = col_int8(r, 0, 2),
                      .log_version = col_int4(r, 0, 4),
                      .erased = col_int8(r, 0, 5)};
    if (!col_fixed(r, 0, 3, out->control_digest.at, DIGEST_LEN) || !col_fixed(r, 0, 6, out->erasure.at, DIGEST_LEN) ||
        !col_fixed(r, 0, 7, out->row_sum, ROW_SUM_LEN) || !col_fixed(r, 0, 9, out->mac, HEAD_MAC_LEN) ||
        frontier.len > FRONTIER_MAX)
        return vault_fail(err, VAULT_INTEGRITY, "a column of the head has a length that it never has");
    out->frontier_len = frontier.len;
    memcpy(out->frontier, frontier.at, frontier.len);
    return VAULT_OK;
}

vault_code store_head_create(store *s, const head_row *head, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_HEAD_CREATE);
    arg_head(s, head);
    VAULT_TRY(call_run(s, &r, err));
    return col_int8(r, 0, 0) == 1 ? VAULT_OK : vault_fail(err, VAULT_CONFLICT, "the log has a head");
}

vault_code store_head_read(store *s, head_row *out, vault_error *err)
{
    return read_head(s, ST_HEAD_READ, out, err);
}

vault_code store_head_lock(store *s, head_row *out, vault_error *err)
{
    if (!s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "head lock: no transaction is open");
    return read_head(s, ST_HEAD_LOCK, out, err);
}

/* ---- append ---- */

static void arg_lines(store *s, const line_row *lines, size_t count)
{
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, lines[i].index);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, lines[i].leaf);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, lines[i].nodes);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, lines[i].officer);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_blob(s, lines[i].resident);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, lines[i].resident_tag);
    arg_array(s, count);
    for (size_t i = 0; i < count; i++) put_int8(s, lines[i].person_tag);
}

/* The one place where the log could get a gap: lines follow the head that is replaced, and the new head counts them. */
static bool contiguous(const head_row *from, const head_row *to, const line_row *lines)
{
    bool good = to->size >= from->size && to->frontier_len <= FRONTIER_MAX;
    for (int64_t i = 0; good && i < to->size - from->size; i++) good = lines[i].index == from->size + i;
    return good;
}

static vault_code copy_lines(store *s, const line_row *lines, size_t count, vault_error *err)
{
    copy_start(s, ST_LINES_COPY);
    for (size_t i = 0; i < count; i++) {
        copy_next(s, 7);
        put_int8(s, lines[i].index);
        put_blob(s, lines[i].leaf);
        put_blob(s, lines[i].nodes);
        put_blob(s, lines[i].officer);
        put_blob(s, lines[i].resident);
        put_int8(s, lines[i].resident_tag);
        put_int8(s, lines[i].person_tag);
    }
    return copy_run(s, err);
}

/* Many lines of a transaction go in by COPY, behind a head that was moved without them: two more round trips, and a
 * third of the work. By itself the statement with its lines is the transaction. */
enum { COPY_LEAST = 64 };

vault_code store_append(store *s, append_from from, const head_row *to, const line_row *lines, bool *moved,
                        vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (!contiguous(from.head, to, lines))
        return vault_fail(err, VAULT_INTERNAL, "append: lines do not follow the head");
    size_t count = (size_t)(to->size - from.head->size);
    bool copied = s->in_transaction && count >= COPY_LEAST;
    call_start(s, ST_APPEND);
    arg_head(s, to);
    arg_int8(s, from.head->size);
    arg_int8(s, from.head->control_version);
    arg_lines(s, lines, copied ? 0 : count);
    arg_int8(s, from.stamp);
    VAULT_TRY(call_run(s, &r, err));
    *moved = col_int8(r, 0, 0) == 0;
    return copied && !*moved ? copy_lines(s, lines, count, err) : VAULT_OK;
}

/* ---- published checkpoint ---- */

vault_code store_checkpoint_publish(store *s, int64_t from_size, int64_t size, const char *note, bool *swapped,
                                    vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    if (size < from_size) return vault_fail(err, VAULT_INTERNAL, "a checkpoint never goes back");
    call_start(s, ST_CHECKPOINT_PUBLISH);
    arg_int8(s, from_size);
    arg_int8(s, size);
    arg_text(s, note);
    VAULT_TRY(call_run(s, &r, err));
    *swapped = col_int8(r, 0, 0) == 1;
    return VAULT_OK;
}

static vault_code read_note(store *s, arena *mem, int64_t *size, const char **note, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    *size = 0;
    *note = "";
    VAULT_TRY(call_run(s, &r, err));
    if (PQntuples(r) == 0) return VAULT_OK;
    const char *text = arena_text(mem, col_bytes(r, 0, 1));
    if (!text) return store_out_of_memory(err);
    *size = col_int8(r, 0, 0);
    *note = text;
    return VAULT_OK;
}

vault_code store_checkpoint_read(store *s, arena *mem, int64_t *size, const char **note, vault_error *err)
{
    call_start(s, ST_CHECKPOINT_READ);
    return read_note(s, mem, size, note, err);
}

vault_code store_cosigned_read(store *s, arena *mem, int64_t *size, const char **note, vault_error *err)
{
    call_start(s, ST_COSIGNED_READ);
    return read_note(s, mem, size, note, err);
}

vault_code store_cosigned_write(store *s, int64_t size, const char *note, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    call_start(s, ST_COSIGNED_WRITE);
    arg_int8(s, size);
    arg_text(s, note);
    return call_run(s, &r, err);
}
