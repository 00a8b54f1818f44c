/* For tests/integration/preserve_test.py: format-preserving tokens of the values on stdin, one a line, under a key that
 * everybody knows; and back with "open". preserve_tokens seal|open FORMAT */
#include "tokenizer/preserve.h"
#include "vault/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(vault_code code, const vault_error *err)
{
    if (code == VAULT_OK) return;
    fprintf(stderr, "%s %s\n", err->reason ? err->reason : "failed", err->detail);
    exit(1);
}

int main(int argc, char **argv)
{
    vault_error err = {0};
    uint8_t key[KEY_LEN];
    char line[64], out[PRESERVE_TEXT_MAX + 1];
    const format *f = argc == 3 ? format_find(argv[2]) : NULL;
    if (!f) return 2;
    preserve p = {.format = f, .tweak = bytes_of_text("id_number")};
    memset(key, 7, sizeof key);
    must(secret_heap_init(1 << 20, &err), &err);
    must(block_new(&p.key, SUITE_INTL, bytes_of(key, sizeof key), &err), &err);
    while (fgets(line, sizeof line, stdin)) {
        bytes value = bytes_of(line, strcspn(line, "\n"));
        must(strcmp(argv[1], "open") == 0 ? preserve_open(out, &p, value, &err) : preserve_seal(out, &p, value, &err),
             &err);
        puts(out);
    }
    block_free(&p.key);
    return 0;
}
