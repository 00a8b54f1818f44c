/* damage_read takes any bytes: within its budget, and what it gives out was confirmed by the judge and reads as a
 * token. The first byte says how strict the judge is. */
#include "tokenizer/damage.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUDGET = 20000 };

typedef struct witness {
    uint8_t strict;
    bool confirmed;
    token last;
} witness;

static bool judge(void *context, token *candidate)
{
    witness *w = context;
    if (candidate->domain >> 24) abort();
    w->confirmed = (candidate->pseudonym[0] & w->strict) == 0;
    w->last = *candidate;
    return w->confirmed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    witness w = {.strict = size ? data[0] : 0};
    const damage_judge by = {.context = &w, .genuine = judge};
    if (size == 0) return 0;
    damage_found f = damage_read(bytes_of(data + 1, size - 1), &by, BUDGET);
    if (f.work > BUDGET || f.mended > DAMAGE_MISSING_MAX || (f.genuine && f.given_up)) abort();
    if (f.genuine != w.confirmed) abort();
    if (!f.genuine) return 0;
    vault_error err = {0};
    token back;
    char text[TOKEN_TEXT_LEN + 1];
    token_write(text, &f.token);
    if (token_read(&back, bytes_of_text(text), &err) != VAULT_OK || back.domain != f.token.domain ||
        back.epoch != f.token.epoch || memcmp(back.pseudonym, w.last.pseudonym, PSEUDONYM_LEN) != 0)
        abort();
    return 0;
}
