/* Options, files, and what is printed. */
#include "vault/verify/verify.h"

#include "vault/audit/tree_proof.h"
#include "vault/base/memory.h"

#include <getopt.h>
#include <string.h>

static const char HELP[] =
    "vault-verify KIND --key KEY [--key KEY ...] [--all] [--policy FILE] [--json] FILE...\n"
    "\n"
    "Checks files of a resident vault's log with the log's published keys alone. It reads, and changes nothing.\n"
    "\n"
    "KIND\n"
    "  log          a folder: checkpoint, tiles and entries (vaultctl audit export --tiles; c2sp.org/tlog-tiles)\n"
    "  range        some lines in a file (vaultctl audit export --range)\n"
    "  archive      old lines in a file, as the vault keeps them\n"
    "  proof        one line, and that it stands in the log (vaultctl audit proof; c2sp.org/tlog-proof)\n"
    "  receipt      a JSON file of vaultctl: lines of calls, and that they stand in the log\n"
    "  checkpoint   a signed note: origin, size and root of the log (the vault's checkpoint file, "
    "Audit.GetCheckpoint)\n"
    "  certificate  a signed note: a version of a key ring is destroyed, and nothing referred to it\n"
    "\n"
    "OPTIONS\n"
    "  --key KEY      a verifier key (name+id+base64), or a file of them, one a line. Ed25519 and SM2\n"
    "  --all          every key given must have signed, and nobody else (but for the witnesses of the policy); "
    "without\n"
    "                 it one is enough, and signatures of other keys are counted, not checked. A wrong one is refused\n"
    "  --policy FILE  checkpoints must be cosigned by the witnesses that this policy wants, too (not of "
    "certificates);\n"
    "                 its keys of logs count as if given by --key\n"
    "  --old FILE     log: an older checkpoint of it, which it must continue\n"
    "  --threads N    log: 1 to 8 (as many as there are processors)\n"
    "  --leaf LEAF    proof: base64 of the line that it must be of, in the place of the one that it brings\n"
    "  --receipt FILE proof: the line is taken from this receipt\n"
    "  --quiet        no progress on standard error\n"
    "  --json         one JSON document a file\n"
    "  --help         this text\n";
static const char HELP_MORE[] =
    "\n"
    "EXIT CODES\n"
    "  0 valid   2 wrong use, or nothing can be written   7 tampered   8 incomplete or not readable   9 unverifiable "
    "with these keys\n"
    "  Of several files the gravest: 7 before 8 before 9. What is no \"valid\" names its first place.\n"
    "\n"
    "EXAMPLES\n"
    "  vault-verify log --key log.vkey /srv/log\n"
    "  vault-verify log --key log.vkey --old checkpoint-of-last-year --policy witnesses /srv/log\n"
    "  vault-verify archive --key log.vkey /var/lib/vault/archive/0-1048575.lines\n"
    "  vault-verify proof --key log.vkey --receipt receipt.json line-117.tlog-proof\n"
    "  vault-verify checkpoint --key log.vkey /var/lib/vault/checkpoint\n"
    "  vault-verify certificate --key log.vkey --key log-sm2.vkey --all --json record-1.certificate\n"
    "  vault-verify receipt --key 'resident-vault/dev+1a2b3c4d+AV...' receipt.json\n";

typedef enum kind {
    KIND_NONE,
    KIND_LOG,
    KIND_RANGE,
    KIND_ARCHIVE,
    KIND_PROOF,
    KIND_RECEIPT,
    KIND_CHECKPOINT,
    KIND_CERTIFICATE,
    KINDS
} kind;
static const char *const KIND_NAMES[KINDS] = {[KIND_LOG] = "log",
                                              [KIND_RANGE] = "range",
                                              [KIND_ARCHIVE] = "archive",
                                              [KIND_PROOF] = "proof",
                                              [KIND_RECEIPT] = "receipt",
                                              [KIND_CHECKPOINT] = "checkpoint",
                                              [KIND_CERTIFICATE] = "certificate"};

typedef struct asked {
    kind kind;
    key_list keys;
    arena *mem; /* of the policy */
    const char *old, *leaf, *receipt;
    unsigned threads;
    bool json, help, quiet;
    char *const *files;
    size_t file_count;
} asked;

/* ---- options ---- */

static int usage(const char *why, const char *what)
{
    fprintf(stderr, "vault-verify: %s%s%s; --help says how\n", why, what ? ": " : "", what ? what : "");
    return EXIT_USAGE;
}

static kind kind_named(const char *name)
{
    for (kind k = KIND_LOG; k < KINDS; k++)
        if (strcmp(KIND_NAMES[k], name) == 0) return k;
    return KIND_NONE;
}

/* The policy of a file, and the logs' keys that it names. */
static bool add_policy(asked *out, const char *path)
{
    vault_error dropped = {0};
    witness_policy *policy = NULL;
    const note_key *keys;
    char *text;
    size_t len;
    if (out->keys.policy || file_read(&text, &len, path, POLICY_FILE_MAX, &dropped) != VAULT_OK) return false;
    vault_code code = witness_policy_read(&policy, out->mem, bytes_of(text, len), &dropped);
    memory_free(text, len);
    if (code != VAULT_OK) return fprintf(stderr, "vault-verify: %s: %s\n", path, dropped.detail), false;
    size_t count = witness_policy_logs(policy, &keys);
    if (count > KEYS_MAX - out->keys.count) return fprintf(stderr, "vault-verify: more than 16 keys\n"), false;
    out->keys.policy = policy;
    for (size_t i = 0; i < count; i++) out->keys.at[out->keys.count++] = keys[i];
    return true;
}

static bool read_threads(asked *out, const char *text)
{
    out->threads = text[0] >= '1' && text[0] <= '8' && !text[1] ? (unsigned)(text[0] - '0') : 0;
    return out->threads > 0;
}

static int take_option(asked *out, int c)
{
    if (c == 'k' && !keys_add(&out->keys, optarg)) return usage("neither a verifier key nor a file of them", optarg);
    if (c == 'p' && !add_policy(out, optarg)) return usage("not a policy of witnesses", optarg);
    if (c == 't' && !read_threads(out, optarg)) return usage("--threads is 1 to 8, not", optarg);
    const struct {
        int c;
        const char **at;
    } texts[] = {{'o', &out->old}, {'l', &out->leaf}, {'r', &out->receipt}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (c == texts[i].c) *texts[i].at = optarg;
    out->keys.all |= c == 'a';
    out->json |= c == 'j';
    out->help |= c == 'h';
    out->quiet |= c == 'q';
    return 0;
}

static int check_use(const asked *a)
{
    if (a->file_count == 0) return usage("no file", NULL);
    if (a->old && a->kind != KIND_LOG) return usage("--old is for log alone", NULL);
    if ((a->leaf || a->receipt) && a->kind != KIND_PROOF)
        return usage("--leaf and --receipt are for proof alone", NULL);
    if (a->leaf && a->receipt) return usage("--leaf or --receipt, not both", NULL);
    return a->keys.count ? 0 : usage("no key (--key)", NULL);
}

static int read_options(asked *out, int argc, char *const *argv)
{
    static const struct option options[] = {{"key", required_argument, NULL, 'k'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"policy", required_argument, NULL, 'p'},
                                            {"old", required_argument, NULL, 'o'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"leaf", required_argument, NULL, 'l'},
                                            {"receipt", required_argument, NULL, 'r'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (c == ':' || c == '?') return usage("unknown option, or one without its value", argv[optind - 1]);
        int wrong = take_option(out, c);
        if (wrong) return wrong;
    }
    if (out->help) return 0;
    if (optind == argc) return usage("no kind of file", NULL);
    out->kind = kind_named(argv[optind]);
    out->files = argv + optind + 1;
    out->file_count = (size_t)(argc - optind - 1);
    return out->kind ? check_use(out) : usage("unknown kind of file", argv[optind]);
}

/* ---- one file ---- */

/* False: said on stderr. */
static bool read_text(file_text *out, const char *path)
{
    vault_error err = {0};
    if (file_read(&out->at, &out->len, path, JSON_FILE_LIMIT, &err) == VAULT_OK) return true;
    fprintf(stderr, "vault-verify: %s\n", err.detail);
    return false;
}

/* The leaf that a proof must be of; empty: the one that it brings. */
static finding wanted_leaf(bytes *out, arena *mem, const asked *a, bytes content)
{
    VAULT_CLEANUP(file_text_clear) file_text receipt = {0};
    tlog_proof p;
    *out = (bytes){0};
    if (a->leaf) {
        size_t len = 0, cap = strlen(a->leaf);
        uint8_t *at = arena_alloc(mem, cap + 1);
        if (!at || !base64_decode(at, cap, &len, a->leaf, cap) || len == 0)
            return finding_at(INCOMPLETE, "--leaf is no base64", NULL);
        *out = bytes_of(at, len);
    }
    if (!a->receipt) return finding_at(VALID, "", NULL);
    if (!tlog_proof_parse(&p, mem, content)) return finding_at(INCOMPLETE, "it is not a proof", NULL);
    if (read_text(&receipt, a->receipt) && receipts_leaf(out, mem, bytes_of(receipt.at, receipt.len), p.index))
        return finding_at(VALID, "", NULL);
    return finding_at(INCOMPLETE, "the receipt does not have the line of the proof", "line %lld", (long long)p.index);
}

static finding check_content(const asked *a, bytes content)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(256 << 20);
    bytes leaf;
    if (!mem) return finding_at(INCOMPLETE, "no memory", NULL);
    if (a->kind == KIND_CHECKPOINT) return check_checkpoint_file(content, &a->keys);
    if (a->kind == KIND_CERTIFICATE) return check_certificate_file(content, &a->keys);
    if (a->kind == KIND_RECEIPT) return check_receipts_file(mem, content, &a->keys);
    finding f = wanted_leaf(&leaf, mem, a, content);
    return f.verdict == VALID ? check_proof(mem, content, leaf, &a->keys) : f;
}

static finding check_file(const asked *a, const char *path)
{
    VAULT_CLEANUP(file_text_clear) file_text text = {0};
    if (a->kind == KIND_LOG)
        return check_log(&(log_question){
            .folder = path, .keys = &a->keys, .old = a->old, .threads = a->threads, .quiet = a->quiet || a->json});
    if (a->kind == KIND_RANGE || a->kind == KIND_ARCHIVE)
        return check_lines_file(path, a->kind == KIND_ARCHIVE, &a->keys);
    if (!read_text(&text, path)) return finding_at(INCOMPLETE, "it cannot be read", NULL);
    return check_content(a, bytes_of(text.at, text.len));
}

/* Names of files are any bytes, and a place may have cut one: what is no UTF-8 becomes U+FFFD, byte by byte. */
static json_t *text_json(const char *text)
{
    static const char UNKNOWN[] = "\xef\xbf\xbd";
    size_t cap = strlen(text) * (sizeof UNKNOWN - 1) + 1, len = 0;
    char *out = memory_array(cap, 1);
    for (bytes rest = bytes_of_text(text); rest.len > 0;) {
        size_t known = utf8_sequence(rest), width = known ? known : sizeof UNKNOWN - 1;
        memcpy(out + len, known ? (const char *)rest.at : UNKNOWN, width);
        len += width;
        rest = bytes_of(rest.at + (known ? known : 1), rest.len - (known ? known : 1));
    }
    json_t *made = json_stringn(out, len);
    memory_free(out, cap);
    return made;
}

static void print_json(FILE *out, const asked *a, const char *path, const finding *f)
{
    VAULT_CLEANUP(json_clear)
    json_t *whole = json_pack("{s:o, s:s, s:s, s:s, s:o, s:I}", "file", text_json(path), "kind", KIND_NAMES[a->kind],
                              "verdict", verdict_name(f->verdict), "why", f->why, "place", text_json(f->place),
                              "unchecked_signatures", (json_int_t)(f->verdict == VALID ? f->unchecked : 0));
    if (whole && f->facts) json_object_set(whole, KIND_NAMES[a->kind], f->facts);
    if (!whole || json_dumpf(whole, out, JSON_COMPACT) != 0) fprintf(stderr, "vault-verify: no memory\n");
    fputc('\n', out);
}

static void print_facts(FILE *out, json_t *facts)
{
    const char *name;
    json_t *value;
    json_object_foreach(facts, name, value)
    {
        if (json_is_string(value)) fprintf(out, "  %s %s\n", name, json_string_value(value));
        if (json_is_integer(value)) fprintf(out, "  %s %lld\n", name, (long long)json_integer_value(value));
    }
}

static void print_receipts(FILE *out, const json_t *receipts)
{
    for (size_t i = 0; i < json_array_size(receipts); i++) {
        const json_t *r = json_array_get(receipts, i);
        long long first = json_integer_value(json_object_get(r, "first_line"));
        long long lines = json_integer_value(json_object_get(r, "lines"));
        const char *why = json_string_value(json_object_get(r, "why"));
        if (lines > 0)
            fprintf(out, "  lines %lld to %lld", first, first + lines - 1);
        else
            fprintf(out, "  receipt %zu of the file", i + 1);
        fprintf(out, ": %s%s%s\n", json_string_value(json_object_get(r, "verdict")), *why ? ": " : "", why);
    }
}

static void print_finding(FILE *out, const asked *a, const char *path, const finding *f)
{
    if (a->json) {
        print_json(out, a, path, f);
        return;
    }
    fprintf(out, "%s: %s%s%s%s%s", path, verdict_name(f->verdict), *f->why ? ": " : "", f->why, *f->place ? ": " : "",
            f->place);
    if (f->verdict == VALID && f->unchecked > 0)
        fprintf(out, "; signatures by keys that were not given: %zu", f->unchecked);
    fputc('\n', out);
    print_facts(out, f->facts);
    print_receipts(out, json_object_get(f->facts, "receipts"));
}

static verdict check_files(const asked *a, FILE *out)
{
    verdict all = VALID;
    for (size_t i = 0; i < a->file_count; i++) {
        finding f = check_file(a, a->files[i]);
        print_finding(out, a, a->files[i], &f);
        all = verdict_worse(all, f.verdict);
        json_decref(f.facts);
    }
    return all;
}

/* A verdict that nobody can read is no "valid". */
static int exit_told(FILE *out, int code)
{
    if (fflush(out) == 0 && !ferror(out)) return code;
    fprintf(stderr, "vault-verify: what was found cannot be written\n");
    return code == EXIT_VALID ? EXIT_USAGE : code;
}

int verify_run(int argc, char *const *argv, FILE *out)
{
    enum { POLICY_MEMORY = 4 << 20 };
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(POLICY_MEMORY);
    asked a = {.mem = mem};
    int wrong = mem ? read_options(&a, argc, argv) : EXIT_INCOMPLETE;
    if (wrong) return wrong;
    if (a.help)
        return exit_told(out, fputs(HELP, out) == EOF || fputs(HELP_MORE, out) == EOF ? EXIT_USAGE : EXIT_VALID);
    return exit_told(out, verdict_exit(check_files(&a, out)));
}
