#include "vault/cli/leak_report.h"
#include "vault/cli/text_file.h"

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/memory.h"

#include <inttypes.h>
#include <string.h>

enum {
    CLOCK_TEXT = 32,
    TO_THE_SECOND = 19, /* of a time: 2026-11-22T19:40:42 */
    BAR_WIDTH = 420,
    BAR_HEIGHT = 22,
    LABEL_WIDTH = 260,
    MONTH_WIDTH = 26,
    MONTH_LABEL = 60,
    JOB_SHOWN = 8, /* of the id of an export, where there is little room */
    TIMES_MOST = 5,
    MONTHS_SHOWN = 60
};

typedef enum said {
    SAY_LANG,
    SAY_TITLE,
    SAY_LEADS,
    SAY_WARNING,
    SAY_LEGEND,
    SAY_ROWS,
    SAY_LINKED,
    SAY_RESIDENTS,
    SAY_LINES,
    SAY_ACCESSORS,
    SAY_NOT_HERE,
    SAY_POSTERIORS,
    SAY_WHO,
    SAY_KIND,
    SAY_POSTERIOR,
    SAY_HITS,
    SAY_OPENED,
    SAY_COVERAGE,
    SAY_CONCENTRATION,
    SAY_GUILT,
    SAY_TIMES,
    SAY_PURPOSES,
    SAY_TICKETS,
    SAY_CANARIES,
    SAY_MONTHS,
    SAY_COLLUDERS,
    SAY_SHARE,
    SAY_EVIDENCE,
    SAY_LINE,
    SAY_PROOF,
    SAY_LIST,
    SAY_ROW,
    SAY_LINKED_BY,
    SAY_WEIGHT,
    SAY_STALE,
    SAY_CHECKPOINT,
    SAY_METHOD,
    SAY_COUNT
} said;

static const char *const TEXTS[SAY_COUNT][2] = {
    [SAY_LANG] = {"en", "zh-CN"},
    [SAY_TITLE] = {"Leak inquiry", "泄露溯源报告"},
    [SAY_LEADS] = {"Ranked leads", "线索排序"},
    [SAY_WARNING] =
        {"These are ranked leads, not proof. They say who could have had this list by what the log shows; "
         "they say nothing of intent, and somebody else may have used an account. Ask before you accuse.",
         "以下为按可能性排序的线索，不构成证据结论。它们只说明日志显示谁可能掌握这份名单，不说明故意，也不排除"
         "账号被他人使用。核实之前请勿追责。"},
    [SAY_LEGEND] =
        {"Posterior: how likely it is that the list is of this one, by the log, against all others and against \"not "
         "from this vault\"; that of an export is a part of its maker's. Rows explained: rows of the list about "
         "residents whom this one has opened. Guilt model: another reckoning, for comparison. What they are worth, "
         "as measured: docs/tracing.md.",
         "后验概率：依日志推算，与其他主体及“并非出自本库”相比，名单出自该主体的可能性；导出的概率是其操作主体概率的一"
         "部分。"
         "可解释行：该主体查看过的居民在名单中的行。过错模型：另一种算法，供对照。各数值的可靠程度经实测，见 "
         "docs/tracing.md。"},
    [SAY_ROWS] = {"Rows of the list", "名单行数"},
    [SAY_LINKED] = {"that lead to a resident", "其中关联到居民的行"},
    [SAY_RESIDENTS] = {"Residents", "涉及居民"},
    [SAY_LINES] = {"Lines of the log looked at", "检视的日志行"},
    [SAY_ACCESSORS] = {"Accessors of these fields", "访问过这些字段的主体"},
    [SAY_NOT_HERE] = {"Not from this vault", "并非出自本库"},
    [SAY_POSTERIORS] = {"How likely each is, given the log", "依日志推算的后验概率"},
    [SAY_WHO] = {"Who", "主体"},
    [SAY_KIND] = {"Kind", "类型"},
    [SAY_POSTERIOR] = {"Posterior", "后验概率"},
    [SAY_HITS] = {"Rows explained", "可解释行"},
    [SAY_OPENED] = {"Residents opened", "查看过的居民"},
    [SAY_COVERAGE] = {"Of the list", "占名单"},
    [SAY_CONCENTRATION] = {"Of what was opened", "占其查看"},
    [SAY_GUILT] = {"Guilt model", "过错模型"},
    [SAY_TIMES] = {"First and last", "首次与末次"},
    [SAY_PURPOSES] = {"Purposes", "目的"},
    [SAY_TICKETS] = {"Tickets", "工单"},
    [SAY_CANARIES] = {"Canaries met", "触及诱饵"},
    [SAY_MONTHS] = {"Listed residents opened, by month", "按月查看名单内居民"},
    [SAY_COLLUDERS] = {"Several together explain the list clearly better", "多个主体共同解释明显更优"},
    [SAY_SHARE] = {"Share", "份额"},
    [SAY_EVIDENCE] = {"Evidence: lines of the log", "依据：日志行"},
    [SAY_LINE] = {"Line", "行号"},
    [SAY_PROOF] = {"Proof", "证明"},
    [SAY_LIST] = {"How the rows were linked (no values)", "各行如何关联（不含原值）"},
    [SAY_ROW] = {"Row", "行"},
    [SAY_LINKED_BY] = {"Linked by", "关联依据"},
    [SAY_WEIGHT] = {"Weight", "权重"},
    [SAY_STALE] = {"Says otherwise than the vault", "与库中不符"},
    [SAY_CHECKPOINT] = {"Checkpoint that the proofs lead to", "证明所依的检查点"},
    [SAY_METHOD] =
        {"Method: docs/tracing.md. Log-likelihood against \"not from this vault\", gated by field, version "
         "and time; share of foreign rows assumed: ",
         "方法：docs/tracing.md。以“并非出自本库”为对照的对数似然，按字段、版本与时间设门；假定的外来行份额："},
};

typedef struct page {
    FILE *to;
    const leak_report *report;
} page;

static const char *say(const page *p, said what)
{
    return TEXTS[what][p->report->chinese];
}

static void cell(const page *p, const char *of)
{
    fputs("<td>", p->to);
    put_html(p->to, of);
    fputs("</td>", p->to);
}

static void head(const page *p, said what)
{
    fprintf(p->to, "<th>%s</th>", say(p, what));
}

static void number(const page *p, uint64_t value)
{
    fprintf(p->to, "<td class=\"n\">%" PRIu64 "</td>", value);
}

/* Nothing is certain here, and nothing impossible. */
static void probability(const page *p, double value)
{
    if (value > 0.999)
        fputs("&gt;0.999", p->to);
    else if (value < 0.001)
        fputs("&lt;0.001", p->to);
    else
        fprintf(p->to, "%.3f", value);
}

static void likelihood(const page *p, double value)
{
    fputs("<td class=\"n\">", p->to);
    probability(p, value);
    fputs("</td>", p->to);
}

static void fraction(const page *p, double value)
{
    fprintf(p->to, "<td class=\"n\">%.3f</td>", value);
}

static void fact(const page *p, said what, uint64_t value)
{
    fprintf(p->to, "<tr><th>%s</th><td class=\"n\">%" PRIu64 "</td></tr>\n", say(p, what), value);
}

/* "赵敏 (grid-zhao)"; the id alone where the register has no name. */
static void named_text(const page *p, const char *id)
{
    const char *name = json_string_value(json_object_get(p->report->names, id));
    const bool has_one = name && *name && strcmp(name, id) != 0;
    put_html(p->to, has_one ? name : id);
    if (!has_one) return;
    fputs(" (", p->to);
    put_html(p->to, id);
    fputs(")", p->to);
}

static void accessor(const page *p, const char *person, const char *app)
{
    named_text(p, person[0] ? person : app);
    if (person[0]) fputs(" · ", p->to);
    if (person[0]) put_html(p->to, app);
}

static void who(const page *p, const Vault__V1__TraceLead *lead)
{
    accessor(p, lead->person, lead->app);
    if (lead->request_id[0]) fputs(" · ", p->to);
    put_html(p->to, lead->request_id);
}

/* Where there is little room: an export by the beginning of its id. */
static void who_shortly(const page *p, const Vault__V1__TraceLead *lead)
{
    char job[JOB_SHOWN + 1] = {0};
    memcpy(job, lead->request_id, strnlen(lead->request_id, JOB_SHOWN));
    put_html(p->to, lead->person[0] ? lead->person : lead->app);
    if (job[0]) fputs(" · ", p->to);
    put_html(p->to, job);
    if (strlen(lead->request_id) > JOB_SHOWN) fputs("…", p->to);
}

static const char *kind_of(const page *p, const Vault__V1__TraceLead *lead)
{
    static const char *const kinds[][2] = {{"person", "人员"}, {"app", "应用"}, {"export", "一次批量查看"}};
    for (size_t i = 0; p->report->chinese && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(lead->kind, kinds[i][0]) == 0) return kinds[i][1];
    return lead->kind;
}

/* ---- the chart ---- */

static double clamped(double value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static void bar(const page *p, size_t at, double value, const char *colour)
{
    const size_t y = at * BAR_HEIGHT;
    fprintf(p->to, "<rect x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/><text x=\"%.1f\" y=\"%zu\">",
            LABEL_WIDTH, y + 3, clamped(value) * BAR_WIDTH, BAR_HEIGHT - 6, colour,
            LABEL_WIDTH + clamped(value) * BAR_WIDTH + 6, y + 16);
    probability(p, value);
    fprintf(p->to, "</text><text x=\"%d\" y=\"%zu\" text-anchor=\"end\">", LABEL_WIDTH - 8, y + 16);
}

static void chart(const page *p)
{
    const Vault__V1__TraceReport *of = p->report->of;
    const size_t count = of->n_leads < 20 ? of->n_leads : 20;
    fprintf(p->to, "<h2>%s</h2>\n<svg width=\"%d\" height=\"%zu\" role=\"img\">\n", say(p, SAY_POSTERIORS),
            LABEL_WIDTH + BAR_WIDTH + 60, (count + 1) * BAR_HEIGHT);
    for (size_t i = 0; i < count; i++) {
        bar(p, i, of->leads[i]->posterior, "#2b6cb0");
        who_shortly(p, of->leads[i]);
        fputs("</text>\n", p->to);
    }
    bar(p, count, of->not_from_here, "#999");
    fprintf(p->to, "%s</text>\n</svg>\n", say(p, SAY_NOT_HERE));
}

/* ---- leads ---- */

static const char *time_of(const Google__Protobuf__Timestamp *t, char out[CLOCK_TEXT])
{
    out[0] = '\0';
    if (t) clock_format(out, t->seconds * 1000000 + t->nanos / 1000);
    return out;
}

static void second(const page *p, const Google__Protobuf__Timestamp *t)
{
    char at[CLOCK_TEXT];
    (void)time_of(t, at);
    if (!at[0]) return;
    at[TO_THE_SECOND] = '\0';
    put_html(p->to, at);
    fputc('Z', p->to);
}

static void times(const page *p, const Vault__V1__TraceLead *lead)
{
    fputs("<td class=\"t\">", p->to);
    second(p, lead->first_time);
    fputs("<br>", p->to);
    second(p, lead->last_time);
    fputs("</td>", p->to);
}

static void lead_row(const page *p, const Vault__V1__TraceLead *lead, size_t rank)
{
    fprintf(p->to, "<tr><td class=\"n\">%zu</td><td>", rank + 1);
    who(p, lead);
    fputs("</td>", p->to);
    cell(p, kind_of(p, lead));
    likelihood(p, lead->posterior);
    number(p, lead->hits);
    number(p, lead->opened);
    fraction(p, lead->coverage);
    fraction(p, lead->concentration);
    likelihood(p, lead->guilt);
    times(p, lead);
    fprintf(p->to, "<td class=\"n\">%zu</td></tr>\n", lead->n_canaries);
}

static void leads(const page *p)
{
    static const said heads[] = {SAY_WHO,      SAY_KIND,          SAY_POSTERIOR, SAY_HITS,  SAY_OPENED,
                                 SAY_COVERAGE, SAY_CONCENTRATION, SAY_GUILT,     SAY_TIMES, SAY_CANARIES};
    fprintf(p->to, "<h2>%s</h2>\n<p class=\"warning\">%s</p>\n<table><tr><th></th>", say(p, SAY_LEADS),
            say(p, SAY_WARNING));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) head(p, heads[i]);
    fputs("</tr>\n", p->to);
    for (size_t i = 0; i < p->report->of->n_leads; i++) lead_row(p, p->report->of->leads[i], i);
    fprintf(p->to, "</table>\n<p>%s</p>\n", say(p, SAY_LEGEND));
}

static void colluders(const page *p)
{
    const Vault__V1__TraceReport *of = p->report->of;
    if (of->n_colluders == 0) return;
    fprintf(p->to, "<h2>%s</h2>\n<table><tr>", say(p, SAY_COLLUDERS));
    head(p, SAY_WHO);
    head(p, SAY_SHARE);
    head(p, SAY_HITS);
    fputs("</tr>\n", p->to);
    for (size_t i = 0; i < of->n_colluders; i++) {
        const Vault__V1__TraceColluder *one = of->colluders[i];
        fputs("<tr><td>", p->to);
        accessor(p, one->person, one->app);
        fputs("</td>", p->to);
        fraction(p, one->weight);
        number(p, one->hits);
        fputs("</tr>\n", p->to);
    }
    fputs("</table>\n", p->to);
}

/* ---- one lead by itself: when, what for, evidence ---- */

static void time_line(const page *p, const Vault__V1__TraceLead *lead)
{
    const size_t first = lead->n_months > MONTHS_SHOWN ? lead->n_months - MONTHS_SHOWN : 0;
    uint64_t most = 1;
    for (size_t i = first; i < lead->n_months; i++)
        if (lead->months[i]->hits > most) most = lead->months[i]->hits;
    fprintf(p->to, "<h4>%s</h4>\n<svg width=\"%zu\" height=\"96\" role=\"img\">\n", say(p, SAY_MONTHS),
            (lead->n_months - first) * MONTH_WIDTH + MONTH_LABEL);
    for (size_t i = first; i < lead->n_months; i++) {
        const size_t x = (i - first) * MONTH_WIDTH;
        const double height = 60.0 * (double)lead->months[i]->hits / (double)most;
        fprintf(p->to, "<rect x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"#2b6cb0\"/>", x, 70 - height,
                MONTH_WIDTH - 4, height);
        if ((i - first) % 3 == 0) {
            fprintf(p->to, "<text x=\"%zu\" y=\"88\">", x);
            put_html(p->to, lead->months[i]->month);
            fputs("</text>", p->to);
        }
        fputc('\n', p->to);
    }
    fputs("</svg>\n", p->to);
}

static void list_of(const page *p, said what, char *const *at, size_t count)
{
    if (count == 0) return;
    fprintf(p->to, "<p><b>%s:</b> ", say(p, what));
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", p->to);
        put_html(p->to, at[i]);
    }
    fputs("</p>\n", p->to);
}

static void base64(const page *p, ProtobufCBinaryData of)
{
    const size_t room = 4 * ((of.len + 2) / 3) + 1;
    char *out = memory_new(room);
    base64_encode(out, bytes_of(of.data, of.len));
    put_html(p->to, out);
    fputc('\n', p->to);
    memory_free(out, room);
}

/* What leads to the checkpoint at the end of the page: leaf, salt of the view, and path. */
static void proof(const page *p, const Vault__V1__Line *of)
{
    if (of->n_path == 0 || !of->consistent) {
        fprintf(p->to, "<td>%s</td>", of->consistent ? "-" : "ALTERED");
        return;
    }
    fprintf(p->to, "<td><details><summary>%s</summary><pre>", say(p, SAY_PROOF));
    base64(p, of->leaf);
    base64(p, of->officer_salt);
    for (size_t i = 0; i < of->n_path; i++) base64(p, of->path[i]);
    fputs("</pre></details></td>", p->to);
}

static void evidence(const page *p, const Vault__V1__TraceLead *lead)
{
    if (lead->n_evidence == 0) return;
    fprintf(p->to, "<h4>%s</h4>\n<table>\n", say(p, SAY_EVIDENCE));
    for (size_t i = 0; i < lead->n_evidence; i++) {
        const Vault__V1__Line *one = lead->evidence[i];
        fprintf(p->to, "<tr><td class=\"n\">%" PRIu64 "</td>", one->index);
        fputs("<td class=\"t\">", p->to);
        second(p, one->time);
        fputs("</td>", p->to);
        cell(p, one->action);
        fputs("<td class=\"view\">", p->to);
        put_html(p->to, one->officer_view);
        fputs("</td>", p->to);
        proof(p, one);
        fputs("</tr>\n", p->to);
    }
    fputs("</table>\n", p->to);
}

static void lead_by_itself(const page *p, const Vault__V1__TraceLead *lead, size_t rank)
{
    fprintf(p->to, "<h3>%zu. ", rank + 1);
    who(p, lead);
    fputs("</h3>\n", p->to);
    list_of(p, SAY_PURPOSES, lead->purposes, lead->n_purposes);
    list_of(p, SAY_TICKETS, lead->tickets, lead->n_tickets);
    list_of(p, SAY_CANARIES, lead->canaries, lead->n_canaries);
    time_line(p, lead);
    evidence(p, lead);
}

/* ---- the list, and the whole ---- */

static void rows(const page *p)
{
    static const said heads[] = {SAY_ROW, SAY_LINKED_BY, SAY_RESIDENTS, SAY_WEIGHT, SAY_STALE};
    const Vault__V1__TraceReport *of = p->report->of;
    fprintf(p->to, "<details><summary>%s</summary>\n<table><tr>", say(p, SAY_LIST));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) head(p, heads[i]);
    fputs("</tr>\n", p->to);
    for (size_t i = 0; i < of->n_trace_rows; i++) {
        const Vault__V1__TraceRow *one = of->trace_rows[i];
        fprintf(p->to, "<tr%s><td class=\"n\">%zu</td>", one->canary ? " class=\"canary\"" : "", i + 1);
        cell(p, one->linked_by);
        number(p, one->residents);
        fraction(p, one->weight);
        fputs("<td>", p->to);
        for (size_t k = 0; k < one->n_stale; k++) {
            fputs(k ? ", " : "", p->to);
            put_html(p->to, one->stale[k]);
        }
        fputs("</td></tr>\n", p->to);
    }
    fputs("</table></details>\n", p->to);
}

static void begin(const page *p)
{
    fprintf(p->to,
            "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width\"><title>%s</title>\n<style>\n"
            "body{font:15px/1.5 system-ui,\"Noto Sans CJK SC\",sans-serif;max-width:82em;margin:2em auto;padding:0 1em;"
            "color:#222;background:#fff}\n"
            "table{border-collapse:collapse;margin:.5em 0}td,th{border:1px solid #ccc;padding:.2em .6em;"
            "text-align:left;vertical-align:top}\n"
            "th{background:#f3f3f3;font-weight:600}.n{text-align:right}svg text{font-size:12px;fill:#222}\n"
            ".warning{border-left:4px solid #c05621;padding:.4em 1em;background:#fffaf0}.canary{background:#fefcbf}\n"
            ".t{white-space:nowrap}.view,td pre{font:12px "
            "monospace;word-break:break-all}pre{font-size:12px;white-space:pre-wrap}\n"
            "</style></head><body>\n<h1>%s</h1>\n<p>",
            say(p, SAY_LANG), say(p, SAY_TITLE), say(p, SAY_TITLE));
    put_html(p->to, p->report->of->leak);
    fputs(" · ", p->to);
    put_html(p->to, p->report->title);
    fputs(" · ", p->to);
    put_html(p->to, p->report->made);
    fputs("</p>\n", p->to);
}

static void facts(const page *p)
{
    const Vault__V1__TraceReport *of = p->report->of;
    fputs("<table>\n", p->to);
    fact(p, SAY_ROWS, of->rows);
    fact(p, SAY_LINKED, of->rows_linked);
    fact(p, SAY_RESIDENTS, of->residents);
    fact(p, SAY_LINES, of->lines);
    fact(p, SAY_ACCESSORS, of->accessors);
    fprintf(p->to, "<tr><th>%s</th>", say(p, SAY_NOT_HERE));
    likelihood(p, of->not_from_here);
    fputs("</tr>\n</table>\n", p->to);
}

bool leak_report_write(FILE *to, const leak_report *report)
{
    const page p = {to, report};
    begin(&p);
    facts(&p);
    leads(&p);
    chart(&p);
    colluders(&p);
    for (size_t i = 0; i < report->of->n_leads && i < TIMES_MOST; i++) lead_by_itself(&p, report->of->leads[i], i);
    rows(&p);
    fprintf(to, "<p>%s%.2f</p>\n", say(&p, SAY_METHOD), report->of->epsilon);
    if (report->of->checkpoint[0]) fprintf(to, "<h4>%s</h4>\n<pre>", say(&p, SAY_CHECKPOINT));
    put_html(p.to, report->of->checkpoint);
    if (report->of->checkpoint[0]) fputs("</pre>\n", to);
    fputs("</body></html>\n", to);
    return fflush(to) == 0 && !ferror(to);
}
