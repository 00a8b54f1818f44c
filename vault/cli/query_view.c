/* Lines of the log, shown as a table, as CSV or as JSON, and kept as receipts. */
#include "vault/cli/csv.h"
#include "vault/cli/query.h"

#include <stdio.h>
#include <string.h>

enum { CELL_MAX = 32768 };

/* A cell that begins so is a formula to a spreadsheet: whoever writes a ticket must not run on the officer's machine.
 */
static bool is_formula(const char *text)
{
    return *text && strchr("=+-@\t\r", *text);
}

void print_csv(const char *const *cells, size_t count)
{
    char text[CELL_MAX];
    for (size_t i = 0; i < count; i++) {
        writer w = writer_over(text, sizeof text);
        bytes cell = bytes_of_text(cells[i] ? cells[i] : "");
        char quoted[CELL_MAX / 4];
        if (cell.len > 0 && is_formula((const char *)cell.at)) {
            snprintf(quoted, sizeof quoted, "'%s", cells[i]);
            cell = bytes_of_text(quoted);
        }
        csv_put(&w, cell, ',', i + 1 < count ? ',' : '\n');
        fwrite(text, 1, w.len, stdout);
    }
}

static const char *member(json_t *view, const char *key)
{
    const char *text = json_string_value(json_object_get(view, key));
    return text ? text : "";
}

static const char *with_version(arena *mem, const char *told, json_t *view)
{
    json_int_t version = json_integer_value(json_object_get(view, "ringversion"));
    return version > 0 ? arena_format(mem, "%s %lld", told, (long long)version) : told;
}

static bool is_of_keys(json_t *view)
{
    const char *action = member(view, "action");
    return strcmp(action, "keys") == 0 || strcmp(action, "rewrite") == 0 || strcmp(action, "verify") == 0;
}

/* Fields; of the control room also which document or ring, and what became of it; of a handover or voucher whom with
 * and on what basis; of a search how many were found, of a rotation how many rows it wrote. */
static const char *asked_for(arena *mem, json_t *view)
{
    static const char *const told[] = {"document", "change", "ring", "fields", "counterpart", "sharing"};
    const char *all = "";
    for (size_t i = 0; all && i < sizeof told / sizeof *told; i++) {
        const char *one = member(view, told[i]);
        if (*one) all = arena_format(mem, "%s%s%s", all, *all ? " " : "", one);
        if (*one && all && strcmp(told[i], "ring") == 0) all = with_version(mem, all, view);
    }
    json_int_t hits = json_integer_value(json_object_get(view, "hits"));
    return all && hits > 0 ? arena_format(mem, "%s: %lld %s", all, (long long)hits, is_of_keys(view) ? "rows" : "found")
                           : all;
}

static const char *alarm_of(const Vault__V1__Line *l)
{
    return !l->consistent ? "ALTERED" : line_opens(l) ? "" : "DOES NOT OPEN";
}

static void add_row(line_view *v, const Vault__V1__Line *l, json_t *view)
{
    arena *mem = v->c->mem;
    const char *index = arena_format(mem, "%llu", (unsigned long long)l->index), *clause = member(view, "clause");
    const char *ended = arena_format(mem, "%s%s%s", l->outcome, *clause ? ": " : "", clause);
    table_add(&v->t, (const char *const[]){index, time_text(mem, l->time), l->action, ended,
                                           named(mem, &v->names, member(view, "app")),
                                           named(mem, &v->names, member(view, "person")), member(view, "purpose"),
                                           asked_for(mem, view), member(view, "ticket"), alarm_of(l)});
}

static const char *number(arena *mem, json_t *view, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(view, key));
    return n ? arena_format(mem, "%lld", (long long)n) : "";
}

static void print_csv_row(line_view *v, const Vault__V1__Line *l, json_t *view)
{
    static const char *const heads[] = {
        "line",   "time",        "action",  "outcome", "clause", "app",  "app_name", "department", "department_name",
        "person", "person_name", "purpose", "fields",  "form",   "rule", "ticket",   "request",    "resident",
        "area",   "archived",    "alarm"};
    arena *mem = v->c->mem;
    const char *app = member(view, "app"), *department = member(view, "department"), *person = member(view, "person");
    if (!v->begun) print_csv(heads, sizeof heads / sizeof *heads);
    const char *const cells[] = {arena_format(mem, "%llu", (unsigned long long)l->index),
                                 time_text(mem, l->time),
                                 l->action,
                                 l->outcome,
                                 member(view, "clause"),
                                 app,
                                 name_of(&v->names, app),
                                 department,
                                 name_of(&v->names, department),
                                 person,
                                 name_of(&v->names, person),
                                 member(view, "purpose"),
                                 member(view, "fields"),
                                 member(view, "form"),
                                 member(view, "rule"),
                                 member(view, "ticket"),
                                 member(view, "request"),
                                 number(mem, view, "resident"),
                                 number(mem, view, "area"),
                                 l->archived ? "yes" : "",
                                 alarm_of(l)};
    _Static_assert(sizeof cells == sizeof heads, "a cell under each head");
    print_csv(cells, sizeof cells / sizeof *cells);
}

/* One line a receipt: each with its own path. */
json_t *line_receipt(const Vault__V1__Line *l, const char *note)
{
    json_t *one =
        json_pack("{s:o, s:s, s:o}", "leaf", base64_json(bytes_of(l->leaf.data, l->leaf.len)), "officer_view",
                  l->officer_view, "officer_salt", base64_json(bytes_of(l->officer_salt.data, l->officer_salt.len)));
    return json_pack("{s:I, s:[o], s:o, s:s}", "first_line", (json_int_t)l->index, "lines", one, "path",
                     hashes_json(l->path, l->n_path), "checkpoint", note);
}

json_t *audit_line_json(arena *mem, const Vault__V1__Line *line)
{
    vault_error dropped = {0};
    json_t *view = NULL;
    if (json_read(&view, bytes_of_text(line->officer_view), "view", &dropped) != VAULT_OK) view = json_null();
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:b, s:b, s:o, s:o}", "index", (json_int_t)line->index, "time",
                     time_text(mem, line->time), "action", line->action, "outcome", line->outcome, "officer_view", view,
                     "consistent", line->consistent, "opens", line_opens(line), "leaf",
                     base64_json(bytes_of(line->leaf.data, line->leaf.len)), "officer_salt",
                     base64_json(bytes_of(line->officer_salt.data, line->officer_salt.len)));
}

void view_line(line_view *v, const Vault__V1__Line *l, const char *note)
{
    VAULT_CLEANUP(json_clear) json_t *view = NULL;
    vault_error dropped = {0};
    const ctl *c = v->c;
    if (json_read(&view, bytes_of_text(l->officer_view), "view", &dropped) != VAULT_OK) view = json_object();
    if (v->receipts && l->consistent && *note) json_array_append_new(v->receipts, line_receipt(l, note));
    if (c->options[OPT_JSON])
        print_json(audit_line_json(c->mem, l));
    else if (!v->names.by_id)
        v->names = names_read(v->c);
    if (c->options[OPT_CSV])
        print_csv_row(v, l, view);
    else if (!c->options[OPT_JSON])
        add_row(v, l, view);
    v->begun = true;
}

void view_end(line_view *v)
{
    bool tabled = !v->c->options[OPT_JSON] && !v->c->options[OPT_CSV];
    if (tabled && v->t.rows > 1) table_print(&v->t);
    names_clear(&v->names);
}
