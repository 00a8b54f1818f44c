/* Fictitious residents on the way of all others: who cannot meet one finds nobody, and who uses one raises an alarm. */
#pragma once
#include "vault/service/internal.h"

/* Whether the caller, or the person that it acts for, cannot meet a canary that is this resident. */
bool canary_hidden(const session *s, const call *c, int64_t resident);
/* Ids without those that are hidden from the caller; their order stays. */
void canaries_leave_out(const session *s, const call *c, int64_t *ids, size_t *count);
/* How many canaries of the area are hidden from the caller. */
size_t canaries_hidden_in(const session *s, const call *c, area_range area);
/* record_prove of the item's row into its record. A canary that is hidden becomes a record that nobody may use, for all
 * that is decided afterwards: it->row and it->record.row are a copy that says so. */
VAULT_MUST_USE vault_code item_prove(session *s, item *it, vault_error *err);
/* All canaries that live, for statistics to leave out. In the session's arena; NULL and 0: there are none. */
VAULT_MUST_USE vault_code canaries_alive(const int64_t **ids, size_t *count, const session *s, vault_error *err);

/* Whether one of the items uses a canary, or may for all that the time it takes tells: by anybody but an officer, in
 * any way but that a search or a page shows it; also where it is refused, and by its number where it is not found. */
bool canaries_used(const session *s, item *const *items, size_t count);
/* Within the transaction of the lines: what the officers are told by the webhook. */
VAULT_MUST_USE vault_code canaries_alarm(session *s, item *const *items, size_t count, vault_error *err);
/* After the commit: event and metric. */
void canaries_told(const session *s, item *const *items, size_t count);
/* Of a search that ends before it has items: all of that, by itself. */
VAULT_MUST_USE vault_code canaries_alarm_call(session *s, call *c);
