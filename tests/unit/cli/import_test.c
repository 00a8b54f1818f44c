/* State, rejects, quality and parts of an import, without a server. */
#include "tests/unit/cli/import_fixture.h"

#define MARK "\xEF\xBB\xBF"
#define ROWS                                                                                                           \
    "身份证号,姓名,现住地,_line\n11010519491231002X,王五,320411002003,\n440524188001010014,\"李,四\",320411002003,9\n"

static const char *input(const char *text)
{
    const char *path = fixture_path("in.csv");
    fixture_write(path, text);
    return path;
}

/* ---- state ---- */

static import_state some_state(const source *from)
{
    import_state s;
    state_begin(&s, from, json_pack("{s:s, s:i}", "collection", "residents", "part", 4096));
    s.parts = 3, s.offset = 20, s.line = 2, s.rejects_len = 77;
    s.counts = (import_counts){.rows = 10, .created = 4, .updated = 3, .unchanged = 2, .rejected = 1, .corrections = 5};
    return s;
}

TEST("a state is read as it was written, and only its owner can")
{
    vault_error err = {0};
    struct stat about;
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS));
    VAULT_CLEANUP(state_clear) import_state s = some_state(&from), back = {0};
    const char *path = fixture_path("in.csv.import-state");
    expect_ok(state_write(&s, path, &err), &err);
    expect_ok(state_read(&back, path, &err), &err);
    assert_string_equal(back.id, s.id);
    assert_int_equal(back.parts, 3);
    assert_int_equal(back.offset, 20);
    assert_int_equal(back.line, 2);
    assert_int_equal(back.rejects_len, 77);
    assert_memory_equal(&back.counts, &s.counts, sizeof s.counts);
    assert_false(back.complete);
    assert_true(state_is_of(&back, &from));
    assert_null(state_difference(&back, s.settings));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

TEST("another import has another id, and settings that differ are named")
{
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS));
    VAULT_CLEANUP(state_clear) import_state one = some_state(&from), other = some_state(&from);
    assert_string_not_equal(one.id, other.id);
    VAULT_CLEANUP(json_clear) json_t *changed = json_pack("{s:s, s:i}", "collection", "residents", "part", 512);
    assert_string_equal(state_difference(&one, changed), "part");
}

TEST("a file that was changed, in its bytes, its length or its time, is not the state's")
{
    const char *path = input(ROWS);
    VAULT_CLEANUP(source_close) source from = fixture_source(path);
    VAULT_CLEANUP(state_clear) import_state s = some_state(&from);
    source other = from;
    other.size++;
    assert_false(state_is_of(&s, &other));
    other = from, other.mtime_us++;
    assert_false(state_is_of(&s, &other));
    other = from, other.head.at[0] ^= 1;
    assert_false(state_is_of(&s, &other));
    assert_true(state_is_of(&s, &from));
}

TEST("what is no state is refused")
{
    static const char *const wrong[] = {
        "", "{}", "[]", "{\"format\":1}", "{\"format\":2,\"import\":\"00000000000000000000000000000000\"}",
    };
    const char *path = fixture_path("wrong.import-state");
    vault_error err = {0};
    import_state s;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fixture_write(path, wrong[i]);
        expect_code(state_read(&s, path, &err), VAULT_INVALID, &err);
        state_clear(&s);
    }
    (void)unlink(path);
    expect_code(state_read(&s, path, &err), VAULT_NOT_FOUND, &err);
}

TEST("a state with a value that an import never has is refused")
{
    static const struct {
        const char *from, *to;
    } edits[] = {{"\"rows\": 10", "\"rows\": 11"},          {"\"rows\": 10", "\"rows\": -1"},
                 {"\"offset\": 20", "\"offset\": 9999999"}, {"\"line\": 2", "\"line\": 0"},
                 {"\"parts\": 3", "\"parts\": -3"},         {"\"format\": 1", "\"format\": 9"},
                 {"\"head\": \"", "\"head\": \"x"},         {"\"complete\": false", "\"complete\": 0"},
                 {"\"import\": \"", "\"import\": \"../"}};
    vault_error err = {0};
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS));
    VAULT_CLEANUP(state_clear) import_state s = some_state(&from);
    const char *path = fixture_path("edited.import-state");
    expect_ok(state_write(&s, path, &err), &err);
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    const char *whole = arena_text(mem, bytes_of_text(fixture_read(path)));
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        import_state back;
        const char *at = strstr(whole, edits[i].from);
        assert_non_null(at);
        fixture_write(path,
                      arena_format(mem, "%.*s%s%s", (int)(at - whole), whole, edits[i].to, at + strlen(edits[i].from)));
        expect_code(state_read(&back, path, &err), VAULT_INVALID, &err);
        state_clear(&back);
    }
}

/* ---- rejects ---- */

static row next_row(source *from, arena *mem)
{
    vault_error err = {0};
    row r;
    expect_ok(source_next(from, mem, &r, &err), &err);
    return r;
}

TEST("rejects have the columns of the input and the tool's own, and are read again as they were")
{
    vault_error err = {0};
    struct stat about;
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS "x,y\n"));
    VAULT_CLEANUP(rejects_close) rejects r = {.fd = -1};
    const char *path = fixture_path("rejects.csv");
    row rows[3] = {next_row(&from, mem), next_row(&from, mem), next_row(&from, mem)};
    expect_ok(rejects_open(&r, path, 0, &from, &err), &err);
    expect_ok(rejects_add(&r, &from, &rows[1], "name;sex", "BAD_CHARACTER;BAD_CODE", &err), &err);
    expect_ok(rejects_add(&r, &from, &rows[2], "", rows[2].fault, &err), &err);
    expect_ok(rejects_flush(&r, &err), &err);
    assert_string_equal(fixture_read(path),
                        MARK "身份证号,姓名,现住地,_line,_field,_reason,_raw\n"
                             "440524188001010014,\"李,四\",320411002003,3,name;sex,BAD_CHARACTER;BAD_CODE,\n"
                             ",,,4,,WRONG_COLUMN_COUNT,\"x,y\"\n");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(about.st_size, r.len);
    VAULT_CLEANUP(source_close) source again = fixture_source(path);
    row back = next_row(&again, mem);
    assert_string_equal(back.values[1], "李,四");
    back = next_row(&again, mem);
    assert_string_equal(back.values[0], "");
    assert_string_equal(back.values[6], "x,y");
}

TEST("of a long row as much is shown as leaves the line readable, in whole characters")
{
    vault_error err = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS));
    VAULT_CLEANUP(rejects_close) rejects r = {.fd = -1};
    const char *path = fixture_path("long.csv");
    char raw[50000] = "";
    for (size_t i = 0; i + 4 < sizeof raw; i += 3) memcpy(raw + i, "王", 3);
    const row faulty = {.line = 5, .fault = "WRONG_COLUMN_COUNT", .fault_field = "", .raw = raw};
    expect_ok(rejects_open(&r, path, 0, &from, &err), &err);
    expect_ok(rejects_add(&r, &from, &faulty, "", faulty.fault, &err), &err);
    expect_ok(rejects_flush(&r, &err), &err);
    VAULT_CLEANUP(source_close) source again = fixture_source(path);
    row back = next_row(&again, mem);
    assert_null(back.fault);
    assert_int_equal(strlen(back.values[6]), ROW_MAX / 4 / 3 * 3);
    assert_memory_equal(back.values[6], raw, ROW_MAX / 4 / 3 * 3);
}

TEST("going on cuts the rejects back to what was acknowledged; what is lost is told; a new import leaves nothing of "
     "the old")
{
    vault_error err = {0};
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(1 << 20);
    VAULT_CLEANUP(source_close) source from = fixture_source(input(ROWS));
    const char *path = fixture_path("cut.csv");
    row one = next_row(&from, mem);
    rejects r;
    expect_ok(rejects_open(&r, path, 0, &from, &err), &err);
    expect_ok(rejects_add(&r, &from, &one, "", "A", &err), &err);
    expect_ok(rejects_flush(&r, &err), &err);
    uint64_t len = r.len;
    expect_ok(rejects_add(&r, &from, &one, "", "B", &err), &err);
    expect_ok(rejects_flush(&r, &err), &err);
    rejects_close(&r);
    expect_ok(rejects_open(&r, path, len, &from, &err), &err);
    expect_ok(rejects_add(&r, &from, &one, "", "C", &err), &err);
    expect_ok(rejects_flush(&r, &err), &err);
    rejects_close(&r);
    const char *text = fixture_read(path);
    assert_non_null(strstr(text, ",A,"));
    assert_null(strstr(text, ",B,"));
    assert_non_null(strstr(text, ",C,\n"));
    expect_code(rejects_open(&r, path, 100000, &from, &err), VAULT_INVALID, &err);
    rejects_close(&r);
    expect_ok(rejects_open(&r, path, 0, &from, &err), &err);
    rejects_close(&r);
    assert_null(fixture_read(path));
}

TEST("the input itself, a device and a link are never taken for rejects")
{
    vault_error err = {0};
    const char *path = input(ROWS), *link = fixture_path("link.csv");
    VAULT_CLEANUP(source_close) source from = fixture_source(path);
    rejects r;
    expect_code(rejects_open(&r, path, 0, &from, &err), VAULT_INVALID, &err);
    rejects_close(&r);
    expect_code(rejects_open(&r, "/dev/null", 0, &from, &err), VAULT_INVALID, &err);
    rejects_close(&r);
    assert_int_equal(symlink(path, link), 0);
    expect_code(rejects_open(&r, link, 0, &from, &err), VAULT_INVALID, &err);
    rejects_close(&r);
    expect_code(rejects_open(&r, link, 5, &from, &err), VAULT_UNAVAILABLE, &err);
    rejects_close(&r);
    assert_string_equal(fixture_read(path), ROWS);
}

/* ---- hashes ---- */

TEST("hashes are found again, up to the bound, and what is past it is counted")
{
    hash_set s = {.most = 5000};
    for (uint64_t i = 0; i < 6000; i++) assert_false(hash_set_add(&s, i * 0x9e3779b97f4a7c15ULL));
    for (uint64_t i = 0; i < 5000; i++) assert_true(hash_set_add(&s, i * 0x9e3779b97f4a7c15ULL));
    assert_int_equal(s.count, 5000);
    assert_int_equal(s.dropped, 1000);
    hash_set_free(&s);
    hash_set none = {0};
    assert_false(hash_set_add(&none, 1));
    hash_set_free(&none);
}

/* ---- parts ---- */

typedef struct trial {
    arena *mem;
    source from;
    mapping columns;
    part_plan plan;
    part part;
    ctl ctl;
    command command;
    import_counts counts;
    rejects rejects;
    part_books books;
} trial;

static trial *try(const char *text, size_t rows)
{
    vault_error err = {0};
    char *complaint;
    arena *mem = arena_new(16 << 20);
    trial *t = arena_alloc(mem, sizeof *t);
    t->mem = mem;
    t->from = fixture_source(input(text));
    t->columns =
        (mapping){.collection = fixture_collection(), .headings = t->from.headings, .columns = t->from.columns};
    expect_ok(mapping_make(&t->columns, mem, &(mapping_wishes){0}, &complaint, &err), &err);
    t->command = (command){.purpose = "population-register"};
    t->ctl = (ctl){.command = &t->command, .mem = mem};
    t->plan = (part_plan){
        .ctl = &t->ctl, .from = &t->from, .columns = &t->columns, .import_id = "abc", .rows = rows, .calls = 1};
    t->part.mem = arena_new(16 << 20);
    expect_ok(rejects_open(&t->rejects, fixture_path("part.rejects.csv"), 0, &t->from, &err), &err);
    t->rejects.path = arena_text(mem, bytes_of_text(t->rejects.path));
    t->books = (part_books){.counts = &t->counts, .rejects = &t->rejects, .quality = quality_new(mem, &t->columns)};
    return t;
}

static void try_end(trial *t)
{
    arena *mem = t->mem;
    quality_free(&t->books.quality);
    rejects_close(&t->rejects);
    source_close(&t->from);
    arena_free(&t->part.mem);
    arena_free(&mem);
}

static void read_part(trial *t, uint64_t number)
{
    vault_error err = {0};
    expect_ok(part_read(&t->part, &t->plan, number, &err), &err);
    assert_true(part_pack(&t->part, &t->plan, 0));
}

static Vault__V1__ImportRequest *message_of(const trial *t, size_t at)
{
    bytes packed = t->part.calls[0].messages[at];
    Vault__V1__ImportRequest *message = vault__v1__import_request__unpack(NULL, packed.len, packed.at);
    assert_non_null(message);
    return message;
}

TEST("a part is a header and messages of the rows that can be sent, in the order of the mapping")
{
    trial *t = try("姓名,_x,现住地,身份证\n王,a,b,c\n李\n赵,d,e,f\n", 10);
    read_part(t, 7);
    assert_int_equal(t->part.count, 3);
    assert_int_equal(t->part.calls[0].count, 2);
    assert_int_equal(t->part.calls[0].message_count, 2);
    Vault__V1__ImportRequest *m = message_of(t, 0);
    assert_string_equal(m->context->request_id, "abc.7.0");
    assert_string_equal(m->context->purpose, "population-register");
    assert_string_equal(m->header->collection, "residents");
    assert_string_equal(m->header->field_mask->paths[2], "id_number");
    assert_null(m->header->collect_time);
    vault__v1__import_request__free_unpacked(m, NULL);
    m = message_of(t, 1);
    assert_int_equal(m->n_rows, 2);
    assert_string_equal(m->rows[1]->values[0], "赵");
    assert_string_equal(m->rows[1]->values[1], "e");
    assert_string_equal(m->rows[1]->values[2], "f");
    vault__v1__import_request__free_unpacked(m, NULL);
    try_end(t);
}

TEST("parts end after their rows, go on where the last ended, and are the same whenever they are read")
{
    char text[16384];
    size_t len = (size_t)snprintf(text, sizeof text, "身份证,现住地\n");
    for (int i = 0; i < 1100; i++) len += (size_t)snprintf(text + len, sizeof text - len, "%d,x\n", i);
    trial *t = try(text, 600);
    read_part(t, 1);
    assert_int_equal(t->part.count, 600);
    assert_int_equal(t->part.calls[0].message_count, 3); /* the header, 512 rows, 88 rows */
    uint64_t offset = t->part.offset, line = t->part.line;
    assert_int_equal(line, 602);
    read_part(t, 2);
    assert_int_equal(t->part.count, 500);
    digest first = sha256(t->part.calls[0].messages[1]);
    read_part(t, 3);
    assert_int_equal(t->part.count, 0);
    vault_error err = {0};
    expect_ok(source_seek(&t->from, offset, (size_t)line, &err), &err);
    read_part(t, 2);
    digest again = sha256(t->part.calls[0].messages[1]);
    assert_memory_equal(first.at, again.at, DIGEST_LEN);
    try_end(t);
}

static size_t write_headings(char *text, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) len += (size_t)snprintf(text + len, 8, "h%zu%c", i, i + 1 < count ? ',' : '\n');
    return len;
}

TEST("rows of many columns go in more messages")
{
    enum { COLUMNS = 250, ROWS_OF_THEM = 512 };
    VAULT_CLEANUP(arena_free) arena *mem = arena_new(32 << 20);
    char *text = arena_alloc(mem, COLUMNS * 8 + ROWS_OF_THEM * (2 * COLUMNS));
    size_t len = write_headings(text, COLUMNS);
    for (size_t i = 0; i < ROWS_OF_THEM; i++) {
        for (size_t j = 0; j < COLUMNS; j++) text[len++] = 'x', text[len++] = j + 1 < COLUMNS ? ',' : '\n';
    }
    trial *t = try("身份证,现住地\n1,2\n", 512);
    source_close(&t->from);
    t->from = fixture_source(input(text));
    Vault__V1__Field field = VAULT__V1__FIELD__INIT;
    const Vault__V1__Field *fields[COLUMNS];
    char *paths[COLUMNS];
    size_t places[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) fields[i] = &field, paths[i] = (char *)"f", places[i] = i;
    t->columns = (mapping){.collection = fixture_collection(),
                           .headings = t->from.headings,
                           .columns = COLUMNS,
                           .fields = fields,
                           .paths = paths,
                           .places = places,
                           .count = COLUMNS};
    read_part(t, 1);
    assert_int_equal(t->part.calls[0].count, ROWS_OF_THEM);
    assert_int_equal(t->part.calls[0].message_count, 3);
    try_end(t);
}

/* A number in either writing, and the lines on which it stands. */
TEST("a part goes in two calls, and rows of one resident are in one of them in their order, however it is written")
{
    trial *t = try("身份证,现住地\n11010519491231002X,a\n440524188001010014,b\n１１０１０５１９４９１２３１００２x,"
                   "c\n110105491231002,d\n"
                   "x1,e\nx2,f\nx3,g\nx4,h\n440524188001010014,i\n",
                   20);
    vault_error err = {0};
    size_t first = SIZE_MAX, seen = 0;
    t->plan.calls = PART_CALLS;
    expect_ok(part_read(&t->part, &t->plan, 1, &err), &err);
    assert_int_equal(t->part.calls[0].count + t->part.calls[1].count, 9);
    for (size_t i = 0; i < PART_CALLS; i++) {
        const part_call *call = &t->part.calls[i];
        for (size_t j = 0; j < call->count; j++) {
            if (j > 0) assert_true(call->rows[j] > call->rows[j - 1]);
            bool same = call->rows[j] == 0 || call->rows[j] == 2 || call->rows[j] == 3;
            if (same && first == SIZE_MAX) first = i;
            if (same) assert_int_equal(i, first);
            seen += same;
        }
    }
    assert_int_equal(seen, 3);
    try_end(t);
}

TEST("what two calls were answered is written down in the order of the file")
{
    vault_error err = {0};
    trial *t = try("身份证,现住地\nx1,a\nx2,b\nx3,c\nx4,d\nx5,e\nx6,f\nx7,g\nx8,h\n", 20);
    Vault__V1__ImportResponse replies[PART_CALLS], *both[PART_CALLS];
    Vault__V1__RowReport reports[8], *lists[PART_CALLS][8];
    t->plan.calls = PART_CALLS;
    expect_ok(part_read(&t->part, &t->plan, 1, &err), &err);
    for (size_t i = 0, n = 0; i < PART_CALLS; i++) {
        vault__v1__import_response__init(both[i] = &replies[i]);
        assert_true(t->part.calls[i].count > 0);
        for (size_t j = 0; j < t->part.calls[i].count; j++) {
            vault__v1__row_report__init(lists[i][j] = &reports[n++]);
            lists[i][j]->row = (uint32_t)j, lists[i][j]->rejected = 1;
        }
        replies[i].rows = replies[i].rejected = (uint32_t)t->part.calls[i].count;
        replies[i].reports = lists[i], replies[i].n_reports = t->part.calls[i].count;
    }
    expect_ok(part_account(&t->part, &t->plan, both, &t->books, &err), &err);
    expect_ok(rejects_flush(&t->rejects, &err), &err);
    assert_string_equal(fixture_read(t->rejects.path),
                        MARK "身份证,现住地,_line,_field,_reason,_raw\nx1,a,2,,,\nx2,b,3,,,\nx3,c,4,,,\nx4,d,5,,,\n"
                             "x5,e,6,,,\nx6,f,7,,,\nx7,g,8,,,\nx8,h,9,,,\n");
    try_end(t);
}

TEST("packing a part again makes a new header only")
{
    trial *t = try(ROWS, 10);
    read_part(t, 1);
    bytes rows = t->part.calls[0].messages[1];
    assert_true(part_pack(&t->part, &t->plan, 0));
    assert_ptr_equal(t->part.calls[0].messages[1].at, rows.at);
    assert_int_equal(t->part.calls[0].message_count, 2);
    try_end(t);
}

static Vault__V1__FieldReport bad_name = {.field = (char *)"name", .reason = (char *)"BAD_CHARACTER"};
static Vault__V1__FieldReport bad_area = {.field = (char *)"residence_area", .reason = (char *)"BAD_CODE"};
static Vault__V1__FieldReport filed = {.field = (char *)"phone", .reason = (char *)"CORRECTION_FILED"};
static Vault__V1__FieldReport *two[] = {&bad_name, &bad_area}, *one[] = {&filed};

TEST("what the vault said is counted, rejects stand in the order of their lines, corrections went in")
{
    vault_error err = {0};
    trial *t = try("身份证,现住地,姓名\n1,2,a\n1\n3,4,b\n5,6,c\n", 10);
    Vault__V1__RowReport rejected = VAULT__V1__ROW_REPORT__INIT, corrected = VAULT__V1__ROW_REPORT__INIT,
                         *reports[] = {&rejected, &corrected};
    Vault__V1__ImportResponse reply = VAULT__V1__IMPORT_RESPONSE__INIT;
    rejected.row = 0, rejected.rejected = 1, rejected.fields = two, rejected.n_fields = 2;
    corrected.row = 2, corrected.fields = one, corrected.n_fields = 1;
    reply.rows = 3, reply.rejected = 1, reply.created = 1, reply.unchanged = 1;
    reply.reports = reports, reply.n_reports = 2;
    read_part(t, 1);
    expect_ok(part_account(&t->part, &t->plan, (Vault__V1__ImportResponse *const[PART_CALLS]){&reply}, &t->books, &err),
              &err);
    expect_ok(rejects_flush(&t->rejects, &err), &err);
    assert_int_equal(t->counts.rows, 4);
    assert_int_equal(t->counts.created, 1);
    assert_int_equal(t->counts.unchanged, 1);
    assert_int_equal(t->counts.rejected, 2);
    assert_int_equal(t->counts.corrections, 1);
    assert_string_equal(fixture_read(t->rejects.path), MARK "身份证,现住地,姓名,_line,_field,_reason,_raw\n"
                                                            "1,2,a,2,name;residence_area,BAD_CHARACTER;BAD_CODE,\n"
                                                            ",,,3,,WRONG_COLUMN_COUNT,1\n");
    try_end(t);
}

TEST("an answer that does not fit what was sent is refused before anything is written down")
{
    vault_error err = {0};
    trial *t = try(ROWS, 10);
    Vault__V1__RowReport first = VAULT__V1__ROW_REPORT__INIT, second = VAULT__V1__ROW_REPORT__INIT,
                         *reports[] = {&first, &second};
    read_part(t, 1);
    for (int i = 0; i < 5; i++) {
        Vault__V1__ImportResponse reply = VAULT__V1__IMPORT_RESPONSE__INIT;
        reply.rows = i == 0 ? 3 : 2, reply.created = i == 1 ? 1 : 2;
        reply.reports = reports, reply.n_reports = i < 2 ? 0 : 2;
        first.row = i == 2 ? 2 : i == 3 ? 1 : 0, second.row = i == 3 ? 0 : 1;
        first.rejected = i == 4;
        expect_code(
            part_account(&t->part, &t->plan, (Vault__V1__ImportResponse *const[PART_CALLS]){&reply}, &t->books, &err),
            VAULT_INVALID, &err);
    }
    assert_int_equal(t->counts.rows, 0);
    try_end(t);
}

TEST("quality counts what is missing, malformed, doubled after normalising, and contradicting")
{
    vault_error err = {0};
    trial *t = try("身份证,现住地,姓名,手机号\n"
                   "11010519491231002X,320411002003,王,13800000000\n"
                   "１１０１０５１９４９１２３１００２x,320411002003, 　,\n"
                   "rubbish,,,\n"
                   "440524188001010014,320411002003,李,1\n"
                   "short\n",
                   10);
    Vault__V1__RowReport rejected = VAULT__V1__ROW_REPORT__INIT, corrected = VAULT__V1__ROW_REPORT__INIT,
                         *reports[] = {&rejected, &corrected};
    Vault__V1__ImportResponse reply = VAULT__V1__IMPORT_RESPONSE__INIT;
    rejected.row = 2, rejected.rejected = 1, rejected.fields = two, rejected.n_fields = 2;
    corrected.row = 3, corrected.fields = one, corrected.n_fields = 1;
    reply.rows = 4, reply.rejected = 1, reply.created = 2, reply.unchanged = 1;
    reply.reports = reports, reply.n_reports = 2;
    read_part(t, 1);
    expect_ok(part_account(&t->part, &t->plan, (Vault__V1__ImportResponse *const[PART_CALLS]){&reply}, &t->books, &err),
              &err);
    VAULT_CLEANUP(json_clear) json_t *report = quality_json(t->books.quality);
    json_t *fields = json_object_get(report, "fields");
    static const int wanted[5][4] = {{0, 0, 1, 0}, {1, 1, 0, 0}, {2, 1, 0, 0}, {2, 0, 0, 1}, {0, 1, 0, 0}};
    static const char *const names[] = {"missing", "malformed", "duplicated", "contradicting"};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(json_integer_value(json_object_get(json_array_get(fields, i), names[j])), wanted[i][j]);
    }
    json_t *reasons = json_object_get(json_array_get(fields, 4), "reasons");
    assert_int_equal(json_integer_value(json_object_get(reasons, "WRONG_COLUMN_COUNT")), 1);
    try_end(t);
}
