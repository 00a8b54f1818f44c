/* A part: rows of the file that go to the vault in one call, and what becomes of each. Where a part ends depends on the
 * file and the plan alone, so that a part sent again is the same to the byte. */
#include "vault/cli/import.h"

#include <string.h>

/* What rows may take of memory, by a rough count; a message, of what a vault takes at once. */
enum { PART_COST = 24 << 20, MESSAGE_BYTES = 1 << 20, MESSAGE_VALUES = 1 << 16 };

/* ---- reading ---- */

static vault_code begin(part *p, const part_plan *plan, vault_error *err)
{
    arena *mem = p->mem;
    arena_reset(mem);
    *p = (part){.mem = mem,
                .rows = arena_array(mem, plan->rows, sizeof *p->rows),
                .sent = arena_array(mem, plan->rows, sizeof *p->sent)};
    return p->rows && p->sent ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for a part");
}

vault_code part_read(part *p, const part_plan *plan, uint64_t number, vault_error *err)
{
    VAULT_TRY(begin(p, plan, err));
    p->number = number;
    while (p->count < plan->rows && p->cost < PART_COST) {
        uint64_t at = source_offset(plan->from);
        vault_code code = source_next(plan->from, p->mem, &p->rows[p->count], err);
        if (code == VAULT_NOT_FOUND) break;
        if (code != VAULT_OK) return code;
        if (!p->rows[p->count].fault) p->sent[p->sent_count++] = p->count;
        p->count++;
        p->cost += 5 * (size_t)(source_offset(plan->from) - at) + plan->columns->columns * sizeof(char *);
    }
    p->offset = source_offset(plan->from);
    p->line = plan->from->line;
    return VAULT_OK;
}

/* ---- packing ---- */

static bool add_message(part *p, const Vault__V1__ImportRequest *message)
{
    size_t len = vault__v1__import_request__get_packed_size(message);
    uint8_t *at = arena_alloc(p->mem, len + 1);
    if (!at) return false;
    vault__v1__import_request__pack(message, at);
    p->messages[p->message_count++] = bytes_of(at, len);
    return true;
}

static bool add_header(part *p, const part_plan *plan)
{
    Vault__V1__RequestContext context;
    Vault__V1__ImportHeader header = VAULT__V1__IMPORT_HEADER__INIT;
    Vault__V1__ImportRequest message = VAULT__V1__IMPORT_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    if (!ctl_context(plan->ctl, &context)) return false;
    context.request_id = arena_format(p->mem, "%s.%llu", plan->import_id, (unsigned long long)p->number);
    mask.paths = plan->columns->paths;
    mask.n_paths = plan->columns->count;
    header.collection = plan->columns->collection->name;
    header.field_mask = &mask;
    header.collect_time = (Google__Protobuf__Timestamp *)(uintptr_t)plan->collected;
    header.dry_run = plan->dry_run;
    message.context = &context;
    message.header = &header;
    return context.request_id && add_message(p, &message);
}

static Vault__V1__ResidentInput *input_of(part *p, const mapping *columns, const row *from, size_t *size)
{
    Vault__V1__ResidentInput *input = arena_alloc(p->mem, sizeof *input);
    if (!input) return NULL;
    vault__v1__resident_input__init(input);
    input->values = arena_array(p->mem, columns->count, sizeof *input->values);
    input->n_values = columns->count;
    for (size_t i = 0; input->values && i < columns->count; i++) input->values[i] = from->values[columns->places[i]];
    *size += vault__v1__resident_input__get_packed_size(input) + 8;
    return input->values ? input : NULL;
}

/* Rows from *next on, as many as a message takes. */
static bool add_rows(part *p, const part_plan *plan, size_t *next)
{
    Vault__V1__ResidentInput *rows[MESSAGE_ROWS];
    Vault__V1__ImportRequest message = VAULT__V1__IMPORT_REQUEST__INIT;
    size_t size = 0;
    message.rows = rows;
    while (*next < p->sent_count && message.n_rows < MESSAGE_ROWS && size < MESSAGE_BYTES &&
           message.n_rows * plan->columns->count < MESSAGE_VALUES) {
        rows[message.n_rows] = input_of(p, plan->columns, &p->rows[p->sent[(*next)++]], &size);
        if (!rows[message.n_rows++]) return false;
    }
    return add_message(p, &message);
}

/* Packed before: only the header is new, because an assertion is good for one call. */
static bool renew_header(part *p, const part_plan *plan)
{
    size_t count = p->message_count;
    p->message_count = 0;
    bool done = add_header(p, plan);
    p->message_count = count;
    return done;
}

bool part_pack(part *p, const part_plan *plan)
{
    size_t next = 0;
    if (p->messages) return renew_header(p, plan);
    p->messages = arena_array(p->mem, p->sent_count + 1, sizeof *p->messages);
    if (!p->messages || !add_header(p, plan)) return false;
    while (next < p->sent_count) {
        if (!add_rows(p, plan, &next)) return false;
    }
    return true;
}

/* ---- accounting ---- */

static bool reply_fits(const part *p, const Vault__V1__ImportResponse *reply)
{
    size_t rejected = 0;
    if (reply->rows != p->sent_count ||
        (uint64_t)reply->created + reply->updated + reply->unchanged + reply->rejected != reply->rows)
        return false;
    for (size_t i = 0; i < reply->n_reports; i++) {
        rejected += reply->reports[i]->rejected != 0;
        if (reply->reports[i]->row >= p->sent_count) return false;
        if (i > 0 && reply->reports[i]->row <= reply->reports[i - 1]->row) return false;
    }
    return rejected == reply->rejected;
}

/* Texts of a row's faults, joined; what does not fit is left out. */
static void join(char *out, const Vault__V1__RowReport *report, bool reasons)
{
    writer w = writer_over(out, TEXT_MAX - 1);
    for (size_t i = 0; i < report->n_fields; i++) {
        size_t before = w.len;
        if (i > 0) put_u8(&w, ';');
        put_bytes(&w, bytes_of_text(reasons ? report->fields[i]->reason : report->fields[i]->field));
        if (!w.overflow) continue;
        w.len = before;
        break;
    }
    out[w.len] = '\0';
}

static void tell_quality(quality *q, const Vault__V1__RowReport *report)
{
    for (size_t i = 0; q && i < report->n_fields; i++)
        quality_fault(q, report->fields[i]->field, report->fields[i]->reason);
}

static vault_code account_fault(const row *r, const part_plan *plan, const part_books *books, vault_error *err)
{
    books->counts->rejected++;
    if (books->quality) quality_fault(books->quality, "", r->fault);
    return rejects_add(books->rejects, plan->from, r, r->fault_field, r->fault, err);
}

static vault_code account_report(const row *r, const part_plan *plan, const Vault__V1__RowReport *report,
                                 const part_books *books, vault_error *err)
{
    char fields[TEXT_MAX], reasons[TEXT_MAX];
    tell_quality(books->quality, report);
    if (!report->rejected) {
        books->counts->corrections += report->n_fields > 0;
        return VAULT_OK;
    }
    join(fields, report, false);
    join(reasons, report, true);
    return rejects_add(books->rejects, plan->from, r, fields, reasons, err);
}

static vault_code account_rows(part *p, const part_plan *plan, const Vault__V1__ImportResponse *reply,
                               const part_books *books, vault_error *err)
{
    size_t sent = 0, told = 0;
    for (size_t i = 0; i < p->count; i++) {
        const row *r = &p->rows[i];
        if (r->fault) {
            VAULT_TRY(account_fault(r, plan, books, err));
            continue;
        }
        if (books->quality) quality_row(books->quality, p->mem, r);
        if (told < reply->n_reports && reply->reports[told]->row == sent)
            VAULT_TRY(account_report(r, plan, reply->reports[told++], books, err));
        sent++;
    }
    return VAULT_OK;
}

vault_code part_account(part *p, const part_plan *plan, const Vault__V1__ImportResponse *reply, const part_books *books,
                        vault_error *err)
{
    const Vault__V1__ImportResponse nothing = VAULT__V1__IMPORT_RESPONSE__INIT;
    if (!reply) reply = &nothing;
    if (!reply_fits(p, reply)) return vault_fail(err, VAULT_INVALID, "the vault's answer does not fit what was sent");
    books->counts->rows += p->count;
    books->counts->created += reply->created;
    books->counts->updated += reply->updated;
    books->counts->unchanged += reply->unchanged;
    books->counts->rejected += reply->rejected;
    return account_rows(p, plan, reply, books, err);
}
