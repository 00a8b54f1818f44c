/* bench-scan: the limit of a verification of all rows: the same columns of the same tables read by one connection as
 * fast as PostgreSQL and libpq give them, and looked at by nobody.
 *
 *   scan                          all residents, with their keys */
#include "tests/bench/bench.h"
#include "vault/base/clock.h"

#include <libpq-fe.h>

static const char SCAN[] =
    "COPY (SELECT r.id, r.natural_key, r.collection, r.area, r.state, r.version, r.sealed, r.terms, r.tag, r.made,"
    " k.ring_version, k.dek FROM resident r LEFT JOIN resident_key k ON k.id = r.id) TO STDOUT (FORMAT binary)";

static PGconn *connection;

/* Returns how many rows there were: the header comes with the first, and the trailer is a piece of two bytes. */
static size_t read_all(void)
{
    char *row;
    int len;
    size_t rows = 0;
    PQclear(PQexec(connection, SCAN));
    while ((len = PQgetCopyData(connection, &row, 0)) > 0) {
        rows += len > 2;
        PQfreemem(row);
    }
    PGresult *end = PQgetResult(connection);
    if (len != -1 || PQresultStatus(end) != PGRES_COMMAND_OK) die("scan: %s", PQerrorMessage(connection));
    PQclear(end);
    while ((end = PQgetResult(connection))) PQclear(end);
    return rows;
}

static void scan(void)
{
    samples s = {0};
    window w = {0};
    window_open(&w);
    int64_t began = clock_monotonic_us();
    size_t rows = read_all();
    samples_add(&s, clock_monotonic_us() - began, rows);
    window_shut(&w);
    window_report(&w, &s);
    samples_clear(&s);
}

int main(int argc, char **argv)
{
    command c;
    (void)argc;
    connection = PQconnectdb(option(argv, "--database"));
    if (PQstatus(connection) != CONNECTION_OK) die("no database: %s", PQerrorMessage(connection));
    while (command_read(&c)) {
        if (!command_is(&c, "scan", 1)) die("bench-scan: scan");
        scan();
    }
    PQfinish(connection);
    return 0;
}
