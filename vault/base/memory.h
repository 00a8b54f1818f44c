/* The one place for long-lived ordinary allocations. Memory comes zeroed and is wiped when it is freed. Thread-safe. */
#pragma once
#include <stddef.h>

void *memory_new(size_t size); /* never NULL: the process stops with a line on stderr when memory is out */
void *memory_array(size_t count, size_t size);                 /* count * size, overflow checked */
void *memory_grow(void *at, size_t old_size, size_t new_size); /* as realloc, wipes what it leaves; at may be NULL */
void memory_free(void *at, size_t size);                       /* wipes size bytes; takes NULL */
char *memory_text(const char *text); /* a copy; free with memory_free(p, strlen(p) + 1); NULL stays NULL */
