/* Files of archived lines, looked into: each was read once as a whole, and is from then on read line by line. */
#include "vault/audit/shelf.h"

#include "vault/base/log.h"
#include "vault/base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VOLUMES = 8, HASH_BLOCK = 1 << 16, LINES_MOST = 1 << 20 };

struct volume {
    volume *next;
    unsigned holders;
    uint64_t used; /* turn */
    char file[ARCHIVE_NAME_ROOM];
    digest sha256;
    int64_t first, count;
    FILE *from;
    uint64_t *offsets; /* count + 1, of the lines in the file */
    int64_t *resident_tags, *person_tags;
};

struct shelf {
    char *folder;
    pthread_mutex_t lock;
    volume *volumes;
    size_t count;
    uint64_t turn;
    bool away; /* one was missing when it was looked for last: told once */
};

/* ---- the folder ---- */

vault_code shelf_open(shelf **out, const char *folder, vault_error *err)
{
    struct stat about;
    if (folder && (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode)))
        return vault_fail(err, VAULT_INVALID, "there is no archive folder %s", folder);
    shelf *s = memory_new(sizeof *s);
    s->folder = memory_text(folder);
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return VAULT_OK;
}

static void volume_free(volume *v)
{
    size_t count = (size_t)v->count;
    if (v->from) fclose(v->from);
    memory_free(v->offsets, (count + 1) * sizeof *v->offsets);
    memory_free(v->resident_tags, count * sizeof *v->resident_tags);
    memory_free(v->person_tags, count * sizeof *v->person_tags);
    memory_free(v, sizeof *v);
}

static void volume_clear(volume **v)
{
    if (*v) volume_free(*v);
    *v = NULL;
}

void shelf_close(shelf **at)
{
    shelf *s = *at;
    if (!s) return;
    while (s->volumes) {
        volume *v = s->volumes;
        s->volumes = v->next;
        volume_free(v);
    }
    pthread_mutex_destroy(&s->lock);
    if (s->folder) memory_free(s->folder, strlen(s->folder) + 1);
    memory_free(s, sizeof *s);
    *at = NULL;
}

const char *shelf_folder(const shelf *s)
{
    return s ? s->folder : NULL;
}

/* What the table says is a name alone, never a path. */
static bool name_fits(const char *file)
{
    size_t len = strlen(file), plain = strspn(file, "0123456789-.v");
    return len < ARCHIVE_NAME_ROOM && file[0] >= '0' && file[0] <= '9' && strcmp(file + plain, "lines") == 0 &&
           !strstr(file, "..");
}

bool shelf_path(char out[ARCHIVE_PATH_ROOM], const shelf *s, const char *file)
{
    return shelf_folder(s) && name_fits(file) &&
           snprintf(out, ARCHIVE_PATH_ROOM, "%s/%s", s->folder, file) < ARCHIVE_PATH_ROOM;
}

bool shelf_has(const shelf *s, const archive_row *row)
{
    char path[ARCHIVE_PATH_ROOM];
    struct stat about;
    return shelf_path(path, s, row->file) && stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
           about.st_size == row->size;
}

void archive_remove(const shelf *from, const char *file)
{
    char path[ARCHIVE_PATH_ROOM];
    if (shelf_path(path, from, file)) (void)unlink(path);
}

const char *archive_name(arena *mem, const archive_row *row)
{
    return arena_format(mem, "archives/%lld-%lld", (long long)row->first, (long long)(row->first + row->count - 1));
}

/* ---- a file as a whole ---- */

static vault_code fail_away(shelf *s, const archive_row *row, vault_error *err)
{
    char name[ARCHIVE_NAME_ROOM];
    snprintf(name, sizeof name, "archives/%lld-%lld", (long long)row->first, (long long)(row->first + row->count - 1));
    if (s && !s->away) log_event(LOG_WARN, "archive.away", "%s: its file %.60s is not at hand", name, row->file);
    if (s) s->away = true;
    return vault_refuse(err, VAULT_UNAVAILABLE, "ARCHIVE_AWAY", name);
}

static vault_code fail_damaged(const archive_row *row, vault_error *err)
{
    return vault_fail(err, VAULT_INTEGRITY, "the file %.60s is not the one that was written", row->file);
}

vault_code file_digest(FILE *from, digest *out, int64_t *size, vault_error *err)
{
    uint8_t block[HASH_BLOCK];
    digest_stream sum;
    size_t got;
    digest_begin(&sum);
    *size = 0;
    while ((got = fread(block, 1, sizeof block, from)) > 0) {
        digest_add(&sum, bytes_of(block, got));
        *size += (int64_t)got;
    }
    *out = digest_end(&sum);
    if (ferror(from)) return vault_fail(err, VAULT_UNAVAILABLE, "a file of lines cannot be read");
    rewind(from);
    return VAULT_OK;
}

static vault_code check_file(const volume *v, const archive_row *row, vault_error *err)
{
    digest found;
    int64_t size;
    VAULT_TRY(file_digest(v->from, &found, &size, err));
    if (size == row->size && bytes_same(digest_bytes(&found), digest_bytes(&row->sha256))) return VAULT_OK;
    return fail_damaged(row, err);
}

static size_t length_of(const lines_file_line *l)
{
    return l->leaf.len + l->nodes.len + l->officer.len + l->resident.len + 3 * 2 + 2 * 8;
}

/* The places of the lines are counted from the end: how long the head is, only the file knows. */
static vault_code list_lines(volume *v, lines_file *f, const archive_row *row, vault_error *err)
{
    lines_file_line one;
    uint64_t total = 0;
    for (int64_t i = 0; i < v->count; i++) {
        vault_code code = lines_file_next(&one, f, err);
        if (code == VAULT_INVALID) vault_error_clear(err);
        if (code == VAULT_INVALID) return fail_damaged(row, err);
        VAULT_TRY(code);
        v->offsets[i] = total;
        v->resident_tags[i] = one.resident_tag;
        v->person_tags[i] = one.person_tag;
        total += length_of(&one);
    }
    if (!lines_file_whole(f) || total > (uint64_t)row->size) return fail_damaged(row, err);
    v->offsets[v->count] = total;
    for (int64_t i = 0; i <= v->count; i++) v->offsets[i] += (uint64_t)row->size - total;
    return VAULT_OK;
}

static vault_code list(volume *v, const archive_row *row, vault_error *err)
{
    VAULT_CLEANUP(lines_file_close) lines_file *f = NULL;
    vault_code code = lines_file_open(&f, v->from, err);
    if (code == VAULT_INVALID) vault_error_clear(err);
    if (code == VAULT_INVALID) return fail_damaged(row, err);
    VAULT_TRY(code);
    const lines_file_head *head = lines_file_head_of(f);
    bool fits = head->archive && head->first == row->first && head->count == row->count;
    if (!fits || row->count > LINES_MOST) return fail_damaged(row, err);
    v->first = row->first;
    v->count = row->count;
    v->offsets = memory_array((size_t)v->count + 1, sizeof *v->offsets);
    v->resident_tags = memory_array((size_t)v->count, sizeof *v->resident_tags);
    v->person_tags = memory_array((size_t)v->count, sizeof *v->person_tags);
    return list_lines(v, f, row, err);
}

static vault_code load(volume **out, shelf *s, const archive_row *row, vault_error *err)
{
    char path[ARCHIVE_PATH_ROOM];
    VAULT_CLEANUP(volume_clear) volume *v = memory_new(sizeof *v);
    if (!shelf_path(path, s, row->file) || !(v->from = fopen(path, "re"))) return fail_away(s, row, err);
    s->away = false;
    VAULT_TRY(check_file(v, row, err));
    VAULT_TRY(list(v, row, err));
    snprintf(v->file, sizeof v->file, "%s", row->file);
    v->sha256 = row->sha256;
    *out = v;
    v = NULL;
    return VAULT_OK;
}

/* ---- what was looked into ---- */

static bool is_of(const volume *v, const archive_row *row)
{
    return v->first == row->first && v->count == row->count && strcmp(v->file, row->file) == 0 &&
           bytes_same(digest_bytes(&v->sha256), digest_bytes(&row->sha256));
}

/* The one that nobody holds and that was wanted longest ago. */
static void make_place(shelf *s)
{
    volume **oldest = NULL;
    for (volume **at = &s->volumes; *at; at = &(*at)->next)
        if ((*at)->holders == 0 && (!oldest || (*at)->used < (*oldest)->used)) oldest = at;
    if (s->count < VOLUMES || !oldest) return;
    volume *v = *oldest;
    *oldest = v->next;
    s->count--;
    volume_free(v);
}

static vault_code take(volume **out, shelf *s, const archive_row *row, vault_error *err)
{
    volume *v = s->volumes;
    while (v && !is_of(v, row)) v = v->next;
    if (!v) {
        VAULT_TRY(load(&v, s, row, err));
        make_place(s);
        v->next = s->volumes;
        s->volumes = v;
        s->count++;
    }
    v->holders++;
    v->used = ++s->turn;
    *out = v;
    return VAULT_OK;
}

vault_code shelf_take(volume **out, shelf *s, const archive_row *row, vault_error *err)
{
    if (!s) return fail_away(s, row, err);
    pthread_mutex_lock(&s->lock);
    vault_code code = take(out, s, row, err);
    pthread_mutex_unlock(&s->lock);
    return code;
}

void shelf_return(shelf *s, volume **v)
{
    if (!*v) return;
    pthread_mutex_lock(&s->lock);
    (*v)->holders--;
    pthread_mutex_unlock(&s->lock);
    *v = NULL;
}

/* ---- its lines ---- */

int64_t volume_first(const volume *v)
{
    return v->first;
}

bool volume_has(const volume *v, int64_t index)
{
    return index >= v->first && index - v->first < v->count;
}

vault_code volume_line(line_row *out, const volume *v, arena *mem, int64_t index, vault_error *err)
{
    const uint64_t *at = &v->offsets[index - v->first];
    size_t len = (size_t)(at[1] - at[0]);
    uint8_t *copy = arena_alloc(mem, len);
    if (!copy) return vault_fail(err, VAULT_EXHAUSTED, "no room for archived lines");
    if (pread(fileno(v->from), copy, len, (off_t)at[0]) != (ssize_t)len)
        return vault_fail(err, VAULT_UNAVAILABLE, "the file %s cannot be read", v->file);
    reader r = reader_over(bytes_of(copy, len));
    *out = (line_row){.found = true, .archived = true, .index = index, .leaf = get_bytes(&r, LINES_FILE_LEAF_LEN)};
    out->nodes = get_sized(&r);
    out->officer = get_sized(&r);
    out->resident = get_sized(&r);
    out->resident_tag = (int64_t)get_u64(&r);
    out->person_tag = (int64_t)get_u64(&r);
    if (reader_done(&r)) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY, "the file %s was changed while it was read", v->file);
}

const int64_t *volume_tags(const volume *v, line_key key)
{
    return key == LINE_PERSON ? v->person_tags : v->resident_tags;
}
