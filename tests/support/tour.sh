# Sourced by ./dev: what is particular to this vault (its registers, its configuration), and the tour.
# From ./dev: state, root, programs, vaultd, vaultctl, generate, conninfo, port, metrics_port; say, step, die.

documents=${VAULT_DEV_DOCUMENTS:-$root/deploy/dev}   # schema.json, principals.json, purposes.json, policy.json

# --- registers and configuration ---

# The example registers, with the keys that were made here in place of the example's.
make_principals()
{
    mkdir -p -- "$state/init"
    cp -- "$documents"/*.json "$state/init/"
}

write_config()
{
    cat >"$state/vaultd.json" <<TEXT
{
  "listen": "127.0.0.1:$port",
  "metrics": "127.0.0.1:$metrics_port",
  "database": "$conninfo",
  "root_key_file": "$state/root.key",
  "checkpoint_file": "$state/checkpoint",
  "tls": {"ca": "$state/ca/ca.crt", "cert": "$state/ca/server.crt", "key": "$state/ca/server.key"}
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
    if initialised; then say "   stands already"; return; fi
    rm -f -- "$state"/checkpoint*   # of a vault that is no more
    port=$first_port metrics_port=$first_metrics_port write_config
    command_line "$vaultd" --config "$state/vaultd.json" --init "$state/init"
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
