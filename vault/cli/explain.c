/* vaultctl policy explain: facts, a line of the log, or a call that waits; and what the policy says to it. */
#include "vault/cli/internal.h"

#include "vault/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts as NAME=VALUE ---- */

typedef struct facts_said {
    Vault__V1__Facts *facts;
    Vault__V1__ResidentFacts *resident; /* told only where something is said of one */
    arena *mem;
} facts_said;

static bool read_text(char **out, const char *value)
{
    *out = lent(value);
    return true;
}

static bool read_list(arena *mem, char ***out, size_t *count, const char *value)
{
    size_t most = 1;
    for (const char *at = value; *at; at++) most += *at == ',';
    if (!(*out = arena_array(mem, most, sizeof **out))) abort();
    for (const char *at = value; *at;) {
        size_t len = strcspn(at, ",");
        if (len == 0 || !((*out)[*count] = arena_text(mem, bytes_of(at, len)))) return false;
        ++*count;
        at += len + (at[len] == ',');
    }
    return *count > 0;
}

static bool read_yes(protobuf_c_boolean *out, const char *value)
{
    *out = strcmp(value, "yes") == 0;
    return *out || strcmp(value, "no") == 0;
}

static bool read_count(uint32_t *out, const char *value)
{
    char *rest;
    unsigned long number = strtoul(value, &rest, 10);
    *out = (uint32_t)number;
    return *value >= '1' && *value <= '9' && !*rest && number <= UINT32_MAX;
}

/* "2026-03-01T22:00" and "2026-03-01" are of Shanghai; else RFC 3339. */
static bool read_moment(facts_said *to, const char *value)
{
    static const char *const rest[] = {[10] = "T12:00:00+08:00", [16] = ":00+08:00"};
    size_t len = strlen(value);
    const char *whole = len == 10 || len == 16 ? arena_format(to->mem, "%s%s", value, rest[len]) : value;
    int64_t us = whole ? clock_parse(whole) : -1;
    Google__Protobuf__Timestamp *at = arena_alloc(to->mem, sizeof *at);
    if (!at) abort();
    google__protobuf__timestamp__init(at);
    at->seconds = us / 1000000;
    to->facts->time = at;
    return us >= 0;
}

static bool read_call(facts_said *to, const char *name, const char *value)
{
    Vault__V1__Facts *f = to->facts;
    if (strcmp(name, "consumer") == 0) return read_text(&f->consumer, value);
    if (strcmp(name, "purpose") == 0) return read_text(&f->purpose, value);
    if (strcmp(name, "action") == 0) return read_text(&f->action, value);
    if (strcmp(name, "form") == 0) return read_text(&f->form, value);
    if (strcmp(name, "ticket") == 0) return read_text(&f->ticket, value);
    if (strcmp(name, "person") == 0) return read_text(&f->person, value);
    if (strcmp(name, "role") == 0) return read_text(&f->role, value);
    if (strcmp(name, "fields") == 0) return read_list(to->mem, &f->fields, &f->n_fields, value);
    if (strcmp(name, "own-areas") == 0) return read_list(to->mem, &f->own_areas, &f->n_own_areas, value);
    if (strcmp(name, "time") == 0) return read_moment(to, value);
    if (strcmp(name, "residents") == 0) return read_count(&f->residents, value);
    if (strcmp(name, "approved") == 0) return read_yes(&f->approved, value);
    return strcmp(name, "break-glass") == 0 && read_yes(&f->break_glass, value);
}

static bool read_resident(facts_said *to, const char *name, const char *value)
{
    Vault__V1__ResidentFacts *r = to->resident;
    if (strcmp(name, "area") == 0) return read_text(&r->area, value);
    if (strcmp(name, "of") == 0) return read_list(to->mem, &r->of_classes, &r->n_of_classes, value);
    if (strcmp(name, "not-of") == 0) return read_list(to->mem, &r->not_of_classes, &r->n_not_of_classes, value);
    if (strcmp(name, "consent") == 0) return read_yes(&r->consent, value);
    return strcmp(name, "completes") == 0 && read_list(to->mem, &r->completes, &r->n_completes, value);
}

/* All facts, and what the value of each is like. */
static const char *const likes[][2] = {
    {"consumer", "an app"},
    {"purpose", "a purpose"},
    {"action", "reveal, issue, put, search, export, erase, consent, history or guardian"},
    {"fields", "a list of names: name,phone"},
    {"form", "plain, masked, token, predicate, count or nothing"},
    {"person", "a registered person"},
    {"role", "a role of persons"},
    {"own-areas", "a list of areas: 320411002003,320411002004"},
    {"time", "a time like 2026-03-01T22:00, or a date"},
    {"ticket", "a text"},
    {"residents", "a number from 1 on"},
    {"approved", "yes or no"},
    {"break-glass", "yes or no"},
    {"area", "the area of the resident"},
    {"of", "a list of classes that the resident is of"},
    {"not-of", "a list of classes that the resident is not of"},
    {"consent", "yes or no"},
    {"completes", "a list of aggregations"},
};
enum { FACTS = sizeof likes / sizeof *likes };

static const char *value_like(const char *name)
{
    for (size_t i = 0; i < FACTS; i++)
        if (strcmp(likes[i][0], name) == 0) return likes[i][1];
    return NULL;
}

static const char *fact_names(arena *mem)
{
    const char *all = likes[0][0];
    for (size_t i = 1; all && i < FACTS; i++) all = arena_format(mem, "%s, %s", all, likes[i][0]);
    if (!all) abort();
    return all;
}

/* One of them alone is asked for twice by mistake. */
static bool said_before(const ctl *c, size_t at, size_t len)
{
    for (size_t i = 0; i < at; i++)
        if (strncmp(c->arguments[i], c->arguments[at], len + 1) == 0) return true;
    return false;
}

static ctl_exit read_fact(ctl *c, facts_said *to, size_t at)
{
    const char *word = c->arguments[at];
    size_t len = strcspn(word, "=");
    const char *name = arena_text(c->mem, bytes_of(word, len));
    if (!name) abort();
    if (!word[len]) return usage_error(c, "%s is not FACT=VALUE", word);
    if (said_before(c, at, len)) return usage_error(c, "%s is said twice", name);
    if (read_resident(to, name, word + len + 1)) {
        to->facts->resident = to->resident;
        return CTL_OK;
    }
    if (read_call(to, name, word + len + 1)) return CTL_OK;
    const char *like = value_like(name);
    return like ? usage_error(c, "%s: %s is %s", word, name, like)
                : usage_error(c, "%s is no fact: there are %s", name, fact_names(c->mem));
}

static ctl_exit read_facts(ctl *c, Vault__V1__ExplainRequest *to)
{
    facts_said said = {.facts = arena_alloc(c->mem, sizeof *said.facts),
                       .resident = arena_alloc(c->mem, sizeof *said.resident),
                       .mem = c->mem};
    if (!said.facts || !said.resident) abort();
    vault__v1__facts__init(said.facts);
    vault__v1__resident_facts__init(said.resident);
    for (size_t i = 0; i < c->count; i++) {
        ctl_exit end = read_fact(c, &said, i);
        if (end != CTL_OK) return end;
    }
    to->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_FACTS;
    to->facts = said.facts;
    return CTL_OK;
}

static ctl_exit read_what(ctl *c, Vault__V1__ExplainRequest *to)
{
    bool line = c->options[OPT_LINE], approval = c->options[OPT_APPROVAL];
    if ((c->count > 0) + line + approval != 1) return usage_error(c, "name facts, or --line, or --approval");
    if (c->count > 0) return read_facts(c, to);
    if (approval) {
        to->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_APPROVAL;
        to->approval = lent(c->options[OPT_APPROVAL]);
        return CTL_OK;
    }
    int64_t number = option_number(c, OPT_LINE, 0, INT64_MAX);
    if (number < 0) return usage_error(c, "--line is not a number");
    to->what_case = VAULT__V1__EXPLAIN_REQUEST__WHAT_LINE;
    to->line = (uint64_t)number;
    return CTL_OK;
}

/* ---- the answer ---- */

const char *explanation_text(arena *mem, const Vault__V1__PolicyExplanation *e)
{
    const char *all = "";
    for (size_t i = 0; e && all && i < e->n_clauses; i++)
        all = arena_format(mem, "%s%s%s", all, i ? "; " : "",
                           speaks_chinese() ? e->clauses[i]->text_zh : e->clauses[i]->text);
    if (!all) abort();
    return all;
}

typedef struct headline {
    const char *allowed, *by, *refused, *nearest, *possible;
} headline;

static const headline headlines[] = {
    {"allowed", " by the rule ", "refused", "; nearest is the rule ", "possible:"},
    {"允许", "，依据规则 ", "拒绝", "；最接近的规则是 ", "可用的形式："},
};

static void print_forms(const Vault__V1__PolicyExplanation *e)
{
    if (e->n_possible_forms == 0) return;
    fputs(headlines[speaks_chinese()].possible, stdout);
    for (size_t i = 0; i < e->n_possible_forms; i++) printf("%s %s", i ? "," : "", e->possible_forms[i]);
    putchar('\n');
}

static void print_explanation(const ctl *c, const Vault__V1__PolicyExplanation *e)
{
    const char *rule = shown(c->mem, e->rule);
    const headline *say = &headlines[speaks_chinese()];
    printf("%s%s%s\n", e->allowed ? say->allowed : say->refused,
           !*rule       ? ""
           : e->allowed ? say->by
                        : say->nearest,
           rule);
    for (size_t i = 0; i < e->n_clauses; i++) {
        const Vault__V1__FailingClause *f = e->clauses[i];
        printf("  %-12s %s\n", f->clause, shown(c->mem, speaks_chinese() ? f->text_zh : f->text));
    }
    if (!e->allowed) print_forms(e);
}

ctl_exit run_policy_explain(ctl *c)
{
    Vault__V1__ExplainRequest request = VAULT__V1__EXPLAIN_REQUEST__INIT;
    VAULT_CLEANUP(exchange_clear) exchange x = {0};
    draft_list drafts;
    ctl_exit end = drafts_read(c, NULL, &drafts);
    if (end == CTL_OK) end = read_what(c, &request);
    if (end != CTL_OK) return end;
    request.drafts = drafts.at;
    request.n_drafts = drafts.count;
    end = ctl_call(c, &x, "/vault.v1.Policies/Explain", &request.base, &vault__v1__explain_response__descriptor);
    if (end != CTL_OK) return drafts_explain(c, &drafts, end);
    const Vault__V1__ExplainResponse *reply = (const void *)x.reply;
    if (!reply->explanation) return CTL_FAILED;
    if (c->options[OPT_JSON])
        print_json(message_json(c->mem, &reply->base));
    else
        print_explanation(c, reply->explanation);
    return reply->explanation->allowed ? CTL_OK : CTL_SOME_REFUSED;
}
