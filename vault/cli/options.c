#include "vault/cli/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option_row {
    const char *name;
    const char *value; /* NULL: a switch */
    const char *environment;
    const char *help;
} option_row;

static const option_row rows[OPTIONS] = {
    [OPT_SERVER] = {"server", "HOST:PORT", "VAULT_SERVER", "the vault"},
    [OPT_CA] = {"ca", "FILE", "VAULT_CA", "certificate authority of the vault, PEM"},
    [OPT_CERT] = {"cert", "FILE", "VAULT_CERT", "our certificate, PEM: it says who we are"},
    [OPT_KEY] = {"key", "FILE", "VAULT_KEY", "our private key, PEM"},
    [OPT_PURPOSE] = {"purpose", "ID", "VAULT_PURPOSE", "registered purpose of the call"},
    [OPT_TICKET] = {"ticket", "TEXT", "VAULT_TICKET", "reason, or ticket of the case; it goes into the log"},
    [OPT_ASSERTION] = {"assertion", "FILE", NULL, "JWT of the acting person (- reads standard input)"},
    [OPT_TIMEOUT] = {"timeout", "SECONDS", NULL, "how long a call may take (30)"},
    [OPT_JSON] = {"json", NULL, NULL, "JSON instead of tables"},
    [OPT_HELP] = {"help", NULL, NULL, "this text"},
    [OPT_FILE] = {"file", "FILE", NULL, "read items from a file, one a line (- is standard input)"},
    [OPT_FIELDS] = {"fields", "A,B", NULL, "names of fields"},
    [OPT_RECEIPT] = {"receipt", "FILE", NULL, "keep the receipt in a file; give it to `receipt verify`"},
    [OPT_PERSON] = {"person", "ID", NULL, "the acting person; of a canary the only one who meets it"},
    [OPT_TOKEN] = {"token", "TOKEN", NULL, "a token of the resident, of any domain"},
    [OPT_OF_PURPOSE] = {"of-purpose", "ID", NULL, "lines of this purpose; of an incident that of the tokens"},
    [OPT_SINCE] = {"since", "TIME", NULL, "from this time on (RFC 3339, or a date in China)"},
    [OPT_UNTIL] = {"until", "TIME", NULL, "before this time; of what is made (voucher, guardianship): its end"},
    [OPT_LIMIT] = {"limit", "N", NULL,
                   "at most N (100; of browse and leads 20; lines of trace: none; of canaries: how many, 1)"},
    [OPT_LOG_KEY] = {"log-key", "KEY", "VAULT_LOG_KEY",
                     "verifier key that the operator published: its text, or a file"},
    [OPT_STATE] = {"state", "FILE", "VAULT_STATE",
                   "where the last checkpoint is kept (~/.local/state/vaultctl/checkpoint)"},
    [OPT_LINES] = {"lines", NULL, NULL, "fetch and check every line too (officers)"},
    [OPT_APP] = {"app", "ID", NULL,
                 "lines of this app; of an incident the one that notifies; of an assertion the one that carries it"},
    [OPT_DEPARTMENT] =
        {"department", "ID", NULL,
         "lines of this department; of an assertion the one that vouches; of a canary the only one that meets it"},
    [OPT_AUDIENCE] = {"audience", "NAME", NULL, "name of the vault"},
    [OPT_LIFETIME] = {"lifetime", "SECONDS", NULL, "at most 900 (300)"},
    [OPT_KEY_ID] = {"key-id", "ID", NULL, "key id (that of the JWK, else the department)"},
    [OPT_VERSION] = {"version", "N", NULL,
                     "version N: of the record that was read; of the control room (else the one in force)"},
    [OPT_DIGEST] = {"digest", "HEX", NULL, "digest of what was looked at (approval show)"},
    [OPT_MASKED] = {"masked", NULL, NULL, "in the masked form: 张*, 138****5678"},
    [OPT_EXPIRES] = {"expires", "DAYS", NULL, "days until the proposal lapses (7; at most 30)"},
    [OPT_COLLECTION] = {"collection", "NAME", NULL, "collection of the schema (residents)"},
    [OPT_MAP] = {"map", "HEADING=FIELD", NULL, "the column of this heading is this field (may come again)"},
    [OPT_MAP_FILE] = {"map-file", "FILE", NULL, "JSON: {\"HEADING\": \"FIELD\", \"HEADING\": null (ignored)}"},
    [OPT_IGNORE] = {"ignore", "HEADING", NULL, "pass over the column of this heading (may come again)"},
    [OPT_SHOW_MAPPING] = {"show-mapping", NULL, NULL, "show which column is which field, and stop"},
    [OPT_DELIMITER] = {"delimiter", "C", NULL, "between columns: , or ; or tab (,)"},
    [OPT_ENCODING] = {"encoding", "NAME", NULL, "utf-8, gb18030, or auto: each row by itself (auto)"},
    [OPT_COLLECTED] = {"collected", "TIME", NULL, "when the department collected the data (else: now)"},
    [OPT_REJECTS] = {"rejects", "FILE", NULL, "where rejected rows go (FILE.rejects.csv)"},
    [OPT_PART] = {"part", "N", NULL, "rows in a part that is acknowledged (4096)"},
    [OPT_PATIENCE] = {"patience", "SECONDS", NULL, "how long a vault that is not there is waited for (300)"},
    [OPT_DRY_RUN] = {"dry-run", NULL, NULL, "check and compare all, write nothing, report the quality"},
    [OPT_AGAIN] = {"again", NULL, NULL, "from the first row, whatever was imported before"},
    [OPT_PROGRESS] = {"progress", NULL, NULL, "show progress where stderr is no terminal, too"},
    [OPT_FORM] = {"form", "FORM", NULL,
                  "plain, masked (张*, 138****5678), token (another valid number), or of reveal: strongest (plain)"},
    [OPT_FIELD] = {"field", "NAME", NULL,
                   "the field that names the residents (the ID number); of lines one that they name"},
    [OPT_THAN] = {"than", "VALUE", NULL, "compare with this value, or with the resident of this token"},
    [OPT_BASIS] = {"basis", "ID", NULL, "the registered basis of the sharing"},
    [OPT_USES] = {"uses", "N", NULL, "how often each may be redeemed (1)"},
    [OPT_FOR] = {"for", "APP", NULL, "the app that may redeem them (else: ourselves)"},
    [OPT_REQUEST_ID] = {"request-id", "ID", NULL,
                        "that of a call whose end is not known: done again, it does nothing twice"},
    [OPT_OUT] = {"out", "FILE", NULL, "into this file, which only we can read"},
    [OPT_AREA] = {"area", "A,B", NULL, "prefixes of the area code"},
    [OPT_COUNT] = {"count", NULL, NULL, "only how many there are"},
    [OPT_AT_LEAST] = {"at-least", "K", NULL, "K of the conditions must hold (all)"},
    [OPT_PERMIT] = {"permit", "ID", NULL, "the permit, for more than 20 rows"},
    [OPT_SUITE] = {"suite", "NAME", NULL, "intl (AES, SHA-256, Ed25519) or gm (SM4, SM3, SM2)"},
    [OPT_RESEAL] = {"reseal", NULL, NULL, "every value under a new data key, too, not the data keys alone"},
    [OPT_APPROVAL] = {"approval", "NAME", NULL, "the approval of what was proposed, or asked for, by the same command"},
    [OPT_ASK_APPROVAL] = {"ask-approval", NULL, NULL, "ask officers to approve just this call, in its place"},
    [OPT_EMERGENCY] = {"emergency", "NAME", NULL, "under this break-glass, which the acting person has opened"},
    [OPT_JUSTIFIED] = {"justified", NULL, NULL, "there was need for it"},
    [OPT_UNJUSTIFIED] = {"unjustified", NULL, NULL, "there was none: its person is suspended"},
    [OPT_NOTE] = {"note", "TEXT", NULL, "what the review has found; it is kept"},
    [OPT_WAITING] = {"waiting", NULL, NULL, "those alone that wait for their review"},
    [OPT_GUARDIAN] = {"guardian", "TOKEN", NULL, "who asks, where it is a guardian in the register"},
    [OPT_KIND] = {"kind", "KIND", NULL, "parent (of a child), court or committee"},
    [OPT_RETIRED] = {"retired", NULL, NULL, "those that were retired, too"},
    [OPT_HTML] = {"html", "FILE", NULL, "a page for people, into this file"},
    [OPT_WATCH] = {"watch", NULL, NULL, "wait until it has ended, and say how far it is"},
    [OPT_ROWS] = {"rows", NULL, NULL, "and let the vault check every resident's row (officers, administrators)"},
    [OPT_NAME] = {"name", "NAME", NULL, "of the new vault: a-z, 0-9, '.', '/', '-'"},
    [OPT_ROOT] = {"root", "HOW", NULL, "how the root key is kept: shares, passphrase, or file (of the node's config)"},
    [OPT_SHARES] = {"shares", "N", NULL, "shares in all, 2 to 16"},
    [OPT_THRESHOLD] = {"threshold", "K", NULL, "shares that are needed"},
    [OPT_RESET] = {"reset", NULL, NULL, "forget the shares that were entered on this node"},
    [OPT_CONFIG] = {"config", "FILE", NULL, "of vaultd: it says where the root key is, and what is kept outside"},
    [OPT_DATABASE] = {"database", "CONNINFO", NULL, "the server, as libpq takes it; a role that may replicate"},
    [OPT_ARCHIVE] = {"archive", "FOLDER", NULL, "the server's log since the backup (archive_command, pg_receivewal)"},
    [OPT_ACCEPT_LOSS] = {"accept-loss", NULL, NULL, "restore it although it is older than what is kept outside"},
    [OPT_WITH] = {"with", "DOCUMENT=FILE", NULL, "this file in the place of a document in force (may come again)"},
    [OPT_DAYS] = {"days", "N", NULL, "and rules that no line of the last N days was granted by (officers)"},
    [OPT_LINE] = {"line", "N", NULL, "line N of the log (officers)"},
    [OPT_TILES] = {"tiles", "DIR", NULL, "the whole log, into this folder (c2sp.org/tlog-tiles)"},
    [OPT_RANGE] = {"range", "FIRST-LAST", NULL, "these lines, into FILE"},
    [OPT_SEEN] = {"seen", "TIME", NULL, "when the list was seen first (RFC 3339, or a date in China)"},
    [OPT_COLUMNS] = {"columns", "A,B", NULL, "what each column holds: a field, token, or - for one not looked at"},
    [OPT_REPORT] = {"report", "FILE", NULL, "an HTML page for people, with evidence"},
    [OPT_EVIDENCE] = {"evidence", "N", NULL, "lines of the log for each lead (5)"},
    [OPT_ACTION] = {"action", "NAME", NULL, "lines of this action: reveal, export, issue, search, ..."},
    [OPT_OUTCOME] = {"outcome", "NAME", NULL, "granted, refused or failed"},
    [OPT_OF_TICKET] = {"of-ticket", "TEXT", NULL, "lines of this ticket"},
    [OPT_OF_REQUEST] = {"of-request", "ID", NULL, "lines of this call"},
    [OPT_GROUP_BY] = {"group-by", "A,B", NULL,
                      "count them by: action, outcome, app, department, person, purpose, field, form, rule, clause, "
                      "street, day, hour"},
    [OPT_FOLLOW] = {"follow", NULL, NULL, "go on with what is new, until it is ended or --limit is reached"},
    [OPT_CSV] = {"csv", NULL, NULL, "comma-separated, with a line of headings"},
    [OPT_RECEIPTS] = {"receipts", "FILE", NULL, "keep each line with its proof in a file; give it to `receipt verify`"},
    [OPT_BEFORE] = {"before", "TIME", NULL, "up to that moment (RFC 3339, or a date in China)"},
    [OPT_LIST] = {"list", NULL, NULL, "only show what there is"},
    [OPT_COSIGNED] = {"cosigned", NULL, NULL, "the newest checkpoint that witnesses have cosigned"},
    [OPT_VALUES] = {"values", NULL, NULL, "show the values, too"},
};

static const option_set many = OPTION(OPT_MAP) | OPTION(OPT_IGNORE) | OPTION(OPT_WITH); /* may come more than once */
static const option_set every_call = OPTION(OPT_SERVER) | OPTION(OPT_CA) | OPTION(OPT_CERT) | OPTION(OPT_KEY) |
                                     OPTION(OPT_PURPOSE) | OPTION(OPT_TICKET) | OPTION(OPT_ASSERTION) |
                                     OPTION(OPT_TIMEOUT);

option_set options_of(const command *c)
{
    return c->options | OPTION(OPT_JSON) | OPTION(OPT_HELP) | (c->remote ? every_call : 0);
}

void options_help(option_set set)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!(set & OPTION(i))) continue;
        const option_row *r = &rows[i];
        int width = printf("  --%s%s%s", r->name, r->value ? " " : "", r->value ? r->value : "");
        printf("%*s%s%s%s%s\n", width < 24 ? 24 - width : 1, "", r->help, r->environment ? " (else " : "",
               r->environment ? r->environment : "", r->environment ? ")" : "");
    }
}

/* The option of a word "--name" or "--name=value"; OPTIONS when there is none. */
static size_t find_option(const char *word)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strlen(rows[i].name) == len && strncmp(rows[i].name, word, len) == 0) return i;
    }
    return OPTIONS;
}

/* Takes one option, and the word after it where that is its value. Returns the words used, 0 for a mistake. */
static size_t take_option(ctl *c, char **words, size_t left, const char **what)
{
    size_t id = find_option(words[0] + 2);
    const char *equals = strchr(words[0], '=');
    *what = words[0];
    if (id == OPTIONS || !(options_of(c->command) & OPTION(id))) return 0;
    if (!rows[id].value) {
        c->options[id] = "yes";
        return equals ? 0 : 1;
    }
    if (!equals && left < 2) return 0;
    const char *value = equals ? equals + 1 : words[1];
    if (!value || !*value) return 0; /* a condition that is empty, as of a variable that was not set, is none at all */
    if ((many & OPTION(id)) && c->options[id]) value = arena_format(c->mem, "%s\n%s", c->options[id], value);
    c->options[id] = value;
    return equals ? 1 : value ? 2 : 0;
}

static void take_environment(ctl *c)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *value = rows[i].environment ? getenv(rows[i].environment) : NULL;
        if (!c->options[i] && value && *value && (options_of(c->command) & OPTION(i))) c->options[i] = value;
    }
}

bool options_parse(ctl *c, char **words, size_t count, const char **what)
{
    bool ended = false;
    c->arguments = arena_array(c->mem, count + 1, sizeof *c->arguments);
    if (!c->arguments) return *what = "too many words", false;
    for (size_t i = 0; i < count;) {
        size_t used = 1;
        if (!ended && strcmp(words[i], "--") == 0)
            ended = true;
        else if (!ended && strncmp(words[i], "--", 2) == 0)
            used = take_option(c, words + i, count - i, what);
        else
            c->arguments[c->count++] = words[i];
        if (used == 0) return false;
        i += used;
    }
    take_environment(c);
    return true;
}

int64_t option_number(const ctl *c, option_id id, int64_t otherwise, int64_t most)
{
    if (!c->options[id]) return otherwise;
    char *end;
    long long value = strtoll(c->options[id], &end, 10);
    return *end || end == c->options[id] || value < 1 || value > most ? -1 : (int64_t)value;
}

ctl_exit usage_error(const ctl *c, const char *format, ...)
{
    va_list list;
    fputs("vaultctl: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, " (vaultctl %s --help)\n", c->command->name);
    return CTL_USAGE;
}
