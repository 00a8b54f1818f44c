#include "vault/base/memory.h"
#include "vault/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *stop_if_out(void *at, size_t size)
{
    if (at) return at;
    fprintf(stderr, "out of memory: %zu bytes\n", size);
    abort();
}

void *memory_new(size_t size)
{
    return memory_array(1, size);
}

void *memory_array(size_t count, size_t size)
{
    return stop_if_out(calloc(count ? count : 1, size ? size : 1), size);
}

void *memory_grow(void *at, size_t old_size, size_t new_size)
{
    void *grown = memory_new(new_size);
    size_t kept = old_size < new_size ? old_size : new_size;
    if (at && kept > 0) memcpy(grown, at, kept);
    memory_free(at, old_size);
    return grown;
}

void memory_free(void *at, size_t size)
{
    if (!at) return;
    wipe(at, size);
    free(at);
}

char *memory_text(const char *text)
{
    if (!text) return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memory_new(size);
    memcpy(copy, text, size);
    return copy;
}
