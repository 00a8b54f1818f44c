/* Every statement of the vault, once: name, text, types of its parameters, types of its columns, rows that it may give.
 * Values travel as binary parameters only; nothing is ever pasted into SQL. */
#include "vault/store/statements.h"

#define HEAD_COLUMNS "size, time, control_version, control_digest, log_version, erased, erasure, row_sum, frontier, mac"
#define HEAD_TYPES                                                                                                     \
    SQL_INT8, SQL_INT8, SQL_INT8, SQL_BYTEA, SQL_INT4, SQL_INT8, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA
#define LINE_COLUMNS "idx, leaf, nodes, officer, resident, resident_tag, person_tag"
/* Of pages of them: how many lines are archived, as this statement sees it. */
#define PAGE_TYPES                                                                                                     \
    {                                                                                                                  \
        SQL_INT8, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA, SQL_INT8, SQL_INT8, SQL_INT8                             \
    }
#define LINE_TYPES                                                                                                     \
    {                                                                                                                  \
        SQL_INT8, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA, SQL_BYTEA, SQL_INT8, SQL_INT8                                       \
    }
/* Stretch by stretch of the tag's index (schema.c), oldest first, until the page is full; in each of them tag by tag,
 * of which there is one but while the log's keys are rotated. */
#define LINES_IN_STRETCH(tag, side, order)                                                                             \
    "(SELECT x.* FROM unnest($3) AS t CROSS JOIN LATERAL (SELECT " LINE_COLUMNS " FROM line WHERE " LINE_STRETCH(      \
        "idx") " = b AND " LINE_IN_STRETCH("idx", "b") " AND " tag " = t AND " tag " <> 0 AND idx " side               \
                                                       " ORDER BY idx " order " LIMIT $2) AS x ORDER BY x.idx " order  \
                                                       " LIMIT $2)"
#define LINES_OF(tag)                                                                                                  \
    "SELECT l.*, " ARCHIVE_END " FROM generate_series(" LINE_STRETCH("$1") ", (SELECT " LINE_STRETCH(                  \
        "max(size) - 1") " FROM head)) AS b CROSS JOIN LATERAL " LINES_IN_STRETCH(tag, ">= $1", "") " AS l LIMIT $2"
/* The same downwards, newest first. */
#define LINES_BACK_OF(tag)                                                                                             \
    "SELECT l.*, " ARCHIVE_END " FROM generate_series(" LINE_STRETCH(                                                  \
        "$1") ", 0, -1) AS b CROSS JOIN LATERAL " LINES_IN_STRETCH(tag, "<= $1", "DESC") " AS l LIMIT $2"
/* Where the live control rows lie, and which transactions wrote them: no UPDATE, DELETE or INSERT leaves both as they
 * were. The hashes of the rows are hashed once more, in their order, so that the change of one row is not made up for
 * by another's. A text and no view or function of the database: what SQL can replace proves nothing. Of the forms
 * that were measured the cheapest: 5.5 us by itself (an aggregate over a union: 7.3). */
#define ROW_STAMP "pg_catalog.hashtidextended(ctid, xmin::text::int8)"
#define CONTROL_STAMP                                                                                                  \
    "coalesce(nullif(pg_catalog.hash_array_extended(ARRAY(SELECT " ROW_STAMP " FROM control_document),"                \
    " coalesce((SELECT " ROW_STAMP " FROM control ORDER BY version DESC LIMIT 1), 0)), 0), 1)"
/* Probes ($1 to $4: set, term, areas), the sets' conditions ($6), the masks of which $8 must fit ($7).
 *
 * Whoever meets all but n of the conditions meets one of any n + 1 of them: of the $9 conditions with the fewest
 * entries all entries are candidates, looked up in the other sets one by one. Where this would cost more than to gather
 * the entries of all sets (a set is counted up to 1,024 entries, and beyond that taken for 50,000; a look-up costs as
 * much as two entries), they are gathered. Of three conditions, of which one has 16 entries and one 49,000: 0.6 ms
 * instead of 48. */
#define ENTRIES "resident_term t ON t.term = p.term AND t.area BETWEEN p.low AND p.high AND t.id > $5"
#define SEARCH                                                                                                         \
    "WITH p AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3, $4) AS q(set, term, low, high)),"                        \
    " sized AS MATERIALIZED (SELECT g.condition, g.place - 1 AS set, CASE WHEN cardinality($6) = 1 THEN 0 ELSE"        \
    " (SELECT count(*) FROM (SELECT FROM p JOIN " ENTRIES " WHERE p.set = g.place - 1 LIMIT 1024) AS e) END AS size"   \
    " FROM unnest($6) WITH ORDINALITY AS g(condition, place)),"                                                        \
    " driver AS MATERIALIZED (SELECT * FROM (SELECT DISTINCT ON (condition) set, size FROM sized"                      \
    " ORDER BY condition, size) AS d ORDER BY size LIMIT $9),"                                                         \
    " few AS MATERIALIZED (SELECT cardinality($6) > 1 AND max(size) < 1024 AND sum(size) * cardinality($2) * 2"        \
    " <= (SELECT sum(CASE WHEN size = 1024 THEN 50000 ELSE size END) FROM sized) AS so FROM driver),"                  \
    " c AS MATERIALIZED (SELECT DISTINCT t.area, t.id FROM driver d JOIN p ON p.set = d.set JOIN " ENTRIES             \
    " WHERE (SELECT so FROM few)),"                                                                                    \
    " h AS MATERIALIZED (SELECT c.id, (SELECT bit_or(1::int8 << p.set) FROM p JOIN resident_term t ON t.term = p.term" \
    " AND t.area = c.area AND t.id = c.id WHERE c.area BETWEEN p.low AND p.high) AS met FROM c"                        \
    " UNION ALL SELECT t.id, bit_or(1::int8 << p.set) FROM p JOIN " ENTRIES                                            \
    " WHERE NOT (SELECT so FROM few) GROUP BY t.id),"                                                                  \
    " hit AS (SELECT id FROM h WHERE (SELECT count(*) FROM unnest($7) AS m WHERE h.met & m = m) >= $8) "
#define SEARCH_TYPES SQL_INT4S, SQL_INT8S, SQL_INT8S, SQL_INT8S, SQL_INT8, SQL_INT4S, SQL_INT8S, SQL_INT8, SQL_INT8
#define VAULT_COLUMNS                                                                                                  \
    "name, format, source, generation, threshold, shares, salt, argon2_passes, argon2_memory_kib, argon2_lanes,"       \
    " checks, root"
#define VAULT_TYPES                                                                                                    \
    {                                                                                                                  \
        SQL_TEXT, SQL_INT4, SQL_INT2, SQL_INT4, SQL_INT4, SQL_INT4, SQL_BYTEA, SQL_INT4, SQL_INT4, SQL_INT4,           \
            SQL_BYTEA, SQL_BYTEA                                                                                       \
    }
#define RING_COLUMNS "name, version, suite, state, since, ends, wrapped, created"
#define RING_TYPES                                                                                                     \
    {                                                                                                                  \
        SQL_TEXT, SQL_INT4, SQL_INT2, SQL_INT2, SQL_INT8, SQL_INT8, SQL_BYTEA, SQL_INT8                                \
    }
/* control_place of store.h. */
#define CONTROL_ROWS                                                                                                   \
    "SELECT 0::int2 AS place, name, version, sealed FROM control_document UNION ALL"                                   \
    " SELECT 1::int2, '', version, sealed FROM control UNION ALL"                                                      \
    " SELECT 2::int2, name, version, sealed FROM control_archive"
/* What begins with the version of its ring. */
#define STAMPED(sealed) "substr(" sealed ", 1, 4) = int4send($1::int4)"

static const statement table[] = {
    [ST_BEGIN] = {.name = "begin", .sql = "BEGIN ISOLATION LEVEL READ COMMITTED"},
    [ST_BEGIN_SNAPSHOT] = {.name = "begin_snapshot", .sql = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"},
    [ST_COMMIT] = {.name = "commit", .sql = "COMMIT"},
    [ST_ROLLBACK] = {.name = "rollback", .sql = "ROLLBACK"},

    [ST_RESIDENTS_BY_ID] = {.name = "residents_by_id",
                            .sql = "SELECT " RESIDENT_COLUMNS " FROM " RESIDENT_WITH_KEY " WHERE r.id = ANY($1)",
                            .params = {SQL_INT8S},
                            .columns = RESIDENT_TYPES,
                            .rows = ROWS_ANY},
    [ST_RESIDENTS_BY_KEY] = {.name = "residents_by_key",
                             .sql =
                                 "SELECT " RESIDENT_COLUMNS " FROM " RESIDENT_WITH_KEY " WHERE r.natural_key = ANY($1)",
                             .params = {SQL_BYTEAS},
                             .columns = RESIDENT_TYPES,
                             .rows = ROWS_ANY},
    [ST_RESIDENT_IDS] = {.name = "resident_ids",
                         .sql = "SELECT nextval('resident_id') FROM generate_series(1, $1)",
                         .params = {SQL_INT4},
                         .columns = {SQL_INT8},
                         .rows = ROWS_ANY},
    /* A live record has an entry under the number of its collection, a restricted one has none. */
    [ST_PEOPLE_COUNT] = {.name = "people_count",
                         .sql = "SELECT (SELECT count(*) FROM resident_term WHERE term = ANY($1)),"
                                " (SELECT count(*) FROM resident WHERE state <> 1 AND collection = ANY($1)),"
                                " (SELECT count(*) FROM resident WHERE id = ANY($2) AND state = 1"
                                " AND collection = ANY($1)),"
                                " (SELECT count(*) FROM resident WHERE id = ANY($2) AND state <> 1"
                                " AND collection = ANY($1))",
                         .params = {SQL_INT8S, SQL_INT8S},
                         .columns = {SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8},
                         .rows = ROWS_ONE},
    [ST_RESIDENTS_LIST] = {.name = "residents_list",
                           .sql = "SELECT id FROM resident_term WHERE term = $1 AND area BETWEEN $2 AND $3 AND id > $4"
                                  " ORDER BY id LIMIT $5",
                           .params = {SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8},
                           .columns = {SQL_INT8},
                           .rows = ROWS_ANY},
    [ST_RESIDENTS_COPY] =
        {.name = "residents_copy",
         .sql = "COPY resident (id, area, version, state, collection, made, natural_key, tag, terms, sealed)"
                " FROM STDIN (FORMAT binary)"},
    [ST_KEYS_COPY] = {.name = "keys_copy",
                      .sql = "COPY resident_key (id, ring_version, dek) FROM STDIN (FORMAT binary)"},
    /* An array of arrays must be a rectangle: the terms of all rows come as one array, and where each row's part begins
       and ends. */
    [ST_RESIDENTS_UPDATE] = {.name = "residents_update",
                             .sql =
                                 "WITH w AS (UPDATE resident r SET area = u.area, state = u.state, version = u.version,"
                                 " sealed = u.sealed, terms = ($8)[u.low:u.high], tag = u.tag,"
                                 " made = u.made, natural_key = u.natural_key"
                                 " FROM unnest($1, $2, $3, $4, $5, $6, $7, $9, $10, $11, $12)"
                                 " AS u(id, area, state, version, sealed, low, high, tag, made, natural_key, was)"
                                 " WHERE r.id = u.id AND r.version = u.version - 1 AND r.tag = u.was RETURNING 1)"
                                 " SELECT count(*) FROM w",
                             .params = {SQL_INT8S, SQL_INT8S, SQL_INT2S, SQL_INT4S, SQL_BYTEAS, SQL_INT4S, SQL_INT4S,
                                        SQL_INT8S, SQL_BYTEAS, SQL_INT8S, SQL_BYTEAS, SQL_BYTEAS},
                             .columns = {SQL_INT8},
                             .rows = ROWS_ONE},
    [ST_RESIDENTS_ERASE] = {.name = "residents_erase",
                            .sql = "WITH w AS (DELETE FROM resident r USING unnest($1, $2, $3) AS u(id, version, tag)"
                                   " WHERE r.id = u.id AND r.version = u.version AND r.tag = u.tag RETURNING r.id),"
                                   " k AS (DELETE FROM resident_key k USING w WHERE k.id = w.id)"
                                   " SELECT count(*) FROM w",
                            .params = {SQL_INT8S, SQL_INT4S, SQL_BYTEAS},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [ST_CORRECTIONS_ERASE] = {.name = "corrections_erase",
                              .sql = "DELETE FROM correction WHERE resident = ANY($1)",
                              .params = {SQL_INT8S}},
    [ST_ERASURES_INSERT] = {.name = "erasures_insert",
                            .sql = "INSERT INTO erasure (number, resident, line)"
                                   " SELECT unnest($1), unnest($2), unnest($3)",
                            .params = {SQL_INT8S, SQL_INT8S, SQL_INT8S}},
    [ST_ERASURES_READ] = {.name = "erasures_read",
                          .sql = "SELECT number, resident, line FROM erasure WHERE number >= $1 ORDER BY number"
                                 " LIMIT $2",
                          .params = {SQL_INT8, SQL_INT8},
                          .columns = {SQL_INT8, SQL_INT8, SQL_INT8},
                          .rows = ROWS_ANY},
    /* Entries of the index are found by the row that they stand for: the index has no order by residents. */
    [ST_ERASURES_REPLAY] =
        {.name = "erasures_replay",
         .sql = "WITH r AS (DELETE FROM resident r USING erasure e WHERE r.id = e.resident"
                " RETURNING r.id, r.area, r.collection, r.terms),"
                " t AS (DELETE FROM resident_term t USING"
                " (SELECT id, area, unnest(terms || collection::int8) AS term FROM r) AS g"
                " WHERE t.term = g.term AND t.area = g.area AND t.id = g.id RETURNING 1),"
                " k AS (DELETE FROM resident_key k USING erasure e WHERE k.id = e.resident RETURNING 1),"
                " c AS (DELETE FROM correction c USING erasure e WHERE c.resident = e.resident RETURNING 1)"
                " SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM t) + (SELECT count(*) FROM k)"
                " + (SELECT count(*) FROM c)",
         .columns = {SQL_INT8},
         .rows = ROWS_ONE},

    /* A newer request takes the place, and a number of its own: who decides on the old number has not read it. */
    [ST_TERMS_COPY] = {.name = "terms_copy", .sql = "COPY resident_term (term, area, id) FROM STDIN (FORMAT binary)"},
    [ST_TERMS_DELETE] = {.name = "terms_delete",
                         .sql = "DELETE FROM resident_term t USING unnest($1, $2, $3) AS u(term, area, id)"
                                " WHERE t.term = u.term AND t.area = u.area AND t.id = u.id",
                         .params = {SQL_INT8S, SQL_INT8S, SQL_INT8S}},
    [ST_SEARCH_IDS] = {.name = "search_ids",
                       .sql = SEARCH "SELECT DISTINCT id FROM hit ORDER BY id LIMIT $10",
                       .params = {SEARCH_TYPES, SQL_INT8},
                       .columns = {SQL_INT8},
                       .rows = ROWS_ANY},
    [ST_SEARCH_COUNT] = {.name = "search_count",
                         .sql = SEARCH "SELECT count(DISTINCT id) FROM hit WHERE id NOT IN (SELECT unnest($10))",
                         .params = {SEARCH_TYPES, SQL_INT8S},
                         .columns = {SQL_INT8},
                         .rows = ROWS_ONE},
    [ST_IDS_OF_TERMS] = {.name = "ids_of_terms",
                         .sql = "SELECT u.term, coalesce(t.id, 0) FROM unnest($1) AS u(term) LEFT JOIN LATERAL"
                                " (SELECT id FROM resident_term r WHERE r.term = u.term LIMIT 2) AS t ON true",
                         .params = {SQL_INT8S},
                         .columns = {SQL_INT8, SQL_INT8},
                         .rows = ROWS_ANY},

    [ST_CORRECTIONS_PUT] = {.name = "corrections_put",
                            .sql = "INSERT INTO correction (" CORRECTION_COLUMNS ")"
                                   " SELECT u.number, u.resident, u.field, u.department, u.filed, 0, 0, 1, u.sealed"
                                   " FROM unnest($1, $2, $3, $4, $5, $6)"
                                   " AS u(number, resident, field, department, filed, sealed)"
                                   " WHERE NOT EXISTS (SELECT FROM erasure e WHERE e.resident = u.resident)"
                                   " ON CONFLICT (resident, field, department) WHERE state = 1"
                                   " DO UPDATE SET number = excluded.number, sealed = excluded.sealed,"
                                   " filed = excluded.filed"
                                   " WHERE substr(correction.sealed, 1, $7) <> substr(excluded.sealed, 1, $7)",
                            .params = {SQL_INT8S, SQL_INT8S, SQL_INT2S, SQL_INT2S, SQL_INT8S, SQL_BYTEAS, SQL_INT4}},
    [ST_CORRECTIONS_DECIDE] = {.name = "corrections_decide",
                               .sql = "WITH w AS (UPDATE correction c SET decided = u.decided, decider = u.decider,"
                                      " state = u.state, sealed = u.sealed"
                                      " FROM unnest($1, $2, $3, $4, $5) AS u(number, decided, decider, state, sealed)"
                                      " WHERE c.number = u.number AND c.state = 1 RETURNING 1)"
                                      " SELECT count(*) FROM w",
                               .params = {SQL_INT8S, SQL_INT8S, SQL_INT2S, SQL_INT2S, SQL_BYTEAS},
                               .columns = {SQL_INT8},
                               .rows = ROWS_ONE},
    [ST_CORRECTIONS_BY_NUMBER] = {.name = "corrections_by_number",
                                  .sql = "SELECT " CORRECTION_COLUMNS " FROM correction WHERE number = ANY($1)",
                                  .params = {SQL_INT8S},
                                  .columns = CORRECTION_TYPES,
                                  .rows = ROWS_ANY},
    [ST_CORRECTIONS_OF] = {.name = "corrections_of",
                           .sql = "SELECT " CORRECTION_COLUMNS " FROM correction WHERE resident = $1 AND number > $2"
                                  " ORDER BY number LIMIT $3",
                           .params = {SQL_INT8, SQL_INT8, SQL_INT8},
                           .columns = CORRECTION_TYPES,
                           .rows = ROWS_ANY},
    /* Field by field along its index: of each no more than the page has. */
    [ST_CORRECTIONS_PENDING] = {.name = "corrections_pending",
                                .sql = "SELECT p.* FROM unnest($1) AS f CROSS JOIN LATERAL (SELECT " CORRECTION_COLUMNS
                                       " FROM correction WHERE state = 1 AND field = f AND number > $2"
                                       " ORDER BY number LIMIT $3) AS p ORDER BY p.number LIMIT $3",
                                .params = {SQL_INT2S, SQL_INT8, SQL_INT8},
                                .columns = CORRECTION_TYPES,
                                .rows = ROWS_ANY},

    [ST_HEAD_CREATE] = {.name = "head_create",
                        .sql = "WITH h AS (INSERT INTO head (" HEAD_COLUMNS
                               ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
                               " WHERE NOT EXISTS (SELECT FROM head) RETURNING 1) SELECT count(*) FROM h",
                        .params = {HEAD_TYPES},
                        .columns = {SQL_INT8},
                        .rows = ROWS_ONE},
    [ST_HEAD_READ] = {.name = "head_read",
                      .sql = "SELECT " HEAD_COLUMNS " FROM head ORDER BY size DESC LIMIT 1",
                      .columns = {HEAD_TYPES},
                      .rows = ROWS_AT_MOST_ONE},
    [ST_HEAD_LOCK] = {.name = "head_lock",
                      .sql = "SELECT " HEAD_COLUMNS " FROM head ORDER BY size DESC LIMIT 1 FOR UPDATE",
                      .columns = {HEAD_TYPES},
                      .rows = ROWS_AT_MOST_ONE},
    /* The update waits for another node's append and then looks again (READ COMMITTED); where it moves nothing, h is
     * empty and nothing is inserted. A second head that was put beside this one is not looked for here (13 us
     * more), but once a second (control_history). Arrays of one length, unnested side by side in the select list, go
     * row by row: in FROM they are stored first. */
    [ST_APPEND] = {.name = "append",
                   .sql = "WITH h AS (UPDATE head SET size = $1, time = $2, control_version = $3, control_digest = $4,"
                          " log_version = $5, erased = $6, erasure = $7, row_sum = $8, frontier = $9, mac = $10"
                          " WHERE size = $11 AND control_version = $12"
                          " AND ($20 = 0 OR $20 = " CONTROL_STAMP ") RETURNING 1),"
                          " l AS (INSERT INTO line (" LINE_COLUMNS ") SELECT unnest($13), unnest($14), unnest($15),"
                          " unnest($16), unnest($17), unnest($18), unnest($19) FROM h)"
                          " SELECT count(*) FROM h",
                   .params = {HEAD_TYPES, SQL_INT8, SQL_INT8, SQL_INT8S, SQL_BYTEAS, SQL_BYTEAS, SQL_BYTEAS, SQL_BYTEAS,
                              SQL_INT8S, SQL_INT8S, SQL_INT8},
                   .columns = {SQL_INT8},
                   .rows = ROWS_ONE},
    [ST_LINES_COPY] = {.name = "lines_copy", .sql = "COPY line (" LINE_COLUMNS ") FROM STDIN (FORMAT binary)"},
    [ST_LINES_BY_INDEX] = {.name = "lines_by_index",
                           .sql = "SELECT " LINE_COLUMNS " FROM unnest($1) AS i JOIN line ON idx = i",
                           .params = {SQL_INT8S},
                           .columns = LINE_TYPES,
                           .rows = ROWS_ANY},
    /* Of a proof many lines are read, and of each leaf and nodes alone. */
    [ST_TREE_BY_INDEX] = {.name = "tree_by_index",
                          .sql = "SELECT idx, leaf, nodes, ''::bytea, ''::bytea, 0::int8, 0::int8"
                                 " FROM unnest($1) AS i JOIN line ON idx = i",
                          .params = {SQL_INT8S},
                          .columns = LINE_TYPES,
                          .rows = ROWS_ANY},
    [ST_LINES_PAGE] = {.name = "lines_page",
                       .sql =
                           "SELECT " LINE_COLUMNS ", " ARCHIVE_END " FROM line WHERE idx >= $1 ORDER BY idx LIMIT $2",
                       .params = {SQL_INT8, SQL_INT8},
                       .columns = PAGE_TYPES,
                       .rows = ROWS_ANY},
    [ST_LEAVES] = {.name = "leaves",
                   .sql = "SELECT idx, leaf FROM line WHERE idx >= $1 AND idx < $2 ORDER BY idx",
                   .params = {SQL_INT8, SQL_INT8},
                   .columns = {SQL_INT8, SQL_BYTEA},
                   .rows = ROWS_ANY},
    [ST_LINES_OF_RESIDENT] = {.name = "lines_of_resident",
                              .sql = LINES_OF("resident_tag"),
                              .params = {SQL_INT8, SQL_INT8, SQL_INT8S},
                              .columns = PAGE_TYPES,
                              .rows = ROWS_ANY},
    [ST_LINES_OF_RESIDENT_BACK] = {.name = "lines_of_resident_back",
                                   .sql = LINES_BACK_OF("resident_tag"),
                                   .params = {SQL_INT8, SQL_INT8, SQL_INT8S},
                                   .columns = PAGE_TYPES,
                                   .rows = ROWS_ANY},
    [ST_LINES_OF_PERSON] = {.name = "lines_of_person",
                            .sql = LINES_OF("person_tag"),
                            .params = {SQL_INT8, SQL_INT8, SQL_INT8S},
                            .columns = PAGE_TYPES,
                            .rows = ROWS_ANY},

    /* Rows without a key are rows. */
    [ST_RESIDENTS_WALK] = {.name = "residents_walk",
                           .sql = "SELECT r.id, r.natural_key, r.collection, r.area, r.state, r.version, r.sealed,"
                                  " r.terms, r.tag, r.made, coalesce(k.ring_version, 0), coalesce(k.dek, ''::bytea)"
                                  " FROM resident r LEFT JOIN LATERAL (SELECT ring_version, dek FROM resident_key"
                                  " WHERE id = r.id OFFSET 0) k ON true WHERE r.id > $1 ORDER BY r.id LIMIT $2",
                           .params = {SQL_INT8, SQL_INT8},
                           .columns = RESIDENT_TYPES,
                           .rows = ROWS_ANY},
    [ST_KEYS_BETWEEN] = {.name = "keys_between",
                         .sql = "SELECT count(*) FROM resident_key WHERE id > $1 AND id <= $2",
                         .params = {SQL_INT8, SQL_INT8},
                         .columns = {SQL_INT8},
                         .rows = ROWS_ONE},
    [ST_WALK_ALONE] = {.name = "walk_alone",
                       .sql = "SELECT pg_try_advisory_xact_lock(5263204733872054272 + $1)::int::int8",
                       .params = {SQL_INT8},
                       .columns = {SQL_INT8},
                       .rows = ROWS_ONE},
    [ST_LINES_STALE] = {.name = "lines_stale",
                        .sql = "SELECT " LINE_COLUMNS " FROM line WHERE idx >= $1 AND idx < $2"
                               " AND substr(officer, 2, 3) <> substr(int4send($3), 2, 3) ORDER BY idx LIMIT $4"
                               " FOR UPDATE SKIP LOCKED",
                        .params = {SQL_INT8, SQL_INT8, SQL_INT4, SQL_INT8},
                        .columns = LINE_TYPES,
                        .rows = ROWS_ANY},
    [ST_LINES_STALE_COUNT] = {.name = "lines_stale_count",
                              .sql = "SELECT count(*) FROM line WHERE idx >= $1 AND idx < $2"
                                     " AND substr(officer, 2, 3) <> substr(int4send($3), 2, 3)",
                              .params = {SQL_INT8, SQL_INT8, SQL_INT4},
                              .columns = {SQL_INT8},
                              .rows = ROWS_ONE},
    [ST_LINES_RENEW] =
        {.name = "lines_renew",
         .sql = "WITH w AS (UPDATE line l SET officer = u.officer, resident_tag = u.resident_tag,"
                " person_tag = u.person_tag FROM unnest($1, $2, $3, $4) AS u(idx, officer, resident_tag, person_tag)"
                " WHERE l.idx = u.idx AND l.idx >= $5 AND l.idx <= $6 RETURNING 1) SELECT count(*) FROM w",
         .params = {SQL_INT8S, SQL_BYTEAS, SQL_INT8S, SQL_INT8S, SQL_INT8, SQL_INT8},
         .columns = {SQL_INT8},
         .rows = ROWS_ONE},
    [ST_CHECKPOINT_PUBLISH] = {.name = "checkpoint_publish",
                               .sql = "WITH p AS (INSERT INTO published (id, size, note) SELECT 1, $2, $3"
                                      " WHERE $1 = 0 OR EXISTS (SELECT FROM published)"
                                      " ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note"
                                      " WHERE published.size = $1 RETURNING 1) SELECT count(*) FROM p",
                               .params = {SQL_INT8, SQL_INT8, SQL_TEXT},
                               .columns = {SQL_INT8},
                               .rows = ROWS_ONE},
    [ST_CHECKPOINT_READ] = {.name = "checkpoint_read",
                            .sql = "SELECT size, note FROM published WHERE id = 1",
                            .columns = {SQL_INT8, SQL_TEXT},
                            .rows = ROWS_AT_MOST_ONE},
    [ST_COSIGNED_WRITE] = {.name = "cosigned_write",
                           .sql = "INSERT INTO cosigned (id, size, note) VALUES (1, $1, $2) ON CONFLICT (id) DO UPDATE"
                                  " SET size = excluded.size, note = excluded.note"
                                  " WHERE cosigned.size <= excluded.size"
                                  " OR cosigned.size > (SELECT p.size FROM published p WHERE p.id = 1)",
                           .params = {SQL_INT8, SQL_TEXT},
                           .rows = ROWS_NONE},
    [ST_COSIGNED_READ] = {.name = "cosigned_read",
                          .sql = "SELECT size, note FROM cosigned WHERE id = 1",
                          .columns = {SQL_INT8, SQL_TEXT},
                          .rows = ROWS_AT_MOST_ONE},
    [ST_ASSERTIONS_USE] = {.name = "assertions_use",
                           .sql = "INSERT INTO assertion (id, expires) SELECT * FROM unnest($1, $2)"
                                  " ON CONFLICT (id) DO NOTHING RETURNING id",
                           .params = {SQL_BYTEAS, SQL_INT8S},
                           .columns = {SQL_BYTEA},
                           .rows = ROWS_ANY},
    [ST_ASSERTIONS_SWEEP] = {.name = "assertions_sweep",
                             .sql = "DELETE FROM assertion WHERE id = ANY (ARRAY (SELECT id FROM assertion"
                                    " WHERE expires < $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))",
                             .params = {SQL_INT8, SQL_INT8}},
    [ST_REQUESTS_FIND] = {.name = "requests_find",
                          .sql = "SELECT id, answer, expires FROM request WHERE id = ANY($1)",
                          .params = {SQL_BYTEAS},
                          .columns = {SQL_BYTEA, SQL_BYTEA, SQL_INT8},
                          .rows = ROWS_ANY},
    [ST_REQUESTS_INSERT] = {.name = "requests_insert",
                            .sql =
                                "INSERT INTO request (id, answer, expires) SELECT unnest($1), unnest($2), unnest($3)",
                            .params = {SQL_BYTEAS, SQL_BYTEAS, SQL_INT8S}},
    [ST_REQUESTS_SWEEP] = {.name = "requests_sweep",
                           .sql = "DELETE FROM request WHERE id = ANY (ARRAY (SELECT id FROM request"
                                  " WHERE expires < $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))",
                           .params = {SQL_INT8, SQL_INT8}},
    [ST_VOUCHERS_READ] = {.name = "vouchers_read",
                          .sql = "SELECT id, version, sealed, expires FROM voucher WHERE id = ANY($1)",
                          .params = {SQL_BYTEAS},
                          .columns = {SQL_BYTEA, SQL_INT4, SQL_BYTEA, SQL_INT8},
                          .rows = ROWS_ANY},
    [ST_VOUCHERS_INSERT] = {.name = "vouchers_insert",
                            .sql = "INSERT INTO voucher (id, version, sealed, expires)"
                                   " SELECT unnest($1), unnest($2), unnest($3), unnest($4)",
                            .params = {SQL_BYTEAS, SQL_INT4S, SQL_BYTEAS, SQL_INT8S}},
    /* The rows are locked in the order of ids before the first one is written: a join would take them in its own. */
    [ST_VOUCHERS_UPDATE] = {.name = "vouchers_update",
                            .sql = "WITH l AS MATERIALIZED (SELECT id FROM voucher WHERE id = ANY($1) ORDER BY id"
                                   " FOR UPDATE), w AS (UPDATE voucher v SET version = u.version, sealed = u.sealed"
                                   " FROM unnest($1, $2, $3) AS u(id, version, sealed)"
                                   " WHERE (SELECT count(*) FROM l) > 0 AND v.id = u.id AND v.version = u.version - 1"
                                   " RETURNING 1) SELECT count(*) FROM w",
                            .params = {SQL_BYTEAS, SQL_INT4S, SQL_BYTEAS},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [ST_VOUCHERS_SWEEP] = {.name = "vouchers_sweep",
                           .sql = "DELETE FROM voucher WHERE id = ANY (ARRAY (SELECT id FROM voucher"
                                  " WHERE expires < $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))",
                           .params = {SQL_INT8, SQL_INT8}},

    [ST_RINGS_READ] = {.name = "rings_read",
                       .sql = "SELECT " RING_COLUMNS " FROM key_ring ORDER BY name, version",
                       .columns = RING_TYPES,
                       .rows = ROWS_ANY},
    [ST_RING_INSERT] = {.name = "ring_insert",
                        .sql = "INSERT INTO key_ring (" RING_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        .params = RING_TYPES},
    [ST_RING_UPDATE] = {.name = "ring_update",
                        .sql = "WITH u AS (UPDATE key_ring SET suite = $3, state = $4, since = $5, ends = $6,"
                               " wrapped = $7, created = $8 WHERE name = $1 AND version = $2 RETURNING 1)"
                               " SELECT count(*) FROM u",
                        .params = RING_TYPES,
                        .columns = {SQL_INT8},
                        .rows = ROWS_ONE},
    /* Whoever else would write these rows waits; readers do not. To prepare a statement that writes takes a lock, too,
     * and all are prepared in one transaction: the tables stand here in the order of this table's statements, or a
     * connection that is made while control changes would deadlock with the change. */
    [ST_CONTROL_LOCK] = {.name = "control_lock",
                         .sql = "LOCK TABLE key_ring, control, control_document, control_archive"
                                " IN SHARE ROW EXCLUSIVE MODE"},
    [ST_CONTROL_STAMP] = {.name = "control_stamp",
                          .sql = "SELECT " CONTROL_STAMP,
                          .columns = {SQL_INT8},
                          .rows = ROWS_ONE},
    [ST_CONTROL_HISTORY] =
        {.name = "control_history",
         .sql = "SELECT coalesce(nullif(hash_record_extended(ROW(m.at, m.by, a.at, a.by), 0), 0), 1), m.count, a.count,"
                " (SELECT count(*) FROM control_archive WHERE ended > (SELECT max(version) FROM control)),"
                " (SELECT count(*) FROM head)"
                " FROM (SELECT array_agg(ctid ORDER BY version) AS at, array_agg(xmin ORDER BY version) AS by,"
                " count(*) FROM control WHERE version <= $1) AS m, (SELECT array_agg(ctid ORDER BY name, version)"
                " AS at, array_agg(xmin ORDER BY name, version) AS by, count(*) FROM control_archive"
                " WHERE ended <= $1) AS a",
         .params = {SQL_INT8},
         .columns = {SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8},
         .rows = ROWS_ONE},
    [ST_CONTROL_STALE] = {.name = "control_stale",
                          .sql = "SELECT place, name, version, sealed FROM (" CONTROL_ROWS ") AS a"
                                 " WHERE NOT (" STAMPED("sealed") ") ORDER BY place, version, name LIMIT $2",
                          .params = {SQL_INT8, SQL_INT8},
                          .columns = {SQL_INT2, SQL_TEXT, SQL_INT8, SQL_BYTEA},
                          .rows = ROWS_ANY},
    [ST_CONTROL_STALE_COUNT] = {.name = "control_stale_count",
                                .sql = "SELECT count(*) FROM (" CONTROL_ROWS ") AS a WHERE NOT (" STAMPED("sealed") ")",
                                .params = {SQL_INT8},
                                .columns = {SQL_INT8},
                                .rows = ROWS_ONE},
    [ST_CONTROL_RESEAL] = {.name = "control_reseal",
                           .sql = "WITH d AS (UPDATE control_document SET sealed = $4 WHERE $1 = 0 AND name = $2"
                                  " AND version = $3 RETURNING 1), m AS (UPDATE control SET sealed = $4 WHERE $1 = 1"
                                  " AND version = $3 RETURNING 1), a AS (UPDATE control_archive SET sealed = $4"
                                  " WHERE $1 = 2 AND name = $2 AND version = $3 RETURNING 1)"
                                  " SELECT (SELECT count(*) FROM d) + (SELECT count(*) FROM m) +"
                                  " (SELECT count(*) FROM a)",
                           .params = {SQL_INT2, SQL_TEXT, SQL_INT8, SQL_BYTEA},
                           .columns = {SQL_INT8},
                           .rows = ROWS_ONE},
    [ST_MANIFESTS_READ] = {.name = "manifests_read",
                           .sql = "SELECT version, sealed FROM control WHERE version >= $1 ORDER BY version LIMIT $2",
                           .params = {SQL_INT8, SQL_INT8},
                           .columns = {SQL_INT8, SQL_BYTEA},
                           .rows = ROWS_ANY},
    [ST_MANIFEST_INSERT] = {.name = "manifest_insert",
                            .sql = "INSERT INTO control (version, sealed) VALUES ($1, $2)",
                            .params = {SQL_INT8, SQL_BYTEA}},
    [ST_DOCUMENTS_READ] = {.name = "documents_read",
                           .sql = "SELECT name, version, sealed FROM control_document ORDER BY name, version",
                           .columns = {SQL_TEXT, SQL_INT8, SQL_BYTEA},
                           .rows = ROWS_ANY},
    [ST_DOCUMENT_INSERT] = {.name = "document_insert",
                            .sql = "INSERT INTO control_document (name, version, sealed) VALUES ($1, $2, $3)",
                            .params = {SQL_TEXT, SQL_INT8, SQL_BYTEA}},
    [ST_DOCUMENT_ARCHIVE] =
        {.name = "document_archive",
         .sql = "WITH d AS (DELETE FROM control_document WHERE name = $1 AND version = $2 RETURNING *),"
                " a AS (INSERT INTO control_archive (name, version, ended, sealed)"
                " SELECT name, version, $3, sealed FROM d RETURNING 1) SELECT count(*) FROM a",
         .params = {SQL_TEXT, SQL_INT8, SQL_INT8},
         .columns = {SQL_INT8},
         .rows = ROWS_ONE},
    [ST_DOCUMENT_FIND] = {.name = "document_find",
                          .sql =
                              "SELECT sealed, 0::int8 FROM control_document WHERE name = $1 AND version = $2 UNION ALL"
                              " SELECT sealed, ended FROM control_archive WHERE name = $1 AND version = $2",
                          .params = {SQL_TEXT, SQL_INT8},
                          .columns = {SQL_BYTEA, SQL_INT8},
                          .rows = ROWS_ANY},
    /* Over 13 million residents, or 100 million lines, it takes minutes. */
    [ST_PATIENCE] = {.name = "patience",
                     .sql = "SELECT set_config('statement_timeout', '7200000', true)",
                     .columns = {SQL_TEXT},
                     .rows = ROWS_ONE},
    [ST_REFERENCES_RECORD] = {.name = "references_record",
                              .sql =
                                  "SELECT (SELECT count(*) FROM resident_key WHERE ring_version = $1),"
                                  " (SELECT count(*) FROM voucher WHERE " STAMPED(
                                      "sealed") "),"
                                                " (SELECT count(*) FROM request WHERE " STAMPED(
                                                    "answer") "),"
                                                              " (SELECT count(*) FROM leak WHERE " STAMPED("key") ")",
                              .params = {SQL_INT8},
                              .columns = {SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8},
                              .rows = ROWS_ONE},
    /* A row is in the index by its terms, and by its collection. */
    [ST_REFERENCES_ROWS] =
        {.name = "references_rows",
         .sql = "SELECT (SELECT count(*) FROM resident WHERE made < $1),"
                " (SELECT count(*) FROM (SELECT term, area, id FROM resident_term) AS e"
                " FULL JOIN (SELECT u.term, r.area, r.id FROM resident r, unnest(r.terms || r.collection::int8) AS "
                "u(term) WHERE r.state = 1)"
                " AS w ON w.term = e.term AND w.area = e.area AND w.id = e.id WHERE w.id IS NULL OR e.id IS NULL)",
         .params = {SQL_INT8},
         .columns = {SQL_INT8, SQL_INT8},
         .rows = ROWS_ONE},
    /* A view's stamp is suite and version (vault/audit). The head is under a version, too. */
    [ST_REFERENCES_LOG] = {.name = "references_log",
                           .sql =
                               "SELECT (SELECT count(*) FROM line WHERE substr(officer, 2, 3) ="
                               " substr(int4send($1::int4), 2, 3)) + (SELECT count(*) FROM head WHERE log_version = $1)"
                               " + (SELECT coalesce(sum(count), 0)::int8 FROM archive WHERE log_version = $1)"
                               " + (SELECT count(*) FROM line_columns WHERE log_version = $1)",
                           .params = {SQL_INT8},
                           .columns = {SQL_INT8},
                           .rows = ROWS_ONE},
    [ST_REFERENCES_CONTROL] = {.name = "references_control",
                               .sql = "SELECT (SELECT count(*) FROM control WHERE " STAMPED(
                                   "sealed") "),"
                                             " (SELECT count(*) FROM control_document WHERE " STAMPED(
                                                 "sealed") ") +"
                                                           " (SELECT count(*) FROM control_archive WHERE " STAMPED(
                                                               "sealed") ")",
                               .params = {SQL_INT8},
                               .columns = {SQL_INT8, SQL_INT8},
                               .rows = ROWS_ONE},
    [ST_RESIDENTS_COUNT] = {.name = "residents_count",
                            .sql = "SELECT count(*) FROM resident WHERE id >= $1",
                            .params = {SQL_INT8},
                            .columns = {SQL_INT8},
                            .rows = ROWS_ONE},
    [ST_CERTIFICATE_INSERT] = {.name = "certificate_insert",
                               .sql = "INSERT INTO certificate (ring, version, line, note) VALUES ($1, $2, $3, $4)",
                               .params = {SQL_TEXT, SQL_INT4, SQL_INT8, SQL_TEXT}},
    [ST_CERTIFICATE_READ] = {.name = "certificate_read",
                             .sql = "SELECT line, note FROM certificate WHERE ring = $1 AND version = $2",
                             .params = {SQL_TEXT, SQL_INT4},
                             .columns = {SQL_INT8, SQL_TEXT},
                             .rows = ROWS_AT_MOST_ONE},
    [ST_VAULT_READ] = {.name = "vault_read",
                       .sql = "SELECT " VAULT_COLUMNS " FROM vault WHERE id = 1",
                       .columns = VAULT_TYPES,
                       .rows = ROWS_AT_MOST_ONE},
    [ST_VAULT_INSERT] = {.name = "vault_insert",
                         .sql =
                             "INSERT INTO vault (id, " VAULT_COLUMNS ") VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9,"
                             " $10, $11, $12)",
                         .params = VAULT_TYPES},
    [ST_VAULT_UPDATE] = {.name = "vault_update",
                         .sql = "WITH u AS (UPDATE vault SET source = $3, generation = $4, threshold = $5, shares = $6,"
                                " salt = $7, argon2_passes = $8, argon2_memory_kib = $9, argon2_lanes = $10,"
                                " checks = $11, root = $12 WHERE name = $1 AND format = $2 AND generation = $4 - 1"
                                " RETURNING 1) SELECT count(*) FROM u",
                         .params = VAULT_TYPES,
                         .columns = {SQL_INT8},
                         .rows = ROWS_ONE},
};

const statement *statement_of(statement_id id)
{
    if (id >= ST_PARTITIONS_LOCK) return statement_of_archive(id);
    if (id >= ST_COUNTERS_MAKE) return statement_of_counts(id);
    return id < ST_JOB_INSERT ? &table[id] : statement_of_work(id);
}
