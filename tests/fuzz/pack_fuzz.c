/* The reader of packed fields: what a writer of the database could put there. What is read through to the end is a
 * strictly rising list, is written again as it was, and pack_find finds exactly what is in it. */
#include "vault/record/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_all(bytes pack, const segment *segments, size_t count)
{
    vault_error err = {0};
    for (size_t i = 0; i < count; i++) {
        segment s;
        bool found;
        if (pack_find(&s, &found, pack, segments[i].field, &err) != VAULT_OK || !found) abort();
        if (s.sealed.at != segments[i].sealed.at || s.sealed.len != segments[i].sealed.len) abort();
        if (segments[i].field < UINT16_MAX && (i + 1 == count || segments[i + 1].field != segments[i].field + 1)) {
            if (pack_find(&s, &found, pack, segments[i].field + 1U, &err) != VAULT_OK || found) abort();
        }
    }
}

static void write_again(bytes pack, const segment *segments, size_t count)
{
    static uint8_t again[PACK_MAX];
    writer w = writer_over(again, sizeof again);
    for (size_t i = 0; i < count; i++) segment_write(&w, &segments[i]);
    if (w.overflow || !bytes_same(writer_bytes(&w), pack)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static segment segments[PACK_MAX / SEGMENT_HEADER_LEN + 1];
    bytes pack = bytes_of(data, size);
    reader from = reader_over(pack);
    vault_error err = {0};
    size_t count = 0;
    if (size > PACK_MAX) return 0;
    for (uint16_t previous = 0; from.rest.len > 0; previous = segments[count++].field) {
        if (segment_read(&segments[count], &from, previous, &err) == VAULT_OK) {
            if (segments[count].field <= previous) abort();
            continue;
        }
        if (err.code != VAULT_INTEGRITY) abort();
        return 0;
    }
    find_all(pack, segments, count);
    write_again(pack, segments, count);
    return 0;
}
