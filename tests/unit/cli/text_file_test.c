/* What an officer keeps is his alone, and is there as a whole or as it was. */
#include "vault/cli/text_file.h"

#include "tests/support/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/text-file-XXXXXX";
static char path[64], elsewhere[64];

static void given_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/text-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report", folder);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", folder);
}

static void no_folder(void)
{
    unlink(path);
    unlink(elsewhere);
    assert_int_equal(rmdir(folder), 0);
}

static ctl_exit save(const char *text, const char *to)
{
    VAULT_CLEANUP(text_file_clear) text_file f = {0};
    assert_true(text_file_begin(&f));
    fputs(text, f.to);
    return text_file_save(&f, to);
}

static void expect_text(const char *of, const char *text)
{
    char got[64] = "";
    FILE *from = fopen(of, "r");
    assert_non_null(from);
    got[fread(got, 1, sizeof got - 1, from)] = '\0';
    fclose(from);
    assert_string_equal(got, text);
}

TEST("what is kept is its owner's alone, whatever stood there before")
{
    struct stat is;
    given_folder();
    FILE *before = fopen(path, "w");
    assert_non_null(before);
    fclose(before);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(save("leads", path), CTL_OK);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    expect_text(path, "leads");
    no_folder();
}

TEST("a symbolic link is not followed: what it leads to stays as it is")
{
    struct stat is;
    given_folder();
    FILE *other = fopen(elsewhere, "w");
    assert_non_null(other);
    fputs("other", other);
    fclose(other);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(save("leads", path), CTL_OK);
    expect_text(elsewhere, "other");
    assert_int_equal(lstat(path, &is), 0);
    assert_true(S_ISREG(is.st_mode));
    no_folder();
}

TEST("a folder that is none is said, and nothing is left")
{
    assert_int_equal(save("leads", "/tmp/there-is-no-such-folder/report"), CTL_FAILED);
}
