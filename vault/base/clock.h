/* Time. Microseconds since 1970-01-01T00:00:00Z, UTC without leap seconds; dates as YYYYMMDD in Asia/Shanghai (UTC+8,
 * no daylight saving since 1991). Tests set the clock. */
#pragma once
#include <stddef.h>
#include <stdint.h>

int64_t clock_now_us(void); /* wall clock */
int64_t clock_monotonic_us(void);
int64_t clock_work_us(void);                 /* what this thread has computed, whatever else the machine does */
void clock_set_for_test(int64_t wall_us);    /* 0: back to the real clock */
uint32_t clock_shanghai_date(int64_t us);    /* YYYYMMDD */
uint16_t clock_shanghai_minute(int64_t us);  /* of the day, 0 to 1439 */
void clock_format(char out[32], int64_t us); /* RFC 3339 with microseconds and Z */
int64_t clock_parse(const char *rfc3339);    /* microseconds, or -1; accepts Z or +hh:mm */
