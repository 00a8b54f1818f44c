#include "vault/witness/program.h"

#include "vault/base/file.h"
#include "vault/base/memory.h"

#include <string.h>
#include <sys/stat.h>

static const char HEAD[] = "PRIVATE+KEY+";
enum { HEAD_LEN = sizeof HEAD - 1, TYPED_LEN = 1 + KEY_LEN, TYPE = 4, FILE_MOST = 512 };

typedef struct seed {
    uint8_t typed[TYPED_LEN]; /* 04, then the seed */
} seed;

static void seed_wipe(seed *s)
{
    wipe(s, sizeof *s);
}

static vault_code key_of(note_signer *out, const char *name, const seed *s, vault_error *err)
{
    VAULT_TRY(signer_new(&out->by, SIGNATURE_ED25519, bytes_of(s->typed + 1, KEY_LEN), err));
    return cosigner_key_make(&out->key, name, signer_public_key(out->by), err);
}

vault_code witness_key_create(const char *file, const char *name, vault_error *err)
{
    VAULT_CLEANUP(seed_wipe) seed s = {{TYPE}};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 16);
    VAULT_CLEANUP(signer_free) signer *by = NULL;
    char hex[2 * KEY_ID_LEN + 1], base64[4 * ((TYPED_LEN + 2) / 3) + 1];
    note_signer made = {0};
    if (!mem) return vault_fail(err, VAULT_EXHAUSTED, "no memory");
    VAULT_TRY(entropy_fill(s.typed + 1, KEY_LEN, err));
    vault_code code = key_of(&made, name, &s, err);
    by = made.by;
    VAULT_TRY(code);
    hex_encode(hex, bytes_of(made.key.id, KEY_ID_LEN));
    base64_encode(base64, bytes_of(s.typed, sizeof s.typed));
    const char *line = arena_format(mem, "%s%s+%s+%s\n", HEAD, name, hex, base64);
    wipe(base64, sizeof base64);
    return line ? file_create(file, bytes_of_text(line), err) : vault_fail(err, VAULT_EXHAUSTED, "no memory");
}

/* "name+id+key" LF, as a line of the file without its head. */
static vault_code read_line(note_signer *out, char *line, const char *file, vault_error *err)
{
    VAULT_CLEANUP(seed_wipe) seed s = {{0}};
    char hex[2 * KEY_ID_LEN + 1], *id = strchr(line, '+'), *key = id ? strchr(id + 1, '+') : NULL;
    size_t len = 0, text_len = key ? strcspn(key + 1, "\n") : 0;
    if (!key || strcmp(key + 1 + text_len, "\n") != 0 ||
        !base64_decode(s.typed, sizeof s.typed, &len, key + 1, text_len) || len != TYPED_LEN || s.typed[0] != TYPE)
        return vault_fail(err, VAULT_INVALID, "%s: not the private key of a witness", file);
    *id = *key = 0;
    VAULT_TRY(key_of(out, line, &s, err));
    hex_encode(hex, bytes_of(out->key.id, KEY_ID_LEN));
    if (strcmp(hex, id + 1) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_INVALID, "%s: the key's id is not that of its name and key", file);
}

vault_code witness_key_read(note_signer *out, const char *file, vault_error *err)
{
    struct stat about;
    char *text;
    size_t len;
    *out = (note_signer){0};
    if (stat(file, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)))
        return vault_fail(err, VAULT_INVALID, "%s: others may read it (mend: chmod 600)", file);
    VAULT_TRY(file_read(&text, &len, file, FILE_MOST, err));
    bool shaped = strlen(text) == len && strncmp(text, HEAD, HEAD_LEN) == 0;
    vault_code code = shaped ? read_line(out, text + HEAD_LEN, file, err)
                             : vault_fail(err, VAULT_INVALID, "%s: not the private key of a witness", file);
    memory_free(text, len);
    if (code != VAULT_OK) signer_free(&out->by);
    return code;
}
