# shellcheck shell=bash disable=SC2154
# Sourced by ./dev: what is particular to this vault (its registers, its configuration), and the tour.
# From ./dev: state, root, programs, vaultd, vaultctl, generate, conninfo, port, metrics_port; say, step, die.

documents=${VAULT_DEV_DOCUMENTS:-$root/deploy/dev}
registers=(schema principals persons purposes policy sharing browsing)   # $documents/NAME.json

# --- registers and configuration ---

# The example registers, with the keys made here for the departments, the fingerprints of the certificates, and rules,
# contracts and assessments that hold this year.
make_registers()
{
    local department file id edits=$state/edits
    mkdir -p -- "$state/init"
    for file in "${registers[@]}"; do cp -- "$documents/$file.json" "$state/init/$file.json.new"; done
    for department in $(departments); do
        [[ -s $state/ca/$department.jwk && -s $state/ca/$department.private.jwk ]] || tests/support/ca jwk "$state/ca" "$department" >/dev/null
        echo "/\"id\": \"$department\"/ s|\"assertion_keys\": \[\]|\"assertion_keys\": [$(<"$state/ca/$department.jwk")]|"
    done >"$edits"
    for id in $(principals | cut -d' ' -f1); do
        echo "/\"id\": \"$id\"/ s|\"certificates\": \[\]|\"certificates\": [{\"sha256\": \"$(fingerprint "$id")\"}]|"
    done >>"$edits"
    sed -i -f "$edits" "$state/init/principals.json.new"
    sed -i -E "s/\"from\": \"[0-9]{4}-01-01\"/\"from\": \"2025-01-01\"/; s/\"until\": \"[0-9]{4}-12-31\"/\"until\": \"$(($(date +%Y) + 1))-12-31\"/" \
        "$state"/init/{policy,persons,purposes,sharing}.json.new
    for file in "${registers[@]}"; do mv -- "$state/init/$file.json.new" "$state/init/$file.json"; done
    rm -f -- "$edits"
}

departments() { sed -n 's/.*"id": "\([^"]*\)".*"assertion_keys".*/\1/p' "$documents/principals.json"; }

principals() { sed -n 's/.*"id": "\([^"]*\)".*"uri": "\([^"]*\)".*/\1 \2/p' "$documents/principals.json"; }   # ID URI

# A certificate for everyone who has a URI in principals.json; the file has the name of the id.
make_certificates()
{
    local id uri
    tests/support/ca make "$state/ca"
    principals | while read -r id uri; do
        [[ -s $state/ca/$id.key && $state/ca/$id.crt -nt $state/ca/ca.crt ]] || tests/support/ca client "$state/ca" "$id" "$uri"
    done
}

fingerprint() { openssl x509 -in "$state/ca/$1.crt" -outform DER | sha256sum | cut -d' ' -f1; }   # ID

write_config()
{
    mkdir -p -- "$state/archive"
    cat >"$state/vaultd.json" <<TEXT
{
  "listen": "127.0.0.1:$port",
  "metrics": "127.0.0.1:$metrics_port",
  "database": "$conninfo",
  "root_key": {"file": "$state/root.key", "unattended_restart": true},
  "tls": {"ca": "$state/ca/ca.crt", "certificate": "$state/ca/server.crt", "key": "$state/ca/server.key"},
  "checkpoint_file": "$state/checkpoint",
  "archive_folder": "$state/archive",
  "witness_policy": "$state/witness.policy"
}
TEXT
}

# vaultctl's defaults, for this shell and for another terminal (`. .dev/env`).
point_vaultctl()
{
    {
        echo "# . ${state/#$root\//}/env: vaultctl is pointed at this vault, as the app eldercare; \`as NAME COMMAND\` is somebody else."
        printf 'export %s=%q\n' VAULT_DEV "$state" VAULT_PROGRAMS "$(dirname "$vaultctl"):$(dirname "$generate")" \
            VAULT_SERVER "127.0.0.1:$port" VAULT_METRICS "127.0.0.1:$metrics_port" VAULT_CA "$state/ca/ca.crt" \
            VAULT_LOG_KEY "$state/log.vkey" VAULT_STATE "$state/last-checkpoint"
        cat <<'TEXT'
case ":$PATH:" in *":$VAULT_PROGRAMS:"*) ;; *) export PATH="$VAULT_PROGRAMS:$PATH" ;; esac
be()
{
    export VAULT_CERT="$VAULT_DEV/ca/$1.crt" VAULT_KEY="$VAULT_DEV/ca/$1.key"
    case $1 in
    eldercare) export VAULT_PURPOSE=elder-care ;;
    clinic) export VAULT_PURPOSE=family-doctor ;;
    population) export VAULT_PURPOSE=population-register ;;
    *) unset VAULT_PURPOSE ;;
    esac
}
as() { (be "$1" && shift && "$@"); }
be eldercare
TEXT
    } >"$state/env"
    # shellcheck source=/dev/null
    . "$state/env"
}

initialised() { [[ -n $(tests/support/pg psql "$state/pg" -qAtc "SELECT 1 FROM vault" 2>/dev/null) ]]; }

make_vault()
{
    step "The vault itself" "Seven documents (schema, principals, persons, purposes, policy, sharing, browsing) become one sealed manifest, with a version; the log" \
        "gets its first line. From now on two people change them."
    if initialised; then
        [[ ! -e $state/new-root-key ]] || die "root.key is gone, and with it everything in this vault: ./dev --reset makes a new one"
        say "   stands already"
        diff -rq "$state/init" "$state/made-from" >/dev/null 2>&1 || say "   (deploy/dev, or a certificate, is another than it was made from: ./dev --reset and ./dev make a new one)"
        return
    fi
    rm -f -- "$state"/checkpoint* "$state"/{log.vkey,last-checkpoint,new-root-key}   # of a vault that is no more
    port=$first_port metrics_port=$first_metrics_port write_config
    command_line "$vaultd" --config "$state/vaultd.json" --init "$state/init" --name resident-vault/dev
    rm -rf -- "$state/made-from"
    cp -r -- "$state/init" "$state/made-from"
}

# shellcheck source=tests/support/tour_log.sh
. tests/support/tour_log.sh

# --- a command of the tour: shown, run, its output shown ---

said='' to=''   # to: a file that takes the output

command_line() # COMMAND...: must succeed
{
    said=$state/said
    show_command "$@"
    if ! "$@" >"${to:-$said}" 2>"$state/errors" </dev/null; then
        sed 's/^/     /' "$said" "$state/errors"
        die "this should have succeeded"
    fi
    [[ -n $to ]] || show_answer
    cat "$state/errors" >>"${to:-$said}"
}

some_refused() # COMMAND...: done, but not for all items; its output and what it says of it are shown
{
    local code=0
    show_command "$@"
    "$@" >"$said" 2>&1 </dev/null || code=$?
    show_answer
    (( code == 1 )) || die "exit code $code; some should have been refused"
}

refused_line() # EXITCODE PATTERN COMMAND...: must be refused so, and say so
{
    local wanted=$1 pattern=$2 code=0
    shift 2
    said=$state/said
    show_command "$@"
    "$@" >"$said" 2>&1 </dev/null || code=$?
    show_answer
    (( code == wanted )) || die "exit code $code; this should have been refused with $wanted"
    expect "$pattern"
}

show_command() { say '' "   $bold\$ $(shorter "$@")${to:+ >${to/#$root\//}}$plain"; }

show_answer() # at most shown_lines of it
{
    local most=${shown_lines:-20} all
    all=$(wc -l <"$said")
    head -n "$most" "$said" | sed "s|$root/||g; s/^/     /; s/ *$//" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'   # less the empty lines at its end
    (( all <= most )) || say "     ... ($all lines)"
}

expect() { grep -Eq -- "$1" "$said" || die "the answer lacks $1"; }
expect_not() { ! grep -Eq -- "$1" "$said" || die "the answer has $1"; }
same() { [[ $1 == "$2" ]] || die "$1 and $2 should be the same"; }
differ() { [[ $1 != "$2" ]] || die "$1 should differ"; }
say_more() { say '' "${@/#/   }"; }

# As a reader would type it in the repository's folder.
shorter()
{
    local word line=''
    for word in "$@"; do
        case $word in "$vaultd" | "$vaultctl" | "$generate") word=${word##*/} ;; esac
        word=${word/#$root\//}
        [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'$word'"
        line+="${line:+ }$word"
    done
    printf %s "$line"
}

# --- the tour: every step is checked, and the first that does not do what it says ends it ---

tour()
{
    somebody_is_there
    drop_proposals
    review_what_waits
    as_it_was_made policy
    as_it_was_made persons
    put_residents
    import_a_file
    started=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    issue_tokens
    reveal_fields
    be_refused
    ask_for_consent
    break_the_glass
    find_residents
    hand_over
    try_a_policy
    change_a_rule
    ask_the_log
    tell_the_resident
    trace_a_leak
    verify_the_log
    export_the_log
    plant_a_canary
    trace_a_list
    look_at_keys
    rotate_a_key
    erase_a_resident
    report_to_others
    say '' "Every step did what it says."
}

somebody_is_there()
{
    say_more "\`as NAME\` stands for a certificate: as eldercare = VAULT_CERT=.dev/ca/eldercare.crt VAULT_KEY=.dev/ca/eldercare.key," \
        "and the purpose that this app has. It comes from ${state/#$root\//}/env."
    command_line as eldercare vaultctl health
    expect '^SERVING$'
    # The operator publishes the log's public key once, by another way than the vault itself: here it is taken at first sight.
    [[ -s $state/log.vkey ]] || as admin-li vaultctl audit checkpoint --json | sed 's/.*"verifier_key" *: *"\([^"]*\)".*/\1/' >"$state/log.vkey"
    say_more "The privacy officer looks at the log, and remembers how far it went:"
    command_line as officer-wang vaultctl audit verify
    expect '^verdict +valid'
}

# What an earlier tour, or a reader of the documents, has left is put back, by two people as always.
drop_proposals()
{
    local name
    for name in $(as officer-zhao vaultctl approval list | sed -n 's/^\(approvals\/[^ ]*\).*/\1/p'); do
        as officer-zhao vaultctl approval reject "$name" --ticket 'left by an earlier tour' >/dev/null
    done
}

review_what_waits()
{
    local name
    for name in $(as officer-zhao vaultctl emergency list --waiting | sed -n 's|.*\(emergencies/[0-9a-f]*\).*|\1|p'); do
        as officer-zhao vaultctl emergency review "$name" --justified --note 'left by an earlier tour' --ticket 'left by an earlier tour' >/dev/null
    done
}

as_it_was_made() # DOCUMENT
{
    local file=$state/as-made.json proposed=$state/proposed
    [[ $(as admin-sun vaultctl control diff "$1" 1) != 'no difference' ]] || return 0
    as admin-sun vaultctl control show "$1" --version 1 >"$file"
    as admin-sun vaultctl control propose "$1" "$file" --ticket 'as it was made' >"$proposed"
    as officer-zhao vaultctl approval approve "$(sed -n '1s/ .*//p' "$proposed")" --digest "$(sed -n 's/^ *digest *//p' "$proposed")" \
        --ticket 'as it was made' >/dev/null
    say "   ($1: put back as the vault was made with, for the tour)"
}

put_residents()
{
    step "The residents of a district" \
        "2,000 fictitious people of a real district, with its real streets and villages, 22 fields each. The register of the" \
        "police puts them in. What is not valid would be refused by its line; the rest would go in."
    to=$state/residents.jsonl command_line "$generate" --seed 1 --count 2000 --format jsonl
    command_line as population vaultctl put --file "$state/residents.jsonl" --ticket 'first load'
    expect '^2000 accepted \((2000 new, 0|0 new, 2000) known\), 0 refused$'
    say_more "What a thief who copies the database gets of one of them (docs/leakage.md):"
    command_line tests/support/pg psql "$state/pg" -xqc \
        "SELECT id, area, version, state, left(sealed::text, 66) AS sealed, length(sealed) AS bytes FROM resident ORDER BY id LIMIT 1"
    choose_resident
    same 0 "$(tests/support/pg psql "$state/pg" -qAtc "SELECT count(*) FROM resident WHERE position(convert_to('$name', 'UTF8') in sealed) > 0")"
}

# An old person who lives alone. What the vault answers is compared with the file.
choose_resident()
{
    local line
    line=$(grep -m1 '"care_category":"01"' "$state/residents.jsonl")
    value() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" <<<"$line"; }
    id_number=$(value id_number) name=$(value name) phone=$(value phone) address=$(value residence_address)
    [[ -n $id_number && -n $address ]] || die "no resident to go on with"
}

# Of community.csv; those that are in it are not among the residents of the generator.
write_dirty_file()
{
    rm -f -- "$state"/community.csv*
    cat >"$state/community.csv" <<'TEXT'
身份证号,姓名,出生日期,手机号,居住地,住址,备注
320460193802141128,王秀英,1938-02-14,１３９００００００１１,320411002003,玉龙路265号2幢501室,独居
320460410522203,李建国,1941-05-22,13900000012,320411002003,玉龙路265号3幢102室,
32046319470930407x,陈志强,19470930,13900000014,320411002003,玉龙路265号5幢202室,
320462195208173324,张桂兰,1952-08-32,13900000013,320411002003,玉龙路265号3幢301室,
TEXT
}

import_a_file()
{
    local rows=4
    step "A file as departments send it" \
        "Headings of their own, full-width digits, an ID number of 15 digits, a lower-case x, and one row with a wrong" \
        "check digit and a day that is none. First: which column is which field?"
    write_dirty_file
    command_line cat "$state/community.csv"
    command_line as population vaultctl import "$state/community.csv" --ignore 备注 --show-mapping
    expect '^身份证号 +id_number '
    say_more "What cannot go in is told and kept aside; the rest goes in, part by part:"
    said=$state/said
    some_refused as population vaultctl import "$state/community.csv" --ignore 备注 --ticket 'community, November'
    expect "^$rows rows: (3 new, 0 changed, 0|0 new, 0 changed, 3) as they were, 1 rejected"
    command_line cut -d, -f1-3,8-10 "$state/community.csv.rejects.csv"
    expect 'BAD_CHECK_DIGIT;BAD_DATE'
    say_more "It is mended in place, by whoever knows, and imported again:"
    command_line sed -i 's/320462195208173324/320462195208173321/; s/1952-08-32/1952-08-17/' "$state/community.csv.rejects.csv"
    command_line as population vaultctl import "$state/community.csv.rejects.csv" --ignore 备注 --ticket 'community, November'
    expect '^1 rows: (1 new, 0 changed, 0|0 new, 0 changed, 1) as they were, 0 rejected'
}

token_of() # CONSUMER: shown, and left in $token
{
    command_line as "$1" vaultctl issue "$id_number"
    token=$(head -n1 "$said")
    [[ $token =~ ^rv1[02-9ac-hj-np-z]{40}$ ]] || die "this is no token: $token"
}

issue_tokens()
{
    step "Tokens for two departments" \
        "Instead of the ID number each department keeps a token of its own. The same resident has another one for every" \
        "consumer and purpose: two departments cannot put their lists together, and a leaked token names its owner."
    local first
    token_of eldercare
    first=$token
    token_of clinic
    clinic_token=$token
    differ "$first" "$clinic_token"
    say_more "Asked again, the same one: nothing is stored for it."
    token_of eldercare
    same "$token" "$first"
}

reveal_fields()
{
    step "Fields are revealed for a purpose" \
        "The app asks by token, for a purpose, with the ticket of the case. Before a value leaves the vault, the line that" \
        "accounts for it is committed. By itself this app may see name and phone:"
    command_line as eldercare vaultctl reveal "$token" --fields name,phone --ticket call-list-11
    expect "^name +$name\$"
    expect "^phone +$phone\$"
    say_more "The address is for a person who visits. The department vouches for the person with a signed assertion (ES256), good" \
        "once, for five minutes, for this app and this purpose:"
    to=$state/grid-zhao.jwt command_line vaultctl assertion make --key "$state/ca/civil-affairs.private.jwk" --person grid-zhao --app eldercare \
        --department civil-affairs --audience resident-vault/dev --purpose elder-care
    command_line as eldercare vaultctl reveal "$token" --fields name,residence_address,care_category --ticket visit-2026-117 \
        --assertion "$state/grid-zhao.jwt" --receipt "$state/receipt.json"
    expect "^name +$name\$"
    expect "^residence_address +$address\$"
    expect "^care_category +01\$"
    say_more "The receipt proves that the line stands in the log. It is checked without the vault, with the log's public key:"
    command_line vaultctl receipt verify "$state/receipt.json" --log-key "$state/log.vkey"
    expect 'valid'
}

be_refused()
{
    step "And refused for anything else" "A refusal says which clause failed, and never whether the resident exists."
    say_more "Another purpose than this app is registered for:"
    refused_line 3 'clause consumer' as eldercare vaultctl reveal "$token" --fields name --purpose family-doctor --ticket visit-2026-117
    say_more "A field that no rule gives it:"
    refused_line 3 'clause fields' as eldercare vaultctl reveal "$token" --fields religion --ticket visit-2026-117
    say_more "The address, but no person:"
    refused_line 3 'clause acting' as eldercare vaultctl reveal "$token" --fields residence_address --ticket visit-2026-117
    say_more "The assertion of before, a second time:"
    refused_line 3 'ASSERTION_REPLAYED' as eldercare vaultctl reveal "$token" --fields residence_address --ticket visit-2026-117 \
        --assertion "$state/grid-zhao.jwt"
    say_more "The clinic's token, in the wrong hands:"
    refused_line 3 'clause resident' as eldercare vaultctl reveal "$clinic_token" --fields name --ticket visit-2026-117
    say_more "A typing slip is told from a forgery:"
    local last=${token: -1} other=q
    [[ $last != q ]] || other=p
    refused_line 5 'TOKEN_MISTYPED' as eldercare vaultctl reveal "${token%?}$other" --fields name --ticket visit-2026-117
}

ask_for_consent()
{
    step "Some things are for the resident to allow" \
        "Lunch is brought to who has agreed to it. The word of the resident is kept inside the sealed record, and holds, or" \
        "holds no more, from the next request on. To the app somebody who has not agreed is like somebody who does not exist."
    local meals=elder-care/meal-service
    as eldercare vaultctl consent withdraw "$token" --purpose $meals --ticket 'before the tour' >/dev/null
    refused_line 3 'clause resident' as eldercare vaultctl reveal "$token" --fields name,phone --purpose $meals --ticket lunch-1
    command_line as eldercare vaultctl consent grant "$token" --purpose $meals --ticket form-77
    command_line as eldercare vaultctl reveal "$token" --fields name,phone --purpose $meals --ticket lunch-1
    expect "^phone +$phone\$"
    command_line as eldercare vaultctl consent withdraw "$token" --purpose $meals --ticket call-12
    refused_line 3 'clause resident' as eldercare vaultctl reveal "$token" --fields name,phone --purpose $meals --ticket lunch-2
}

break_the_glass()
{
    local emergency
    step "In an emergency the glass is broken" \
        "Nobody opens the door, and the neighbours worry. A rule lets a grid worker see at once, for two hours and five residents," \
        "what no rule gives otherwise; the officers are told at once, and the person is suspended if nobody reviews it in time."
    assertion_of grid-zhao elder-care/emergency
    refused_line 3 'clause break_glass' as eldercare vaultctl reveal "$token" --fields phone,residence_address --purpose elder-care/emergency \
        --ticket door-5 --assertion "$state/grid-zhao.jwt"
    assertion_of grid-zhao elder-care/emergency
    command_line as eldercare vaultctl emergency open 'nobody opens the door, the neighbours worry' --purpose elder-care/emergency --ticket door-5 \
        --assertion "$state/grid-zhao.jwt"
    emergency=$(grep -o 'emergencies/[0-9a-f]*' "$said" | head -n1)
    assertion_of grid-zhao elder-care/emergency
    command_line as eldercare vaultctl reveal "$token" --fields phone,residence_address --purpose elder-care/emergency --emergency "$emergency" \
        --ticket door-5 --assertion "$state/grid-zhao.jwt"
    expect "^residence_address +$address\$"
    say_more "The officer finds it, and that there was need for it:"
    command_line as officer-wang vaultctl emergency list --waiting
    expect "$emergency"
    command_line as officer-wang vaultctl emergency review "$emergency" --justified --note 'she had fallen; the doctor came' --ticket door-5
}

# Three communities of the file, those with the most of them; how many there must be is counted in the file.
alone_and_old() # PATTERN of the area
{
    awk -v born="$(( $(date +%Y) - 75 ))1231" -v area="$1" '
        function value(name) { return match($0, "\"" name "\":\"[^\"]*") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) : "" }
        value("care_category") == "01" && value("birth_date") != "" && value("birth_date") <= born && value("residence_area") ~ area { print value("residence_area") }
    ' "$state/residents.jsonl"
}

find_residents()
{
    step "Residents are found without opening anything" \
        "Over 75, living alone, in these three communities: the vault compares keyed terms, and answers with tokens of the" \
        "caller's own. Not one value is opened; the search is a line of the log, and so is each resident who was found."
    local areas wanted
    areas=$(alone_and_old . | sort | uniq -c | sort -rn | awk 'NR <= 3 { printf "%s%s", sep, $2; sep = "," }')
    wanted=$(alone_and_old "^(${areas//,/|})\$" | wc -l)
    shown_lines=4 command_line as eldercare vaultctl search "birth_date:..$(( $(date +%Y) - 75 ))1231" care_category=01 --area "$areas" --ticket winter-visits
    same "$wanted" "$(grep -c '^rv1' "$said")"
    say_more "How many there are in the whole street; fewer than ten are not counted out:"
    command_line as eldercare vaultctl search "birth_date:..$(( $(date +%Y) - 75 ))1231" care_category=01 --area "${areas:0:9}" --count --ticket winter-visits
    expect '^([0-9]+|fewer than 10)$'
}

hand_over()
{
    step "One department sends another to a resident" \
        "The clinic is to visit. Under a registered sharing basis the elder care gets a handover, which the clinic alone can" \
        "redeem, once, for the token that it calls this resident by. Neither sees the other's."
    local handover
    command_line as eldercare vaultctl handover create "$token" --basis care-to-clinic --ticket home-visit-3
    handover=$(head -n1 "$said")
    command_line as clinic vaultctl handover redeem "$handover" --ticket home-visit-3
    same "$clinic_token" "$(head -n1 "$said")"
    say_more "A second time:"
    refused_line 1 'HANDOVER_USED' as clinic vaultctl handover redeem "$handover" --ticket home-visit-3
}

try_a_policy()
{
    step "A policy is tried before anybody approves it" \
        "The district's policy has a test file of its own: facts, and what must come of them. Every rule is met by a case:"
    shown_lines=3 command_line as admin-li vaultctl policy test "$documents/policy_cases.json"
    say_more "Why is a call refused, and what would help? Of any facts, for the app's developer as for the officer:"
    refused_line 1 religion as eldercare vaultctl policy explain consumer=eldercare purpose=elder-care action=reveal fields=name,religion \
        person=grid-zhao
    say_more "Somebody wants to take the phone numbers from the app. What of all that was granted would have been refused?"
    sed '/"eldercare-batch"/ s/\["name", "phone"\]/["name"]/' "$state/made-from/policy.json" >"$state/narrow.json"
    shown_lines=12 refused_line 1 eldercare as officer-wang vaultctl policy simulate "$state/narrow.json"
}

one_more_rule() # another than it was made with: policy.json and a line
{
    sed "/\"rules\": \[/a\\    {\"id\": \"eldercare-list\", \"action\": \"reveal\", \"consumer\": \"eldercare\", \"purpose\": \"elder-care\", \
\"fields\": [\"id_number\", \"name\"], \"form\": \"masked\", \"areas\": [\"320411\"], \"acting\": \"app\", \
\"valid\": {\"from\": \"$(date +%Y)-01-01\", \"until\": \"$(date +%Y)-12-31\"}}," "$state/made-from/policy.json" >"$state/policy.json"
}

change_a_rule()
{
    local name digest
    step "A rule is changed by two people" \
        "The app wants to print lists with names and ID numbers, masked. No rule allows it. The administrator writes one into" \
        "policy.json and proposes it; nothing changes by that, and consent is not the administrator's to give."
    refused_line 3 'clause fields' as eldercare vaultctl reveal "$token" --fields name,id_number --masked --ticket call-list-12
    one_more_rule
    command_line as admin-li vaultctl control propose policy "$state/policy.json" --ticket 'lists for elder care'
    expect '^approvals/[0-9a-f]{32} +pending$'
    name=$(sed -n '1s/ .*//p' "$said") digest=$(sed -n 's/^ *digest *//p' "$said")
    refused_line 3 'clause role' as admin-li vaultctl approval approve "$name" --digest "$digest" --ticket 'it is urgent'
    say_more "The officer looks at what would change, and approves exactly that:"
    command_line as officer-wang vaultctl approval show "$name"
    expect '^\+ rules\[eldercare-list\]'
    shown_lines=1 command_line as officer-wang vaultctl approval approve "$name" --digest "$digest" --ticket 'as the data office asked'
    expect '^approvals/[0-9a-f]{32} +activated$'
    command_line as eldercare vaultctl reveal "$token" --fields name,id_number --masked --ticket call-list-12
    expect '^name +.\*+$'
    expect "^id_number +${id_number:0:6}\*{12}\$"
    revoke_a_person
}

assertion_of() # PERSON [PURPOSE]
{
    vaultctl assertion make --key "$state/ca/civil-affairs.private.jwk" --person "$1" --app eldercare --department civil-affairs \
        --audience resident-vault/dev --purpose "${2:-elder-care}" >"$state/$1.jwt"
}

revoke_a_person()
{
    say_more "Taking away needs one person, and no waiting. A clerk, before and after:"
    assertion_of clerk-li
    command_line as eldercare vaultctl reveal "$token" --fields residence_address --ticket visit-2026-118 --assertion "$state/clerk-li.jwt"
    command_line as officer-zhao vaultctl revoke person clerk-li --ticket 'left on Friday'
    assertion_of clerk-li
    refused_line 3 PERSON_SUSPENDED as eldercare vaultctl reveal "$token" --fields residence_address --ticket visit-2026-118 --assertion "$state/clerk-li.jwt"
    say_more "All of it stands in the history, as in the log:"
    command_line as officer-wang vaultctl control history --limit 3
    expect 'revoke +persons +officer-zhao'
    expect 'activate +policy +officer-wang'
}

ask_the_log()
{
    step "The privacy officer asks the log" \
        "Who opened what about this resident, in whose name and why? Any token of the resident will do. Values and names of" \
        "residents are not in the log; the question itself becomes a line."
    shown_lines=30 command_line as officer-wang vaultctl audit query --token "$token" --since "$started"
    expect 'reveal +granted +eldercare +[^ ]+ \(grid-zhao\) +elder-care .*visit-2026-117'
    expect 'issue +granted +clinic'
    expect_not "$name"
    expect_not 'ALTERED|DOES NOT OPEN'
    say_more "An app may not ask:"
    refused_line 3 'clause role' as eldercare vaultctl audit query --token "$token"
}

trace_a_leak()
{
    step "A token that was found leads back" \
        "On a slip of paper, in a list on sale: one with a character misread, one without its beginning, and something else." \
        "Whose are they?"
    local other=q
    [[ ${token:20:1} != q ]] || other=p
    printf '%s\n' "${token:0:20}$other${token:21}" "${clinic_token:4}" '13900000011' >"$state/found.txt"
    command_line as officer-wang vaultctl trace "$state/found.txt" --ticket incident-1
    expect "^1 +eldercare +elder-care +1 +1 .*$token\$"
    expect "^2 +clinic +family-doctor .*$clinic_token\$"
    expect '^2 of 3 are tokens of this vault$'
}

wait_for_checkpoint() # of what the receipt proves
{
    local line _
    line=$(sed -n 's/.*"first_line": *\([0-9]*\).*/\1/p' "$state/receipt.json")
    for _ in {1..100}; do
        (( $(as clinic vaultctl audit checkpoint | sed -n 2p) <= line )) || return 0
        sleep 0.1
    done
    die "no checkpoint that holds line $line was published"
}

verify_the_log()
{
    step "Anyone can check the log" \
        "It is a Merkle tree (RFC 6962); once a second a signed checkpoint of it goes out. This checks the signature, that the" \
        "log of the last visit is a beginning of this one (nothing was changed or cut), and, for the officer, every line:"
    wait_for_checkpoint
    command_line as officer-wang vaultctl audit verify --lines
    expect '^growth .*consistent'
    expect '^verdict +valid'
    say_more "The proof that line 1 stands in the log, for a stranger's verifier (c2sp.org/tlog-proof):"
    shown_lines=4 command_line as clinic vaultctl audit proof 1
    expect '^c2sp.org/tlog-proof@v1$'
    expect '^— resident-vault/dev '
}

look_at_keys()
{
    step "Keys" "The administrator sees which keys there are and in what state, never a key; and can reveal nothing:"
    command_line as admin-li vaultctl keys list
    expect 'rings/log/versions/1'
    refused_line 3 'clause role' as admin-li vaultctl reveal "$token" --fields name --purpose elder-care --ticket curious
}

# Of the record ring: the version that was active before the last rotation.
retiring_version() { sed -n 's/.*rings\/record\/versions\/\([0-9]*\) *retiring.*/\1/p' "$said" | tail -n1; }

rotate_a_key()
{
    local old proposal digest
    step "A key is rotated, and gone" "The keys of all residents go under a new version of the ring that wraps them, while the service runs:"
    command_line as admin-li vaultctl keys rotate record --watch --ticket 'yearly rotation'
    expect '^jobs/[0-9]+ +rewrap .*done'
    command_line as eldercare vaultctl reveal "$token" --fields name --ticket call-list-13
    expect "^name +$name\$"
    command_line as admin-li vaultctl keys show record
    old=$(retiring_version)
    say_more "The former version is destroyed by two people, and only if nothing needs it any more:"
    command_line as admin-li vaultctl keys destroy record "$old" --ticket 'yearly rotation'
    proposal=$(sed -n '1s/ .*//p' "$said")
    command_line as officer-wang vaultctl approval show "$proposal"
    digest=$(sed -n 's/^ *digest *//p' "$said")
    shown_lines=1 command_line as officer-wang vaultctl approval approve "$proposal" --digest "$digest" --ticket 'as planned'
    command_line as admin-li vaultctl keys destroy record "$old" --approval "$proposal" --out "$state/record.certificate" --ticket 'yearly rotation'
    say_more "What is left of it is a statement, signed by the log, that nothing is left under it:"
    command_line cat "$state/record.certificate"
    expect '^— resident-vault/dev '
    command_line vault-verify certificate --key "$state/log.vkey" "$state/record.certificate"
    expect '\bvalid'
}

# Somebody who is in no file of the steps before, so that the tour can be taken again.
erase_a_resident()
{
    local gone
    step "A resident is erased" "For good: data key, row and search terms. The log stays as it is; who comes back is a new record."
    "$generate" --seed 31 --count 1 --format jsonl >"$state/moved-abroad.jsonl"
    as population vaultctl put --file "$state/moved-abroad.jsonl" --ticket 'moved in' >/dev/null
    command_line as population vaultctl issue "$(sed 's/.*"id_number":"\([^"]*\)".*/\1/' "$state/moved-abroad.jsonl")"
    gone=$(head -n1 "$said")
    command_line as population vaultctl erase "$gone" --ticket 'request 31, moved abroad'
    expect '^erased$'
    command_line as population vaultctl inspect "$gone"
    expect '^gone$'
    say_more "Every row that is left is as it was written last, and the log has only grown:"
    command_line as officer-wang vaultctl audit verify --rows
    expect '^rows .* checked'
    expect '^verdict +valid'
}
