/* The names that policies of the tests are made of. Field "f7" is number 7; consumer "c2", purpose "p3" and role "r2"
 * alike. "q2" is a predicate, number 10; "h1" to "h9" are fields of another collection, with the highest numbers that
 * there are. Of the purposes p2 lies below p1, and p4 below p2. A field's level is 1 to 4, by its number. The sharing
 * basis "b21" is for consumer c2 and purpose p1, from the 5th to the 25th of the month of the random questions. */
#pragma once
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAIVE_FIELDS = 8, NAIVE_PREDICATES = 4, NAIVE_NAMES = 4 };

static unsigned naive_number(const char *name, char kind, unsigned most)
{
    if (name[0] != kind || name[1] < '1' || name[1] > '9' || name[2]) return 0;
    unsigned number = (unsigned)(name[1] - '0');
    return number <= most ? number : 0;
}

static unsigned naive_level(unsigned number)
{
    return 1 + number % 4;
}

static policy_field naive_field(void *context, const char *name)
{
    (void)context;
    unsigned house = naive_number(name, 'h', 9), number = naive_number(name, 'f', NAIVE_FIELDS);
    unsigned question = naive_number(name, 'q', NAIVE_PREDICATES);
    if (question)
        return (policy_field){
            .number = NAIVE_FIELDS + question, .collection = 1, .predicate = true, .level = naive_level(question)};
    return house ? (policy_field){.number = POLICY_FIELDS_MAX - house, .collection = 2, .level = 1}
                 : (policy_field){.number = number, .collection = 1, .level = naive_level(number)};
}

static consumer_no naive_consumer(void *context, const char *id)
{
    (void)context;
    return (consumer_no){(uint16_t)naive_number(id, 'c', NAIVE_NAMES)};
}

static purpose_no naive_purpose(void *context, const char *id)
{
    (void)context;
    return (purpose_no){(uint16_t)naive_number(id, 'p', NAIVE_NAMES)};
}

static role_no naive_role(void *context, const char *id)
{
    (void)context;
    return (role_no){(uint16_t)naive_number(id, 'r', NAIVE_NAMES)};
}

/* The assessment of p1 holds for long, that of p2 ends in the month of the random questions; p3 never had one. */
static uint32_t naive_assessed_until(void *context, purpose_no purpose)
{
    static const uint32_t until[] = {[1] = 20991231, [2] = 20260120, [3] = 0, [4] = 20260131};
    (void)context;
    return purpose.no < sizeof until / sizeof *until ? until[purpose.no] : 0;
}

static purpose_no naive_above(void *context, purpose_no purpose)
{
    static const uint16_t above[] = {[2] = 1, [4] = 2};
    (void)context;
    return (purpose_no){purpose.no < sizeof above / sizeof *above ? above[purpose.no] : 0};
}

static policy_basis naive_basis(void *context, const char *id)
{
    (void)context;
    bool named = id[0] == 'b' && id[1] >= '1' && id[1] <= '4' && id[2] >= '1' && id[2] <= '4' && !id[3];
    if (!named) return (policy_basis){0};
    return (policy_basis){.found = true,
                          .to = {(uint16_t)(id[1] - '0')},
                          .purpose = {(uint16_t)(id[2] - '0')},
                          .from = 20260105,
                          .until = 20260125};
}

/* Of the first collection, "residents", by level and by owner: odd numbers are "odd"'s. */
static unsigned naive_select(void *context, const policy_selector *by, field_set *out)
{
    (void)context;
    *out = (field_set){0};
    if (by->class_name || by->group || (by->collection && strcmp(by->collection, "residents") != 0)) return 0;
    for (unsigned n = 1; n <= NAIVE_FIELDS; n++) {
        bool owned = !by->owner || strcmp(by->owner, n % 2 ? "odd" : "even") == 0;
        if (owned && naive_level(n) >= by->level) field_set_add(out, n);
    }
    return 1;
}

static const policy_names naive_names = {.field = naive_field,
                                         .consumer = naive_consumer,
                                         .purpose = naive_purpose,
                                         .assessed_until = naive_assessed_until,
                                         .role = naive_role,
                                         .purposes = NAIVE_NAMES,
                                         .select = naive_select,
                                         .above = naive_above,
                                         .basis = naive_basis};
