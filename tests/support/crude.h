/* A server of this machine that answers everybody the same, whatever they ask, one after the other. */
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

typedef struct crude {
    int listener;
    uint16_t port;
    const char *sends; /* NULL: nothing, until the other side has had enough */
    size_t repeats;
    pthread_t thread;
} crude;
void crude_start(crude *c, const char *sends, size_t repeats);
void crude_end(crude *c);
