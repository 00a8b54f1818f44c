/* get, update, export: one record by token. */
#include "vault/base/memory.h"
#include "vault/cli/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *record_name(const ctl *c)
{
    char *name = arena_format(c->mem, "records/%s", c->arguments[0]);
    if (!name) abort();
    return name;
}

/* ---- get ---- */

static void show_record(ctl *c, const Vault__V1__Record *r)
{
    static const char *const heads[] = {"FIELD", "VALUE", "DEPARTMENT", "COLLECTED"};
    table t = table_of(c->mem, 4, heads);
    if (c->options[OPT_JSON]) {
        print_json(message_json(c->mem, &r->base));
        return;
    }
    for (size_t i = 0; i < r->n_values; i++) {
        const Vault__V1__NamedValue *v = r->values[i];
        table_add(&t, (const char *const[]){v->field, v->value ? value_text(v->value) : "", v->department,
                                            time_text(c->mem, v->collect_time)});
    }
    table_print(&t);
    printf("version %u\n", r->version);
}

ctl_exit run_get(ctl *c)
{
    Google__Protobuf__FieldMask mask;
    Vault__V1__GetRecordRequest request = VAULT__V1__GET_RECORD_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end = ctl_fields(c, &mask);
    if (end == CTL_OK) end = ctl_form(c, &request.form);
    if (end != CTL_OK) return end;
    request.name = record_name(c);
    request.field_mask = &mask;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    end = ctl_call(c, &x, "/vault.v1.Records/Get", &request.base, &vault__v1__record__descriptor);
    if (end != CTL_OK) return end;
    Vault__V1__Record *reply = (void *)x.reply;
    show_record(c, reply);
    return receipts_write(c, &reply->receipt, reply->receipt ? 1 : 0);
}

/* ---- update ---- */

/* FIELD=VALUE, of each argument behind the token. */
static ctl_exit read_changes(ctl *c, Google__Protobuf__FieldMask *mask, char ***values)
{
    size_t count = c->count - 1;
    google__protobuf__field_mask__init(mask);
    mask->paths = arena_array(c->mem, count, sizeof *mask->paths);
    *values = arena_array(c->mem, count, sizeof **values);
    if (!mask->paths || !*values) return usage_error(c, "too many fields");
    for (size_t i = 0; i < count; i++) {
        const char *text = c->arguments[i + 1], *equals = strchr(text, '=');
        if (!equals || equals == text) return usage_error(c, "a change is FIELD=VALUE");
        if (!equals[1]) return usage_error(c, "an empty value changes nothing");
        mask->paths[i] = arena_text(c->mem, bytes_of(text, (size_t)(equals - text)));
        (*values)[i] = lent(equals + 1);
        if (!mask->paths[i]) return usage_error(c, "too many fields");
    }
    mask->n_paths = count;
    return CTL_OK;
}

static ctl_exit show_update(ctl *c, const Vault__V1__PutResult *r)
{
    outcome o;
    outcome_read(&o, r->status);
    if (c->options[OPT_JSON]) print_json(message_json(c->mem, &r->base));
    if (o.code != CODE_OK) {
        say_outcome(c, NULL, &o);
        return exit_of(o.code);
    }
    if (c->options[OPT_JSON]) return CTL_OK;
    printf("version %u%s\n", r->record_version, r->unchanged ? ", as it was" : "");
    for (size_t i = 0; i < r->n_corrections; i++)
        printf("%s: stands otherwise; its owner is asked for the correction\n", shown(c->mem, r->corrections[i]));
    return CTL_OK;
}

ctl_exit run_update(ctl *c)
{
    Google__Protobuf__FieldMask mask;
    Vault__V1__UpdateRecordRequest request = VAULT__V1__UPDATE_RECORD_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    int64_t version = option_number(c, OPT_VERSION, -1, UINT32_MAX);
    if (version < 0) return usage_error(c, "--version is that of the record which was read");
    ctl_exit end = read_changes(c, &mask, &request.values);
    if (end != CTL_OK) return end;
    request.name = record_name(c);
    request.version = (uint32_t)version;
    request.field_mask = &mask;
    request.n_values = mask.n_paths;
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    if (c->options[OPT_COLLECTED] && !(request.collect_time = ctl_time(c->mem, c->options[OPT_COLLECTED])))
        return usage_error(c, "--collected is a time (2026-11-22T08:00:00Z) or a date");
    end = ctl_call(c, &x, "/vault.v1.Records/Update", &request.base, &vault__v1__update_record_response__descriptor);
    if (end != CTL_OK) return end;
    Vault__V1__UpdateRecordResponse *reply = (void *)x.reply;
    if (!reply->result) return CTL_FAILED;
    end = show_update(c, reply->result);
    ctl_exit written = receipts_write(c, &reply->receipt, reply->receipt ? 1 : 0);
    return end ? end : written;
}

/* ---- export ---- */

static ctl_exit write_out(const ctl *c, const char *text)
{
    vault_error err = {0};
    if (!c->options[OPT_OUT]) return puts(text) < 0 ? CTL_FAILED : CTL_OK;
    if (file_replace(c->options[OPT_OUT], bytes_of_text(text), &err) == VAULT_OK) return CTL_OK;
    say_error(&err);
    return CTL_FAILED;
}

ctl_exit run_export(ctl *c)
{
    Vault__V1__ExportRequest request = VAULT__V1__EXPORT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.name = record_name(c);
    request.want_receipt = c->options[OPT_RECEIPT] != NULL;
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Records/Export", &request.base, &vault__v1__export_response__descriptor);
    if (end != CTL_OK) return end;
    Vault__V1__ExportResponse *reply = (void *)x.reply;
    VAULT_CLEANUP(json_clear) json_t *whole = message_json(c->mem, &reply->base);
    char *text = json_dumps(whole, c->options[OPT_JSON] ? JSON_COMPACT : JSON_INDENT(2));
    if (!text) abort();
    end = write_out(c, text);
    memory_free(text, strlen(text));
    Vault__V1__Receipt *receipt = reply->record ? reply->record->receipt : NULL;
    ctl_exit written = receipts_write(c, &receipt, receipt ? 1 : 0);
    return end ? end : written;
}
