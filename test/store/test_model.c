/* test_model.c — names of models, and declarations that do not hold. */
// SPDX-License-Identifier: Apache-2.0
#include "store_test.h"

JB_TEST("a model is called by its app and its struct's name without underscores")
{
    test_database(scope, sample_models);
    CHECK_STR(jb_model_full_name(&sample_entry, scope), JB_STR("sample.sampleentry"));
    CHECK_STR(jb_model_table(&sample_entry), JB_STR("sample_entry"));
    CHECK_STR(jb_model_table(&sample_project), JB_STR("projects"));
    CHECK_STR(jb_model_label(&sample_entry, scope), JB_STR("출납부"));
    CHECK_STR(jb_model_entry(&sample_entry, scope), JB_STR("전표"));
    CHECK_STR(jb_model_entry(&sample_project, scope), JB_STR("사업"));
    jb_language_set(scope, JB_EN);
    CHECK_STR(jb_model_label(&sample_entry, scope), JB_STR("Sample entry"));
    CHECK(jb_model_find(scope, JB_STR("Sample.SampleEntry")) == &sample_entry);
    CHECK_FAILS(jb_model_find(scope, JB_STR("sample.sampleproject2")) != NULL, JB_NOT_FOUND);
    CHECK(!jb_model_find(scope, JB_STR("sample.sampelentry")));
    CHECK_STR(jb_failure_text(scope), JB_STR("There is no model \"sample.sampelentry\"; did you mean \"sample.sampleentry\"?"));
    jb_failure_clear(scope);
}

JB_TEST("a row is named by its title, or by its number")
{
    struct sample_entry entry = sample_entry_of("CB-7", 1);
    struct sample_measure measure = { .id = 17 };
    CHECK_STR(jb_row_title(scope, &sample_entry, &entry), JB_STR("CB-7"));
    CHECK_STR(jb_row_title(scope, &sample_measure, &measure), JB_STR("#17"));
    CHECK_INT(jb_row_id(&sample_measure, &measure), 17);
}

JB_TEST("the sample models hold")
{
    test_database(scope, sample_models);
    for (const struct jb_model *const *model = sample_models; *model; model++)
        CHECK_OK(jb_model_check(scope, *model));
}

struct thing {
    int64_t id, other;
    struct jb_str name;
    struct jb_decimal amount;
};

static const struct jb_model stranger = { .record = JB_RECORD(sample_project, JB_FIELD(sample_project, id, .primary = true)) };

static void refused(struct jb_scope *scope, const struct jb_model *model, const char *part)
{
    CHECK(!jb_model_check(scope, model));
    CHECK_INT(jb_error(scope), JB_INVALID);
    struct jb_str text = jb_failure_text(scope);
    if (jb_str_find(text, jb_str_of(part), 0) == SIZE_MAX)
        CHECK_TEXT(text, part);
    jb_failure_clear(scope);
}

JB_TEST("a declaration that names what is not there, or what cannot be, is refused with the nearest name")
{
    test_database(scope, sample_models);
    jb_language_set(scope, JB_EN);
    struct jb_model model = sample_entry;
    model.order = "-dat id";
    refused(scope, &model, "sample_entry.order: sample.sampleentry has no 'dat'; did you mean 'date'?");
    model = sample_entry;
    model.indexes = "kind date, incom";
    refused(scope, &model, "'income'");
    model = sample_entry;
    model.title = "nothing_like_it";
    refused(scope, &model, "has no 'nothing_like_it'");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, id)) };
    refused(scope, &model, "exactly one field is .primary");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, id, .primary = true), JB_FIELD(thing, amount)) };
    refused(scope, &model, "thing.amount: a decimal needs .digits");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, id, .primary = true), JB_FIELD(thing, other, .references = &stranger)) };
    refused(scope, &model, "no model of the site");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, id, .primary = true), JB_FIELD(thing, amount, .digits = 9, .decimals = 2, .default_text = "much")) };
    refused(scope, &model, "thing.amount.default_text");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, id, .primary = true), JB_FIELD(thing, amount, .digits = 9, .decimals = 2, .min = 1)) };
    refused(scope, &model, "thing.amount: .min counts only beside .has_min");
    model = (struct jb_model){ .record = JB_RECORD(thing, JB_FIELD(thing, other, .primary = true)) };
    refused(scope, &model, "the primary key is int64_t id");
}
