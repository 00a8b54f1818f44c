/* vaultctl backup create, verify, restore. PostgreSQL's own tools copy, check and replay; vaultd says whether the root
 * key opens what comes out, on a private copy, before it takes any place. The root key is in no backup. */
#include "vault/cli/backup.h"

#include "vault/base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MOST = 64 << 10 };

/* A backup that is opened for a look. */
typedef struct opening {
    ctl *c;
    const char *backup;   /* folder of `create` */
    scratch copy;         /* of its data */
    const char *conninfo; /* of the copy, for vaultd */
    bool copied;          /* the copy is ours to take away */
    json_t *report;       /* what vaultd found */
} opening;

static bool run(ctl *c, const char *const *words, bool as_server)
{
    return program_run(c->mem, &(program){.words = words, .as_server = as_server}, NULL);
}

static ctl_exit failed(const char *path, const char *what)
{
    fprintf(stderr, "vaultctl: %s: %s\n", path, what);
    return CTL_INVALID;
}

static const char *data_of(ctl *c, const char *backup)
{
    const char *path = arena_format(c->mem, "%s/data", backup);
    if (!path) abort();
    return path;
}

/* Every file against the manifest that PostgreSQL made with the backup. */
static bool check_manifest(ctl *c, const char *data)
{
    const char *const words[] = {server_program(c->mem, "pg_verifybackup"), "-q", data, NULL};
    return run(c, words, true);
}

static void take_away(ctl *c, const char *path)
{
    const char *const words[] = {"rm", "-rf", "--", path, NULL};
    (void)run(c, words, false);
}

/* A folder relative to where we are: PostgreSQL's programs start in another one. */
static const char *absolute(ctl *c, const char *path)
{
    if (path[0] == '/') return path;
    char here[PATH_MAX];
    const char *out = getcwd(here, sizeof here) ? arena_format(c->mem, "%s/%s", here, path) : NULL;
    if (!out) abort();
    return out;
}

/* ---- create ---- */

/* Between two backups only an archive has what was written. */
static void warn_of_archive(ctl *c, const char *database)
{
    char *mode = NULL;
    const char *const words[] = {
        server_program(c->mem, "psql"), "-XAtqw", "-d", database, "-c", "show archive_mode", NULL};
    bool known = program_run(c->mem, &(program){.words = words, .as_server = true, .quiet = true}, &mode);
    if (known && strncmp(mode, "off", 3) != 0) return;
    fprintf(stderr,
            "vaultctl: archive_mode is off: unless pg_receivewal keeps the log, what is written after this backup "
            "is in none\n");
}

ctl_exit run_backup_create(ctl *c)
{
    const char *to = absolute(c, c->arguments[0]), *data = data_of(c, to), *database = c->options[OPT_DATABASE];
    uid_t user;
    gid_t group;
    if (!database) return usage_error(c, "--database is missing: a role that may replicate");
    (void)server_user(&user, &group);
    if (mkdir(to, 0700) != 0) return failed(to, errno == EEXIST ? "stands there already" : strerrordesc_np(errno));
    if (chown(to, user, group) != 0) return failed(to, strerrordesc_np(errno));
    const char *const copy[] = {
        server_program(c->mem, "pg_basebackup"), "-w", "-d", database, "-D", data, "-X", "stream", "-c", "fast",
        "--manifest-checksums=SHA256",           NULL};
    if (!run(c, copy, true) || !check_manifest(c, data)) {
        take_away(c, to);
        return CTL_FAILED;
    }
    warn_of_archive(c, database);
    printf("%s: made, and whole. The root key is not in it; backup verify shows whether yours opens it\n", to);
    return CTL_OK;
}

/* ---- a look into a copy ---- */

/* The config's database, but on the copy's socket: what is named last counts. */
static ctl_exit find_conninfo(opening *o)
{
    vault_error err = {0};
    VAULT_CLEANUP(json_clear) json_t *config = NULL;
    const char *path = o->c->options[OPT_CONFIG];
    struct stat there;
    if (!path) return usage_error(o->c, "--config is missing: that of vaultd, which names the root key");
    if (stat(data_of(o->c, o->backup), &there) != 0)
        return failed(o->backup, errno == ENOENT ? "no backup is there" : strerrordesc_np(errno));
    if (json_read_file(&config, path, &err) != VAULT_OK) return say_error(&err), CTL_INVALID;
    const char *database = json_string_value(json_object_get(config, "database"));
    if (!database || strstr(database, "://")) return failed(path, "\"database\" is no list of keyword=value");
    const json_t *key = json_object_get(config, "root_key");
    bool by_people = json_is_true(json_object_get(key, "passphrase")) || json_is_true(json_object_get(key, "shares"));
    if (by_people && !o->c->options[OPT_FILE])
        return usage_error(o->c, "--file is missing: of this config people hold the root key's passphrase or shares");
    o->conninfo = arena_text(o->c->mem, bytes_of_text(database));
    if (!o->conninfo) abort();
    return CTL_OK;
}

/* A key that is not there is missed before anything is copied. */
static ctl_exit check_config(const opening *o)
{
    char *dropped;
    const char *const words[] = {vaultd_program(o->c->mem), "--config", o->c->options[OPT_CONFIG], "--check-config",
                                 NULL};
    return program_run(o->c->mem, &(program){.words = words}, &dropped) ? CTL_OK : CTL_INVALID;
}

static ctl_exit copy_data(opening *o)
{
    const char *const words[] = {"cp", "-a", "--reflink=auto", "--", data_of(o->c, o->backup), o->copy.data, NULL};
    struct stat there;
    if (lstat(o->copy.data, &there) == 0)
        return failed(o->copy.data, "stands there already: of a run that was cut off?");
    if (!check_manifest(o->c, data_of(o->c, o->backup))) return CTL_TAMPERED;
    o->copied = true;
    return run(o->c, words, false) ? CTL_OK : CTL_FAILED;
}

/* What vaultd says where it refuses is on stderr already. */
static ctl_exit ask_vaultd(opening *o)
{
    ctl *c = o->c;
    char *said = NULL;
    vault_error err = {0};
    const char *database = arena_format(c->mem, "%s host=%s port=5432 hostaddr=''", o->conninfo, o->copy.run);
    const char *const words[] = {
        vaultd_program(c->mem), "--config", c->options[OPT_CONFIG], "--verify-keys", "--database", database, NULL};
    const program p = {.words = words, .input = c->options[OPT_FILE]};
    if (!program_run(c->mem, &p, &said)) return CTL_TAMPERED;
    if (json_read(&o->report, bytes_of_text(said), "vaultd", &err) != VAULT_OK) return say_error(&err), CTL_FAILED;
    return CTL_OK;
}

static ctl_exit look(opening *o)
{
    ctl_exit end = copy_data(o);
    if (end != CTL_OK) return end;
    end = scratch_start(o->c->mem, &o->copy) ? ask_vaultd(o) : CTL_FAILED;
    scratch_stop(o->c->mem, &o->copy);
    return end;
}

static ctl_exit open_backup(opening *o, ctl *c, const char *copy)
{
    const char *archive = c->options[OPT_ARCHIVE];
    *o = (opening){.c = c, .backup = absolute(c, c->arguments[0])};
    o->copy.data = copy;
    o->copy.archive = archive ? absolute(c, archive) : NULL;
    ctl_exit end = find_conninfo(o);
    if (end == CTL_OK) end = check_config(o);
    return end == CTL_OK ? look(o) : end;
}

static const char *behind(const opening *o)
{
    return json_string_value(json_object_get(o->report, "behind"));
}

static void show(const opening *o)
{
    static const char *const heads[] = {"RING", "VERSION", "STATE", "SUITE", "OPENED"};
    ctl *c = o->c;
    size_t i;
    json_t *one;
    table t = table_of(c->mem, 5, heads);
    json_array_foreach(json_object_get(o->report, "rings"), i, one)
    {
        const char *cells[] = {
            json_string_value(json_object_get(one, "ring")),
            arena_format(c->mem, "%lld", (long long)json_integer_value(json_object_get(one, "version"))),
            json_string_value(json_object_get(one, "state")), json_string_value(json_object_get(one, "suite")),
            arena_format(c->mem, "%lld", (long long)json_integer_value(json_object_get(one, "samples")))};
        table_add(&t, cells);
    }
    table_print(&t);
    printf("%s: %lld residents, %lld lines, %lld erasures\n", json_string_value(json_object_get(o->report, "vault")),
           (long long)json_integer_value(json_object_get(o->report, "residents")),
           (long long)json_integer_value(json_object_get(o->report, "lines")),
           (long long)json_integer_value(json_object_get(o->report, "erased")));
    json_int_t away = json_integer_value(json_object_get(o->report, "archives_away"));
    if (away > 0) printf("archives of the log that are not in their folder: %lld\n", (long long)away);
    if (behind(o)) printf("older than what is kept outside: %s\n", shown(c->mem, behind(o)));
}

ctl_exit run_backup_verify(ctl *c)
{
    opening o;
    const char *copy = arena_format(c->mem, "%s.verify", absolute(c, c->arguments[0]));
    ctl_exit end = open_backup(&o, c, copy);
    if (o.copied) take_away(c, copy);
    if (end != CTL_OK) return end;
    bool late = behind(&o) && o.copy.archive; /* with the archive it should have caught up */
    if (c->options[OPT_JSON])
        print_json(o.report);
    else
        show(&o), json_decref(o.report);
    return late ? CTL_INCOMPLETE : CTL_OK;
}

/* ---- restore ---- */

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    size_t found = 0;
    if (!folder) return errno == ENOENT;
    for (const struct dirent *e = readdir(folder); e; e = readdir(folder))
        found += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void)closedir(folder);
    return found == 0;
}

/* The copy that was looked at, and no other, takes the place. */
static ctl_exit put_in_place(const opening *o, const char *to)
{
    if (rmdir(to) != 0 && errno != ENOENT) return failed(to, strerrordesc_np(errno));
    if (rename(o->copy.data, to) != 0) return failed(to, strerrordesc_np(errno));
    show(o);
    printf("%s: restored. Start the server on it, and then vaultd%s\n", to,
           behind(o) ? ", once with --accept-loss: it erases again whoever was erased since" : "");
    return CTL_OK;
}

ctl_exit run_backup_restore(ctl *c)
{
    opening o;
    const char *to = absolute(c, c->arguments[1]), *copy = arena_format(c->mem, "%s.restoring", to);
    if (!is_empty(to)) return failed(to, "is no empty folder");
    ctl_exit end = open_backup(&o, c, copy);
    if (end == CTL_OK && behind(&o) && !c->options[OPT_ACCEPT_LOSS]) {
        fprintf(stderr,
                "vaultctl: older than what is kept outside: %s. Nothing was restored: --archive names the log that "
                "is missing\n",
                shown(c->mem, behind(&o)));
        end = CTL_INCOMPLETE;
    }
    if (end == CTL_OK) end = put_in_place(&o, to);
    if (end != CTL_OK && o.copied) take_away(c, copy);
    if (end != CTL_OK) fprintf(stderr, "vaultctl: %s was not touched\n", to);
    json_decref(o.report);
    return end;
}
