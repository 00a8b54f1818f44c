#include "vault/cli/report_page.h"
#include "vault/cli/text_file.h"

#include <string.h>

/* ---- words ---- */

static const struct {
    const char *kind, *en, *zh;
} KINDS[] = {
    {"opened_by_purpose", "Openings by purpose", "按目的查看"},
    {"opened_by_department", "Openings by department", "按部门查看"},
    {"opened_by_form", "Openings by form", "按形式查看"},
    {"refused_by_clause", "Refusals by reason", "按原因拒绝"},
    {"exports", "Exports of whole records", "整份导出"},
    {"emergencies", "Break-glass opened", "紧急访问"},
    {"reviews", "Break-glass reviewed", "紧急访问复核"},
    {"erased", "Records erased", "已删除档案"},
    {"restricted", "Records restricted", "已限制处理档案"},
    {"rotations", "Keys rotated", "密钥轮换"},
    {"changes", "Changes of register, rules and schema", "登记、规则和结构变更"},
    {"traces", "Traces of leaks and tokens", "泄露和标识溯源"},
    {"canary_alarms", "Canary alarms", "诱饵警报"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

const char *report_kind(const char *kind, bool chinese)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(KINDS[i].kind, kind) == 0) return chinese ? KINDS[i].zh : KINDS[i].en;
    return kind;
}

static const char *say(const report_page *p, const char *en, const char *zh)
{
    return p->chinese ? zh : en;
}

/* ---- writing ---- */

static void put_head(FILE *to, const report_page *p)
{
    const char *title = say(p, "Compliance report", "合规报告");
    fprintf(to,
            "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            "<title>%s</title>\n<style>\n"
            "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222}\n"
            "h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse;width:100%%}\n"
            "th,td{text-align:left;padding:.25em .6em;border-bottom:1px solid #ddd}td.n,th.n{text-align:right}\n"
            "td.b{width:35%%}td.b div{background:#4a7ab5;height:.8em}.t b{display:block;font-size:1.8em}\n"
            ".t{display:inline-block;margin:0 2.5em 1em 0}small{color:#666}\n"
            "</style></head><body>\n<h1>%s</h1>\n",
            p->chinese ? "zh" : "en", title, title);
}

static void put_tile(FILE *to, uint64_t number, const char *what)
{
    fprintf(to, "<div class=\"t\"><b>%llu</b>%s</div>\n", (unsigned long long)number, what);
}

static void put_summary(FILE *to, const report_page *p)
{
    const Vault__V1__ReportResponse *of = p->of;
    fputs("<p>", to);
    put_html(to, p->since[0] ? p->since : say(p, "the beginning", "起始"));
    fputs(" – ", to);
    put_html(to, p->until[0] ? p->until : p->made);
    fprintf(to, "; %s ", say(p, "made", "生成于"));
    put_html(to, p->made);
    fputs("</p>\n", to);
    put_tile(to, of->residents, say(p, "persons held", "在库人数"));
    put_tile(to, of->restricted, say(p, "of them restricted", "其中限制处理"));
    put_tile(to, of->lines_read, say(p, "lines of the log read", "已读日志条数"));
    put_tile(to, of->lines, say(p, "lines in all", "日志总条数"));
    put_tile(to, of->archived_lines, say(p, "of them archived", "其中已归档"));
}

/* Administrators and officers have no department; other counts are of nothing but themselves. */
static const char *without_key(const report_page *p, const char *kind)
{
    if (strcmp(kind, "opened_by_department") == 0)
        return say(p, "no department (administrators, officers)", "无部门（管理员、隐私官员）");
    return say(p, "in all", "合计");
}

static void put_row(FILE *to, const report_page *p, const Vault__V1__ReportCount *one, uint64_t most)
{
    const char *name = json_string_value(json_object_get(p->names, one->key));
    fputs("<tr><td>", to);
    put_html(to, name ? name : one->key[0] ? one->key : without_key(p, one->kind));
    if (name) {
        fputs(" <small>", to);
        put_html(to, one->key);
        fputs("</small>", to);
    }
    fprintf(to, "</td><td class=\"n\">%llu</td><td class=\"n\">%llu</td><td class=\"b\"><div style=\"width:%llu%%\">",
            (unsigned long long)one->lines, (unsigned long long)one->residents,
            (unsigned long long)(most ? one->lines * 100 / most : 0));
    fputs("</div></td></tr>\n", to);
}

static void put_series(FILE *to, const report_page *p, const char *kind)
{
    uint64_t most = 0;
    const Vault__V1__ReportResponse *of = p->of;
    for (size_t i = 0; i < of->n_counts; i++)
        if (strcmp(of->counts[i]->kind, kind) == 0 && of->counts[i]->lines > most) most = of->counts[i]->lines;
    if (most == 0) return;
    fprintf(to, "<h2>%s</h2>\n<table><tr><th></th><th class=\"n\">%s</th><th class=\"n\">%s</th><th></th></tr>\n",
            report_kind(kind, p->chinese), say(p, "lines", "条数"), say(p, "residents", "居民数"));
    for (size_t i = 0; i < of->n_counts; i++)
        if (strcmp(of->counts[i]->kind, kind) == 0) put_row(to, p, of->counts[i], most);
    fputs("</table>\n", to);
}

static void put_notes(FILE *to, const report_page *p)
{
    fprintf(to, "<h2>%s</h2>\n<p>%s</p>\n</body></html>\n", say(p, "How it was counted", "统计口径"),
            say(p,
                "Persons: by natural key, not by records of departments. Openings: granted lines by which a value, "
                "what its mask shows, or an answer about it left the vault. Canaries are in none of these counts but "
                "their own. The lines are proven by vault-verify over an export of the log.",
                "人数按自然键统计，不按各部门的记录数。查看：已准许且值、其掩码或有关答复离开保险库的日志行。"
                "除诱饵警报外，各项均不含诱饵。日志可导出后用 vault-verify 独立核验。"));
}

bool report_page_write(FILE *to, const report_page *p)
{
    put_head(to, p);
    put_summary(to, p);
    for (size_t i = 0; i < KIND_COUNT; i++) put_series(to, p, KINDS[i].kind);
    put_notes(to, p);
    return fflush(to) == 0 && !ferror(to);
}
