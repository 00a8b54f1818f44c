/* The commands of vaultctl, a row each. */
#include "vault/cli/internal.h"

#define DOCUMENT_NAMES "Documents: schema, principals, persons, purposes, policy, sharing, browsing.\n"

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
    {"issue", "[VALUE...]", "tokens for ID numbers, in the caller's own domain",
     "Prints a token a line, in the order of the values; - for what is refused. With --field another unique field "
     "names\n"
     "the residents, if the schema and a rule allow it.\n"
     "\n"
     "  vaultctl issue 11010519491231002X --purpose elder-care\n"
     "  vaultctl issue --field permit_number G38901549 --purpose population-register\n"
     "  vaultctl issue --file ids.txt --purpose elder-care >tokens.txt\n",
     OPTION(OPT_EMERGENCY) | OPTION(OPT_FILE) | OPTION(OPT_COLLECTION) | OPTION(OPT_FIELD) | OPTION(OPT_RECEIPT), 0,
     SIZE_MAX, true, NULL, run_issue},
    {"reveal", "[TOKEN...]", "fields of residents, by token",
     "The line that accounts for it stands in the log before a value leaves the vault.\n"
     "\n"
     "  vaultctl reveal rv1... --fields name,phone --purpose elder-care --ticket visit-2026-117 --assertion "
     "grid-zhao.jwt\n"
     "  vaultctl reveal rv1... --fields name,phone --masked --purpose elder-care --ticket call-list-11\n"
     "  vaultctl reveal --file tokens.txt --fields id_number --form token --purpose elder-care --ticket old-system\n"
     "  vaultctl reveal --file tokens.txt --fields name --purpose elder-care --ticket calls --receipt receipt.json\n",
     OPTION(OPT_EMERGENCY) | OPTION(OPT_APPROVAL) | OPTION(OPT_ASK_APPROVAL) | OPTION(OPT_FILE) | OPTION(OPT_FIELDS) |
         OPTION(OPT_FORM) | OPTION(OPT_MASKED) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET),
     0, SIZE_MAX, true, NULL, run_reveal},
    {"inspect", "[TOKEN...]", "what our own tokens are worth now",
     "A line for each: valid; expired (of an epoch that has ended: issue it anew); gone (erased or restricted).\n"
     "\n"
     "  vaultctl inspect rv1... --purpose elder-care\n"
     "  vaultctl inspect --file tokens.txt --purpose elder-care --json\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT), 0, SIZE_MAX, true, NULL, run_inspect},
    {"test", "PREDICATE [TOKEN...]", "a question about residents, answered by yes or no",
     "A line for each: yes, no, or unknown (the vault holds no such value). PREDICATE is one of `fields`. Where it\n"
     "compares: with --than, or with what stands behind the token, after a blank (then quote both, or use --file).\n"
     "\n"
     "  vaultctl test age_60 rv1... --purpose elder-care --ticket bus-pass-7\n"
     "  vaultctl test same_street --than rv1... --file tokens.txt --purpose elder-care --ticket neighbours\n",
     OPTION(OPT_EMERGENCY) | OPTION(OPT_APPROVAL) | OPTION(OPT_ASK_APPROVAL) | OPTION(OPT_FILE) | OPTION(OPT_THAN) |
         OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET),
     1, SIZE_MAX, true, NULL, run_predicate},
    {"restore", "FIELD [NUMBER...]", "the values behind numbers that `reveal --form token` gave",
     "A line for each: the value, a tab, the resident's token (none where we may not issue by the field). Of the\n"
     "natural key and of unique fields, for whoever may see them in plain.\n"
     "\n"
     "  vaultctl restore id_number 320411198007150139 --purpose elder-care --ticket old-system\n"
     "  vaultctl restore id_number --file numbers.txt --purpose elder-care --ticket old-system\n",
     OPTION(OPT_EMERGENCY) | OPTION(OPT_APPROVAL) | OPTION(OPT_ASK_APPROVAL) | OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) |
         OPTION(OPT_TICKET),
     1, SIZE_MAX, true, NULL, run_restore},
    {"handover create", "[TOKEN...]", "residents for another app, under a registered basis",
     "A line for each: what the receiver redeems for its own token. It ends in an hour, unless --until says "
     "otherwise.\n"
     "\n"
     "  vaultctl handover create rv1... --basis elder-care-to-clinic --purpose elder-care --ticket home-visit\n"
     "  vaultctl handover create --file tokens.txt --basis elder-care-to-clinic --until 2026-12-01 --purpose "
     "elder-care \\\n"
     "      --ticket checkups >handovers.txt\n",
     OPTION(OPT_FILE) | OPTION(OPT_BASIS) | OPTION(OPT_UNTIL) | OPTION(OPT_REQUEST_ID) | OPTION(OPT_RECEIPT) |
         OPTION(OPT_TICKET),
     0, SIZE_MAX, true, NULL, run_handover_create},
    {"handover redeem", "[HANDOVER...]", "our own tokens for handovers that we were given, once",
     "\n"
     "  vaultctl handover redeem rvh1... --purpose family-doctor --ticket home-visit\n"
     "  vaultctl handover redeem --file handovers.txt --purpose family-doctor --ticket checkups >tokens.txt\n",
     OPTION(OPT_FILE) | OPTION(OPT_REQUEST_ID) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL,
     run_handover_redeem},
    {"voucher create", "[TOKEN...]", "tokens with an end, for named fields",
     "Each may be redeemed --uses times (1), until --until (24 hours from now), by the app of --for, if its own rules\n"
     "allow it to see the fields.\n"
     "\n"
     "  vaultctl voucher create rv1... --fields name,phone --purpose elder-care --ticket meal-14\n"
     "  vaultctl voucher create --file tokens.txt --fields name --uses 12 --until 2027-01-01 --for clinic \\\n"
     "      --purpose elder-care --ticket vaccination >vouchers.txt\n",
     OPTION(OPT_FILE) | OPTION(OPT_FIELDS) | OPTION(OPT_FORM) | OPTION(OPT_MASKED) | OPTION(OPT_USES) |
         OPTION(OPT_UNTIL) | OPTION(OPT_FOR) | OPTION(OPT_REQUEST_ID) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET),
     0, SIZE_MAX, true, NULL, run_voucher_create},
    {"voucher redeem", "[VOUCHER...]", "the fields that vouchers are for; uses each up once",
     "A line for each, FIELD=VALUE apart by tabs. --json says how often it may still be redeemed.\n"
     "\n"
     "  vaultctl voucher redeem rvv1... --purpose elder-care --ticket meal-14\n",
     OPTION(OPT_FILE) | OPTION(OPT_REQUEST_ID) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL,
     run_voucher_redeem},
    {"voucher revoke", "[VOUCHER...]", "take back vouchers that we have made",
     "\n"
     "  vaultctl voucher revoke rvv1... --purpose elder-care --ticket meal-14-cancelled\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_voucher_revoke},
    {"get", "TOKEN", "a record: values, where they come from, and its version",
     "\n"
     "  vaultctl get rv1... --fields name,phone --purpose elder-care --ticket visit-2026-117\n",
     OPTION(OPT_FIELDS) | OPTION(OPT_FORM) | OPTION(OPT_MASKED) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 1, 1, true,
     NULL, run_get},
    {"update", "TOKEN FIELD=VALUE...", "change fields of a record, if it is still as it was read",
     "--version is what `get` has shown. A field whose owner says otherwise stays, and its owner is asked.\n"
     "\n"
     "  vaultctl update rv1... --version 3 phone=13912345678 --purpose population-register --ticket form-88\n",
     OPTION(OPT_VERSION) | OPTION(OPT_COLLECTED) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 2, SIZE_MAX, true, NULL,
     run_update},
    {"export", "TOKEN", "all that a purpose may export of one resident, as JSON",
     "What the resident asks to be given (PIPL 45), with the corrections that were asked for.\n"
     "\n"
     "  vaultctl export rv1... --out resident.json --purpose data-subject-request --ticket request-12\n",
     OPTION(OPT_APPROVAL) | OPTION(OPT_ASK_APPROVAL) | OPTION(OPT_OUT) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 1, 1,
     true, NULL, run_export},
    {"erase", "[TOKEN...]", "residents for good: data key, row and search terms are destroyed",
     "There is no way back: their tokens are those of nobody from then on, and who comes back is a new record. The\n"
     "log stays as it is. Where a law wants the record kept (\"term\" of the collection) it is restricted until then:\n"
     "stored, and shown to nobody. Needs a rule of action \"erase\".\n"
     "\n"
     "  vaultctl erase rv1... --purpose population-register --ticket 'request 31, moved abroad'\n"
     "  vaultctl erase --file tokens.txt --purpose population-register --ticket 'request 32' --receipt erased.json\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_erase},
    {"fields", "", "the fields of a collection, and what can be asked of them",
     "SEARCHED BY: kinds of index (`search`). ALSO: unique (`issue --field` takes it), token (`reveal --form token`).\n"
     "Below them the predicates (`test`). What we may do with each is for the policy to say.\n"
     "\n"
     "  vaultctl fields --purpose elder-care\n"
     "  vaultctl fields --collection housing --purpose population-register --json\n",
     OPTION(OPT_COLLECTION), 0, 0, true, NULL, run_fields},
    {"search", "CONDITION...", "tokens of residents, by what is known of them",
     "All conditions must hold, or --at-least K of them; then those that hold stand behind each token. A condition:\n"
     "\n"
     "  FIELD=VALUE,VALUE   one of these values           FIELD~PART        holds this part (2 characters and more)\n"
     "  FIELD%1234,5678     ends with one of these four   FIELD:LOW..HIGH   in this band; one end may be missing\n"
     "  FIELD@TOKEN         the same as this resident\n"
     "\n"
     "What may be asked of a field is its index (`fields` shows it), and a rule must allow it. Parts, bands and codes\n"
     "need --area, with prefixes of 9 digits (a street) or more. Bands of dates are years: any day of a year stands\n"
     "for it. In a list \\, is a comma that belongs to the value.\n"
     "\n"
     "  vaultctl search birth_date:..19511231 care_category=01 --area 320411002001,320411002002,320411002003 \\\n"
     "      --purpose elder-care --ticket winter-visits >tokens.txt\n"
     "  vaultctl search phone%5678 name~小明 birth_date:19510101 --at-least 2 --area 320411002 \\\n"
     "      --purpose elder-care --ticket desk-3\n"
     "  vaultctl search birth_date:..19511231 --area 320411002 --count --purpose elder-care --ticket plan-2027\n",
     OPTION(OPT_EMERGENCY) | OPTION(OPT_APPROVAL) | OPTION(OPT_ASK_APPROVAL) | OPTION(OPT_COLLECTION) |
         OPTION(OPT_AREA) | OPTION(OPT_COUNT) | OPTION(OPT_AT_LEAST) | OPTION(OPT_LIMIT) | OPTION(OPT_RECEIPT) |
         OPTION(OPT_TICKET),
     1, SIZE_MAX, true, NULL, run_search},
    {"browse", "", "records of an area, masked (administrators, officers)",
     "At most 20 rows (--limit), or as many as a permit says: an entry of the document `browsing`.\n"
     "\n"
     "  vaultctl browse --area 320411002001 --fields name,phone --ticket import-looks-odd\n"
     "  vaultctl browse --area 320411002001 --fields name,phone --permit spring-check --limit 200 --ticket "
     "spring-check\n",
     OPTION(OPT_AREA) | OPTION(OPT_FIELDS) | OPTION(OPT_COLLECTION) | OPTION(OPT_PERMIT) | OPTION(OPT_LIMIT) |
         OPTION(OPT_TICKET),
     0, 0, true, OFFICER_PURPOSE, run_browse},
    {"correction list", "[TOKEN]", "corrections that wait for us, or all of one record",
     "Without a token: those that wait, of fields that our department owns.\n"
     "\n"
     "  vaultctl correction list --values --purpose population-register\n",
     OPTION(OPT_VALUES) | OPTION(OPT_LIMIT), 0, 1, true, NULL, run_correction_list},
    {"correction accept", "[CORRECTION...]", "the wanted value becomes the field's",
     "\n"
     "  vaultctl correction accept corrections/117 --purpose population-register --ticket seen-id-card\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_correction_accept},
    {"correction decline", "[CORRECTION...]", "the field stays as it is",
     "\n"
     "  vaultctl correction decline corrections/117 --purpose population-register --ticket number-not-in-use\n",
     OPTION(OPT_FILE) | OPTION(OPT_RECEIPT) | OPTION(OPT_TICKET), 0, SIZE_MAX, true, NULL, run_correction_decline},
    {"trace", "FILE", "whose tokens are these? A list as it was found (officers)",
     "FILE has a pseudonym (rv1...) a line; - is standard input. It may have lost its prefix, up to four characters,\n"
     "or have two wrong ones; or be 16 bytes in hexadecimal or base64. --limit N shows lines of the log for each,\n"
     "newest first.\n"
     "\n"
     "  vaultctl trace leaked.txt --ticket incident-3\n"
     "  vaultctl trace - --limit 20 --json --ticket incident-3 <leaked.txt\n",
     OPTION(OPT_LIMIT) | OPTION(OPT_TICKET), 1, 1, true, OFFICER_PURPOSE, run_trace},
    {"audit checkpoint", "", "the newest signed checkpoint of the log",
     "A C2SP tlog-checkpoint. --json adds the verifier key that the vault itself names: compare it with the published "
     "one.\n"
     "\n"
     "  vaultctl audit checkpoint >checkpoint\n"
     "  vaultctl audit checkpoint --cosigned >checkpoint   # with the signatures of witnesses\n",
     OPTION(OPT_COSIGNED), 0, 0, true, OFFICER_PURPOSE, run_audit_checkpoint},
    {"audit proof", "LINE", "proof that a line stands in the log",
     "Prints a C2SP tlog-proof: leaf, index, path, checkpoint; `vault-verify proof` checks it.\n"
     "\n"
     "  vaultctl audit proof 117\n"
     "  vaultctl audit proof 117 --cosigned\n",
     OPTION(OPT_COSIGNED), 1, 1, true, OFFICER_PURPOSE, run_audit_proof},
    {"audit export", "[FILE]", "the log as files, for whoever verifies it without us",
     "--tiles DIR: checkpoint, tiles and entries of the whole log (c2sp.org/tlog-tiles). Goes on where the folder\n"
     "ends; its checkpoint is replaced last of all, when the files have its root: interrupted at any moment, the same\n"
     "command goes on. --range FIRST-LAST FILE: up to 1,048,576 lines with their path to the newest checkpoint.\n"
     "No view of a line is in either, only what is published. vault-verify checks both, without us.\n"
     "\n"
     "  vaultctl audit export --tiles /srv/log --log-key log.vkey\n"
     "  vaultctl audit export --tiles /srv/log --cosigned             # up to where witnesses have seen it\n"
     "  vaultctl audit export --range 4000-4999 case-17.lines --log-key log.vkey\n",
     OPTION(OPT_TILES) | OPTION(OPT_RANGE) | OPTION(OPT_COSIGNED) | OPTION(OPT_LOG_KEY) | OPTION(OPT_PROGRESS), 0, 1,
     true, OFFICER_PURPOSE, run_audit_export},
    {"audit query", "", "lines of the log (officers)",
     "All conditions given must hold. The query itself is a line. Names come from the register as it is now; lines\n"
     "hold ids.\n"
     "\n"
     "  vaultctl audit query --person grid-zhao --since 2026-11-01\n"
     "  vaultctl audit query --app eldercare --outcome refused --group-by person,clause\n"
     "  vaultctl audit query --action export --follow\n"
     "  vaultctl audit query --token rv1... --csv --receipts lines.json\n",
     OPTION(OPT_PERSON) | OPTION(OPT_TOKEN) | OPTION(OPT_OF_PURPOSE) | OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) |
         OPTION(OPT_LIMIT) | OPTION(OPT_APP) | OPTION(OPT_DEPARTMENT) | OPTION(OPT_FIELD) | OPTION(OPT_FORM) |
         OPTION(OPT_ACTION) | OPTION(OPT_OUTCOME) | OPTION(OPT_OF_TICKET) | OPTION(OPT_OF_REQUEST) |
         OPTION(OPT_GROUP_BY) | OPTION(OPT_FOLLOW) | OPTION(OPT_CSV) | OPTION(OPT_RECEIPTS) | OPTION(OPT_PROGRESS),
     0, 0, true, OFFICER_PURPOSE, run_audit_query},
    {"audit archive", "", "old lines of the log go to files that still verify (officers)",
     "Lines from before that moment, in whole tiles of 256, move to the archive folder of the nodes; the moment is as\n"
     "long ago as the log's retention at least. A job does it: each file is read back and proven before its lines go.\n"
     "What is asked of the log later is answered from the files, too: keep them, and keep them backed up.\n"
     "\n"
     "  vaultctl audit archive --before 2023-01-01 --ticket 'archive of 2022'\n"
     "  vaultctl audit archive --list\n"
     "  vault-verify archive --key log.vkey 0-65535.lines\n",
     OPTION(OPT_BEFORE) | OPTION(OPT_LIST), 0, 0, true, OFFICER_PURPOSE, run_audit_archive},
    {"audit report", "", "what a review of compliance asks for, counted (officers, administrators)",
     "Persons held; openings by purpose, department and form; refusals by reason; exports, break-glass and reviews,\n"
     "erasures, rotations, changes, traces. The whole log is read, of the time that is asked for (--timeout 300 where\n"
     "it is long). --html writes a page for people, in the language of the terminal.\n"
     "\n"
     "  vaultctl audit report --since 2026-01-01 --until 2027-01-01 --html report-2026.html\n"
     "  vaultctl audit report --since 2026-11-01 --json\n",
     OPTION(OPT_SINCE) | OPTION(OPT_UNTIL) | OPTION(OPT_HTML), 0, 0, true, OFFICER_PURPOSE, run_audit_report},
    {"audit verify", "", "has the log only grown, and is it whole?",
     "Checks the signature of the newest checkpoint, that it continues the one seen at the last visit, and with "
     "--lines that\n"
     "every line shown opens its leaf and that they have the signed root. With --rows the vault checks every row of a\n"
     "resident, too, and all of them against the sum in the log's head: an older row put back is found. The verdict "
     "is\n"
     "valid, tampered, incomplete (something is missing) or unverifiable (not with this key).\n"
     "\n"
     "  vaultctl audit verify --log-key log.vkey\n"
     "  vaultctl audit verify --log-key log.vkey --lines\n"
     "  vaultctl audit verify --log-key log.vkey --rows\n",
     OPTION(OPT_LOG_KEY) | OPTION(OPT_STATE) | OPTION(OPT_LINES) | OPTION(OPT_ROWS), 0, 0, true, OFFICER_PURPOSE,
     run_audit_verify},
    {"receipt verify", "FILE", "does a kept receipt prove its lines? (no server)",
     "\n"
     "  vaultctl receipt verify receipt.json --log-key log.vkey\n",
     OPTION(OPT_LOG_KEY), 1, 1, false, NULL, run_receipt_verify},
    {"receipt renew", "FILE", "lead the lines of a kept receipt to a checkpoint that witnesses have cosigned",
     "The receipt of a call comes with the call, when nobody can have witnessed it yet. A few seconds later each of "
     "its\n"
     "lines can be proven to a cosigned checkpoint: `vault-verify receipt --policy` asks for one. What the lines say, "
     "and\n"
     "what opens them, stays as it is. --out is written; or, where --log-key says whose checkpoint it is, the file "
     "itself.\n"
     "\n"
     "  vaultctl receipt renew receipt.json --out cosigned.json\n"
     "  vaultctl receipt renew receipt.json --log-key log.vkey\n",
     OPTION(OPT_OUT) | OPTION(OPT_LOG_KEY), 1, 1, true, OFFICER_PURPOSE, run_receipt_renew},
    {"keys list", "", "key rings and their versions, never a key (administrators, officers)",
     "\n"
     "  vaultctl keys list\n",
     0, 0, 0, true, OFFICER_PURPOSE, run_keys_list},
    {"keys show", "RING", "the versions of one ring, and its jobs",
     "\n"
     "  vaultctl keys show record\n"
     "  vaultctl keys show token/7 --json\n",
     0, 1, 1, true, OFFICER_PURPOSE, run_keys_show},
    {"keys rotate", "RING...", "a new version of rings, while the service runs (administrators)",
     "From now on the new version is the active one; a job brings over what is stored (keys progress). Rings: record,\n"
     "natural, control, log, term/FIELD, token/DOMAIN. With --suite a ring goes over to the other suite. Of a token\n"
     "ring --until is the end of the old tokens.\n"
     "\n"
     "  vaultctl keys rotate record --watch --ticket 'yearly rotation'\n"
     "  vaultctl keys rotate record --suite gm --ticket 'national suite'\n"
     "  vaultctl keys rotate token/7 --until 2027-03-01 --ticket 'new epoch for elder care'\n"
     "  vaultctl keys rotate term/name term/phone natural --ticket 'index of 2027'\n",
     OPTION(OPT_SUITE) | OPTION(OPT_RESEAL) | OPTION(OPT_UNTIL) | OPTION(OPT_WATCH) | OPTION(OPT_TICKET), 1, 64, true,
     CONTROL_PURPOSE, run_keys_rotate},
    {"keys progress", "[JOB]", "jobs, newest first: how far, how fast, until when (administrators, officers)",
     "\n"
     "  vaultctl keys progress\n"
     "  vaultctl keys progress jobs/17 --watch\n",
     OPTION(OPT_WATCH), 0, 1, true, CONTROL_PURPOSE, run_keys_progress},
    {"keys pause", "JOB", "a job stops after the rows at hand; both versions stay good",
     "\n"
     "  vaultctl keys pause jobs/17 --ticket 'load of November'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_keys_pause},
    {"keys resume", "JOB", "a job that was paused goes on where it was",
     "\n"
     "  vaultctl keys resume jobs/17 --ticket 'load is through'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_keys_resume},
    {"keys cancel", "JOB", "a job ends here; what it has done stays, and both versions stay good",
     "\n"
     "  vaultctl keys cancel jobs/17 --ticket 'once more with --reseal'\n",
     OPTION(OPT_TICKET), 1, 1, true, CONTROL_PURPOSE, run_keys_cancel},
    {"keys destroy", "RING VERSION", "a version that nothing needs any more, by two people",
     "Without --approval it is proposed; an officer approves it (approval show, approval approve); the same again\n"
     "with --approval destroys the key, and prints the certificate. Refused (STILL_NEEDED) while anything needs it.\n"
     "\n"
     "  vaultctl keys destroy record 1 --ticket 'yearly rotation'\n"
     "  vaultctl keys destroy record 1 --approval approvals/6f... --out record-1.certificate --ticket 'yearly'\n",
     OPTION(OPT_APPROVAL) | OPTION(OPT_OUT) | OPTION(OPT_TICKET), 2, 2, true, CONTROL_PURPOSE, run_keys_destroy},
    {"keys certificate", "RING VERSION", "the signed statement that a version was destroyed",
     "Anybody checks it with vault-verify and the log's public key.\n"
     "\n"
     "  vaultctl keys certificate record 1 --out record-1.certificate\n",
     OPTION(OPT_OUT), 2, 2, true, CONTROL_PURPOSE, run_keys_certificate},
    {"operator status", "", "whether a node is open, how its root key is kept, how far unsealing is",
     "Anybody may ask while the node is sealed; an open one tells administrators and officers.\n"
     "Exit code 4 where it is sealed, or there is no vault yet.\n"
     "\n"
     "  vaultctl operator status\n",
     0, 0, 0, true, CONTROL_PURPOSE, run_operator_status},
    {"operator init", "FOLDER", "make a vault in the empty database of a node, from the documents in FOLDER",
     "Shares are told once and kept nowhere. A passphrase is asked for, or read from --file.\n"
     "\n"
     "  vaultctl operator init documents --name resident-vault/district --root shares --shares 5 --threshold 3 \\\n"
     "      --ticket 'go-live'\n",
     OPTION(OPT_NAME) | OPTION(OPT_ROOT) | OPTION(OPT_SHARES) | OPTION(OPT_THRESHOLD) | OPTION(OPT_SUITE) |
         OPTION(OPT_FILE) | OPTION(OPT_TICKET),
     1, 1, true, CONTROL_PURPOSE, run_operator_init},
    {"operator unseal", "", "open a node: with one's share, the passphrase, or the key file of its config",
     "Asked for without echo, or read from --file (- is standard input), a share a line; never from the command line.\n"
     "Whoever completes it must be an administrator or officer. Shares are forgotten after ten minutes.\n"
     "\n"
     "  vaultctl operator unseal --server node-2:7443 --ticket 'restart after update'\n",
     OPTION(OPT_FILE) | OPTION(OPT_RESET) | OPTION(OPT_TICKET), 0, 0, true, CONTROL_PURPOSE, run_operator_unseal},
    {"operator seal", "", "seal every node: all keys are wiped (administrators, officers, alone)",
     "From their next call on, and over restarts, until each is unsealed by hand.\n"
     "\n"
     "  vaultctl operator seal --ticket 'incident 12'\n",
     OPTION(OPT_TICKET), 0, 0, true, CONTROL_PURPOSE, run_operator_seal},
    {"operator rekey", "", "another unseal key: new shares, a new passphrase, or a new key file; no node stops",
     "Two people: the first call leaves a proposal, which an officer approves; then the same with --approval.\n"
     "\n"
     "  vaultctl operator rekey --root shares --shares 5 --threshold 3 --ticket 'keeper 4 has left'\n"
     "  vaultctl operator rekey --root shares --shares 5 --threshold 3 --approval approvals/6f... --ticket 'keeper "
     "4'\n",
     OPTION(OPT_ROOT) | OPTION(OPT_SHARES) | OPTION(OPT_THRESHOLD) | OPTION(OPT_APPROVAL) | OPTION(OPT_FILE) |
         OPTION(OPT_TICKET),
     0, 0, true, CONTROL_PURPOSE, run_operator_rekey},
    {"operator rotate-root", "", "the same, and a new root key; other nodes must then be unsealed anew",
     "\n"
     "  vaultctl operator rotate-root --root shares --shares 5 --threshold 3 --ticket 'yearly'\n",
     OPTION(OPT_ROOT) | OPTION(OPT_SHARES) | OPTION(OPT_THRESHOLD) | OPTION(OPT_APPROVAL) | OPTION(OPT_FILE) |
         OPTION(OPT_TICKET),
     0, 0, true, CONTROL_PURPOSE, run_operator_rotate_root},
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
    {"backup create", "FOLDER", "a copy of the whole database, by PostgreSQL's own tools (no server)",
     "Every file is checked against its manifest at once. The root key is not in it: keep that elsewhere.\n"
     "\n"
     "  vaultctl backup create /backup/2026-11-22 --database 'host=/run/postgresql user=postgres dbname=vault'\n",
     OPTION(OPT_DATABASE), 1, 1, false, NULL, run_backup_create},
    {"backup verify", "FOLDER", "does our root key open it, and what lies under every key? (no server)",
     "On a private copy, FOLDER.verify, which goes again. Shares or a passphrase are read from --file, a line each.\n"
     "\n"
     "  vaultctl backup verify /backup/2026-11-22 --config /etc/resident-vault/vaultd.json\n",
     OPTION(OPT_CONFIG) | OPTION(OPT_ARCHIVE) | OPTION(OPT_FILE), 1, 1, false, NULL, run_backup_verify},
    {"backup restore", "FOLDER TARGET", "a new data folder for PostgreSQL, once the root key has opened it (no server)",
     "TARGET is empty, or not there. Nothing is written there before the key has opened a copy, and the copy has "
     "caught "
     "up\n"
     "with the checkpoint and the erasures that are kept outside.\n"
     "\n"
     "  vaultctl backup restore /backup/2026-11-22 /var/lib/postgresql/15/new --archive /archive \\\n"
     "      --config /etc/resident-vault/vaultd.json\n",
     OPTION(OPT_CONFIG) | OPTION(OPT_ARCHIVE) | OPTION(OPT_FILE) | OPTION(OPT_ACCEPT_LOSS), 2, 2, false, NULL,
     run_backup_restore},
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

const command *command_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : policy_command_at(i - COMMANDS);
}
