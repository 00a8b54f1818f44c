/* The tables. Sealed bytes are random: nothing may try to compress them (STORAGE EXTERNAL). What each choice costs is
 * in docs/storage.md. */
#include "vault/store/internal.h"

static const char people[] =
    /* What was fixed at init. */
    "CREATE TABLE vault (id smallint PRIMARY KEY CHECK (id = 1), name text NOT NULL, format integer NOT NULL,"
    " source smallint NOT NULL, generation integer NOT NULL, threshold integer NOT NULL, shares integer NOT NULL,"
    " salt bytea NOT NULL, argon2_passes integer NOT NULL, argon2_memory_kib integer NOT NULL,"
    " argon2_lanes integer NOT NULL, checks bytea NOT NULL, root bytea NOT NULL);"
    "CREATE TABLE key_ring (name text NOT NULL, version integer NOT NULL, suite smallint NOT NULL,"
    " state smallint NOT NULL, since bigint NOT NULL, ends bigint NOT NULL, wrapped bytea NOT NULL,"
    " created bigint NOT NULL, PRIMARY KEY (name, version));"
    /* Work that goes over many rows: its progress, and whether it is to go on. What is still to be done, the rows
     * themselves say. */
    "CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind smallint NOT NULL, ring text NOT NULL,"
    " version integer NOT NULL, state smallint NOT NULL, total bigint NOT NULL, done bigint NOT NULL,"
    " created bigint NOT NULL, resumed bigint NOT NULL, resumed_done bigint NOT NULL, ended bigint NOT NULL,"
    " finding text NOT NULL, busy bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);"
    "CREATE UNIQUE INDEX job_open ON job (kind, ring) WHERE state <= 2;"
    /* Signed statements that a key is gone. */
    "CREATE TABLE certificate (ring text NOT NULL, version integer NOT NULL, line bigint NOT NULL, note text NOT NULL,"
    " PRIMARY KEY (ring, version));"
    /* Who was erased: a chain, whose end is in the head. */
    "CREATE TABLE erasure (number bigint PRIMARY KEY, resident bigint NOT NULL UNIQUE, line bigint NOT NULL);"
    "CREATE TABLE control (version bigint PRIMARY KEY, sealed bytea NOT NULL);"
    "ALTER TABLE control ALTER sealed SET STORAGE EXTERNAL;"
    /* Read by every append for their stamp: what is sealed lies aside, and the rows fill one page. */
    "CREATE TABLE control_document (name text NOT NULL, version bigint NOT NULL, sealed bytea NOT NULL,"
    " PRIMARY KEY (name, version)) WITH (toast_tuple_target = 128, autovacuum_vacuum_threshold = 20);"
    "CREATE TABLE control_archive (name text NOT NULL, version bigint NOT NULL, ended bigint NOT NULL,"
    " sealed bytea NOT NULL, PRIMARY KEY (name, version)) WITH (toast_tuple_target = 128);"
    "ALTER TABLE control_document ALTER sealed SET STORAGE EXTERNAL;"
    "ALTER TABLE control_archive ALTER sealed SET STORAGE EXTERNAL;"

    /* One wide row a resident; the key that erases it stands apart and narrow, so that rewrapping is cheap. */
    "CREATE SEQUENCE resident_id AS bigint;"
    "CREATE TABLE resident (id bigint PRIMARY KEY, area bigint NOT NULL, version integer NOT NULL,"
    " state smallint NOT NULL, collection smallint NOT NULL, made bigint NOT NULL, natural_key bytea NOT NULL UNIQUE,"
    " tag bytea NOT NULL,"
    " terms bigint[] NOT NULL, sealed bytea NOT NULL) WITH (toast_tuple_target = 8128);"
    "ALTER TABLE resident ALTER natural_key SET STORAGE PLAIN, ALTER tag SET STORAGE PLAIN,"
    " ALTER terms SET STORAGE EXTERNAL, ALTER sealed SET STORAGE EXTERNAL;"
    /* They are few, and counted. */
    "CREATE INDEX resident_restricted ON resident (collection) WHERE state <> 1;"
    "CREATE TABLE resident_key (id bigint PRIMARY KEY, ring_version integer NOT NULL, dek bytea NOT NULL);"
    "ALTER TABLE resident_key ALTER dek SET STORAGE PLAIN;"
    /* Read by its index alone, which needs pages that vacuum has seen. */
    "CREATE TABLE resident_term (term bigint, area bigint, id bigint, PRIMARY KEY (term, area, id))"
    " WITH (autovacuum_vacuum_insert_scale_factor = 0.05);"
    /* What a department says of a field whose stored value weighs more. */
    "CREATE TABLE correction (number bigint PRIMARY KEY, resident bigint NOT NULL, filed bigint NOT NULL,"
    " decided bigint NOT NULL, field smallint NOT NULL, department smallint NOT NULL, decider smallint NOT NULL,"
    " state smallint NOT NULL, sealed bytea NOT NULL);"
    "ALTER TABLE correction ALTER sealed SET STORAGE EXTERNAL;"
    "CREATE UNIQUE INDEX correction_pending ON correction (resident, field, department) WHERE state = 1;"
    "CREATE INDEX correction_resident ON correction (resident, number);"
    "CREATE INDEX correction_field ON correction (field, number) WHERE state = 1;";

static const char log_tables[] =
    /* One row, updated by every append, and found by what it says: its size. An index on a column that stays would let
     * updates be heap-only, but then a snapshot that is held for seconds (a backup) makes every append read all
     * versions since: 300 us of PostgreSQL instead of 40 after 3 s. By its size the newest version is found at once;
     * that costs an entry per append. */
    "CREATE TABLE head (size bigint PRIMARY KEY, time bigint NOT NULL, control_version bigint NOT NULL,"
    " control_digest bytea NOT NULL, log_version integer NOT NULL, erased bigint NOT NULL, erasure bytea NOT NULL,"
    " row_sum bytea NOT NULL, frontier bytea NOT NULL, mac bytea NOT NULL)"
    " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,"
    " autovacuum_vacuum_cost_delay = 0);"
    "ALTER TABLE head ALTER control_digest SET STORAGE PLAIN, ALTER erasure SET STORAGE PLAIN,"
    " ALTER row_sum SET STORAGE PLAIN, ALTER frontier SET STORAGE PLAIN,"
    " ALTER mac SET STORAGE PLAIN;"

    /* Appended and read, never updated. */
    "CREATE TABLE line (idx bigint PRIMARY KEY, resident_tag bigint NOT NULL, person_tag bigint NOT NULL,"
    " leaf bytea NOT NULL, nodes bytea NOT NULL, officer bytea NOT NULL, resident bytea NOT NULL)"
    " PARTITION BY RANGE (idx);"
    "ALTER TABLE line ALTER leaf SET STORAGE PLAIN, ALTER nodes SET STORAGE PLAIN,"
    " ALTER officer SET STORAGE EXTERNAL, ALTER resident SET STORAGE EXTERNAL;"
    /* Tags are random: an index over all of them would touch a cold page with every line. Ordered by stretch first,
     * only the newest stretch is written, which stays in the processor's cache; a look-up asks each stretch in turn.
     * Measured: the append of a line 6.6 to 6.9 us of PostgreSQL instead of 11 to 13, and far fewer full-page images in
     * the WAL. */
    "CREATE INDEX line_resident ON line ((" LINE_STRETCH(
        "idx") "), resident_tag, idx) WHERE resident_tag <> 0;"
               "CREATE INDEX line_person ON line ((" LINE_STRETCH(
                   "idx") "), person_tag, idx) WHERE person_tag <> 0;"
                          "CREATE TABLE cosigned (id smallint PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, note "
                          "text NOT NULL);"
                          "CREATE TABLE published (id smallint PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, note "
                          "text NOT NULL)"
                          " WITH (fillfactor = 50);"

                          /* Short-lived: swept by expiry. */
                          "CREATE TABLE assertion (id bytea PRIMARY KEY, expires bigint NOT NULL)"
                          " WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);"
                          "ALTER TABLE assertion ALTER id SET STORAGE PLAIN;"
                          "CREATE INDEX assertion_expires ON assertion (expires);"
                          /* Answers that are kept by request id: sealed, swept after a week. */
                          "CREATE TABLE request (id bytea PRIMARY KEY, answer bytea NOT NULL, expires bigint NOT NULL);"
                          "ALTER TABLE request ALTER id SET STORAGE PLAIN, ALTER answer SET STORAGE EXTERNAL;"
                          "CREATE INDEX request_expires ON request (expires);"
                          /* Vouchers and handovers: sealed, found by a hash of their secret, swept a month past their
                             end. A use writes the row again and no index. */
                          "CREATE TABLE voucher (id bytea PRIMARY KEY, version integer NOT NULL, sealed bytea NOT NULL,"
                          " expires bigint NOT NULL) WITH (fillfactor = 70);"
                          "ALTER TABLE voucher ALTER id SET STORAGE PLAIN, ALTER sealed SET STORAGE PLAIN;"
                          "CREATE INDEX voucher_expires ON voucher (expires);";

static const char count_tables[] =
    /* Ids are keyed hashes, the rest is sealed: who has counted, and what, stands nowhere in the clear. A counter is
     * written again and again: no index knows of it, and its page has room. */
    "CREATE TABLE budget_count (id bytea PRIMARY KEY, sealed bytea NOT NULL, ends bigint NOT NULL)"
    " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);"
    "CREATE TABLE budget_seen (id bytea PRIMARY KEY, sealed bytea NOT NULL, ends bigint NOT NULL)"
    " WITH (fillfactor = 90);"
    "ALTER TABLE budget_count ALTER id SET STORAGE PLAIN, ALTER sealed SET STORAGE PLAIN;"
    "ALTER TABLE budget_seen ALTER id SET STORAGE PLAIN, ALTER sealed SET STORAGE PLAIN;"
    "CREATE INDEX budget_count_ends ON budget_count (ends);"
    "CREATE INDEX budget_seen_ends ON budget_seen (ends);";

static const char column_table[] =
    /* Columns of the log, sealed: what can be made again from its lines. */
    "CREATE TABLE line_columns (stretch integer PRIMARY KEY, log_version integer NOT NULL, sealed bytea NOT NULL);"
    "ALTER TABLE line_columns ALTER sealed SET STORAGE EXTERNAL;";

static const char notice_table[] =
    /* What the officers are still to be told by the webhook. It names things of the manifest, and says nothing of them.
     */
    "CREATE TABLE notice (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind smallint NOT NULL,"
    " subject text NOT NULL, created bigint NOT NULL, due bigint NOT NULL, tries integer NOT NULL DEFAULT 0,"
    " UNIQUE (kind, subject));"
    "CREATE INDEX notice_due ON notice (due);"
    /* Leaked lists: sealed, each under a key of its own. */
    "CREATE TABLE leak (id bytea PRIMARY KEY, created bigint NOT NULL, expires bigint NOT NULL, key bytea NOT NULL,"
    " sealed bytea NOT NULL);"
    "ALTER TABLE leak ALTER id SET STORAGE PLAIN, ALTER key SET STORAGE PLAIN, ALTER sealed SET STORAGE EXTERNAL;";

static const char archive_tables[] =
    /* The first lines of the log, which lie in files. */
    "CREATE TABLE archive (first bigint PRIMARY KEY, count bigint NOT NULL, start_us bigint NOT NULL,"
    " end_us bigint NOT NULL, file text NOT NULL, size bigint NOT NULL, sha256 bytea NOT NULL,"
    " log_version integer NOT NULL);"
    /* Of every tile of 256 of them the last one: what proofs of newer lines need of the tree. */
    "CREATE TABLE archived_node (line bigint PRIMARY KEY, leaf bytea NOT NULL, nodes bytea NOT NULL);"
    "ALTER TABLE archived_node ALTER leaf SET STORAGE PLAIN, ALTER nodes SET STORAGE PLAIN;";

/* Two `init` at once: the second waits, and then finds what the first has made. */
static const char guard[] = "SELECT pg_advisory_xact_lock(7023351430116105569)";
/* Not to_regclass: within a transaction its cache still says what was so before the wait. */
static const char look[] = "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 'vault'";

enum { PARTITIONS_FIRST = 2 };

vault_code store_query_text(store *s, const char *sql, const char *what, PGresult **out, vault_error *err)
{
    if (PQsendQuery(s->conn, sql)) return store_finish(s, what, out, err);
    store_disconnect(s);
    return vault_fail(err, VAULT_UNAVAILABLE, "%s: connection lost", what);
}

vault_code store_run_text(store *s, const char *sql, const char *what, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *r = NULL;
    return store_query_text(s, sql, what, &r, err);
}

/* Tables without a vault in them are what an interrupted init leaves: they are taken over. */
static vault_code create_or_take(store *s, vault_error *err)
{
    VAULT_CLEANUP(result_clear) PGresult *there = NULL, *vaults = NULL;
    VAULT_TRY(store_run_text(s, guard, "create schema", err));
    VAULT_TRY(store_query_text(s, look, "create schema", &there, err));
    if (PQntuples(there) == 0) {
        VAULT_TRY(store_run_text(s, people, "create schema", err));
        VAULT_TRY(store_run_text(s, log_tables, "create schema", err));
        for (int64_t n = 0; n < PARTITIONS_FIRST; n++) VAULT_TRY(store_partition_create(s, n, err));
        VAULT_TRY(store_run_text(s, column_table, "create schema", err));
        VAULT_TRY(store_run_text(s, archive_tables, "create schema", err));
        VAULT_TRY(store_run_text(s, count_tables, "create schema", err));
        return store_run_text(s, notice_table, "create schema", err);
    }
    VAULT_TRY(store_query_text(s, "SELECT 1 FROM vault UNION ALL SELECT 1 FROM head", "create schema", &vaults, err));
    if (PQntuples(vaults) == 0) return VAULT_OK;
    return vault_fail(err, VAULT_CONFLICT, "create schema: a vault stands in this database");
}

vault_code store_create_schema(store *s, vault_error *err)
{
    if (s->in_transaction) return vault_fail(err, VAULT_INTERNAL, "create schema: a transaction is open");
    VAULT_TRY(store_connected(s, err));
    VAULT_TRY(store_run_text(s, "BEGIN", "create schema", err));
    vault_code code = create_or_take(s, err);
    vault_error end = {0};
    vault_code ended =
        s->conn ? store_run_text(s, code == VAULT_OK ? "COMMIT" : "ROLLBACK", "create schema", &end) : code;
    if (code != VAULT_OK) return code;
    if (ended != VAULT_OK) return vault_fail(err, ended, "%s", end.detail);
    return s->prepared ? VAULT_OK : store_prepare(s, err);
}
