/* The commands of vaultctl that are about leaked lists, a row each. */
#include "vault/cli/internal.h"

static const command commands[] = {
    {"audit trace", "FILE|LEAK", "who can have leaked this list? Ranked leads, not proof (officers)",
     "First with FILE, as it was found: CSV, JSON lines or bare lines, with headings or without, UTF-8 or GB18030.\n"
     "Columns are known by their headings, else by what stands in them: tokens, ID numbers, mobile numbers, dates,\n"
     "names, addresses; --columns says otherwise (- is not looked at). The list is sealed in the vault, and waits for\n"
     "another officer. Then with LEAK, the case: the leads, a report for people (--report) and the evidence, lines of\n"
     "the log with their proofs (--receipts, for `vault-verify receipt`).\n"
     "\n"
     "  vaultctl audit trace found.csv --seen 2026-11-20 --ticket incident-7\n"
     "  vaultctl audit trace found.txt --columns name,phone,- --delimiter ' ' --seen 2026-11-20 --ticket incident-7\n"
     "  vaultctl audit trace leaks/5f0c... --report incident-7.html --receipts evidence.json --ticket incident-7\n"
     "  vaultctl audit trace leaks/5f0c... --evidence 50 --json --ticket incident-7 >incident-7.json\n",
     OPTION(OPT_SEEN) | OPTION(OPT_COLUMNS) | OPTION(OPT_COLLECTION) | OPTION(OPT_DELIMITER) | OPTION(OPT_ENCODING) |
         OPTION(OPT_REPORT) | OPTION(OPT_EVIDENCE) | OPTION(OPT_LIMIT) | OPTION(OPT_RECEIPTS) | OPTION(OPT_TICKET),
     1, 1, true, OFFICER_PURPOSE, run_audit_trace},
    {"leak list", "", "cases of leaked lists that are open, or wait for approval (officers)",
     "\n"
     "  vaultctl leak list\n",
     0, 0, 0, true, OFFICER_PURPOSE, run_leak_list},
    {"leak close", "LEAK", "a case is over: the list and its key are destroyed (officers)",
     "What was found stays in the reports that were kept. After 90 days a case ends by itself.\n"
     "\n"
     "  vaultctl leak close leaks/5f0c... --ticket incident-7\n",
     OPTION(OPT_TICKET), 1, 1, true, OFFICER_PURPOSE, run_leak_close},
    {"incident", "LEAK", "whom a leaked list is about, as tokens of who notifies them, and a draft notice (officers)",
     "Once the case is approved. Those whom a row names alone, without canaries; a line of the log for each. The\n"
     "notice has the points of PIPL 57, as far as the vault knows them. --app and --of-purpose: who notifies, and for\n"
     "what; the tokens are of that domain, and go into --out, which nobody else may read.\n"
     "\n"
     "  vaultctl incident leaks/5f0c... --app eldercare --of-purpose elder-care --out tokens.txt --ticket incident-7\n",
     OPTION(OPT_APP) | OPTION(OPT_OF_PURPOSE) | OPTION(OPT_OUT) | OPTION(OPT_TICKET), 1, 1, true, OFFICER_PURPOSE,
     run_incident},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const command *leak_command_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : NULL;
}
