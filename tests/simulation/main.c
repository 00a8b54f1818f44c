/* simulation: leaks of a fictitious district, ranked. tests/simulation/run says how to call it. */
#include "tests/simulation/simulation.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: tests/simulation/run [--seed N] [--residents N] [--persons N] [--lines N] [--leaks "
                            "N] [--offices] [--small] [--json]\n";

static uint32_t number_after(char **argv, const char *name, uint32_t otherwise)
{
    for (size_t i = 1; argv[i]; i++)
        if (strcmp(argv[i], name) == 0 && argv[i + 1]) return (uint32_t)strtoul(argv[i + 1], NULL, 10);
    return otherwise;
}

static bool is_given(char **argv, const char *name)
{
    for (size_t i = 1; argv[i]; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return false;
}

static options read_options(char **argv)
{
    const bool small = is_given(argv, "--small");
    if (is_given(argv, "--help")) fputs(usage, stdout), exit(0);
    return (options){.seed = number_after(argv, "--seed", 1),
                     .residents = number_after(argv, "--residents", small ? 40000 : 200000),
                     .persons = number_after(argv, "--persons", small ? 200 : 1000),
                     .lines = number_after(argv, "--lines", small ? 140000 : 1000000),
                     .leaks = number_after(argv, "--leaks", small ? 60 : 400),
                     .small = small,
                     .json = is_given(argv, "--json"),
                     .offices = is_given(argv, "--offices")};
}

/* ---- lists ---- */

static size_t make_lists(leaked_list **out, const world *w)
{
    size_t count = 0;
    *out = calloc(leak_kind_count * w->o.leaks, sizeof **out);
    for (uint32_t kind = 0; kind < leak_kind_count; kind++)
        for (uint32_t i = 0; i < w->o.leaks; i++) {
            leaked_list *l = &(*out)[count];
            if (!leak_make(l, w, kind)) continue;
            l->number = (uint32_t)count++;
        }
    return count;
}

/* ---- aims ---- */

typedef struct aim {
    const char *what;
    double got, wanted;
    bool at_most;
} aim;

static const tally *tally_of(const verdicts *v, const char *name)
{
    for (size_t k = 0; k < leak_kind_count; k++)
        if (strcmp(leak_kinds[k].name, name) == 0) return &v->of_kind[k];
    die("no kind %s", name);
}

static double ratio_of(uint32_t part, uint32_t all)
{
    return all ? (double)part / all : 0;
}

/* The least of all kinds whose aim it is. */
static double least_of(const verdicts *v, const char *const *names, bool fifth)
{
    double least = 1;
    for (; *names; names++) {
        const tally *t = tally_of(v, *names);
        const double got = ratio_of(fifth ? t->fifth : t->first, t->leaks);
        if (got < least) least = got;
    }
    return least;
}

static double outsiders_accused(const verdicts *v)
{
    uint32_t accused = 0, leaks = 0;
    for (size_t k = 0; k < leak_kind_count; k++)
        if (leak_kinds[k].by == OUTSIDER) accused += v->of_kind[k].accused, leaks += v->of_kind[k].leaks;
    return ratio_of(accused, leaks);
}

static size_t aims_of(aim *out, const verdicts *v)
{
    static const char *const many[] = {"10 rows", "10 rows, 30 % foreign", "20 rows", "20 rows, 30 % foreign",
                                       "50 rows", "50 rows, 30 % foreign", NULL};
    static const char *const three[] = {"3 rows", "3 rows, 30 % foreign", NULL};
    const tally *twins = tally_of(v, "twin"), *canary = tally_of(v, "a canary, 90 % foreign");
    const calibration *c = &v->all;
    size_t n = 0;
    out[n++] = (aim){"first, 10 rows or more, up to 30 % foreign", least_of(v, many, false), 0.95, false};
    out[n++] = (aim){"first, 3 rows", least_of(v, three, false), 0.85, false};
    out[n++] = (aim){"among five, 10 rows or more", least_of(v, many, true), 0.99, false};
    out[n++] = (aim){"outsiders' lists with somebody accused", outsiders_accused(v), 0.01, true};
    out[n++] = (aim){"right of posteriors above 0.9",
                     c->weight[BINS - 1] > 0 ? c->right[BINS - 1] / c->weight[BINS - 1] : 0, 0.9, false};
    out[n++] = (aim){"twins among the first two", ratio_of(twins->second, twins->leaks), 0.95, false};
    out[n++] = (aim){"holder of a canary first", ratio_of(canary->first, canary->leaks), 1, false};
    return n;
}

/* ---- what is printed ---- */

static json_t *rounded(double n)
{
    return json_real((double)(long)(n * 10000 + 0.5) / 10000);
}

static json_t *kind_report(const leak_kind *kind, const tally *t)
{
    json_t *out = json_pack("{s:s, s:i}", "kind", kind->name, "leaks", (int)t->leaks);
    if (kind->by != OUTSIDER) {
        json_object_set_new(out, "first", rounded(ratio_of(t->first, t->leaks)));
        json_object_set_new(out, "among_two", rounded(ratio_of(t->second, t->leaks)));
        json_object_set_new(out, "among_five", rounded(ratio_of(t->fifth, t->leaks)));
        json_object_set_new(out, "first_by_guilt", rounded(ratio_of(t->guilt_first, t->leaks)));
        json_object_set_new(out, "first_by_jaccard", rounded(ratio_of(t->jaccard_first, t->leaks)));
    }
    json_object_set_new(out, "accused", rounded(ratio_of(t->accused, t->leaks)));
    json_object_set_new(out, "accused_wrongly", rounded(ratio_of(t->accused_wrongly, t->leaks)));
    json_object_set_new(out, "colluders_named", rounded(ratio_of(t->named_colluders, t->leaks)));
    if (kind->by == COLLUDERS) {
        json_object_set_new(out, "all_first", rounded(ratio_of(t->found_all, t->leaks)));
        json_object_set_new(out, "named_exactly", rounded(ratio_of(t->exact, t->leaks)));
    }
    if (kind->by == ONE_EXPORT) json_object_set_new(out, "export_found", rounded(ratio_of(t->export_first, t->leaks)));
    if (kind->by == TWIN_ONE) json_object_set_new(out, "both_among_two", rounded(ratio_of(t->with_twin, t->leaks)));
    return out;
}

static json_t *calibration_report(const calibration *c)
{
    json_t *out = json_array();
    for (size_t b = 0; b < BINS; b++) {
        const double n = c->weight[b] > 0 ? c->weight[b] : 1;
        json_t *bin = json_pack("{s:f, s:f, s:I}", "from", (double)b / BINS, "to", (double)(b + 1) / BINS, "leads",
                                (json_int_t)c->leads[b]);
        json_object_set_new(bin, "said", rounded(c->sum[b] / n));
        json_object_set_new(bin, "right", rounded(c->right[b] / n));
        json_array_append_new(out, bin);
    }
    return out;
}

static bool meets(const aim *a)
{
    return a->at_most ? a->got <= a->wanted : a->got >= a->wanted;
}

static void print_report(const world *w, const book *b, const verdicts *v, const aim *aims, size_t aim_count)
{
    json_t *kinds = json_array(), *reached = json_array();
    for (size_t k = 0; k < leak_kind_count; k++)
        json_array_append_new(kinds, kind_report(&leak_kinds[k], &v->of_kind[k]));
    for (size_t i = 0; i < aim_count; i++)
        json_array_append_new(reached,
                              json_pack("{s:s, s:o, s:f, s:b}", "aim", aims[i].what, "got", rounded(aims[i].got),
                                        "wanted", aims[i].wanted, "reached", meets(&aims[i])));
    json_t *all =
        json_pack("{s:I, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "seed",
                  (json_int_t)w->o.seed, "residents", (int)w->o.residents, "persons", (int)w->o.persons, "lines",
                  (int)w->deed_count, "leaks", (int)w->o.leaks, "kinds", kinds, "calibration",
                  calibration_report(&v->all), "aims", reached, "seconds_appended", rounded(b->seconds_appended),
                  "seconds_columns", rounded(b->seconds_read), "seconds_gathered", rounded(v->seconds_gathered),
                  "seconds_alone", rounded(v->seconds_alone / (v->compared ? v->compared : 1)), "compared_alone",
                  (int)v->compared, "looked_up_apart", (int)v->apart);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

static bool print_tap(const aim *aims, size_t count)
{
    bool all = true;
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        all &= meets(&aims[i]);
        printf("%sok %zu - %s: %.4f (%s %.2f)\n", meets(&aims[i]) ? "" : "not ", i + 1, aims[i].what, aims[i].got,
               aims[i].at_most ? "at most" : "at least", aims[i].wanted);
    }
    return all;
}

int main(int argc, char **argv)
{
    world w;
    book b;
    verdicts v;
    leaked_list *lists;
    aim aims[16];
    (void)argc;
    vault_error err = {0};
    if (secret_heap_init(4 << 20, &err) != VAULT_OK) die("no secure heap");
    const options o = read_options(argv);
    world_make(&w, &o);
    book_write(&b, &w);
    const size_t count = make_lists(&lists, &w);
    judge(&v, &w, &b, lists, count);
    const size_t aim_count = aims_of(aims, &v);
    bool reached = true;
    if (o.json || !o.small)
        print_report(&w, &b, &v, aims, aim_count);
    else
        reached = print_tap(aims, aim_count);
    for (size_t i = 0; i < aim_count; i++) reached &= meets(&aims[i]);
    book_close(&b);
    free(v.of_kind);
    free(lists);
    world_free(&w);
    return reached ? 0 : 1;
}
