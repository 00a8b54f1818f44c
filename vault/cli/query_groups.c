/* Counts of lines: what the pages say, added up. */
#include "vault/cli/query.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MOST = 3, CELLS = KEYS_MOST + 3, TEXT_ROOM = 32 };

typedef struct gathering {
    ctl *c;
    char **by;
    size_t by_count;
    json_t *groups; /* by keys, parted by 0x1f: {"keys", "count", "first", "last"} */
    uint64_t others, size;
} gathering;

static json_t *keys_json(const Vault__V1__LineGroup *g)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < g->n_keys; i++) json_array_append_new(keys, json_string(g->keys[i]));
    return keys;
}

/* Pages come in the order of the log. */
static void gather(gathering *all, const Vault__V1__LineGroup *g)
{
    arena *mem = all->c->mem;
    const char *key = "";
    for (size_t i = 0; key && i < g->n_keys; i++) key = arena_format(mem, "%s%s\x1f", key, g->keys[i]);
    if (!key) abort();
    json_t *there = json_object_get(all->groups, key);
    if (!there) {
        there = json_pack("{s:o, s:I, s:s}", "keys", keys_json(g), "count", (json_int_t)0, "first",
                          time_text(mem, g->first_time));
        json_object_set_new(all->groups, key, there);
    }
    json_int_t count = json_integer_value(json_object_get(there, "count"));
    json_object_set_new(there, "count", json_integer(count + (json_int_t)g->count));
    json_object_set_new(there, "last", json_string(time_text(mem, g->last_time)));
}

static ctl_exit ask(gathering *all)
{
    Vault__V1__QueryRequest request;
    const char *next = "";
    ctl_exit end = query_request(all->c, &request);
    request.group_by = all->by;
    request.n_group_by = all->by_count;
    do {
        VAULT_CLEANUP(exchange_clear) exchange x = {0};
        if (end != CTL_OK) return end;
        request.page_token = lent(next);
        end = ctl_call(all->c, &x, "/vault.v1.Audit/Query", &request.base, &vault__v1__query_response__descriptor);
        if (end != CTL_OK) return end;
        const Vault__V1__QueryResponse *reply = (const void *)x.reply;
        query_progress(all->c, reply);
        all->size = reply->size;
        for (size_t i = 0; i < reply->n_groups; i++) gather(all, reply->groups[i]);
        all->others += reply->other_count;
        next = arena_text(all->c->mem, bytes_of_text(reply->next_page_token));
    } while (next && *next);
    return CTL_OK;
}

/* ---- showing ---- */

static int by_count(const void *a, const void *b)
{
    json_t *x, *y;
    memcpy(&x, a, sizeof(json_t *));
    memcpy(&y, b, sizeof(json_t *));
    json_int_t n = json_integer_value(json_object_get(x, "count")), m = json_integer_value(json_object_get(y, "count"));
    return (n < m) - (n > m);
}

static json_t **sorted(const gathering *all, size_t *count)
{
    const char *key;
    json_t *group, **out = arena_array(all->c->mem, json_object_size(all->groups) + 1, sizeof *out);
    *count = 0;
    if (!out) abort();
    json_object_foreach(all->groups, key, group) out[(*count)++] = group;
    qsort(out, *count, sizeof(json_t *), by_count);
    return out;
}

static const char *head_of(const gathering *all, size_t i)
{
    static const char *const last[] = {"count", "first", "last"};
    return i < all->by_count ? all->by[i] : last[i - all->by_count];
}

static void print_group(const gathering *all, json_t *group)
{
    json_t *out = json_object();
    for (size_t i = 0; i < all->by_count; i++)
        json_object_set(out, all->by[i], json_array_get(json_object_get(group, "keys"), i));
    for (size_t i = all->by_count; i < all->by_count + 3; i++)
        json_object_set(out, head_of(all, i), json_object_get(group, head_of(all, i)));
    print_json(out);
}

static void cells_of(const gathering *all, json_t *group, const register_names *names, const char *cells[CELLS])
{
    arena *mem = all->c->mem;
    bool raw = all->c->options[OPT_CSV];
    for (size_t i = 0; i < all->by_count; i++) {
        const char *key = json_string_value(json_array_get(json_object_get(group, "keys"), i));
        cells[i] = raw ? key : named(mem, names, key);
    }
    cells[all->by_count] = arena_format(mem, "%lld", (long long)json_integer_value(json_object_get(group, "count")));
    cells[all->by_count + 1] = json_string_value(json_object_get(group, "first"));
    cells[all->by_count + 2] = json_string_value(json_object_get(group, "last"));
}

static void heads_of(const gathering *all, const char *heads[CELLS])
{
    for (size_t i = 0; i < all->by_count + 3; i++) {
        char *head = arena_text(all->c->mem, bytes_of_text(head_of(all, i)));
        for (char *at = head; at && *at && !all->c->options[OPT_CSV]; at++) *at = (char)toupper((unsigned char)*at);
        heads[i] = head;
    }
}

static void print_groups(const gathering *all)
{
    size_t count, width = all->by_count + 3;
    json_t **groups = sorted(all, &count);
    const char *cells[CELLS];
    bool json = all->c->options[OPT_JSON], csv = all->c->options[OPT_CSV];
    register_names names = json || csv || count == 0 ? (register_names){0} : names_read(all->c);
    heads_of(all, cells);
    table t = table_of(all->c->mem, width, cells);
    if (csv) print_csv(cells, width);
    for (size_t i = 0; i < count; i++) {
        if (json) print_group(all, groups[i]);
        if (json) continue;
        cells_of(all, groups[i], &names, cells);
        if (csv)
            print_csv(cells, width);
        else
            table_add(&t, cells);
    }
    if (!json && !csv && count > 0) table_print(&t);
    names_clear(&names);
}

ctl_exit run_groups(ctl *c)
{
    gathering all = {.c = c, .groups = json_object()};
    ctl_exit end = ctl_names(c, OPT_GROUP_BY, &all.by, &all.by_count);
    if (end == CTL_OK && all.by_count > KEYS_MOST) end = usage_error(c, "--group-by takes up to three");
    if (end == CTL_OK) end = ask(&all);
    if (end == CTL_OK) print_groups(&all);
    if (end == CTL_OK && json_object_size(all.groups) == 0) say_none_fits(c, all.size);
    if (all.others)
        fprintf(stderr, "vaultctl: %llu lines are in smaller groups, which were not told\n",
                (unsigned long long)all.others);
    json_decref(all.groups);
    return end;
}
