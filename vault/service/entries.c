/* Audit.GetEntries: the log as it is published. */
#include "vault/service/internal.h"

enum { ENTRIES_DEFAULT = 1024 };

static vault_code fill_entries(request *rq, const entry_page *page)
{
    Vault__V1__GetEntriesResponse *out =
        MESSAGE(rq->mem, Vault__V1__GetEntriesResponse, vault__v1__get_entries_response__init);
    ProtobufCBinaryData *entries = arena_array(rq->mem, page->count + 1, sizeof *entries);
    if (!out || !entries) return vault_fail(&rq->err, VAULT_EXHAUSTED, "no memory for leaves");
    for (size_t i = 0; i < page->count; i++)
        entries[i] =
            (ProtobufCBinaryData){.len = page->leaves[i].len, .data = (uint8_t *)(uintptr_t)page->leaves[i].at};
    out->entries = entries;
    out->n_entries = page->count;
    rq->out = &out->base;
    return VAULT_OK;
}

static vault_code get_entries(session *s, request *rq, const Vault__V1__GetEntriesRequest *in)
{
    const char *note = NULL;
    entry_page page = {.from = (int64_t)in->first, .limit = in->count ? (size_t)in->count : ENTRIES_DEFAULT};
    if (in->first > (uint64_t)MERKLE_SIZE_MAX) return refuse_at(&rq->err, "OUT_OF_RANGE", "first", -1);
    if (in->count < 0 || in->count > ENTRIES_MOST) return refuse_at(&rq->err, "OUT_OF_RANGE", "count", -1);
    VAULT_TRY(store_checkpoint_read(s->store, rq->mem, &page.size, &note, &rq->err));
    if (page.from >= page.size) return vault_refuse(&rq->err, VAULT_NOT_FOUND, "NOT_YET_PUBLISHED", "");
    page.until_us = page_until(rq);
    VAULT_TRY(ledger_entries(s->store, rq->mem, &page, &rq->err));
    return fill_entries(rq, &page);
}

void audit_get_entries(session *s, call **calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)get_entries(s, calls[i]->rq, (const Vault__V1__GetEntriesRequest *)(const void *)calls[i]->rq->in);
}
