/* Names that people and documents use: one canonical form, and none that could be taken for another. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { ID_MAX = 64 };

/* 1 to ID_MAX of [a-z0-9-] and the characters of `extra`, with a letter or digit at both ends. */
bool id_valid(const char *id, const char *extra);

/* Order of names as a tired eye reads them: '-' and '_' count for nothing, 0 is o, 1 is l. Equal names look alike. */
int id_compare_looks(const char *a, const char *b);

/* Finds two names of the list that look alike; false when there are none. `count` may be 0. */
bool ids_look_alike(const char *const *ids, size_t count, const char **first, const char **second);
