#include "vault/cli/text_file.h"

#include "vault/base/file.h"
#include "vault/base/memory.h"

bool text_file_begin(text_file *out)
{
    *out = (text_file){0};
    return (out->to = open_memstream(&out->text, &out->len)) != NULL;
}

ctl_exit text_file_save(text_file *f, const char *path)
{
    vault_error err = {0};
    if (fflush(f->to) != 0 || ferror(f->to)) (void)vault_fail(&err, VAULT_EXHAUSTED, "%s: no memory for it", path);
    if (err.code == VAULT_OK && file_replace(path, bytes_of(f->text, f->len), &err) == VAULT_OK) return CTL_OK;
    say_error(&err);
    return CTL_FAILED;
}

void text_file_clear(text_file *f)
{
    if (f->to) (void)fclose(f->to);
    memory_free(f->text, f->len);
    *f = (text_file){0};
}

void put_html(FILE *to, const char *text)
{
    for (; text && *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '<')
            fputs("&lt;", to);
        else if (c == '>')
            fputs("&gt;", to);
        else if (c == '&')
            fputs("&amp;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else
            fputc(c < ' ' && c != '\n' ? ' ' : c, to);
    }
}
