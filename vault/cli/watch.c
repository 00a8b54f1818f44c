/* audit verify: the log as seen now against the log as it was seen last time, and, for officers, every line of it.
 *
 *   checkpoint   signed by the key that the operator published
 *   growth       the checkpoint of the last visit is a beginning of this one (RFC 9162 2.1.4)
 *   lines        every leaf fetched, its officer's view opens it, and their tree has the root of the checkpoint
 *   rows         the vault's own check of every resident's row against its tag and the sum in the log's head
 *
 * What was seen is kept only when all of it was valid. */
#include "vault/cli/internal.h"

#include "vault/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STATE_MAX = 65536, PAGE = 1000, PAGE_MEMORY = 16 << 20 };

typedef struct watch {
    ctl *ctl;
    note_key key;
    checkpoint now, before;
    char *note, *seen; /* signed notes; seen is NULL at the first visit */
    const char *state;
    int64_t lines, rows; /* checked */
    digest frontier[MERKLE_LEVELS];
    finding finding;
} watch;

static ctl_exit conclude(watch *w, verdict v, const char *why)
{
    w->finding = (finding){.verdict = v, .why = why};
    return verdict_exit(v);
}

/* ---- the state file ---- */

static const char *state_path(ctl *c)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (c->options[OPT_STATE]) return c->options[OPT_STATE];
    if (base && *base) return arena_format(c->mem, "%s/vaultctl/checkpoint", base);
    return arena_format(c->mem, "%s/.local/state/vaultctl/checkpoint", home && *home ? home : ".");
}

static void make_folders(arena *mem, const char *path)
{
    char *part = arena_text(mem, bytes_of_text(path));
    for (char *at = part ? strchr(part + 1, '/') : NULL; at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(part, 0700); /* what matters is whether the file can be written */
        *at = '/';
    }
}

static ctl_exit read_state(watch *w)
{
    vault_error err = {0};
    char *text;
    size_t len;
    struct stat about;
    if (stat(w->state, &about) != 0 && errno == ENOENT) return CTL_OK;
    if (file_read(&text, &len, w->state, STATE_MAX, &err) != VAULT_OK) {
        say_error(&err);
        return CTL_USAGE;
    }
    w->seen = arena_text(w->ctl->mem, bytes_of(text, len));
    memory_free(text, len);
    finding f = w->seen ? verify_checkpoint(&w->before, w->seen, &w->key) : (finding){VERDICT_INCOMPLETE, "too large"};
    return f.verdict == VERDICT_VALID
               ? CTL_OK
               : conclude(w, VERDICT_UNVERIFIABLE, "the checkpoint kept from the last visit is not of this log");
}

static ctl_exit write_state(watch *w)
{
    vault_error err = {0};
    make_folders(w->ctl->mem, w->state);
    if (file_replace(w->state, bytes_of_text(w->note), &err) == VAULT_OK) return CTL_OK;
    say_error(&err);
    return CTL_FAILED;
}

/* ---- checkpoint ---- */

static ctl_exit fetch_checkpoint(watch *w)
{
    Vault__V1__RequestContext context;
    Vault__V1__GetCheckpointRequest request = VAULT__V1__GET_CHECKPOINT_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Audit/GetCheckpoint",
                  .request = &request.base,
                  .type = &vault__v1__get_checkpoint_response__descriptor};
    if (!ctl_context(w->ctl, &context)) return CTL_USAGE;
    request.context = &context;
    ctl_exit end = ctl_exchange(w->ctl, &x);
    if (end != CTL_OK) return end;
    w->note = arena_text(w->ctl->mem,
                         bytes_of_text(((const Vault__V1__GetCheckpointResponse *)(const void *)x.reply)->checkpoint));
    if (!w->note) return CTL_FAILED;
    finding f = verify_checkpoint(&w->now, w->note, &w->key);
    return f.verdict == VERDICT_VALID ? CTL_OK : conclude(w, f.verdict, f.why);
}

/* ---- growth ---- */

static ctl_exit check_path(watch *w, const Vault__V1__GetProofResponse *reply)
{
    merkle_path given;
    if (reply->n_path > MERKLE_PATH_MAX) return conclude(w, VERDICT_TAMPERED, "the proof of growth is longer than any");
    if (!hashes_read(&given, w->ctl->mem, reply->path, reply->n_path))
        return conclude(w, VERDICT_INCOMPLETE, "the proof of growth is cut");
    if (merkle_verify_consistency(&w->before.tree, &w->now.tree, given)) return CTL_OK;
    return conclude(w, VERDICT_TAMPERED, "the log is not a continuation of the one seen last time");
}

static ctl_exit prove_growth(watch *w)
{
    Vault__V1__RequestContext context;
    Vault__V1__GetProofRequest request = VAULT__V1__GET_PROOF_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {.method = "/vault.v1.Audit/GetProof",
                  .request = &request.base,
                  .type = &vault__v1__get_proof_response__descriptor};
    if (!ctl_context(w->ctl, &context)) return CTL_USAGE;
    request.context = &context;
    request.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_OLD_SIZE;
    request.old_size = (uint64_t)w->before.tree.size;
    request.tree_size = (uint64_t)w->now.tree.size;
    ctl_exit end = ctl_exchange(w->ctl, &x);
    return end ? end : check_path(w, (const void *)x.reply);
}

static ctl_exit check_growth(watch *w)
{
    if (!w->seen || w->before.tree.size == 0) return CTL_OK;
    if (w->before.tree.size > w->now.tree.size)
        return conclude(w, VERDICT_TAMPERED, "the log is shorter than it was at the last visit");
    if (w->before.tree.size < w->now.tree.size) return prove_growth(w);
    if (bytes_same(digest_bytes(&w->before.tree.root), digest_bytes(&w->now.tree.root))) return CTL_OK;
    return conclude(w, VERDICT_TAMPERED, "two checkpoints of one size have different roots");
}

/* ---- lines ---- */

static ctl_exit check_line(watch *w, const Vault__V1__Line *line, digest *leaf)
{
    if (line->index != (uint64_t)w->lines) return conclude(w, VERDICT_TAMPERED, "a line is missing");
    if (!line->consistent) return conclude(w, VERDICT_TAMPERED, "a line was altered");
    if (!line_opens(line)) return conclude(w, VERDICT_TAMPERED, "a line's view does not open its leaf");
    *leaf = merkle_leaf(bytes_of(line->leaf.data, line->leaf.len));
    w->lines++;
    return CTL_OK;
}

static ctl_exit add_leaves(watch *w, arena *mem, const digest *leaves, size_t count)
{
    vault_error err = {0};
    merkle_batch *batch;
    const digest *frontier;
    merkle_frontier before = {.size = w->lines - (int64_t)count, .at = w->frontier};
    if (count == 0) return CTL_OK;
    if (merkle_append(&batch, mem, before, leaves, count, &err) != VAULT_OK) {
        say_error(&err);
        return CTL_FAILED;
    }
    size_t parts = merkle_batch_frontier(batch, &frontier);
    memcpy(w->frontier, frontier, parts * sizeof *frontier);
    return CTL_OK;
}

static ctl_exit check_page(watch *w, arena *mem, const Vault__V1__QueryResponse *reply)
{
    digest *leaves = arena_array(mem, reply->n_lines + 1, sizeof *leaves);
    size_t count = 0;
    if (!leaves) abort();
    for (size_t i = 0; i < reply->n_lines && w->lines < w->now.tree.size; i++) {
        ctl_exit end = check_line(w, reply->lines[i], &leaves[count]);
        if (end != CTL_OK) return end;
        count++;
    }
    return add_leaves(w, mem, leaves, count);
}

static ctl_exit fetch_page(watch *w, arena *mem, char **next)
{
    Vault__V1__RequestContext context;
    Vault__V1__QueryRequest request;
    VAULT_CLEANUP(exchange_clear)
    exchange x = {
        .method = "/vault.v1.Audit/Query", .request = &request.base, .type = &vault__v1__query_response__descriptor};
    if (!ctl_context(w->ctl, &context)) return CTL_USAGE;
    query_of(w->ctl, &request, &context);
    request.page_size = PAGE;
    request.page_token = *next;
    ctl_exit end = ctl_exchange(w->ctl, &x);
    if (end != CTL_OK) return end;
    const Vault__V1__QueryResponse *reply = (const void *)x.reply;
    end = check_page(w, mem, reply);
    *next = arena_text(w->ctl->mem, bytes_of_text(reply->next_page_token));
    arena_reset(mem);
    return *next ? end : CTL_FAILED;
}

static ctl_exit check_lines(watch *w)
{
    char *next = (char *)(uintptr_t) "";
    if (!w->ctl->options[OPT_LINES]) return CTL_OK;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(PAGE_MEMORY);
    if (!mem) abort();
    do {
        ctl_exit end = fetch_page(w, mem, &next);
        if (end != CTL_OK) return end;
    } while (w->lines < w->now.tree.size && *next);
    if (w->lines < w->now.tree.size)
        return conclude(w, VERDICT_INCOMPLETE, "the vault does not show all lines that it signed for");
    digest root = merkle_root(w->frontier, w->lines);
    if (bytes_same(digest_bytes(&root), digest_bytes(&w->now.tree.root))) return CTL_OK;
    return conclude(w, VERDICT_TAMPERED, "the lines shown do not have the root that was signed");
}

/* ---- rows ---- */

/* What a job that has ended says of the rows. */
static ctl_exit judge_rows(watch *w, const Vault__V1__Job *j)
{
    bool ended = strcmp(j->state, "done") == 0, failed = strcmp(j->state, "failed") == 0;
    const char *why = arena_format(w->ctl->mem, "the rows: %s", *j->finding ? j->finding : "the check failed");
    if (!why) abort();
    w->rows = (int64_t)j->done;
    if (failed || *j->finding) return conclude(w, VERDICT_TAMPERED, why);
    return ended ? CTL_OK : conclude(w, VERDICT_INCOMPLETE, "the check of the rows was stopped");
}

static ctl_exit check_rows(watch *w)
{
    Vault__V1__VerifyRowsRequest request = VAULT__V1__VERIFY_ROWS_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    VAULT_CLEANUP(exchange_clear) exchange last = {0};
    const Vault__V1__Job *j;
    if (!w->ctl->options[OPT_ROWS]) return CTL_OK;
    ctl_exit end =
        ctl_call(w->ctl, &x, "/vault.v1.Audit/VerifyRows", &request.base, &vault__v1__verify_rows_response__descriptor);
    if (end != CTL_OK) return end;
    end = job_wait(w->ctl, &last, ((const Vault__V1__VerifyRowsResponse *)(const void *)x.reply)->job, &j);
    return end ? end : judge_rows(w, j);
}

/* ---- the whole ---- */

static void show_steps(const watch *w)
{
    if (w->now.tree.size > 0)
        printf("checkpoint  %s, %lld lines, signature valid\n", w->key.name, (long long)w->now.tree.size);
    if (w->now.tree.size > 0 && !w->seen)
        puts("growth      first visit, nothing to compare with");
    else if (w->seen && w->finding.verdict == VERDICT_VALID)
        printf("growth      consistent with the %lld lines of the last visit\n", (long long)w->before.tree.size);
    if (w->ctl->options[OPT_LINES] && w->lines > 0)
        printf("lines       %lld fetched, each opens its leaf\n", (long long)w->lines);
    if (w->ctl->options[OPT_ROWS] && w->finding.verdict == VERDICT_VALID)
        printf("rows        %lld checked, all as they were written last\n", (long long)w->rows);
    printf("verdict     %s%s%s\n", verdict_name(w->finding.verdict), *w->finding.why ? ": " : "", w->finding.why);
}

static void show(const watch *w)
{
    if (!w->ctl->options[OPT_JSON]) {
        show_steps(w);
        return;
    }
    print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "verdict", verdict_name(w->finding.verdict), "why",
                         w->finding.why, "size", (json_int_t)w->now.tree.size, "last_size",
                         (json_int_t)w->before.tree.size, "lines", (json_int_t)w->lines, "rows", (json_int_t)w->rows));
}

ctl_exit run_audit_verify(ctl *c)
{
    static ctl_exit (*const steps[])(watch *) = {fetch_checkpoint, read_state, check_growth,
                                                 check_lines,      check_rows, write_state};
    watch w = {.ctl = c, .state = state_path(c), .finding = {.why = ""}};
    ctl_exit end = CTL_OK;
    w.finding = log_key(c, &w.key);
    if (w.finding.verdict != VERDICT_VALID) end = verdict_exit(w.finding.verdict);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && end == CTL_OK; i++) end = steps[i](&w);
    if (end == CTL_OK || end >= CTL_TAMPERED) show(&w); /* else the failure has been said */
    return end;
}
