/* audit export: the log, or a part of it, as files for strangers. */
#include "vault/cli/log_copy.h"
#include "vault/cli/tiles.h"

#include "vault/audit/lines_file.h"
#include "vault/audit/tree_proof.h"
#include "vault/base/memory.h"

#include <string.h>
#include <sys/stat.h>

/* ---- as tiles ---- */

typedef struct tile_copy {
    ctl *c;
    tile_folder folder;
    published_log wanted;
    merkle_tree old; /* what the folder's checkpoint says; size 0: it has none */
    tile_edge *edge; /* of what is copied so far */
    uint8_t *bundle; /* the entries right of the last full one */
    bool again;      /* what an interrupted export left is not used */
    int64_t reused;  /* lines of it */
    leaf_source from;
    copy_progress shown;
} tile_copy;

static ctl_exit failed(const vault_error *err)
{
    say_error(err);
    if (err->code == VAULT_NOT_FOUND) return CTL_INCOMPLETE;
    return err->code == VAULT_INTEGRITY ? CTL_TAMPERED : CTL_FAILED;
}

static vault_code put_in_folder(void *context, const tile_name *t, bytes content, vault_error *err)
{
    return tile_folder_put(context, t, content, err);
}

static vault_code drop_tile(void *context, const tile_name *t, bytes content, vault_error *err)
{
    (void)context, (void)t, (void)content, (void)err;
    return VAULT_OK;
}

static bool is_bundle(const uint8_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++, at += TILE_ENTRY_LEN)
        if (at[0] != 0 || at[1] != TILE_LEAF_LEN) return false;
    return true;
}

/* Adds the entries of the bundle from `have` up to `width` to the edge. */
static vault_code add_entries(tile_copy *t, size_t have, size_t width, const tile_sink *to, vault_error *err)
{
    for (size_t i = have; i < width; i++) {
        digest leaf = merkle_leaf(bytes_of(t->bundle + i * TILE_ENTRY_LEN + 2, TILE_LEAF_LEN));
        VAULT_TRY(tile_edge_add(t->edge, &leaf, to, err));
    }
    return VAULT_OK;
}

static vault_code not_there(const tile_copy *t, const tile_name *name, vault_error *err)
{
    char path[TILE_PATH_MAX];
    tile_path(path, name);
    return vault_fail(err, VAULT_NOT_FOUND,
                      "incomplete: %s is missing or has another length; remove the folder, and export anew: %s", path,
                      t->folder.path);
}

/* What the folder holds, as it was when its checkpoint was written: nothing on disk is believed that does not lead to
 * that root. */
static vault_code load_edge(tile_copy *t, vault_error *err)
{
    memset(t->edge, 0, sizeof *t->edge);
    t->edge->size = t->old.size - t->old.size % TILE_WIDTH;
    for (int level = 1; level < TILE_LEVELS && t->old.size > 0; level++) {
        size_t width = tile_edge_width(t->edge, level);
        if (width == 0) continue;
        const tile_name name = tile_at(level, tile_count(level, t->old.size) - 1, t->old.size);
        if (!tile_folder_read(&t->folder, &name, t->edge->at[level], width * sizeof(digest)))
            return not_there(t, &name, err);
    }
    if (t->old.size % TILE_WIDTH > 0) {
        const tile_name name = tile_at(TILE_ENTRIES, t->old.size / TILE_WIDTH, t->old.size);
        if (!tile_folder_read(&t->folder, &name, t->bundle, name.width * TILE_ENTRY_LEN))
            return not_there(t, &name, err);
        VAULT_TRY(add_entries(t, 0, name.width, &(tile_sink){drop_tile, NULL}, err));
    }
    merkle_tree tree = tile_edge_tree(t->edge);
    if (t->old.size == 0 || bytes_same(digest_bytes(&tree.root), digest_bytes(&t->old.root))) return VAULT_OK;
    return vault_fail(err, VAULT_INTEGRITY,
                      "%s: its files do not have the root of its checkpoint; remove it, and export anew",
                      t->folder.path);
}

static ctl_exit fetch_entries(tile_copy *t, size_t have, size_t width)
{
    for (size_t i = have; i < width; i++) {
        bytes leaf;
        ctl_exit end = leaf_source_at(&t->from, t->edge->size + (int64_t)(i - have), t->wanted.head.tree.size, &leaf);
        if (end != CTL_OK) return end;
        uint8_t *at = t->bundle + i * TILE_ENTRY_LEN;
        at[0] = 0;
        at[1] = TILE_LEAF_LEN;
        memcpy(at + 2, leaf.at, leaf.len);
    }
    return CTL_OK;
}

/* The bundle that the edge stands in, up to its end or to that of the log. */
static ctl_exit copy_bundle(tile_copy *t)
{
    vault_error err = {0};
    size_t have = (size_t)(t->edge->size % TILE_WIDTH);
    const tile_name name = tile_at(TILE_ENTRIES, t->edge->size / TILE_WIDTH, t->wanted.head.tree.size);
    bool left_over = !t->again && have == 0 && name.width == TILE_WIDTH &&
                     tile_folder_read(&t->folder, &name, t->bundle, TILE_BUNDLE_LEN) &&
                     is_bundle(t->bundle, TILE_WIDTH);
    if (left_over) {
        t->reused += TILE_WIDTH;
    } else {
        ctl_exit end = fetch_entries(t, have, name.width);
        if (end != CTL_OK) return end;
        if (tile_folder_put(&t->folder, &name, bytes_of(t->bundle, name.width * TILE_ENTRY_LEN), &err) != VAULT_OK)
            return failed(&err);
    }
    const tile_sink to = {put_in_folder, &t->folder};
    return add_entries(t, have, name.width, &to, &err) == VAULT_OK ? CTL_OK : failed(&err);
}

/* From what the folder holds up to the wanted size. TAMPERED: the root is another. */
static ctl_exit copy_lines(tile_copy *t)
{
    const merkle_tree *wanted = &t->wanted.head.tree;
    vault_error err = {0};
    if (load_edge(t, &err) != VAULT_OK) return failed(&err);
    t->reused = 0;
    t->shown = copy_progress_begin(t->c, t->edge->size, wanted->size);
    ctl_exit end = CTL_OK;
    while (end == CTL_OK && t->edge->size < wanted->size) {
        end = copy_bundle(t);
        copy_progress_say(&t->shown, t->edge->size);
    }
    copy_progress_end(&t->shown);
    if (end != CTL_OK) return end;
    merkle_tree tree = tile_edge_tree(t->edge);
    if (bytes_same(digest_bytes(&tree.root), digest_bytes(&wanted->root))) return CTL_OK;
    if (t->reused > 0) { /* of a crash, before anything was on disk */
        t->again = true;
        return copy_lines(t);
    }
    fprintf(stderr, "vaultctl: tampered: the lines that the vault gives do not have the root of its checkpoint%s\n",
            t->old.size > 0 ? ", or do not continue those that were exported before" : "");
    return CTL_TAMPERED;
}

/* ---- the folder's own checkpoint ---- */

static const char *checkpoint_path(tile_copy *t)
{
    return arena_format(t->c->mem, "%s/checkpoint", t->folder.path);
}

static ctl_exit read_old(tile_copy *t)
{
    vault_error err = {0};
    VAULT_CLEANUP(file_text_clear) file_text note = {0};
    bytes text;
    checkpoint old;
    vault_code code = file_read(&note.at, &note.len, checkpoint_path(t), NOTE_MAX, &err);
    if (code == VAULT_NOT_FOUND) return CTL_OK;
    if (code != VAULT_OK) return failed(&err);
    if (!note_unverified(&text, bytes_of(note.at, note.len)) || !checkpoint_parse(&old, text) ||
        !bytes_same(old.origin, t->wanted.head.origin)) {
        fprintf(stderr, "vaultctl: incomplete: %s/checkpoint is none of this log\n", t->folder.path);
        return CTL_INCOMPLETE;
    }
    t->old = old.tree;
    if (old.tree.size <= t->wanted.head.tree.size) return CTL_OK;
    if (t->c->options[OPT_COSIGNED]) { /* witnesses come after the publication: no reason to cry */
        fprintf(stderr, "vaultctl: witnesses have cosigned %lld lines, and %s has %lld: again later\n",
                (long long)t->wanted.head.tree.size, t->folder.path, (long long)old.tree.size);
        return CTL_UNAVAILABLE;
    }
    fprintf(stderr, "vaultctl: tampered: the log has %lld lines, and had %lld when it was exported before\n",
            (long long)t->wanted.head.tree.size, (long long)old.tree.size);
    return CTL_TAMPERED;
}

/* Last of all: until here the folder is what it was. */
static vault_code finish(tile_copy *t, vault_error *err)
{
    const char *path = checkpoint_path(t);
    VAULT_TRY(tile_edge_put(t->edge, &(tile_sink){put_in_folder, &t->folder}, err));
    VAULT_TRY(tile_folder_sync(&t->folder, err));
    VAULT_TRY(file_replace(path, bytes_of_text(t->wanted.note), err));
    if (chmod(path, 0644) != 0) return vault_fail(err, VAULT_UNAVAILABLE, "%s: cannot be made readable", path);
    tile_folder_drop(&t->folder, t->old.size, t->wanted.head.tree.size);
    return VAULT_OK;
}

static void show_tiles(const tile_copy *t)
{
    const merkle_tree *tree = &t->wanted.head.tree;
    char root[4 * ((DIGEST_LEN + 2) / 3) + 1];
    base64_encode(root, digest_bytes(&tree->root));
    if (t->c->options[OPT_JSON])
        print_json(json_pack("{s:s, s:I, s:s, s:I, s:I, s:b}", "folder", t->folder.path, "size", (json_int_t)tree->size,
                             "root", root, "fetched", (json_int_t)t->from.fetched, "reused", (json_int_t)t->reused,
                             "verified", t->wanted.verified));
    else
        printf("%s: %lld lines, root %s (%llu fetched now)\n", t->folder.path, (long long)tree->size, root,
               (unsigned long long)t->from.fetched);
    if (!t->wanted.verified)
        fputs("vaultctl: whose checkpoint it is was not checked (--log-key; vault-verify log does it, too)\n", stderr);
}

static ctl_exit copy_tiles(tile_copy *t)
{
    vault_error err = {0};
    ctl_exit end = published_read(t->c, &t->wanted);
    if (end == CTL_OK) end = read_old(t);
    if (end == CTL_OK) end = copy_lines(t);
    if (end != CTL_OK) return end;
    if (finish(t, &err) != VAULT_OK) return failed(&err);
    show_tiles(t);
    return CTL_OK;
}

static ctl_exit export_tiles(ctl *c)
{
    vault_error err = {0};
    tile_copy t = {.c = c, .from = {.c = c}};
    if (c->count > 0) return usage_error(c, "--tiles takes no further file");
    if (tile_folder_open(&t.folder, c->options[OPT_TILES], &err) != VAULT_OK) {
        tile_folder_close(&t.folder);
        return failed(&err);
    }
    t.edge = memory_new(sizeof *t.edge);
    t.bundle = memory_new(TILE_BUNDLE_LEN);
    ctl_exit end = copy_tiles(&t);
    leaf_source_clear(&t.from);
    memory_free(t.bundle, TILE_BUNDLE_LEN);
    memory_free(t.edge, sizeof *t.edge);
    tile_folder_close(&t.folder);
    return end;
}

ctl_exit run_audit_export(ctl *c)
{
    if (!c->options[OPT_TILES] == !c->options[OPT_RANGE])
        return usage_error(c, "--tiles DIR, or --range FIRST-LAST FILE");
    return c->options[OPT_TILES] ? export_tiles(c) : export_range(c);
}
