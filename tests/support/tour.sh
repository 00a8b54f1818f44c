# Sourced by ./dev: what is particular to this vault (its registers, its configuration), and the tour.
# From ./dev: state, root, programs, vaultd, vaultctl, generate, conninfo, port, metrics_port; say, step, die.

documents=${VAULT_DEV_DOCUMENTS:-$root/deploy/dev}   # schema.json, principals.json, purposes.json, policy.json

# --- registers and configuration ---

# The example registers, with the keys made here for the departments, and rules that are valid this year.
make_registers()
{
    local department file year
    year=$(date +%Y)
    mkdir -p -- "$state/init"
    for file in schema principals purposes policy; do cp -- "$documents/$file.json" "$state/init/$file.json.new"; done
    for department in $(departments); do
        tests/support/ca jwk "$state/ca" "$department" >/dev/null
        sed -i "/\"id\": \"$department\"/ s|\"assertion_keys\": \[\]|\"assertion_keys\": [$(<"$state/ca/$department.jwk")]|" \
            "$state/init/principals.json.new"
    done
    sed -i -E "s/\"from\": \"[0-9]{4}-01-01\"/\"from\": \"$((year - 1))-01-01\"/; s/\"until\": \"[0-9]{4}-12-31\"/\"until\": \"$((year + 1))-12-31\"/" \
        "$state/init/policy.json.new"
    for file in schema principals purposes policy; do mv -- "$state/init/$file.json.new" "$state/init/$file.json"; done
}

departments() { sed -n 's/.*"id": "\([^"]*\)".*"assertion_keys".*/\1/p' "$documents/principals.json"; }

# A certificate for everyone who has a URI in principals.json; the file has the name of the id.
make_certificates()
{
    local id uri
    tests/support/ca make "$state/ca"
    sed -n 's/.*"id": "\([^"]*\)".*"uri": "\([^"]*\)".*/\1 \2/p' "$documents/principals.json" | while read -r id uri; do
        tests/support/ca client "$state/ca" "$id" "$uri"
    done
}

write_config()
{
    cat >"$state/vaultd.json" <<TEXT
{
  "listen": "127.0.0.1:$port",
  "metrics": "127.0.0.1:$metrics_port",
  "database": "$conninfo",
  "root_key": {"file": "$state/root.key"},
  "tls": {"ca": "$state/ca/ca.crt", "certificate": "$state/ca/server.crt", "key": "$state/ca/server.key"},
  "checkpoint_file": "$state/checkpoint"
}
TEXT
}

# vaultctl's defaults, for this shell and for another terminal (`. .dev/env`).
point_vaultctl()
{
    cat >"$state/env" <<TEXT
export PATH="$(dirname "$vaultctl"):\$PATH"
TEXT
    . "$state/env"
}

initialised() { [[ -n $(tests/support/pg psql "$state/pg" -qAtc "SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1") ]]; }

make_vault()
{
    step "The vault itself" "Schema, principals, purposes and policy become a sealed manifest, and the log gets its first line."
    if initialised; then
        say "   stands already"
        diff -rq "$state/init" "$state/made-from" >/dev/null 2>&1 || say "   (deploy/dev is another than it was made from: ./dev --reset and ./dev make a new one)"
        return
    fi
    rm -f -- "$state"/checkpoint*   # of a vault that is no more
    port=$first_port metrics_port=$first_metrics_port write_config
    command_line "$vaultd" --config "$state/vaultd.json" --init "$state/init" --name resident-vault/dev
    rm -rf -- "$state/made-from"
    cp -r -- "$state/init" "$state/made-from"
}

# --- a command of the tour: shown, run, its output shown ---

said=''

command_line() # COMMAND...: must succeed
{
    said=$state/said
    say "   \$ $(shorter "$@")"
    if ! "$@" >"$said" 2>&1 </dev/null; then
        sed 's/^/     /' "$said"
        die "this should have succeeded"
    fi
    head -n "${shown_lines:-20}" "$said" | cut -c1-200 | sed 's/^/     /'
}

refused_line() # PATTERN COMMAND...: must be refused, and say so
{
    local pattern=$1
    shift
    said=$state/said
    say "   \$ $(shorter "$@")"
    if "$@" >"$said" 2>&1 </dev/null; then sed 's/^/     /' "$said"; die "this should have been refused"; fi
    head -n "${shown_lines:-20}" "$said" | sed 's/^/     /'
    expect "$pattern"
}

expect() { grep -Eq -- "$1" "$said" || die "the answer lacks $1"; }

# As a reader would type it in the repository's folder.
shorter()
{
    local word line=''
    for word in "$@"; do
        word=${word/#$programs\//build/}
        word=${word/#$root\//}
        case $word in build/*/vault* | build/vault*) word=${word##*/} ;; esac
        [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'$word'"
        line+="${line:+ }$word"
    done
    printf %s "$line"
}

# --- the tour ---

tour()
{
    step "Is it there?"
    command_line "$vaultctl" health
}
