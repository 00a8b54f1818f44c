/* The two views of a line as canonical JSON: members in order of their keys, no white space, only what is known.
 * Nothing else of a call can get into the log: the facts are typed, and what is not named here is not written. */
#include "vault/audit/internal.h"
#include "vault/base/json.h"

#include <string.h>

enum { ID_MAX = 128, LIST_MAX = 4096 };

typedef struct view {
    writer *w;
    bool begun, bad;
} view;

static const char *ACTIONS[LINE_ACTIONS] = {
    [LINE_INIT] = "init",         [LINE_REVEAL] = "reveal",     [LINE_ISSUE] = "issue",     [LINE_PUT] = "put",
    [LINE_QUERY] = "query",       [LINE_CONTROL] = "control",   [LINE_INSPECT] = "inspect", [LINE_TEST] = "test",
    [LINE_RESTORE] = "restore",   [LINE_HANDOVER] = "handover", [LINE_REDEEM] = "redeem",   [LINE_VOUCHER] = "voucher",
    [LINE_SEARCH] = "search",     [LINE_EXPORT] = "export",     [LINE_CORRECT] = "correct", [LINE_BROWSE] = "browse",
    [LINE_TRACE] = "trace",       [LINE_KEYS] = "keys",         [LINE_REWRITE] = "rewrite", [LINE_ERASE] = "erase",
    [LINE_RESTRICT] = "restrict", [LINE_VERIFY] = "verify"};
static const char *OUTCOMES[LINE_OUTCOMES] = {
    [LINE_GRANTED] = "granted", [LINE_REFUSED] = "refused", [LINE_FAILED] = "failed"};

const char *line_action_name(line_action a)
{
    const char *name = (unsigned)a < LINE_ACTIONS ? ACTIONS[a] : NULL;
    return name ? name : "unknown";
}

const char *line_outcome_name(line_outcome o)
{
    return (unsigned)o < LINE_OUTCOMES ? OUTCOMES[o] : "unknown";
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static bool plain(uint8_t c)
{
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* RFC 8785: two-character escapes where JSON has them, else \u00xx in lower case. */
static void put_escaped(writer *w, uint8_t c)
{
    static const char FROM[] = "\b\t\n\f\r\"\\", TO[] = "btnfr\"\\", HEX[] = "0123456789abcdef";
    const char *found = c ? strchr(FROM, c) : NULL;
    put_u8(w, '\\');
    if (found) {
        put_u8(w, (uint8_t)TO[found - FROM]);
        return;
    }
    put_bytes(w, bytes_of("u00", 3));
    put_u8(w, (uint8_t)HEX[c >> 4]);
    put_u8(w, (uint8_t)HEX[c & 15]);
}

/* Length of the run at the start that is written as it stands; 0 where an escape or a fault comes first. */
static size_t plain_run(bytes text)
{
    size_t run = 0;
    while (run < text.len) {
        size_t step = 1;
        if (!plain(text.at[run]))
            step = text.at[run] < 0x80 ? 0 : utf8_sequence(bytes_of(text.at + run, text.len - run));
        if (step == 0) break;
        run += step;
    }
    return run;
}

static void put_string(view *v, bytes text)
{
    put_u8(v->w, '"');
    while (text.len > 0) {
        size_t run = plain_run(text);
        put_bytes(v->w, bytes_of(text.at, run));
        text = bytes_of(text.at + run, text.len - run);
        if (text.len == 0) break;
        v->bad |= text.at[0] >= 0x80; /* not UTF-8 */
        put_escaped(v->w, text.at[0]);
        text = bytes_of(text.at + 1, text.len - 1);
    }
    put_u8(v->w, '"');
}

static void put_key(view *v, const char *key)
{
    put_u8(v->w, v->begun ? ',' : '{');
    v->begun = true;
    put_u8(v->w, '"');
    put_bytes(v->w, bytes_of_text(key));
    put_bytes(v->w, bytes_of("\":", 2));
}

static void put_text(view *v, const char *key, const char *text, size_t max)
{
    if (!text) return;
    bytes value = bytes_of(text, strnlen(text, max + 1));
    v->bad |= value.len > max;
    put_key(v, key);
    put_string(v, value);
}

static void put_id(view *v, const char *key, const char *text)
{
    put_text(v, key, text, ID_MAX);
}

static void put_number(view *v, const char *key, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    if (number == 0) return;
    for (; number > 0; number /= 10) digits[--at] = (char)('0' + number % 10);
    put_key(v, key);
    put_bytes(v->w, bytes_of(digits + at, sizeof digits - at));
}

static vault_code finish(view *v, vault_error *err)
{
    put_u8(v->w, '}');
    if (!v->bad && !v->w->overflow) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "a text of the line is too long or not UTF-8");
}

vault_code view_of_officer(writer *w, const line_facts *f, vault_error *err)
{
    view v = {.w = w};
    if (f->area < 0 || f->resident < 0) return vault_fail(err, VAULT_INVALID, "a negative id in a line");
    put_id(&v, "action", line_action_name(f->action));
    put_id(&v, "after", f->after);
    put_id(&v, "app", f->app);
    put_id(&v, "approval", f->approval);
    put_number(&v, "area", (uint64_t)f->area);
    put_id(&v, "basis", f->basis);
    put_id(&v, "before", f->before);
    put_id(&v, "change", f->change);
    put_id(&v, "clause", f->clause);
    put_number(&v, "control", f->control_version);
    put_id(&v, "counterpart", f->counterpart);
    put_id(&v, "department", f->department);
    put_id(&v, "document", f->document);
    put_text(&v, "fields", f->fields, LIST_MAX);
    put_id(&v, "form", f->form);
    put_number(&v, "hits", f->hits);
    put_id(&v, "outcome", line_outcome_name(f->outcome));
    put_id(&v, "person", f->person);
    put_id(&v, "purpose", f->purpose);
    put_number(&v, "record", f->record_version);
    if (f->refers_to > 0) put_number(&v, "refers", (uint64_t)f->refers_to); /* line 0 is the log's own start */
    put_id(&v, "request", f->request);
    put_number(&v, "resident", (uint64_t)f->resident);
    put_id(&v, "ring", f->ring);
    put_number(&v, "ringversion", f->ring_version);
    put_id(&v, "rule", f->rule);
    put_id(&v, "sharing", f->sharing);
    put_id(&v, "suite", f->suite);
    put_id(&v, "ticket", f->ticket);
    put_id(&v, "voucher", f->voucher);
    return finish(&v, err);
}

/* base64url without padding: 16 bytes are 22 characters and two '='. */
static void reference_text(char out[32], const uint8_t reference[REFERENCE_LEN])
{
    base64_encode(out, bytes_of(reference, REFERENCE_LEN));
    out[22] = '\0';
    for (char *c = out; *c; c++) *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

vault_code view_of_resident(writer *w, const line_facts *f, const uint8_t reference[REFERENCE_LEN], vault_error *err)
{
    view v = {.w = w};
    char text[32];
    reference_text(text, reference);
    put_id(&v, "basis", f->basis);
    put_id(&v, "department", f->department);
    put_text(&v, "groups", f->groups, LIST_MAX);
    put_id(&v, "outcome", line_outcome_name(f->outcome));
    put_id(&v, "purpose", f->purpose);
    put_id(&v, "ref", text);
    return finish(&v, err);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static line_action action_named(const char *name)
{
    for (line_action a = LINE_INIT; a < LINE_ACTIONS; a++) {
        if (strcmp(ACTIONS[a], name) == 0) return a;
    }
    return 0;
}

static const char *keep(arena *mem, const char *text)
{
    return text ? arena_text(mem, bytes_of_text(text)) : NULL;
}

static vault_code not_ours(vault_error *err)
{
    vault_error_clear(err); /* the document's own message could carry what stands in it */
    return vault_fail(err, VAULT_INTEGRITY, "a view is not as this program writes it");
}

vault_code view_read(view_facts *out, arena *mem, bytes text, vault_error *err)
{
    VAULT_CLEANUP(json_clear) json_t *json = NULL;
    const char *action = NULL, *app = NULL, *ignored = NULL, *outcome = NULL, *person = NULL, *purpose = NULL;
    json_int_t number = 0, record = 0, resident = 0;
    *out = (view_facts){0};
    if (json_read(&json, text, "view", err) != VAULT_OK) return not_ours(err);
    if (json_shape(json, err, "view",
                   "{s:s, s?s, s?s, s?s, s?I, s?s, s?s, s?s, s?s, s?I, s?s, s?s, s?s, s?s, s?s, s?I, s:s, s?s, s?s,"
                   " s?I, s?I, s?s, s?I, s?s, s?I, s?s, s?s, s?s, s?s, s?s}",
                   "action", &action, "after", &ignored, "app", &app, "approval", &ignored, "area", &number, "basis",
                   &ignored, "before", &ignored, "change", &ignored, "clause", &ignored, "control", &number,
                   "counterpart", &ignored, "department", &ignored, "document", &ignored, "fields", &ignored, "form",
                   &ignored, "hits", &number, "outcome", &outcome, "person", &person, "purpose", &purpose, "record",
                   &record, "refers", &number, "request", &ignored, "resident", &resident, "ring", &ignored,
                   "ringversion", &number, "rule", &ignored, "sharing", &ignored, "suite", &ignored, "ticket", &ignored,
                   "voucher", &ignored) != VAULT_OK) {
        return not_ours(err);
    }
    out->action = action_named(action);
    out->app = keep(mem, app);
    out->outcome = keep(mem, outcome);
    out->person = keep(mem, person);
    out->purpose = keep(mem, purpose);
    out->resident = resident;
    out->record = record;
    bool room = out->outcome && !out->app == !app && !out->person == !person && !out->purpose == !purpose;
    return room ? VAULT_OK : vault_fail(err, VAULT_EXHAUSTED, "no room for a view");
}
