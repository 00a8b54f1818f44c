/* What two JSON documents differ in, in the words of their paths: entries of a list are told apart by their id or name,
 * so that one that moved is no difference. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <string.h>

enum { PATH_MAX_LEN = 512, DEPTH_MAX = 32 };

typedef struct differ {
    json_t *found; /* list of {"path", "before", "after"} */
    char path[PATH_MAX_LEN];
    unsigned depth;
} differ;

static void report(differ *d, json_t *before, json_t *after)
{
    json_t *one = json_pack("{s:s}", "path", d->path);
    if (before) json_object_set(one, "before", before);
    if (after) json_object_set(one, "after", after);
    json_array_append_new(d->found, one);
}

/* "id" of most, "name" of fields and collections, "sha256" of certificates, "kid" of keys. */
static const char *name_of(json_t *entry)
{
    static const char *const keys[] = {"id", "name", "sha256", "kid"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *name = json_string_value(json_object_get(entry, keys[i]));
        if (name) return name;
    }
    return NULL;
}

/* Entries by name; NULL where they have no names of their own: what cannot be told apart is compared as a whole. (A
 * list may have 10,000 persons: nobody walks it for each of them.) */
static json_t *by_name(json_t *list)
{
    size_t i;
    json_t *entry, *index = json_object();
    json_array_foreach(list, i, entry)
    {
        const char *name = name_of(entry);
        if (name && !json_object_get(index, name) && json_object_set(index, name, entry) == 0) continue;
        json_decref(index);
        return NULL;
    }
    return index;
}

static void compare(differ *d, json_t *before, json_t *after);

/* One step down: appends to the path, compares, and takes it off again. */
static void step(differ *d, const char *format, const char *name, json_t *before, json_t *after)
{
    size_t len = strlen(d->path);
    (void)snprintf(d->path + len, sizeof d->path - len, format, name);
    d->depth++;
    if (before && after)
        compare(d, before, after);
    else
        report(d, before, after);
    d->depth--;
    d->path[len] = '\0';
}

static void compare_objects(differ *d, json_t *before, json_t *after)
{
    const char *key;
    json_t *value;
    const char *format = d->path[0] ? ".%s" : "%s";
    json_object_foreach(before, key, value) step(d, format, key, value, json_object_get(after, key));
    json_object_foreach(after, key, value)
    {
        if (!json_object_get(before, key)) step(d, format, key, NULL, value);
    }
}

/* False: the entries have no names. */
static bool compare_named(differ *d, json_t *before, json_t *after)
{
    size_t i;
    json_t *entry;
    VAULT_CLEANUP(json_clear) json_t *old = by_name(before);
    VAULT_CLEANUP(json_clear) json_t *new = by_name(after);
    if (!old || !new) return false;
    json_array_foreach(before, i, entry) step(d, "[%s]", name_of(entry), entry, json_object_get(new, name_of(entry)));
    json_array_foreach(after, i, entry)
    {
        if (!json_object_get(old, name_of(entry))) step(d, "[%s]", name_of(entry), NULL, entry);
    }
    return true;
}

static void compare(differ *d, json_t *before, json_t *after)
{
    if (json_equal(before, after)) return;
    bool deeper = d->depth < DEPTH_MAX;
    if (deeper && json_is_object(before) && json_is_object(after)) {
        compare_objects(d, before, after);
        return;
    }
    if (deeper && json_is_array(before) && json_is_array(after) && compare_named(d, before, after)) return;
    report(d, before, after);
}

json_t *json_difference(json_t *before, json_t *after)
{
    differ d = {.found = json_array()};
    compare(&d, before, after);
    return d.found;
}

static int put_shown(const char *text, size_t len, void *to)
{
    for (size_t i = 0; i < len; i++) putc(text[i] == 0x7f ? '?' : text[i], to); /* jansson escapes the others */
    return 0;
}

static void print_side(char sign, const char *path, json_t *value)
{
    bool whole = !*path;
    if (!value || (whole && json_is_null(value))) return; /* nothing stood there */
    printf("%c ", sign);
    print_text(stdout, path);
    fputs(whole ? "" : " ", stdout);
    json_dump_callback(value, put_shown, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    putchar('\n');
}

void print_difference(json_t *found)
{
    size_t i;
    json_t *one;
    json_array_foreach(found, i, one)
    {
        const char *path = json_string_value(json_object_get(one, "path"));
        print_side('-', path, json_object_get(one, "before"));
        print_side('+', path, json_object_get(one, "after"));
    }
    if (json_array_size(found) == 0) puts("no difference");
}
