/* generate.c — sample rows for any record: `jangbu sheet generate`, demonstrations and measurements.
 *
 * A row is a function of the seed and its number alone, so any part of a file can be made again. What a field gets is guessed from its type and its name;
 * a row that has income and expense is one of a small book of entries, so that its category, account and description belong together. */
// SPDX-License-Identifier: Apache-2.0
#include "sheet/sheet.h"
#include "base/random.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 256
#define FIRST_YEAR 2025
#define EMPTY_PERCENT 30

struct entry {
    const char *category, *account, *descriptions[4];
    int64_t least, most; /* won */
    bool income;
};

static const struct entry entries[] = {
    { "매출", "상품매출", { "상품 판매 대금", "온라인 매출 입금", "도매 매출", "매장 현금 매출" }, 30000, 5000000, true },
    { "매출", "용역매출", { "컨설팅 용역비", "유지보수 용역비", "교육 강의료", "디자인 용역비" }, 200000, 8000000, true },
    { "후원금", "일반후원금", { "정기 후원금", "일시 후원금", "행사 후원금", "기업 후원금" }, 10000, 1000000, true },
    { "보조금", "사업보조금", { "지방보조금 교부", "국고보조금 교부", "공모사업 지원금", "고용 지원금" }, 1000000, 30000000, true },
    { "기타수입", "이자수익", { "예금 이자", "적금 이자", "환급금", "잡수입" }, 100, 300000, true },
    { "인건비", "급여", { "직원 급여", "아르바이트 급여", "상여금", "강사료" }, 500000, 4500000, false },
    { "인건비", "복리후생비", { "점심 식대", "회식비", "4대 보험료", "경조사비" }, 8000, 700000, false },
    { "운영비", "소모품비", { "사무용품 구입", "토너 구입", "청소용품 구입", "다과 구입" }, 3000, 250000, false },
    { "운영비", "통신비", { "인터넷 요금", "전화 요금", "우편 발송비", "문자 발송비" }, 5000, 150000, false },
    { "운영비", "임차료", { "사무실 임차료", "창고 임차료", "행사장 대관료", "장비 임차료" }, 100000, 3000000, false },
    { "사업비", "여비교통비", { "출장 교통비", "주유비", "주차비", "택시비" }, 2000, 400000, false },
    { "사업비", "홍보비", { "현수막 제작", "전단지 인쇄", "온라인 광고비", "홈페이지 관리비" }, 30000, 2000000, false },
    { "공과금", "세금과공과", { "전기 요금", "수도 요금", "부가가치세 납부", "지방세 납부" }, 10000, 1500000, false },
};
static const char *const companies[] = { "(주)한빛상사", "서울문구", "대한물산", "푸른나무협동조합", "국민은행", "강남구청", "행복식당", "미래통신(주)", "동네책방", "한국전력공사", "우리인쇄소", "성수카페", "새봄유통", "제주감귤농장" };
static const char *const evidences[] = { "세금계산서", "계산서", "카드영수증", "현금영수증", "간이영수증", "이체확인증" };
static const char *const memos[] = { "담당자 확인 완료", "다음 달 정산 예정", "영수증 원본 보관, 사본 첨부", "분할 납부 1회차", "반기 결산 시 재검토" };
static const char *const people[] = { "김민준", "이서연", "박도윤", "최지우", "정하준", "강서윤", "조은우", "윤지호" };

#define PICK(rng, list) ((list)[jb_rng_below((rng), JB_COUNT(list))])

/* What a row's fields share. */
struct row {
    struct jb_rng rng;
    int64_t number; /* from 1 */
    const struct entry *entry;
    struct jb_date day;
};

static bool named(const struct jb_field *field, const char *part)
{
    return strstr(field->name, part) != NULL;
}

/* REF-000001, CODE-000001: told apart by the number, however short the field is. */
static struct jb_str unique_text(struct jb_scope *scope, const struct jb_field *field, int64_t number)
{
    char prefix[8] = "";
    size_t size = 0;
    if (named(field, "ref"))
        memcpy(prefix, "REF", size = 3);
    for (const char *c = field->name; size < 4 && *c && !named(field, "ref"); c++)
        if (*c >= 'a' && *c <= 'z')
            prefix[size++] = (char)(*c - 32);
    if (field->length_max && field->length_max < 12)
        return jb_format(scope, "%lld", (long long)number);
    return jb_format(scope, "%s-%06lld", prefix, (long long)number);
}

static struct jb_str some_text(struct jb_scope *scope, const struct jb_field *field, struct row *row)
{
    struct jb_rng *rng = &row->rng;
    uint64_t some = jb_rng_next(rng); /* one draw, whichever field it is */
    struct jb_rng own = { some };
    if (named(field, "categor"))
        return jb_str_of(row->entry->category);
    if (named(field, "account"))
        return jb_str_of(row->entry->account);
    if (named(field, "descri") || named(field, "title"))
        return jb_format(scope, "%s (%d월)", PICK(&own, row->entry->descriptions), jb_date_civil(row->day).month);
    if (named(field, "counterparty") || named(field, "company"))
        return jb_str_of(PICK(&own, companies));
    if (named(field, "evidence"))
        return jb_str_of(PICK(&own, evidences));
    if (named(field, "memo") || named(field, "note"))
        return jb_str_of(PICK(&own, memos));
    if (named(field, "mail"))
        return jb_format(scope, "user%06lld@example.com", (long long)row->number);
    if (named(field, "phone"))
        return jb_format(scope, "010-%04d-%04d", (int)jb_rng_below(&own, 10000), (int)jb_rng_below(&own, 10000));
    if (named(field, "_by") || named(field, "user"))
        return jb_str_of(PICK(&own, people));
    return jb_format(scope, "%s %lld", field->label && jb_language(scope) == JB_KO ? field->label : field->name, (long long)(some % 1000 + 1));
}

/* Whole won: small amounts are more frequent than large ones, and round. */
static int64_t amount(struct jb_rng *rng, int64_t least, int64_t most)
{
    int64_t reach = most - least;
    for (uint64_t i = jb_rng_below(rng, 4); i > 0; i--)
        reach /= 4;
    int64_t won = least + (int64_t)jb_rng_below(rng, (uint64_t)reach + 1);
    int64_t step = won >= 1000000 ? 10000 : won >= 10000 ? 100
                                                         : 10;
    return won / step * step;
}

static struct jb_value some_decimal(const struct jb_field *field, struct row *row)
{
    int64_t most = 1;
    for (int i = 0; i < JB_MIN(field->digits ? field->digits - field->decimals : 12, 12); i++)
        most *= 10;
    bool income = named(field, "income"), expense = named(field, "expense");
    struct jb_rng own = { jb_rng_next(&row->rng) };
    if ((income || expense) && row->entry->income != income)
        return jb_v_decimal((struct jb_decimal){ 0, 0 });
    return jb_v_decimal((struct jb_decimal){ JB_MIN(amount(&own, row->entry->least, row->entry->most), most - 1), 0 });
}

static struct jb_value choice(const struct jb_field *field, struct jb_rng *rng)
{
    size_t count = 0;
    while (field->choices[count].name)
        count++;
    const struct jb_choice *picked = &field->choices[jb_rng_below(rng, count)];
    return field->type == JB_TEXT ? jb_v_text(jb_str_of(picked->name)) : jb_v((int64_t)picked->value);
}

static struct jb_value some_value(struct jb_scope *scope, const struct jb_field *field, struct row *row)
{
    struct jb_rng own = { jb_rng_next(&row->rng) };
    bool optional = !field->required && !field->default_text && !field->unique && field->type != JB_BOOL;
    if (optional && jb_rng_below(&own, 100) < (named(field, "memo") ? 80 : EMPTY_PERCENT))
        return jb_v_null();
    if (field->choices)
        return choice(field, &own);
    if (field->references)
        return jb_v_text(jb_format(scope, "P%03d", (int)jb_rng_below(&own, 20) + 1));
    switch (field->type) {
    case JB_BOOL: return jb_v_bool(jb_rng_below(&own, 2));
    case JB_INT32:
    case JB_INT64: return jb_v(field->unique ? row->number : (field->has_min ? field->min : 0) + (int64_t)jb_rng_below(&own, 1000));
    case JB_DATE: return jb_v(row->day);
    case JB_MONTH: return jb_v(jb_date_month(row->day));
    case JB_TIME: return jb_v(((struct jb_time){ row->day.days * JB_DAY_US + (int64_t)jb_rng_below(&own, 86400) * JB_SECOND_US }));
    case JB_DECIMAL: return some_decimal(field, row);
    default: break;
    }
    struct jb_str text = field->unique ? unique_text(scope, field, row->number) : some_text(scope, field, row);
    return jb_v_text(field->length_max ? jb_utf8_first(text, (size_t)field->length_max) : text);
}

/* The fields that a person would fill in. */
static size_t choose_fields(const struct jb_record *record, const struct jb_field *fields[FIELDS_MAX])
{
    size_t count = 0;
    for (const struct jb_field *field = record->fields; field->type != JB_END && count < FIELDS_MAX; field++) {
        bool made = field->primary || field->readonly || field->secret || field->auto_now || field->auto_now_add;
        if (!made && field->type != JB_WORD && field->type != JB_HTML && field->type != JB_ROWS && field->type != JB_ROW && field->type != JB_IDS)
            fields[count++] = field;
    }
    return count;
}

static bool write_to_file(void *arg, struct jb_scope *scope, const void *bytes, size_t size)
{
    int fd = *(int *)arg;
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jb_fail_errno(scope, errno, "%s", JB_L(scope, "파일 쓰기", "writing the file"));
        done += (size_t)n;
    }
    return true;
}

static bool write_rows(struct jb_sheet_writer *writer, struct jb_scope *scope, const struct jb_field *const *fields, size_t count, int64_t rows, uint64_t seed)
{
    struct jb_value values[FIELDS_MAX];
    for (int64_t number = 1; number <= rows; number++) {
        struct jb_arena_mark mark = jb_arena_mark(jb_scope_arena(scope));
        struct row row = { .rng = { seed ^ (uint64_t)number * 0x9e3779b97f4a7c15u }, .number = number };
        row.entry = &PICK(&row.rng, entries);
        JB_CHECK(jb_date_of(FIRST_YEAR, 1, 1, &row.day));
        row.day.days += (int32_t)jb_rng_below(&row.rng, 365);
        for (size_t i = 0; i < count; i++)
            values[i] = some_value(scope, fields[i], &row);
        bool ok = jb_sheet_writer_row(writer, scope, values, count) && jb_continue(scope);
        if (!ok)
            return false;
        jb_arena_rewind(jb_scope_arena(scope), mark);
    }
    return jb_sheet_writer_finish(writer, scope);
}

static bool write_sheet(struct jb_scope *scope, const struct jb_record *record, struct jb_str title, int64_t rows, uint64_t seed, enum jb_sheet_format format, int fd)
{
    const struct jb_field *fields[FIELDS_MAX];
    struct jb_str titles[FIELDS_MAX];
    size_t count = choose_fields(record, fields);
    for (size_t i = 0; i < count; i++)
        titles[i] = format == JB_SHEET_JSON || format == JB_SHEET_JSONL ? jb_str_of(fields[i]->name) : jb_field_label(scope, fields[i], jb_language(scope));
    struct jb_sheet_writer *writer = jb_sheet_writer_new(scope, &(struct jb_sheet_writer_options){ .format = format, .sheet = title, .zone = jb_zone_local(), .bom = true }, write_to_file, &fd);
    bool ok = jb_sheet_writer_head(writer, scope, titles, fields, count) && write_rows(writer, scope, fields, count, rows, seed);
    jb_sheet_writer_free(writer);
    return ok;
}

bool jb_sheet_generate(struct jb_scope *scope, const struct jb_record *record, struct jb_str title, int64_t rows, uint64_t seed, enum jb_sheet_format format, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "%s 만들기", "creating %s"), path);
    bool ok = write_sheet(scope, record, title, rows, seed, format, fd);
    if (close(fd) != 0 && ok)
        ok = jb_fail_errno(scope, errno, JB_L(scope, "%s 쓰기", "writing %s"), path);
    if (!ok)
        unlink(path);
    return ok;
}
