# Sourced by tests written in bash: TAP, a private folder, cleaned at the end.
#   try "sentence" COMMAND...      passes when COMMAND ends with 0
#   refuse "sentence" COMMAND...   passes when it does not
#   plan_end                       prints the plan; exit code
count=0 bad=0
folder=$(mktemp -d "${TMPDIR:-/tmp}/vault-test.XXXXXX")
chmod 711 "$folder"

result() # STATUS SENTENCE
{
    count=$((count + 1))
    if (( $1 == 0 )); then echo "ok $count - $2"; return; fi
    bad=$((bad + 1))
    echo "not ok $count - $2"
    sed 's/^/#   /' "$folder/said"
}

try() { local s=$1 status=0; shift; "$@" >"$folder/said" 2>&1 </dev/null || status=$?; result "$status" "$s"; }
refuse() { local s=$1 status=0; shift; "$@" >"$folder/said" 2>&1 </dev/null || status=$?; result "$((status == 0))" "$s"; }
plan_end() { echo "1..$count"; exit $((bad > 0)); }
