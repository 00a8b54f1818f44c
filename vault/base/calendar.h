/* Days of the proleptic Gregorian calendar, written YYYYMMDD. Pure: which day it is, a clock says. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool calendar_has(uint32_t date); /* years 1 to 9999 */
/* Days since the first of March of the year 0; for what the calendar has, and one more year at either end. */
uint32_t calendar_day(uint32_t date);
uint32_t calendar_date(uint32_t day);
unsigned month_length(unsigned year, unsigned month); /* 1 to 12 */
