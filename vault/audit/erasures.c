/* The chain of erasures: links by the append, and the file outside the database that keeps them. */
#include "vault/audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

digest erasure_link(const digest *before, const erasure_row *of)
{
    static const char LABEL[] = "resident-vault erasure 1";
    uint8_t numbers[24];
    writer w = writer_over(numbers, sizeof numbers);
    put_u64(&w, (uint64_t)of->number);
    put_u64(&w, (uint64_t)of->resident);
    put_u64(&w, (uint64_t)of->line);
    const bytes parts[] = {bytes_of(LABEL, sizeof LABEL - 1), digest_bytes(before), writer_bytes(&w)};
    return sha256_parts(parts, 3);
}

/* ---- links of a batch ---- */

static bool is_erasure(const line *l)
{
    return l->action == LINE_ERASE && l->outcome == LINE_GRANTED;
}

vault_code erasures_place(erasure_row **out, head_row *to, arena *mem, const line_batch *batch, vault_error *err)
{
    size_t n = 0;
    *out = NULL;
    if (batch->erased_count > 0 && !(*out = arena_array(mem, batch->erased_count, sizeof **out)))
        return vault_fail(err, VAULT_EXHAUSTED, "no room for erasures");
    for (size_t i = 0; i < batch->count; i++) {
        if (!is_erasure(&batch->lines[i])) continue;
        if (n == batch->erased_count) return vault_fail(err, VAULT_INTERNAL, "a line of an erasure without its link");
        erasure_row *link = &(*out)[n];
        *link = (erasure_row){.number = to->erased + 1, .resident = batch->erased[n], .line = batch->lines[i].index};
        to->erasure = erasure_link(&to->erasure, link);
        to->erased++;
        n++;
    }
    if (n == batch->erased_count) return VAULT_OK;
    return vault_fail(err, VAULT_INTERNAL, "an erasure without its line");
}

/* ---- walking the table ---- */

/* Goes over the links in order, and proves that they are one chain. */
typedef struct chain {
    store *s;
    int64_t number; /* links gone over */
    digest link;    /* the last one */
    int64_t end;    /* of the head */
    erasure_row rows[512];
    size_t count, at; /* of `rows` */
    erasure_row row;  /* at hand */
} chain;

static vault_code gap(int64_t number, vault_error *err)
{
    return vault_fail(err, VAULT_INTEGRITY, "erasure %lld is missing, or there are more than the log's head says",
                      (long long)number);
}

/* False at the end. */
static vault_code chain_next(chain *c, bool *more, vault_error *err)
{
    *more = false;
    if (c->number == c->end) return VAULT_OK;
    if (c->at == c->count) {
        c->count = sizeof c->rows / sizeof *c->rows;
        c->at = 0;
        VAULT_TRY(store_erasures_read(c->s, c->number + 1, c->rows, &c->count, err));
        if (c->count == 0) return gap(c->number + 1, err);
    }
    c->row = c->rows[c->at++];
    if (c->row.number != c->number + 1) return gap(c->number + 1, err);
    c->link = erasure_link(&c->link, &c->row);
    c->number++;
    *more = true;
    return VAULT_OK;
}

static vault_code chain_must_end(const chain *c, const head_row *head, vault_error *err)
{
    erasure_row beyond;
    size_t one = 1;
    VAULT_TRY(store_erasures_read(c->s, c->end + 1, &beyond, &one, err));
    if (one > 0) return gap(beyond.number, err);
    if (bytes_same(digest_bytes(&c->link), digest_bytes(&head->erasure))) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the table of erasures is not the one that the log's head names");
}

/* ---- the file ---- */

enum { ERASURE_LINE_MAX = 3 * 20 + 2 * DIGEST_LEN + 8 };

static const char *file_path(char out[PATH_MAX], const char *checkpoint_file)
{
    int len = snprintf(out, PATH_MAX, "%s.erasures", checkpoint_file);
    return len > 0 && len < PATH_MAX ? out : NULL;
}

static size_t write_line(char out[ERASURE_LINE_MAX], const erasure_row *row, const digest *link)
{
    char hex[2 * DIGEST_LEN + 1];
    hex_encode(hex, digest_bytes(link));
    return (size_t)snprintf(out, ERASURE_LINE_MAX, "%lld %lld %lld %s\n", (long long)row->number,
                            (long long)row->resident, (long long)row->line, hex);
}

static vault_code file_failed(const char *verb, vault_error *err)
{
    return vault_fail(err, VAULT_UNAVAILABLE, "the file of erasures cannot be %s: %s", verb, strerrordesc_np(errno));
}

static void close_file(FILE **f)
{
    if (*f) fclose(*f);
}

/* Shared by nodes that keep the same file: locked while it is open. */
static vault_code open_file(FILE **out, const char *checkpoint_file, const char *mode, vault_error *err)
{
    char path[PATH_MAX];
    if (!file_path(path, checkpoint_file))
        return vault_fail(err, VAULT_INVALID, "the checkpoint file has too long a name");
    int flags = mode[0] == 'r' && mode[1] == '\0' ? O_RDONLY : O_RDWR | O_CREAT;
    int fd = open(path, flags | O_CLOEXEC, 0600);
    *out = NULL;
    if (fd < 0 && errno == ENOENT) return VAULT_OK;
    if (fd < 0) return file_failed("opened", err);
    bool good = flock(fd, flags == O_RDONLY ? LOCK_SH : LOCK_EX) == 0 && (*out = fdopen(fd, mode));
    if (good) return VAULT_OK;
    (void)file_failed("locked", err);
    close(fd);
    return VAULT_UNAVAILABLE;
}

/* The next whole line; false at the end, or where a line was only begun: that link was never kept. */
static bool read_line(FILE *f, char out[ERASURE_LINE_MAX])
{
    return fgets(out, ERASURE_LINE_MAX, f) && strchr(out, '\n');
}

/* In step: where both have a link they must have the same. The file has no more than the table, which would be of an
 * older database. */
static vault_code compare(chain *c, FILE *f, vault_error *err)
{
    char mine[ERASURE_LINE_MAX], there[ERASURE_LINE_MAX];
    bool more = true, kept = f != NULL;
    while (more) {
        VAULT_TRY(chain_next(c, &more, err));
        kept = kept && read_line(f, there);
        if (kept && !more)
            return vault_fail(err, VAULT_INTEGRITY,
                              "the file of erasures has more than the %lld of the database: an older one was put back",
                              (long long)c->number);
        if (more) (void)write_line(mine, &c->row, &c->link);
        if (kept && strcmp(mine, there) != 0)
            return vault_fail(err, VAULT_INTEGRITY, "erasure %lld stands otherwise in the file of erasures",
                              (long long)c->number);
    }
    return VAULT_OK;
}

static vault_code check_in_snapshot(ledger *l, store *s, FILE *f, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(l, s, &head, err));
    chain c = {.s = s, .end = head.erased};
    VAULT_TRY(compare(&c, f, err));
    VAULT_TRY(chain_must_end(&c, &head, err));
    return VAULT_OK;
}

/* The lock on the file keeps other nodes from adding to it what this snapshot does not see. */
vault_code ledger_check_erasures(ledger *l, store *s, const char *checkpoint_file, vault_error *err)
{
    VAULT_CLEANUP(close_file) FILE *f = NULL;
    if (checkpoint_file) VAULT_TRY(open_file(&f, checkpoint_file, "r", err));
    VAULT_TRY(store_begin_snapshot(s, err));
    vault_code code = check_in_snapshot(l, s, f, err);
    store_rollback(s);
    return code;
}

/* ---- what an older database lacks ---- */

/* All whole lines, each of which must follow from the one before. */
static vault_code read_kept(FILE *f, arena *mem, erasure_row **rows, size_t *count, vault_error *err)
{
    char text[ERASURE_LINE_MAX], again[ERASURE_LINE_MAX];
    digest link = {0};
    size_t most = 0;
    while (read_line(f, text)) most++;
    rewind(f);
    *count = 0;
    *rows = arena_array(mem, most + 1, sizeof **rows);
    if (!*rows) return vault_fail(err, VAULT_EXHAUSTED, "no memory for %zu erasures", most);
    while (*count < most && read_line(f, text)) {
        erasure_row *row = &(*rows)[(*count)++];
        char *at = text;
        row->number = strtoll(at, &at, 10);
        row->resident = strtoll(at, &at, 10);
        row->line = strtoll(at, &at, 10);
        link = erasure_link(&link, row);
        (void)write_line(again, row, &link);
        if (row->number != (int64_t)*count || strcmp(text, again) != 0)
            return vault_fail(err, VAULT_INTEGRITY, "line %zu of the file of erasures is no link of its chain", *count);
    }
    return VAULT_OK;
}

static bool same_link(const erasure_row *a, const erasure_row *b)
{
    return a->number == b->number && a->resident == b->resident && a->line == b->line;
}

/* How many links the table and the file have in common, from the first one on. */
static vault_code common_links(store *s, const erasure_row *kept, size_t count, size_t *common, vault_error *err)
{
    erasure_row rows[512];
    for (*common = 0; *common < count;) {
        size_t n = sizeof rows / sizeof *rows, i = 0;
        VAULT_TRY(store_erasures_read(s, (int64_t)*common + 1, rows, &n, err));
        while (i < n && *common < count && same_link(&rows[i], &kept[*common])) i++, ++*common;
        if (i < n || n == 0) return VAULT_OK;
    }
    return VAULT_OK;
}

vault_code ledger_lost_erasures(store *s, const char *checkpoint_file, arena *mem, int64_t **ids, size_t *count,
                                vault_error *err)
{
    VAULT_CLEANUP(close_file) FILE *f = NULL;
    erasure_row *kept = NULL;
    size_t all = 0, common;
    VAULT_TRY(open_file(&f, checkpoint_file, "r", err));
    if (f) VAULT_TRY(read_kept(f, mem, &kept, &all, err));
    VAULT_TRY(common_links(s, kept, all, &common, err));
    *ids = arena_array(mem, all - common + 1, sizeof **ids);
    if (!*ids) return vault_fail(err, VAULT_EXHAUSTED, "no memory for erasures");
    *count = all - common;
    for (size_t i = common; i < all; i++) (*ids)[i - common] = kept[i].resident;
    return VAULT_OK;
}

/* ---- keeping ---- */

/* After the last whole line, whose number it is; a line that was only begun is written over. */
static vault_code find_end(FILE *f, int64_t *number, char last[ERASURE_LINE_MAX], vault_error *err)
{
    char text[2 * ERASURE_LINE_MAX + 1];
    *number = 0;
    last[0] = '\0';
    if (fseeko(f, 0, SEEK_END) != 0) return file_failed("read", err);
    off_t size = ftello(f), from = size > 2 * ERASURE_LINE_MAX ? size - 2 * ERASURE_LINE_MAX : 0;
    if (size < 0 || fseeko(f, from, SEEK_SET) != 0) return file_failed("read", err);
    size_t len = fread(text, 1, (size_t)(size - from), f);
    while (len > 0 && text[len - 1] != '\n') len--;
    text[len] = '\0';
    off_t end = from + (off_t)len;
    if (len > 0) text[len - 1] = '\0';
    const char *begin = strrchr(text, '\n');
    begin = begin ? begin + 1 : text;
    if (len > 0 && strlen(begin) < ERASURE_LINE_MAX - 1) snprintf(last, ERASURE_LINE_MAX, "%s\n", begin);
    *number = strtoll(last, NULL, 10);
    bool ends_in_one = *number > 0 || (len == 0 && from == 0);
    if (!ends_in_one) return vault_fail(err, VAULT_INTEGRITY, "the file of erasures ends in no erasure");
    if (ftruncate(fileno(f), end) != 0 || fseeko(f, end, SEEK_SET) != 0) return file_failed("written", err);
    return VAULT_OK;
}

/* What lies behind the file's last line, which must be a link of the chain. */
static vault_code add_lines(chain *c, FILE *f, int64_t have, const char *last, vault_error *err)
{
    char mine[ERASURE_LINE_MAX];
    for (bool more = true; more;) {
        VAULT_TRY(chain_next(c, &more, err));
        if (!more) break;
        size_t len = write_line(mine, &c->row, &c->link);
        if (c->number == have && strcmp(mine, last) != 0)
            return vault_fail(err, VAULT_INTEGRITY, "erasure %lld stands otherwise in the file of erasures",
                              (long long)have);
        if (c->number > have && fwrite(mine, 1, len, f) != len) return file_failed("written", err);
    }
    return fflush(f) == 0 && fsync(fileno(f)) == 0 ? VAULT_OK : file_failed("written", err);
}

vault_code erasures_keep(ledger *l, store *s, const char *checkpoint_file, const head_row *head, vault_error *err)
{
    VAULT_CLEANUP(close_file) FILE *f = NULL;
    char last[ERASURE_LINE_MAX];
    int64_t have = 0;
    if (!checkpoint_file || head->erased <= l->kept.number) return VAULT_OK;
    VAULT_TRY(open_file(&f, checkpoint_file, "r+", err));
    if (!f) return file_failed("made", err);
    VAULT_TRY(find_end(f, &have, last, err));
    if (have > head->erased) return VAULT_OK; /* another node's, of a later head */
    chain c = {.s = s, .end = head->erased};
    if (have >= l->kept.number) c.number = l->kept.number, c.link = l->kept.link;
    VAULT_TRY(add_lines(&c, f, have, last, err));
    if (!bytes_same(digest_bytes(&c.link), digest_bytes(&head->erasure)))
        return vault_fail(err, VAULT_INTEGRITY, "the table of erasures is not the one that the log's head names");
    l->kept = (kept_erasures){c.number, c.link};
    return VAULT_OK;
}

vault_code ledger_keep_erasures(ledger *l, store *s, const char *checkpoint_file, vault_error *err)
{
    head_row head;
    VAULT_TRY(ledger_head(l, s, &head, err));
    return erasures_keep(l, s, checkpoint_file, &head, err);
}
