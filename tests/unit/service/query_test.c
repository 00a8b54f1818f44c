/* The officer's questions beyond those by resident, person and purpose: every condition, counts, following, receipts.
 */
#include "tests/unit/service/receipt.h"

#include <stdio.h>
#include <unistd.h>

static char *lent_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static request *query(Vault__V1__QueryRequest *in)
{
    return ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in->base});
}

static const Vault__V1__QueryResponse *page_of(Vault__V1__QueryRequest *in)
{
    request *rq = query(in);
    expect_outcome(rq, VAULT_OK, NULL);
    return (const void *)rq->out;
}

static void refused(Vault__V1__QueryRequest *in, const char *field, const char *reason)
{
    int64_t before = lines_in_log();
    request *rq = query(in);
    expect_outcome(rq, VAULT_INVALID, reason);
    assert_string_equal(rq->err.field, field);
    assert_int_equal(lines_in_log(), before);
    vault__v1__query_request__init(in);
}

/* Every line says so, and there is one. */
static void expect_all_say(Vault__V1__QueryRequest *in, const char *part)
{
    in->page_size = 1000;
    const Vault__V1__QueryResponse *page = page_of(in);
    assert_true(page->n_lines > 0);
    for (size_t i = 0; i < page->n_lines; i++) {
        assert_true(page->lines[i]->consistent);
        if (!strstr(page->lines[i]->officer_view, part))
            fail_msg("%s does not say %s", page->lines[i]->officer_view, part);
    }
    assert_int_equal(page->position, page->size);
    vault__v1__query_request__init(in);
}

static void given_reveals(size_t count)
{
    const char *own = token_for(CLINIC, "family-doctor", 11);
    for (size_t i = 0; i < count; i++)
        expect_outcome(reveal(CLINIC, "family-doctor", own, MASK("name")), VAULT_OK, NULL);
}

TEST("each condition leads to the lines that say so, and to no other")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    given_reveals(3);
    in.app = lent_text("clinic"), expect_all_say(&in, "\"app\":\"clinic\"");
    in.department = lent_text("health"), expect_all_say(&in, "\"department\":\"health\"");
    in.field = lent_text("name"), in.action = lent_text("reveal"), expect_all_say(&in, "\"fields\":\"name\"");
    in.form = lent_text("plain"), expect_all_say(&in, "\"form\":\"plain\"");
    in.action = lent_text("issue"), expect_all_say(&in, "\"action\":\"issue\"");
    in.outcome = lent_text("granted"), in.action = lent_text("reveal"), expect_all_say(&in, "\"outcome\":\"granted\"");
    in.app = lent_text("nobody");
    assert_int_equal(page_of(&in)->n_lines, 0);
    vault__v1__query_request__init(&in);
    in.ticket = lent_text("no such case");
    assert_int_equal(page_of(&in)->n_lines, 0);
    vault__v1__query_request__init(&in);
    in.request_id = lent_text("no such request");
    assert_int_equal(page_of(&in)->n_lines, 0);
    fixture_reset();
}

TEST("what is no action, outcome or group, or not a text at all, is refused by name")
{
    static char *by[] = {"day", "app", "hour", "person"}, *twice[] = {"app", "app"}, *odd[] = {"app", "Day"};
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.action = lent_text("Reveal"), refused(&in, "action", "UNKNOWN_NAME");
    in.outcome = lent_text("yes"), refused(&in, "outcome", "UNKNOWN_NAME");
    in.app = lent_text("a\nb"), refused(&in, "app", "OUT_OF_RANGE");
    in.ticket = lent_text("\xff"), refused(&in, "ticket", "OUT_OF_RANGE");
    in.group_by = by, in.n_group_by = 4, refused(&in, "group_by", "TOO_MANY");
    in.group_by = twice, in.n_group_by = 2, refused(&in, "group_by[1]", "DUPLICATE_NAME");
    in.group_by = odd, in.n_group_by = 2, refused(&in, "group_by[1]", "UNKNOWN_NAME");
    in.group_by = by, in.n_group_by = 1, in.follow = true, refused(&in, "follow", "OUT_OF_RANGE");
    in.group_by = by, in.n_group_by = 1, in.receipts = true, refused(&in, "receipts", "OUT_OF_RANGE");
    fixture_reset();
}

TEST("the line of a question names its conditions, and no value that nobody registered")
{
    static char *by[] = {"day", "app"};
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT, own = in;
    in.app = lent_text("clinic"), in.department = lent_text("Secret Ministry"), in.field = lent_text("name");
    in.ticket = lent_text("Zhang's case"), in.request_id = lent_text("42"), in.action = lent_text("reveal");
    in.group_by = by, in.n_group_by = 2;
    (void)page_of(&in);
    own.purpose = lent_text("log-review");
    own.page_size = 1000;
    const Vault__V1__QueryResponse *page = page_of(&own);
    assert_non_null(
        strstr(page->lines[page->n_lines - 2]->officer_view,
               "\"fields\":\"app=clinic,department,field=name,action=reveal,request,ticket,by=day,by=app\""));
    fixture_reset();
}

static uint64_t group_count(const Vault__V1__QueryResponse *page, const char *first, const char *second)
{
    for (size_t i = 0; i < page->n_groups; i++)
        if (strcmp(page->groups[i]->keys[0], first) == 0 && strcmp(page->groups[i]->keys[1], second) == 0)
            return page->groups[i]->count;
    return 0;
}

TEST("counts are those of the lines, most frequent first")
{
    static char *by[] = {"app", "action"};
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT, lines = in;
    given_reveals(4);
    in.group_by = by, in.n_group_by = 2;
    const Vault__V1__QueryResponse *page = page_of(&in);
    lines.app = lent_text("clinic"), lines.action = lent_text("reveal"), lines.page_size = 1000;
    assert_int_equal(group_count(page, "clinic", "reveal"), page_of(&lines)->n_lines);
    assert_int_equal(page->n_lines, 0);
    uint64_t all = 0;
    for (size_t i = 0; i < page->n_groups; i++) {
        assert_int_equal(page->groups[i]->n_keys, 2);
        assert_true(i == 0 || page->groups[i]->count <= page->groups[i - 1]->count);
        all += page->groups[i]->count;
    }
    assert_int_equal(all, page->size);
    assert_string_equal(page->next_page_token, "");
    fixture_reset();
}

TEST("who follows the log gets each line once, and a poll that finds nothing is no line")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    in.follow = true, in.page_size = 1000;
    const Vault__V1__QueryResponse *page;
    do {
        page = page_of(&in);
        assert_true(page->next_page_token[0]);
        in.page_token = page->next_page_token;
    } while (page->position < page->size);
    int64_t before = lines_in_log();
    for (size_t i = 0; i < 3; i++) {
        page = page_of(&in);
        assert_int_equal(page->n_lines, 0);
        in.page_token = page->next_page_token;
    }
    assert_int_equal(lines_in_log(), before);
    given_reveals(2); /* and an issue; the poll that finds them is a line, which it finds, too */
    page = page_of(&in);
    assert_int_equal(page->n_lines, 4);
    assert_int_equal(page->lines[0]->index, before);
    assert_string_equal(page->lines[3]->action, "query");
    in.page_token = page->next_page_token;
    assert_int_equal(page_of(&in)->n_lines, 0);
    assert_int_equal(lines_in_log(), before + 4);
    fixture_reset();
}

TEST("where a follower goes on cannot be made up: what did not happen is not asked without a line")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    uint8_t raw[16] = {0};
    char text[32];
    given_reveals(2);
    in.action = lent_text("reveal"), in.page_size = 1;
    char *listed = page_of(&in)->next_page_token;
    assert_true(listed[0]);
    in.follow = true;
    in.page_token = listed;
    expect_outcome(query(&in), VAULT_INVALID, "BAD_PAGE_TOKEN");
    base64_encode(text, bytes_of(raw, sizeof raw));
    in.page_token = text;
    expect_outcome(query(&in), VAULT_INVALID, "BAD_PAGE_TOKEN");
    in.page_token = lent_text("");
    in.page_token = page_of(&in)->next_page_token;
    expect_outcome(query(&in), VAULT_OK, NULL);
    in.action = lent_text("put");
    expect_outcome(query(&in), VAULT_INVALID, "BAD_PAGE_TOKEN");
    fixture_reset();
}

static const Vault__V1__QueryResponse *page_with_receipts(Vault__V1__QueryRequest *in, size_t at_least)
{
    in->receipts = true;
    for (int i = 0; i < 1200; i++) {
        request *rq = query(in);
        const Vault__V1__QueryResponse *page = (const void *)rq->out;
        if (page && page->n_lines >= at_least) return page;
        usleep(50000);
    }
    fail_msg("no %zu lines with receipts", at_least);
    return NULL;
}

TEST("with receipts each line has its path to the checkpoint that comes with them")
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    given_reveals(2);
    in.app = lent_text("clinic");
    const Vault__V1__QueryResponse *page = page_with_receipts(&in, 3);
    merkle_tree tree = tree_of(page->checkpoint);
    for (size_t i = 0; i < page->n_lines; i++) {
        const Vault__V1__Line *l = page->lines[i];
        digest leaf = merkle_leaf(bytes_of(l->leaf.data, l->leaf.len));
        assert_true(merkle_verify_inclusion(&leaf, (int64_t)l->index, &tree, path_of(l->path, l->n_path)));
        assert_false(merkle_verify_inclusion(&leaf, (int64_t)l->index + 1, &tree, path_of(l->path, l->n_path)));
    }
    assert_int_equal(page->size, tree.size);
    fixture_reset();
}
