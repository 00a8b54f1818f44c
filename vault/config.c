#include "vault/config.h"

#include "vault/base/arena.h"
#include "vault/base/json.h"
#include "vault/base/memory.h"
#include "vault/hook/hook.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CONFIG_MEMORY = 1 << 20, CONFIG_LIMIT = 64 << 10, KEY_PATH = 64 };
enum { RETENTION_LEAST = 36, RETENTION_MOST = 1200 }; /* months */

typedef enum kind { TEXT, NUMBER, SWITCH } kind;

/* A key of the document: where it goes, and within which bounds. */
typedef struct key {
    const char *section; /* the object it stands in; "" for the document itself */
    const char *name;
    kind kind;
    size_t offset;
    const char *text; /* default; NULL: must be given, unless `optional` */
    bool optional;
    int64_t number, least, most; /* default and bounds */
} key;

#define AT(member) offsetof(config, member)
static const key keys[] = {
    {"", "listen", TEXT, AT(listen), "127.0.0.1:7443", false, 0, 0, 0},
    {"", "database", TEXT, AT(database), NULL, false, 0, 0, 0},
    {"root_key", "file", TEXT, AT(root_key_file), NULL, true, 0, 0, 0},
    {"root_key", "passphrase_file", TEXT, AT(passphrase_file), NULL, true, 0, 0, 0},
    {"root_key", "unattended_restart", SWITCH, AT(unattended_restart), NULL, true, 0, 0, 0},
    {"root_key", "passphrase", SWITCH, AT(by_passphrase), NULL, true, 0, 0, 0},
    {"root_key", "shares", SWITCH, AT(by_shares), NULL, true, 0, 0, 0},
    {"tls", "ca", TEXT, AT(ca), NULL, false, 0, 0, 0},
    {"tls", "certificate", TEXT, AT(certificate), NULL, false, 0, 0, 0},
    {"tls", "key", TEXT, AT(key), NULL, false, 0, 0, 0},
    {"", "checkpoint_file", TEXT, AT(checkpoint_file), NULL, false, 0, 0, 0},
    {"", "metrics", TEXT, AT(metrics), "127.0.0.1:9464", false, 0, 0, 0},
    {"", "log_level", TEXT, AT(log_level), "info", false, 0, 0, 0},
    {"", "witness_policy", TEXT, AT(witness_policy), NULL, true, 0, 0, 0},
    {"", "witness_ca_file", TEXT, AT(witness_ca), NULL, true, 0, 0, 0},
    {"", "archive_folder", TEXT, AT(archive_folder), NULL, true, 0, 0, 0},
    {"", "log_retention", TEXT, AT(log_retention), "P3Y", false, 0, 0, 0},
    {"webhook", "url", TEXT, AT(webhook), NULL, true, 0, 0, 0},
    {"webhook", "ca_file", TEXT, AT(webhook_ca), NULL, true, 0, 0, 0},
    {"webhook", "token_file", TEXT, AT(webhook_token), NULL, true, 0, 0, 0},
    {"", "workers", NUMBER, AT(workers), NULL, false, 2, 1, 64},
    {"", "pollers", NUMBER, AT(pollers), NULL, false, 1, 1, 16},
    {"", "queue", NUMBER, AT(queue), NULL, false, 1024, 1, 1000000},
    {"limits", "queue_bytes", NUMBER, AT(queue_bytes), NULL, false, 64 << 20, 1 << 20, INT_MAX},
    {"limits", "message_bytes", NUMBER, AT(message_bytes), NULL, false, 8 << 20, 1 << 10, 64 << 20},
    {"limits", "streams", NUMBER, AT(streams), NULL, false, 1024, 1, 100000},
    {"limits", "connection_age_seconds", NUMBER, AT(connection_age_s), NULL, false, 1800, 1, 86400},
    {"limits", "drain_seconds", NUMBER, AT(drain_s), NULL, false, 10, 0, 3600},
};
enum { KEYS = sizeof keys / sizeof *keys };
static const char *const sections[] = {"root_key", "tls", "webhook", "limits"};
enum { SECTIONS = sizeof sections / sizeof *sections };

typedef struct document {
    json_t *root;
    char *text; /* for the line numbers */
    size_t len;
    const char *file;
} document;

static void document_clear(document *d)
{
    json_clear(&d->root);
    memory_free(d->text, d->len); /* wiped: the connection string may hold a password */
}

/* ---- lines ---- */

static const char *after_text(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) at += *at == '\\';
    return at < end ? at + 1 : end;
}

/* Is the text that starts at this quote the name, with a colon behind it? */
static bool is_name(const char *at, const char *end, const char *name)
{
    const char *next = after_text(at, end);
    if ((size_t)(next - at) != strlen(name) + 2 || memcmp(at + 1, name, strlen(name)) != 0) return false;
    while (next < end && strchr(" \t\r\n", *next)) next++;
    return next < end && *next == ':';
}

static int line_of(const document *d, const char *at)
{
    int line = 1;
    for (const char *c = d->text; c < at; c++) line += *c == '\n';
    return line;
}

/* The line of a key of the document, or of an object in it; that of the object when the key is not there; else 1. */
static int find_line(const document *d, const char *section, const char *name)
{
    const char *end = d->text + d->len;
    int depth = 0, wanted = section[0] ? 2 : 1, found = 1;
    bool inside = !section[0];
    for (const char *at = d->text; at < end;) {
        if (*at == '"') {
            bool opens = section[0] && depth == 1 && is_name(at, end, section);
            if (opens) found = line_of(d, at);
            if (depth == 1 && section[0])
                inside = opens || (inside && !is_name(at, end, section) && *after_text(at, end) != ':');
            if (inside && depth == wanted && is_name(at, end, name)) return line_of(d, at);
            at = after_text(at, end);
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at++;
    }
    return found;
}

static vault_code fail_key(const document *d, const char *section, const char *name, const char *what, vault_error *err)
{
    return vault_fail(err, VAULT_INVALID, "%s:%d: \"%s%s%s\" %s", d->file, find_line(d, section, name), section,
                      section[0] ? "." : "", name, what);
}

/* ---- values ---- */

static vault_code read_text(config *out, const document *d, const key *k, json_t *value, vault_error *err)
{
    const char **at = (const char **)(void *)((char *)out + k->offset);
    if (!value && !k->text) return k->optional ? VAULT_OK : fail_key(d, k->section, k->name, "is missing", err);
    if (value && (!json_is_string(value) || json_string_length(value) == 0)) {
        return fail_key(d, k->section, k->name, "must be a text that is not empty", err);
    }
    *at = value ? arena_text(out->mem, bytes_of_text(json_string_value(value))) : k->text;
    return *at ? VAULT_OK : vault_fail(err, VAULT_INVALID, "%s: too long", d->file);
}

static vault_code read_number(config *out, const document *d, const key *k, json_t *value, vault_error *err)
{
    int64_t *at = (int64_t *)(void *)((char *)out + k->offset);
    *at = value ? (int64_t)json_integer_value(value) : k->number;
    if ((value && !json_is_integer(value)) || *at < k->least || *at > k->most) {
        char *what =
            arena_format(out->mem, "must be a whole number, %lld to %lld", (long long)k->least, (long long)k->most);
        return fail_key(d, k->section, k->name, what ? what : "is out of range", err);
    }
    return VAULT_OK;
}

static vault_code read_switch(config *out, const document *d, const key *k, json_t *value, vault_error *err)
{
    if (value && !json_is_boolean(value)) return fail_key(d, k->section, k->name, "must be true or false", err);
    *(bool *)(void *)((char *)out + k->offset) = json_is_true(value);
    return VAULT_OK;
}

static json_t *section_of(const document *d, const char *section)
{
    return section[0] ? json_object_get(d->root, section) : d->root;
}

static bool is_known(const char *section, const char *name)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0) return true;
    }
    for (size_t i = 0; i < SECTIONS && !section[0]; i++) {
        if (strcmp(sections[i], name) == 0) return true;
    }
    return false;
}

static vault_code check_object(const document *d, const char *section, vault_error *err)
{
    json_t *object = section_of(d, section), *value;
    const char *name;
    if (!object) return VAULT_OK;
    if (!json_is_object(object)) {
        return section[0] ? fail_key(d, "", section, "must be an object", err)
                          : vault_fail(err, VAULT_INVALID, "%s:1: must be an object", d->file);
    }
    json_object_foreach(object, name, value)
    {
        if (!is_known(section, name)) return fail_key(d, section, name, "is no key of the configuration", err);
    }
    return VAULT_OK;
}

/* Nothing is taken for granted: what lies beside the vault opens it for whoever has taken the machine. */
static vault_code check_root_key(const config *c, const document *d, vault_error *err)
{
    bool lies_here = c->root_key_file || c->passphrase_file;
    if (!!c->root_key_file + !!c->passphrase_file + c->by_passphrase + c->by_shares != 1) {
        return fail_key(d, "", "root_key",
                        "must have one of \"file\", \"passphrase_file\", \"passphrase\": true, \"shares\": true", err);
    }
    if (lies_here && !c->unattended_restart) {
        return fail_key(d, "root_key", "unattended_restart",
                        "must be true where the key lies in a file: who has the machine can then open the vault (mend: "
                        "say true, or have \"passphrase\": true or \"shares\": true)",
                        err);
    }
    if (!lies_here && c->unattended_restart)
        return fail_key(d, "root_key", "unattended_restart", "needs \"file\" or \"passphrase_file\"", err);
    return VAULT_OK;
}

static vault_code check_webhook(const config *c, const document *d, vault_error *err)
{
    if (!section_of(d, "webhook")) return VAULT_OK;
    if (!c->webhook) return fail_key(d, "webhook", "url", "is missing", err);
    return hook_url_good(c->webhook) ? VAULT_OK
                                     : fail_key(d, "webhook", "url", "must be an https:// URL without a password", err);
}

/* Records of provision are kept for three years at least. "P3Y", "P40M"; 0: anything else. */
static int months_of(const char *text)
{
    char *rest = NULL;
    long count = text[0] == 'P' && text[1] >= '1' && text[1] <= '9' ? strtol(text + 1, &rest, 10) : 0;
    if (count < 1 || count > RETENTION_MOST || rest[0] == '\0' || rest[1] != '\0') return 0;
    if (rest[0] == 'Y') count *= 12;
    bool good = (rest[0] == 'Y' || rest[0] == 'M') && count >= RETENTION_LEAST && count <= RETENTION_MOST;
    return good ? (int)count : 0;
}

static vault_code check_retention(config *c, const document *d, vault_error *err)
{
    c->retention_months = months_of(c->log_retention);
    return c->retention_months ? VAULT_OK
                               : fail_key(d, "", "log_retention", "must be P3Y (P36M) or longer, P100Y at most", err);
}

static vault_code check_whole(const config *c, const document *d, vault_error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    VAULT_TRY(check_root_key(c, d, err));
    VAULT_TRY(check_webhook(c, d, err));
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(c->log_level, levels[i]) == 0) return VAULT_OK;
    }
    return fail_key(d, "", "log_level", "must be \"debug\", \"info\", \"warn\" or \"error\"", err);
}

static vault_code read_document(config *out, const document *d, vault_error *err)
{
    static vault_code (*const readers[])(config *, const document *, const key *, json_t *, vault_error *) = {
        [TEXT] = read_text, [NUMBER] = read_number, [SWITCH] = read_switch};
    VAULT_TRY(check_object(d, "", err));
    for (size_t i = 0; i < SECTIONS; i++) VAULT_TRY(check_object(d, sections[i], err));
    for (size_t i = 0; i < KEYS; i++) {
        json_t *section = section_of(d, keys[i].section),
               *value = section ? json_object_get(section, keys[i].name) : NULL;
        VAULT_TRY(readers[keys[i].kind](out, d, &keys[i], value, err));
    }
    VAULT_TRY(check_retention(out, d, err));
    return check_whole(out, d, err);
}

vault_code config_read(config *out, const char *file, vault_error *err)
{
    VAULT_CLEANUP(document_clear) document d = {.file = file};
    *out = (config){.file = file, .mem = arena_new(CONFIG_MEMORY)};
    if (!out->mem) return vault_fail(err, VAULT_UNAVAILABLE, "no memory");
    VAULT_TRY(file_read(&d.text, &d.len, file, CONFIG_LIMIT, err));
    VAULT_TRY(json_read(&d.root, bytes_of(d.text, d.len), file, err));
    return read_document(out, &d, err);
}

/* ---- files ---- */

static vault_code check_file(const config *c, const char *name, const char *path, bool is_secret, vault_error *err)
{
    struct stat about;
    if (!path) return VAULT_OK;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
        return vault_fail(err, VAULT_INVALID, "%s: \"%s\": there is no file %s", c->file, name, path);
    }
    if (is_secret && (about.st_mode & S_IRWXO)) {
        return vault_fail(err, VAULT_INVALID, "%s: \"%s\": others may read %s (mend: chmod 600)", c->file, name, path);
    }
    return VAULT_OK;
}

static vault_code check_folder(const config *c, const char *name, const char *path, vault_error *err)
{
    struct stat about;
    if (!path || (stat(path, &about) == 0 && S_ISDIR(about.st_mode))) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "%s: \"%s\": there is no folder %s", c->file, name, path);
}

vault_code config_check_files(const config *c, vault_error *err)
{
    VAULT_TRY(check_folder(c, "archive_folder", c->archive_folder, err));
    VAULT_TRY(check_file(c, "tls.ca", c->ca, false, err));
    VAULT_TRY(check_file(c, "tls.certificate", c->certificate, false, err));
    VAULT_TRY(check_file(c, "tls.key", c->key, true, err));
    VAULT_TRY(check_file(c, "webhook.ca_file", c->webhook_ca, false, err));
    VAULT_TRY(check_file(c, "webhook.token_file", c->webhook_token, true, err));
    VAULT_TRY(check_file(c, "witness_policy", c->witness_policy, false, err));
    VAULT_TRY(check_file(c, "witness_ca_file", c->witness_ca, false, err));
    VAULT_TRY(check_file(c, "root_key.file", c->root_key_file, true, err));
    return check_file(c, "root_key.passphrase_file", c->passphrase_file, true, err);
}

void config_clear(config *c)
{
    arena_free(&c->mem);
}
