/* One connection for measuring: binary COPY, prepared statements with binary arrays, and the cost of what was done
 * since a mark: seconds, CPU seconds of the server process, bytes of WAL. Any failure ends the program. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wire wire;

wire *wire_open(const char *conninfo);
void wire_close(wire **w);
uint64_t wire_random(uint64_t *state);

__attribute__((format(printf, 2, 3))) void wire_run(wire *w, const char *format, ...);

/* From here on costs count. With a checkpoint first, every page touched goes whole into the WAL. */
void wire_mark(wire *w, bool checkpoint);
void wire_report(wire *w, const char *layout, const char *what, uint64_t count);
void wire_sizes(wire *w, const char *layout, const char *table, const char *when, uint64_t count);

void wire_copy_start(wire *w, const char *table);
void wire_tuple(wire *w, int columns);
void wire_int2(wire *w, int16_t v);
void wire_int4(wire *w, int32_t v);
void wire_int8(wire *w, int64_t v);
void wire_bytes(wire *w, const void *at, size_t len);
void wire_int8s(wire *w, const int64_t *v, size_t count);
void wire_copy_end(wire *w);

void wire_prepare(wire *w, const char *sql);
void wire_param_int8s(wire *w, const int64_t *v, size_t count);
void wire_param_blobs_start(wire *w, size_t count); /* then exactly count blobs */
void wire_blob(wire *w, const void *at, size_t len);
void wire_execute(wire *w); /* with the parameters so far; rows are received in binary form and dropped */
