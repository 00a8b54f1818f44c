/* audit export --range: neighbouring lines in a file by itself, with their path to a checkpoint. */
#include "vault/cli/log_copy.h"

#include "vault/audit/lines_file.h"
#include "vault/audit/tree_proof.h"
#include "vault/base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RANGE_LINES_MAX = 1 << 20 };

typedef struct range_copy {
    ctl *c;
    published_log wanted;
    lines_file_head head;
    const char *path, *draft;
    FILE *to;
    digest *hashes; /* of its lines */
    leaf_source from;
} range_copy;

static ctl_exit failed(const vault_error *err)
{
    say_error(err);
    return CTL_FAILED;
}

/* "FIRST-LAST" */
static bool read_range(range_copy *r, const char *text)
{
    char *rest;
    if (text[0] < '0' || text[0] > '9') return false;
    unsigned long long first = strtoull(text, &rest, 10);
    if (*rest != '-' || rest[1] < '0' || rest[1] > '9') return false;
    unsigned long long last = strtoull(rest + 1, &rest, 10);
    if (*rest || last < first || last >= (unsigned long long)MERKLE_SIZE_MAX) return false;
    r->head.first = (int64_t)first;
    r->head.count = (int64_t)(last - first) + 1;
    return true;
}

/* ---- the path ---- */

static ctl_exit read_path(range_copy *r, int64_t line, merkle_path *out)
{
    Vault__V1__GetProofRequest request = VAULT__V1__GET_PROOF_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    request.of_case = VAULT__V1__GET_PROOF_REQUEST__OF_LINE;
    request.line = (uint64_t)line;
    request.tree_size = (uint64_t)r->wanted.head.tree.size;
    ctl_exit end =
        ctl_call(r->c, &x, "/vault.v1.Audit/GetProof", &request.base, &vault__v1__get_proof_response__descriptor);
    if (end != CTL_OK) return end;
    const Vault__V1__GetProofResponse *reply = (const void *)x.reply;
    return hashes_read(out, r->c->mem, reply->path, reply->n_path) ? CTL_OK : CTL_INCOMPLETE;
}

static ctl_exit prove(range_copy *r)
{
    vault_error err = {0};
    range_ends ends = {
        .first = r->head.first, .last = r->head.first + r->head.count - 1, .size = r->wanted.head.tree.size};
    ctl_exit end = read_path(r, ends.first, &ends.of_first);
    if (end == CTL_OK) end = read_path(r, ends.last, &ends.of_last);
    if (end != CTL_OK) return end;
    return merkle_range_path(&r->head.path, r->c->mem, &ends, &err) == VAULT_OK ? CTL_OK : failed(&err);
}

/* ---- the file ---- */

static vault_code put_front(range_copy *r, vault_error *err)
{
    const char *text;
    bytes front;
    VAULT_TRY(lines_file_text(&text, r->c->mem, &r->head, err));
    VAULT_TRY(lines_file_front(&front, r->c->mem, bytes_of_text(text), bytes_of_text(r->wanted.note), err));
    if (fseeko(r->to, 0, SEEK_SET) == 0 && fwrite(front.at, 1, front.len, r->to) == front.len) return VAULT_OK;
    return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot be written: %s", r->draft, strerrordesc_np(errno));
}

static ctl_exit put_lines(range_copy *r)
{
    vault_error err = {0};
    lines_body body;
    lines_body_begin(&body);
    copy_progress shown = copy_progress_begin(r->c, 0, r->head.count);
    for (int64_t i = 0; i < r->head.count; i++) {
        lines_file_line one = {0};
        ctl_exit end = leaf_source_at(&r->from, r->head.first + i, r->head.first + r->head.count, &one.leaf);
        if (end != CTL_OK) return end;
        r->hashes[i] = merkle_leaf(one.leaf);
        if (lines_file_put(r->to, &body, &one, false, &err) != VAULT_OK) return failed(&err);
        copy_progress_say(&shown, i);
    }
    copy_progress_end(&shown);
    lines_body_end(&r->head, &body);
    if (merkle_verify_range(r->hashes, (size_t)r->head.count, r->head.first, &r->wanted.head.tree, r->head.path))
        return CTL_OK;
    fputs("vaultctl: tampered: the lines that the vault gives do not lead to the root of its checkpoint\n", stderr);
    return CTL_TAMPERED;
}

/* The front is as long whatever the digest: its place is kept, and it is written last. */
static ctl_exit write_draft(range_copy *r)
{
    vault_error err = {0};
    if (put_front(r, &err) != VAULT_OK) return failed(&err);
    ctl_exit end = put_lines(r);
    if (end != CTL_OK) return end;
    if (put_front(r, &err) != VAULT_OK) return failed(&err);
    if (fflush(r->to) == 0 && fsync(fileno(r->to)) == 0 && rename(r->draft, r->path) == 0) return CTL_OK;
    fprintf(stderr, "vaultctl: %s: cannot be written: %s\n", r->path, strerrordesc_np(errno));
    return CTL_FAILED;
}

static ctl_exit write_file(range_copy *r)
{
    r->path = r->c->arguments[0];
    r->draft = arena_format(r->c->mem, "%s.part", r->path);
    r->to = fopen(r->draft, "w");
    if (!r->to) {
        fprintf(stderr, "vaultctl: %s: %s\n", r->draft, strerrordesc_np(errno));
        return CTL_USAGE;
    }
    r->hashes = memory_array((size_t)r->head.count, sizeof *r->hashes);
    ctl_exit end = write_draft(r);
    memory_free(r->hashes, (size_t)r->head.count * sizeof *r->hashes);
    (void)fclose(r->to);
    if (end != CTL_OK) (void)unlink(r->draft);
    return end;
}

static ctl_exit copy_range(range_copy *r)
{
    ctl_exit end = published_read(r->c, &r->wanted);
    if (end != CTL_OK) return end;
    if (r->head.first + r->head.count > r->wanted.head.tree.size) {
        fprintf(stderr, "vaultctl: %lld lines are published\n", (long long)r->wanted.head.tree.size);
        return CTL_INVALID;
    }
    r->head.origin = arena_text(r->c->mem, r->wanted.head.origin);
    end = prove(r);
    if (end == CTL_OK) end = write_file(r);
    if (end != CTL_OK) return end;
    if (r->c->options[OPT_JSON])
        print_json(json_pack("{s:s, s:I, s:I, s:I, s:b}", "file", r->path, "first", (json_int_t)r->head.first, "lines",
                             (json_int_t)r->head.count, "size", (json_int_t)r->wanted.head.tree.size, "verified",
                             r->wanted.verified));
    else
        printf("%s: lines %lld to %lld of %lld\n", r->path, (long long)r->head.first,
               (long long)(r->head.first + r->head.count - 1), (long long)r->wanted.head.tree.size);
    return CTL_OK;
}

ctl_exit export_range(ctl *c)
{
    range_copy r = {.c = c, .from = {.c = c}};
    if (c->count != 1) return usage_error(c, "--range needs one file to write");
    if (!read_range(&r, c->options[OPT_RANGE])) return usage_error(c, "--range is FIRST-LAST, as 0-65535");
    if (r.head.count > RANGE_LINES_MAX)
        return usage_error(c, "a range has at most %d lines; the whole log goes by --tiles", RANGE_LINES_MAX);
    ctl_exit end = copy_range(&r);
    leaf_source_clear(&r.from);
    return end;
}
