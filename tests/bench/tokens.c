/* bench-tokens: tokens in memory, by one thread, against the bare block cipher.
 *
 *   KIND SECONDS     issue   a pseudonym is sealed and written as text
 *                    seal    the same without the text
 *                    open    a token's text is read and its pseudonym opened
 *                    unseal  the same without the text
 *                    ff1     the format-preserving token of an ID number is made
 *                    unff1   and opened
 *                    block   one AES-256 block, each another
 *                    ten     ten AES-256 blocks, each made of the one before, as rounds are
 */
#include "tests/bench/bench.h"

#include "keys/keys.h"
#include "tokenizer/preserve.h"
#include "tokenizer/pseudonym.h"
#include "vault/base/clock.h"
#include "vault/base/secret.h"
#include <string.h>

enum { POOL = 4096, DOMAIN = 77, ID_LEN = 18, ROUNDS = 10 };

static struct {
    block_cipher *key;
    preserve ids;
    uint8_t blocks[POOL][BLOCK_LEN];
    char texts[POOL][TOKEN_TEXT_LEN + 1];
    char numbers[POOL][PRESERVE_TEXT_MAX + 1];
    int64_t sum; /* of what is read, so that it is */
    vault_error err;
} bench;

static void issue(size_t i)
{
    token t = {.domain = DOMAIN, .epoch = 1};
    pseudonym_seal(bench.key, t.pseudonym, (resident_id){(int64_t)i + 1});
    token_write(bench.texts[i], &t);
}

static void seal(size_t i)
{
    pseudonym_seal(bench.key, bench.blocks[i], (resident_id){(int64_t)i + 1});
}

static void open_token(size_t i)
{
    token t;
    must(token_read(&t, bytes_of(bench.texts[i], TOKEN_TEXT_LEN), &bench.err), &bench.err, "read");
    resident_id id = pseudonym_open(bench.key, t.pseudonym);
    if (id.id != (int64_t)i + 1) die("a token opens to another resident");
    bench.sum += id.id;
}

static void unseal(size_t i)
{
    bench.sum += pseudonym_open(bench.key, bench.blocks[i]).id;
}

static void ff1_id(size_t i)
{
    char out[PRESERVE_TEXT_MAX + 1];
    must(preserve_seal(out, &bench.ids, bytes_of(bench.numbers[i], ID_LEN), &bench.err), &bench.err, "seal");
    memcpy(bench.numbers[i], out, sizeof out);
}

static void ff1_id_back(size_t i)
{
    char out[PRESERVE_TEXT_MAX + 1];
    must(preserve_open(out, &bench.ids, bytes_of(bench.numbers[i], ID_LEN), &bench.err), &bench.err, "open");
    memcpy(bench.numbers[i], out, sizeof out);
}

static void block(size_t i)
{
    block_encrypt(bench.key, bench.blocks[i], bench.blocks[i]);
}

static void ten_blocks(size_t i)
{
    for (int round = 0; round < ROUNDS; round++) block_encrypt(bench.key, bench.blocks[i], bench.blocks[i]);
}

static void run(void (*one)(size_t), double seconds)
{
    samples s = {0};
    window w = {0};
    for (int64_t started = clock_monotonic_us(); window_goes_on(&w, started, seconds);) {
        int64_t began = clock_monotonic_us();
        for (size_t i = 0; i < POOL; i++) one(i);
        if (window_counts(&w)) samples_add(&s, clock_monotonic_us() - began, POOL);
    }
    window_report(&w, &s);
    samples_clear(&s);
}

static void start(void)
{
    vault_error err = {0};
    uint8_t key[KEY_LEN];
    memset(key, 7, sizeof key);
    must(secret_heap_init(1 << 20, &err), &err, "secure heap");
    must(block_new(&bench.key, SUITE_INTL, bytes_of(key, sizeof key), &err), &err, "key");
    bench.ids = (preserve){bench.key, format_find("resident_id"), bytes_of_text("id_number")};
    memcpy(bench.numbers[0], "11010519491231002X", ID_LEN + 1);
    for (size_t i = 0; i < POOL; i++) {
        issue(i);
        if (i > 0) memcpy(bench.numbers[i], bench.numbers[i - 1], ID_LEN + 1);
        ff1_id(i); /* each number is the token of the one before */
    }
}

int main(void)
{
    static const struct {
        const char *name;
        void (*one)(size_t i);
    } kinds[] = {{"issue", issue}, {"seal", seal},   {"open", open_token},   {"unseal", unseal},
                 {"ff1", ff1_id},  {"block", block}, {"unff1", ff1_id_back}, {"ten", ten_blocks}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    command c;
    start();
    while (command_read(&c)) {
        size_t i = 0;
        while (i < KINDS && !command_is(&c, kinds[i].name, 2)) i++;
        if (i == KINDS) die("bench-tokens: issue, seal, open, unseal, ff1, unff1, block or ten, SECONDS");
        run(kinds[i].one, command_seconds(&c, 1));
    }
    return 0;
}
