/* Options, files, and what is printed. */
#include "vault/verify/verify.h"

#include "vault/base/memory.h"

#include <getopt.h>
#include <string.h>

static const char HELP[] =
    "vault-verify KIND --key KEY [--key KEY ...] [--all] [--json] FILE...\n"
    "\n"
    "Checks files of a resident vault's log with the log's published keys alone. It reads, and changes nothing.\n"
    "\n"
    "KIND\n"
    "  checkpoint   a signed note: origin, size and root of the log (the vault's checkpoint file, "
    "Audit.GetCheckpoint)\n"
    "  certificate  a signed note: a version of a key ring is destroyed, and nothing referred to it\n"
    "  receipt      a JSON file of vaultctl: lines of calls, and that they stand in the log\n"
    "\n"
    "OPTIONS\n"
    "  --key KEY    a verifier key (name+id+base64), or a file of them, one a line. Ed25519 and SM2\n"
    "  --all        every key given must have signed; else one is enough. A wrong signature of any is refused always\n"
    "  --json       one JSON document a file\n"
    "  --help       this text\n"
    "\n"
    "EXIT CODES\n"
    "  0 valid   2 wrong use   7 tampered   8 incomplete or not readable   9 unverifiable with these keys\n"
    "  Of several files the gravest: 7 before 8 before 9.\n"
    "\n"
    "EXAMPLES\n"
    "  vault-verify checkpoint --key log.vkey /var/lib/vault/checkpoint\n"
    "  vault-verify certificate --key log.vkey record-1.certificate\n"
    "  vault-verify certificate --key log.vkey --key log-sm2.vkey --all --json record-1.certificate\n"
    "  vault-verify receipt --key 'resident-vault/dev+1a2b3c4d+AV...' receipt.json\n";

typedef enum kind { KIND_NONE, KIND_CHECKPOINT, KIND_CERTIFICATE, KIND_RECEIPT, KINDS } kind;
static const char *const KIND_NAMES[KINDS] = {
    [KIND_CHECKPOINT] = "checkpoint", [KIND_CERTIFICATE] = "certificate", [KIND_RECEIPT] = "receipt"};

typedef struct asked {
    kind kind;
    key_list keys;
    bool json, help;
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
    for (kind k = KIND_CHECKPOINT; k < KINDS; k++)
        if (strcmp(KIND_NAMES[k], name) == 0) return k;
    return KIND_NONE;
}

static int read_options(asked *out, int argc, char *const *argv)
{
    static const struct option options[] = {{"key", required_argument, NULL, 'k'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c;
    optind = 0;
    while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (c == 'k' && !keys_add(&out->keys, optarg))
            return usage("neither a verifier key nor a file of them", optarg);
        if (c == ':' || c == '?') return usage("unknown option, or one without its value", argv[optind - 1]);
        out->keys.all |= c == 'a';
        out->json |= c == 'j';
        out->help |= c == 'h';
    }
    if (out->help) return 0;
    if (optind == argc) return usage("no kind of file", NULL);
    out->kind = kind_named(argv[optind]);
    out->files = argv + optind + 1;
    out->file_count = (size_t)(argc - optind - 1);
    if (!out->kind) return usage("unknown kind of file", argv[optind]);
    if (out->file_count == 0) return usage("no file", NULL);
    return out->keys.count ? 0 : usage("no key (--key)", NULL);
}

/* ---- one file ---- */

static finding check_content(const asked *a, bytes content)
{
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(256 << 20);
    if (a->kind == KIND_CHECKPOINT) return check_checkpoint_file(content, &a->keys);
    if (a->kind == KIND_CERTIFICATE) return check_certificate_file(content, &a->keys);
    if (!mem) return (finding){.verdict = INCOMPLETE, .why = "no memory"};
    return check_receipts_file(mem, content, &a->keys);
}

static finding check_file(const asked *a, const char *path)
{
    vault_error err = {0};
    char *content;
    size_t len;
    if (file_read(&content, &len, path, JSON_FILE_LIMIT, &err) != VAULT_OK) {
        fprintf(stderr, "vault-verify: %s\n", err.detail);
        return (finding){.verdict = INCOMPLETE, .why = "it cannot be read"};
    }
    finding f = check_content(a, bytes_of(content, len));
    memory_free(content, len);
    return f;
}

static void print_json(FILE *out, const asked *a, const char *path, const finding *f)
{
    VAULT_CLEANUP(json_clear)
    json_t *whole = json_pack("{s:s, s:s, s:s, s:s}", "file", path, "kind", KIND_NAMES[a->kind], "verdict",
                              verdict_name(f->verdict), "why", f->why);
    if (whole && f->facts) json_object_set(whole, KIND_NAMES[a->kind], f->facts);
    if (!whole || json_dumpf(whole, out, JSON_COMPACT) != 0)
        fprintf(stderr, "vault-verify: the name of a file is not UTF-8\n");
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
        fprintf(out, "  lines %lld to %lld: %s%s%s\n", first, first + (lines ? lines - 1 : 0),
                json_string_value(json_object_get(r, "verdict")), *why ? ": " : "", why);
    }
}

static void print_finding(FILE *out, const asked *a, const char *path, const finding *f)
{
    if (a->json) {
        print_json(out, a, path, f);
        return;
    }
    fprintf(out, "%s: %s%s%s\n", path, verdict_name(f->verdict), *f->why ? ": " : "", f->why);
    print_facts(out, f->facts);
    print_receipts(out, json_object_get(f->facts, "receipts"));
}

int verify_run(int argc, char *const *argv, FILE *out)
{
    asked a = {0};
    verdict all = VALID;
    int wrong = read_options(&a, argc, argv);
    if (wrong) return wrong;
    if (a.help) return fputs(HELP, out) == EOF ? EXIT_USAGE : EXIT_VALID;
    for (size_t i = 0; i < a.file_count; i++) {
        finding f = check_file(&a, a.files[i]);
        print_finding(out, &a, a.files[i], &f);
        all = verdict_worse(all, f.verdict);
        json_decref(f.facts);
    }
    return verdict_exit(all);
}
