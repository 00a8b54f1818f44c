/* The policy file (c2sp.org/tlog-policy). Whatever it does not say plainly is refused, with the line that says so. */
#include "vault/audit/witness.h"
#include "vault/audit/note_parts.h"

#include <stdio.h>
#include <string.h>

enum { GROUPS_MAX = 64, LOGS_MAX = 64, NODES_MAX = WITNESSES_MAX + GROUPS_MAX, WORDS_MAX = NODES_MAX + 3 };

/* A witness or a group. Each is a member of one group at most (a witness counts once), so that a group need not list
 * its members: they name it. */
typedef struct policy_node {
    char name[WITNESS_NAME_MAX + 1];
    int parent;     /* place of its group, or -1 */
    size_t needed;  /* of a group; 0: a witness */
    size_t witness; /* of a witness: which */
} policy_node;

struct witness_policy {
    note_key logs[LOGS_MAX];
    witness witnesses[WITNESSES_MAX];
    policy_node nodes[NODES_MAX]; /* a group after its members */
    size_t log_count, witness_count, group_count, node_count;
    int quorum; /* place of a node, or one of the next two */
};
enum { QUORUM_NONE = -1, QUORUM_MISSING = -2 };

/* ---- reading ---- */

/* A line as its words. */
typedef struct policy_line {
    size_t number, count;
    bytes words[WORDS_MAX];
} policy_line;

static vault_code refuse(const policy_line *l, const char *why, vault_error *err)
{
    return vault_fail(err, VAULT_INVALID, "line %zu of the witness policy: %s", l->number, why);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static vault_code split_line(policy_line *l, bytes line, vault_error *err)
{
    l->count = 0;
    for (size_t i = 0; i < line.len; i++) {
        if ((line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7F)
            return refuse(l, "a control character", err);
    }
    for (size_t i = 0; i < line.len;) {
        size_t start = i;
        while (i < line.len && is_blank(line.at[i])) i++;
        if (i > start) continue;
        while (i < line.len && !is_blank(line.at[i])) i++;
        if (l->count == WORDS_MAX) return refuse(l, "too many words", err);
        l->words[l->count++] = bytes_of(line.at + start, i - start);
    }
    return VAULT_OK;
}

static int node_named(const witness_policy *p, bytes name)
{
    for (size_t i = 0; i < p->node_count; i++) {
        if (bytes_same(name, bytes_of_text(p->nodes[i].name))) return (int)i;
    }
    return -1;
}

static vault_code new_node(policy_node **out, witness_policy *p, const policy_line *l, vault_error *err)
{
    bytes name = l->words[1];
    if (name.len > WITNESS_NAME_MAX) return refuse(l, "a name of more than 64 bytes", err);
    if (bytes_same(name, bytes_of_text("none"))) return refuse(l, "\"none\" names no witness and no group", err);
    if (node_named(p, name) >= 0) return refuse(l, "the name is taken", err);
    *out = &p->nodes[p->node_count];
    **out = (policy_node){.parent = -1};
    memcpy((*out)->name, name.at, name.len);
    return VAULT_OK;
}

static bool same_key(const note_key *a, const note_key *b)
{
    return a->kind == b->kind &&
           bytes_same(bytes_of(a->public_key, sizeof a->public_key), bytes_of(b->public_key, sizeof b->public_key));
}

static vault_code read_log(witness_policy *p, const policy_line *l, vault_error *err)
{
    vault_error why = {0};
    if (l->count < 2 || l->count > 3) return refuse(l, "log <vkey>", err);
    if (p->log_count == LOGS_MAX) return refuse(l, "more than 64 logs", err);
    note_key *key = &p->logs[p->log_count];
    if (note_key_parse(key, l->words[1], &why) != VAULT_OK) return refuse(l, why.detail, err);
    for (size_t i = 0; i < p->log_count; i++) {
        if (same_key(key, &p->logs[i])) return refuse(l, "the key of another log line", err);
    }
    p->log_count++;
    return VAULT_OK;
}

static vault_code read_witness(witness_policy *p, const policy_line *l, vault_error *err)
{
    vault_error why = {0};
    policy_node *node;
    if (l->count < 3 || l->count > 4) return refuse(l, "witness <name> <vkey> [<url>]", err);
    if (p->witness_count == WITNESSES_MAX) return refuse(l, "more than 64 witnesses", err);
    VAULT_TRY(new_node(&node, p, l, err));
    witness *w = &p->witnesses[p->witness_count];
    *w = (witness){0};
    if (cosigner_key_parse(&w->key, l->words[2], &why) != VAULT_OK) return refuse(l, why.detail, err);
    for (size_t i = 0; i < p->witness_count; i++) {
        if (same_key(&w->key, &p->witnesses[i].key)) return refuse(l, "the key of another witness", err);
    }
    if (l->count == 4 && l->words[3].len > WITNESS_URL_MAX) return refuse(l, "a URL of more than 512 bytes", err);
    if (l->count == 4) memcpy(w->url, l->words[3].at, l->words[3].len);
    memcpy(w->name, node->name, sizeof w->name);
    node->witness = p->witness_count++;
    p->node_count++;
    return VAULT_OK;
}

/* "any", "all" or a number from 1 to `members`; 0: none of these. */
static size_t read_needed(bytes word, size_t members)
{
    int64_t number;
    if (bytes_same(word, bytes_of_text("any"))) return 1;
    if (bytes_same(word, bytes_of_text("all"))) return members;
    return note_read_size(&number, word) && number >= 1 && number <= (int64_t)members ? (size_t)number : 0;
}

static vault_code read_group(witness_policy *p, const policy_line *l, vault_error *err)
{
    policy_node *node;
    if (l->count < 4) return refuse(l, "group <name> <k>|any|all <name>...", err);
    if (p->group_count == GROUPS_MAX) return refuse(l, "more than 64 groups", err);
    VAULT_TRY(new_node(&node, p, l, err));
    node->needed = read_needed(l->words[2], l->count - 3);
    if (node->needed == 0) return refuse(l, "how many is neither any, all, nor 1 to the number of members", err);
    for (size_t i = 3; i < l->count; i++) {
        int member = node_named(p, l->words[i]);
        if (member < 0) return refuse(l, "a member that is not named above", err);
        if (p->nodes[member].parent >= 0) return refuse(l, "a member of two groups, or twice of one", err);
        p->nodes[member].parent = (int)p->node_count;
    }
    p->group_count++;
    p->node_count++;
    return VAULT_OK;
}

static vault_code read_quorum(witness_policy *p, const policy_line *l, vault_error *err)
{
    if (l->count != 2) return refuse(l, "quorum <name>|none", err);
    if (p->quorum != QUORUM_MISSING) return refuse(l, "a second quorum", err);
    int node = node_named(p, l->words[1]);
    bool none = bytes_same(l->words[1], bytes_of_text("none"));
    if (node < 0 && !none) return refuse(l, "the quorum is not named above", err);
    p->quorum = none ? QUORUM_NONE : node;
    return VAULT_OK;
}

static vault_code read_line(witness_policy *p, const policy_line *l, vault_error *err)
{
    static const struct {
        const char *word;
        vault_code (*read)(witness_policy *p, const policy_line *l, vault_error *err);
    } KINDS[] = {{"log", read_log}, {"witness", read_witness}, {"group", read_group}, {"quorum", read_quorum}};
    if (l->count == 0 || l->words[0].at[0] == '#') return VAULT_OK;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (bytes_same(l->words[0], bytes_of_text(KINDS[i].word))) return KINDS[i].read(p, l, err);
    }
    return refuse(l, "neither log, witness, group nor quorum", err);
}

/* A comment may be of any number of words: only its bytes matter. */
static bytes without_comment(bytes line)
{
    size_t i = 0;
    while (i < line.len && is_blank(line.at[i])) i++;
    return i < line.len && line.at[i] == '#' ? bytes_of(line.at, 0) : line;
}

vault_code witness_policy_read(witness_policy **out, arena *mem, bytes text, vault_error *err)
{
    bytes line;
    policy_line l = {0};
    witness_policy *p = arena_alloc(mem, sizeof *p);
    if (!p) return vault_fail(err, VAULT_EXHAUSTED, "no room for a witness policy");
    if (text.len > POLICY_FILE_MAX) return vault_fail(err, VAULT_INVALID, "a witness policy of more than 64 KiB");
    p->quorum = QUORUM_MISSING;
    while (note_cut(&line, &text, '\n')) {
        l.number++;
        VAULT_TRY(split_line(&l, without_comment(line), err));
        VAULT_TRY(read_line(p, &l, err));
    }
    l.number++;
    if (text.len > 0) return refuse(&l, "no newline at its end: cut short?", err);
    if (p->quorum == QUORUM_MISSING) return refuse(&l, "the end, and no quorum was named (\"quorum none\": none)", err);
    *out = p;
    return VAULT_OK;
}

size_t witness_policy_count(const witness_policy *p)
{
    return p->witness_count;
}

const witness *witness_policy_at(const witness_policy *p, size_t i)
{
    return &p->witnesses[i];
}

size_t witness_policy_logs(const witness_policy *p, const note_key **keys)
{
    *keys = p->logs;
    return p->log_count;
}

/* ---- the quorum ---- */

/* Times, newest first. */
static void insert_time(int64_t *times, size_t count, int64_t t)
{
    size_t i = count;
    for (; i > 0 && times[i - 1] < t; i--) times[i] = times[i - 1];
    times[i] = t;
}

/* Since when a group has had enough of its members: the youngest choice of them. -1: it has not. */
static int64_t group_time(const witness_policy *p, size_t group, const int64_t *when)
{
    int64_t times[NODES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < group; i++) {
        if (p->nodes[i].parent == (int)group) insert_time(times, count++, when[i]);
    }
    return times[p->nodes[group].needed - 1];
}

bool witness_policy_met(const witness_policy *p, bytes note, int64_t *oldest)
{
    int64_t when[NODES_MAX];
    bytes text;
    *oldest = 0;
    if (!note_unverified(&text, note)) return false;
    for (size_t i = 0; i < p->node_count; i++) {
        const policy_node *n = &p->nodes[i];
        note_verdict verdict = NOTE_VERIFIED;
        if (n->needed > 0)
            when[i] = group_time(p, i, when);
        else
            verdict = cosignature_open(&when[i], note, &p->witnesses[n->witness].key);
        if (verdict == NOTE_MALFORMED || verdict == NOTE_BAD_SIGNATURE) return false;
        if (verdict == NOTE_NO_SIGNATURE) when[i] = -1;
    }
    if (p->quorum == QUORUM_NONE) return true;
    if (when[p->quorum] < 0) return false;
    *oldest = when[p->quorum];
    return true;
}
