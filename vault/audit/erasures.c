/* The chain of erasures: links by the append, and the file outside the database that keeps them. */
#include "vault/audit/internal.h"

#include "vault/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

digest erasure_link(const digest *before, const erasure_row *of)
{
    static const char LABEL[] = "resident-vault erasure 1";
    uint8_t numbers[24];
    writer w = writer_over(numbers, sizeof numbers);
    put_u64(&w, (uint64_t)of->number);
    put_u64(&w, (uint64_t)of->resident);
    put_u64(&w, (uint64_t)of->line);
    const bytes parts[] = {bytes_of(LABEL, sizeof LABEL - 1), digest_bytes(before), writer_bytes(&w)};
    return sha256_parts(parts, 3);
}

/* ---- links of a batch ---------------------------------------------------------------------------------------------
 */

static bool is_erasure(const line *l)
{
    return l->action == LINE_ERASE && l->outcome == LINE_GRANTED;
}

vault_code erasures_place(erasure_row **out, head_row *to, arena *mem, const line_batch *batch, vault_error *err)
{
    size_t n = 0;
    *out = NULL;
    if (batch->erased_count > 0 && !(*out = arena_array(mem, batch->erased_count, sizeof **out)))
        return vault_fail(err, VAULT_EXHAUSTED, "no room for erasures");
    for (size_t i = 0; i < batch->count; i++) {
        if (!is_erasure(&batch->lines[i])) continue;
        if (n == batch->erased_count) return vault_fail(err, VAULT_INTERNAL, "a line of an erasure without its link");
        erasure_row *link = &(*out)[n];
        *link = (erasure_row){.number = to->erased + 1, .resident = batch->erased[n], .line = batch->lines[i].index};
        to->erasure = erasure_link(&to->erasure, link);
        to->erased++;
        n++;
    }
    if (n == batch->erased_count) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "an erasure without its line");
}
