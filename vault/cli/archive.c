/* audit archive: lines of the log that are older than its retention go to files of the vault's archive folder. */
#include "vault/cli/internal.h"

#include <stdio.h>
#include <string.h>

static ctl_exit show(const ctl *c, const Vault__V1__ListArchivesResponse *reply)
{
    static const char *const heads[] = {"ARCHIVE", "LINES", "FROM", "TO", "BYTES", "AT HAND", "FILE", "SHA-256"};
    table t = table_of(c->mem, sizeof heads / sizeof *heads, heads);
    if (c->options[OPT_JSON]) return print_json(message_json(c->mem, &reply->base)), CTL_OK;
    for (size_t i = 0; i < reply->n_archives; i++) {
        const Vault__V1__ArchivedRange *a = reply->archives[i];
        char sum[2 * DIGEST_LEN + 1] = "";
        if (a->sha256.len == DIGEST_LEN) hex_encode(sum, bytes_of(a->sha256.data, a->sha256.len));
        table_add(&t,
                  (const char *const[]){a->name, arena_format(c->mem, "%llu", (unsigned long long)a->line_count),
                                        time_text(c->mem, a->start_time), time_text(c->mem, a->end_time),
                                        arena_format(c->mem, "%llu", (unsigned long long)a->size_bytes),
                                        a->at_hand ? "yes" : "NO", a->file, arena_text(c->mem, bytes_of_text(sum))});
    }
    if (reply->n_archives > 0)
        table_print(&t);
    else
        puts("no line is archived");
    return CTL_OK;
}

static ctl_exit list(ctl *c)
{
    Vault__V1__ListArchivesRequest request = VAULT__V1__LIST_ARCHIVES_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    ctl_exit end =
        ctl_call(c, &x, "/vault.v1.Audit/ListArchives", &request.base, &vault__v1__list_archives_response__descriptor);
    return end == CTL_OK ? show(c, (const void *)x.reply) : end;
}

static void say_retention(const ctl *c)
{
    if (c->options[OPT_JSON]) return;
    fputs(
        "vaultctl:   lines stay where they are for three years at least (vaultd's log_retention): --before must be as "
        "long ago\n",
        stderr);
}

static ctl_exit begin(ctl *c)
{
    Vault__V1__ArchiveRequest request = VAULT__V1__ARCHIVE_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    if (!c->options[OPT_TICKET]) return usage_error(c, "--ticket is missing: the reason goes into the log");
    if (!(request.before_time = ctl_time(c->mem, c->options[OPT_BEFORE])))
        return usage_error(c, "--before %s is no time", c->options[OPT_BEFORE]);
    ctl_exit end = ctl_call(c, &x, "/vault.v1.Audit/Archive", &request.base, &vault__v1__archive_response__descriptor);
    if (strcmp(x.outcome.violation, "RETENTION") == 0) say_retention(c);
    if (end != CTL_OK) return end;
    const Vault__V1__ArchiveResponse *reply = (const void *)x.reply;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        printf("%s runs: vaultctl keys progress %s --watch\n", reply->job, reply->job);
    return CTL_OK;
}

ctl_exit run_audit_archive(ctl *c)
{
    if (!c->options[OPT_BEFORE] == !c->options[OPT_LIST]) return usage_error(c, "either --before TIME or --list");
    return c->options[OPT_LIST] ? list(c) : begin(c);
}
