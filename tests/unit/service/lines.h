/* What stands in the log. */
#pragma once
#include "tests/support/vault_fixture.h"
#include "vault/base/clock.h"

/* Officer's views of the lines from that time on, one below the other, oldest first; at most 1,000. */
static inline const char *views_since(int64_t since_us)
{
    Vault__V1__QueryRequest in = VAULT__V1__QUERY_REQUEST__INIT;
    Google__Protobuf__Timestamp start = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    start.seconds = since_us / 1000000;
    start.nanos = (int32_t)(since_us % 1000000) * 1000;
    in.start_time = &start;
    in.page_size = 1000;
    request *rq =
        ask(&(asked){.path = "/vault.v1.Audit/Query", .uri = OFFICER, .purpose = "log-review", .in = &in.base});
    expect_outcome(rq, VAULT_OK, NULL);
    const Vault__V1__QueryResponse *page = (const void *)rq->out;
    char *out = arena_text(fixture_memory(), bytes_of(NULL, 0));
    for (size_t i = 0; i < page->n_lines; i++)
        out = arena_format(fixture_memory(), "%s%s\n", out, page->lines[i]->officer_view);
    return out;
}

static inline size_t occurrences(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) n++;
    return n;
}
