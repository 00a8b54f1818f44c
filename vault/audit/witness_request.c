#include "vault/audit/witness_request.h"
#include "vault/audit/note_parts.h"

#include <string.h>

static const char OLD[] = "old ";
enum { OLD_LEN = sizeof OLD - 1, HASH_TEXT_LEN = 44 };

bool witness_request_read(witness_request *out, bytes body)
{
    bytes line, rest = body;
    out->proof_len = 0;
    if (body.len > WITNESS_REQUEST_MAX || !note_cut(&line, &rest, '\n')) return false;
    if (line.len <= OLD_LEN || memcmp(line.at, OLD, OLD_LEN) != 0 ||
        !note_read_size(&out->old_size, bytes_of(line.at + OLD_LEN, line.len - OLD_LEN)))
        return false;
    while (note_cut(&line, &rest, '\n')) {
        out->note = rest;
        if (line.len == 0) return true;
        if (out->proof_len == WITNESS_PROOF_MAX || !note_read_hash(&out->proof[out->proof_len++], line)) return false;
    }
    return false;
}

const char *witness_request_write(arena *mem, const witness_request *of)
{
    char proof[WITNESS_PROOF_MAX * (HASH_TEXT_LEN + 1) + 1];
    size_t at = 0;
    for (size_t i = 0; i < of->proof_len; i++) {
        at += base64_encode(proof + at, digest_bytes(&of->proof[i]));
        proof[at++] = '\n';
    }
    proof[at] = 0;
    return arena_format(mem, "%s%lld\n%s\n%.*s", OLD, (long long)of->old_size, proof, (int)of->note.len,
                        (const char *)of->note.at);
}

bool witness_size_read(int64_t *out, bytes body)
{
    bytes line, rest = body;
    return note_cut(&line, &rest, '\n') && rest.len == 0 && note_read_size(out, line);
}
