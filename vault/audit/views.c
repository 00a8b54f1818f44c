/* The two views of a line as canonical JSON: members in order of their keys, no white space, only what is known.
 * Nothing else of a call can get into the log: the facts are typed, and what is not named here is not written. */
#include "vault/audit/internal.h"

#include <stddef.h>
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
    [LINE_RESTRICT] = "restrict", [LINE_VERIFY] = "verify",     [LINE_CONSENT] = "consent", [LINE_HISTORY] = "history",
    [LINE_GUARDIAN] = "guardian", [LINE_CANARY] = "canary",     [LINE_ARCHIVE] = "archive"};
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

/* ---- writing ---- */

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
    put_id(&v, "archive", f->archive);
    put_number(&v, "area", (uint64_t)f->area);
    put_text(&v, "attributes", f->attributes, LIST_MAX);
    put_id(&v, "basis", f->basis);
    put_id(&v, "before", f->before);
    put_text(&v, "budgets", f->budgets, LIST_MAX);
    put_id(&v, "change", f->change);
    put_id(&v, "clause", f->clause);
    put_number(&v, "control", f->control_version);
    put_id(&v, "counterpart", f->counterpart);
    put_id(&v, "department", f->department);
    put_id(&v, "document", f->document);
    put_id(&v, "emergency", f->emergency);
    put_text(&v, "fields", f->fields, LIST_MAX);
    put_id(&v, "form", f->form);
    put_number(&v, "hits", f->hits);
    put_id(&v, "leak", f->leak);
    put_id(&v, "outcome", line_outcome_name(f->outcome));
    put_id(&v, "person", f->person);
    put_id(&v, "purpose", f->purpose);
    put_number(&v, "record", f->record_version);
    if (f->refers_to > 0) put_number(&v, "refers", (uint64_t)f->refers_to); /* line 0 is the log's own start */
    put_id(&v, "request", f->request);
    put_number(&v, "resident", (uint64_t)f->resident);
    put_number(&v, "residents", f->residents);
    put_id(&v, "ring", f->ring);
    put_number(&v, "ringversion", f->ring_version);
    put_id(&v, "rule", f->rule);
    put_id(&v, "sharing", f->sharing);
    put_id(&v, "suite", f->suite);
    put_id(&v, "ticket", f->ticket);
    put_id(&v, "voucher", f->voucher);
    put_id(&v, "withheld", f->withheld);
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

/* ---- reading ---- */

typedef enum member_kind { MEMBER_TEXT, MEMBER_NUMBER, MEMBER_NUMBER_32, MEMBER_ACTION, MEMBER_OUTCOME } member_kind;
/* What may stand in an officer's view, in this order, and where it goes. */
typedef struct member {
    const char *name; /* with its quotes and colon */
    size_t name_len;
    member_kind kind;
    size_t at; /* in line_facts */
} member;
#define MEMBER(name, kind, field)                                                                                      \
    {                                                                                                                  \
        "\"" name "\":", sizeof name + 2, kind, offsetof(line_facts, field)                                            \
    }
#define TEXT(name, field)      MEMBER(name, MEMBER_TEXT, field)
#define NUMBER(name, field)    MEMBER(name, MEMBER_NUMBER, field)
#define NUMBER_32(name, field) MEMBER(name, MEMBER_NUMBER_32, field)
static const member MEMBERS[] = {
    MEMBER("action", MEMBER_ACTION, action),
    TEXT("after", after),
    TEXT("app", app),
    TEXT("approval", approval),
    TEXT("archive", archive),
    NUMBER("area", area),
    TEXT("attributes", attributes),
    TEXT("basis", basis),
    TEXT("before", before),
    TEXT("budgets", budgets),
    TEXT("change", change),
    TEXT("clause", clause),
    NUMBER("control", control_version),
    TEXT("counterpart", counterpart),
    TEXT("department", department),
    TEXT("document", document),
    TEXT("emergency", emergency),
    TEXT("fields", fields),
    TEXT("form", form),
    NUMBER("hits", hits),
    TEXT("leak", leak),
    MEMBER("outcome", MEMBER_OUTCOME, outcome),
    TEXT("person", person),
    TEXT("purpose", purpose),
    NUMBER_32("record", record_version),
    NUMBER("refers", refers_to),
    TEXT("request", request),
    NUMBER("resident", resident),
    NUMBER_32("residents", residents),
    TEXT("ring", ring),
    NUMBER_32("ringversion", ring_version),
    TEXT("rule", rule),
    TEXT("sharing", sharing),
    TEXT("suite", suite),
    TEXT("ticket", ticket),
    TEXT("voucher", voucher),
    TEXT("withheld", withheld),
};
enum { MEMBER_COUNT = sizeof MEMBERS / sizeof *MEMBERS };

static vault_code not_ours(vault_error *err)
{
    return vault_fail(err, VAULT_INTEGRITY, "a view is not as this program writes it");
}

static vault_code no_room(vault_error *err)
{
    return vault_fail(err, VAULT_EXHAUSTED, "no room for a view");
}

static bool take(bytes *rest, char wanted)
{
    if (rest->len == 0 || rest->at[0] != (uint8_t)wanted) return false;
    *rest = bytes_of(rest->at + 1, rest->len - 1);
    return true;
}

/* An odd number of backslashes stands before it. */
static bool is_escaped(bytes text, size_t at)
{
    size_t first = at;
    while (first > 0 && text.at[first - 1] == '\\') first--;
    return (at - first) % 2;
}

/* What stands between two quotes, as it stands there. */
static bool take_quoted(bytes *out, bytes *rest)
{
    size_t len = 0;
    if (!take(rest, '"')) return false;
    for (;; len++) {
        const uint8_t *quote = memchr(rest->at + len, '"', rest->len - len);
        if (!quote) return false;
        len = (size_t)(quote - rest->at);
        if (!is_escaped(*rest, len)) break;
    }
    *out = bytes_of(rest->at, len);
    *rest = bytes_of(rest->at + len + 1, rest->len - len - 1);
    return true;
}

static bool take_name(bytes *rest, const member *m)
{
    if (rest->len < m->name_len || memcmp(rest->at, m->name, m->name_len) != 0) return false;
    *rest = bytes_of(rest->at + m->name_len, rest->len - m->name_len);
    return true;
}

/* One that put_escaped writes. */
static bool take_escaped(uint8_t *out, bytes *rest)
{
    uint8_t written[8];
    for (unsigned c = 1; c < 0x80; c++) {
        if (plain((uint8_t)c)) continue;
        writer w = writer_over(written, sizeof written);
        put_escaped(&w, (uint8_t)c);
        if (w.len > rest->len || memcmp(written, rest->at, w.len) != 0) continue;
        *out = (uint8_t)c;
        *rest = bytes_of(rest->at + w.len, rest->len - w.len);
        return true;
    }
    return false;
}

static vault_code read_text(const char **out, arena *mem, bytes quoted, vault_error *err)
{
    uint8_t *to = arena_alloc(mem, quoted.len + 1);
    size_t len = 0;
    if (!to) return no_room(err);
    while (quoted.len > 0) {
        size_t run = plain_run(quoted);
        memcpy(to + len, quoted.at, run);
        len += run;
        quoted = bytes_of(quoted.at + run, quoted.len - run);
        if (quoted.len > 0 && !take_escaped(&to[len++], &quoted)) return not_ours(err);
    }
    to[len] = '\0';
    *out = (const char *)to;
    return VAULT_OK;
}

static vault_code read_number(int64_t *out, bytes *rest, vault_error *err)
{
    if (rest->len == 0 || rest->at[0] == '0') return not_ours(err);
    size_t len = 0;
    for (*out = 0; len < rest->len && rest->at[len] >= '0' && rest->at[len] <= '9'; len++) {
        int64_t digit = rest->at[len] - '0';
        if (*out > (INT64_MAX - digit) / 10) return not_ours(err);
        *out = 10 * *out + digit;
    }
    *rest = bytes_of(rest->at + len, rest->len - len);
    return len > 0 ? VAULT_OK : not_ours(err);
}

static bool names(bytes quoted, const char *name)
{
    return bytes_same(quoted, bytes_of_text(name));
}

static line_action action_of(bytes quoted)
{
    line_action a = LINE_ACTIONS;
    while (a > 0 && !(ACTIONS[a - 1] && names(quoted, ACTIONS[a - 1]))) a--;
    return a > 0 ? a - 1 : 0;
}

static line_outcome outcome_of(bytes quoted)
{
    line_outcome o = 0;
    while (o < LINE_OUTCOMES && !names(quoted, OUTCOMES[o])) o++;
    return o;
}

static vault_code read_member(line_facts *out, const member *m, arena *mem, bytes *rest, vault_error *err)
{
    void *at = (char *)out + m->at;
    const char *text = NULL;
    int64_t number = 0;
    bytes quoted;
    if (m->kind == MEMBER_NUMBER || m->kind == MEMBER_NUMBER_32) {
        VAULT_TRY(read_number(&number, rest, err));
        if (m->kind == MEMBER_NUMBER) return memcpy(at, &number, sizeof number), VAULT_OK;
        if (number > UINT32_MAX) return not_ours(err);
        return memcpy(at, &(uint32_t){(uint32_t)number}, sizeof(uint32_t)), VAULT_OK;
    }
    if (!take_quoted(&quoted, rest)) return not_ours(err);
    if (m->kind == MEMBER_ACTION) return out->action = action_of(quoted), VAULT_OK;
    if (m->kind == MEMBER_OUTCOME) return out->outcome = outcome_of(quoted), VAULT_OK;
    VAULT_TRY(read_text(&text, mem, quoted, err));
    return memcpy(at, &text, sizeof text), VAULT_OK;
}

vault_code facts_keep(line_facts *inout, arena *mem, vault_error *err)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const char *text, *kept;
        char *at = (char *)inout + MEMBERS[i].at;
        if (MEMBERS[i].kind != MEMBER_TEXT) continue;
        memcpy(&text, at, sizeof text);
        if (!text) continue;
        if (!(kept = arena_text(mem, bytes_of_text(text)))) return no_room(err);
        memcpy(at, &kept, sizeof kept);
    }
    return VAULT_OK;
}

/* As it is written, and in no other way: members in their order, each once. */
vault_code view_read(line_facts *out, arena *mem, bytes text, vault_error *err)
{
    unsigned kinds = 0;
    size_t m = 0;
    *out = (line_facts){.refers_to = -1};
    for (char before = '{'; take(&text, before); before = ',', m++) {
        while (m < MEMBER_COUNT && !take_name(&text, &MEMBERS[m])) m++;
        if (m == MEMBER_COUNT) return not_ours(err);
        VAULT_TRY(read_member(out, &MEMBERS[m], mem, &text, err));
        kinds |= 1u << MEMBERS[m].kind;
    }
    bool both = kinds >> MEMBER_ACTION & kinds >> MEMBER_OUTCOME & 1;
    return both && take(&text, '}') && text.len == 0 ? VAULT_OK : not_ours(err);
}
