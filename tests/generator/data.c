#include "tests/generator/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Made by embed.cmake from district.tsv and origins.tsv. */
extern const char district_tsv[];
extern const char origins_tsv[];

/* One line's columns, and where the next line begins. */
static const char *columns(const char *at, bytes *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(at, "\t\n");
        out[i] = bytes_of(at, len);
        at += len;
        assert(*at == (i + 1 < count ? '\t' : '\n'));
        at++;
    }
    return at;
}

static place_kind kind_of(bytes text)
{
    return *text.at == 'c' ? PLACE_COMMUNITY : *text.at == 'v' ? PLACE_VILLAGE : PLACE_ZONE;
}

void data_load(generator *g)
{
    bytes c[7];
    for (const char *at = district_tsv; *at; g->place_count++) {
        assert(g->place_count < PLACES_MAX);
        at = columns(at, c, 4);
        g->places[g->place_count] = (place){.code = c[0], .street = c[1], .name = c[2], .kind = kind_of(c[3])};
    }
    for (const char *at = origins_tsv; *at; g->origin_count++) {
        assert(g->origin_count < ORIGINS_MAX);
        at = columns(at, c, 7);
        g->origins[g->origin_count] = (origin){.code = c[0],
                                               .province = c[1],
                                               .city = c[2],
                                               .county = c[3],
                                               .street = c[4],
                                               .name = c[5],
                                               .weight = (unsigned)strtoul((const char *)c[6].at, NULL, 10)};
    }
}
