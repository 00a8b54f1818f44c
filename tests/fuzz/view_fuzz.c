/* The reader of views and leaves: what a thief of the log ring could feed to the officer's query. And the writer:
 * whatever texts the facts hold, the view is read back as they were. */
#include "vault/audit/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(arena *mem, bytes text)
{
    vault_error err = {0};
    uint8_t buffer[VIEW_MAX];
    writer w = writer_over(buffer, sizeof buffer);
    line_facts back;
    const char *person = arena_text(mem, text);
    line_facts f = {.action = LINE_REVEAL,
                    .outcome = LINE_REFUSED,
                    .person = person,
                    .purpose = "p",
                    .ticket = person,
                    .resident = 5,
                    .refers_to = -1};
    if (!person || view_of_officer(&w, &f, &err) != VAULT_OK) return;
    if (view_read(&back, mem, writer_bytes(&w), &err) != VAULT_OK) abort();
    if (strcmp(back.person, person) != 0 || back.outcome != LINE_REFUSED || back.resident != 5) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vault_error err = {0};
    line_facts view;
    leaf_facts leaf;
    bytes input = bytes_of(data, size);
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(8 << 20);
    if (size > 1 << 20) return 0;
    if (view_read(&view, mem, input, &err) == VAULT_OK && view.outcome > LINE_OUTCOMES) abort();
    (void)leaf_read(&leaf, input);
    write_and_read(mem, input);
    return 0;
}
