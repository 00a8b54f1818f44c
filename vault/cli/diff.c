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

static json_t *find_named(json_t *list, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *other = name_of(entry);
        if (other && strcmp(other, name) == 0) return entry;
    }
    return NULL;
}

/* Each by a name of its own: what cannot be told apart is compared as a whole. */
static bool all_named(json_t *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *name = name_of(entry);
        if (!name || find_named(list, name) != entry) return false;
    }
    return true;
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

static void compare_named(differ *d, json_t *before, json_t *after)
{
    size_t i;
    json_t *entry;
    json_array_foreach(before, i, entry) step(d, "[%s]", name_of(entry), entry, find_named(after, name_of(entry)));
    json_array_foreach(after, i, entry)
    {
        if (!find_named(before, name_of(entry))) step(d, "[%s]", name_of(entry), NULL, entry);
    }
}

static void compare(differ *d, json_t *before, json_t *after)
{
    if (json_equal(before, after)) return;
    if (d->depth < DEPTH_MAX && json_is_object(before) && json_is_object(after))
        compare_objects(d, before, after);
    else if (d->depth < DEPTH_MAX && json_is_array(before) && json_is_array(after) && all_named(before) &&
             all_named(after))
        compare_named(d, before, after);
    else
        report(d, before, after);
}

json_t *json_difference(json_t *before, json_t *after)
{
    differ d = {.found = json_array()};
    compare(&d, before, after);
    return d.found;
}

static void print_side(char sign, const char *path, json_t *value)
{
    if (!value) return;
    printf("%c %s ", sign, path);
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
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
