/* vault-generate: fictitious residents as CSV or JSON lines, by seed. */
#include "tests/generator/dirty.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: vault-generate --seed N --count N [--from N] [--format csv|jsonl] [--fields N]\n"
    "                      [--dirty SHARE --faults FILE] [--headings names|labels] [--encoding E]\n"
    "\n"
    "Fictitious residents of a real district (Xinbei, Changzhou: 10 streets and towns, 147 communities and villages).\n"
    "The same seed gives the same bytes; resident i does not depend on --from or --count. Nobody is meant: the area\n"
    "codes in the ID numbers are unassigned ones, the mobile segments are unallotted.\n"
    "\n"
    "  --seed N      number that everything follows from (needed)\n"
    "  --count N     how many residents (needed)\n"
    "  --from N      index of the first one (0)\n"
    "  --format F    csv, with a line of names first, or jsonl (csv)\n"
    "  --fields N    only the first N of the 22 fields; the first 20 are the core of GB/T 31000 (22)\n"
    "\n"
    "  --dirty SHARE as departments send it: that share of the residents (0 to 1, as 0.02) has a fault; csv only\n"
    "  --faults FILE the list of them, a JSON line each: line, field, reason, effect (needed with --dirty)\n"
    "  --headings H  names, or labels: Chinese ones; with --dirty (names)\n"
    "  --encoding E  utf-8, utf-8-bom, gb18030, gb18030-bom, mixed; with --dirty (utf-8)\n"
    "\n"
    "  vault-generate --seed 1 --count 5\n"
    "  vault-generate --seed 1 --count 1000000 --fields 20 --format jsonl >residents.jsonl\n"
    "  vault-generate --seed 1 --from 500000 --count 500000 >second-half.csv\n";

typedef struct options {
    uint64_t seed, count, from, fields;
    bool has_seed, has_count, jsonl, dirty, labels;
    const char *faults;
    unsigned per_million;
    file_encoding encoding;
} options;

static int refuse(const char *what, const char *value)
{
    fprintf(stderr, "vault-generate: %s '%s'; see vault-generate --help\n", what, value);
    return 2;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *rest;
    errno = 0;
    *out = strtoull(text, &rest, 10);
    return *text >= '0' && *text <= '9' && *rest == 0 && errno == 0;
}

static bool read_share(const char *text, unsigned *out)
{
    char *rest;
    double share = strtod(text, &rest);
    if (*text < '0' || *text > '9' || *rest != 0 || !(share >= 0 && share <= 1)) return false;
    *out = (unsigned)(share * DIRTY_MILLION + 0.5);
    return true;
}

static bool read_encoding(const char *text, file_encoding *out)
{
    for (*out = 0; *out < FILE_ENCODINGS; ++*out) {
        if (strcmp(file_encoding_name(*out), text) == 0) return true;
    }
    return false;
}

/* As `take`, of the options that only dirty files have; -1: none of them. */
static int take_dirty(options *o, const char *name, const char *value)
{
    if (strcmp(name, "--dirty") == 0) {
        o->dirty = true;
        return read_share(value, &o->per_million) ? 0 : refuse("not a share from 0 to 1", value);
    }
    if (strcmp(name, "--faults") == 0) return o->faults = value, 0;
    if (strcmp(name, "--headings") == 0) {
        o->labels = strcmp(value, "labels") == 0;
        return o->labels || strcmp(value, "names") == 0 ? 0 : refuse("unknown headings", value);
    }
    if (strcmp(name, "--encoding") == 0) {
        return read_encoding(value, &o->encoding) ? 0 : refuse("unknown encoding", value);
    }
    return -1;
}

/* 0 and the option taken, or an exit code. */
static int take(options *o, const char *name, const char *value)
{
    uint64_t *number = NULL;
    int taken = take_dirty(o, name, value);
    if (taken >= 0) return taken;
    if (strcmp(name, "--format") == 0) {
        o->jsonl = strcmp(value, "jsonl") == 0;
        return o->jsonl || strcmp(value, "csv") == 0 ? 0 : refuse("unknown format", value);
    }
    if (strcmp(name, "--seed") == 0) number = &o->seed, o->has_seed = true;
    if (strcmp(name, "--count") == 0) number = &o->count, o->has_count = true;
    if (strcmp(name, "--from") == 0) number = &o->from;
    if (strcmp(name, "--fields") == 0) number = &o->fields;
    if (!number) return refuse("unknown option", name);
    return read_number(value, number) ? 0 : refuse("not a number", value);
}

static int check(const options *o)
{
    if (!o->has_seed || !o->has_count) return refuse("missing option", o->has_seed ? "--count" : "--seed");
    if (o->fields < 1 || o->fields > GENERATOR_FIELDS) return refuse("not between 1 and 22", "--fields");
    if (o->from > GENERATOR_LIMIT || o->count > GENERATOR_LIMIT - o->from) return refuse("indexes end at", "15000000");
    if (!o->dirty && (o->faults || o->labels || o->encoding)) return refuse("missing option", "--dirty");
    if (!o->dirty) return 0;
    if (!o->faults) return refuse("missing option", "--faults");
    if (o->jsonl) return refuse("dirty files are csv, not", "jsonl");
    return o->fields >= DIRTY_FIELDS_LEAST ? 0 : refuse("with --dirty not between 18 and 22", "--fields");
}

static int generate_dirty(const options *o)
{
    static char buffer[1 << 18];
    dirty_options d = {.seed = o->seed,
                       .from = o->from,
                       .count = o->count,
                       .fields = (unsigned)o->fields,
                       .per_million = o->per_million,
                       .labels = o->labels,
                       .encoding = o->encoding};
    FILE *faults = fopen(o->faults, "we");
    generator *g = generator_new(o->seed);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    bool good = faults && dirty_write(g, &d, stdout, faults);
    if (!good) perror("vault-generate: writing");
    if (faults && fclose(faults) != 0) good = false;
    generator_free(&g);
    return good ? 0 : 1;
}

static void put_csv(const resident *r, unsigned fields, FILE *to)
{
    for (unsigned f = 1; f <= fields; f++) {
        bytes value = resident_value(r, f);
        fwrite_unlocked(value.at, 1, value.len, to);
        putc_unlocked(f < fields ? ',' : '\n', to);
    }
}

/* No value holds a quote, a backslash or a control character: nothing to escape. */
static void put_jsonl(const resident *r, unsigned fields, FILE *to)
{
    for (unsigned f = 1; f <= fields; f++) {
        fputs_unlocked(f == 1 ? "{\"" : ",\"", to);
        fputs_unlocked(generator_field_name(f), to);
        fputs_unlocked("\":\"", to);
        fputs_unlocked(resident_text(r, f), to);
        putc_unlocked('"', to);
    }
    fputs_unlocked("}\n", to);
}

static void put_names(unsigned fields, FILE *to)
{
    for (unsigned f = 1; f <= fields; f++) fprintf(to, "%s%c", generator_field_name(f), f < fields ? ',' : '\n');
}

static int generate(const options *o)
{
    static char buffer[1 << 18];
    generator *g = generator_new(o->seed);
    resident r;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (!o->jsonl) put_names((unsigned)o->fields, stdout);
    for (uint64_t i = 0; i < o->count && !ferror(stdout); i++) {
        generator_resident(g, o->from + i, &r);
        (o->jsonl ? put_jsonl : put_csv)(&r, (unsigned)o->fields, stdout);
    }
    generator_free(&g);
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    perror("vault-generate: writing");
    return 1;
}

int main(int argc, char **argv)
{
    options o = {.fields = GENERATOR_FIELDS};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(help, stdout) < 0;
    for (int i = 1; i < argc; i += 2) {
        int failed = i + 1 < argc ? take(&o, argv[i], argv[i + 1]) : refuse("missing value after", argv[i]);
        if (failed) return failed;
    }
    int failed = check(&o);
    if (failed) return failed;
    return o.dirty ? generate_dirty(&o) : generate(&o);
}
