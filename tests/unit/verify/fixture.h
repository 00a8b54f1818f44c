/* vault-verify as a stranger runs it: keys, files of a folder that goes away, the program and what it prints. */
#pragma once
#include "tests/support/harness.h"
#include "vault/verify/verify.h"

#include "vault/base/memory.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "resident-vault/test"

static vault_error err;
static arena *mem;
static note_signer log_signer, national, stranger;
static char folder[] = "/tmp/rv-verify-XXXXXX";
static char *printed;
static int paths;

static inline note_signer signer_of(const char *name, signature_kind type, uint8_t seed)
{
    note_signer out;
    uint8_t bytes32[KEY_LEN];
    memset(bytes32, seed, sizeof bytes32);
    expect_ok(signer_new(&out.by, type, bytes_of(bytes32, KEY_LEN), &err), &err);
    expect_ok(note_key_make(&out.key, name, type, signer_public_key(out.by), &err), &err);
    return out;
}

static inline void given_keys(void)
{
    if (mem) return;
    mem = arena_new(64 << 20);
    assert_non_null(mkdtemp(folder));
    log_signer = signer_of(NAME, SIGNATURE_ED25519, 1);
    national = signer_of(NAME, SIGNATURE_SM2, 2);
    stranger = signer_of("somebody/else", SIGNATURE_ED25519, 3);
}

__attribute__((destructor)) static void tidy(void)
{
    char command[64];
    free(printed);
    signer_free(&log_signer.by);
    signer_free(&national.by);
    signer_free(&stranger.by);
    arena_free(&mem);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (folder[10] != 'X') (void)!system(command);
}

static inline const char *file_of(bytes content)
{
    char *path = arena_format(mem, "%s/%d", folder, ++paths);
    expect_ok(file_create(path, content, &err), &err);
    return path;
}

static inline const char *text_file(const char *content)
{
    return file_of(bytes_of_text(content));
}

static inline const char *vkey(const note_signer *of)
{
    return note_key_text(&of->key, mem);
}

static inline int run(int count, const char *const *arguments)
{
    size_t len;
    free(printed);
    printed = NULL;
    FILE *out = open_memstream(&printed, &len);
    char **argv = arena_array(mem, (size_t)count + 2, sizeof *argv);
    argv[0] = (char *)(uintptr_t) "vault-verify";
    for (int i = 0; i < count; i++) argv[i + 1] = (char *)(uintptr_t)arguments[i];
    int code = verify_run(count + 1, argv, out);
    fclose(out);
    return code;
}
#define RUN(...) run(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[]){__VA_ARGS__})

static inline const char *note_by(const char *text, const note_signer *signers, size_t count)
{
    const char *note;
    expect_ok(note_sign(&note, mem, bytes_of_text(text), signers, count, &err), &err);
    return note;
}

static inline char *base64(bytes b)
{
    char *out = arena_alloc(mem, 4 * ((b.len + 2) / 3) + 1);
    base64_encode(out, b);
    return out;
}
