/* import: a table of residents, part by part; what was acknowledged is written down, so that it can go on. */
#include "vault/cli/import.h"

#include "vault/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

typedef struct import {
    ctl *ctl;
    source from;
    exchange collections; /* the mapping borrows from its reply */
    mapping columns;
    json_t *settings;
    import_state state;
    rejects rejects;
    quality *quality;
    const char *state_path, *rejects_path; /* state_path NULL: nothing is kept */
    Google__Protobuf__Timestamp *collected;
    size_t part_rows; /* 0: not said */
    int64_t patience_s, timeout_s;
    bool dry_run, resumed;
    int64_t started_us;
} import;

static void import_end(import *i)
{
    rejects_close(&i->rejects);
    state_clear(&i->state);
    json_decref(i->settings);
    quality_free(&i->quality);
    exchange_clear(&i->collections);
    source_close(&i->from);
}

static ctl_exit say_invalid(const vault_error *err)
{
    say_error(err);
    return err->code == VAULT_INVALID ? CTL_INVALID : CTL_FAILED;
}

/* ---- what was asked for ---- */

static bool read_delimiter(char *out, const char *text)
{
    if (!text) text = ",";
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) text = "\t";
    *out = text[0];
    return text[0] && !text[1] && strchr(",;\t", text[0]);
}

static ctl_exit read_numbers(import *i)
{
    const ctl *c = i->ctl;
    int64_t rows = option_number(c, OPT_PART, PART_ROWS, PART_MAX);
    i->patience_s = option_number(c, OPT_PATIENCE, PATIENCE_S, 86400);
    i->timeout_s = option_number(c, OPT_TIMEOUT, 120, 86400);
    if (rows < 0) return usage_error(c, "--part is not a number of rows up to %d", PART_MAX);
    if (i->patience_s < 0) return usage_error(c, "--patience is not a number of seconds");
    if (i->timeout_s < 0) return usage_error(c, "--timeout is not a number of seconds");
    i->part_rows = (size_t)rows;
    if (!c->options[OPT_COLLECTED]) return CTL_OK;
    i->collected = ctl_time(c->mem, c->options[OPT_COLLECTED]);
    return i->collected ? CTL_OK : usage_error(c, "--collected is no time");
}

static ctl_exit read_paths(import *i)
{
    const ctl *c = i->ctl;
    const char *path = c->arguments[0];
    bool standard = strcmp(path, "-") == 0;
    i->dry_run = c->options[OPT_DRY_RUN] != NULL;
    i->rejects_path = c->options[OPT_REJECTS];
    if (standard && !i->rejects_path && !c->options[OPT_SHOW_MAPPING])
        return usage_error(c, "standard input needs --rejects FILE");
    if (!i->rejects_path)
        i->rejects_path = arena_format(c->mem, "%s%s.rejects.csv", path, i->dry_run ? ".dry-run" : "");
    if (!standard && !i->dry_run) i->state_path = arena_format(c->mem, "%s.import-state", path);
    if (i->state_path && i->rejects_path && strcmp(i->state_path, i->rejects_path) == 0)
        return usage_error(c, "%s is where the import's state is kept", i->state_path);
    return i->rejects_path ? CTL_OK : CTL_FAILED;
}

static ctl_exit open_file(import *i)
{
    vault_error err = {0};
    const ctl *c = i->ctl;
    source_options options = {.path = c->arguments[0]};
    if (!read_delimiter(&options.delimiter, c->options[OPT_DELIMITER]))
        return usage_error(c, "--delimiter is one of , ; tab");
    if (!encoding_named(&options.encoding, c->options[OPT_ENCODING] ? c->options[OPT_ENCODING] : "auto"))
        return usage_error(c, "--encoding is one of auto, utf-8, gb18030");
    if (source_open(&i->from, &options, &err) != VAULT_OK) return say_invalid(&err);
    if (!i->from.regular) i->state_path = NULL;
    return CTL_OK;
}

/* ---- columns ---- */

static ctl_exit find_collection(import *i)
{
    ctl *c = i->ctl;
    const char *name = c->options[OPT_COLLECTION] ? c->options[OPT_COLLECTION] : "residents";
    Vault__V1__RequestContext context;
    Vault__V1__ListCollectionsRequest request = VAULT__V1__LIST_COLLECTIONS_REQUEST__INIT;
    if (!ctl_context(c, &context)) return CTL_USAGE;
    request.context = &context;
    i->collections = (exchange){.method = "/vault.v1.Records/ListCollections",
                                .request = &request.base,
                                .type = &vault__v1__list_collections_response__descriptor};
    ctl_exit end = ctl_exchange(c, &i->collections);
    if (end != CTL_OK) return end;
    const Vault__V1__ListCollectionsResponse *all = (const void *)i->collections.reply;
    for (size_t k = 0; k < all->n_collections; k++) {
        if (strcmp(all->collections[k]->name, name) == 0) i->columns.collection = all->collections[k];
    }
    return i->columns.collection ? CTL_OK : usage_error(c, "the vault has no collection %s", name);
}

static ctl_exit map_columns(import *i)
{
    ctl *c = i->ctl;
    vault_error err = {0};
    char *complaint;
    VAULT_CLEANUP(json_clear) json_t *file = NULL;
    if (c->options[OPT_MAP_FILE] && json_read_file(&file, c->options[OPT_MAP_FILE], &err) != VAULT_OK)
        return say_invalid(&err);
    i->columns.headings = i->from.headings;
    i->columns.columns = i->from.columns;
    const mapping_wishes wishes = {.maps = c->options[OPT_MAP], .ignored = c->options[OPT_IGNORE], .file = file};
    if (mapping_make(&i->columns, c->mem, &wishes, &complaint, &err) == VAULT_OK) return CTL_OK;
    if (err.code != VAULT_INVALID) return say_invalid(&err);
    fprintf(stderr, "vaultctl: %s: the columns do not fit (--map HEADING=FIELD, --ignore HEADING):\n%s\n", i->from.path,
            complaint);
    return CTL_INVALID;
}

static ctl_exit show_mapping(const import *i)
{
    static const char *const heads[] = {"COLUMN", "FIELD", "LABEL", "FORMAT"};
    table t = table_of(i->ctl->mem, 4, heads);
    json_t *list = json_array();
    for (size_t k = 0; k < i->columns.columns; k++) {
        const Vault__V1__Field *f = i->columns.fields[k];
        const char *heading = i->columns.headings[k];
        table_add(&t, (const char *[]){heading, f ? f->name : "-", f ? f->label : "", f ? f->format : ""});
        json_t *entry = json_pack("{s:s, s:s?, s:s?, s:s?}", "column", heading, "field", f ? f->name : NULL, "label",
                                  f ? f->label : NULL, "format", f ? f->format : NULL);
        (void)json_array_append_new(list, entry);
    }
    if (i->ctl->options[OPT_JSON])
        print_json(list);
    else
        json_decref(list), table_print(&t);
    return CTL_OK;
}

/* ---- beginning, or going on ---- */

static json_t *settings_of(const import *i)
{
    const ctl *c = i->ctl;
    const char delimiter[] = {i->from.delimiter, '\0'};
    const char *written = encoding_name(i->from.decoder.fixed);
    return json_pack("{s:s?, s:s?, s:s, s:s, s:s, s:s?, s:I, s:s, s:o}", "server", c->options[OPT_SERVER], "purpose",
                     c->options[OPT_PURPOSE], "collection", i->columns.collection->name, "encoding", written,
                     "delimiter", delimiter, "collected", c->options[OPT_COLLECTED], "part", (json_int_t)i->part_rows,
                     "rejects", i->rejects_path, "mapping", mapping_json(&i->columns));
}

/* Two runs of one file would each write down what the other did not do. */
static ctl_exit lock(const import *i)
{
    if (!i->state_path || flock(i->from.fd, LOCK_EX | LOCK_NB) == 0) return CTL_OK;
    if (errno != EWOULDBLOCK) return CTL_OK; /* a file system without locks */
    fprintf(stderr, "vaultctl: %s is being imported by another vaultctl\n", i->from.path);
    return CTL_FAILED;
}

static ctl_exit begin_anew(import *i)
{
    state_clear(&i->state);
    state_begin(&i->state, &i->from, json_incref(i->settings));
    return CTL_OK;
}

/* An import that was begun and not ended goes on only as it was begun. */
static ctl_exit go_on(import *i)
{
    vault_error err = {0};
    const char *key = state_difference(&i->state, i->settings);
    if (!state_is_of(&i->state, &i->from)) {
        fprintf(stderr, "vaultctl: %s has changed since its import began (%llu rows); --again begins anew\n",
                i->from.path, (unsigned long long)i->state.counts.rows);
        return CTL_INVALID;
    }
    if (key) {
        fprintf(stderr, "vaultctl: %s: its import was begun with another \"%s\"; --again begins anew\n", i->from.path,
                key);
        return CTL_INVALID;
    }
    if (source_seek(&i->from, i->state.offset, (size_t)i->state.line, &err) != VAULT_OK) return say_invalid(&err);
    i->resumed = true;
    fprintf(stderr, "vaultctl: %s: goes on at line %llu, behind %llu rows\n", i->from.path,
            (unsigned long long)i->state.line, (unsigned long long)i->state.counts.rows);
    return CTL_OK;
}

/* Was the same imported to its end? In what parts, and where the rejects went, makes no difference. */
static bool is_done(const import *i)
{
    static const char *const same[] = {"part", "rejects", "collected"};
    VAULT_CLEANUP(json_clear) json_t *settings = json_copy(i->settings);
    for (size_t k = 0; k < sizeof same / sizeof *same; k++)
        (void)json_object_set(settings, same[k], json_object_get(i->state.settings, same[k]));
    return i->state.complete && state_is_of(&i->state, &i->from) && !state_difference(&i->state, settings);
}

static ctl_exit find_place(import *i)
{
    vault_error err = {0};
    vault_code code = i->state_path ? state_read(&i->state, i->state_path, &err) : VAULT_NOT_FOUND;
    if (code == VAULT_NOT_FOUND || i->ctl->options[OPT_AGAIN]) return begin_anew(i);
    if (code != VAULT_OK) {
        fprintf(stderr, "vaultctl: %s: %s; --again begins anew\n", i->state_path, err.detail);
        return CTL_INVALID;
    }
    if (!i->state.complete) return go_on(i);
    return is_done(i) ? CTL_OK : begin_anew(i);
}

/* ---- the end ---- */

/* Where they went: of an import that was done already, where they went then. */
static const char *rejects_of(const import *i)
{
    const char *then = json_string_value(json_object_get(i->state.settings, "rejects"));
    return then ? then : i->rejects_path;
}

static json_t *report_json(const import *i)
{
    json_t *report = counts_json(&i->state.counts);
    (void)json_object_set_new(report, "import", json_string(i->state.id));
    (void)json_object_set_new(report, "complete", json_boolean(i->state.complete));
    (void)json_object_set_new(report, "dry_run", json_boolean(i->dry_run));
    (void)json_object_set_new(report, "resumed", json_boolean(i->resumed));
    (void)json_object_set_new(report, "seconds", json_real((double)(clock_monotonic_us() - i->started_us) / 1e6));
    (void)json_object_set_new(report, "rejects", i->state.counts.rejected ? json_string(rejects_of(i)) : json_null());
    if (i->quality) (void)json_object_set_new(report, "quality", quality_json(i->quality));
    return report;
}

static void print_report(const import *i)
{
    const import_counts *n = &i->state.counts;
    printf("%llu rows: %llu new, %llu changed, %llu as they were, %llu rejected", (unsigned long long)n->rows,
           (unsigned long long)n->created, (unsigned long long)n->updated, (unsigned long long)n->unchanged,
           (unsigned long long)n->rejected);
    if (n->corrections) printf("; corrections filed for %llu", (unsigned long long)n->corrections);
    puts(i->dry_run ? " (dry run: nothing was written)" : "");
    if (i->quality) quality_print(i->quality, i->ctl->mem);
    if (!n->rejected) return;
    printf("rejected rows stand in %s%s\n", rejects_of(i),
           i->dry_run ? "" : " (values of residents: keep it safe); mend them there and import that file");
}

static void report(const import *i)
{
    if (i->ctl->options[OPT_JSON])
        print_json(report_json(i));
    else
        print_report(i);
}

/* Whoever writes into it meanwhile can have moved rows past the place that was read. */
static bool was_changed(const source *from)
{
    struct stat now;
    return from->regular && (fstat(from->fd, &now) != 0 || (uint64_t)now.st_size != from->size ||
                             now.st_mtim.tv_sec * 1000000 + now.st_mtim.tv_nsec / 1000 != from->mtime_us);
}

static ctl_exit finish(import *i)
{
    vault_error err = {0};
    if (was_changed(&i->from)) {
        fprintf(stderr, "vaultctl: %s was changed while it was read\n", i->from.path);
        return CTL_FAILED;
    }
    i->state.complete = true;
    if (i->state_path && state_write(&i->state, i->state_path, &err) != VAULT_OK) return say_invalid(&err);
    report(i);
    return i->state.counts.rejected ? CTL_SOME_REFUSED : CTL_OK;
}

static ctl_exit stopped(const import *i, ctl_exit end)
{
    if (i->ctl->options[OPT_JSON]) print_json(report_json(i));
    if (i->state_path)
        fprintf(stderr, "vaultctl: %llu rows of %s are acknowledged; the same command goes on at line %llu\n",
                (unsigned long long)i->state.counts.rows, i->from.path, (unsigned long long)i->state.line);
    else
        fprintf(stderr, "vaultctl: stopped at line %llu\n", (unsigned long long)i->state.line);
    return end;
}

static ctl_exit send_rows(import *i)
{
    vault_error err = {0};
    if (rejects_open(&i->rejects, i->rejects_path, i->state.rejects_len, &i->from, &err) != VAULT_OK)
        return say_invalid(&err);
    if (i->state_path && state_write(&i->state, i->state_path, &err) != VAULT_OK) return say_invalid(&err);
    if (i->dry_run) i->quality = quality_new(i->ctl->mem, &i->columns);
    sending s = {.plan = {.ctl = i->ctl,
                          .from = &i->from,
                          .columns = &i->columns,
                          .import_id = i->state.id,
                          .rows = i->part_rows,
                          .calls = i->ctl->options[OPT_ASSERTION] ? 1 : PART_CALLS,
                          .dry_run = i->dry_run,
                          .collected = i->collected},
                 .state = &i->state,
                 .state_path = i->state_path,
                 .books = {.counts = &i->state.counts, .rejects = &i->rejects, .quality = i->quality},
                 .patience_us = i->patience_s * 1000000,
                 .timeout_ms = (int)i->timeout_s * 1000};
    ctl_exit end = send_parts(&s);
    return end == CTL_OK ? finish(i) : stopped(i, end);
}

static ctl_exit import_rows(import *i)
{
    i->settings = settings_of(i);
    if (!i->settings) return CTL_FAILED;
    ctl_exit end = lock(i);
    if (end == CTL_OK) end = find_place(i);
    if (end != CTL_OK) return end;
    if (!i->state.complete) return send_rows(i);
    fprintf(stderr, "vaultctl: %s was imported already (--again does it all the same)\n", i->from.path);
    report(i);
    return CTL_OK;
}

static ctl_exit prepare(import *i)
{
    ctl_exit end = read_numbers(i);
    if (end == CTL_OK) end = read_paths(i);
    if (end == CTL_OK) end = open_file(i);
    if (end == CTL_OK) end = find_collection(i);
    return end == CTL_OK ? map_columns(i) : end;
}

ctl_exit run_import(ctl *c)
{
    VAULT_CLEANUP(import_end)
import i = {.ctl = c, .from = {.fd = - 1 }, .rejects = {.fd = - 1 }, .started_us = clock_monotonic_us() };
    ctl_exit end = prepare(&i);
    if (end != CTL_OK) return end;
    return c->options[OPT_SHOW_MAPPING] ? show_mapping(&i) : import_rows(&i);
}
