/* Checks of codes: letters and digits of a fixed form, after folding to ASCII. Lists follow DOMAIN.md sections 2 and 3.
 */
#include "tokenizer/codes.h"
#include "vault/base/calendar.h"

#include <string.h>

enum { ID_NUMBER_LEN = 18, ID_NUMBER_OLD_LEN = 15, DATE_LEN = 8, CREDIT_CODE_LEN = 18, AREA_CODE_LEN = 3 };

static vault_code refuse(const char *reason, vault_error *err)
{
    return vault_refuse(err, VAULT_INVALID, reason, "");
}

/* ---- parts of codes ---- */

static bool digits(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9') return false;
    }
    return true;
}

static unsigned number(const char *at, size_t len)
{
    unsigned v = 0;
    for (size_t i = 0; i < len; i++) v = v * 10 + (unsigned)(at[i] - '0');
    return v;
}

static vault_code all_digits(const code *c, size_t len, vault_error *err)
{
    if (c->len != len) return refuse("BAD_LENGTH", err);
    return digits(c->at, len) ? VAULT_OK : refuse("BAD_CHARACTER", err);
}

static void upper_case(code *c)
{
    for (size_t i = 0; i < c->len; i++) {
        if (c->at[i] >= 'a' && c->at[i] <= 'z') c->at[i] = (char)(c->at[i] - 'a' + 'A');
    }
}

/* Takes `count` characters out at `at`. */
static void take_out(code *c, size_t at, size_t count)
{
    memmove(c->at + at, c->at + at + count, c->len - at - count);
    c->len -= count;
}

bool code_listed(const char *list, const char pair[2])
{
    for (const char *at = list; *at;) {
        bool range = at[2] == '-';
        const char *last = range ? at + 3 : at;
        if (memcmp(at, pair, 2) <= 0 && memcmp(pair, last, 2) <= 0) return true;
        at = last + 2 + (last[2] == ' ');
    }
    return false;
}

/* GB/T 2260: the first two digits; 83 stands in the residence permits of people from Taiwan. */
static const char provinces[] = "11-15 21-23 31-37 41-46 50-54 61-65 71 81-83";

static bool date_exists(const char at[DATE_LEN])
{
    unsigned date = number(at, DATE_LEN), year = date / 10000;
    return year >= YEAR_FIRST && year <= YEAR_LAST && calendar_has(date);
}

char code_id_check(const char *at)
{
    static const uint8_t weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weights; i++) sum += (unsigned)(at[i] - '0') * weights[i];
    return "10X98765432"[sum % 11];
}

/* ---- persons, dates, places ---- */

/* Numbers of before 1999 have a year of two digits and no check character. */
static void id_from_old(code *c)
{
    memmove(c->at + 8, c->at + 6, ID_NUMBER_OLD_LEN - 6);
    memcpy(c->at + 6, "19", 2);
    c->at[ID_NUMBER_LEN - 1] = code_id_check(c->at);
    c->len = ID_NUMBER_LEN;
}

vault_code code_id_number(const code_rule *r, code *c, vault_error *err)
{
    (void)r;
    if (c->len != ID_NUMBER_LEN && c->len != ID_NUMBER_OLD_LEN) return refuse("BAD_LENGTH", err);
    char *last = &c->at[c->len - 1];
    if (c->len == ID_NUMBER_LEN && *last == 'x') *last = 'X';
    bool ends_in_x = c->len == ID_NUMBER_LEN && *last == 'X';
    if (!digits(c->at, c->len - ends_in_x)) return refuse("BAD_CHARACTER", err);
    if (c->len == ID_NUMBER_OLD_LEN) id_from_old(c);
    /* 9 begins the numbers of foreigners with permanent residence (since 2023). */
    if (c->at[0] != '9' && !code_listed(provinces, c->at)) return refuse("BAD_CODE", err);
    if (!date_exists(c->at + 6)) return refuse("BAD_DATE", err);
    return c->at[ID_NUMBER_LEN - 1] == code_id_check(c->at) ? VAULT_OK : refuse("BAD_CHECK_DIGIT", err);
}

/* YYYYMMDD, or with the same separator twice: YYYY-MM-DD, YYYY/MM/DD, YYYY.MM.DD. */
vault_code code_date(const code_rule *r, code *c, vault_error *err)
{
    (void)r;
    if (c->len == DATE_LEN + 2 && c->at[4] == c->at[7] && strchr("-/.", c->at[4])) {
        take_out(c, 7, 1);
        take_out(c, 4, 1);
    }
    VAULT_TRY(all_digits(c, DATE_LEN, err));
    return date_exists(c->at) ? VAULT_OK : refuse("BAD_DATE", err);
}

/* GB/T 2260 (6 digits) and the statistical division codes (12). */
vault_code code_division(const code_rule *r, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, r->max, err));
    return code_listed(provinces, c->at) ? VAULT_OK : refuse("BAD_CODE", err);
}

/* A division and the grid's number in it; 000 is no grid. */
vault_code code_grid(const code_rule *r, code *c, vault_error *err)
{
    VAULT_TRY(code_division(r, c, err));
    return number(c->at + c->len - 3, 3) > 0 ? VAULT_OK : refuse("BAD_CODE", err);
}

/* ---- telephones ---- */

/* The country's code and the usual groups: "+86 139 0000 0012", "139-0000-0012". */
static void ungroup(code *c)
{
    if (c->len > 4 && memcmp(c->at, "+86", 3) == 0) take_out(c, 0, c->at[3] == ' ' || c->at[3] == '-' ? 4 : 3);
    if (c->len != 13 || c->at[3] != c->at[8] || (c->at[3] != ' ' && c->at[3] != '-')) return;
    take_out(c, 8, 1);
    take_out(c, 3, 1);
}

vault_code code_mobile(const code_rule *r, code *c, vault_error *err)
{
    ungroup(c);
    VAULT_TRY(all_digits(c, r->max, err));
    return c->at[0] == '1' && c->at[1] >= '3' ? VAULT_OK : refuse("BAD_CODE", err);
}

/* 0519-88888888, (0519)88888888 and 051988888888 are one: area code, '-', number of 7 or 8 digits, the first 2 to 8. */
static vault_code landline(code *c, vault_error *err)
{
    if (c->at[0] == '(') {
        char *close = memchr(c->at, ')', c->len);
        if (!close) return refuse("BAD_CHARACTER", err);
        *close = '-';
        take_out(c, 0, 1);
    }
    size_t area = c->len > 1 && (c->at[1] == '1' || c->at[1] == '2') ? AREA_CODE_LEN : AREA_CODE_LEN + 1;
    if (c->len > area && c->at[area] == '-') take_out(c, area, 1);
    if (!digits(c->at, c->len)) return refuse("BAD_CHARACTER", err);
    if (c->len != area + 7 && c->len != area + 8) return refuse("BAD_LENGTH", err);
    bool known = c->at[0] == '0' && (area == AREA_CODE_LEN ? c->at[1] == '2' || c->at[2] == '0' : c->at[1] >= '3');
    if (!known || c->at[area] < '2' || c->at[area] > '8') return refuse("BAD_CODE", err);
    memmove(c->at + area + 1, c->at + area, c->len - area);
    c->at[area] = '-';
    c->len++;
    return VAULT_OK;
}

vault_code code_phone(const code_rule *r, code *c, vault_error *err)
{
    (void)r;
    static const code_rule mobile = {.max = 11};
    return c->at[0] == '1' || c->at[0] == '+' ? code_mobile(&mobile, c, err) : landline(c, err);
}

/* ---- lists ---- */

vault_code code_one_digit(const code_rule *r, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, r->max, err));
    return strchr(r->list, c->at[0]) ? VAULT_OK : refuse("BAD_CODE", err);
}

vault_code code_two_digits(const code_rule *r, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, r->max, err));
    return code_listed(r->list, c->at) ? VAULT_OK : refuse("BAD_CODE", err);
}

/* GB/T 6565-2015: the major class, then two pairs of digits for the finer ones. */
vault_code code_occupation_type(const code_rule *r, code *c, vault_error *err)
{
    VAULT_TRY(all_digits(c, r->max, err));
    return c->at[0] >= '1' && c->at[0] <= '8' ? VAULT_OK : refuse("BAD_CODE", err);
}

/* GB/T 2659.1-2022, three letters. */
static const char nations[] =
    "ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM "
    "BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR "
    "CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB "
    "GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA "
    "JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA "
    "MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR "
    "NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS "
    "SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON "
    "TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE";

vault_code code_nationality(const code_rule *r, code *c, vault_error *err)
{
    if (c->len != r->max) return refuse("BAD_LENGTH", err);
    upper_case(c);
    for (size_t i = 0; i < c->len; i++) {
        if (c->at[i] < 'A' || c->at[i] > 'Z') return refuse("BAD_CHARACTER", err);
    }
    for (const char *at = nations; at < nations + sizeof nations - 1; at += r->max + 1) {
        if (memcmp(at, c->at, r->max) == 0) return VAULT_OK;
    }
    return refuse("BAD_CODE", err);
}

/* ---- serial numbers ---- */

/* Numbers of households and files. */
vault_code code_serial(const code_rule *r, code *c, vault_error *err)
{
    if (c->len > r->max) return refuse("TOO_LONG", err);
    for (size_t i = 0; i < c->len; i++) {
        bool letter = (c->at[i] >= 'A' && c->at[i] <= 'Z') || (c->at[i] >= 'a' && c->at[i] <= 'z');
        if (!letter && !digits(&c->at[i], 1) && !strchr("-_/.()", c->at[i])) return refuse("BAD_CHARACTER", err);
    }
    return VAULT_OK;
}

/* Passports and permits: capital letters and digits. */
vault_code code_document(const code_rule *r, code *c, vault_error *err)
{
    enum { DOCUMENT_MIN = 5 };
    if (c->len < DOCUMENT_MIN) return refuse("BAD_LENGTH", err);
    if (c->len > r->max) return refuse("TOO_LONG", err);
    upper_case(c);
    for (size_t i = 0; i < c->len; i++) {
        if (!(c->at[i] >= 'A' && c->at[i] <= 'Z') && !digits(&c->at[i], 1)) return refuse("BAD_CHARACTER", err);
    }
    return VAULT_OK;
}

/* GB 32100-2015: department, kind, division, organisation, check; without I, O, S, V, Z. */
vault_code code_credit(const code_rule *r, code *c, vault_error *err)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    (void)r;
    unsigned sum = 0, weight = 1;
    if (c->len != CREDIT_CODE_LEN) return refuse("BAD_LENGTH", err);
    upper_case(c);
    for (size_t i = 0; i < c->len; i++) {
        const char *place = strchr(alphabet, c->at[i]);
        bool of_division = i >= 2 && i < 8;
        if (!place || (of_division && !digits(place, 1))) return refuse("BAD_CHARACTER", err);
        if (i < CREDIT_CODE_LEN - 1) sum += (unsigned)(place - alphabet) * weight;
        weight = weight * 3 % 31;
    }
    return c->at[CREDIT_CODE_LEN - 1] == alphabet[(31 - sum % 31) % 31] ? VAULT_OK : refuse("BAD_CHECK_DIGIT", err);
}

/* ---- quantities ---- */

/* Decimals that say nothing go, so that equal amounts are equal texts: 0012.00 is 12, 12.5 is 12.50. */
static vault_code decimals(code *c, size_t point, vault_error *err)
{
    size_t count = c->len - point - 1;
    if (count == 0 || !digits(c->at + point + 1, count)) return refuse("BAD_CHARACTER", err);
    if (count > 2) return refuse("BAD_LENGTH", err);
    if (count == 1) c->at[c->len++] = '0';
    if (number(c->at + point + 1, 2) == 0) c->len = point;
    return VAULT_OK;
}

/* r->max digits before the point; "decimals" in the list allows two behind it. */
vault_code code_quantity(const code_rule *r, code *c, vault_error *err)
{
    const char *dot = r->list ? memchr(c->at, '.', c->len) : NULL;
    size_t whole = dot ? (size_t)(dot - c->at) : c->len;
    if (whole == 0 || !digits(c->at, whole)) return refuse("BAD_CHARACTER", err);
    if (c->len + 2 > CODE_MAX) return refuse("TOO_LONG", err);
    if (dot) VAULT_TRY(decimals(c, whole, err));
    size_t zeros = 0;
    while (zeros + 1 < whole && c->at[zeros] == '0') zeros++;
    if (whole - zeros > r->max) return refuse("TOO_LONG", err);
    take_out(c, 0, zeros);
    return VAULT_OK;
}
