/* test_decimal_vectors.c — the General Decimal Arithmetic test cases (M. Cowlishaw, IBM) that fit numbers of 18 digits.
 *
 * add, subtract, multiply and compare are run where the result is exact; quantize and tointegral with any result that is one of the two
 * neighbours (halves to even here); toSci as parse and text.  Cases with NaN operands must be refused by the parser, and syntax errors too. */
// SPDX-License-Identifier: Apache-2.0
#include "base/decimal.h"
#include "jb_test.h"
#include <stdio.h>

#define WORDS_MAX 16

struct line {
    char id[16];
    struct jb_str words[WORDS_MAX]; /* id, operation, operands… */
    size_t count, operands;         /* operands stand from 2 on */
    struct jb_str result;
    bool inexact, rounded, invalid, other; /* the conditions behind the result */
};

/* Blanks separate words; quotes may hold some. */
static bool next_word(struct jb_str *rest, struct jb_str *ret_word)
{
    *rest = jb_str_trim(*rest);
    if (rest->size == 0 || jb_str_starts(*rest, JB_STR("--")))
        return false;
    char quote = rest->data[0];
    bool quoted = quote == '\'' || quote == '"';
    size_t end = 1;
    while (end < rest->size && (quoted ? rest->data[end] != quote : rest->data[end] != ' ' && rest->data[end] != '\t'))
        end++;
    *ret_word = quoted ? jb_str_slice(*rest, 1, end) : jb_str_slice(*rest, 0, end);
    *rest = jb_str_slice(*rest, end + quoted, rest->size);
    return true;
}

/* false for directives, comments and operands of odd kinds. */
static bool line_read(struct jb_str text, struct line *line)
{
    struct jb_str word;
    bool arrow = false, result = false;

    *line = (struct line){ .count = 0 };
    while (next_word(&text, &word)) {
        if (!arrow && jb_str_is(word, "->")) {
            arrow = true;
        } else if (arrow && !result) {
            line->result = word;
            result = true;
        } else if (arrow) {
            line->inexact |= jb_str_equal_nocase(word, JB_STR("Inexact"));
            line->rounded |= jb_str_equal_nocase(word, JB_STR("Rounded"));
            line->invalid |= jb_str_equal_nocase(word, JB_STR("Conversion_syntax"));
            line->other |= !jb_str_equal_nocase(word, JB_STR("Inexact")) && !jb_str_equal_nocase(word, JB_STR("Rounded"));
        } else if (line->count < WORDS_MAX) {
            line->words[line->count++] = word;
        }
    }
    line->operands = line->count >= 2 ? line->count - 2 : 0;
    snprintf(line->id, sizeof line->id, "%.*s", JB_FMT(line->words[0]));
    return result && line->operands >= 1;
}

/* The test cases may write `.5` and `5.`, which jb_decimal_parse does not take. */
static bool parse(struct jb_scope *scope, struct jb_str text, struct jb_decimal *ret_number)
{
    size_t exponent = JB_MIN(jb_str_find_char(text, 'E', 0), jb_str_find_char(text, 'e', 0));
    struct jb_str digits = jb_str_slice(text, 0, exponent), rest = exponent == SIZE_MAX ? JB_STR("") : jb_str_slice(text, exponent, text.size);
    struct jb_str sign = jb_str_slice(digits, 0, digits.size && (digits.data[0] == '-' || digits.data[0] == '+'));

    digits = jb_str_slice(digits, sign.size, digits.size);
    if (jb_str_is(digits, ".") || digits.size == 0)
        return false;
    if (jb_str_find_char(digits, '.', 0) == digits.size - 1)
        digits.size--;
    text = jb_format(scope, "%.*s%s%.*s%.*s", JB_FMT(sign), digits.data[0] == '.' ? "0" : "", JB_FMT(digits), JB_FMT(rest));
    return jb_decimal_parse(text, ret_number);
}

static void same(const struct line *line, struct jb_decimal got, struct jb_decimal want, bool scales)
{
    char text[JB_DECIMAL_TEXT_SIZE], wanted[JB_DECIMAL_TEXT_SIZE];

    if (jb_decimal_compare(got, want) == 0 && (!scales || got.scale == want.scale))
        return;
    jb_decimal_text(got, text);
    jb_decimal_text(want, wanted);
    jb_check_str(jb_str_of(text), jb_str_of(wanted), line->id, "decTest", 0);
    jb_check_int(got.scale, want.scale, line->id, "decTest", 0);
}

typedef bool operation(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_result);

static bool compare(struct jb_decimal a, struct jb_decimal b, struct jb_decimal *ret_result)
{
    *ret_result = (struct jb_decimal){ jb_decimal_compare(a, b), 0 };
    return true;
}

static bool exponent_up(struct jb_str text)
{
    size_t at = JB_MIN(jb_str_find_char(text, 'E', 0), jb_str_find_char(text, 'e', 0));
    return at < text.size && at + 1 < text.size && text.data[at + 1] != '-';
}

/* Runs every exact case of one operation; returns how many. */
static int run_exact(struct jb_scope *scope, const char *file, const char *name, operation *run)
{
    struct jb_str rest = jb_test_shared(scope, jb_format(scope, "cases/vectors/decTest/%s.decTest", file).data);
    struct line line;
    int count = 0;

    while (rest.data) {
        struct jb_decimal a, b, want, got;
        if (!line_read(jb_str_cut(&rest, '\n'), &line) || !jb_str_is(line.words[1], name) || line.operands != 2 || line.inexact || line.other)
            continue;
        if (!parse(scope, line.words[2], &a) || !parse(scope, line.words[3], &b) || !parse(scope, line.result, &want))
            continue;
        bool scales = !line.rounded && !exponent_up(line.words[2]) && !exponent_up(line.words[3]);
        jb_check_true(run(a, b, &got), line.id, file, 0);
        same(&line, got, want, scales && run != compare);
        count++;
    }
    return count;
}

JB_TEST("addition gives the published results")
{
    CHECK(run_exact(scope, "add", "add", jb_decimal_add) >= 330);
}

JB_TEST("subtraction gives the published results")
{
    CHECK(run_exact(scope, "subtract", "subtract", jb_decimal_subtract) >= 170);
}

JB_TEST("multiplication gives the published results")
{
    CHECK(run_exact(scope, "multiply", "multiply", jb_decimal_multiply) >= 70);
}

JB_TEST("comparison gives the published results")
{
    CHECK(run_exact(scope, "compare", "compare", compare) >= 220);
}

/* `got` is number rounded to its scale: as published, but for halves, which the published rounding may send elsewhere. */
static void check_rounded(const struct line *line, struct jb_decimal number, struct jb_decimal got, struct jb_decimal want)
{
    struct jb_decimal lost, twice, unit = { 1, got.scale };

    CHECK(jb_decimal_subtract(number, got, &lost) && jb_decimal_add(lost, lost, &twice));
    twice.units = twice.units < 0 ? -twice.units : twice.units;
    int half = jb_decimal_compare(twice, unit);
    jb_check_true(half <= 0, line->id, "decTest", 0);
    if (half < 0)
        same(line, got, want, true);
    else
        jb_check_true(got.units % 2 == 0, line->id, "decTest", 0);
}

/* The published rounding is to the nearest, so that only halves can differ. */
static bool rounds_to_nearest(struct jb_str directive, bool before)
{
    if (!jb_str_starts(directive, JB_STR("rounding:")))
        return before;
    return jb_str_find(directive, JB_STR("half_"), 0) != SIZE_MAX;
}

static int run_rounding(struct jb_scope *scope, const char *file, const char *name, size_t operands)
{
    struct jb_str rest = jb_test_shared(scope, jb_format(scope, "cases/vectors/decTest/%s.decTest", file).data);
    struct line line;
    bool nearest = false;
    int count = 0;

    while (rest.data) {
        struct jb_decimal number, like = { 0, 0 }, want, got;
        struct jb_str text = jb_str_cut(&rest, '\n');
        nearest = rounds_to_nearest(text, nearest);
        if (!nearest || !line_read(text, &line) || !jb_str_equal_nocase(line.words[1], jb_str_of(name)) || line.operands != operands || line.other)
            continue;
        if (!parse(scope, line.words[2], &number) || !parse(scope, line.result, &want) || (operands == 2 && (!parse(scope, line.words[3], &like) || exponent_up(line.words[3]))) || exponent_up(line.result))
            continue;
        if (operands == 1 && want.scale != 0)
            continue;
        jb_check_true(jb_decimal_round(number, like.scale, &got), line.id, file, 0);
        check_rounded(&line, number, got, want);
        jb_check_true(jb_decimal_rescale(number, like.scale, &want) == (jb_decimal_compare(got, number) == 0), line.id, file, 0);
        count++;
    }
    return count;
}

JB_TEST("rounding to a scale gives the published results, halves to even")
{
    CHECK(run_rounding(scope, "quantize", "quantize", 2) >= 130);
    CHECK(run_rounding(scope, "tointegral", "tointegral", 1) >= 45);
}

JB_TEST("numbers come back from text as published, and what is no number is refused")
{
    struct jb_str rest = jb_test_shared(scope, "cases/vectors/decTest/base.decTest");
    char out[JB_DECIMAL_TEXT_SIZE];
    int texts = 0, refused = 0;
    struct line line;

    while (rest.data) {
        struct jb_decimal number;
        if (!line_read(jb_str_cut(&rest, '\n'), &line) || !jb_str_equal_nocase(line.words[1], JB_STR("toSci")) || line.operands != 1)
            continue;
        bool parsed = parse(scope, line.words[2], &number);
        if (line.invalid || jb_str_find(line.result, JB_STR("NaN"), 0) != SIZE_MAX || jb_str_find(line.result, JB_STR("Infinity"), 0) != SIZE_MAX) {
            if (!line.rounded) { /* an overflow is a number, only not theirs */
                jb_check_true(!parsed, line.id, "base", 0);
                refused++;
            }
        } else if (parsed && !line.rounded && !line.other && jb_str_find_char(line.result, 'E', 0) == SIZE_MAX && !(number.units == 0 && line.result.data[0] == '-')) {
            jb_check_str(jb_decimal_text(number, out), line.result, line.id, "base", 0);
            texts++;
        }
    }
    CHECK(texts >= 150);
    CHECK(refused >= 60);
}
