/* share_read takes any bytes and says why it does not take them; what the text's own check lets through is written
 * again as the same share. Any share that is written reads as it was. */
#include "keys/share_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const root_seal SEAL = {
    .source = ROOT_SHARES, .generation = 1, .threshold = 3, .shares = 5, .salt = {0xde, 0xad}};

static void must(bool good)
{
    if (!good) abort();
}

static bool same(const share_words *a, const share_words *b)
{
    return a->generation == b->generation && a->number == b->number && a->threshold == b->threshold &&
           memcmp(a->set, b->set, sizeof a->set) == 0 && memcmp(a->value, b->value, KEY_LEN) == 0;
}

static void write_and_read(const share_words *words)
{
    vault_error err = {0};
    char text[SHARE_TEXT_MAX];
    uint8_t value[KEY_LEN];
    share_words again = {.value = value};
    must(share_text_write(text, words, &err) == VAULT_OK && strlen(text) < sizeof text);
    must(share_text_read(&again, bytes_of_text(text), &err) == VAULT_OK && same(&again, words));
}

static void read_text(bytes text)
{
    static const uint8_t zero[KEY_LEN];
    vault_error err = {0};
    uint8_t value[KEY_LEN] = {0};
    share_words words = {.value = value};
    if (share_text_read(&words, text, &err) == VAULT_OK)
        write_and_read(&words);
    else
        must(err.code == VAULT_INVALID && err.reason && memcmp(value, zero, KEY_LEN) == 0);
    vault_error_clear(&err);
    memset(value, 0, sizeof value);
    share entered = {.at = value}; /* no text hashes to a check of zeros */
    must(share_read(&entered, &SEAL, text, &err) == VAULT_INVALID && err.reason);
    must(entered.number == 0 && memcmp(value, zero, KEY_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    vault_error err = {0};
    must(ready || secret_heap_init(1 << 20, &err) == VAULT_OK);
    ready = true;
    read_text(bytes_of(data, size));
    if (size >= 10 + KEY_LEN) {
        uint8_t value[KEY_LEN];
        memcpy(value, data + 10, KEY_LEN);
        share_words words = {.generation = data[0], .number = data[4], .threshold = data[5], .value = value};
        memcpy(words.set, data + 6, sizeof words.set);
        write_and_read(&words);
    }
    return 0;
}
