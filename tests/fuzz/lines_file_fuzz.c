/* Files of lines from strangers: what is read to its end and is whole gives the same file when it is written again. */
#include "vault/audit/lines_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static bool copy_lines(lines_file *f, FILE *to)
{
    vault_error err = {0};
    lines_file_line one;
    lines_body body;
    lines_file_head again;
    vault_code code;
    const lines_file_head *head = lines_file_head_of(f);
    lines_body_begin(&body);
    while ((code = lines_file_next(&one, f, &err)) == VAULT_OK)
        check(lines_file_put(to, &body, &one, head->archive, &err) == VAULT_OK);
    lines_body_end(&again, &body);
    bool whole = code == VAULT_NOT_FOUND && lines_file_whole(f);
    if (whole) check(again.bytes == head->bytes && memcmp(again.body.at, head->body.at, DIGEST_LEN) == 0);
    if (code != VAULT_NOT_FOUND) (void)lines_file_cut(f);
    return whole;
}

static void demand_same(lines_file *f, bytes input, arena *mem)
{
    vault_error err = {0};
    const lines_file_head *head = lines_file_head_of(f);
    const char *note;
    bytes text, front;
    char *body = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&body, &len);
    bool whole = copy_lines(f, to);
    fclose(to);
    check(lines_file_text(&note, mem, head, &err) == VAULT_OK);
    if (!note_unverified(&text, head->note)) text = head->note;
    check(bytes_same(bytes_of_text(note), text));
    if (whole && !memchr(head->checkpoint.at, 0, head->checkpoint.len) && !memchr(head->note.at, 0, head->note.len)) {
        check(lines_file_front(&front, mem, head->note, head->checkpoint, &err) == VAULT_OK);
        check(front.len + len == input.len && memcmp(front.at, input.at, front.len) == 0);
        check(len == 0 || memcmp(body, input.at + front.len, len) == 0);
    }
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    lines_file *f = NULL;
    if (size == 0 || size > 1 << 16) return 0;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    FILE *from = fmemopen((void *)(uintptr_t)data, size, "r");
    if (lines_file_open(&f, from, &err) == VAULT_OK) demand_same(f, bytes_of(data, size), mem);
    lines_file_close(&f);
    fclose(from);
    return 0;
}
