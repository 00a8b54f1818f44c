/* What nobody else may read: from the terminal without echo, or from a file; never from the command line, which every
 * process on the machine can see. */
#include "vault/cli/internal.h"

#include "vault/base/secret.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MOST = 1024 };

static bool at_terminal(void)
{
    FILE *terminal = fopen("/dev/tty", "r+");
    if (terminal) (void)fclose(terminal);
    return terminal != NULL;
}

static ctl_exit ask_terminal(ctl *c, const char *prompt, bool twice, char **out)
{
    char text[SECRET_MOST + 2];
    if (!at_terminal())
        return usage_error(c, "there is no terminal to ask at: --file FILE, or --file - for standard input");
    if (EVP_read_pw_string(text, sizeof text, prompt, twice) != 0) {
        wipe(text, sizeof text);
        return usage_error(c, "nothing was entered, or not the same twice");
    }
    *out = arena_text(c->mem, bytes_of_text(text));
    wipe(text, sizeof text);
    if (!*out) abort();
    return CTL_OK;
}

ctl_exit ctl_secret(ctl *c, const char *prompt, bool twice, char **out)
{
    const char **lines;
    size_t count;
    if (!c->options[OPT_FILE]) return ask_terminal(c, prompt, twice, out);
    ctl_exit end = ctl_lines(c, c->options[OPT_FILE], &lines, &count);
    if (end != CTL_OK) return end;
    if (count != 1) return usage_error(c, "%s: one line is wanted, not %zu", c->options[OPT_FILE], count);
    *out = lent(lines[0]);
    return CTL_OK;
}

ctl_exit ctl_secrets(ctl *c, const char *prompt, const char ***out, size_t *count)
{
    if (c->options[OPT_FILE]) {
        ctl_exit end = ctl_lines(c, c->options[OPT_FILE], out, count);
        return end == CTL_OK && *count == 0 ? usage_error(c, "%s is empty", c->options[OPT_FILE]) : end;
    }
    char **one = arena_array(c->mem, 1, sizeof *one);
    if (!one) abort();
    *out = (const char **)(uintptr_t)one;
    *count = 1;
    return ask_terminal(c, prompt, false, one);
}
