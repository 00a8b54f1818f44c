/* vaultctl: one row a command. */
#include "vault/cli/internal.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY = 256 << 20 };
#define OFFICER_PURPOSE "log-review"
#define CONTROL_PURPOSE "control"
#define DOCUMENT_NAMES  "Documents: schema, principals, persons, purposes, policy, sharing.\n"

static const command commands[] = {
    {"put", "", "put residents into the vault",
     "Reads JSON lines, an object of texts each, as vault-generate prints them; the first line says which fields all\n"
     "lines give. Sends batches of 512. What is refused is named by its line, and the rest goes in.\n"
     "\n"
     "  vaultctl put --file residents.jsonl --purpose population-register\n"
     "  vault-generate --count 5000 | vaultctl put --file - --purpose population-register\n",
     OPTION(OPT_FILE), 0, 0, true, NULL, run_put},
    {"import", "FILE", "a table of residents into the vault, by parts",
     "FILE is CSV with a line of headings, in Chinese or English, or JSON lines; UTF-8 or GB18030, also mixed; - is\n"
     "standard input. Headings find their fields by name, label or a usual alias. What is rejected goes into\n"
     "FILE.rejects.csv with its line, field and reason; mend it there and import that file. A row that could not be\n"
     "taken apart stands in its column _raw. (A table program that is to open it must take ID numbers as text.)\n"
     "\n"
     "Each part is acknowledged and written down in FILE.import-state: interrupted at any moment, the same command\n"
     "goes on where it was, and nothing is doubled. (A part may take 120 seconds, unless --timeout says otherwise.)\n"
     "\n"
     "  vaultctl import residents.csv --show-mapping\n"
     "  vaultctl import residents.csv --map 现居住地=residence_area --ignore 备注 --dry-run\n"
     "  vaultctl import residents.csv --purpose population-register\n"
     "  vaultctl import residents.csv.rejects.csv --purpose population-register\n"
     "  vault-generate --count 5000 | vaultctl import - --rejects rejects.csv --purpose population-register\n",
     OPTION(OPT_COLLECTION) | OPTION(OPT_MAP) | OPTION(OPT_MAP_FILE) | OPTION(OPT_IGNORE) | OPTION(OPT_SHOW_MAPPING) |
         OPTION(OPT_DELIMITER) | OPTION(OPT_ENCODING) | OPTION(OPT_COLLECTED) | OPTION(OPT_REJECTS) | OPTION(OPT_PART) |
         OPTION(OPT_PATIENCE) | OPTION(OPT_DRY_RUN) | OPTION(OPT_AGAIN) | OPTION(OPT_PROGRESS),
     1, 1, true, NULL, run_import},
    {"issue", "[ID...]", "tokens for ID numbers, in the caller's own domain",
     "Prints a token a line, in the order of the numbers; - for what is refused.\n"
     "\n"
     "  vaultctl issue 11010519491231002X --purpose elder-care\n"
     "  vaultctl issue --file ids.txt --purpose elder-care >tokens.txt\n",
     OPTION(OPT_FILE) | OPTION(OPT_COLLECTION) | OPTION(OPT_RECEIPT), 0, SIZE_MAX, true, NULL, run_issue},
    {"reveal", "[TOKEN...]", "fields of residents, by token",
     "The line that accounts for it stands in the log before a value leaves the vault.\n"
     "\n"
     "  vaultctl reveal rv1... --fields name,phone --purpose elder-care --ticket visit-2026-117 --assertion "
     "grid-zhao.jwt\n"
     "  vaultctl reveal rv1... --fields name,phone --masked --purpose elder-care --ticket call-list-11\n"
     "  vaultctl reveal --file tokens.txt --fields name --purpose elder-care --ticket calls --receipt receipt.json\n",
     OPTION(OPT_FILE) | OPTION(OPT_FIELDS) | OPTION(OPT_MASKED) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX,
     true, NULL, run_reveal},
    {"audit checkpoint", "", "the newest signed checkpoint of the log",
     "A C2SP tlog-checkpoint. --json adds the verifier key that the vault itself names: compare it with the published "
     "one.\n"
     "\n"
     "  vaultctl audit checkpoint >checkpoint\n",
     0, 0, 0, true, OFFICER_PURPOSE, run_audit_checkpoint},
    {"audit proof", "LINE", "proof that a line stands in the log",
     "Prints a C2SP tlog-proof: index, path, checkpoint. --json adds the leaf.\n"
     "\n"
     "  vaultctl audit proof 117\n",
     0, 1, 1, true, OFFICER_PURPOSE, run_audit_proof},
    {"audit query", "", "lines of the log (officers)",
     "All conditions given must hold. The query itself is a line.\n"
     "\n"
     "  vaultctl audit query --person grid-zhao --since 2026-11-01\n"
     "  vaultctl audit query --token rv1... --json\n",
     OPTION(OPT_PERSON) | OPTION(OPT_TOKEN) | OPTION(OPT_OF_PURPOSE) | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) |
         OPTION(OPT_LIMIT),
     0, 0, true, OFFICER_PURPOSE, run_audit_query},
    {"audit verify", "", "has the log only grown, and is it whole?",
     "Checks the signature of the newest checkpoint, that it continues the one seen at the last visit, and with "
     "--lines that\n"
     "every line shown opens its leaf and that they have the signed root. The verdict is valid, tampered, incomplete\n"
     "(something is missing) or unverifiable (not with this key).\n"
     "\n"
     "  vaultctl audit verify --log-key log.vkey\n"
     "  vaultctl audit verify --log-key log.vkey --lines\n",
     OPTION(OPT_LOG_KEY) | OPTION(OPT_STATE) | OPTION(OPT_LINES), 0, 0, true, OFFICER_PURPOSE, run_audit_verify},
    {"receipt verify", "FILE", "does a kept receipt prove its lines? (no server)",
     "\n"
     "  vaultctl receipt verify receipt.json --log-key log.vkey\n",
     OPTION(OPT_LOG_KEY), 1, 1, false, NULL, run_receipt_verify},
    {"keys status", "", "key rings and their states (administrators, officers)",
     "\n"
     "  vaultctl keys status\n",
     0, 0, 0, true, OFFICER_PURPOSE, run_keys_status},
    {"control history", "", "changes of the control room, newest first (administrators, officers)",
     "\n"
     "  vaultctl control history --limit 20\n",
     OPTION(OPT_LIMIT), 0, 0, true, CONTROL_PURPOSE, run_control_history},
    {"control show", "DOCUMENT", "a document in force, or as it was",
     DOCUMENT_NAMES "\n"
                    "  vaultctl control show policy >policy.json\n"
                    "  vaultctl control show persons --version 7\n",
     OPTION(OPT_VERSION), 1, 1, true, CONTROL_PURPOSE, run_control_show},
    {"control diff", "DOCUMENT FROM [TO]", "what a document has changed in between two versions",
     "TO is the version in force where it is not given.\n" DOCUMENT_NAMES "\n"
     "  vaultctl control diff policy 3\n"
     "  vaultctl control diff persons 3 9 --json\n",
     0, 2, 3, true, CONTROL_PURPOSE, run_control_diff},
    {"control check", "DOCUMENT FILE", "would the vault take this file? Changes nothing",
     "The first fault is told with line, column, path and how to mend it.\n" DOCUMENT_NAMES "\n"
     "  vaultctl control check policy policy.json\n",
     0, 2, 2, true, CONTROL_PURPOSE, run_control_check},
    {"control propose", "DOCUMENT FILE", "propose a document; an officer must approve it",
     "It replaces the document in force when enough officers have approved exactly this content, and nobody has "
     "changed\n"
     "that document meanwhile.\n" DOCUMENT_NAMES "\n"
     "  vaultctl control propose policy policy.json --ticket 'elder care, second quarter'\n",
     OPTION(OPT_EXPIRES) | OPTION(OPT_TICKET), 2, 2, true, CONTROL_PURPOSE, run_control_propose},
    {"approval list", "", "proposals that wait",
     "\n"
     "  vaultctl approval list\n",
     0, 0, 0, true, CONTROL_PURPOSE, run_approval_list},
    {"approval show", "APPROVAL", "who proposes what, and what it would change",
     "\n"
     "  vaultctl approval show approvals/5f0c...\n",
     0, 1, 1, true, CONTROL_PURPOSE, run_approval_show},
    {"approval approve", "APPROVAL", "consent to exactly this content (officers, not the proposer)",
     "\n"
     "  vaultctl approval approve approvals/5f0c... --digest 9b1e... --ticket 'seen with the data office'\n",
     OPTION(OPT_DIGEST) | OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_approval_approve},
    {"approval reject", "APPROVAL", "refuse a proposal (officers), or take back one's own",
     "\n"
     "  vaultctl approval reject approvals/5f0c... --ticket 'areas too wide'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_approval_reject},
    {"revoke certificate", "SHA256", "a certificate is refused from now on, on every node",
     "\n"
     "  vaultctl revoke certificate $(vaultctl certificate show stolen.crt --json | jq -r .sha256) --ticket 'laptop "
     "lost'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_revoke_certificate},
    {"revoke assertion-key", "DEPARTMENT/KID", "assertions signed with this key are refused from now on",
     "\n"
     "  vaultctl revoke assertion-key civil-affairs/civil-1 --ticket 'key on a lost stick'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_revoke_assertion_key},
    {"revoke person", "ID", "an acting person is suspended from now on",
     "\n"
     "  vaultctl revoke person grid-zhao --ticket 'contract ended early'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_revoke_person},
    {"persons import", "FILE", "acting persons from a table (CSV), proposed as the new document",
     "Columns: id, name, department, role, areas, contract_from, contract_until, suspended (or 编号, 姓名, 部门, "
     "角色,\n"
     "网格, 合同开始, 合同结束, 停用). Areas are apart by blanks. Rows replace persons of the same id; the others "
     "stay.\n"
     "\n"
     "  vaultctl persons import grid-workers.csv --ticket 'contracts of 2027'\n",
     OPTION(OPT_EXPIRES) | OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_persons_import},
    {"certificate show", "FILE", "digest and URI of a certificate, for principals.json (no server)",
     "\n"
     "  vaultctl certificate show eldercare.crt\n",
     0, 1, 1, false, NULL, run_certificate_show},
    {"health", "", "is the vault there, and can it write its log?",
     "\n"
     "  vaultctl health --server 127.0.0.1:7443\n",
     0, 0, 0, true, OFFICER_PURPOSE, run_health},
    {"assertion make", "", "an assertion for the acting person (no server)",
     "Signs a JWT with a department's key on P-256, a JWK or PEM file. It can be used once.\n"
     "\n"
     "  vaultctl assertion make --key civil-affairs.private.jwk --person grid-zhao --app eldercare \\\n"
     "      --department civil-affairs --audience resident-vault/dev --purpose elder-care >grid-zhao.jwt\n",
     OPTION(OPT_KEY) | OPTION(OPT_PERSON) | OPTION(OPT_APP) | OPTION(OPT_DEPARTMENT) | OPTION(OPT_AUDIENCE) |
         OPTION(OPT_PURPOSE) | OPTION(OPT_LIFETIME) | OPTION(OPT_KEY_ID),
     0, 0, false, NULL, run_assertion_make},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const char exits[] =
    "Exit codes: 0 done; 1 some items were refused; 2 wrong usage; 3 denied, or not authenticated;\n"
    "4 the vault is not there, too slow or too busy; 5 a wrong argument, or nothing found; 6 it failed;\n"
    "7 tampered; 8 incomplete, or stopped on the way; 9 unverifiable.\n";

static void help(void)
{
    enum { SUMMARIES = 48 }; /* the column where they begin: no name with its arguments is longer */
    puts("vaultctl: a client of Resident Vault\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        int width = printf("  vaultctl %s %s", commands[i].name, commands[i].arguments);
        printf("%*s%s\n", width < SUMMARIES - 1 ? SUMMARIES - width : 2, "", commands[i].summary);
    }
    puts("\nEvery command explains itself: vaultctl COMMAND --help. Options of every call:");
    options_help(options_of(&(command){.remote = true}));
    printf("\n%s", exits);
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
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t len = space ? (size_t)(space - commands[i].name) : strlen(commands[i].name);
        *used = space ? 2 : 1;
        if (count < *used || strlen(words[0]) != len || strncmp(words[0], commands[i].name, len) != 0) continue;
        if (!space || strcmp(words[1], space + 1) == 0) return &commands[i];
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
    return end;
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
    return c->command->remote ? open_and_run(c) : c->command->run(c);
}

int main(int argc, char **argv)
{
    size_t count = argc > 0 ? (size_t)argc - 1 : 0, used;
    char **words = argv + 1;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "help") == 0)) return help(), CTL_OK;
    const command *found = find(words, count, &used);
    if (!found) return fputs("vaultctl: which command? (vaultctl --help)\n", stderr), CTL_USAGE;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(MEMORY);
    ctl c = {.command = found, .mem = mem};
    return mem ? (int)run(&c, words + used, count - used) : CTL_FAILED;
}
