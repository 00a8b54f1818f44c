/* Who has seen a resident's data, as the resident and guardians are told: what the log says and nothing else, proven
 * entry by entry, and nobody another's. */
#include "tests/unit/service/guardians.h"
#include "tests/unit/service/receipt.h"
#include "vault/audit/history.h"

#include <unistd.h>

static vault_error err;
static const int64_t DAY_US = INT64_C(86400) * 1000000;

static const char *mine(uint64_t index)
{
    return known_token(ELDERCARE, CARE, index);
}

/* ---- the same by itself: a reading of the whole log as officers see it ---- */

typedef struct seen_line {
    int64_t index, who;
    bool told; /* a resident has a view of it */
    bool issued;
} seen_line;
static struct {
    seen_line *at;
    size_t count;
} all;

static int64_t number_of(const char *view, const char *key)
{
    const char *at = strstr(view, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static void scan_page(const Vault__V1__QueryResponse *page)
{
    for (size_t i = 0; i < page->n_lines; i++) {
        const Vault__V1__Line *l = page->lines[i];
        bool officers = strcmp(l->action, "query") == 0 || strcmp(l->action, "trace") == 0;
        all.at[all.count++] = (seen_line){.index = (int64_t)l->index,
                                          .who = number_of(l->officer_view, "\"resident\":"),
                                          .told = !officers && !strstr(l->officer_view, "\"refers\":"),
                                          .issued = strcmp(l->action, "issue") == 0};
    }
}

static void scan_log(arena *mem)
{
    const char *next = "";
    all.count = 0;
    all.at = arena_array(mem, (size_t)lines_in_log() + 64, sizeof *all.at);
    do {
        NEW(in, Vault__V1__QueryRequest, vault__v1__query_request__init);
        in->page_size = 1000;
        in->page_token = lent(next);
        request *rq =
            ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
        expect_outcome(rq, VAULT_OK, NULL);
        const Vault__V1__QueryResponse *page = (const void *)rq->out;
        scan_page(page);
        next = page->next_page_token;
    } while (next[0]);
}

static size_t scanned(int64_t who, int64_t before)
{
    size_t n = 0;
    for (size_t i = 0; i < all.count; i++) n += all.at[i].who == who && all.at[i].told && all.at[i].index < before;
    return n;
}

static bool is_scanned(int64_t who, int64_t index)
{
    for (size_t i = 0; i < all.count; i++)
        if (all.at[i].index == index) return all.at[i].who == who && all.at[i].told;
    return false;
}

/* Whom the newest `count` lines of issued tokens are about, in the order in which they were asked for. */
static void whose_tokens(int64_t *out, size_t count)
{
    size_t left = count;
    for (size_t i = all.count; i-- > 0 && left > 0;)
        if (all.at[i].issued) out[--left] = all.at[i].who;
    assert_int_equal(left, 0);
}

/* ---- what a history says ---- */

static void expect_proven(const Vault__V1__AccessEntry *e, const char *note)
{
    const merkle_tree tree = tree_of(note);
    const bytes opened[] = {bytes_of(e->resident_salt.data, e->resident_salt.len),
                            bytes_of(e->resident_view.data, e->resident_view.len)};
    const digest view = sha256_parts(opened, 2), leaf = merkle_leaf(bytes_of(e->leaf.data, e->leaf.len));
    assert_int_equal(e->leaf.len, 74);
    assert_memory_equal(view.at, e->leaf.data + 42, DIGEST_LEN);
    assert_true(merkle_verify_inclusion(&leaf, (int64_t)e->line, &tree, path_of(e->path, e->n_path)));
}

TEST("a history says when, which department, for what purpose, which groups and on what basis, newest first")
{
    const char *token_of = mine(resident_in_street(3));
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    expect_outcome(see(token_of, "phone"), VAULT_OK, NULL);
    expect_outcome(see(token_of, "religion"), VAULT_DENIED, NULL);
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    const Vault__V1__AccessEntry *const *at = (const Vault__V1__AccessEntry *const *)out->entries;
    assert_true(out->n_entries >= 4 && out->next_page_token[0] == '\0');
    assert_string_equal(at[0]->action, "reveal");
    assert_string_equal(at[0]->outcome, "refused");
    assert_string_equal(at[1]->outcome, "granted");
    assert_string_equal(at[1]->groups[0], "contact");
    assert_string_equal(at[2]->groups[0], "identity");
    assert_string_equal(at[2]->department, "civil-affairs");
    assert_true(at[2]->department_title[0] != '\0' && at[2]->time->seconds > 0);
    assert_string_equal(at[2]->purpose, CARE);
    assert_string_equal(at[2]->purpose_title, "独居和残疾老人的上门关怀");
    assert_string_equal(at[2]->basis, "PIPL 13(1)(3)");
    assert_int_equal(entries_of(out, "issue", NULL), 1);
    assert_int_equal(entries_of(out, "put", NULL), 1);
    for (size_t i = 1; i < out->n_entries; i++) assert_true(at[i]->line < at[i - 1]->line);
    assert_int_equal(out->n_withheld_classes, 1);
    assert_string_equal(out->withheld_classes[0], "investigation");
    fixture_reset();
}

TEST("each question is a line, and an entry of the next answer; the view names no official and no app")
{
    const char *token_of = mine(resident_in_street(6));
    size_t before = history_of(token_of)->n_entries;
    int64_t lines = lines_in_log();
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    assert_int_equal(lines_in_log(), lines + 1);
    assert_int_equal(out->n_entries, before + 1);
    assert_string_equal(out->entries[0]->action, "history");
    for (size_t i = 0; i < out->n_entries; i++) {
        const char *view = arena_text(
            fixture_memory(), bytes_of(out->entries[i]->resident_view.data, out->entries[i]->resident_view.len));
        assert_null(strstr(view, "person"));
        assert_null(strstr(view, "eldercare"));
        assert_null(strstr(view, "ticket"));
    }
    fixture_reset();
}

TEST("every entry of what is published has its proof; what is newer has none yet")
{
    const char *token_of = mine(resident_in_street(9));
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    fixture_restart(); /* publishes */
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    assert_true(out->n_entries >= 3);
    for (size_t i = 0; i < out->n_entries; i++) expect_proven(out->entries[i], out->checkpoint);
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    out = history_of(token_of);
    const merkle_tree tree = tree_of(out->checkpoint);
    for (size_t i = 0; i < out->n_entries; i++) {
        if ((int64_t)out->entries[i]->line < tree.size)
            expect_proven(out->entries[i], out->checkpoint);
        else
            assert_int_equal(out->entries[i]->n_path, 0);
    }
    fixture_reset();
}

/* ---- pages ---- */

TEST("pages join without a gap and without an entry twice, while others write")
{
    const char *token_of = mine(resident_in_street(12)), *next = NULL;
    for (int i = 0; i < 9; i++) expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    const Vault__V1__AccessHistoryResponse *whole = history_of(token_of);
    size_t met = 0;
    do {
        const Vault__V1__AccessHistoryResponse *out =
            told_by(look_back(&(looking_back){.token = token_of, .page = next, .size = 4}));
        size_t fresh = next ? 0 : 1; /* the question before stands first now */
        if (fresh) assert_string_equal(out->entries[0]->action, "history");
        for (size_t i = fresh; i < out->n_entries; i++, met++)
            assert_int_equal(out->entries[i]->line, whole->entries[met]->line);
        next = out->next_page_token[0] ? out->next_page_token : NULL;
        expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    } while (next);
    assert_int_equal(met, whole->n_entries);
    fixture_reset();
}

TEST("a page token is good for its own question alone: resident, guardian, times, caller")
{
    const char *token_of = mine(resident_in_street(12)), *other = mine(resident_in_street(15));
    const Vault__V1__AccessHistoryResponse *out =
        told_by(look_back(&(looking_back){.token = token_of, .size = 1, .end_us = clock_now_us() + DAY_US}));
    const char *next = arena_text(fixture_memory(), bytes_of_text(out->next_page_token));
    assert_true(next[0] != '\0');
    int64_t end = clock_now_us() + 2 * DAY_US;
    expect_outcome(look_back(&(looking_back){.token = token_of, .page = next}), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(look_back(&(looking_back){.token = other, .page = next}), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(look_back(&(looking_back){.token = token_of, .page = next, .end_us = end}), VAULT_INVALID,
                   "BAD_PAGE_TOKEN");
    expect_outcome(look_back(&(looking_back){.token = token_of, .guardian = other, .page = next}), VAULT_INVALID,
                   "BAD_PAGE_TOKEN");
    expect_outcome(look_back(&(looking_back){.token = token_of, .page = "x"}), VAULT_INVALID, "BAD_PAGE_TOKEN");
    expect_outcome(look_back(&(looking_back){.token = token_of, .size = 1001}), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(look_back(&(looking_back){.token = token_of, .size = -1}), VAULT_INVALID, "OUT_OF_RANGE");
    expect_outcome(look_back(&(looking_back){.token = token_of, .start_us = 5, .end_us = 5}), VAULT_INVALID,
                   "OUT_OF_RANGE");
    fixture_reset();
}

TEST("times narrow it: from the first moment on, up to before the last")
{
    const char *token_of = mine(resident_in_street(18));
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    const Vault__V1__AccessHistoryResponse *whole = history_of(token_of);
    const Google__Protobuf__Timestamp *t = whole->entries[0]->time;
    int64_t us = t->seconds * 1000000 + t->nanos / 1000;
    assert_int_equal(told_by(look_back(&(looking_back){.token = token_of, .end_us = us}))->n_entries,
                     whole->n_entries - 1);
    const Vault__V1__AccessHistoryResponse *one =
        told_by(look_back(&(looking_back){.token = token_of, .start_us = us, .end_us = us + 1}));
    assert_int_equal(one->n_entries, 1);
    assert_int_equal(one->entries[0]->line, whole->entries[0]->line);
    assert_int_equal(told_by(look_back(&(looking_back){.token = token_of, .end_us = 1000}))->n_entries, 0);
    fixture_reset();
}

/* ---- nobody another's ---- */

TEST("who is nobody, lives elsewhere, is erased, or another app's: the same answer, each with a line")
{
    uint64_t gone = resident_in_street(130);
    const char *was = mine(gone);
    erase_one(token_for(POPULATION, WHY, gone));
    const char *whose[] = {mine(resident_elsewhere(0)), was, token_for(CLINIC, DOCTOR, resident_in_street(3)),
                           token_for(POPULATION, WHY, resident_in_street(3))};
    for (size_t i = 0; i < 4; i++) {
        int64_t before = lines_in_log();
        request *rq = look_back(&(looking_back){.token = whose[i]});
        expect_outcome(rq, VAULT_DENIED, "resident");
        assert_null(rq->out);
        assert_int_equal(lines_in_log(), before + 1);
        /* nor is it told by what a guardian is told */
        expect_outcome(look_back(&(looking_back){.token = whose[i], .guardian = mine(resident_in_street(3))}),
                       VAULT_DENIED, "resident");
    }
    expect_outcome(look_back(&(looking_back){.uri = CLINIC, .why = DOCTOR, .token = whose[2]}), VAULT_DENIED, "action");
    expect_outcome(look_back(&(looking_back){.token = "rv1nonsense"}), VAULT_INVALID, NULL);
    fixture_reset();
}

TEST("a restricted record has no history any more: it is shown to nobody")
{
    NEW(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    const char *number = "H-9";
    expect_outcome(put_house(number), VAULT_OK, NULL);
    in->collection = lent("housing");
    in->values = lend_all(&number, 1), in->n_values = 1;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const char *house = ((const Vault__V1__BatchIssueResponse *)(const void *)rq->out)->results[0]->token;
    const looking_back of = {.uri = POPULATION, .why = WHY, .token = house};
    assert_int_equal(told_by(look_back(&of))->n_entries, 2);
    assert_true(erased(POPULATION, WHY, house)->restricted);
    expect_outcome(look_back(&of), VAULT_DENIED, "resident");
    fixture_reset();
}

/* ---- guardians ---- */

TEST("a guardian in the register is told what the resident is told; nobody else is, and each hears why")
{
    const char *child = mine(somebody(0, true)), *mother = mine(somebody(0, false));
    const char *stranger = mine(somebody(90, false)), *of_clinic = token_for(CLINIC, DOCTOR, somebody(0, false));
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = mother}), VAULT_PRECONDITION,
                   "NOT_A_GUARDIAN");
    assert_string_equal(appointed(child, mother, "parent"), "");
    int64_t since = clock_now_us();
    size_t told = told_by(look_back(&(looking_back){.token = child, .guardian = mother}))->n_entries;
    assert_int_equal(history_of(child)->n_entries, told + 1);
    const char *const none[] = {stranger, of_clinic, child};
    for (size_t i = 0; i < 3; i++)
        expect_outcome(look_back(&(looking_back){.token = child, .guardian = none[i]}), VAULT_PRECONDITION,
                       "NOT_A_GUARDIAN");
    expect_outcome(look_back(&(looking_back){.token = mother, .guardian = child}), VAULT_PRECONDITION,
                   "NOT_A_GUARDIAN");
    assert_string_equal(dismissed(child, mother, "parent"), "");
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = mother}), VAULT_PRECONDITION,
                   "GUARDIANSHIP_ENDED");
    const char *views = views_since(since);
    assert_int_equal(occurrences(views, "\"clause\":\"NOT_A_GUARDIAN\""), 4);
    assert_int_equal(occurrences(views, "\"clause\":\"GUARDIANSHIP_ENDED\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"guardian\",\"outcome\":\"granted\""), 1);
    assert_int_equal(occurrences(views, "\"form\":\"resident\",\"outcome\":\"granted\""), 1);
    fixture_reset();
}

TEST("an erased guardian is nobody's any more")
{
    uint64_t uncle = somebody(160, false);
    const char *child = mine(somebody(0, true)), *was = mine(uncle);
    assert_string_equal(appointed(child, was, "committee"), "");
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = was}), VAULT_OK, NULL);
    erase_one(token_for(POPULATION, WHY, uncle));
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = was}), VAULT_PRECONDITION, "NOT_A_GUARDIAN");
    fixture_reset();
}

/* ---- damage ---- */

TEST(
    "a line of the resident's that was edited, emptied or put in another's place: no history, and the operator is told")
{
    const char *token_of = mine(resident_in_street(21));
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    long long one = (long long)out->entries[0]->line, other = (long long)out->entries[1]->line;
    const char *edits[] = {"resident = ''", "resident = set_byte(resident, 20, get_byte(resident, 20) # 1)",
                           "officer = set_byte(officer, 20, get_byte(officer, 20) # 1)",
                           "leaf = set_byte(leaf, 8, get_byte(leaf, 8) # 1)"};
    pg_sql("CREATE TABLE kept AS SELECT * FROM line WHERE idx IN (%lld, %lld)", one, other);
    for (size_t i = 0; i < 4; i++) {
        pg_sql("UPDATE line SET %s WHERE idx = %lld", edits[i], one);
        expect_outcome(look_back(&(looking_back){.token = token_of}), VAULT_INTEGRITY, NULL);
        pg_sql("UPDATE line l SET leaf = k.leaf, officer = k.officer, resident = k.resident FROM kept k"
               " WHERE k.idx = l.idx");
    }
    pg_sql("UPDATE line l SET leaf = k.leaf, officer = k.officer, resident = k.resident FROM kept k"
           " WHERE l.idx = %lld AND k.idx = %lld",
           one, other);
    expect_outcome(look_back(&(looking_back){.token = token_of}), VAULT_INTEGRITY, NULL);
    pg_sql(
        "UPDATE line l SET leaf = k.leaf, officer = k.officer, resident = k.resident FROM kept k WHERE k.idx = l.idx");
    pg_sql("DROP TABLE kept");
    expect_outcome(look_back(&(looking_back){.token = token_of}), VAULT_OK, NULL);
    fixture_reset();
}

TEST("a refusal that was emptied is missed, too: of a record that opened there is a view, whatever was answered")
{
    const char *token_of = mine(resident_in_street(22));
    expect_outcome(see(token_of, "religion"), VAULT_DENIED, NULL);
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    long long one = (long long)out->entries[0]->line;
    assert_string_equal(out->entries[0]->outcome, "refused");
    pg_sql("CREATE TABLE kept AS SELECT * FROM line WHERE idx = %lld", one);
    pg_sql("UPDATE line SET resident = '' WHERE idx = %lld", one);
    expect_outcome(look_back(&(looking_back){.token = token_of}), VAULT_INTEGRITY, NULL);
    pg_sql("UPDATE line l SET resident = k.resident FROM kept k WHERE k.idx = l.idx");
    pg_sql("DROP TABLE kept");
    expect_outcome(look_back(&(looking_back){.token = token_of}), VAULT_OK, NULL);
    fixture_reset();
}

/* ---- another node ---- */

TEST("two nodes tell the same")
{
    service *other = NULL;
    session *there = NULL;
    service_options o = fixture_options();
    o.checkpoint_file = NULL;
    const char *token_of = mine(resident_in_street(24));
    expect_ok(service_open(&other, &o, &err), &err);
    expect_ok(session_open(&there, other, &err), &err);
    const Vault__V1__AccessHistoryResponse *here = history_of(token_of);
    const Vault__V1__AccessHistoryResponse *then =
        told_by(look_back(&(looking_back){.token = token_of, .size = 1000, .by = there}));
    assert_int_equal(then->n_entries, here->n_entries + 1);
    for (size_t i = 0; i < here->n_entries; i++) assert_int_equal(then->entries[i + 1]->line, here->entries[i]->line);
    session_close(&there);
    service_close(&other);
    fixture_reset();
}

/* ---- a thousand residents ---- */

enum { TOWN = 1000, AT_ONCE = 250, LOOKS = 8 };

static void look_around(const char *uri, const char *why, const char *field, const char *const *tokens, size_t count)
{
    NEW(in, Vault__V1__BatchRevealRequest, vault__v1__batch_reveal_request__init);
    in->tokens = lend_all(tokens, count), in->n_tokens = count;
    in->field_mask = MASK(field);
    expect_outcome(ask(&(asked){.path = "/vault.v1.Tokens/BatchReveal", .uri = uri, .purpose = why, .in = &in->base}),
                   VAULT_OK, NULL);
}

/* Of all of them; NULL: erased. */
static char **tokens_of_town(arena *mem)
{
    NEW(in, Vault__V1__BatchIssueRequest, vault__v1__batch_issue_request__init);
    char **out = arena_array(mem, TOWN, sizeof *out);
    in->values = arena_array(mem, TOWN, sizeof *in->values);
    for (uint64_t i = 0; i < TOWN; i++) {
        resident r;
        the_resident(i, &r);
        in->values[in->n_values++] = arena_text(mem, resident_value(&r, FIELD_ID_NUMBER));
    }
    request *rq =
        ask(&(asked){.path = "/vault.v1.Tokens/BatchIssue", .uri = POPULATION, .purpose = WHY, .in = &in->base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__BatchIssueResponse *issued = (const void *)rq->out;
    for (size_t i = 0; i < TOWN; i++)
        out[i] = issued->results[i]->status ? NULL : arena_text(mem, bytes_of_text(issued->results[i]->token));
    return out;
}

/* Some are looked at often, some never: what the log says of each is drawn from one seed. */
static void live_on(char **tokens)
{
    static const char *const fields[] = {"name", "phone", "sex", "occupation"};
    const char *some[TOWN];
    uint64_t seed = 7;
    for (int i = 0; i < LOOKS; i++) {
        size_t n = 0;
        for (size_t t = 0; t < TOWN; t++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            if (tokens[t] && seed >> 60 < 5) some[n++] = tokens[t];
        }
        look_around(POPULATION, WHY, fields[i % 4], some, n);
    }
}

static void expect_same(const request *rq, int64_t who, int64_t before)
{
    const Vault__V1__AccessHistoryResponse *out = told_by(rq);
    for (size_t i = 0; i < out->n_entries; i++)
        if (!is_scanned(who, (int64_t)out->entries[i]->line))
            fail_msg("line %llu is another's", (unsigned long long)out->entries[i]->line);
    assert_int_equal(out->n_entries, scanned(who, before));
    assert_true(out->n_entries >= 2);
}

static void look_up(char **tokens, const int64_t *who, size_t first)
{
    asked calls[AT_ONCE];
    request *out[AT_ONCE];
    size_t whose[AT_ONCE], n = 0;
    int64_t before = lines_in_log();
    for (size_t i = first; i < first + AT_ONCE; i++) {
        if (!tokens[i]) continue;
        whose[n] = i;
        calls[n++] = history_call(&(looking_back){.uri = POPULATION, .why = WHY, .token = tokens[i], .size = 1000});
    }
    ask_many(calls, out, n);
    for (size_t i = 0; i < n; i++) expect_same(out[i], who[whose[i]], before);
}

TEST("the histories of a thousand residents are what a reading of the whole log says")
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(64 << 20);
    int64_t who[TOWN];
    for (uint64_t from = FIXTURE_RESIDENTS; from < TOWN; from += 400)
        expect_outcome(put_residents(from, 400), VAULT_OK, NULL);
    char **tokens = tokens_of_town(mem);
    live_on(tokens);
    scan_log(mem);
    whose_tokens(who, TOWN);
    for (size_t first = 0; first < TOWN; first += AT_ONCE) {
        fixture_reset();
        look_up(tokens, who, first);
    }
    fixture_reset();
}

/* ---- time passes: from here on the log is in the future ---- */

TEST("what an investigation looked at is told when its time is over, and until then no page shows that there is more")
{
    const char *token_of = mine(resident_in_street(27));
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    size_t before = history_of(token_of)->n_entries;
    for (int i = 0; i < 5; i++) expect_outcome(see(token_of, "registered_address"), VAULT_OK, NULL);
    expect_outcome(see(token_of, "name"), VAULT_OK, NULL);
    const Vault__V1__AccessHistoryResponse *out = history_of(token_of);
    assert_int_equal(out->n_entries, before + 2); /* the question and the second name */
    assert_int_equal(entries_of(out, "reveal", "residence"), 0);
    const Vault__V1__AccessHistoryResponse *page =
        told_by(look_back(&(looking_back){.token = token_of, .size = (int32_t)out->n_entries + 1}));
    assert_int_equal(page->n_entries, out->n_entries + 1);
    assert_string_equal(page->next_page_token, "");
    page = told_by(look_back(&(looking_back){.token = token_of, .size = 2}));
    assert_int_equal(page->n_entries, 2);
    clock_set_for_test(clock_now_us() + 89 * DAY_US);
    size_t hidden = history_of(token_of)->n_entries;
    clock_set_for_test(clock_now_us() + 2 * DAY_US);
    assert_int_equal(history_of(token_of)->n_entries, hidden + 1 + 5);
    fixture_reset();
}

/* How many lines one call looks at; 0: as many as ever. */
static size_t read_most;
vault_code __real_ledger_history(history_page *out, scribe *sc, store *s, arena *mem, const history_query *q,
                                 vault_error *why);
vault_code __wrap_ledger_history(history_page *out, scribe *sc, store *s, arena *mem, const history_query *q,
                                 vault_error *why);
vault_code __wrap_ledger_history(history_page *out, scribe *sc, store *s, arena *mem, const history_query *q,
                                 vault_error *why)
{
    history_query fewer = *q;
    if (read_most) fewer.read_most = read_most;
    return __real_ledger_history(out, sc, s, mem, &fewer, why);
}

TEST("where many lines are not shown pages end early, also without an entry, and go on to the end")
{
    const char *token_of = mine(resident_in_street(9)), *next = NULL;
    for (int i = 0; i < 9; i++) expect_outcome(see(token_of, "registered_address"), VAULT_OK, NULL);
    const Vault__V1__AccessHistoryResponse *whole = history_of(token_of);
    size_t told = 0, empty = 0;
    read_most = 2;
    do {
        const Vault__V1__AccessHistoryResponse *out =
            told_by(look_back(&(looking_back){.token = token_of, .page = next, .size = 5}));
        for (size_t i = next ? 0 : 1; i < out->n_entries; i++) /* the question before stands first */
            assert_int_equal(out->entries[i]->line, whole->entries[told++]->line);
        empty += out->n_entries == 0;
        next = out->next_page_token[0] ? out->next_page_token : NULL;
    } while (next);
    read_most = 0;
    assert_int_equal(told, whole->n_entries);
    assert_true(empty >= 3);
    fixture_reset();
}

TEST("a guardian's time ends, and a child's guardian is none any more on the 18th birthday")
{
    uint64_t nearly = eldest_child();
    const char *child = mine(nearly), *mother = mine(somebody(0, false)), *aunt = mine(somebody(90, false));
    int64_t now = clock_now_us();
    const word words[] = {{.token = child, .guardian = mother, .kind = "parent"},
                          {.token = child, .guardian = aunt, .kind = "court", .end_s = now / 1000000 + 3600}};
    const Vault__V1__BatchRecordGuardiansResponse *done = appointed_all(words, 2);
    assert_true(!done->results[0]->status && !done->results[1]->status);
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = aunt}), VAULT_OK, NULL);
    clock_set_for_test(now + INT64_C(3601) * 1000000);
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = aunt}), VAULT_PRECONDITION,
                   "GUARDIANSHIP_ENDED");
    while (is_child(nearly)) {
        expect_outcome(look_back(&(looking_back){.token = child, .guardian = mother}), VAULT_OK, NULL);
        int64_t step = clock_shanghai_date(clock_now_us() + 40 * DAY_US) < born(nearly) + EIGHTEEN_YEARS ? 40 : 1;
        clock_set_for_test(clock_now_us() + step * DAY_US);
    }
    expect_outcome(look_back(&(looking_back){.token = child, .guardian = mother}), VAULT_PRECONDITION, "WARD_IS_ADULT");
    assert_true(guardians_of(child)->guardians[0]->ended);
    clock_set_for_test(0);
    fixture_reset();
}
