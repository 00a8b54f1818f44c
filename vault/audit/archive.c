/* An archive is made: written beside its place, synced, read back from the disk and proven, line by line, before
 * anybody takes its lines out of the table. */
#include "vault/audit/archive.h"

#include "vault/audit/shelf.h"
#include "vault/base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TILE = 256, STRETCH_BITS = 16, PAGE = 1024, PAGE_MEMORY = 64 << 20, PROOF_MEMORY = 16 << 20, NAMES_MOST = 99 };

/* ---- which lines ---- */

/* When the last one was written; 0: it is damaged, as whoever archives it will be told. */
static vault_code read_end(archive_row *out, store *s, vault_error *err)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    leaf_facts leaf;
    bytes last;
    leaf_page page = {.from = out->first + out->count - 1, .count = 1, .leaves = &last};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for a line");
    VAULT_TRY(rows_leaves(s, mem, &page, err));
    out->end_us = leaf_read(&leaf, last) ? leaf.time_us : 0;
    return VAULT_OK;
}

vault_code archive_next(archive_row *out, store *s, const anchor *to, int64_t before, vault_error *err)
{
    int64_t first, end = before < to->tree.size ? before : to->tree.size;
    VAULT_TRY(store_archive_end(s, &first, err));
    int64_t stretch_end = ((first >> STRETCH_BITS) + 1) << STRETCH_BITS;
    if (end > stretch_end) end = stretch_end;
    end -= end % TILE;
    *out = (archive_row){.first = first, .count = end > first ? end - first : 0};
    return out->count > 0 ? read_end(out, s, err) : VAULT_OK;
}

/* ---- the file under way ---- */

typedef struct writing {
    scribe *sc;
    store *s;
    const archive_wish *wish;
    arena *mem, *page; /* page: of the lines at hand */
    FILE *file;
    lines_file_head head;
    bytes front; /* what stands before the body; its length never changes */
    lines_body body;
    archive_row *row;
} writing;

static void writing_clear(writing *w)
{
    if (w->file) fclose(w->file);
    arena_free(&w->mem);
    arena_free(&w->page);
}

/* By errno. Somebody has to see to it: until then it is tried again, but not at once. */
static vault_code fail_write(vault_error *err)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return vault_fail(err, full ? VAULT_EXHAUSTED : VAULT_INTERNAL, "an archive cannot be written: %s",
                      strerrordesc_np(errno));
}

static vault_code fail_read_back(vault_error *err)
{
    vault_error_clear(err);
    return vault_fail(err, VAULT_INTERNAL, "an archive is not read as it was written");
}

void archive_draft_clear(archive_draft *d)
{
    if (!d->path[0]) return;
    (void)unlink(d->path);
    close(d->lock);
    d->path[0] = '\0';
}

static vault_code open_draft(writing *w, archive_draft *d, const char *folder, vault_error *err)
{
    if (!folder) return vault_refuse(err, VAULT_PRECONDITION, "NO_ARCHIVE_FOLDER", "");
    if (snprintf(d->path, sizeof d->path, "%s/.archive-draft.XXXXXX", folder) >= (int)sizeof d->path)
        return d->path[0] = '\0', vault_fail(err, VAULT_INVALID, "the path of the archive folder is too long");
    drafts_sweep(d->path);
    d->lock = draft_open(d->path);
    if (d->lock < 0) return d->path[0] = '\0', fail_write(err);
    int fd = fcntl(d->lock, F_DUPFD_CLOEXEC, 0);
    w->file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!w->file && fd >= 0) close(fd);
    return w->file ? VAULT_OK : fail_write(err);
}

/* Path of the range, in the anchor's tree. */
static vault_code prove_range(writing *w, vault_error *err)
{
    const archive_wish *wish = w->wish;
    range_ends ends = {.first = wish->first, .last = wish->first + wish->count - 1, .size = wish->to->tree.size};
    return stored_range_path(&w->head.path, w->s, w->mem, &ends, err);
}

/* The anchor as it was published, with what witnesses have signed; where it was before the log's keys were rotated, the
 * same tree signed anew: the file outlasts the former key. */
static vault_code choose_checkpoint(writing *w, vault_error *err)
{
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(w->sc->of);
    const char *note = w->wish->to->note;
    bytes text;
    if (note_open(&text, bytes_of_text(note), &k->signers[0].key) != NOTE_VERIFIED)
        VAULT_TRY(tree_sign(&note, w->sc->of, w->mem, &w->wish->to->tree, err));
    w->head.checkpoint = bytes_of_text(note);
    return VAULT_OK;
}

/* With the digest that the head has by now. */
static vault_code make_front(writing *w, vault_error *err)
{
    const char *text, *note;
    VAULT_TRY(lines_file_text(&text, w->mem, &w->head, err));
    VAULT_TRY(ledger_sign_note(&note, w->sc->of, w->mem, bytes_of_text(text), err));
    w->head.note = bytes_of_text(note);
    return lines_file_front(&w->front, w->mem, w->head.note, w->head.checkpoint, err);
}

static vault_code put_front(writing *w, vault_error *err)
{
    rewind(w->file);
    return fwrite(w->front.at, 1, w->front.len, w->file) == w->front.len ? VAULT_OK : fail_write(err);
}

/* ---- lines ---- */

static vault_code put_line(writing *w, line_row *row, vault_error *err)
{
    leaf_facts leaf;
    VAULT_TRY(line_renew(row, w->sc, w->page, err)); /* opens it, too, and refuses one that does not fit */
    if (!leaf_read(&leaf, row->leaf))
        return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged", (long long)row->index);
    if (row->index == w->row->first) w->row->start_us = leaf.time_us;
    w->row->end_us = leaf.time_us;
    const lines_file_line one = {row->leaf,     row->nodes,        row->officer,
                                 row->resident, row->resident_tag, row->person_tag};
    vault_code code = lines_file_put(w->file, &w->body, &one, true, err);
    if (code != VAULT_UNAVAILABLE) return code;
    vault_error_clear(err);
    return fail_write(err);
}

static vault_code put_page(writing *w, int64_t *from, int64_t end, vault_error *err)
{
    size_t count, limit = end - *from < PAGE ? (size_t)(end - *from) : PAGE;
    arena_reset(w->page);
    line_row *rows = arena_array(w->page, limit, sizeof *rows);
    if (!rows) return vault_fail(err, VAULT_EXHAUSTED, "no room for lines");
    const line_range range = {.key = LINE_ANY, .from = *from, .limit = limit};
    VAULT_TRY(rows_page(w->s, w->page, &range, rows, &count, err));
    for (size_t i = 0; i < limit; i++, ++*from) {
        if (i >= count || rows[i].index != *from)
            return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is missing", (long long)*from);
        VAULT_TRY(put_line(w, &rows[i], err));
    }
    return VAULT_OK;
}

static vault_code put_body(writing *w, vault_error *err)
{
    int64_t end = w->wish->first + w->wish->count;
    lines_body_begin(&w->body);
    for (int64_t from = w->wish->first; from < end;) VAULT_TRY(put_page(w, &from, end, err));
    lines_body_end(&w->head, &w->body);
    return VAULT_OK;
}

/* Read back it shall be from the disk, and not from what the system still has of it in memory. */
static vault_code sync_file(FILE *file, vault_error *err)
{
    if (fflush(file) != 0 || fsync(fileno(file)) != 0) return fail_write(err);
    (void)posix_fadvise(fileno(file), 0, 0, POSIX_FADV_DONTNEED);
    rewind(file);
    return VAULT_OK;
}

static vault_code write_file(writing *w, vault_error *err)
{
    VAULT_TRY(make_front(w, err));
    size_t len = w->front.len;
    VAULT_TRY(put_front(w, err));
    VAULT_TRY(put_body(w, err));
    VAULT_TRY(make_front(w, err));
    if (w->front.len != len) return vault_fail(err, VAULT_INTERNAL, "the head of an archive has changed its length");
    VAULT_TRY(put_front(w, err));
    return sync_file(w->file, err);
}

/* ---- read back ---- */

/* The roots of perfect subtrees left of the line at hand, as far as their lines are of the file. */
typedef struct subtrees {
    digest at[MERKLE_LEVELS];
    bool known[MERKLE_LEVELS];
} subtrees;

/* What the line stores of the tree is what its file's leaves lead to. */
static bool nodes_fit(subtrees *t, int64_t index, const digest *leaf, bytes nodes)
{
    digest hash = *leaf;
    unsigned l = 0;
    size_t completes = (size_t)__builtin_ctzll((unsigned long long)index + 1);
    if (nodes.len != completes * DIGEST_LEN) return false;
    for (; l < completes && t->known[l]; l++) {
        hash = merkle_node(&t->at[l], &hash);
        t->known[l] = false;
        if (memcmp(nodes.at + l * DIGEST_LEN, hash.at, DIGEST_LEN) != 0) return false;
    }
    if (l < completes) return true; /* the rest reaches over lines before the file's */
    t->at[l] = hash;
    t->known[l] = true;
    return true;
}

static vault_code check_line(writing *w, lines_file *f, int64_t index, subtrees *t, digest *leaf, vault_error *err)
{
    lines_file_line one;
    opened_view view = {0};
    bool fits;
    if (lines_file_next(&one, f, err) != VAULT_OK) return fail_read_back(err);
    const line_row row = {true,          true, index, one.leaf, one.nodes, one.officer, one.resident, one.resident_tag,
                          one.person_tag};
    *leaf = merkle_leaf(one.leaf);
    if (index % PAGE == 0) arena_reset(w->page);
    VAULT_TRY(line_open(&view, &fits, w->sc, w->page, &row, err));
    if (fits && nodes_fit(t, index, leaf, one.nodes)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "line %lld of the log is damaged", (long long)index);
}

static bool same_head(const writing *w, const lines_file_head *read)
{
    bytes text;
    VAULT_CLEANUP(log_keyset_free) log_keyset *k = ledger_keys(w->sc->of);
    return read->archive && read->first == w->wish->first && read->count == w->wish->count &&
           bytes_same(read->checkpoint, w->head.checkpoint) && bytes_same(read->note, w->head.note) &&
           note_open(&text, read->note, &k->signers[0].key) == NOTE_VERIFIED;
}

static vault_code read_back(writing *w, vault_error *err)
{
    VAULT_CLEANUP(lines_file_close) lines_file *f = NULL;
    subtrees trees = {0};
    size_t count = (size_t)w->wish->count;
    digest *leaves = arena_array(w->mem, count, sizeof *leaves);
    if (!leaves) return vault_fail(err, VAULT_EXHAUSTED, "no room for an archive's leaves");
    if (file_digest(w->file, &w->row->sha256, &w->row->size, err) != VAULT_OK ||
        lines_file_open(&f, w->file, err) != VAULT_OK)
        return fail_read_back(err);
    const lines_file_head *head = lines_file_head_of(f);
    if (!same_head(w, head)) return fail_read_back(err);
    for (size_t i = 0; i < count; i++) VAULT_TRY(check_line(w, f, head->first + (int64_t)i, &trees, &leaves[i], err));
    if (!lines_file_whole(f)) return fail_read_back(err);
    if (merkle_verify_range(leaves, count, head->first, &w->wish->to->tree, head->path)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "lines %lld to %lld of the log are not those of its head",
                      (long long)head->first, (long long)(head->first + head->count - 1));
}

/* ---- for callers ---- */

/* A name that no file has: neither that whose place it takes, nor one that a node has left that was killed, nor one
 * that a database needs which was put back. */
static vault_code name_file(archive_draft *d, const shelf *on, bool again, vault_error *err)
{
    char version[16] = "", other[16] = "", path[ARCHIVE_PATH_ROOM];
    long long first = d->row.first, last = first + d->row.count - 1;
    if (again) snprintf(version, sizeof version, ".v%d", d->row.log_version);
    d->row.file = d->file;
    for (int i = 2; i <= NAMES_MOST; i++) {
        snprintf(d->file, sizeof d->file, "%lld-%lld%s%s.lines", first, last, version, other);
        if (!shelf_path(path, on, d->file)) return vault_fail(err, VAULT_INTERNAL, "no name for an archive");
        if (access(path, F_OK) != 0) return VAULT_OK;
        snprintf(other, sizeof other, ".%d", i);
    }
    return vault_fail(err, VAULT_UNAVAILABLE, "too many files of the archive %s: who has left them?", d->file);
}

vault_code archive_draft_write(archive_draft *out, scribe *sc, store *s, const archive_wish *wish, vault_error *err)
{
    VAULT_CLEANUP(writing_clear)
    writing w = {.sc = sc,
                 .s = s,
                 .wish = wish,
                 .mem = arena_new(PROOF_MEMORY),
                 .page = arena_new(PAGE_MEMORY),
                 .head = {.origin = sc->of->name, .first = wish->first, .count = wish->count, .archive = true},
                 .row = &out->row};
    int64_t archived;
    *out = (archive_draft){
        .row = {.first = wish->first, .count = wish->count, .log_version = (int32_t)scribe_version(sc)}};
    if (!w.mem || !w.page) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an archive");
    arena_keep(w.page, PAGE_MEMORY);
    VAULT_TRY(choose_checkpoint(&w, err));
    VAULT_TRY(store_archive_end(s, &archived, err));
    VAULT_TRY(prove_range(&w, err));
    VAULT_TRY(open_draft(&w, out, shelf_folder(store_shelf(s)), err));
    VAULT_TRY(name_file(out, store_shelf(s), wish->first < archived, err));
    VAULT_TRY(write_file(&w, err));
    return read_back(&w, err);
}

static vault_code sync_folder(const char *folder, vault_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return good ? VAULT_OK : fail_write(err);
}

vault_code archive_draft_place(archive_draft *d, const shelf *on, vault_error *err)
{
    char path[ARCHIVE_PATH_ROOM];
    if (!shelf_path(path, on, d->file)) return vault_fail(err, VAULT_INTERNAL, "no name for an archive");
    int failed = link(d->path, path) == 0 ? 0 : errno; /* rename would take the place of another's */
    archive_draft_clear(d);
    if (failed == EEXIST) return vault_fail(err, VAULT_UNAVAILABLE, "the name %s was taken meanwhile", d->file);
    if (failed) return errno = failed, fail_write(err);
    vault_code code = sync_folder(shelf_folder(on), err);
    if (code != VAULT_OK) archive_remove(on, d->file); /* nothing was committed that names it */
    return code;
}

vault_code archive_settle(store *s, const shelf *on, archive_placed *inout, vault_error *err)
{
    if (inout->file[0] == '\0') return VAULT_OK;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    archive_list list = {.from = inout->first, .limit = 1};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory for an archive");
    VAULT_TRY(store_archives_read(s, mem, &list, err));
    if (list.count == 0 || strcmp(list.rows[0].file, inout->file) != 0) archive_remove(on, inout->file);
    inout->file[0] = '\0';
    return VAULT_OK;
}
