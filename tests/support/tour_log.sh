# shellcheck shell=bash
# Sourced by tour.sh: the steps about the log as others see it, canaries, leaked lists, and the report.

# --- what the resident may know ---

tell_the_resident()
{
    step "The resident asks who has seen the data" \
        "At a counter: when, which department, for what purpose and on what basis. Never the official. Each entry has a receipt" \
        "that anybody can check without the vault."
    wait_for_checkpoint
    shown_lines=7 command_line as eldercare vaultctl history "$token" --limit 50 --receipts "$state/history.json" --ticket desk-12
    expect '民政局 +独居和残疾老人的上门关怀'
    expect_not 'grid-zhao|赵一'
    shown_lines=3 command_line vaultctl receipt verify "$state/history.json" --log-key "$state/log.vkey"
    expect 'valid'
}

# --- the log, without us ---

export_the_log()
{
    step "A stranger checks the whole log" \
        "It leaves as files that anybody may have: hashes, and not one word about a resident or an official (c2sp.org/tlog-tiles)." \
        "The verifier has neither database nor network, only the log's public key."
    local published=$state/published
    rm -rf -- "$published"
    command_line as officer-wang vaultctl audit export --tiles "$published" --log-key "$state/log.vkey"
    command_line vault-verify log --key "$state/log.vkey" "$published"
    expect '\bvalid'
    say_more "One bit of one line is flipped:"
    flip_a_bit "$(find "$published/tile/entries" -type f | sort | tail -n1)"
    refused_line 7 tampered vault-verify log --key "$state/log.vkey" "$published"
    say_more "Lines that are old enough go to files that still verify. These are not:"
    refused_line 5 'three years at least' as officer-wang vaultctl audit archive --before "${started:0:10}" --ticket tidy-up
}

flip_a_bit() # FILE: of its 40th byte, which is of the first line's leaf
{
    local byte
    byte=$(od -An -tu1 -j40 -N1 "$1")
    printf '%b' "\\x$(printf %x $(( byte ^ 1 )))" | dd of="$1" bs=1 seek=40 conv=notrunc status=none
}

# --- canaries ---

text_of() { sed -n "s/^ *$1 *//p" "$said"; } # FIELD, of what was printed

plant_a_canary()
{
    local number area
    area=$(sed -n "/$id_number/s/.*\"residence_area\":\"\([0-9]*\)\".*/\1/p" "$state/residents.jsonl" | awk 'NR == 1')
    step "A resident whom nobody has to look at" \
        "The officer puts out a fictitious one: a name, an ID number that passes every check and is nobody's, a mobile, a door." \
        "To whoever comes by it is a resident as all others. In no count, on no list of a service."
    command_line as officer-wang vaultctl canary create --area "$area" --ticket 'street 4, autumn'
    expect '^canaries/[0-9a-f]{32}$'
    canary=$(sed -n 's/^\(canaries\/[0-9a-f]*\)$/\1/p' "$said")
    number=$(text_of id_number) canary_row="$(text_of name),$(text_of phone)"
    say_more "Somebody is curious. The app answers, and the line stands in the log, as always:"
    command_line as eldercare vaultctl issue "$number"
    canary_token=$(head -n1 "$said")
    command_line as eldercare vaultctl reveal "$canary_token" --fields name,phone --ticket call-list-14
    say_more "The officer was told at once (webhook, metric, event), and sees:"
    command_line as officer-wang vaultctl canary list
    expect "^$canary .* 2 "
    grep -q "canary.used.*$canary by app eldercare" "$state/vaultd.log" || die "no alarm in the log of vaultd"
}

# --- a leaked list ---

# Twelve residents of those whom the app may call, and the canary: what somebody copied.
copy_a_list()
{
    local ids=$state/called.txt tokens=$state/called.tokens
    sed -n 's/.*"id_number":"\([^"]*\)".*"phone":"\(1[0-9]*\)".*/\1/p' "$state/residents.jsonl" | awk 'NR <= 12' >"$ids"
    as eldercare vaultctl issue --file "$ids" >"$tokens"
    printf '%s\n' "$canary_token" >>"$tokens"
    as eldercare vaultctl reveal --file "$tokens" --fields name,phone --ticket call-list-15 >/dev/null
    {
        echo '姓名,联系方式'
        grep -F -f "$ids" "$state/residents.jsonl" | sed 's/.*"name":"\([^"]*\)".*"phone":"\([^"]*\)".*/\1,\2/' | awk 'NR <= 10'
        printf '%s\n' "$canary_row" '王小明,16912345670' '李无名,16812345671'
    } >"$state/leaked.csv"
}

trace_a_list()
{
    local leak approval digest
    step "A list turns up in a chat group" \
        "Names and numbers, some of them from elsewhere. The officer brings it in; it is sealed, and used only when another" \
        "officer agrees. Who can have copied it? The log knows who opened what, and when."
    copy_a_list
    sleep 1.1   # what is opened in the second in which the list is seen comes too late
    shown_lines=4 command_line head -n 4 "$state/leaked.csv"
    command_line as officer-wang vaultctl audit trace "$state/leaked.csv" --seen "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --ticket incident-7
    leak=$(sed -n 's/^\(leaks\/[0-9a-f]*\) .*/\1/p' "$said") approval=$(text_of approval)
    digest=$(as officer-zhao vaultctl approval show "$approval" | sed -n 's/^ *digest *//p')
    shown_lines=1 command_line as officer-zhao vaultctl approval approve "$approval" --digest "$digest" --ticket incident-7
    command_line as officer-wang vaultctl audit trace "$leak" --report "$state/incident-7.html" --receipts "$state/evidence.json" --ticket incident-7
    expect '^\(by itself\) +eldercare +app .* 1$'
    expect 'ranked leads, not proof'
    say_more "A lead is no proof. The lines that speak for each are in the report, and prove themselves to anybody:"
    shown_lines=3 command_line vault-verify receipt --key "$state/log.vkey" "$state/evidence.json"
    expect 'evidence.json: valid'
    say_more "With the case the list is destroyed:"
    shown_lines=1 command_line as officer-wang vaultctl leak close "$leak" --ticket incident-7
    command_line as officer-wang vaultctl canary retire "$canary" --ticket 'it has served'
}

# --- the report ---

report_to_others()
{
    step "What a review of compliance asks for" \
        "Persons held, openings by purpose and department, refusals, exports, break-glass, changes: counted over the log, as a" \
        "table, as JSON, and as a page for people. Canaries are in none of the counts but their own."
    shown_lines=14 command_line as officer-wang vaultctl audit report --since "${started:0:10}" --html "$state/report.html"
    expect '^[0-9]+ persons'
    expect 'Openings by (purpose|department)'
    expect 'Canary alarms'
    expect_not "$name"
}
