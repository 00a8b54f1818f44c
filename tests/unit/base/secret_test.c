#include "tests/support/harness.h"
#include "vault/base/internal.h"
#include "vault/base/secret.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool all_zero(const uint8_t *at, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) sum |= at[i];
    return sum == 0;
}

TEST("a new secret is zeroed, whatever its cell held before")
{
    vault_error err = {0};
    for (int round = 0; round < 1000; round++) {
        VAULT_CLEANUP(secret_clear) secret a = {0}, b = {0};
        expect_ok(secret_new(&a, 1 + (size_t)round, &err), &err);
        expect_ok(secret_new(&b, 32, &err), &err);
        assert_true(all_zero(a.at, a.len));
        assert_true(all_zero(b.at, b.len));
        memset(a.at, 0xee, a.len);
        memset(b.at, 0xdd, b.len);
    }
}

TEST("every length from 1 to 65,536 is served and 0 or 65,537 is refused")
{
    vault_error err = {0};
    for (size_t len = 1; len <= 65536; len = len < 300 ? len + 1 : len + 997) {
        secret s;
        expect_ok(secret_new(&s, len, &err), &err);
        assert_int_equal(s.len, len);
        memset(s.at, 0xff, len);
        secret_clear(&s);
    }
    secret s;
    expect_ok(secret_new(&s, 65536, &err), &err);
    secret_clear(&s);
    expect_code(secret_new(&s, 0, &err), VAULT_INTERNAL, &err);
    expect_code(secret_new(&s, 65537, &err), VAULT_INTERNAL, &err);
    assert_null(s.at);
}

TEST("a full heap refuses, and serves again other sizes once it is emptied")
{
    enum { MOST = 200000 };
    vault_error err = {0};
    secret *many = calloc(MOST, sizeof *many);
    for (size_t len = 32; len <= 65536; len *= 4) {
        size_t count = 0;
        while (count < MOST && secret_new(&many[count], len, &err) == VAULT_OK) count++;
        expect_code(err.code, VAULT_EXHAUSTED, &err);
        assert_in_range(count * len, 3 << 20, 4 << 20);
        for (size_t i = 0; i < count; i += 2) secret_clear(&many[i]);
        for (size_t i = 1; i < count; i += 2) secret_clear(&many[i]);
    }
    free(many);
}

TEST("secrets never overlap")
{
    enum { COUNT = 3000 };
    static secret held[COUNT];
    vault_error err = {0};
    srand(7);
    for (int round = 0; round < 30000; round++) {
        int i = rand() % COUNT;
        for (size_t j = 0; j < held[i].len; j++) assert_int_equal(held[i].at[j], (uint8_t)i);
        secret_clear(&held[i]);
        size_t len = 1 + (size_t)rand() % 200;
        expect_ok(secret_new(&held[i], len, &err), &err);
        memset(held[i].at, i, len);
    }
    for (int i = 0; i < COUNT; i++) secret_clear(&held[i]);
}

TEST("clearing empties the owner and may be done twice; moving leaves the first owner empty")
{
    vault_error err = {0};
    secret a, b;
    expect_ok(secret_copy(&a, bytes_of_text("twelve bytes"), &err), &err);
    b = secret_move(&a);
    assert_null(a.at);
    assert_int_equal(a.len, 0);
    assert_memory_equal(b.at, "twelve bytes", 12);
    secret_clear(&b);
    assert_null(b.at);
    secret_clear(&b);
    secret_clear(&a);
}

TEST("the heap is made once")
{
    vault_error err = {0};
    expect_code(secret_heap_init(1 << 20, &err), VAULT_INTERNAL, &err);
}

static void *churn(void *seed)
{
    unsigned state = *(unsigned *)seed;
    vault_error err = {0};
    for (int i = 0; i < 20000; i++) {
        VAULT_CLEANUP(secret_clear) secret s = {0};
        if (secret_new(&s, 1 + (size_t)rand_r(&state) % 4096, &err) != VAULT_OK) return seed;
        if (!all_zero(s.at, s.len)) return seed;
        memset(s.at, 0xaa, s.len);
    }
    return NULL;
}

TEST("four threads take and give back at once")
{
    pthread_t threads[4];
    unsigned seeds[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, churn, &seeds[i]);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* ---- the process (sanitizers lock nothing and trace themselves) ---- */

TEST("the process is locked in memory, cannot be dumped and leaves no core file")
{
    if (sanitizer_runs()) return;
    struct rlimit core;
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(core.rlim_cur + core.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long locked = 0;
    while (fgets(line, sizeof line, status)) sscanf(line, "VmLck: %lu kB", &locked);
    fclose(status);
    assert_true(locked >= 5 << 10); /* heap and handles at least */
}

/* This program once more, as nobody with 64 KiB to lock; what it says on stderr. False when it cannot be run so. */
static bool run_as_nobody(char *said, size_t cap)
{
    char self[PATH_MAX];
    int ends[2];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0 || geteuid() != 0 || pipe(ends) != 0) return false;
    self[len] = '\0';
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit little = {64 << 10, 64 << 10};
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        if (setrlimit(RLIMIT_MEMLOCK, &little) == 0 && setgid(65534) == 0 && setuid(65534) == 0)
            execl(self, self, NULL);
        _exit(77);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t part; got < cap - 1 && (part = read(ends[0], said + got, cap - 1 - got)) > 0;) got += (size_t)part;
    said[got] = '\0';
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) != 77;
}

TEST("where memory cannot be locked the start is refused with a mend")
{
    static char said[16384];
    if (sanitizer_runs() || !run_as_nobody(said, sizeof said)) return;
    if (!strstr(said, "RLIMIT_MEMLOCK")) print_error("%s\n", said);
    assert_non_null(strstr(said, "RLIMIT_MEMLOCK"));
    assert_null(strstr(said, "ok 1"));
}
