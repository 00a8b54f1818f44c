#include "vault/service/trials.h"

#include <stdio.h>
#include <string.h>

void trial_clear(trial *t)
{
    control_trial_free(&t->own);
    *t = (trial){0};
}

static vault_code make(trial *out, session *s, const drafts *with, vault_error *err)
{
    document_fault fault;
    *out = (trial){.manifest = s->manifest};
    if (with->count == 0) return VAULT_OK;
    VAULT_TRY(control_trial(&out->own, &fault, s->manifest, with, err));
    if (!out->own) return vault_refuse(err, VAULT_INVALID, "DOCUMENT_INVALID", fault.path);
    out->manifest = out->own;
    return VAULT_OK;
}

/* ---- drafts ---- */

static vault_code refuse_draft(vault_error *err, const char *reason, size_t i, const char *key)
{
    char path[sizeof err->field];
    snprintf(path, sizeof path, "drafts[%zu].%s", i, key);
    return vault_refuse(err, VAULT_INVALID, reason, path);
}

static vault_code read_draft(draft *out, const Vault__V1__Draft *in, size_t i, vault_error *err)
{
    if (!in->document[0]) return refuse_draft(err, "REQUIRED", i, "document");
    if (!document_named(&out->document, in->document)) return refuse_draft(err, "DOCUMENT_UNKNOWN", i, "document");
    if (in->content.len > DOCUMENT_MAX) return refuse_draft(err, "TOO_LARGE", i, "content");
    out->content = bytes_of(in->content.data, in->content.len);
    return VAULT_OK;
}

vault_code trial_drafts(trial *out, session *s, Vault__V1__Draft *const *list, size_t count, vault_error *err)
{
    draft read[DOC_DOMAINS];
    bool given[DOC_DOMAINS] = {false};
    *out = (trial){.manifest = s->manifest};
    if (count > DOC_DOMAINS) return refuse_at(err, "TOO_MANY", "drafts", -1);
    for (size_t i = 0; i < count; i++) {
        VAULT_TRY(read_draft(&read[i], list[i], i, err));
        if (given[read[i].document]) return refuse_draft(err, "DUPLICATE_NAME", i, "document");
        given[read[i].document] = true;
    }
    return make(out, s, &(drafts){.at = read, .count = count}, err);
}

/* ---- what waits, and what was ---- */

vault_code trial_approval(trial *out, session *s, const char *name, vault_error *err)
{
    const approval *of = manifest_approval(s->manifest, name);
    document_text text = {0};
    *out = (trial){.manifest = s->manifest};
    if (!of || (unsigned)of->document >= DOC_DOMAINS)
        return vault_refuse(err, VAULT_NOT_FOUND, "APPROVAL_UNKNOWN", "approval");
    VAULT_TRY(control_proposed(&text, s->service->control, s->store, s->mem, of, err));
    const draft one = {.document = of->document, .content = text.content};
    return make(out, s, &(drafts){.at = &one, .count = 1}, err);
}

vault_code trial_version(trial *out, session *s, uint64_t version, vault_error *err)
{
    draft all[DOC_DOMAINS];
    drafts with = {.at = all, .former = true};
    *out = (trial){.manifest = s->manifest};
    if (version == 0) return VAULT_OK;
    if (version > INT64_MAX) return refuse_at(err, "OUT_OF_RANGE", "version", -1);
    for (document d = 0; d < DOC_DOMAINS; d++) {
        document_text text = {0};
        VAULT_TRY(
            control_document(&text, s->service->control, s->store, s->mem, (document_at){d, (int64_t)version}, err));
        all[with.count++] = (draft){.document = d, .content = text.content};
    }
    return make(out, s, &with, err);
}
