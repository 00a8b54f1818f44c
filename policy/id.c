#include "policy/id.h"
#include "vault/base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool id_valid(const char *id, const char *extra)
{
    size_t len = strlen(id);
    if (len == 0 || len > ID_MAX || !plain(id[0]) || !plain(id[len - 1])) return false;
    for (size_t i = 0; i < len; i++) {
        if (!plain(id[i]) && id[i] != '-' && !strchr(extra, id[i])) return false;
    }
    return true;
}

/* The next character that counts, as the eye reads it; moves past it. */
static char next_look(const char **at)
{
    while (**at == '-' || **at == '_') (*at)++;
    char c = **at;
    if (c) (*at)++;
    return c == '0' ? 'o' : c == '1' ? 'l' : c;
}

int id_compare_looks(const char *a, const char *b)
{
    char x, y;
    do {
        x = next_look(&a);
        y = next_look(&b);
    } while (x == y && x);
    return (unsigned char)x - (unsigned char)y;
}

static int compare_looks(const void *a, const void *b)
{
    return id_compare_looks(*(const char *const *)a, *(const char *const *)b);
}

bool ids_look_alike(const char *const *ids, size_t count, const char **first, const char **second)
{
    if (count == 0) return false;
    const char **sorted = memory_array(count, sizeof *sorted);
    memcpy(sorted, ids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_looks);
    bool found = false;
    for (size_t i = 1; i < count && !found; i++) {
        found = id_compare_looks(sorted[i - 1], sorted[i]) == 0;
        *first = sorted[i - 1];
        *second = sorted[i];
    }
    memory_free(sorted, count * sizeof *sorted);
    return found;
}
