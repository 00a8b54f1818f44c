/* A part: rows of the file that go to the vault together, and what becomes of each. Where a part ends, and which of its
 * calls a row is in, depends on the file and the plan alone, so that a part sent again is the same to the byte. */
#include "tokenizer/format.h"
#include "vault/base/digest.h"
#include "vault/cli/import.h"

#include <string.h>

/* What rows may take of memory, by a rough count; a message, of what a vault takes at once. */
enum { PART_COST = 24 << 20, MESSAGE_BYTES = 1 << 20, MESSAGE_VALUES = 1 << 16 };

/* ---- reading ---- */

bool row_key(uint64_t *hash, arena *spare, const mapping *m, const row *of)
{
    vault_error dropped = {0};
    const format *natural = m->fields[m->natural] ? format_find(m->fields[m->natural]->format) : NULL;
    bytes text = bytes_of_text(of->values[m->natural]), canonical = text;
    bool good = !natural || format_normalise(natural, spare, text, &canonical, &dropped) == VAULT_OK;
    digest d = sha256(good ? canonical : text);
    *hash = load_u64(d.at);
    return good;
}

static vault_code begin(part *p, const part_plan *plan, vault_error *err)
{
    arena *mem = p->mem;
    arena_reset(mem);
    *p = (part){.mem = mem, .rows = arena_array(mem, plan->rows, sizeof *p->rows)};
    bool room = p->rows != NULL;
    for (size_t i = 0; i < plan->calls; i++) {
        p->calls[i].rows = arena_array(mem, plan->rows, sizeof *p->calls[i].rows);
        room = room && p->calls[i].rows;
    }
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no memory for a part");
}

static void take_row(part *p, const part_plan *plan)
{
    const row *r = &p->rows[p->count];
    uint64_t hash = 0;
    if (!r->fault) {
        if (plan->calls > 1) (void)row_key(&hash, p->mem, plan->columns, r);
        part_call *call = &p->calls[hash % plan->calls];
        call->rows[call->count++] = p->count;
    }
    p->count++;
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
        take_row(p, plan);
        p->cost += 5 * (size_t)(source_offset(plan->from) - at) + plan->columns->columns * sizeof(char *);
    }
    p->offset = source_offset(plan->from);
    p->line = plan->from->line;
    return VAULT_OK;
}

/* ---- packing ---- */

static bool add_message(part *p, part_call *call, const Vault__V1__ImportRequest *message)
{
    size_t len = vault__v1__import_request__get_packed_size(message);
    uint8_t *at = arena_alloc(p->mem, len + 1);
    if (!at) return false;
    vault__v1__import_request__pack(message, at);
    call->messages[call->message_count++] = bytes_of(at, len);
    return true;
}

static bool add_header(part *p, const part_plan *plan, part_call *call)
{
    Vault__V1__RequestContext context;
    Vault__V1__ImportHeader header = VAULT__V1__IMPORT_HEADER__INIT;
    Vault__V1__ImportRequest message = VAULT__V1__IMPORT_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    if (!ctl_context(plan->ctl, &context)) return false;
    context.request_id =
        arena_format(p->mem, "%s.%llu.%zu", plan->import_id, (unsigned long long)p->number, (size_t)(call - p->calls));
    mask.paths = plan->columns->paths;
    mask.n_paths = plan->columns->count;
    header.collection = plan->columns->collection->name;
    header.field_mask = &mask;
    header.collect_time = (Google__Protobuf__Timestamp *)(uintptr_t)plan->collected;
    header.dry_run = plan->dry_run;
    message.context = &context;
    message.header = &header;
    return context.request_id && add_message(p, call, &message);
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
static bool add_rows(part *p, const part_plan *plan, part_call *call, size_t *next)
{
    Vault__V1__ResidentInput *rows[MESSAGE_ROWS];
    Vault__V1__ImportRequest message = VAULT__V1__IMPORT_REQUEST__INIT;
    size_t size = 0;
    message.rows = rows;
    while (*next < call->count && message.n_rows < MESSAGE_ROWS && size < MESSAGE_BYTES &&
           message.n_rows * plan->columns->count < MESSAGE_VALUES) {
        rows[message.n_rows] = input_of(p, plan->columns, &p->rows[call->rows[(*next)++]], &size);
        if (!rows[message.n_rows++]) return false;
    }
    return add_message(p, call, &message);
}

/* Packed before: only the header is new, because an assertion is good for one call. */
static bool renew_header(part *p, const part_plan *plan, part_call *call)
{
    size_t count = call->message_count;
    call->message_count = 0;
    bool done = add_header(p, plan, call);
    call->message_count = count;
    return done;
}

bool part_pack(part *p, const part_plan *plan, size_t at)
{
    part_call *call = &p->calls[at];
    size_t next = 0;
    if (call->messages) return renew_header(p, plan, call);
    call->messages = arena_array(p->mem, call->count + 1, sizeof *call->messages);
    if (!call->messages || !add_header(p, plan, call)) return false;
    while (next < call->count) {
        if (!add_rows(p, plan, call, &next)) return false;
    }
    return true;
}

/* ---- accounting ---- */

static bool reply_fits(const part_call *call, const Vault__V1__ImportResponse *reply)
{
    size_t rejected = 0;
    if (reply->rows != call->count ||
        (uint64_t)reply->created + reply->updated + reply->unchanged + reply->rejected != reply->rows)
        return false;
    for (size_t i = 0; i < reply->n_reports; i++) {
        rejected += reply->reports[i]->rejected != 0;
        if (reply->reports[i]->row >= call->count) return false;
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

/* The reports of the calls, met again in the order of the file. */
typedef struct hearing {
    const Vault__V1__ImportResponse *replies[PART_CALLS];
    size_t row[PART_CALLS], told[PART_CALLS];
} hearing;

/* What was said of the part's next row; NULL: nothing. */
static const Vault__V1__RowReport *hear(hearing *h, const part *p, size_t place)
{
    size_t at = 0;
    while (at < PART_CALLS && (h->row[at] >= p->calls[at].count || p->calls[at].rows[h->row[at]] != place)) at++;
    if (at == PART_CALLS) return NULL;
    const Vault__V1__ImportResponse *reply = h->replies[at];
    size_t number = h->row[at]++;
    bool told = h->told[at] < reply->n_reports && reply->reports[h->told[at]]->row == number;
    return told ? reply->reports[h->told[at]++] : NULL;
}

static vault_code account_rows(part *p, const part_plan *plan, hearing *h, const part_books *books, vault_error *err)
{
    for (size_t i = 0; i < p->count; i++) {
        const row *r = &p->rows[i];
        if (r->fault) {
            VAULT_TRY(account_fault(r, plan, books, err));
            continue;
        }
        if (books->quality) quality_row(books->quality, p->mem, r);
        const Vault__V1__RowReport *report = hear(h, p, i);
        if (report) VAULT_TRY(account_report(r, plan, report, books, err));
    }
    return VAULT_OK;
}

vault_code part_account(part *p, const part_plan *plan, Vault__V1__ImportResponse *const *replies,
                        const part_books *books, vault_error *err)
{
    static const Vault__V1__ImportResponse nothing = VAULT__V1__IMPORT_RESPONSE__INIT;
    hearing h = {0};
    for (size_t i = 0; i < PART_CALLS; i++) {
        h.replies[i] = replies[i] ? replies[i] : &nothing;
        if (!reply_fits(&p->calls[i], h.replies[i]))
            return vault_fail(err, VAULT_INVALID, "the vault's answer does not fit what was sent");
    }
    books->counts->rows += p->count;
    for (size_t i = 0; i < PART_CALLS; i++) {
        books->counts->created += h.replies[i]->created;
        books->counts->updated += h.replies[i]->updated;
        books->counts->unchanged += h.replies[i]->unchanged;
        books->counts->rejected += h.replies[i]->rejected;
    }
    return account_rows(p, plan, &h, books, err);
}
