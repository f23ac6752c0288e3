/* command_inspect.c — inspect-database: existing tables as model declarations in C.
 *
 * What is printed compiles as it is against jangbu.h. Labels are left to the humanised names; choices, which member is a time of change and which text names a row cannot be read from a table and are not guessed. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "app/site.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>

struct printing {
    struct jb_scope *scope;
    const struct jb_tables *tables;
    struct jb_str app; /* --app; NULL: by the tables' names */
};

/* ---- names ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_taken(struct jb_str name)
{
    static const char *const words[] = { "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict",
        "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bool", "true", "false", "asm", "typeof", "NULL", "EOF", "errno", "stdin", "stdout", "stderr",
        "linux", "unix", "main", "assert" };
    for (size_t i = 0; i < JB_COUNT(words); i++)
        if (jb_str_is(name, words[i]))
            return true;
    return jb_str_starts(name, JB_STR("_")) || jb_str_starts(name, JB_STR("jb_")) || jb_str_starts(name, JB_STR("JB_"));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A name that C takes: of ASCII as it is, others by their bytes in hexadecimal, so that no two become one. */
static const char *c_name(struct jb_scope *scope, struct jb_str name)
{
    struct jb_buf out = JB_BUF_INIT(4000);

    for (size_t i = 0; i < name.size; i++)
        if (is_letter(name.data[i]) || (i > 0 && name.data[i] >= '0' && name.data[i] <= '9'))
            jb_buf_put_char(&out, name.data[i]);
        else
            jb_buf_printf(&out, "x%02x", (unsigned char)name.data[i]);
    struct jb_str text = jb_format(scope, "%s%.*s", is_taken(name) ? "x_" : "", JB_FMT(jb_buf_str(&out)));
    jb_buf_done(&out);
    return jb_cstr(scope, text);
}

static bool shares_prefix(const struct jb_tables *tables, struct jb_str prefix)
{
    size_t count = 0;
    for (size_t i = 0; i < tables->count; i++)
        count += jb_str_starts(tables->at[i].name, prefix);
    return count > 1;
}

/* "shop_product" → shop, product when another table begins with shop_, too. */
static void app_and_name(const struct printing *printing, struct jb_str table, struct jb_str *ret_app, struct jb_str *ret_name)
{
    size_t at = jb_str_find_char(table, '_', 0);
    struct jb_str prefix = at == SIZE_MAX || at == 0 ? JB_STR("") : jb_str_slice(table, 0, at);
    bool own = prefix.size > 0 && at + 1 < table.size && (printing->app.data ? jb_str_equal(prefix, printing->app) : shares_prefix(printing->tables, jb_str_slice(table, 0, at + 1)));

    *ret_app = printing->app.data ? printing->app : own ? prefix
                                                        : JB_STR("tables");
    *ret_name = own ? jb_str_slice(table, at + 1, table.size) : table;
}

/* ---- C source ------------------------------------------------------------------------------------------------------------------------- */

static void print_quoted(struct jb_str text)
{
    putchar('"');
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '"' || text.data[i] == '\\' || (unsigned char)text.data[i] < ' ' || text.data[i] == '?')
            printf("\\%03o", (unsigned char)text.data[i]);
        else
            putchar(text.data[i]);
    putchar('"');
}

static const char *c_type(const struct jb_field *field)
{
    switch (field->type) {
    case JB_BOOL: return "bool ";
    case JB_INT32: return "int ";
    case JB_INT64: return "int64_t ";
    case JB_DATE: return "struct jb_date ";
    case JB_TIME: return "struct jb_time ";
    case JB_DECIMAL: return "struct jb_decimal ";
    default: return "struct jb_str ";
    }
}

/* Of members that a presence word has to speak for. */
static bool needs_presence(const struct jb_model *model)
{
    for (const struct jb_field *field = model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD && field->type != JB_TEXT && field->type != JB_TIME && !field->references && !field->required && !field->primary)
            return true;
    return false;
}

static void print_rules(const struct jb_field *field, const struct jb_tables *tables, struct jb_scope *scope)
{
    static const char *const actions[] = { "JB_RESTRICT", "JB_CASCADE", "JB_SET_NULL" };
    const struct {
        const char *name;
        bool on;
    } flags[] = { { "primary", field->primary }, { "required", field->required }, { "unique", field->unique }, { "indexed", field->indexed && !field->unique && !field->references }, { "readonly", field->readonly },
        { "long_text", field->long_text }, { "auto_now_add", field->auto_now_add }, { "as_text", field->as_text }, { "as_number", field->as_number }, { "empty_text", field->empty_text } };

    for (size_t i = 0; i < JB_COUNT(flags); i++)
        if (flags[i].on)
            printf(", .%s = true", flags[i].name);
    if (field->length_max)
        printf(", .length_max = %d", field->length_max);
    if (field->type == JB_DECIMAL)
        printf(", .digits = %d, .decimals = %d", field->digits, field->decimals);
    if (field->column_bytes && field->column_bytes != (field->type == JB_INT32 ? 4 : 8))
        printf(", .column_bytes = %d", field->column_bytes);
    if (field->default_text) {
        printf(", .default_text = ");
        print_quoted(jb_str_of(field->default_text));
    }
    for (size_t i = 0; field->references && i < tables->count; i++)
        if (tables->at[i].model == field->references)
            printf(", .references = &%s, .on_delete = %s", c_name(scope, tables->at[i].name), actions[field->on_delete]);
}

static void print_struct(const struct printing *printing, const struct jb_table *table)
{
    printf("struct %s {\n", c_name(printing->scope, table->name));
    for (const struct jb_field *field = table->model->record.fields; field->type != JB_END; field++)
        if (field->type != JB_WORD)
            printf("    %s%s;\n", c_type(field), c_name(printing->scope, jb_str_of(field->name)));
    if (needs_presence(table->model))
        printf("    uint64_t jb_present[%zu];\n", jb_record_count(&table->model->record) / 64 + 1);
    puts("};");
}

static void print_fields(const struct printing *printing, const struct jb_table *table)
{
    const char *record = c_name(printing->scope, table->name);

    for (const struct jb_field *field = table->model->record.fields; field->type != JB_END; field++) {
        const char *member = c_name(printing->scope, jb_str_of(field->name));
        if (field->type == JB_WORD)
            continue;
        if (strcmp(member, field->name) == 0) {
            printf("        JB_FIELD(%s, %s", record, member);
            print_rules(field, printing->tables, printing->scope);
            puts("),");
            continue;
        }
        printf("        { .name = ");
        print_quoted(jb_str_of(field->name));
        printf(", .offset = offsetof(struct %s, %s), .size = sizeof(((struct %s *)0)->%s), .type = JB_TYPE_OF(((struct %s *)0)->%s)", record, member, record, member, record, member);
        print_rules(field, printing->tables, printing->scope);
        puts(" },");
    }
    if (needs_presence(table->model))
        printf("        { .name = \"jb_present\", .offset = offsetof(struct %s, jb_present), .size = sizeof(((struct %s *)0)->jb_present), .type = JB_WORD },\n", record, record);
}

static void print_model(const struct printing *printing, const struct jb_table *table)
{
    const struct jb_model *model = table->model;
    struct jb_str app, name;

    app_and_name(printing, table->name, &app, &name);
    printf("\n");
    print_struct(printing, table);
    printf("\nconst struct jb_model %s = {\n    .app = ", c_name(printing->scope, table->name));
    print_quoted(app);
    printf(",\n    .name = ");
    print_quoted(jb_str_of(c_name(printing->scope, name)));
    printf(",\n    .table = ");
    print_quoted(table->name);
    if (model->title) {
        printf(",\n    .title = ");
        print_quoted(jb_str_of(model->title));
    }
    printf(",\n    .order = ");
    print_quoted(jb_str_of(model->order));
    if (model->uniques) {
        printf(",\n    .uniques = ");
        print_quoted(jb_str_of(model->uniques));
    }
    printf(",\n    .external = true, /* migrations leave the table alone */\n%s    .record = {\n        \"%s\", sizeof(struct %s), (const struct jb_field[]){\n", model->read_only ? "    .read_only = true,\n" : "", c_name(printing->scope, table->name),
        c_name(printing->scope, table->name));
    print_fields(printing, table);
    puts("        { 0 } } },\n};");
}

static void print_source(const struct printing *printing)
{
    puts("/* models.c — printed by jangbu inspect-database. */\n#include \"jangbu.h\"\n");
    for (size_t i = 0; i < printing->tables->count; i++)
        if (printing->tables->at[i].model)
            printf("extern const struct jb_model %s;\n", c_name(printing->scope, printing->tables->at[i].name));
    for (size_t i = 0; i < printing->tables->count; i++)
        if (printing->tables->at[i].model)
            print_model(printing, &printing->tables->at[i]);
}

/* ---- what was found ------------------------------------------------------------------------------------------------------------------- */

static void tell(struct jb_scope *scope, const struct jb_tables *tables)
{
    size_t printed = 0;

    for (size_t i = 0; i < tables->count; i++) {
        const struct jb_table *table = &tables->at[i];
        printed += table->model != NULL;
        if (table->why.data)
            fprintf(stderr, table->model ? JB_L(scope, "%.*s: 보이기만 함 (%.*s)\n", "%.*s: only shown (%.*s)\n") : JB_L(scope, "%.*s: 뺌 (%.*s)\n", "%.*s: left out (%.*s)\n"), JB_FMT(table->name), JB_FMT(table->why));
        for (size_t k = 0; table->model && k < table->column_count; k++)
            if (table->columns[k].why.data)
                fprintf(stderr, table->columns[k].shown ? "%.*s.%.*s: %.*s\n" : JB_L(scope, "%.*s.%.*s: 뺌 (%.*s)\n", "%.*s.%.*s: left out (%.*s)\n"), JB_FMT(table->name), JB_FMT(table->columns[k].name), JB_FMT(table->columns[k].why));
    }
    fprintf(stderr, JB_L(scope, "모델 %zu개. 고를 수 있는 값, 고친 시각, 행의 이름은 표에 적혀 있지 않아 넣지 않았습니다.\n", "%zu models. Choices, times of change and what names a row do not stand in a table and were not guessed.\n"), printed);
}

static void put_table(struct jb_json_writer *writer, const struct jb_table *table)
{
    jb_json_object(writer);
    jb_json_put(writer, "table", jb_v(table->name));
    jb_json_put(writer, "view", jb_v(table->view));
    jb_json_put(writer, "shown", jb_v_bool(table->model != NULL));
    jb_json_put(writer, "editable", jb_v_bool(table->model && !table->model->read_only));
    jb_json_put(writer, "why", jb_v(table->why));
    jb_json_name(writer, "columns");
    jb_json_array(writer);
    for (size_t k = 0; k < table->column_count; k++) {
        const struct jb_table_column *column = &table->columns[k];
        jb_json_object(writer);
        jb_json_put(writer, "name", jb_v(column->name));
        jb_json_put(writer, "type", jb_v(column->type));
        jb_json_put(writer, "shown", jb_v(column->shown));
        jb_json_put(writer, "why", jb_v(column->why));
        jb_json_object_end(writer);
    }
    jb_json_array_end(writer);
    jb_json_object_end(writer);
}

/* One object a line. */
static void print_json(const struct jb_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct jb_buf buf = JB_BUF_INIT((size_t)1 << 22);
        struct jb_json_writer writer;
        jb_json_start(&writer, &buf);
        put_table(&writer, &tables->at[i]);
        printf("%.*s\n", JB_FMT(jb_buf_str(&buf)));
        jb_buf_done(&buf);
    }
}

int jb__command_inspect_database(struct jb_program *program)
{
    struct jb_scope *scope = program->scope;
    struct jb_tables tables;
    struct jb_str names = JB_STR_NULL;

    for (size_t i = 0; i < program->argument_count; i++)
        names = i ? jb_format(scope, "%.*s,%.*s", JB_FMT(names), JB_FMT(program->arguments[i])) : program->arguments[i];
    if (!jb__site_open(scope, program->site, &program->config) || !jb_tables_read(scope, &(struct jb_tables_options){ .app = "tables", .names = names, .django = jb__flag(program, "all") }, &tables))
        return jb__command_failed(program);
    if (program->json) {
        print_json(&tables);
        return 0;
    }
    print_source(&(struct printing){ scope, &tables, jb__option(program, "app") });
    tell(scope, &tables);
    return 0;
}
