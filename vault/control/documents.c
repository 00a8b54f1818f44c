/* Documents as people write them: the files of a folder, and one document by itself; faults with line and column. */
#include "vault/base/memory.h"
#include "vault/control/internal.h"

#include <stdio.h>
#include <string.h>

static const char *const names[DOCUMENTS] = {"schema",  "principals", "persons", "purposes", "policy",
                                             "sharing", "browsing",   "domains", "canaries"};

const char *document_name(document d)
{
    if (d == DOC_OPERATION) return "operation";
    if (d == DOC_ACCESS) return "access";
    if (d == DOC_LEAK) return "leak";
    return (unsigned)d < DOCUMENTS ? names[d] : "";
}

bool document_named(document *out, const char *name)
{
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (document)i;
        return true;
    }
    return false;
}

void documents_clear(documents *d)
{
    for (unsigned i = 0; i < DOCUMENTS; i++) json_clear(&d->of[i]);
}

/* "persons.persons[3].role" into the document and the path in it; false when it names none. */
static bool split_path(document *out, const char **below, const char *path)
{
    char name[16];
    size_t len = strcspn(path, ".[");
    if (len >= sizeof name) return false;
    snprintf(name, sizeof name, "%.*s", (int)len, path);
    *below = path + len + (path[len] == '.');
    return document_named(out, name);
}

/* ---- the files of a folder ---- */

enum { FOLDER_PATH_MAX = 4096 };

static vault_code file_path(char out[FOLDER_PATH_MAX], const char *folder, document d, vault_error *err)
{
    int len = snprintf(out, FOLDER_PATH_MAX, "%s/%s.json", folder, names[d]);
    if (len > 0 && len < FOLDER_PATH_MAX) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "the folder's path is too long");
}

vault_code documents_read(documents *out, const char *folder, vault_error *err)
{
    VAULT_CLEANUP(documents_clear) documents read = {0};
    *out = (documents){0};
    for (unsigned i = 0; i < DOC_DOMAINS; i++) {
        char path[FOLDER_PATH_MAX];
        VAULT_TRY(file_path(path, folder, (document)i, err));
        VAULT_TRY(json_read_file(&read.of[i], path, err));
    }
    *out = read;
    read = (documents){0};
    return VAULT_OK;
}

/* Read again: a fault is rare, and the text need not be kept for it. */
static bool locate_in_file(json_place *out, const char *folder, document d, const char *path)
{
    char file[FOLDER_PATH_MAX], *text;
    size_t len;
    vault_error dropped = {0};
    if (file_path(file, folder, d, &dropped) != VAULT_OK) return false;
    if (file_read(&text, &len, file, JSON_FILE_LIMIT, &dropped) != VAULT_OK) return false;
    bool found = json_locate(out, bytes_of(text, len), path);
    memory_free(text, len);
    return found;
}

vault_code documents_fault(vault_error *err, const char *folder)
{
    document d;
    const char *below;
    json_place at;
    const vault_error found = *err;
    if (found.code != VAULT_INVALID || !split_path(&d, &below, found.field)) return found.code;
    if (!locate_in_file(&at, folder, d, below)) return found.code;
    vault_error_clear(err);
    (void)vault_fail_at(err, found.code, found.where, "%s.json:%u:%u: %s%s%s", names[d], at.line, at.column, below,
                        below[0] ? ": " : "", found.detail);
    text_clean(err->detail);
    err->reason = found.reason;
    snprintf(err->field, sizeof err->field, "%s", found.field);
    return found.code;
}

/* ---- one document by itself ---- */

static const char *fault_of(document_fault *fault, document d, bytes content, const vault_error *err)
{
    document of;
    const char *below;
    json_place at = {0};
    bool own = split_path(&of, &below, err->field) && of == d;
    if (own && json_locate(&at, content, below)) {
        fault->line = at.line;
        fault->column = at.column;
    }
    snprintf(fault->path, sizeof fault->path, "%s", own ? below : err->field);
    snprintf(fault->text, sizeof fault->text, "%s", err->detail[0] ? err->detail : vault_code_name(err->code));
    text_clean(fault->path);
    text_clean(fault->text);
    return err->reason ? err->reason : "DOCUMENT_INVALID";
}

static const char *plain_fault(document_fault *fault, const char *text)
{
    snprintf(fault->text, sizeof fault->text, "%s", text);
    text_clean(fault->text);
    return "DOCUMENT_INVALID";
}

static bool parse(document_fault *fault, json_t **out, bytes content)
{
    json_fault found;
    if (json_parse(out, content, &found)) return true;
    fault->line = found.line;
    fault->column = found.column;
    (void)plain_fault(fault, found.text);
    return false;
}

/* Whether it can be part of the manifest, and may be from today on. */
static vault_code check_whole(const documents *docs, const document_given *given, const manifest_body *standing,
                              vault_error *err)
{
    VAULT_CLEANUP(manifest_free) manifest_body *next = NULL;
    VAULT_TRY(manifest_build(&next, standing->m.vault, docs, err));
    VAULT_TRY(manifest_check_change(standing, next, err));
    if (given->which != DOC_PURPOSES) return VAULT_OK;
    return purposes_assessed(docs->of[DOC_PURPOSES], standing->docs.of[DOC_PURPOSES], given->today, err);
}

const char *document_check(document_fault *fault, json_t **parsed, const document_given *given,
                           const manifest_body *standing)
{
    document d = given->which;
    bytes content = given->content;
    VAULT_CLEANUP(json_clear) json_t *value = NULL;
    vault_error err = {0};
    *fault = (document_fault){0};
    *parsed = NULL;
    if ((unsigned)d >= DOC_DOMAINS) return plain_fault(fault, "is the vault's own: nobody writes it");
    if (content.len > DOCUMENT_MAX) return plain_fault(fault, "longer than 8 MiB: leave out what is not needed");
    if (!parse(fault, &value, content)) return "DOCUMENT_INVALID";
    documents docs = standing->docs; /* borrowed */
    docs.of[d] = value;
    docs.of[DOC_DOMAINS] = NULL;
    if (check_whole(&docs, given, standing, &err) != VAULT_OK) return fault_of(fault, d, content, &err);
    *parsed = value;
    value = NULL;
    return NULL;
}
