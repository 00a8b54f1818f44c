#include "vault/verify/verify.h"

#include "vault/base/clock.h"
#include "vault/base/memory.h"

#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    int exit;
} verdicts[] = {[VALID] = {"valid", EXIT_VALID},
                [TAMPERED] = {"tampered", EXIT_TAMPERED},
                [INCOMPLETE] = {"incomplete", EXIT_INCOMPLETE},
                [UNVERIFIABLE] = {"unverifiable", EXIT_UNVERIFIABLE}};

const char *verdict_name(verdict v)
{
    return verdicts[v].name;
}

int verdict_exit(verdict v)
{
    return verdicts[v].exit;
}

verdict verdict_worse(verdict a, verdict b)
{
    if (a == VALID || b == VALID) return a == VALID ? b : a;
    return a < b ? a : b;
}

static finding found(verdict v, const char *why)
{
    return (finding){.verdict = v, .why = why};
}

finding finding_at(verdict v, const char *why, const char *place, ...)
{
    finding f = {.verdict = v, .why = why};
    va_list list;
    va_start(list, place);
    if (place) vsnprintf(f.place, sizeof f.place, place, list);
    va_end(list);
    return f;
}

/* ---- keys ---- */

static bytes next_line(bytes *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
    bytes line = bytes_of(rest->at, end ? (size_t)(end - rest->at) : rest->len);
    *rest = end ? bytes_of(end + 1, rest->len - line.len - 1) : bytes_of(NULL, 0);
    return line;
}

static bool add_key(key_list *to, bytes text)
{
    vault_error dropped = {0};
    while (text.len > 0 && text.at[text.len - 1] <= ' ') text.len--;
    if (text.len == 0) return true;
    return to->count < KEYS_MAX && note_key_parse(&to->at[to->count], text, &dropped) == VAULT_OK && ++to->count;
}

static bool add_file(key_list *to, const char *path)
{
    enum { KEY_FILE_MAX = 1 << 16 };
    vault_error dropped = {0};
    char *text;
    size_t len, before = to->count;
    if (file_read(&text, &len, path, KEY_FILE_MAX, &dropped) != VAULT_OK) return false;
    bytes rest = bytes_of(text, len);
    bool good = true;
    while (good && rest.len > 0) good = add_key(to, next_line(&rest));
    memory_free(text, len);
    return good && to->count > before;
}

bool keys_add(key_list *to, const char *given)
{
    size_t before = to->count;
    return (add_key(to, bytes_of_text(given)) && to->count > before) || add_file(to, given);
}

/* ---- notes ---- */

/* By keys that were not given: they may be anything. */
static size_t count_unchecked(bytes note, const key_list *keys)
{
    const note_key *known[KEYS_MAX + WITNESSES_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++) known[count++] = &keys->at[i];
    for (size_t i = 0; keys->policy && i < witness_policy_count(keys->policy); i++)
        known[count++] = &witness_policy_at(keys->policy, i)->key;
    return note_unchecked(note, known, count);
}

static finding check_signers(bytes note, const key_list *keys, size_t signed_by)
{
    finding f = found(VALID, "");
    f.unchecked = count_unchecked(note, keys);
    if (signed_by == 0 || (keys->all && signed_by < keys->count))
        return found(UNVERIFIABLE, keys->all ? "not every key given has signed it" : "no key given has signed it");
    return keys->all && f.unchecked > 0 ? found(UNVERIFIABLE, "a signature is by no key that was given") : f;
}

finding open_note(bytes *text, bytes note, const key_list *keys)
{
    size_t signed_by = 0;
    bytes one;
    *text = (bytes){0};
    for (size_t i = 0; i < keys->count; i++) {
        note_verdict v = note_open(&one, note, &keys->at[i]);
        if (v == NOTE_MALFORMED) return found(INCOMPLETE, "it is not a signed note");
        if (v == NOTE_BAD_SIGNATURE) return found(TAMPERED, "a signature is wrong");
        if (v != NOTE_VERIFIED) continue;
        signed_by++;
        *text = one;
    }
    finding f = check_signers(note, keys, signed_by);
    if (f.verdict != VALID) *text = (bytes){0};
    return f;
}

bool signed_for(bytes name, bytes note, const key_list *keys)
{
    bytes text;
    for (size_t i = 0; i < keys->count; i++)
        if (bytes_same(bytes_of_text(keys->at[i].name), name) && note_open(&text, note, &keys->at[i]) == NOTE_VERIFIED)
            return true;
    return false;
}

/* ---- checkpoints ---- */

/* A witness of the policy that has signed wrongly spoils it, enough others or not. */
static finding check_witnesses(bytes note, const key_list *keys)
{
    int64_t seconds;
    if (!keys->policy) return found(VALID, "");
    for (size_t i = 0; i < witness_policy_count(keys->policy); i++)
        if (cosignature_open(&seconds, note, &witness_policy_at(keys->policy, i)->key) == NOTE_BAD_SIGNATURE)
            return finding_at(TAMPERED, "a cosignature is wrong", "%s", witness_policy_at(keys->policy, i)->name);
    if (witness_policy_met(keys->policy, note, &seconds)) return found(VALID, "");
    return found(UNVERIFIABLE, "too few witnesses of the policy have cosigned the checkpoint");
}

finding check_checkpoint(checkpoint *out, bytes note, const key_list *keys)
{
    bytes text;
    finding f = open_note(&text, note, keys);
    if (f.verdict != VALID) return f;
    if (!checkpoint_parse(out, text)) return found(INCOMPLETE, "the signed text is not a checkpoint");
    if (!signed_for(out->origin, note, keys)) return found(UNVERIFIABLE, "the checkpoint is of another log");
    const digest none = sha256(bytes_of(NULL, 0));
    if (out->tree.size == 0 && !bytes_same(digest_bytes(&out->tree.root), digest_bytes(&none)))
        return found(TAMPERED, "the checkpoint is of no lines, and its root is another tree's");
    finding witnessed = check_witnesses(note, keys);
    return witnessed.verdict == VALID ? f : witnessed;
}

/* When the oldest cosignature was made that the policy counts. */
static void tell_witnessed(json_t *facts, bytes note, const key_list *keys)
{
    char time[32];
    int64_t seconds = 0;
    if (!keys->policy || !witness_policy_met(keys->policy, note, &seconds) || seconds == 0) return;
    clock_format(time, seconds * 1000000);
    json_object_set_new(facts, "witnessed_since", json_string(time));
}

finding check_checkpoint_file(bytes content, const key_list *keys)
{
    checkpoint c;
    char root[4 * ((DIGEST_LEN + 2) / 3) + 1];
    finding f = check_checkpoint(&c, content, keys);
    if (f.verdict != VALID) return f;
    base64_encode(root, digest_bytes(&c.tree.root));
    f.facts = json_pack("{s:s%, s:I, s:s}", "origin", (const char *)c.origin.at, c.origin.len, "size",
                        (json_int_t)c.tree.size, "root", root);
    tell_witnessed(f.facts, content, keys);
    return f;
}

/* ---- certificates ---- */

static bool splits(bytes line, bytes *name, bytes *value)
{
    const uint8_t *at = line.len ? memchr(line.at, ' ', line.len) : NULL;
    if (!at) return false;
    *name = bytes_of(line.at, (size_t)(at - line.at));
    *value = bytes_of(at + 1, line.len - name->len - 1);
    return name->len > 0 && value->len > 0;
}

static bool is_text(bytes b, const char *text)
{
    return bytes_same(b, bytes_of_text(text));
}

/* "keys 0" into the object of references. */
static bool add_reference(json_t *to, bytes value, bool *none)
{
    bytes what, number;
    if (!splits(value, &what, &number)) return false;
    *none &= is_text(number, "0");
    return json_object_setn_new(to, (const char *)what.at, what.len,
                                json_stringn((const char *)number.at, number.len)) == 0;
}

/* Each name once, but for the references, of which each table has one. */
static bool add_line(json_t *facts, bytes line, bool *none)
{
    bytes name, value;
    if (!splits(line, &name, &value)) return false;
    if (is_text(name, "references")) return add_reference(json_object_get(facts, "references"), value, none);
    if (json_object_getn(facts, (const char *)name.at, name.len)) return false;
    return json_object_setn_new(facts, (const char *)name.at, name.len,
                                json_stringn((const char *)value.at, value.len)) == 0;
}

static bool has_all(const json_t *facts)
{
    static const char *const names[] = {"vault", "ring", "version", "suite", "successor", "log", "control", "time"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!json_object_get(facts, names[i])) return false;
    return json_object_size(json_object_get(facts, "references")) > 0;
}

static finding read_certificate(json_t **facts, bytes text)
{
    bool none = true;
    bytes rest = text;
    if (!is_text(next_line(&rest), "resident-vault/certificate 1"))
        return found(INCOMPLETE, "the signed text is not a certificate");
    *facts = json_pack("{s:{}}", "references");
    while (rest.len > 0)
        if (!add_line(*facts, next_line(&rest), &none))
            return found(INCOMPLETE, "a line of the certificate is malformed");
    if (!has_all(*facts)) return found(INCOMPLETE, "the certificate lacks a line");
    if (!none) return found(TAMPERED, "the certificate names references to the destroyed key");
    return found(VALID, "");
}

finding check_certificate_file(bytes content, const key_list *keys)
{
    VAULT_CLEANUP(json_clear) json_t *facts = NULL;
    bytes text;
    finding f = open_note(&text, content, keys), of_text;
    if (f.verdict == VALID && (of_text = read_certificate(&facts, text)).verdict != VALID) f = of_text;
    const char *vault = json_string_value(json_object_get(facts, "vault"));
    if (f.verdict == VALID && !signed_for(bytes_of_text(vault), content, keys))
        f = found(UNVERIFIABLE, "the certificate is of another vault");
    if (f.verdict == VALID) f.facts = json_incref(facts);
    return f;
}
