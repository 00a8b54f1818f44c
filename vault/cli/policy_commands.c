/* The commands of vaultctl that are about policies, a row each. */
#include "vault/cli/internal.h"

#define DRAFTS OPTION(OPT_WITH)

static const command commands[] = {
    {"policy validate", "FILE", "would the vault take this policy? Changes nothing",
     "The first fault is told with line, column, path and how to mend it.\n"
     "\n"
     "  vaultctl policy validate policy.json\n",
     0, 1, 1, true, CONTROL_PURPOSE, run_policy_validate},
    {"policy test", "CASES [FILE]", "does the policy say what the cases expect?",
     "CASES is a file of cases: facts, and what is expected of them. FILE is a policy that is not in force yet. Rules\n"
     "and prohibitions that no case has met are named. Exit code 1: a case failed.\n"
     "\n"
     "  vaultctl policy test policy_cases.json\n"
     "  vaultctl policy test policy_cases.json policy.json --with purposes=purposes.json\n",
     DRAFTS, 1, 2, true, CONTROL_PURPOSE, run_policy_test},
    {"policy explain", "[FACT=VALUE...]", "why a call is refused, or by what it is allowed",
     "Of facts that are given; of a line of the log (officers); or of a call that waits for approval. Facts: "
     "consumer,\n"
     "purpose, action, fields, form, person (or role and own-areas), time (of Shanghai), ticket, residents,\n"
     "approved=yes, break-glass=yes; of the resident area, of, not-of, consent=yes, completes. An app may ask about\n"
     "calls of its own. Exit code 1: it is refused.\n"
     "\n"
     "  vaultctl policy explain consumer=eldercare purpose=elder-care action=reveal fields=name,phone \\\n"
     "      person=grid-zhao time=2026-03-01T22:00 area=320411002001 not-of=child\n"
     "  vaultctl policy explain --line 4711\n"
     "  vaultctl policy explain --approval approvals/5f0c...\n",
     DRAFTS | OPTION(OPT_LINE) | OPTION(OPT_APPROVAL), 0, 32, true, CONTROL_PURPOSE, run_policy_explain},
    {"policy diff", "[FILE]", "who gains and who loses what by another policy",
     "In access, not in text: rules that say the same in other words are no difference. FILE, or what waits for\n"
     "approval, or (without both) what is in force, is compared with what is in force, or with a former version.\n"
     "\n"
     "  vaultctl policy diff policy.json\n"
     "  vaultctl policy diff --approval approvals/5f0c...\n"
     "  vaultctl policy diff --version 7\n",
     DRAFTS | OPTION(OPT_APPROVAL) | OPTION(OPT_VERSION), 0, 1, true, CONTROL_PURPOSE, run_policy_diff},
    {"policy who-can", "FIELD", "who may see a field, or bring it",
     "\n"
     "  vaultctl policy who-can care_category\n"
     "  vaultctl policy who-can phone --form plain --area 320411002\n",
     DRAFTS | OPTION(OPT_FORM) | OPTION(OPT_AREA), 1, 1, true, CONTROL_PURPOSE, run_policy_who_can},
    {"policy what-can", "[CONSUMER]", "what an app, or a person, may see",
     "\n"
     "  vaultctl policy what-can eldercare\n"
     "  vaultctl policy what-can --person grid-zhao\n",
     DRAFTS | OPTION(OPT_PERSON), 0, 1, true, CONTROL_PURPOSE, run_policy_what_can},
    {"policy lint", "[FILE]", "rules that are over-wide, in conflict, shadowed, expired or never met",
     "Never met: with --days, and for officers alone, as it reads the log. Exit code 1: something was found.\n"
     "\n"
     "  vaultctl policy lint\n"
     "  vaultctl policy lint --days 90\n",
     DRAFTS | OPTION(OPT_DAYS), 0, 1, true, CONTROL_PURPOSE, run_policy_lint},
    {"policy simulate", "[FILE]", "what of the log would have been decided otherwise (officers)",
     "Decides the lines of the log again, by FILE in the place of the policy in force. What the log does not hold\n"
     "(classes of a resident, consents, budgets) is not guessed: such lines are counted as open. Exit code 1: "
     "something\n"
     "that was granted would have been refused.\n"
     "\n"
     "  vaultctl policy simulate policy.json --since 2026-11-01\n",
     DRAFTS | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_LIMIT) | OPTION(OPT_PROGRESS), 0, 1, true,
     OFFICER_PURPOSE, run_policy_simulate},
    {"policy budgets", "[BUDGET]", "how far budgets are spent in their present periods",
     "By budget, and by person, app or purpose that it counts for.\n"
     "\n"
     "  vaultctl policy budgets\n"
     "  vaultctl policy budgets grid-day\n",
     OPTION(OPT_LIMIT), 0, 1, true, CONTROL_PURPOSE, run_policy_budgets},
    {"policy recount", "", "are the counters of budgets what the log says? (officers)",
     "Counts the present periods anew, from the lines. Who can write to the database can set a counter back; the "
     "lines\n"
     "name what counted them. Exit code 7: a counter is not what the log says.\n"
     "\n"
     "  vaultctl policy recount --ticket 'monthly check'\n",
     OPTION(OPT_PROGRESS), 0, 0, true, OFFICER_PURPOSE, run_policy_recount},
    {"policy propose", "FILE", "propose a policy; an officer must approve it",
     "\n"
     "  vaultctl policy propose policy.json --ticket 'elder care, second quarter'\n",
     OPTION(OPT_EXPIRES) | OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_policy_propose},
    {"policy activate", "APPROVAL", "consent to exactly this policy (officers, not the proposer)",
     "The last approval that is needed puts it in force, on every node from its next batch on.\n"
     "\n"
     "  vaultctl policy activate approvals/5f0c... --digest 9b1e... --ticket 'seen with the data office'\n",
     OPTION(OPT_DIGEST) | OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_policy_activate},
    {"policy rollback", "VERSION", "propose the policy as it was at a former version",
     "An officer must approve it, as any other.\n"
     "\n"
     "  vaultctl policy rollback 7 --ticket 'too narrow for the flood'\n",
     OPTION(OPT_EXPIRES) | OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_policy_rollback},
    {"policy history", "", "changes of what decides who may see what, newest first",
     "\n"
     "  vaultctl policy history --limit 20\n",
     OPTION(OPT_LIMIT), 0, 0, true, CONTROL_PURPOSE, run_policy_history},
    {"consent grant", "[TOKEN...]", "residents have agreed to the purpose",
     "Written into their records, with a line. With --until it ends by itself.\n"
     "\n"
     "  vaultctl consent grant rv1... --purpose elder-care/meal-service --ticket form-77\n"
     "  vaultctl consent grant --file tokens.txt --until 2027-12-31 --purpose elder-care/meal-service --ticket "
     "forms-2026\n",
     OPTION(OPT_FILE) | OPTION(OPT_UNTIL) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL,
     run_consent_grant},
    {"consent withdraw", "[TOKEN...]", "residents have withdrawn their consent",
     "From the next request on nothing is shown that rests on it.\n"
     "\n"
     "  vaultctl consent withdraw rv1... --purpose elder-care/meal-service --ticket call-12\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_consent_withdraw},
    {"consent show", "[TOKEN...]", "what residents have said about the purpose",
     "A line for each: none, given, withdrawn or expired, and since when. The nearest word counts: of the purpose\n"
     "itself, else of the one above it.\n"
     "\n"
     "  vaultctl consent show rv1... --purpose elder-care/meal-service --ticket call-12\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_consent_show},
    {"history", "TOKEN", "who has seen the resident's data: for the resident, or a guardian",
     "When, which department, for what purpose, which groups of fields and on what basis, newest first. Never the\n"
     "official. What the law withholds for a time appears when that is over. --receipts keeps a proof of each entry.\n"
     "Needs a rule of action \"history\".\n"
     "\n"
     "  vaultctl history rv1... --purpose elder-care --ticket desk-12\n"
     "  vaultctl history rv1... --guardian rv1... --receipts history.json --purpose elder-care --ticket desk-12\n",
     OPTION(OPT_GUARDIAN) | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_LIMIT) | OPTION(OPT_RECEIPTS) |
         OPTION(OPT_TICKET),
     1, 1, true, NULL, run_history},
    {"guardian record", "GUARDIAN [TOKEN...]", "who may ask for these residents, from now on",
     "Written into their records, with a line. A parent is a child's, until the 18th birthday; with --until it ends "
     "by\n"
     "itself. Needs a rule of action \"guardian\".\n"
     "\n"
     "  vaultctl guardian record rv1... rv1... --kind parent --purpose elder-care --ticket family-book-7\n"
     "  vaultctl guardian record rv1... --file wards.txt --kind court --until 2027-12-31 --purpose elder-care \\\n"
     "      --ticket ruling-31\n",
     OPTION(OPT_FILE) | OPTION(OPT_KIND) | OPTION(OPT_UNTIL) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 1, SIZE_MAX,
     true, NULL, run_guardian_record},
    {"guardian end", "GUARDIAN [TOKEN...]", "the same one is their guardian no more",
     "\n"
     "  vaultctl guardian end rv1... rv1... --purpose elder-care --ticket ruling-32\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 1, SIZE_MAX, true, NULL, run_guardian_end},
    {"guardian show", "[TOKEN...]", "who is in the register as their guardian",
     "A line for each: kind and token of every guardian, and whether it has ended.\n"
     "\n"
     "  vaultctl guardian show rv1... --purpose elder-care --ticket desk-12\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_guardian_show},
    {"emergency open", "REASON", "break the glass: immediate access, for few residents and few hours",
     "Where a rule allows it to the acting person for the purpose. The officers are told at once, and must review it; "
     "if\n"
     "they do not in time, the person is suspended. REASON has 10 characters or more. Calls then name it: "
     "--emergency.\n"
     "\n"
     "  vaultctl emergency open '三号楼起火，需核对住户' --purpose elder-care/emergency --assertion grid-zhao.jwt "
     "--ticket "
     "fire-3\n"
     "  vaultctl reveal rv1... --fields health_status --emergency emergencies/5f0c... --assertion grid-zhao-2.jwt \\\n"
     "      --purpose elder-care/emergency --ticket fire-3\n",
     OPTION(OPT_TICKET), 1, 1, true, NULL, run_emergency_open},
    {"emergency list", "", "break-glasses, newest first (officers, administrators)",
     "\n"
     "  vaultctl emergency list --waiting\n",
     OPTION(OPT_WAITING), 0, 0, true, CONTROL_PURPOSE, run_emergency_list},
    {"emergency review", "EMERGENCY", "was there need for it? It ends, and (if not) the person is suspended (officers)",
     "\n"
     "  vaultctl emergency review emergencies/5f0c... --justified --note 'as the brigade reports' --ticket fire-3\n",
     OPTION(OPT_JUSTIFIED) | OPTION(OPT_UNJUSTIFIED) | OPTION(OPT_NOTE) | OPTION(OPT_TICKET), 1, 1, true,
     CONTROL_PURPOSE, run_emergency_review},
    {"canary create", "", "fictitious residents: whoever opens one was looking where nobody had to look (officers)",
     "Their identifiers pass the checks of their formats, and are nobody's. With --department or --person nobody else\n"
     "ever meets them. Keep the list to yourself: it is what makes them worth something. --limit says how many (1).\n"
     "\n"
     "  vaultctl canary create --area 320411002003001 --limit 5 --ticket 'street 2, autumn'\n"
     "  vaultctl canary create --area 320411002003 --person grid-zhao --ticket 'case 12'\n",
     OPTION(OPT_AREA) | OPTION(OPT_DEPARTMENT) | OPTION(OPT_PERSON) | OPTION(OPT_COLLECTION) | OPTION(OPT_LIMIT) |
         OPTION(OPT_TICKET),
     0, 0, true, OFFICER_PURPOSE, run_canary_create},
    {"canary list", "", "canaries, who can meet them, and how often they were used (officers)",
     "\n"
     "  vaultctl canary list\n"
     "  vaultctl canary list --values --retired --json\n",
     OPTION(OPT_VALUES) | OPTION(OPT_RETIRED), 0, 0, true, OFFICER_PURPOSE, run_canary_list},
    {"canary retire", "CANARY", "erase one; its uses stay in the log (officers)",
     "\n"
     "  vaultctl canary retire canaries/5f0c... --ticket 'street 2, autumn'\n",
     OPTION(OPT_TICKET), 1, 1, true, OFFICER_PURPOSE, run_canary_retire},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const command *policy_command_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : leak_command_at(i - COMMANDS);
}
