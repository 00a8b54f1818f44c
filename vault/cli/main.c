/* vaultctl: finds the command and runs it. */
#include "vault/cli/internal.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MEMORY = 256 << 20,
    SUMMARIES = 48
}; /* the column where summaries begin: no name with its arguments is longer */

static const char exits[] =
    "Exit codes: 0 done; 1 some items were refused; 2 wrong usage; 3 denied, or not authenticated;\n"
    "4 the vault is not there, too slow or too busy; 5 a wrong argument, or nothing found; 6 it failed;\n"
    "7 tampered; 8 incomplete, or stopped on the way; 9 unverifiable.\n";

static void list_command(FILE *to, const command *one)
{
    int width = fprintf(to, "  vaultctl %s %s", one->name, one->arguments);
    fprintf(to, "%*s%s\n", width < SUMMARIES - 1 ? SUMMARIES - width : 2, "", one->summary);
}

static void help(void)
{
    puts("vaultctl: a client of Resident Vault\n");
    for (size_t i = 0; command_at(i); i++) list_command(stdout, command_at(i));
    puts("\nEvery command explains itself: vaultctl COMMAND --help. Options of every call:");
    options_help(options_of(&(command){.remote = true}));
    printf("\n%s", exits);
}

/* The commands that begin with a word, as `keys`: how many. */
static size_t help_group(FILE *to, const char *word)
{
    size_t count = 0, len = strlen(word);
    for (size_t i = 0; command_at(i); i++) {
        const command *one = command_at(i);
        if (strncmp(one->name, word, len) != 0 || one->name[len] != ' ') continue;
        list_command(to, one);
        count++;
    }
    return count;
}

/* Words that are no command: help, where it is asked for. */
static ctl_exit no_command(char **words, size_t count)
{
    bool asked = count == 2 && strcmp(words[1], "--help") == 0;
    if (asked && help_group(stdout, words[0]) > 0) return CTL_OK;
    fputs("vaultctl: which command? (vaultctl --help)\n", stderr);
    if (count > 0) (void)help_group(stderr, words[0]);
    return CTL_USAGE;
}

static void help_command(const command *c)
{
    printf("vaultctl %s%s%s: %s\n%s%s\nOptions:\n", c->name, *c->arguments ? " " : "", c->arguments, c->summary,
           c->about[0] == '\n' ? "" : "\n", c->about);
    options_help(options_of(c));
    printf("\n%s", exits);
}

/* The command that the words begin with; *used is how many words its name has. */
static const command *find(char **words, size_t count, size_t *used)
{
    for (size_t i = 0; command_at(i); i++) {
        const command *one = command_at(i);
        const char *space = strchr(one->name, ' ');
        size_t len = space ? (size_t)(space - one->name) : strlen(one->name);
        *used = space ? 2 : 1;
        if (count < *used || strlen(words[0]) != len || strncmp(words[0], one->name, len) != 0) continue;
        if (!space || strcmp(words[1], space + 1) == 0) return one;
    }
    return NULL;
}

static ctl_exit open_and_run(ctl *c)
{
    vault_error err = {0};
    const client_options options = {.server = c->options[OPT_SERVER],
                                    .ca = c->options[OPT_CA],
                                    .cert = c->options[OPT_CERT],
                                    .key = c->options[OPT_KEY]};
    if (!c->command->purpose && !c->options[OPT_PURPOSE]) return usage_error(c, "--purpose is missing");
    client_silence();
    if (client_open(&c->client, &options, &err) != VAULT_OK)
        return usage_error(c, "%s (--server, --ca, --cert, --key)", err.detail);
    ctl_exit end = c->command->run(c);
    client_close(&c->client);
    return end == CTL_ASKED ? CTL_OK : end;
}

/* What is to be kept is asked for once, and is a line: that there is no place for it is said before. */
static ctl_exit check_places(ctl *c)
{
    static const option_id kept[] = {OPT_RECEIPT, OPT_RECEIPTS, OPT_OUT, OPT_HTML, OPT_REPORT};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *path = c->options[kept[i]], *slash = path ? strrchr(path, '/') : NULL;
        const char *folder = !slash          ? "."
                             : slash == path ? "/"
                                             : arena_text(c->mem, bytes_of(path, (size_t)(slash - path)));
        struct stat is;
        const bool taken = path && stat(path, &is) == 0 && S_ISDIR(is.st_mode);
        if (taken || (path && folder && access(folder, W_OK | X_OK) != 0))
            return usage_error(c, "%s: nothing can be kept there: %s", path, strerror(taken ? EISDIR : errno));
    }
    return CTL_OK;
}

static ctl_exit run(ctl *c, char **words, size_t count)
{
    const char *what = "";
    if (!options_parse(c, words, count, &what)) return usage_error(c, "%s is no option here, or lacks its value", what);
    if (c->options[OPT_HELP]) {
        help_command(c->command);
        return CTL_OK;
    }
    if (c->count < c->command->least) return usage_error(c, "%s is missing", c->command->arguments);
    if ((c->command->options & OPTION(OPT_TICKET)) && !c->options[OPT_TICKET])
        return usage_error(c, "--ticket is missing: the reason goes into the log");
    if (c->count > c->command->most) return usage_error(c, "unexpected: %s", c->arguments[c->command->most]);
    ctl_exit end = check_places(c);
    if (end != CTL_OK) return end;
    return c->command->remote ? open_and_run(c) : c->command->run(c);
}

/* A list that a full disk has cut short must not pass for a whole one. */
static ctl_exit when_written(ctl_exit end)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return end;
    fputs("vaultctl: standard output: not all could be written\n", stderr);
    return end == CTL_OK || end == CTL_SOME_REFUSED ? CTL_FAILED : end;
}

static ctl_exit run_words(char **words, size_t count)
{
    size_t used;
    if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "help") == 0)) return help(), CTL_OK;
    const command *found = find(words, count, &used);
    if (!found) return no_command(words, count);
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(MEMORY);
    ctl c = {.command = found, .mem = mem};
    return mem ? run(&c, words + used, count - used) : CTL_FAILED;
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return (int)when_written(run_words(argv + 1, argc > 0 ? (size_t)argc - 1 : 0));
}
