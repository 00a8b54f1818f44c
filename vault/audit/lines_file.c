/* Files of lines, read as a stranger reads them: front to back, once, in blocks, with nothing believed that is not
 * counted. What the head says is for the caller to prove. */
#include "vault/audit/lines_file.h"

#include "vault/audit/note_parts.h"
#include "vault/base/memory.h"

#include <string.h>

static const char MAGIC[] = "resident-vault/lines-1 ";
enum {
    MAGIC_LEN = sizeof MAGIC - 1,
    FIRST_LINE_MAX = 64,
    SIZED_PARTS = 3, /* nodes, officer, resident */
    TAGS_LEN = 16,
    LINE_MAX = LINES_FILE_LEAF_LEN + SIZED_PARTS * (2 + LINES_FILE_PARTS_MAX) + TAGS_LEN,
    BLOCK = 1 << 18, /* more than a line */
    BASE64_DIGEST = 44,
    LENGTH_DIGITS = 16
};

struct lines_file {
    FILE *from;
    arena *mem; /* the head */
    lines_file_head head;
    int64_t read; /* lines */
    lines_body body;
    uint8_t *block; /* at[next, end) is read, digested, and not yet given out */
    size_t next, end;
    bool ended; /* the digest was taken */
};

/* ---- the head ---- */

/* Decimal, canonical, at most `most`. */
static bool read_number(int64_t *out, bytes text, int64_t most)
{
    *out = 0;
    if (text.len == 0 || text.len > 19 || (text.at[0] == '0' && text.len > 1)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        int64_t digit = text.at[i] - '0';
        if (digit > most || *out > (most - digit) / 10) return false;
        *out = *out * 10 + digit;
    }
    return true;
}

static bool starts_with(bytes *text, const char *word)
{
    bytes start = bytes_of_text(word);
    if (text->len < start.len || memcmp(text->at, start.at, start.len) != 0) return false;
    *text = bytes_of(text->at + start.len, text->len - start.len);
    return true;
}

/* "lines FIRST COUNT archive" */
static bool read_lines(lines_file_head *out, bytes line)
{
    bytes first, count;
    if (!starts_with(&line, "lines ") || !note_cut(&first, &line, ' ') || !note_cut(&count, &line, ' ')) return false;
    out->archive = bytes_same(line, bytes_of_text("archive"));
    return (out->archive || bytes_same(line, bytes_of_text("range"))) &&
           read_number(&out->first, first, MERKLE_SIZE_MAX) &&
           read_number(&out->count, count, MERKLE_SIZE_MAX - out->first) && out->count > 0;
}

/* "bytes 0000000000000074": of leaves alone there is but one length. */
static bool read_length(lines_file_head *out, bytes line)
{
    out->bytes = 0;
    if (!starts_with(&line, "bytes ") || line.len != LENGTH_DIGITS) return false;
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] < '0' || line.at[i] > '9') return false;
        out->bytes = out->bytes * 10 + (line.at[i] - '0');
    }
    return out->archive || (out->bytes % LINES_FILE_LEAF_LEN == 0 && out->bytes / LINES_FILE_LEAF_LEN == out->count);
}

static bool read_path(lines_file_head *out, arena *mem, bytes text)
{
    digest *path = arena_array(mem, MERKLE_PATH_MAX, sizeof *path);
    bytes line;
    size_t len = 0;
    for (; path && text.len > 0; len++) {
        if (len == MERKLE_PATH_MAX || !note_cut(&line, &text, '\n') || !note_read_hash(&path[len], line)) return false;
    }
    out->path = (merkle_path){.at = path, .len = len};
    return path != NULL;
}

static bool printable(bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < ' ' && text.at[i] != '\n') return false;
    }
    return true;
}

static bool read_text(lines_file_head *out, arena *mem, bytes text)
{
    bytes origin, lines, length, body;
    if (!printable(text) || !note_cut(&origin, &text, '\n') || !note_cut(&lines, &text, '\n') ||
        !note_cut(&length, &text, '\n') || !note_cut(&body, &text, '\n'))
        return false;
    out->origin = arena_text(mem, origin);
    return origin.len > 0 && out->origin && read_lines(out, lines) && read_length(out, length) &&
           note_read_hash(&out->body, body) && read_path(out, mem, text);
}

/* The first line, without the magic: two lengths. */
static bool read_lengths(FILE *from, int64_t *note, int64_t *tree)
{
    char line[FIRST_LINE_MAX];
    bytes rest, first;
    size_t len = 0;
    int c = 0;
    while (len < sizeof line && (c = getc(from)) != EOF) {
        line[len++] = (char)c;
        if (c == '\n') break;
    }
    rest = bytes_of(line, len);
    if (c != '\n' || !starts_with(&rest, MAGIC) || !note_cut(&first, &rest, ' ')) return false;
    rest.len--;
    return read_number(note, first, NOTE_MAX) && read_number(tree, rest, NOTE_MAX);
}

static bool read_part(bytes *out, lines_file *f, int64_t len)
{
    uint8_t *at = arena_alloc(f->mem, (size_t)len + 1);
    *out = bytes_of(at, (size_t)len);
    return at && fread(at, 1, out->len, f->from) == out->len;
}

static bool read_head(lines_file *f)
{
    int64_t note, tree;
    bytes text;
    if (!read_lengths(f->from, &note, &tree) || !read_part(&f->head.note, f, note) ||
        !read_part(&f->head.checkpoint, f, tree))
        return false;
    if (!note_unverified(&text, f->head.note)) text = f->head.note;
    return read_text(&f->head, f->mem, text);
}

vault_code lines_file_open(lines_file **out, FILE *from, vault_error *err)
{
    VAULT_CLEANUP(lines_file_close) lines_file *f = memory_new(sizeof *f);
    f->from = from;
    f->mem = arena_new(4 * LINES_FILE_HEADER_MAX);
    f->block = memory_new(BLOCK);
    lines_body_begin(&f->body);
    if (!f->mem || !read_head(f)) return vault_fail(err, VAULT_INVALID, "not a file of lines: its head is malformed");
    *out = f;
    f = NULL;
    return VAULT_OK;
}

const lines_file_head *lines_file_head_of(const lines_file *f)
{
    return &f->head;
}

void lines_file_close(lines_file **f)
{
    if (!*f) return;
    arena_free(&(*f)->mem);
    memory_free((*f)->block, BLOCK);
    memory_free(*f, sizeof **f);
    *f = NULL;
}

/* ---- the body ---- */

void lines_body_begin(lines_body *b)
{
    digest_begin(&b->sum);
    b->bytes = 0;
}

void lines_body_end(lines_file_head *head, lines_body *b)
{
    head->body = digest_end(&b->sum);
    head->bytes = b->bytes;
}

static void add(lines_body *b, bytes more)
{
    digest_add(&b->sum, more);
    b->bytes += (int64_t)more.len;
}

/* Until `need` bytes are at hand, which is fewer than a block. */
static bool at_hand(lines_file *f, size_t need)
{
    if (f->end - f->next >= need) return true;
    memmove(f->block, f->block + f->next, f->end - f->next);
    f->end -= f->next;
    f->next = 0;
    while (f->end < need) {
        size_t got = fread(f->block + f->end, 1, BLOCK - f->end, f->from);
        if (got == 0) return false;
        add(&f->body, bytes_of(f->block + f->end, got));
        f->end += got;
    }
    return true;
}

static bool read_line(lines_file_line *out, lines_file *f, size_t most)
{
    size_t there = f->end - f->next;
    reader r = reader_over(bytes_of(f->block + f->next, there < most ? there : most));
    *out = (lines_file_line){.leaf = get_bytes(&r, LINES_FILE_LEAF_LEN)};
    if (f->head.archive) {
        out->nodes = get_sized(&r);
        out->officer = get_sized(&r);
        out->resident = get_sized(&r);
        out->resident_tag = (int64_t)get_u64(&r);
        out->person_tag = (int64_t)get_u64(&r);
    }
    if (r.short_) return false;
    f->next = (size_t)(r.rest.at - f->block);
    f->read++;
    return true;
}

vault_code lines_file_next(lines_file_line *out, lines_file *f, vault_error *err)
{
    size_t most = f->head.archive ? LINE_MAX : LINES_FILE_LEAF_LEN;
    if (f->read == f->head.count) return vault_fail(err, VAULT_NOT_FOUND, "no line after the last one");
    at_hand(f, most); /* the last ones may be shorter than the longest is */
    if (read_line(out, f, most)) return VAULT_OK;
    if (ferror(f->from)) return vault_fail(err, VAULT_UNAVAILABLE, "the file cannot be read");
    return vault_fail(err, VAULT_INVALID, "the file ends within line %lld", (long long)(f->head.first + f->read));
}

bool lines_file_whole(lines_file *f)
{
    if (f->ended || f->read < f->head.count || at_hand(f, 1) || ferror(f->from)) return false;
    f->ended = true;
    lines_file_head read;
    lines_body_end(&read, &f->body);
    return read.bytes == f->head.bytes && bytes_same(digest_bytes(&read.body), digest_bytes(&f->head.body));
}

bool lines_file_cut(lines_file *f)
{
    while (at_hand(f, 1)) f->next = f->end;
    return f->body.bytes < f->head.bytes;
}

/* ---- writing ---- */

vault_code lines_file_text(const char **out, arena *mem, const lines_file_head *head, vault_error *err)
{
    size_t room = strlen(head->origin) + 2 * FIRST_LINE_MAX + (head->path.len + 1) * (BASE64_DIGEST + 1) + 1;
    char *text = arena_alloc(mem, room), base64[BASE64_DIGEST + 1];
    if (!text) return vault_fail(err, VAULT_EXHAUSTED, "no room for the note of a file of lines");
    base64_encode(base64, digest_bytes(&head->body));
    int len = snprintf(text, room, "%s\nlines %lld %lld %s\nbytes %0*lld\n%s\n", head->origin, (long long)head->first,
                       (long long)head->count, head->archive ? "archive" : "range", LENGTH_DIGITS,
                       (long long)head->bytes, base64);
    for (size_t i = 0; i < head->path.len; i++) {
        base64_encode(base64, digest_bytes(&head->path.at[i]));
        len += snprintf(text + len, room - (size_t)len, "%s\n", base64);
    }
    *out = text;
    return VAULT_OK;
}

vault_code lines_file_front(bytes *out, arena *mem, bytes note, bytes tree, vault_error *err)
{
    if (note.len > NOTE_MAX || tree.len > NOTE_MAX)
        return vault_fail(err, VAULT_INVALID, "a note of %zu bytes and a checkpoint of %zu for a file of lines",
                          note.len, tree.len);
    const char *front = arena_format(mem, "%s%zu %zu\n%.*s%.*s", MAGIC, note.len, tree.len, (int)note.len,
                                     (const char *)note.at, (int)tree.len, (const char *)tree.at);
    if (!front) return vault_fail(err, VAULT_EXHAUSTED, "no room for the head of a file of lines");
    *out = bytes_of_text(front);
    return VAULT_OK;
}

vault_code lines_file_put(FILE *to, lines_body *body, const lines_file_line *line, bool archive, vault_error *err)
{
    uint8_t sizes[SIZED_PARTS][2], tags[TAGS_LEN];
    const bytes parts[] = {line->nodes, line->officer, line->resident};
    bytes pieces[2 + 2 * SIZED_PARTS] = {line->leaf};
    size_t count = 1;
    bool fits = line->leaf.len == LINES_FILE_LEAF_LEN;
    for (size_t i = 0; archive && i < SIZED_PARTS; i++) {
        writer w = writer_over(sizes[i], sizeof sizes[i]);
        fits = fits && parts[i].len <= LINES_FILE_PARTS_MAX;
        put_u16(&w, (uint16_t)parts[i].len);
        pieces[count++] = writer_bytes(&w);
        pieces[count++] = parts[i];
    }
    store_u64(tags, (uint64_t)line->resident_tag);
    store_u64(tags + 8, (uint64_t)line->person_tag);
    if (archive) pieces[count++] = bytes_of(tags, sizeof tags);
    if (!fits) return vault_fail(err, VAULT_INVALID, "a line with a part that does not fit into a file");
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len == 0) continue;
        if (fwrite(pieces[i].at, 1, pieces[i].len, to) != pieces[i].len)
            return vault_fail(err, VAULT_UNAVAILABLE, "a file of lines cannot be written");
        add(body, pieces[i]);
    }
    return VAULT_OK;
}
