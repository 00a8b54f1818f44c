/* The operator's log: one JSON object a line on stderr, never a value of a resident. Thread-safe; a full pipe drops
 * lines and counts them (the next line that fits says how many), it never blocks the service.
 *   {"time":"2026-11-22T02:02:41.123456Z","level":"warn","event":"store.lost","detail":"...","code":"UNAVAILABLE"} */
#pragma once
#include "vault/base/error.h"
#include <stdint.h>

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level;

void log_set_level(log_level least); /* what is less is dropped; LOG_INFO at first */
/* `event` is a static dotted name; `format` gives the detail (JSON-escaped, cut at 512 bytes). */
__attribute__((format(printf, 3, 4))) void log_event(log_level level, const char *event, const char *format, ...);
void log_failure(log_level level, const char *event, const vault_error *err); /* code, where, reason and detail */
